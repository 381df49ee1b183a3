package exec

import (
	"context"
	"errors"
	"io"
	"slices"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// bulkTarget is what INSERT BULK announced.
type bulkTarget struct {
	st   *ast.InsertBulk
	opts write.BulkOptions
}

// insertBulk is INSERT BULK: the rows come in a message of their own.
func (s *Session) insertBulk(ctx context.Context, f *frame, st *ast.InsertBulk) error {
	b := &bulkTarget{st: st}
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
			return raise.Unsupported("INSERT BULK WITH " + o.Name)
		}
	}
	w := s.work(ctx, f)
	o, err := w.Object(st.Table)
	if err == nil && o == nil {
		err = bind(raise.New(208, st.Table.String()))
	}
	if err == nil {
		err = s.allowed(w, []plan.Use{{Object: o, Permission: "INSERT"}}, nil)
	}
	if err == nil {
		for _, c := range st.Columns {
			if _, err = compile.TypeOf(w, c.Type, c.Name); err != nil {
				break
			}
		}
	}
	if err = w.finish(err); err != nil {
		return err
	}
	s.bulk = b
	return s.done(st, false, 0)
}

// BulkLoad takes the rows that INSERT BULK announced.
func (s *Session) BulkLoad(ctx context.Context, rows *conn.BulkStream, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		b := s.bulk
		s.bulk = nil
		if b == nil {
			return s.refuse(nil, raise.New(4022))
		}
		f := s.newFrame(nil, emptyUnit())
		f.line = int(b.st.Pos.Line)
		n, err := s.load(ctx, f, b, rows)
		if err != nil {
			sig, err := s.failed(ctx, f, b.st, err)
			if err == nil && sig.kind == stop {
				err = errStop
			}
			return err
		}
		s.rowCount, s.lastError = n, 0
		return s.out.Done(reply.Insert, true, uint64(n), s.set.Has(setting.NoCount))
	})
}

func (s *Session) load(ctx context.Context, f *frame, b *bulkTarget, rows *conn.BulkStream) (int64, error) {
	if err := s.implicit(); err != nil {
		return 0, err
	}
	wire, err := rows.Columns(ctx)
	if err != nil {
		return 0, err
	}
	cols, err := s.bulkColumns(b, wire)
	if err != nil {
		return 0, err
	}
	w := s.work(ctx, f)
	db, _, err := w.target(b.st.Table)
	if err == nil {
		err = w.writing(db, temporaryName(b.st.Table))
	}
	if err != nil {
		return 0, w.finish(err)
	}
	row := make([]sqltype.Value, len(cols))
	r, err := write.Bulk(ctx, write.Config{Scope: w, IdentityInsert: s.identityInsert}, s.writeRun(w, nil), b.st.Table, cols, b.opts,
		func() ([]sqltype.Value, bool, error) {
			cells, err := rows.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil, false, nil
			}
			if err != nil {
				return nil, false, err
			}
			for i := range row {
				if row[i], err = sqlval.Decode(cols[i].Type, cells[i]); err != nil {
					return nil, false, err
				}
			}
			return row, true, nil
		})
	return r.Rows, w.finish(err)
}

// bulkColumns are the columns that come, by their names in INSERT BULK, which are in the same order.
func (s *Session) bulkColumns(b *bulkTarget, wire []tds.Column) ([]write.BulkColumn, error) {
	if len(b.st.Columns) > 0 && len(b.st.Columns) != len(wire) {
		return nil, raise.New(4804)
	}
	out := make([]write.BulkColumn, len(wire))
	for i, c := range wire {
		t, err := sqlval.TypeOf(c.Type, s.collation())
		if err != nil {
			return nil, err
		}
		name := c.Name
		if len(b.st.Columns) > 0 {
			name = b.st.Columns[i].Name
		}
		if slices.ContainsFunc(out[:i], func(x write.BulkColumn) bool { return x.Name == name }) {
			return nil, raise.New(264, name)
		}
		out[i] = write.BulkColumn{Name: name, Type: t}
	}
	return out, nil
}

// capturedRows are the rows of INSERT ... EXEC.
type capturedRows struct {
	types []sqltype.Type
	rows  [][]sqltype.Value
	at    int
}

func (c *capturedRows) next() ([]sqltype.Type, []sqltype.Value, bool, error) {
	if c.at == len(c.rows) {
		return c.types, nil, false, nil
	}
	c.at++
	return c.types, c.rows[c.at-1], true, nil
}

// captureExec runs the EXEC of INSERT ... EXEC and keeps its rows.
func (s *Session) captureExec(ctx context.Context, f *frame, st *ast.Exec) (*capturedRows, error) {
	if s.out.Capturing() {
		return nil, raise.New(8164)
	}
	c := &capturedRows{}
	size := 0
	s.out.Capture(func(r *reply.Result, row []sqltype.Value) error {
		if c.types != nil && len(c.types) != len(r.Types()) {
			return raise.New(213)
		}
		c.types = r.Types()
		for _, v := range row {
			size += 40 + len(v.Text())
		}
		if size > maxCursor {
			return raise.New(701)
		}
		c.rows = append(c.rows, slices.Clone(row))
		return nil
	})
	s.tries++ // an error inside ends the INSERT
	sig, err := s.exec(ctx, f, st)
	s.tries--
	s.out.Capture(nil)
	var caught *caughtError
	if errors.As(err, &caught) {
		return nil, raise.List(caught.list)
	}
	if err == nil && sig.kind == stop {
		err = errStop
	}
	return c, err
}
