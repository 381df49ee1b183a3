package env

import (
	"context"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// HasPermission is HAS_PERMS_BY_NAME.
func (s Security) HasPermission(ctx context.Context, q def.PermissionQuery) (sqltype.Value, error) {
	if q.Permission == nil {
		return sqltype.NullValue, nil
	}
	c := s.Host.Caller()
	name := strings.ToUpper(*q.Permission)
	class := ""
	if q.Class != nil {
		class = strings.ToUpper(*q.Class)
	}
	securable := ""
	if q.Securable != nil {
		securable = strings.Trim(*q.Securable, "[]")
	}
	st := s.Host.Catalog().State()
	switch class {
	case "", "SERVER":
		if q.Securable == nil {
			if name == "ANY" {
				return number(1), nil
			}
			return truth(s.Host.Perm(c.Database).Server(name)), nil
		}
		return sqltype.NullValue, nil
	case "DATABASE":
		db := c.Database
		if q.Securable != nil {
			d := st.FindDatabase(securable)
			if d == nil {
				return sqltype.NullValue, nil
			}
			db = d.ID
		}
		p := s.Host.Perm(db)
		if name == "ANY" {
			_, in := p.User()
			return truth(in), nil
		}
		return truth(p.Database(name)), nil
	case "OBJECT":
		o, ok, err := Objects{Host: s.Host}.Object(ctx, splitObject(*q.Securable))
		if err != nil || !ok {
			return sqltype.NullValue, err
		}
		snap, err := s.Host.Snapshot(ctx, o.DatabaseID)
		if err != nil || snap == nil {
			return sqltype.NullValue, err
		}
		x := snap.ByID(o.ID)
		if x == nil {
			return sqltype.NullValue, nil
		}
		if name == "ANY" {
			return number(1), nil
		}
		return truth(s.Host.Perm(o.DatabaseID).Object(Securable(snap, x.Meta()), name)), nil
	case "SCHEMA":
		snap, err := s.Host.Snapshot(ctx, c.Database)
		if err != nil || snap == nil {
			return sqltype.NullValue, err
		}
		x := snap.Schema(securable)
		if x == nil {
			return sqltype.NullValue, nil
		}
		return truth(s.Host.Perm(c.Database).Object(perm.Securable{Class: perm.Schema, ID: x.ID, Owner: x.Owner}, name)), nil
	case "LOGIN":
		l := st.FindLogin(securable)
		if l == nil {
			return sqltype.NullValue, nil
		}
		return truth(s.Host.Perm(c.Database).OnLogin(perm.Login, l.ID, name)), nil
	case "USER", "ROLE":
		p := st.FindPrincipal(c.Database, securable)
		if p == nil {
			return sqltype.NullValue, nil
		}
		return truth(s.Host.Perm(c.Database).Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, name)), nil
	}
	return sqltype.NullValue, nil
}

func splitObject(s string) def.ObjectQuery {
	parts := strings.Split(s, ".")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], "[] ")
	}
	var q def.ObjectQuery
	n := len(parts)
	q.Name = parts[n-1]
	if n > 1 {
		q.Schema = parts[n-2]
	}
	if n > 2 {
		q.Database = parts[n-3]
	}
	return q
}

// IsMember is IS_SRVROLEMEMBER, IS_ROLEMEMBER and IS_MEMBER.
func (s Security) IsMember(_ context.Context, server bool, role, principal string) (sqltype.Value, error) {
	st, c := s.Host.Catalog().State(), s.Host.Caller()
	if server {
		r := st.FindLogin(role)
		if r == nil || !r.IsRole() {
			return sqltype.NullValue, nil
		}
		login := c.Login
		if principal != "" {
			l := st.FindLogin(principal)
			if l == nil {
				return sqltype.NullValue, nil
			}
			login = l.ID
		}
		return truth(perm.For(st, login, 0).InServerRole(r.ID) || r.ID == model.PublicRole), nil
	}
	r := st.FindPrincipal(c.Database, role)
	if r == nil || !r.IsRole() {
		return sqltype.NullValue, nil
	}
	p := s.Host.Perm(c.Database)
	if principal != "" {
		u := st.FindPrincipal(c.Database, principal)
		if u == nil {
			return sqltype.NullValue, nil
		}
		p = perm.ForUser(st, c.Database, u.ID)
	}
	return truth(p.InRole(r.ID) || r.ID == model.DBPublic), nil
}
