package exec

import (
	"context"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// transaction is BEGIN, COMMIT, ROLLBACK and SAVE TRANSACTION.
func (s *Session) transaction(ctx context.Context, f *frame, st ast.Statement) error {
	switch st := st.(type) {
	case *ast.BeginTran:
		if st.Distributed {
			return raise.Unsupported("BEGIN DISTRIBUTED TRANSACTION")
		}
		if err := s.begin(s.transName(f, st.Name)); err != nil {
			return err
		}
	case *ast.CommitTran:
		if err := s.commit(ctx); err != nil {
			return err
		}
	case *ast.RollbackTran:
		if s.out.Capturing() {
			return raise.New(3915)
		}
		name := s.transName(f, st.Name)
		if name == "" {
			if s.tx.Count() == 0 {
				return raise.New(3903)
			}
			if err := s.rollback(ctx); err != nil {
				return err
			}
			break
		}
		if err := s.rollbackTo(ctx, name); err != nil {
			return err
		}
	case *ast.SaveTran:
		if err := s.tx.Save(s.transName(f, st.Name)); err != nil {
			return err
		}
	}
	return s.done(st, false, 0)
}

// transName is the name of a transaction: a variable's value, or as written. Names count in 32 characters.
func (s *Session) transName(f *frame, name string) string {
	if len(name) > 1 && name[0] == '@' {
		if v := f.find(name); v != nil {
			name = v.value.Text()
		}
	}
	if r := []rune(name); len(r) > 32 {
		name = string(r[:32])
	}
	return name
}

func (s *Session) begin(name string) error {
	if !s.tx.Begin(name) {
		return nil
	}
	return s.out.Token(&tds.EnvChange{Type: tds.EnvBegin, NewBytes: tds.Descriptor(s.tx.Descriptor())})
}

func (s *Session) commit(ctx context.Context) error {
	id := s.tx.Descriptor()
	last, err := s.tx.Commit(ctx)
	if err != nil {
		if last {
			_ = s.out.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
		}
		return err
	}
	if !last {
		return nil
	}
	if s.set.Has(setting.CursorCloseOnCommit) {
		s.closeCursors()
	}
	return s.out.Token(&tds.EnvChange{Type: tds.EnvCommit, OldBytes: tds.Descriptor(id)})
}

// rollback rolls everything back. Table variables keep their rows.
func (s *Session) rollback(ctx context.Context) error {
	id := s.tx.Descriptor()
	keep, err := s.tmp.keep(ctx, s)
	if err != nil {
		return err
	}
	if _, err := s.tx.Rollback(ctx, ""); err != nil {
		return err
	}
	if err := s.tmp.restore(ctx, s, keep); err != nil {
		return err
	}
	return s.out.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
}

func (s *Session) rollbackTo(ctx context.Context, name string) error {
	id := s.tx.Descriptor()
	keep, err := s.tmp.keep(ctx, s)
	if err != nil {
		return err
	}
	all, err := s.tx.Rollback(ctx, name)
	if err != nil {
		return err
	}
	if err := s.tmp.restore(ctx, s, keep); err != nil || !all {
		return err
	}
	return s.out.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
}

// implicit begins a transaction before a statement under IMPLICIT_TRANSACTIONS.
func (s *Session) implicit() error {
	if s.set.Has(setting.ImplicitTransactions) && s.tx.Count() == 0 {
		return s.begin("implicit_transaction")
	}
	return nil
}

// xactState is XACT_STATE().
func (s *Session) xactState() sqltype.Value {
	n := int64(0)
	if s.tx.Count() > 0 {
		n = 1
		if s.tx.Doomed() || s.tx.Lost() {
			n = -1
		}
	}
	return sqltype.NewInt(sqltype.SmallInt, n)
}
