package security

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

var symmetricAlgorithms = []string{
	"AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY", "TRIPLE_DES", "DES", "DESX", "RC2", "RC4", "RC4_128",
}

var asymmetricAlgorithms = []string{"RSA_512", "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096"}

// AsymmetricKey parses what follows CREATE ASYMMETRIC KEY.
func AsymmetricKey(c *cursor.Cursor) ast.Statement {
	s := &ast.AsymmetricKey{Name: c.Name()}
	if c.Accept("AUTHORIZATION") {
		s.Owner = c.Name()
	}
	with := false
	if c.Accept("FROM") {
		if c.Accept("PROVIDER") {
			s.Provider = c.Name()
		} else {
			s.Source, s.SourceArg = keySource(c)
		}
		with = c.Accept("WITH")
	} else {
		c.Expect("WITH")
		with = true
	}
	if with {
		asymmetricOptions(c, s)
	}
	if c.Accept("ENCRYPTION") {
		c.Expect("BY")
		s.Password = c.PasswordIs()
	}
	return s
}

func asymmetricOptions(c *cursor.Cursor, s *ast.AsymmetricKey) {
	for {
		switch {
		case c.Accept("ALGORITHM"):
			c.ExpectSym(token.Eq)
			s.Algorithm = c.ExpectAny(asymmetricAlgorithms...)
		case s.Provider != "" && c.Accept("PROVIDER_KEY_NAME"):
			c.ExpectSym(token.Eq)
			s.KeyName = c.Const()
		case s.Provider != "" && c.Accept("CREATION_DISPOSITION"):
			c.ExpectSym(token.Eq)
			s.Creation = c.ExpectAny("CREATE_NEW", "OPEN_EXISTING")
		default:
			c.Fail()
		}
		if !c.Comma() {
			return
		}
	}
}

// keySource parses [EXECUTABLE] FILE = 'f' or ASSEMBLY a.
func keySource(c *cursor.Cursor) (kind, arg string) {
	if c.Accept("ASSEMBLY") {
		return "ASSEMBLY", c.Name()
	}
	kind = "FILE"
	if c.Accept("EXECUTABLE") {
		kind = "EXECUTABLE FILE"
	}
	c.Expect("FILE")
	c.ExpectSym(token.Eq)
	return kind, c.Str()
}

// AlterAsymmetricKey parses what follows ALTER ASYMMETRIC KEY.
func AlterAsymmetricKey(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterAsymmetricKey{Name: c.Name()}
	switch {
	case c.Accept("REMOVE", "PRIVATE"):
		c.Expect("KEY")
		s.RemovePrivateKey = true
	case c.Accept("REMOVE", "ATTESTED"):
		c.Expect("OPTION")
		s.RemoveAttestedFlag = true
	case c.Accept("ATTESTED"):
		c.Expect("BY")
		s.AttestedBy = c.Const()
	default:
		c.Expect("WITH")
		k := privateKey(c)
		if k.File != nil || k.Binary != "" {
			c.FailBack(1)
		}
		s.Decrypt, s.Encrypt = k.Decrypt, k.Encrypt
	}
	return s
}

// encryptor parses what a key is encrypted by.
func encryptor(c *cursor.Cursor) *ast.Encryptor {
	e := &ast.Encryptor{}
	switch {
	case c.Accept("CERTIFICATE"):
		e.Kind, e.Name = "CERTIFICATE", c.Name()
	case c.Accept("ASYMMETRIC", "KEY"):
		e.Kind, e.Name = "ASYMMETRIC KEY", c.Name()
	case c.Accept("SYMMETRIC", "KEY"):
		e.Kind, e.Name = "SYMMETRIC KEY", c.Name()
	case c.Is("PASSWORD"):
		e.Kind, e.Password = "PASSWORD", c.PasswordIs()
	default:
		c.Fail()
	}
	return e
}

func encryptors(c *cursor.Cursor) []*ast.Encryptor {
	list := []*ast.Encryptor{encryptor(c)}
	for c.Comma() {
		list = append(list, encryptor(c))
	}
	return list
}

// SymmetricKey parses what follows CREATE SYMMETRIC KEY.
func SymmetricKey(c *cursor.Cursor) ast.Statement {
	s := &ast.SymmetricKey{Name: c.Name()}
	if c.Accept("AUTHORIZATION") {
		s.Owner = c.Name()
	}
	if c.Accept("FROM") {
		c.Expect("PROVIDER")
		s.Provider = c.Name()
	}
	c.Expect("WITH")
	for {
		switch w := c.ExpectAny("KEY_SOURCE", "ALGORITHM", "IDENTITY_VALUE", "PROVIDER_KEY_NAME", "CREATION_DISPOSITION"); w {
		case "":
			return s
		default:
			c.ExpectSym(token.Eq)
			symmetricOption(c, s, w)
		}
		if !c.Comma() {
			break
		}
	}
	if c.Accept("ENCRYPTION") {
		c.Expect("BY")
		s.Encryptors = encryptors(c)
	}
	return s
}

func symmetricOption(c *cursor.Cursor, s *ast.SymmetricKey, name string) {
	switch name {
	case "KEY_SOURCE":
		s.KeySource = c.Secret()
	case "ALGORITHM":
		s.Algorithm = c.ExpectAny(symmetricAlgorithms...)
	case "IDENTITY_VALUE":
		s.IdentityValue = c.Secret()
	case "PROVIDER_KEY_NAME":
		s.KeyName = c.Const()
	default:
		s.Creation = c.ExpectAny("CREATE_NEW", "OPEN_EXISTING")
	}
}

// AlterSymmetricKey parses what follows ALTER SYMMETRIC KEY.
func AlterSymmetricKey(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterSymmetricKey{Name: c.Name()}
	s.Drop = c.ExpectAny("ADD", "DROP") == "DROP"
	c.Expect("ENCRYPTION", "BY")
	s.Encryptors = encryptors(c)
	return s
}

// Open parses OPEN SYMMETRIC KEY or OPEN MASTER KEY; nil if OPEN is of a cursor.
func Open(c *cursor.Cursor) ast.Statement {
	s := &ast.OpenKey{}
	switch {
	case c.Accept("OPEN", "SYMMETRIC", "KEY"):
		s.Name = c.Name()
		c.Expect("DECRYPTION", "BY")
		s.By = encryptor(c)
		if (s.By.Kind == "CERTIFICATE" || s.By.Kind == "ASYMMETRIC KEY") && c.IsSeq("WITH", "PASSWORD") {
			c.Advance()
			s.By.Password = c.PasswordIs()
		}
	case c.Accept("OPEN", "MASTER", "KEY"):
		s.Master = true
		c.Expect("DECRYPTION", "BY")
		s.By = &ast.Encryptor{Kind: "PASSWORD", Password: c.PasswordIs()}
	default:
		return nil
	}
	return s
}

// Close parses CLOSE of keys; nil if CLOSE is of a cursor.
func Close(c *cursor.Cursor) ast.Statement {
	switch {
	case c.Accept("CLOSE", "SYMMETRIC", "KEY"):
		return &ast.CloseKey{Name: c.Name()}
	case c.Accept("CLOSE", "ALL"):
		c.Expect("SYMMETRIC")
		c.Expect("KEYS")
		return &ast.CloseKey{All: true}
	case c.Accept("CLOSE", "MASTER", "KEY"):
		return &ast.CloseKey{Master: true}
	}
	return nil
}

// DatabaseKey parses what follows CREATE or ALTER DATABASE ENCRYPTION KEY.
func DatabaseKey(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.DatabaseKey{Mode: mode}
	if mode == "CREATE" || c.Is("REGENERATE") {
		s.Regenerate = c.Accept("REGENERATE")
		c.Expect("WITH", "ALGORITHM")
		c.ExpectSym(token.Eq)
		s.Algorithm = c.ExpectAny("AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY")
	}
	if !s.Regenerate || c.Is("ENCRYPTION") {
		c.Expect("ENCRYPTION", "BY", "SERVER")
		kind, name := keyRef(c)
		s.By = &ast.Encryptor{Kind: kind, Name: name}
	}
	return s
}
