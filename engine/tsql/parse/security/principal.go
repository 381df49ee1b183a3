package security

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// Provider parses what follows CREATE or ALTER CRYPTOGRAPHIC PROVIDER.
func Provider(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.Provider{Mode: mode, Name: c.Name()}
	if mode == "CREATE" || c.Is("FROM") {
		c.Expect("FROM", "FILE")
		c.ExpectSym(token.Eq)
		s.File = c.Const()
	}
	if mode == "CREATE" {
		return s
	}
	switch {
	case c.IsAny("ENABLE", "DISABLE") && !c.IsAt(1, "TRIGGER"):
		s.State = c.AnyWord()
	case c.IsSeq("SET", "ENABLED"):
		c.Accept("SET", "ENABLED")
		c.ExpectSym(token.Eq)
		s.State = "DISABLE"
		if c.OnOff() {
			s.State = "ENABLE"
		}
	}
	if s.File == nil && s.State == "" {
		c.Fail()
	}
	return s
}

// Credential parses what follows CREATE or ALTER CREDENTIAL.
func Credential(c *cursor.Cursor, mode ast.Mode, scoped bool) ast.Statement {
	s := &ast.Credential{Mode: mode, DatabaseScoped: scoped, Name: c.Name()}
	c.Expect("WITH")
	identity := false
	for {
		switch {
		case c.Accept("IDENTITY") && !identity:
			c.ExpectSym(token.Eq)
			s.Identity, identity = c.Str(), true
		case c.Accept("SECRET") && s.Secret == nil:
			c.ExpectSym(token.Eq)
			s.Secret = c.Secret()
		default:
			c.Fail()
		}
		if !c.Comma() {
			break
		}
	}
	if !identity {
		c.Fail()
	}
	if mode == "CREATE" && !scoped && c.Accept("FOR") {
		c.Expect("CRYPTOGRAPHIC", "PROVIDER")
		s.Provider = c.Name()
	}
	return s
}

// password parses = 'text' or = 0x... HASHED with the flags that may follow.
func password(c *cursor.Cursor) *ast.Password {
	p := &ast.Password{}
	c.ExpectSym(token.Eq)
	if c.Kind() == token.Binary {
		p.Secret = &ast.Secret{Value: secret.FromString(c.Hex()), Hex: true}
		c.Expect("HASHED")
		p.Hashed = true
	} else {
		p.Secret = c.Secret()
		p.Hashed = c.Accept("HASHED")
	}
	for {
		switch c.AcceptAny("MUST_CHANGE", "UNLOCK", "OLD_PASSWORD") {
		case "MUST_CHANGE":
			p.MustChange = true
		case "UNLOCK":
			p.Unlock = true
		case "OLD_PASSWORD":
			c.ExpectSym(token.Eq)
			p.Old = c.Secret()
		default:
			return p
		}
	}
}

// principalOption parses one option of a login or user that is no password.
func principalOption(c *cursor.Cursor) *ast.Option {
	switch w := c.ExpectAny("SID", "DEFAULT_DATABASE", "DEFAULT_LANGUAGE", "CHECK_EXPIRATION", "CHECK_POLICY", "CREDENTIAL", "NAME",
		"NO", "DEFAULT_SCHEMA", "LOGIN", "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS", "OBJECT_ID", "TYPE"); w {
	case "NO":
		c.Expect("CREDENTIAL")
		return &ast.Option{Name: "NO CREDENTIAL"}
	case "CHECK_EXPIRATION", "CHECK_POLICY", "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS":
		c.ExpectSym(token.Eq)
		return &ast.Option{Name: w, Value: &ast.Word{Text: c.ExpectAny("ON", "OFF")}}
	case "SID":
		c.ExpectSym(token.Eq)
		return &ast.Option{Name: w, Value: &ast.Literal{Kind: ast.BinaryLit, Text: c.Hex()}}
	default:
		return c.NameOption(w)
	}
}

// principalOptions parses PASSWORD and other options separated by commas.
func principalOptions(c *cursor.Cursor) (*ast.Password, []*ast.Option) {
	var p *ast.Password
	var opts []*ast.Option
	for {
		if p == nil && c.Accept("PASSWORD") {
			p = password(c)
		} else {
			opts = append(opts, principalOption(c))
		}
		if !c.Comma() {
			return p, opts
		}
	}
}

// CreateLogin parses what follows CREATE LOGIN.
func CreateLogin(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateLogin{Name: c.Name()}
	if c.Accept("FROM") {
		switch {
		case c.Accept("WINDOWS"):
			s.From = "WINDOWS"
		case c.Accept("EXTERNAL", "PROVIDER"):
			s.From = "EXTERNAL PROVIDER"
		default:
			s.From, s.FromName = keyRef(c)
		}
		if c.Accept("WITH") {
			s.Password, s.Options = principalOptions(c)
		}
		return s
	}
	c.Expect("WITH")
	s.Password, s.Options = principalOptions(c)
	if s.Password == nil {
		c.Fail()
	}
	return s
}

// keyRef parses CERTIFICATE name or ASYMMETRIC KEY name.
func keyRef(c *cursor.Cursor) (kind, name string) {
	if c.Accept("CERTIFICATE") {
		return "CERTIFICATE", c.Name()
	}
	c.Expect("ASYMMETRIC", "KEY")
	return "ASYMMETRIC KEY", c.Name()
}

// AlterLogin parses what follows ALTER LOGIN.
func AlterLogin(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterLogin{Name: c.Name()}
	switch w := c.ExpectAny("ENABLE", "DISABLE", "ADD", "DROP", "WITH"); w {
	case "ADD":
		c.Expect("CREDENTIAL")
		s.AddCredential = c.Name()
	case "DROP":
		c.Expect("CREDENTIAL")
		s.DropCredential = c.Name()
	case "WITH":
		s.Password, s.Options = principalOptions(c)
	default:
		s.State = w
	}
	return s
}

// User parses what follows CREATE or ALTER USER.
func User(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.User{Mode: mode, Name: c.Name()}
	if mode == "CREATE" {
		switch {
		case c.Accept("WITHOUT"):
			c.Expect("LOGIN")
			s.For = "WITHOUT LOGIN"
		case c.AcceptAny("FOR", "FROM") != "":
			switch {
			case c.Accept("LOGIN"):
				s.For, s.ForName = "LOGIN", c.Name()
			case c.Accept("EXTERNAL", "PROVIDER"):
				s.For = "EXTERNAL PROVIDER"
			default:
				s.For, s.ForName = keyRef(c)
			}
		}
		if !c.Is("WITH") {
			return s
		}
	}
	c.Expect("WITH")
	s.Password, s.Options = principalOptions(c)
	return s
}

// Role parses what follows CREATE or ALTER and the kind: ROLE, SERVER ROLE, APPLICATION ROLE.
func Role(c *cursor.Cursor, mode ast.Mode, kind string) ast.Statement {
	s := &ast.Role{Mode: mode, Kind: kind, Name: c.NameOrWord("PUBLIC")}
	switch {
	case kind == "APPLICATION ROLE":
		c.Expect("WITH")
		for {
			if c.Accept("PASSWORD") {
				c.ExpectSym(token.Eq)
				s.Password = c.Secret()
			} else {
				s.Options = append(s.Options, c.NameOption(c.ExpectAny("NAME", "DEFAULT_SCHEMA")))
			}
			if !c.Comma() {
				break
			}
		}
	case mode == "CREATE":
		if c.Accept("AUTHORIZATION") {
			s.Owner = c.Name()
		}
	default:
		switch c.ExpectAny("ADD", "DROP", "WITH") {
		case "ADD":
			c.Expect("MEMBER")
			s.AddMember = c.Name()
		case "DROP":
			c.Expect("MEMBER")
			s.DropMember = c.Name()
		default:
			c.Expect("NAME")
			c.ExpectSym(token.Eq)
			s.Rename = c.Name()
		}
	}
	return s
}
