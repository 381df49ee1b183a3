package exec

import (
	"context"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
)

// RPC runs procedure calls.
func (s *Session) RPC(ctx context.Context, m *tds.RPC, out *conn.Reply) error {
	s.bulk = nil
	return s.request(ctx, out, func(ctx context.Context) error {
		for i := range m.Calls {
			if err := s.call.Remote(ctx, &m.Calls[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
