package work

import (
	"time"

	"latchkey/engine/exec/setting"
)

// Defining announces that the session's next statement changes definitions. They are over with the statement, or with the transaction
// that it is part of.
func (s *Session) Defining(db int) {
	g := s.Known.Generation(db)
	g.Pending.Add(1)
	s.defined = append(s.defined, g)
}

// Settled ends what was announced; the transaction calls it when it is over.
func (s *Session) Settled() {
	for _, g := range s.defined {
		g.Number.Add(1)
		g.Pending.Add(-1)
	}
	s.defined = nil
}

// SettleAlone ends what a statement outside of a transaction announced.
func (s *Session) SettleAlone() {
	if s.Tx.Count() == 0 {
		s.Settled()
	}
}

// Apply hands settings on that others keep.
func (s *Session) Apply() {
	s.Tx.LockTimeout = time.Duration(s.Set.LockTimeout) * time.Millisecond
	if s.Set.LockTimeout < 0 {
		s.Tx.LockTimeout = -1
	}
	s.Tx.OneSnapshot = s.Set.Isolation >= setting.RepeatableRead
}
