// Package system has the functions that ask the session, the server and its metadata, the @@ variables, and those that are of no
// other family: identifiers, hashes, compression.
//
// All that depends on the session is volatile. A function whose part of Env is missing fails with message 40517.
package system

import (
	"context"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Functions lists them.
func Functions() []def.Function {
	var list []def.Function
	for _, more := range [][]def.Function{variables(), session(), databases(), names(), objects(), security(), keys(), misc(), refused()} {
		list = append(list, more...)
	}
	return list
}

var (
	name128  = sqltype.Sized(sqltype.NVarChar, 128)
	variant  = sqltype.Of(sqltype.Variant)
	identity = sqltype.DecimalType(38, 0)
	varbin   = sqltype.Sized(sqltype.VarBinary, sqltype.MaxBytes)
	binMax   = sqltype.Sized(sqltype.VarBinary, sqltype.Max)
)

func missing(name string) error { return &def.Refusal{Name: name, Why: "no session"} }

// typed makes a value one of t.
func typed(v sqltype.Value, t sqltype.Type, err error) (sqltype.Value, error) {
	if err != nil || v.IsNull() || t.Kind == sqltype.Variant || v.Kind() == t.Kind && t.Kind != sqltype.Decimal {
		return v, err
	}
	from := sqltype.Type{Kind: v.Kind(), Length: sqltype.Max, Scale: uint8(v.Scale()), Precision: uint8(v.Precision())}
	return convert.Convert(v, from, t, convert.Options{})
}

// asked is a function or variable without arguments that has one value in a statement.
func asked(name string, t sqltype.Type, f func(ctx context.Context, env *def.Env) (sqltype.Value, error)) def.Function {
	return def.Function{Name: name, Min: 0, Max: 0, Volatile: true, Once: true, Bind: func([]def.Arg) (def.Bound, error) {
		return def.Bound{Type: t, NullIn: true, Eval: func(ctx context.Context, env *def.Env, _ []sqltype.Value) (sqltype.Value, error) {
			v, err := f(ctx, env)
			return typed(v, t, err)
		}}, nil
	}}
}

// ofSession is asked of Session.Value.
func ofSession(name string, t sqltype.Type) def.Function {
	return asked(name, t, func(ctx context.Context, env *def.Env) (sqltype.Value, error) {
		if env.Session == nil {
			return sqltype.NullValue, missing(name)
		}
		return env.Session.Value(ctx, name)
	})
}

// bare is f written without parentheses.
func bare(f def.Function) def.Function { f.NoParens = true; return f }

func variable(f def.Function) def.Function { f.Kind = def.Variable; return f }

// maxPrecision is @@MAX_PRECISION, and maxConnections @@MAX_CONNECTIONS, of every SQL Server.
const (
	maxPrecision   = 38
	maxConnections = 32767
)

func variables() []def.Function {
	tiny, small := sqltype.Of(sqltype.TinyInt), sqltype.Of(sqltype.SmallInt)
	fixed := func(name string, t sqltype.Type, get func(*def.Env) sqltype.Value) def.Function {
		return variable(asked(name, t, func(_ context.Context, env *def.Env) (sqltype.Value, error) { return get(env), nil }))
	}
	list := []def.Function{
		fixed("@@DATEFIRST", tiny, func(env *def.Env) sqltype.Value {
			if n := env.Settings.DateFirst; n > 0 {
				return def.IntValue(n)
			}
			return def.IntValue(7)
		}),
		fixed("@@LANGUAGE", name128, func(env *def.Env) sqltype.Value {
			if env.Settings.Language != "" {
				return sqltype.NewText(sqltype.NVarChar, env.Settings.Language)
			}
			return sqltype.NewText(sqltype.NVarChar, "us_english")
		}),
		fixed("@@LANGID", small, func(*def.Env) sqltype.Value { return def.IntValue(0) }),
		fixed("@@OPTIONS", def.Int, func(env *def.Env) sqltype.Value { return def.IntValue(env.Settings.Options) }),
		fixed("@@TEXTSIZE", def.Int, func(env *def.Env) sqltype.Value {
			if env.Settings.TextSize == 0 {
				return def.IntValue(-1)
			}
			return def.IntValue(env.Settings.TextSize)
		}),
		fixed("@@MAX_PRECISION", tiny, func(*def.Env) sqltype.Value { return def.IntValue(maxPrecision) }),
		fixed("@@MAX_CONNECTIONS", def.Int, func(*def.Env) sqltype.Value { return def.IntValue(maxConnections) }),
		fixed("@@REMSERVER", name128, func(*def.Env) sqltype.Value { return sqltype.NullValue }),
		fixed("@@TIMETICKS", def.Int, func(*def.Env) sqltype.Value { return def.IntValue(31250) }),
	}
	for _, v := range []struct {
		name string
		t    sqltype.Type
	}{
		{"@@ERROR", def.Int},
		{"@@ROWCOUNT", def.Int},
		{"@@IDENTITY", identity},
		{"@@TRANCOUNT", def.Int},
		{"@@SPID", small},
		{"@@FETCH_STATUS", def.Int},
		{"@@CURSOR_ROWS", def.Int},
		{"@@NESTLEVEL", def.Int},
		{"@@PROCID", def.Int},
		{"@@LOCK_TIMEOUT", def.Int},
		{"@@DBTS", sqltype.Sized(sqltype.VarBinary, 8)},
		{"@@SERVERNAME", name128},
		{"@@SERVICENAME", name128},
		{"@@VERSION", sqltype.Sized(sqltype.NVarChar, 300)},
		{"@@MICROSOFTVERSION", def.Int},
	} {
		list = append(list, variable(ofSession(v.name, v.t)))
	}
	for _, name := range []string{
		"@@CONNECTIONS", "@@CPU_BUSY", "@@IDLE", "@@IO_BUSY", "@@PACK_RECEIVED", "@@PACK_SENT", "@@PACKET_ERRORS", "@@TOTAL_ERRORS", "@@TOTAL_READ",
		"@@TOTAL_WRITE",
	} {
		list = append(list, def.Function{Name: name, Kind: def.Variable, Refused: "the server keeps no such counter"})
	}
	return list
}

func session() []def.Function {
	small := sqltype.Of(sqltype.SmallInt)
	property := func(function string) def.Function {
		return def.Changing(def.Fixed(function, variant, 1, []sqltype.Type{name128}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Session == nil {
				return sqltype.NullValue, missing(function)
			}
			return env.Session.Property(ctx, function, a[0].Text())
		}))
	}
	return []def.Function{
		ofSession("SCOPE_IDENTITY", identity), ofSession("ROWCOUNT_BIG", def.BigInt), ofSession("XACT_STATE", small),
		ofSession("ERROR_NUMBER", def.Int), ofSession("ERROR_MESSAGE", sqltype.Sized(sqltype.NVarChar, 4000)), ofSession("ERROR_SEVERITY", def.Int),
		ofSession("ERROR_STATE", def.Int), ofSession("ERROR_LINE", def.Int), ofSession("ERROR_PROCEDURE", name128),
		ofSession("APP_NAME", name128), ofSession("HOST_NAME", name128), ofSession("HOST_ID", sqltype.Sized(sqltype.Char, 10)),
		ofSession("CONTEXT_INFO", sqltype.Sized(sqltype.VarBinary, 128)), ofSession("CURRENT_TRANSACTION_ID", def.BigInt),
		ofSession("CURRENT_REQUEST_ID", small), ofSession("ORIGINAL_DB_NAME", name128), ofSession("MIN_ACTIVE_ROWVERSION", sqltype.Sized(sqltype.Binary, 8)),
		def.Fixed("GETANSINULL", small, 0, []sqltype.Type{name128}, func(context.Context, *def.Env, []sqltype.Value) (sqltype.Value, error) {
			return sqltype.NewInt(sqltype.SmallInt, 1), nil
		}),
		property("SERVERPROPERTY"), property("CONNECTIONPROPERTY"), property("SESSIONPROPERTY"), property("SESSION_CONTEXT"),
	}
}

func databases() []def.Function {
	find := func(function string, t sqltype.Type, want []sqltype.Type, q func(a []sqltype.Value) (string, int), get func(def.Database) sqltype.Value) def.Function {
		return def.Changing(def.Fixed(function, t, 0, want, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Databases == nil {
				return sqltype.NullValue, missing(function)
			}
			name, id := q(a)
			d, ok, err := env.Databases.Database(ctx, name, id)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return get(d), nil
		}))
	}
	byName := func(a []sqltype.Value) (string, int) {
		if len(a) == 0 {
			return "", 0
		}
		return orNone(trimName(a[0])), 0
	}
	property := func(function string, t sqltype.Type) def.Function {
		return def.Changing(def.Fixed(function, t, 2, []sqltype.Type{name128, name128}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Databases == nil {
				return sqltype.NullValue, missing(function)
			}
			v, err := env.Databases.Property(ctx, trimName(a[0]), trimName(a[1]))
			return typed(v, t, err)
		}))
	}
	access := find("HAS_DBACCESS", nullable(def.Int), []sqltype.Type{name128}, byName, func(d def.Database) sqltype.Value { return def.BitValue(d.Accessible) })
	access.Min = 1
	return []def.Function{
		find("DB_ID", nullable(def.Int), []sqltype.Type{name128}, byName, func(d def.Database) sqltype.Value { return def.IntValue(d.ID) }),
		find("DB_NAME", name128, []sqltype.Type{def.Int}, func(a []sqltype.Value) (string, int) {
			if len(a) == 0 {
				return "", 0
			}
			if a[0].Int() == 0 {
				return "", 0 // as SQL Server: the current one
			}
			return "", int(a[0].Int())
		}, func(d def.Database) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, d.Name) }),
		access,
		property("DATABASEPROPERTYEX", variant), property("DATABASEPROPERTY", def.Int),
	}
}

func nullable(t sqltype.Type) sqltype.Type { t.Nullable = true; return t }

// orNone is a name that nothing has in place of an empty one, which would ask for something else.
func orNone(name string) string {
	if name == "" {
		return "\x00"
	}
	return name
}
