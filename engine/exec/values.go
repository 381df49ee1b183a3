package exec

import (
	"context"
	"os"
	"strconv"
	"strings"

	"latchkey/engine/exec/builtin"
	"latchkey/engine/exec/env"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/work"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// newEnv is what functions ask of the session.
func (s *Session) newEnv() fn.Env {
	h := work.Host{Session: s.work}
	e := fn.Env{
		Session: values{s}, Databases: env.Databases{Host: h}, Names: env.Names{Host: h}, Objects: env.Objects{Host: h, System: s.server.system},
		Security: env.Security{Host: h}, Sequences: work.Sequences{Session: s.work},
		Functions: s.functions,
	}
	if k := s.server.cfg.Keys; k != nil {
		e.Keys = k(&handler.Context{Parts: s.parts, Frame: &scope.Frame{}})
	}
	return e
}

// values are the session's own, for functions.
type values struct{ s *Session }

// caughtNow is the error of the innermost CATCH.
func (s *Session) caughtNow() *raise.Error {
	if n := len(s.flow.Caught); n > 0 {
		return s.flow.Caught[n-1]
	}
	return nil
}

// Value is a variable or a function without arguments.
func (v values) Value(_ context.Context, name string) (sqltype.Value, error) {
	s := v.s
	switch name {
	case "@@ROWCOUNT":
		return number(s.answer.RowCount), nil
	case "ROWCOUNT_BIG":
		return sqltype.NewInt(sqltype.BigInt, s.answer.RowCount), nil
	case "@@ERROR":
		return number(int64(s.answer.LastError)), nil
	case "@@TRANCOUNT":
		return number(int64(s.work.Tx.Count())), nil
	case "@@SPID":
		return sqltype.NewInt(sqltype.SmallInt, int64(s.actor.ID)), nil
	case "@@IDENTITY":
		return s.change.Identity.Session, nil
	case "SCOPE_IDENTITY":
		return s.change.Identity.Scope, nil
	case "@@FETCH_STATUS":
		return number(s.cursors.Status), nil
	case "@@CURSOR_ROWS":
		return number(s.cursors.Rows), nil
	case "@@NESTLEVEL":
		return number(int64(s.flow.Depth)), nil
	case "@@PROCID":
		return number(int64(s.call.ProcID)), nil
	case "@@LOCK_TIMEOUT":
		return number(s.work.Set.LockTimeout), nil
	case "@@OPTIONS":
		return number(s.work.Set.Options()), nil
	case "@@LANGUAGE":
		return text(s.work.Set.Language), nil
	case "@@LANGID":
		return sqltype.NewInt(sqltype.SmallInt, 0), nil
	case "@@DATEFIRST":
		return sqltype.NewInt(sqltype.TinyInt, int64(s.work.Set.DateFirst)), nil
	case "@@TEXTSIZE":
		return number(s.work.Set.TextSize), nil
	case "@@SERVERNAME":
		return text(s.work.ServerName), nil
	case "@@SERVICENAME":
		return text("MSSQLSERVER"), nil
	case "@@VERSION":
		return text("Microsoft SQL Server 2022 (RTM) - " + s.parts.Version + " (X64) \n\tLatchkey: a server of this protocol on SQLite, not Microsoft's product"), nil
	case "@@MICROSOFTVERSION":
		return number(builtin.MicrosoftVersion(s.parts.Version)), nil
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
		return s.transaction.XactState(), nil
	case "CURRENT_TRANSACTION_ID":
		return sqltype.NewInt(sqltype.BigInt, int64(s.work.Tx.Descriptor())), nil
	case "APP_NAME":
		return text(s.login.Session.Program), nil
	case "HOST_NAME":
		return text(s.login.Session.Host), nil
	case "HOST_ID":
		return text(strconv.Itoa(s.login.Session.Process)), nil
	case "CONTEXT_INFO":
		if s.work.Set.ContextInfo == "" {
			return sqltype.NullValue, nil
		}
		return sqltype.NewBytes(sqltype.VarBinary, s.work.Set.ContextInfo), nil
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
		return number(int64(max(e.Line, 0)))
	case "ERROR_PROCEDURE":
		if e.Proc != "" {
			return text(e.Proc)
		}
	}
	return sqltype.NullValue
}

func (v values) rowVersion() (sqltype.Value, error) {
	var n int64
	err := work.Host{Session: v.s.work}.Look(context.Background(), v.s.actor.DB, func(w *work.Statement) error {
		c, err := w.Conn()
		if err != nil {
			return err
		}
		sh, err := v.s.work.Known.Shared(v.s.actor.DB)
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
		return env.Server{Name: s.work.ServerName, Version: s.parts.Version, Process: os.Getpid()}.Property(name), nil
	case "CONNECTIONPROPERTY":
		return s.connectionProperty(strings.ToLower(name)), nil
	case "SESSIONPROPERTY":
		return s.sessionProperty(strings.ToUpper(name)), nil
	case "SESSION_CONTEXT":
		return s.parts.Values[strings.ToLower(name)], nil
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
	if s.work.Set.Has(o) {
		return number(1)
	}
	return number(0)
}
