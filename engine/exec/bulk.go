package exec

import (
	"context"
	"errors"

	"latchkey/engine/exec/change"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/tds/conn"
)

// BulkLoad takes the rows that INSERT BULK announced.
func (s *Session) BulkLoad(ctx context.Context, rows *conn.BulkStream, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		b := s.bulk
		s.bulk = nil
		if b == nil {
			return s.flow.Refuse(nil, raise.New(4022))
		}
		f := s.work.NewFrame(nil, &unit.Unit{})
		f.Line = int(b.St.Pos.Line)
		err := s.transaction.Implicit()
		var n int64
		if err == nil {
			n, err = s.change.Load(ctx, f, b, rows)
		}
		var stream *change.StreamError
		if errors.As(err, &stream) {
			return stream.Err
		}
		if err != nil {
			sig, err := s.flow.Failed(ctx, f, b.St, err)
			if err == nil && sig.Kind == flow.Stop {
				err = flow.ErrStop
			}
			return err
		}
		s.answer.RowCount, s.answer.LastError = n, 0
		return s.answer.Done(reply.Insert, true, uint64(n), s.work.Set.Has(setting.NoCount))
	})
}
