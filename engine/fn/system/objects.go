package system

import (
	"context"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// ParseName takes a name of up to four parts apart, [quoted] or "quoted" or not, from the left; nil if it is none. Parts that are left
// out are "".
func ParseName(s string) []string {
	var parts []string
	s = strings.TrimSpace(s)
	for {
		var part string
		quoted := false
		switch {
		case strings.HasPrefix(s, "["), strings.HasPrefix(s, `"`):
			end := "]"
			if s[0] == '"' {
				end = `"`
			}
			quoted = true
			s = s[1:]
			for {
				i := strings.Index(s, end)
				if i < 0 {
					return nil
				}
				part += s[:i]
				s = s[i+1:]
				if !strings.HasPrefix(s, end) {
					break
				}
				part += end
				s = s[1:]
			}
			s = strings.TrimLeft(s, " ")
		default:
			i := strings.IndexByte(s, '.')
			if i < 0 {
				i = len(s)
			}
			part, s = strings.TrimSpace(s[:i]), s[i:]
		}
		parts = append(parts, part)
		if s == "" {
			if part == "" && !quoted || len(parts) > 4 {
				return nil
			}
			return parts
		}
		if s[0] != '.' {
			return nil
		}
		s = strings.TrimLeft(s[1:], " ")
	}
}

// systemTypes have ids above the base types' own.
const sysNameID = 256

// typeID is the user_type_id of a system type.
func typeID(name string) (int, bool) {
	if strings.EqualFold(name, "sysname") {
		return sysNameID, true
	}
	k, ok := sqltype.KindByName(name)
	if !ok {
		return 0, false
	}
	return k.SystemID(), true
}

func typeName(id int) (string, bool) {
	if id == sysNameID {
		return "sysname", true
	}
	for k := sqltype.Bit; k <= sqltype.Variant; k++ {
		if k.SystemID() == id {
			return k.String(), true
		}
	}
	return "", false
}

// objectByName asks for an object by a name of several parts. False for a name that is none, or of another server.
func objectByName(ctx context.Context, env *def.Env, name, typ string) (def.Object, bool, error) {
	parts := ParseName(name)
	if len(parts) == 0 || len(parts) == 4 && parts[0] != "" {
		return def.Object{}, false, nil
	}
	parts = append(make([]string, 4-len(parts)), parts...)
	return env.Objects.Object(ctx, def.ObjectQuery{Database: parts[1], Schema: parts[2], Name: parts[3], Type: typ})
}

func objects() []def.Function {
	object := func(function string, t sqltype.Type, least int, want []sqltype.Type, eval def.Eval) def.Function {
		return def.Changing(def.Fixed(function, nullable(t), least, want, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Objects == nil {
				return sqltype.NullValue, missing(function)
			}
			v, err := eval(ctx, env, a)
			return typed(v, t, err)
		}))
	}
	text := func(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
	byID := func(function string, get func(def.Object) string) def.Function {
		return object(function, name128, 1, []sqltype.Type{def.Int, def.Int}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			q := def.ObjectQuery{ID: int(a[0].Int())}
			if len(a) == 2 {
				q.DatabaseID = int(a[1].Int())
			}
			o, ok, err := env.Objects.Object(ctx, q)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return text(get(o)), nil
		})
	}
	scope := func(function string, kind def.ScopeKind, t sqltype.Type, least int, want sqltype.Type) def.Function {
		return object(function, t, least, []sqltype.Type{want}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			var name string
			var id int
			switch {
			case len(a) == 0: // the caller's default schema
			case want.Kind == sqltype.Int:
				id = int(a[0].Int())
				if s, ok := typeName(id); ok && kind == def.TypeScope {
					return text(s), nil
				}
			default:
				name = trimName(a[0])
				if kind == def.TypeScope {
					parts := ParseName(name)
					if len(parts) == 0 {
						return sqltype.NullValue, nil
					}
					if n, ok := typeID(parts[len(parts)-1]); ok && (len(parts) == 1 || strings.EqualFold(parts[0], "sys")) {
						return def.IntValue(n), nil
					}
				}
				name = orNone(name)
			}
			s, ok, err := env.Objects.Scope(ctx, kind, name, id)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			if t.Kind == sqltype.Int {
				return def.IntValue(s.ID), nil
			}
			return text(s.Name), nil
		})
	}
	property := func(function string, t sqltype.Type, want ...sqltype.Type) def.Function {
		return object(function, t, len(want), want, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			return env.Objects.Property(ctx, function, a)
		})
	}
	return []def.Function{
		object("OBJECT_ID", def.Int, 1, []sqltype.Type{def.NameArg, sqltype.Sized(sqltype.NVarChar, 2)}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			typ := ""
			if len(a) == 2 {
				typ = strings.ToUpper(trimName(a[1]))
			}
			o, ok, err := objectByName(ctx, env, a[0].Text(), typ)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return def.IntValue(o.ID), nil
		}),
		byID("OBJECT_NAME", func(o def.Object) string { return o.Name }),
		byID("OBJECT_SCHEMA_NAME", func(o def.Object) string { return o.Schema }),
		scope("SCHEMA_ID", def.SchemaScope, def.Int, 0, name128), scope("SCHEMA_NAME", def.SchemaScope, name128, 0, def.Int),
		scope("TYPE_ID", def.TypeScope, def.Int, 1, def.NameArg), scope("TYPE_NAME", def.TypeScope, name128, 1, def.Int),
		object("COL_NAME", name128, 2, []sqltype.Type{def.Int, def.Int}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			o, ok, err := env.Objects.Object(ctx, def.ObjectQuery{ID: int(a[0].Int())})
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			c, ok, err := env.Objects.Column(ctx, o, "", int(a[1].Int()))
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return text(c.Name), nil
		}),
		object("COL_LENGTH", sqltype.Of(sqltype.SmallInt), 2, []sqltype.Type{def.NameArg, name128}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			o, ok, err := objectByName(ctx, env, a[0].Text(), "")
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			c, ok, err := env.Objects.Column(ctx, o, orNone(trimName(a[1])), 0)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return def.IntValue(c.Type.StorageBytes()), nil
		}),
		property("OBJECTPROPERTY", def.Int, def.Int, name128), property("OBJECTPROPERTYEX", variant, def.Int, name128),
		property("COLUMNPROPERTY", def.Int, def.Int, name128, name128), property("INDEXPROPERTY", def.Int, def.Int, name128, name128),
		property("TYPEPROPERTY", def.Int, def.NameArg, name128), property("IDENT_CURRENT", identity, def.NameArg),
		property("IDENT_SEED", identity, def.NameArg), property("IDENT_INCR", identity, def.NameArg),
		property("INDEX_COL", name128, def.NameArg, def.Int, def.Int), property("OBJECT_DEFINITION", sqltype.Sized(sqltype.NVarChar, sqltype.Max), def.Int),
		def.Fixed("PARSENAME", nullable(name128), 2, []sqltype.Type{def.NameArg, def.Int}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			parts, n := ParseName(a[0].Text()), a[1].Int()
			if n < 1 || n > int64(len(parts)) || parts[len(parts)-int(n)] == "" {
				return sqltype.NullValue, nil
			}
			return text(parts[len(parts)-int(n)]), nil
		}),
	}
}
