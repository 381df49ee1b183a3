package format

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

// password prints PASSWORD = with its flags.
func (p *printer) password(w *ast.Password) {
	p.Secret("PASSWORD = ", w.Secret)
	p.When(w.Hashed, " HASHED")
	p.Secret(" OLD_PASSWORD = ", w.Old)
	p.When(w.MustChange, " MUST_CHANGE")
	p.When(w.Unlock, " UNLOCK")
}

// principalOptions prints WITH PASSWORD = ..., option, ...; nothing if there is none.
func (p *printer) principalOptions(w *ast.Password, list []*ast.Option) {
	sep := " WITH "
	if w != nil {
		p.S(sep)
		p.password(w)
		sep = ", "
	}
	for _, o := range list {
		p.S(sep)
		p.Option(o)
		sep = ", "
	}
}

func (p *printer) principal(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.Provider:
		p.S(string(s.Mode), " CRYPTOGRAPHIC PROVIDER ", phrase.Quote(s.Name))
		p.Text(" FROM FILE = ", s.File)
		p.When(s.State != "", " "+s.State)
	case *ast.Credential:
		p.S(string(s.Mode))
		p.When(s.DatabaseScoped, " DATABASE SCOPED")
		p.S(" CREDENTIAL ", phrase.Quote(s.Name), " WITH IDENTITY = ", phrase.StringLit(s.Identity))
		p.Secret(", SECRET = ", s.Secret)
		p.Name(" FOR CRYPTOGRAPHIC PROVIDER ", s.Provider)
	case *ast.CreateLogin:
		p.S("CREATE LOGIN ", phrase.Quote(s.Name))
		if s.From != "" {
			p.S(" FROM ", s.From)
			p.Name(" ", s.FromName)
		}
		p.principalOptions(s.Password, s.Options)
	case *ast.AlterLogin:
		p.S("ALTER LOGIN ", phrase.Quote(s.Name))
		p.When(s.State != "", " "+s.State)
		p.Name(" ADD CREDENTIAL ", s.AddCredential)
		p.Name(" DROP CREDENTIAL ", s.DropCredential)
		p.principalOptions(s.Password, s.Options)
	case *ast.User:
		p.S(string(s.Mode), " USER ", phrase.Quote(s.Name))
		switch s.For {
		case "":
		case "WITHOUT LOGIN":
			p.S(" WITHOUT LOGIN")
		default:
			p.S(" FROM ", s.For)
			p.Name(" ", s.ForName)
		}
		p.principalOptions(s.Password, s.Options)
	case *ast.Role:
		p.role(s)
	case *ast.Permission:
		p.permission(s)
	case *ast.ExecuteAs:
		p.S("EXECUTE AS ", s.Kind)
		p.OptExpr(" = ", s.Name)
		p.When(s.NoRevert, " WITH NO REVERT")
		p.When(s.Cookie != "", " WITH COOKIE INTO "+s.Cookie)
	case *ast.Revert:
		p.S("REVERT")
		p.When(s.Cookie != "", " WITH COOKIE = "+s.Cookie)
	case *ast.AlterAuthorization:
		p.S("ALTER AUTHORIZATION ON ")
		p.When(s.Class != "", s.Class+"::")
		p.S(phrase.ObjectName(s.Name), " TO ")
		if s.Owner == "" {
			p.S("SCHEMA OWNER")
		}
		p.S(phrase.Quote(s.Owner))
	default:
		return false
	}
	return true
}

func (p *printer) role(s *ast.Role) {
	p.S(string(s.Mode), " ", s.Kind, " ", phrase.Quote(s.Name))
	p.Name(" AUTHORIZATION ", s.Owner)
	p.Name(" ADD MEMBER ", s.AddMember)
	p.Name(" DROP MEMBER ", s.DropMember)
	p.Name(" WITH NAME = ", s.Rename)
	var w *ast.Password
	if s.Password != nil {
		w = &ast.Password{Secret: s.Password}
	}
	p.principalOptions(w, s.Options)
}

func (p *printer) permission(s *ast.Permission) {
	p.S(s.Verb, " ")
	p.When(s.GrantOptionFor, "GRANT OPTION FOR ")
	p.When(s.All, "ALL")
	p.Each(len(s.Permissions), func(i int) {
		p.S(s.Permissions[i].Name)
		p.ParenNames(" ", s.Permissions[i].Columns)
	})
	if s.Securable != nil {
		p.S(" ON ")
		p.When(s.Class != "", s.Class+"::")
		p.Object(*s.Securable)
		p.ParenNames(" ", s.Columns)
	}
	p.S(map[bool]string{true: " FROM ", false: " TO "}[s.Verb == "REVOKE"])
	p.Names(s.Principals)
	p.When(s.GrantOption, " WITH GRANT OPTION")
	p.When(s.Cascade, " CASCADE")
	p.Name(" AS ", s.As)
}
