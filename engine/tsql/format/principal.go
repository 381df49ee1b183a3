package format

import "latchkey/engine/tsql/ast"

// password prints PASSWORD = with its flags.
func (p *printer) password(w *ast.Password) {
	p.secret("PASSWORD = ", w.Secret)
	p.when(w.Hashed, " HASHED")
	p.secret(" OLD_PASSWORD = ", w.Old)
	p.when(w.MustChange, " MUST_CHANGE")
	p.when(w.Unlock, " UNLOCK")
}

// principalOptions prints WITH PASSWORD = ..., option, ...; nothing if there is none.
func (p *printer) principalOptions(w *ast.Password, list []*ast.Option) {
	sep := " WITH "
	if w != nil {
		p.s(sep)
		p.password(w)
		sep = ", "
	}
	for _, o := range list {
		p.s(sep)
		p.option(o)
		sep = ", "
	}
}

func (p *printer) principal(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.Provider:
		p.s(string(s.Mode), " CRYPTOGRAPHIC PROVIDER ", quote(s.Name))
		p.text(" FROM FILE = ", s.File)
		p.when(s.State != "", " "+s.State)
	case *ast.Credential:
		p.s(string(s.Mode))
		p.when(s.DatabaseScoped, " DATABASE SCOPED")
		p.s(" CREDENTIAL ", quote(s.Name), " WITH IDENTITY = ", stringLit(s.Identity))
		p.secret(", SECRET = ", s.Secret)
		p.name(" FOR CRYPTOGRAPHIC PROVIDER ", s.Provider)
	case *ast.CreateLogin:
		p.s("CREATE LOGIN ", quote(s.Name))
		if s.From != "" {
			p.s(" FROM ", s.From)
			p.name(" ", s.FromName)
		}
		p.principalOptions(s.Password, s.Options)
	case *ast.AlterLogin:
		p.s("ALTER LOGIN ", quote(s.Name))
		p.when(s.State != "", " "+s.State)
		p.name(" ADD CREDENTIAL ", s.AddCredential)
		p.name(" DROP CREDENTIAL ", s.DropCredential)
		p.principalOptions(s.Password, s.Options)
	case *ast.User:
		p.s(string(s.Mode), " USER ", quote(s.Name))
		switch s.For {
		case "":
		case "WITHOUT LOGIN":
			p.s(" WITHOUT LOGIN")
		default:
			p.s(" FROM ", s.For)
			p.name(" ", s.ForName)
		}
		p.principalOptions(s.Password, s.Options)
	case *ast.Role:
		p.role(s)
	case *ast.Permission:
		p.permission(s)
	case *ast.ExecuteAs:
		p.s("EXECUTE AS ", s.Kind)
		p.optExpr(" = ", s.Name)
		p.when(s.NoRevert, " WITH NO REVERT")
		p.when(s.Cookie != "", " WITH COOKIE INTO "+s.Cookie)
	case *ast.Revert:
		p.s("REVERT")
		p.when(s.Cookie != "", " WITH COOKIE = "+s.Cookie)
	case *ast.AlterAuthorization:
		p.s("ALTER AUTHORIZATION ON ")
		p.when(s.Class != "", s.Class+"::")
		p.s(object(s.Name), " TO ")
		if s.Owner == "" {
			p.s("SCHEMA OWNER")
		}
		p.s(quote(s.Owner))
	default:
		return false
	}
	return true
}

func (p *printer) role(s *ast.Role) {
	p.s(string(s.Mode), " ", s.Kind, " ", quote(s.Name))
	p.name(" AUTHORIZATION ", s.Owner)
	p.name(" ADD MEMBER ", s.AddMember)
	p.name(" DROP MEMBER ", s.DropMember)
	p.name(" WITH NAME = ", s.Rename)
	var w *ast.Password
	if s.Password != nil {
		w = &ast.Password{Secret: s.Password}
	}
	p.principalOptions(w, s.Options)
}

func (p *printer) permission(s *ast.Permission) {
	p.s(s.Verb, " ")
	p.when(s.GrantOptionFor, "GRANT OPTION FOR ")
	p.when(s.All, "ALL")
	p.each(len(s.Permissions), func(i int) {
		p.s(s.Permissions[i].Name)
		p.parenNames(" ", s.Permissions[i].Columns)
	})
	if s.Securable != nil {
		p.s(" ON ")
		p.when(s.Class != "", s.Class+"::")
		p.object(*s.Securable)
		p.parenNames(" ", s.Columns)
	}
	p.s(map[bool]string{true: " FROM ", false: " TO "}[s.Verb == "REVOKE"])
	p.names(s.Principals)
	p.when(s.GrantOption, " WITH GRANT OPTION")
	p.when(s.Cascade, " CASCADE")
	p.name(" AS ", s.As)
}
