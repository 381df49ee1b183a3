package keystmt

import (
	"encoding/hex"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"
)

// hexBytes reads 0x...; an odd number of digits gets a zero in front, as SQL Server reads it.
func hexBytes(s string) ([]byte, bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	return b, err == nil
}

// password copies a password of the tree. A hash that is no hash is left for the operation to refuse.
func password(p *ast.Password) *principal.Password {
	if p == nil {
		return nil
	}
	out := &principal.Password{MustChange: p.MustChange, Unlock: p.Unlock, Old: copyOf(p.Old)}
	if !p.Hashed {
		out.Text = copyOf(p.Secret)
		return out
	}
	out.Hash = []byte{}
	if p.Secret.Hex {
		if b, ok := hexBytes(string(p.Secret.Value.Expose())); ok {
			out.Hash = b
		}
	}
	return out
}

// loginOptions takes the options of WITH that both CREATE and ALTER have; the others are left to the caller.
func loginOptions(opts []*ast.Option) (o principal.LoginOptions, err error) {
	for _, x := range opts {
		on := x.On()
		switch x.Name {
		case "DEFAULT_DATABASE":
			o.DefaultDatabase = nameOf(x)
		case "DEFAULT_LANGUAGE":
			o.DefaultLanguage = nameOf(x)
		case "CHECK_POLICY":
			o.CheckPolicy = &on
		case "CHECK_EXPIRATION":
			o.CheckExpiration = &on
		case "CREDENTIAL", "NO CREDENTIAL", "NAME", "SID":
		default:
			return o, raise.Unsupported(x.Name)
		}
	}
	return o, nil
}

func (r *run) createLogin(s *ast.CreateLogin) error {
	o, err := loginOptions(s.Options)
	if err != nil {
		return err
	}
	op := &principal.CreateLogin{Name: s.Name, Password: password(s.Password), From: s.From, FromName: s.FromName, Options: o}
	for _, x := range s.Options {
		switch x.Name {
		case "SID":
			b, ok := hexBytes(nameOf(x))
			if !ok {
				b = nil
			}
			op.SID = append([]byte{}, b...)
		case "CREDENTIAL":
			op.Options.Credential = nameOf(x)
		case "NO CREDENTIAL", "NAME":
			op.Finish()
			return msg.New(102, strings.Fields(x.Name)[0])
		}
	}
	if s.From != "" && s.Password != nil {
		op.Finish()
		return msg.New(102, "PASSWORD")
	}
	if _, err := r.do(op); err != nil {
		return err
	}
	r.cfg.Retry() // a login made from a key lets the engine reach it
	return nil
}

func (r *run) alterLogin(s *ast.AlterLogin) error {
	switch {
	case s.AddCredential != "":
		_, err := r.do(&credential.Map{Login: s.Name, Credential: s.AddCredential})
		if err == nil {
			r.cfg.Retry()
		}
		return err
	case s.DropCredential != "":
		return r.unmap(s.Name, s.DropCredential)
	case s.State != "":
		_, err := r.do(&principal.AlterLogin{Name: s.Name, State: s.State})
		return err
	}
	o, err := loginOptions(s.Options)
	if err != nil {
		return err
	}
	op := &principal.AlterLogin{Name: s.Name, Password: password(s.Password), Options: o}
	ops := []catalog.Operation{}
	name := s.Name
	for _, x := range s.Options {
		switch x.Name {
		case "NAME":
			op.NewName = nameOf(x)
			name = op.NewName
		case "SID":
			op.Finish()
			return msg.New(102, "SID")
		}
	}
	plain := op.Password != nil || op.NewName != "" || o != (principal.LoginOptions{})
	if plain {
		ops = append(ops, op)
	}
	mapped := false
	for _, x := range s.Options {
		switch x.Name {
		case "CREDENTIAL":
			ops, mapped = append(ops, &credential.Map{Login: name, Credential: nameOf(x), Only: true}), true
		case "NO CREDENTIAL":
			ops, mapped = append(ops, &credential.Unmap{Login: name}), true
		}
	}
	st, err := r.do(ops...)
	if err != nil {
		return err
	}
	if l := st.FindLogin(name); s.Password != nil && s.Password.Unlock && l != nil && r.cfg.Locks != nil {
		r.cfg.Locks.Unlock(l.ID)
	}
	if mapped {
		r.cfg.Retry()
	}
	return nil
}

func (r *run) unmap(login, name string) error {
	c := r.state().FindCredential(name)
	_, err := r.do(&credential.Unmap{Login: login, Credential: name})
	if err == nil {
		r.forget(c)
	}
	return err
}

func (r *run) user(s *ast.User) error {
	if s.Password != nil {
		return raise.Unsupported("CREATE USER WITH PASSWORD")
	}
	var schema, name, login string
	for _, x := range s.Options {
		switch x.Name {
		case "DEFAULT_SCHEMA":
			if schema = nameOf(x); schema == "" {
				schema = "dbo" // DEFAULT_SCHEMA = NULL
			}
		case "NAME":
			name = nameOf(x)
		case "LOGIN":
			login = nameOf(x)
		default:
			return raise.Unsupported(x.Name)
		}
	}
	var op catalog.Operation = &principal.CreateUser{Name: s.Name, From: s.For, FromName: s.ForName, DefaultSchema: schema}
	if s.Mode != "CREATE" {
		op = &principal.AlterUser{Name: s.Name, NewName: name, DefaultSchema: schema, Login: login}
	} else if name != "" || login != "" {
		return msg.New(102, "NAME")
	}
	_, err := r.do(op)
	return err
}

func (r *run) role(s *ast.Role) error {
	var op catalog.Operation
	member, drop := s.AddMember, false
	if s.DropMember != "" {
		member, drop = s.DropMember, true
	}
	switch {
	case s.Kind == "APPLICATION ROLE":
		return raise.Unsupported("APPLICATION ROLE")
	case s.Rename != "":
		return raise.Unsupported("ALTER " + s.Kind + " WITH NAME")
	case s.Kind == "SERVER ROLE" && s.Mode == "CREATE":
		op = &principal.CreateServerRole{Name: s.Name, Owner: s.Owner}
	case s.Kind == "SERVER ROLE":
		op = &principal.ServerMember{Role: s.Name, Member: member, Drop: drop}
	case s.Mode == "CREATE":
		op = &principal.CreateRole{Name: s.Name, Owner: s.Owner}
	default:
		op = &principal.RoleMember{Role: s.Name, Member: member, Drop: drop}
	}
	_, err := r.do(op)
	return err
}

func (r *run) authorization(s *ast.AlterAuthorization) error {
	if s.Class != "DATABASE" || s.Owner == "" {
		what := "ALTER AUTHORIZATION"
		if s.Class != "" {
			what += " ON " + s.Class
		}
		return raise.Unsupported(what)
	}
	_, err := r.do(&principal.Authorize{Database: s.Name.Name(), Login: s.Owner})
	return err
}
