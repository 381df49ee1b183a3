package exec

import (
	"context"

	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/call"
	"latchkey/engine/exec/change"
	"latchkey/engine/exec/cursor"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/function"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/tran"
	"latchkey/engine/exec/transaction"
	"latchkey/engine/exec/work"
)

// Session is one client's connection: what it has set, opened and begun. Package tds/conn serves it, one request at a time.
type Session struct {
	server *Server
	login  Login
	home   int          // database of the login
	untold uint64       // descriptor of a transaction that an attention ended
	bulk   *change.Bulk // what INSERT BULK announced
	closed bool

	// Its parts, the lower ones first; each knows those before it.
	actor       *actor.Actor
	answer      *reply.Answer
	work        *work.Session
	define      *define.Definer
	query       *query.Runner
	change      *change.Changer
	cursors     *cursor.Cursors
	transaction *transaction.Transactions
	flow        *flow.Machine
	functions   *function.Runner
	parts       *handler.Parts
	call        *call.Caller
}

// newSession puts the parts of a session together.
func (s *Server) newSession(l Login) *Session {
	cfg := &s.cfg
	n := &Session{server: s, login: l}
	n.actor = actor.New(l.Session, cfg.Catalog, cfg.Databases)
	n.work = &work.Session{
		Actor: n.actor, Known: s.known, Set: setting.Default(l.ODBC), Tx: tran.New(cfg.Databases, &s.trans), Clock: cfg.Clock,
		ServerName: cfg.ServerName, Views: shown{n},
	}
	n.work.Tx.Temp = &n.work.Temp
	n.work.Tx.Ended = func() {
		n.work.Settled()
		s.locks.EndTransaction(n.actor.ID)
	}
	n.answer = &reply.Answer{Set: &n.work.Set}
	n.define = &define.Definer{Actor: n.actor, Work: n.work, Log: cfg.Log}
	n.work.Variables = n.define
	n.query = &query.Runner{Actor: n.actor, Work: n.work, Define: n.define, Answer: n.answer}
	n.change = &change.Changer{Actor: n.actor, Work: n.work, Define: n.define, Query: n.query, Answer: n.answer}
	n.cursors = &cursor.Cursors{Actor: n.actor, Work: n.work, Define: n.define, Query: n.query, Answer: n.answer}
	n.transaction = &transaction.Transactions{Work: n.work, Answer: n.answer, Change: n.change, Cursors: n.cursors}
	n.flow = &flow.Machine{Work: n.work, Query: n.query, Transaction: n.transaction, Answer: n.answer, Runner: n, Log: cfg.Log}
	n.functions = &function.Runner{Work: n.work, Define: n.define, Query: n.query, Flow: n.flow, Answer: n.answer, Modules: &s.modules}
	n.parts = &handler.Parts{
		Actor: n.actor, Work: n.work, Define: n.define, Query: n.query, Answer: n.answer, Transaction: n.transaction, Units: s.units,
		Version: cfg.Version, Kept: make(map[any]handler.Kept),
	}
	n.call = &call.Caller{
		Actor: n.actor, Work: n.work, Define: n.define, Query: n.query, Change: n.change, Flow: n.flow, Parts: n.parts, Answer: n.answer,
		Functions: n.functions, Modules: &s.modules, Procedure: s.procedure,
	}
	n.work.Env = n.newEnv()
	return n
}

// Open begins a session in its database: messages 911, 916, 924, 945 and so on if it cannot be had, which the caller turns into 4060.
func (s *Server) Open(ctx context.Context, l Login) (*Session, error) {
	n := s.newSession(l)
	if l.Language != "" {
		if err := n.work.Set.AssignText("LANGUAGE", l.Language); err != nil {
			n.work.Set.Language = "us_english"
		}
	}
	if err := n.actor.Enter(ctx, l.Database); err != nil {
		return nil, err
	}
	n.work.Apply()
	n.home = n.actor.DB
	return n, nil
}

// forget drops what belongs to one user of the connection.
func (s *Session) forget() {
	s.actor.RevertAll()
	s.parts.Reset()
	s.call.Reset()
	s.cursors.Reset()
	s.change.Reset()
	s.bulk, s.answer.RowCount, s.answer.LastError = nil, 0, 0
	s.work.DropTemporary()
}
