package exec

import (
	"sync/atomic"

	"latchkey/engine/schema"
)

// generation tells whether a database's definitions may have changed since a plan was made, without asking the database: all
// changes come through this server. A change is announced before its statement runs and is over when its transaction is.
type generation struct {
	number  atomic.Uint64 // of changes that are over
	pending atomic.Int64  // changes under way
}

func (s *Server) generation(db int) *generation {
	if g, ok := s.generations.Load(db); ok {
		return g.(*generation)
	}
	g, _ := s.generations.LoadOrStore(db, new(generation))
	return g.(*generation)
}

// defining announces that the session's next statement changes definitions. They are over with the statement, or with the transaction
// that it is part of.
func (s *Session) defining(db int) {
	g := s.server.generation(db)
	g.pending.Add(1)
	s.defined = append(s.defined, g)
}

// settled ends what was announced; the transaction calls it when it is over.
func (s *Session) settled() {
	for _, g := range s.defined {
		g.number.Add(1)
		g.pending.Add(-1)
	}
	s.defined = nil
}

// settleAlone ends what a statement outside of a transaction announced.
func (s *Session) settleAlone() {
	if s.tx.Count() == 0 {
		s.settled()
	}
}

// seen is a moment of a database's definitions: two that are equal and certain are the same definitions.
type seen struct {
	shared  *schema.Shared
	number  uint64
	certain bool // no change was under way
}

func (s *Server) seen(db int, sh *schema.Shared) seen {
	g := s.generation(db)
	n := g.number.Load()
	return seen{sh, n, g.pending.Load() == 0 && g.number.Load() == n}
}
