package system

import (
	"context"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// trimName is a name as metadata functions take it: blanks at the end do not count.
func trimName(v sqltype.Value) string { return strings.TrimRight(v.Text(), " ") }

func nameValue(p def.Principal) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, p.Name) }
func idValue(p def.Principal) sqltype.Value   { return def.IntValue(p.ID) }
func sidValue(p def.Principal) sqltype.Value  { return sqltype.NewBytes(sqltype.VarBinary, p.SID) }

// who describes a function that finds a principal: the current one without arguments.
func who(function string, t sqltype.Type, server bool, want []sqltype.Type, by func(sqltype.Value) def.Who, get func(def.Principal) sqltype.Value) def.Function {
	return def.Changing(def.Fixed(function, nullable(t), 0, want, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if env.Names == nil {
			return sqltype.NullValue, missing(function)
		}
		q := def.Who{Current: true}
		if len(a) > 0 {
			q = by(a[0])
		}
		q.Server = server
		p, ok, err := env.Names.Principal(ctx, q)
		if err != nil || !ok {
			return sqltype.NullValue, err
		}
		return get(p), nil
	}))
}

func byName(v sqltype.Value) def.Who { return def.Who{Name: orNone(trimName(v))} }
func byID(v sqltype.Value) def.Who   { return def.Who{ID: int(v.Int())} }
func bySID(v sqltype.Value) def.Who  { return def.Who{SID: v.Bytes()} }

func names() []def.Function {
	current := func(name string, server, original bool) def.Function {
		return asked(name, name128.NotNull(), func(ctx context.Context, env *def.Env) (sqltype.Value, error) {
			if env.Names == nil {
				return sqltype.NullValue, missing(name)
			}
			p, ok, err := env.Names.Principal(ctx, def.Who{Server: server, Current: !original, Original: original})
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			return nameValue(p), nil
		})
	}
	sid := sqltype.Sized(sqltype.VarBinary, 85)
	return []def.Function{
		who("SUSER_ID", def.Int, true, []sqltype.Type{name128}, byName, idValue),
		who("SUSER_NAME", name128, true, []sqltype.Type{def.Int}, byID, nameValue),
		who("SUSER_SID", sid, true, []sqltype.Type{name128, def.Int}, byName, sidValue),
		who("SUSER_SNAME", name128, true, []sqltype.Type{sid}, bySID, nameValue),
		who("USER_ID", def.Int, false, []sqltype.Type{name128}, byName, idValue),
		who("DATABASE_PRINCIPAL_ID", def.Int, false, []sqltype.Type{name128}, byName, idValue),
		who("USER_NAME", name128, false, []sqltype.Type{def.Int}, byID, nameValue),
		who("USER_SID", sid, false, []sqltype.Type{def.Int}, byID, sidValue),
		current("ORIGINAL_LOGIN", true, true), bare(current("SYSTEM_USER", true, false)),
		bare(current("CURRENT_USER", false, false)), bare(current("SESSION_USER", false, false)), bare(current("USER", false, false)),
	}
}

func security() []def.Function {
	member := func(function string, server bool, want []sqltype.Type) def.Function {
		return def.Changing(def.Nulls(def.Fixed(function, nullable(def.Int), 1, want, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Security == nil {
				return sqltype.NullValue, missing(function)
			}
			principal := ""
			if len(a) == 2 && !a[1].IsNull() {
				principal = orNone(trimName(a[1]))
			}
			if a[0].IsNull() {
				return sqltype.NullValue, nil
			}
			v, err := env.Security.IsMember(ctx, server, trimName(a[0]), principal)
			return typed(v, def.Int, err)
		})))
	}
	text := func(v sqltype.Value) *string {
		if v.IsNull() {
			return nil
		}
		s := trimName(v)
		return &s
	}
	return []def.Function{
		member("IS_SRVROLEMEMBER", true, []sqltype.Type{name128, name128}),
		member("IS_ROLEMEMBER", false, []sqltype.Type{name128, name128}),
		member("IS_MEMBER", false, []sqltype.Type{name128}),
		def.Changing(def.Nulls(def.Fixed("HAS_PERMS_BY_NAME", nullable(def.Int), 3, []sqltype.Type{def.NameArg, name128, name128, def.NameArg, name128}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if env.Security == nil {
				return sqltype.NullValue, missing("HAS_PERMS_BY_NAME")
			}
			q := def.PermissionQuery{Securable: text(a[0]), Class: text(a[1]), Permission: text(a[2])}
			if len(a) > 3 {
				q.Sub = text(a[3])
			}
			if len(a) > 4 {
				q.SubClass = text(a[4])
			}
			v, err := env.Security.HasPermission(ctx, q)
			return typed(v, def.Int, err)
		}))),
	}
}
