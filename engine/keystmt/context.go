package keystmt

import (
	"crypto/rand"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// cookieLen is the size of a cookie in bytes, as SQL Server's are.
const cookieLen = 100

func (r *run) executeAs(s *ast.ExecuteAs) error {
	id, err := r.target(s)
	if err != nil {
		return err
	}
	cookie := ""
	if s.Cookie != "" {
		b := make([]byte, cookieLen)
		rand.Read(b)
		cookie = string(b)
		t := sqltype.Sized(sqltype.VarBinary, 8000)
		if err := r.SetVariable(s.Cookie, sqltype.NewBytes(sqltype.VarBinary, cookie), t); err != nil {
			return err
		}
	}
	r.Impersonate(id, s.NoRevert, cookie)
	return nil
}

// target is who EXECUTE AS names: messages 15406 and 15517.
func (r *run) target(s *ast.ExecuteAs) (Identity, error) {
	c, st := r.Caller(), r.state()
	e := c.Eval(st)
	if s.Kind == "CALLER" {
		return Identity{Login: c.Login, User: c.User, Database: c.Database}, nil
	}
	v, err := r.Eval(r.ctx, s.Name)
	if err != nil {
		return Identity{}, err
	}
	name := v.Text()
	if s.Kind == "LOGIN" {
		l := st.FindLogin(name)
		if l == nil || l.Kind != model.SQLLogin || l.ID != e.Login() && !e.OnLogin(perm.Login, l.ID, "IMPERSONATE") {
			return Identity{}, msg.New(15406, name)
		}
		return Identity{Login: l.ID, Name: l.Name}, nil
	}
	p := st.FindPrincipal(c.Database, name)
	self, in := e.User()
	if p == nil || p.Kind != model.SQLLogin || p.ID == model.Sys || p.ID == model.InformationSchema || p.ID == model.DBO && !e.DBO() && !e.Sysadmin() {
		return Identity{}, msg.New(15517, name)
	}
	if !(in && self == p.ID) && !e.Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, "IMPERSONATE") {
		return Identity{}, msg.New(15517, name)
	}
	return Identity{User: p.ID, Database: c.Database, Name: p.Name}, nil
}

func (r *run) revert(s *ast.Revert) error {
	cookie := ""
	if s.Cookie != "" {
		v, err := r.Eval(r.ctx, &ast.Variable{Name: s.Cookie})
		if err != nil {
			return err
		}
		if cookie = v.Bytes(); cookie == "" {
			return msg.New(15591)
		}
	}
	before := r.Caller()
	if !r.Revert(cookie) && (cookie != "" || before.Impersonated || before.User != 0) {
		return msg.New(15591)
	}
	return nil
}
