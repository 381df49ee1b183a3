package transaction

import (
	"context"
	"fmt"

	"latchkey/engine/exec/change"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// Execute is BEGIN, COMMIT, ROLLBACK and SAVE TRANSACTION.
func (s *Transactions) Execute(ctx context.Context, f *scope.Frame, st ast.Statement) error {
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
		if s.Answer.Capturing() {
			return raise.New(3915)
		}
		name := s.transName(f, st.Name)
		if name == "" {
			if s.Work.Tx.Count() == 0 {
				return raise.New(3903)
			}
			if err := s.Rollback(ctx); err != nil {
				return err
			}
			break
		}
		if err := s.rollbackTo(ctx, name); err != nil {
			return err
		}
	case *ast.SaveTran:
		if err := s.Work.Tx.Save(s.transName(f, st.Name)); err != nil {
			return err
		}
	}
	return s.Answer.Complete(st, false, 0)
}

// transName is the name of a transaction: a variable's value, or as written. Names count in 32 characters.
func (s *Transactions) transName(f *scope.Frame, name string) string {
	if len(name) > 1 && name[0] == '@' {
		if v := f.Find(name); v != nil {
			name = v.Value.Text()
		}
	}
	if r := []rune(name); len(r) > 32 {
		name = string(r[:32])
	}
	return name
}

func (s *Transactions) begin(name string) error {
	if !s.Work.Tx.Begin(name) {
		return nil
	}
	return s.Answer.Token(&tds.EnvChange{Type: tds.EnvBegin, NewBytes: tds.Descriptor(s.Work.Tx.Descriptor())})
}

func (s *Transactions) commit(ctx context.Context) error {
	id := s.Work.Tx.Descriptor()
	last, err := s.Work.Tx.Commit(ctx)
	if err != nil {
		if last {
			_ = s.Answer.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
		}
		return err
	}
	if !last {
		return nil
	}
	if s.Work.Set.Has(setting.CursorCloseOnCommit) {
		s.Cursors.CloseAll()
	}
	return s.Answer.Token(&tds.EnvChange{Type: tds.EnvCommit, OldBytes: tds.Descriptor(id)})
}

// Rollback rolls everything back. Table variables keep their rows.
func (s *Transactions) Rollback(ctx context.Context) error {
	id := s.Work.Tx.Descriptor()
	keep, err := s.Change.Keep(ctx, s.Work.Frame)
	if err != nil {
		return err
	}
	return s.rolledBack(ctx, id, "", keep)
}

// rolledBack rolls back, to a savepoint if it has a name, restores table variables and tells the client if it was all.
func (s *Transactions) rolledBack(ctx context.Context, id uint64, name string, keep []change.Saved) error {
	all, failed := s.Work.Tx.Rollback(ctx, name)
	if failed != nil && !all {
		return failed
	}
	if err := s.Change.Restore(ctx, s.Work.Frame, keep); err != nil {
		return err
	}
	if all {
		if err := s.Answer.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)}); err != nil {
			return err
		}
	}
	return failed
}

func (s *Transactions) rollbackTo(ctx context.Context, name string) error {
	id := s.Work.Tx.Descriptor()
	keep, err := s.Change.Keep(ctx, s.Work.Frame)
	if err != nil {
		return err
	}
	return s.rolledBack(ctx, id, name, keep)
}

// Implicit begins a transaction before a statement under IMPLICIT_TRANSACTIONS.
func (s *Transactions) Implicit() error {
	if s.Work.Set.Has(setting.ImplicitTransactions) && s.Work.Tx.Count() == 0 {
		return s.begin("implicit_transaction")
	}
	return nil
}

// XactState is XACT_STATE().
func (s *Transactions) XactState() sqltype.Value {
	n := int64(0)
	if s.Work.Tx.Count() > 0 {
		n = 1
		if s.Work.Tx.Doomed() || s.Work.Tx.Lost() {
			n = -1
		}
	}
	return sqltype.NewInt(sqltype.SmallInt, n)
}

// TransMgr carries out a transaction manager request.
func (s *Transactions) TransMgr(ctx context.Context, m *tds.TransMgr) error {
	switch m.Request {
	case tds.TransBegin:
		s.isolate(m.Isolation)
		return s.begin(m.Name)
	case tds.TransCommit:
		if err := s.commit(ctx); err != nil {
			return err
		}
	case tds.TransRollback:
		if s.Work.Tx.Count() == 0 {
			return raise.New(3903)
		}
		if m.Name != "" {
			if err := s.rollbackTo(ctx, m.Name); err != nil {
				return err
			}
		} else if err := s.Rollback(ctx); err != nil {
			return err
		}
	case tds.TransSave:
		if m.Name == "" {
			return raise.New(6401, m.Name)
		}
		return s.Work.Tx.Save(m.Name)
	default:
		return fmt.Errorf("transaction manager request %d", m.Request)
	}
	if m.BeginAfter {
		s.isolate(m.Isolation)
		return s.begin(m.NextName)
	}
	return nil
}

// isolate takes an isolation level of a transaction manager request; 0 leaves it.
func (s *Transactions) isolate(level uint8) {
	if level >= 1 && level <= 5 {
		s.Work.Set.Isolation = setting.Isolation(level) // numbered alike
		s.Work.Apply()
	}
}
