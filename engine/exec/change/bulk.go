package change

import (
	"context"
	"errors"
	"io"
	"slices"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// Bulk is what INSERT BULK announced.
type Bulk struct {
	St   *ast.InsertBulk
	opts write.BulkOptions
}

// Announce is INSERT BULK: the rows come in a message of their own.
func (s *Changer) Announce(ctx context.Context, f *scope.Frame, st *ast.InsertBulk) (*Bulk, error) {
	b := &Bulk{St: st}
	for _, o := range st.Options {
		switch o.Name {
		case "CHECK_CONSTRAINTS":
			b.opts.CheckConstraints = true
		case "KEEP_NULLS":
			b.opts.KeepNulls = true
		case "KEEP_IDENTITY":
			b.opts.KeepIdentity = true
		case "FIRE_TRIGGERS":
			b.opts.FireTriggers = true
		case "TABLOCK", "ROWS_PER_BATCH", "KILOBYTES_PER_BATCH", "ORDER", "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS":
		default:
			return nil, raise.Unsupported("INSERT BULK WITH " + o.Name)
		}
	}
	w := s.Work.Begin(ctx, f)
	o, err := w.Object(st.Table)
	if err == nil && o == nil {
		err = raise.Bind(raise.New(208, st.Table.String()))
	}
	if err == nil {
		err = s.Actor.Allowed(w.Frame, []plan.Use{{Object: o, Permission: "INSERT"}}, nil)
	}
	if err == nil {
		for _, c := range st.Columns {
			if _, err = compile.TypeOf(w, c.Type, c.Name); err != nil {
				break
			}
		}
	}
	if err = w.Finish(err); err != nil {
		return nil, err
	}
	return b, nil
}

// StreamError is a bulk load whose rows could not be read as they came: the connection answers it, not the statement.
type StreamError struct{ Err error }

// Error is the cause's.
func (e *StreamError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *StreamError) Unwrap() error { return e.Err }

// Load takes the rows that INSERT BULK announced and says how many they were.
func (s *Changer) Load(ctx context.Context, f *scope.Frame, b *Bulk, rows *conn.BulkStream) (int64, error) {
	wire, err := rows.Columns(ctx)
	if err != nil {
		return 0, &StreamError{err}
	}
	cols, err := s.bulkColumns(b, wire)
	if err != nil {
		return 0, err
	}
	w := s.Work.Begin(ctx, f)
	db, _, err := w.Target(b.St.Table)
	if err == nil {
		err = w.Write(db, work.TemporaryName(b.St.Table))
	}
	if err != nil {
		return 0, w.Finish(err)
	}
	row := make([]sqltype.Value, len(cols))
	r, err := write.Bulk(ctx, write.Config{Scope: w, IdentityInsert: s.identityInsert}, s.writeRun(w, nil), b.St.Table, cols, b.opts,
		func() ([]sqltype.Value, bool, error) {
			cells, err := rows.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil, false, nil
			}
			if err != nil {
				return nil, false, &StreamError{err}
			}
			for i := range row {
				if row[i], err = sqlval.Decode(cols[i].Type, cells[i]); err != nil {
					return nil, false, err
				}
			}
			return row, true, nil
		})
	return r.Rows, w.Finish(err)
}

// bulkColumns are the columns that come, by their names in INSERT BULK, which are in the same order.
func (s *Changer) bulkColumns(b *Bulk, wire []tds.Column) ([]write.BulkColumn, error) {
	if len(b.St.Columns) > 0 && len(b.St.Columns) != len(wire) {
		return nil, raise.New(4804)
	}
	out := make([]write.BulkColumn, len(wire))
	for i, c := range wire {
		t, err := sqlval.TypeOf(c.Type, s.Actor.Collation())
		if err != nil {
			return nil, err
		}
		name := c.Name
		if len(b.St.Columns) > 0 {
			name = b.St.Columns[i].Name
		}
		if slices.ContainsFunc(out[:i], func(x write.BulkColumn) bool { return x.Name == name }) {
			return nil, raise.New(264, name)
		}
		out[i] = write.BulkColumn{Name: name, Type: t}
	}
	return out, nil
}

// Captured are the rows of INSERT ... EXEC.
type Captured struct {
	Types []sqltype.Type
	Rows  [][]sqltype.Value
	at    int
}

func (c *Captured) next() ([]sqltype.Type, []sqltype.Value, bool, error) {
	if c.at == len(c.Rows) {
		return c.Types, nil, false, nil
	}
	c.at++
	return c.Types, c.Rows[c.at-1], true, nil
}
