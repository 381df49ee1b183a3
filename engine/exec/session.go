package exec

import (
	"context"
	"errors"
	"fmt"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/tran"
	"latchkey/engine/exec/unit"
	"latchkey/engine/fn"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
)

// Session is one client's connection: what it has set, opened and begun. Package tds/conn serves it, one request at a time.
type Session struct {
	server *Server
	id     int
	place  *sessions.Session
	login  Login

	set    setting.Settings
	db     int    // current database
	dbName string // its name
	home   int    // database of the login
	acting []acting
	kept   map[any]Kept

	planned struct { // the settings of plans
		key settingsKey
		is  plan.Settings
	}

	tx      *tran.Tran
	defined []*generation // changes of definitions under way
	untold  uint64        // descriptor of a transaction that an attention ended
	out     reply.Writer
	tmp     temporary
	env     fn.Env

	rowCount      int64 // @@ROWCOUNT
	lastError     int   // @@ERROR
	identity_     identities
	fetch         int64 // @@FETCH_STATUS
	cursors       map[string]*cursor
	cursorRows    int64
	procID        int
	frame         *frame // under way
	tries         int    // TRY blocks under way in all frames
	depth         int    // of procedures and dynamic batches
	caught        []*raise.Error
	prepared      map[int32]*prepared
	handle        int32
	bulk          *bulkTarget
	context       map[string]sqltype.Value // sp_set_session_context
	contextLocked map[string]bool
	idInsert      map[int]insertInto // SET IDENTITY_INSERT, by database

	eval_ struct { // who the session is, for permissions
		state any
		who   catalog.Caller
		perm  *perm.Eval
	}
	closed bool
}

var (
	_ conn.Session    = (*Session)(nil)
	_ conn.BulkLoader = (*Session)(nil)
	_ conn.Resetter   = (*Session)(nil)
)

// errStop ends a batch whose error was told already.
var errStop = errors.New("the batch was ended")

// Open begins a session in its database: messages 911, 916, 924, 945 and so on if it cannot be had, which the caller turns into 4060.
func (s *Server) Open(ctx context.Context, l Login) (*Session, error) {
	n := &Session{
		server: s, id: l.Session.ID, place: l.Session, login: l, set: setting.Default(l.ODBC), kept: make(map[any]Kept),
		acting: []acting{{id: Identity{Login: l.Session.Login, Name: l.Session.LoginName}}},
	}
	n.tx = tran.New(s.cfg.Databases, &s.trans)
	n.env = n.newEnv()
	if l.Language != "" {
		if err := n.set.AssignText("LANGUAGE", l.Language); err != nil {
			n.set.Language = "us_english"
		}
	}
	n.tx.Temp, n.tx.Ended = &n.tmp, n.settled
	if err := n.enter(ctx, l.Database); err != nil {
		return nil, err
	}
	n.apply()
	n.home = n.db
	return n, nil
}

// Database is the name of the session's database.
func (s *Session) Database() string { return s.dbName }

// Batch runs a batch.
func (s *Session) Batch(ctx context.Context, m *tds.Batch, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		u, err := s.server.units.Get(unit.Key{Text: m.Text, QuotedIdentifier: s.set.Has(setting.QuotedIdentifier)})
		if err != nil {
			return s.refuse(nil, err)
		}
		f := s.newFrame(nil, u)
		return s.body(ctx, f)
	})
}

// body runs a frame's statements to their end. The error is errStop or one that ends the request.
func (s *Session) body(ctx context.Context, f *frame) error {
	if s.set.Has(setting.ParseOnly) && !turnsOn(f.unit.Statements) {
		return nil
	}
	s.frame = f
	sig, err := s.list(ctx, f, f.unit.Statements)
	s.frame = nil
	if err == nil {
		if lost := astray(sig); lost != nil {
			err = s.refuse(f, lost)
		}
	}
	if err == nil && sig.kind == stop {
		err = errStop
	}
	s.leave(ctx, f)
	return err
}

// request is what all requests have around them.
func (s *Session) request(ctx context.Context, out *conn.Reply, run func(context.Context) error) error {
	return s.answer(ctx, out, run)
}

// answer is request for any reader.
func (s *Session) answer(ctx context.Context, out reply.Sink, run func(context.Context) error) error {
	s.out.Begin(out)
	s.place.Begin("BATCH")
	s.tries, s.depth, s.caught = 0, 0, s.caught[:0]
	if err := s.tellRollback(); err != nil {
		return err
	}
	err := run(ctx)
	if err == errStop {
		err = nil
	}
	if err == nil {
		err = s.endBatch(ctx)
	}
	s.place.End(s.tx.Count())
	if err != nil {
		if ctx.Err() != nil {
			s.cancelled(ctx)
			return err
		}
		s.server.cfg.Log.Error("a request failed", "session", s.id, "error", err)
		return err
	}
	return s.out.End()
}

// endBatch rolls a doomed transaction back: message 3998.
func (s *Session) endBatch(ctx context.Context) error {
	if s.tx.Doomed() {
		if err := s.send(raise.New(3998).At(1, "")); err != nil {
			return err
		}
		return s.rollback(ctx)
	}
	return nil
}

// cancelled is what an attention leaves: the transaction stays, unless XACT_ABORT is on or SQLite rolled it back with the change that
// was interrupted. Its answer is cut short, so the client is told with the next one.
func (s *Session) cancelled(ctx context.Context) {
	if s.tx.Count() == 0 || !s.set.Has(setting.XactAbort) && !s.tx.Lost() {
		return
	}
	s.untold = s.tx.Descriptor()
	if _, err := s.tx.Rollback(context.WithoutCancel(ctx), ""); err != nil {
		s.server.cfg.Log.Error("rolling back behind an attention", "session", s.id, "error", err)
	}
}

// tellRollback tells the client of a transaction that ended with an attention.
func (s *Session) tellRollback() error {
	if s.untold == 0 {
		return nil
	}
	id := s.untold
	s.untold = 0
	return s.out.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
}

// Reset makes the session as after its login.
func (s *Session) Reset(ctx context.Context, keepTransaction bool, out *conn.Reply) error {
	s.out.Begin(out)
	if !keepTransaction && s.tx.Count() > 0 {
		if _, err := s.tx.Rollback(ctx, ""); err != nil {
			return err
		}
	}
	s.forget(ctx)
	s.set = setting.Default(s.login.ODBC)
	if s.login.Language != "" {
		_ = s.set.AssignText("LANGUAGE", s.login.Language)
	}
	s.apply()
	if s.db == s.home {
		return nil
	}
	old := s.dbName
	if d := s.server.cfg.Catalog.State().Databases.Get(s.home); d != nil && s.enter(ctx, d.Name) == nil {
		return out.Token(&tds.EnvChange{Type: tds.EnvDatabase, New: s.dbName, Old: old})
	}
	return nil
}

// forget drops what belongs to one user of the connection.
func (s *Session) forget(ctx context.Context) {
	s.acting = s.acting[:1]
	s.place.SetLogin(s.acting[0].id.Login)
	for _, k := range s.kept {
		k.Reset()
	}
	s.prepared, s.cursors, s.bulk, s.context, s.contextLocked, s.idInsert = nil, nil, nil, nil, nil, nil
	s.rowCount, s.lastError, s.identity_ = 0, 0, identities{}
	s.dropTemporary()
}

// Close ends the session: its transaction is rolled back.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	ctx := context.Background()
	if s.tx.Count() > 0 {
		if _, err := s.tx.Rollback(ctx, ""); err != nil {
			s.server.cfg.Log.Error("rolling back at the end of a session", "session", s.id, "error", err)
		}
	}
	s.forget(ctx)
	s.place.Close()
}

// TransMgr carries out a transaction manager request.
func (s *Session) TransMgr(ctx context.Context, m *tds.TransMgr, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		f := &frame{unit: &unit.Unit{}, saved: s.set, line: 1}
		if err := s.transMgr(ctx, m); err != nil {
			return s.refuse(f, err)
		}
		return nil
	})
}

func (s *Session) transMgr(ctx context.Context, m *tds.TransMgr) error {
	switch m.Request {
	case tds.TransBegin:
		s.isolate(m.Isolation)
		return s.begin(m.Name)
	case tds.TransCommit:
		if err := s.commit(ctx); err != nil {
			return err
		}
	case tds.TransRollback:
		if s.tx.Count() == 0 {
			return raise.New(3903)
		}
		if m.Name != "" {
			if err := s.rollbackTo(ctx, m.Name); err != nil {
				return err
			}
		} else if err := s.rollback(ctx); err != nil {
			return err
		}
	case tds.TransSave:
		if m.Name == "" {
			return raise.New(6401, m.Name)
		}
		return s.tx.Save(m.Name)
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
func (s *Session) isolate(level uint8) {
	if level >= 1 && level <= 5 {
		s.set.Isolation = setting.Isolation(level) // numbered alike
		s.apply()
	}
}
