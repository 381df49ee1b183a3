package call

import (
	"context"
	"errors"
	"slices"

	"latchkey/engine/exec/change"
	"latchkey/engine/exec/cursor"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Capture runs the EXEC of INSERT ... EXEC and keeps its rows.
func (s *Caller) Capture(ctx context.Context, f *scope.Frame, st *ast.Exec) (*change.Captured, error) {
	if s.Answer.Capturing() {
		return nil, raise.New(8164)
	}
	c := &change.Captured{}
	size := 0
	s.Answer.Capture(func(r *reply.Result, row []sqltype.Value) error {
		if c.Types != nil && len(c.Types) != len(r.Types()) {
			return raise.New(213)
		}
		c.Types = r.Types()
		for _, v := range row {
			size += 40 + len(v.Text())
		}
		if size > cursor.MaxBytes {
			return raise.New(701)
		}
		c.Rows = append(c.Rows, slices.Clone(row))
		return nil
	})
	s.Flow.Tries++ // an error inside ends the INSERT
	sig, err := s.Exec(ctx, f, st)
	s.Flow.Tries--
	s.Answer.Capture(nil)
	var caught *flow.CaughtError
	if errors.As(err, &caught) {
		return nil, raise.List(caught.List)
	}
	if err == nil && sig.Kind == flow.Stop {
		err = flow.ErrStop
	}
	return c, err
}
