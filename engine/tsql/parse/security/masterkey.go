package security

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// CreateMasterKey parses what follows CREATE MASTER KEY.
func CreateMasterKey(c *cursor.Cursor) ast.Statement {
	s := &ast.MasterKey{Action: "CREATE"}
	if c.Accept("ENCRYPTION") {
		c.Expect("BY")
		s.Encrypt = c.PasswordIs()
	}
	return s
}

// AlterMasterKey parses what follows ALTER MASTER KEY or ALTER SERVICE MASTER KEY.
func AlterMasterKey(c *cursor.Cursor, service bool) ast.Statement {
	s := &ast.MasterKey{Service: service}
	switch {
	case c.IsAny("FORCE", "REGENERATE"):
		if c.Accept("FORCE") {
			s.Action = "FORCE "
		}
		c.Expect("REGENERATE")
		s.Action += "REGENERATE"
		if !service {
			c.Expect("WITH", "ENCRYPTION", "BY")
			s.Encrypt = c.PasswordIs()
		}
	case service:
		c.Expect("WITH")
		age := "OLD"
		if c.Is("NEW_ACCOUNT") {
			age = "NEW"
		}
		s.Action = "WITH " + age + " ACCOUNT"
		c.Expect(age + "_ACCOUNT")
		c.ExpectSym(token.Eq)
		s.Account = c.Str()
		c.ExpectSym(token.Comma)
		c.Expect(age + "_PASSWORD")
		c.ExpectSym(token.Eq)
		s.AccountPass = c.Secret()
	default:
		s.Action = c.ExpectAny("ADD", "DROP") + " ENCRYPTION"
		c.Expect("ENCRYPTION", "BY")
		if c.Accept("SERVICE") {
			c.Expect("MASTER", "KEY")
			s.ByService = true
		} else {
			s.Encrypt = c.PasswordIs()
		}
	}
	return s
}

// Backup parses BACKUP of a certificate or key; nil if it is of a database or log.
func Backup(c *cursor.Cursor) ast.Statement {
	s := &ast.MasterKey{Action: "BACKUP"}
	switch {
	case c.Accept("BACKUP", "CERTIFICATE"):
		return backupCertificate(c)
	case c.IsSeq("BACKUP", "SYMMETRIC"):
		return symmetricKeyFile(c, false)
	case c.Accept("BACKUP", "SERVICE"):
		c.Expect("MASTER", "KEY")
		s.Service = true
	case c.Accept("BACKUP", "MASTER"):
		c.Expect("KEY")
	default:
		return nil
	}
	c.Expect("TO", "FILE")
	c.ExpectSym(token.Eq)
	s.File = c.Const()
	c.Expect("ENCRYPTION", "BY")
	s.Encrypt = c.PasswordIs()
	return s
}

// Restore parses RESTORE of a key; nil if it is of a database or log.
func Restore(c *cursor.Cursor) ast.Statement {
	s := &ast.MasterKey{Action: "RESTORE"}
	switch {
	case c.IsSeq("RESTORE", "SYMMETRIC"):
		return symmetricKeyFile(c, true)
	case c.Accept("RESTORE", "SERVICE"):
		c.Expect("MASTER", "KEY")
		s.Service = true
	case c.Accept("RESTORE", "MASTER"):
		c.Expect("KEY")
	default:
		return nil
	}
	c.Expect("FROM", "FILE")
	c.ExpectSym(token.Eq)
	s.File = c.Const()
	c.Expect("DECRYPTION", "BY")
	s.Decrypt = c.PasswordIs()
	if !s.Service {
		c.Expect("ENCRYPTION", "BY")
		s.Encrypt = c.PasswordIs()
	}
	s.Force = c.Accept("FORCE")
	return s
}

func symmetricKeyFile(c *cursor.Cursor, restore bool) ast.Statement {
	c.Advance()
	c.Expect("SYMMETRIC", "KEY")
	s := &ast.BackupSymmetricKey{Restore: restore, Name: c.Name()}
	if restore {
		c.Expect("FROM")
	} else {
		c.Expect("TO")
	}
	s.URL = c.ExpectAny("FILE", "URL") == "URL"
	c.ExpectSym(token.Eq)
	s.File = c.Const()
	for c.IsAny("ENCRYPTION", "DECRYPTION") {
		w := c.AnyWord()
		c.Expect("BY")
		if p := c.PasswordIs(); w == "ENCRYPTION" {
			s.Encrypt = p
		} else {
			s.Decrypt = p
		}
	}
	return s
}

// CreateCertificate parses what follows CREATE CERTIFICATE.
func CreateCertificate(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateCertificate{Name: c.Name()}
	if c.Accept("AUTHORIZATION") {
		s.Owner = c.Name()
	}
	if c.Accept("FROM") {
		if c.Accept("BINARY") {
			c.ExpectSym(token.Eq)
			s.Source, s.SourceArg = "BINARY", c.Hex()
		} else {
			s.Source, s.SourceArg = keySource(c)
		}
		if c.Accept("WITH") {
			s.Format, s.PrivateKey = formatAndKey(c)
		}
	} else {
		if c.Accept("ENCRYPTION") {
			c.Expect("BY")
			s.Password = c.PasswordIs()
		}
		c.Expect("WITH")
		certificateOptions(c, s)
	}
	s.Options = beginDialog(c)
	return s
}

func certificateOptions(c *cursor.Cursor, s *ast.CreateCertificate) {
	for {
		w := c.ExpectAny("SUBJECT", "START_DATE", "EXPIRY_DATE")
		c.ExpectSym(token.Eq)
		v := c.Str()
		switch w {
		case "SUBJECT":
			s.Subject = v
		case "START_DATE":
			s.StartDate = v
		case "EXPIRY_DATE":
			s.ExpiryDate = v
		}
		if !c.Comma() {
			return
		}
	}
}

// beginDialog parses ACTIVE FOR BEGIN_DIALOG = ON|OFF.
func beginDialog(c *cursor.Cursor) []*ast.Option {
	if !c.Accept("ACTIVE", "FOR") {
		return nil
	}
	c.Expect("BEGIN_DIALOG")
	c.ExpectSym(token.Eq)
	return []*ast.Option{{Name: "ACTIVE FOR BEGIN_DIALOG", Value: &ast.Word{Text: c.ExpectAny("ON", "OFF")}}}
}

// formatAndKey parses [FORMAT = 'PFX' ,] PRIVATE KEY (...).
func formatAndKey(c *cursor.Cursor) (format string, key *ast.PrivateKey) {
	if c.Accept("FORMAT") {
		c.ExpectSym(token.Eq)
		format = c.Str()
		if !c.Comma() {
			return format, nil
		}
	}
	return format, privateKey(c)
}

// privateKey parses PRIVATE KEY (FILE = , DECRYPTION BY PASSWORD = , ...), in any order.
func privateKey(c *cursor.Cursor) *ast.PrivateKey {
	k := &ast.PrivateKey{}
	c.Expect("PRIVATE", "KEY")
	c.ExpectSym(token.LParen)
	for {
		switch w := c.ExpectAny("FILE", "BINARY", "DECRYPTION", "ENCRYPTION", "ALGORITHM"); w {
		case "FILE":
			c.ExpectSym(token.Eq)
			k.File = c.Const()
		case "BINARY":
			c.ExpectSym(token.Eq)
			k.Binary = c.Hex()
		case "ALGORITHM":
			c.ExpectSym(token.Eq)
			k.Algorithm = c.Const()
		case "DECRYPTION":
			c.Expect("BY")
			k.Decrypt = c.PasswordIs()
		case "ENCRYPTION":
			c.Expect("BY")
			k.Encrypt = c.PasswordIs()
		}
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return k
}

// AlterCertificate parses what follows ALTER CERTIFICATE.
func AlterCertificate(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterCertificate{Name: c.Name()}
	switch {
	case c.Accept("REMOVE"):
		c.Expect("PRIVATE", "KEY")
		s.RemovePrivateKey = true
	case c.Accept("ATTESTED"):
		c.Expect("BY")
		s.AttestedBy = c.Const()
	default:
		c.Expect("WITH")
		if c.Is("ACTIVE") {
			s.Options = beginDialog(c)
		} else {
			s.PrivateKey = privateKey(c)
		}
	}
	return s
}

func backupCertificate(c *cursor.Cursor) ast.Statement {
	s := &ast.BackupCertificate{Name: c.Name()}
	c.Expect("TO", "FILE")
	c.ExpectSym(token.Eq)
	s.File = c.Const()
	if c.Accept("WITH") {
		s.Format, s.PrivateKey = formatAndKey(c)
	}
	return s
}
