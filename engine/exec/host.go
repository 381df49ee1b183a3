package exec

import (
	"context"
	"os"
	"strconv"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/env"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/fn"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// host is the session as package env and the functions see it.
type host struct{ s *Session }

// Catalog is the server's.
func (h host) Catalog() *catalog.Catalog { return h.s.server.cfg.Catalog }

// Caller is who runs the statement.
func (h host) Caller() catalog.Caller { return h.s.caller() }

// Login is who logged in.
func (h host) Login() int { return h.s.acting[0].id.Login }

// Perm answers what the caller may do in a database.
func (h host) Perm(db int) *perm.Eval { return h.s.permIn(db) }

// look borrows a connection beside the statement's, or the transaction's own.
func (h host) look(ctx context.Context, db int, f func(w *work) error) error {
	s := h.s
	main := db
	if db == model.TempDB {
		main = s.db
	}
	w := &work{ctx: ctx, s: s, f: &frame{}, main: main, set: s.planSettings()}
	if s.tx.Database() == main {
		c, err := w.conn()
		if err != nil {
			return err
		}
		defer c.Use(ctx, &s.env)
	}
	return w.finish(f(w))
}

// Snapshot is what a database holds.
func (h host) Snapshot(ctx context.Context, db int) (snap *schema.Snapshot, err error) {
	err = h.look(ctx, db, func(w *work) error {
		if db != model.TempDB {
			snap, err = w.snapshot(db)
			return err
		}
		c, err := w.conn()
		if err != nil {
			return err
		}
		snap, err = h.s.tmp.snapshot(ctx, c)
		return err
	})
	return snap, err
}

// Identity is the last value of a table's identity.
func (h host) Identity(ctx context.Context, db int, t *schema.Table) (n int64, ok bool, err error) {
	err = h.look(ctx, db, func(w *work) error {
		c, err := w.conn()
		if err != nil {
			return err
		}
		sh := h.s.tmp.shared
		if db != model.TempDB {
			if sh, err = h.s.server.shared(db); err != nil {
				return err
			}
		}
		if sh == nil {
			return nil
		}
		n, ok, err = sh.Identity(c, t)
		return err
	})
	return n, ok, err
}

// newEnv is what functions ask of the session.
func (s *Session) newEnv() fn.Env {
	h := host{s}
	e := fn.Env{
		Session: values{s}, Databases: env.Databases{Host: h}, Names: env.Names{Host: h}, Objects: env.Objects{Host: h},
		Security: env.Security{Host: h},
	}
	if k := s.server.cfg.Keys; k != nil {
		e.Keys = k(&Context{s: s, f: &frame{}})
	}
	return e
}

// statementEnv brings the environment to the statement that begins.
func (s *Session) statementEnv() {
	s.env.Now = s.server.cfg.Clock.Now()
	s.env.Settings = fn.Settings{
		DateFirst: s.set.DateFirst, Language: s.set.Language, DateFormat: s.set.DateFormat, TextSize: int(s.set.TextSize),
		Options: int(s.set.Options()), NoArithAbort: !s.set.Has(setting.ArithAbort) && !s.set.Has(setting.AnsiWarnings),
	}
}

// values are the session's own, for functions.
type values struct{ s *Session }

func number(n int64) sqltype.Value { return sqltype.NewInt(sqltype.Int, n) }

// caughtNow is the error of the innermost CATCH.
func (s *Session) caughtNow() *raise.Error {
	if n := len(s.caught); n > 0 {
		return s.caught[n-1]
	}
	return nil
}

// Value is a variable or a function without arguments.
func (v values) Value(_ context.Context, name string) (sqltype.Value, error) {
	s := v.s
	switch name {
	case "@@ROWCOUNT":
		return number(s.rowCount), nil
	case "ROWCOUNT_BIG":
		return sqltype.NewInt(sqltype.BigInt, s.rowCount), nil
	case "@@ERROR":
		return number(int64(s.lastError)), nil
	case "@@TRANCOUNT":
		return number(int64(s.tx.Count())), nil
	case "@@SPID":
		return sqltype.NewInt(sqltype.SmallInt, int64(s.id)), nil
	case "@@IDENTITY":
		return s.identity_.session, nil
	case "SCOPE_IDENTITY":
		return s.identity_.scope, nil
	case "@@FETCH_STATUS":
		return number(s.fetch), nil
	case "@@CURSOR_ROWS":
		return number(s.cursorRows), nil
	case "@@NESTLEVEL":
		return number(int64(s.depth)), nil
	case "@@PROCID":
		return number(int64(s.procID)), nil
	case "@@LOCK_TIMEOUT":
		return number(s.set.LockTimeout), nil
	case "@@OPTIONS":
		return number(s.set.Options()), nil
	case "@@LANGUAGE":
		return text(s.set.Language), nil
	case "@@LANGID":
		return sqltype.NewInt(sqltype.SmallInt, 0), nil
	case "@@DATEFIRST":
		return sqltype.NewInt(sqltype.TinyInt, int64(s.set.DateFirst)), nil
	case "@@TEXTSIZE":
		return number(s.set.TextSize), nil
	case "@@SERVERNAME":
		return text(s.server.cfg.ServerName), nil
	case "@@SERVICENAME":
		return text("MSSQLSERVER"), nil
	case "@@VERSION":
		return text("Microsoft SQL Server 2022 (RTM) - " + s.server.cfg.Version + " (X64) \n\tLatchkey: a server of this protocol on SQLite, not Microsoft's product"), nil
	case "@@MICROSOFTVERSION":
		return number(microsoftVersion(s.server.cfg.Version)), nil
	case "@@MAX_PRECISION":
		return sqltype.NewInt(sqltype.TinyInt, 38), nil
	case "@@MAX_CONNECTIONS":
		return number(32767), nil
	case "@@REMSERVER":
		return sqltype.NullValue, nil
	case "@@CONNECTIONS", "@@CPU_BUSY", "@@IDLE", "@@IO_BUSY", "@@PACK_RECEIVED", "@@PACK_SENT", "@@PACKET_ERRORS", "@@TOTAL_READ",
		"@@TOTAL_WRITE", "@@TOTAL_ERRORS":
		return number(0), nil
	case "@@TIMETICKS":
		return number(31250), nil
	case "@@DBTS":
		return v.rowVersion()
	case "XACT_STATE":
		return s.xactState(), nil
	case "CURRENT_TRANSACTION_ID":
		return sqltype.NewInt(sqltype.BigInt, int64(s.tx.Descriptor())), nil
	case "APP_NAME":
		return text(s.login.Session.Program), nil
	case "HOST_NAME":
		return text(s.login.Session.Host), nil
	case "HOST_ID":
		return text(strconv.Itoa(s.login.Session.Process)), nil
	case "CONTEXT_INFO":
		if s.set.ContextInfo == "" {
			return sqltype.NullValue, nil
		}
		return sqltype.NewBytes(sqltype.VarBinary, s.set.ContextInfo), nil
	}
	if strings.HasPrefix(name, "ERROR_") {
		return s.errorValue(name), nil
	}
	return sqltype.NullValue, raise.Unsupported(name)
}

func (s *Session) errorValue(name string) sqltype.Value {
	e := s.caughtNow()
	if e == nil {
		return sqltype.NullValue
	}
	switch name {
	case "ERROR_NUMBER":
		return number(int64(e.Number))
	case "ERROR_MESSAGE":
		return text(e.Text)
	case "ERROR_SEVERITY":
		return number(int64(e.Severity))
	case "ERROR_STATE":
		return number(int64(e.State))
	case "ERROR_LINE":
		return number(int64(e.Line))
	case "ERROR_PROCEDURE":
		if e.Proc != "" {
			return text(e.Proc)
		}
	}
	return sqltype.NullValue
}

func microsoftVersion(v string) int64 {
	p := strings.Split(v, ".")
	n := func(i int) int64 {
		if i >= len(p) {
			return 0
		}
		x, _ := strconv.ParseInt(p[i], 10, 64)
		return x
	}
	return n(0)<<24 | n(1)<<16 | n(2)
}

func (v values) rowVersion() (sqltype.Value, error) {
	var n int64
	err := host(v).look(context.Background(), v.s.db, func(w *work) error {
		c, err := w.conn()
		if err != nil {
			return err
		}
		sh, err := v.s.server.shared(v.s.db)
		if err != nil {
			return err
		}
		n, err = sh.RowVersion(c)
		return err
	})
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
	return sqltype.NewBytes(sqltype.VarBinary, string(b)), err
}

// Property answers SERVERPROPERTY and its kin.
func (v values) Property(_ context.Context, function, name string) (sqltype.Value, error) {
	s := v.s
	switch function {
	case "SERVERPROPERTY":
		if f := s.server.cfg.Properties; f != nil {
			if x, ok := f(name); ok {
				return text(x), nil
			}
		}
		return env.Server{Name: s.server.cfg.ServerName, Version: s.server.cfg.Version, Process: os.Getpid()}.Property(name), nil
	case "CONNECTIONPROPERTY":
		return s.connectionProperty(strings.ToLower(name)), nil
	case "SESSIONPROPERTY":
		return s.sessionProperty(strings.ToUpper(name)), nil
	case "SESSION_CONTEXT":
		return s.context[fold(name)], nil
	}
	return sqltype.NullValue, nil
}

func (s *Session) connectionProperty(name string) sqltype.Value {
	host, port, _ := strings.Cut(s.login.Session.Remote, ":")
	switch name {
	case "net_transport", "physical_net_transport":
		return text("TCP")
	case "protocol_type":
		return text("TSQL")
	case "auth_scheme":
		return text("SQL")
	case "client_net_address":
		if port == "" {
			return text("<local machine>")
		}
		return text(host)
	case "local_net_address", "local_tcp_port":
		return sqltype.NullValue
	}
	return sqltype.NullValue
}

func (s *Session) sessionProperty(name string) sqltype.Value {
	o, ok := map[string]setting.Option{
		"ANSI_NULLS": setting.AnsiNulls, "ANSI_PADDING": setting.AnsiPadding, "ANSI_WARNINGS": setting.AnsiWarnings, "ARITHABORT": setting.ArithAbort,
		"CONCAT_NULL_YIELDS_NULL": setting.ConcatNullYieldsNull, "NUMERIC_ROUNDABORT": setting.NumericRoundAbort,
		"QUOTED_IDENTIFIER": setting.QuotedIdentifier,
	}[name]
	if !ok {
		return sqltype.NullValue
	}
	if s.set.Has(o) {
		return number(1)
	}
	return number(0)
}

func (s *Session) moduleSettings(quoted, nulls bool) {
	for o, on := range map[setting.Option]bool{setting.QuotedIdentifier: quoted, setting.AnsiNulls: nulls} {
		s.set.On &^= o
		if on {
			s.set.On |= o
		}
	}
}
