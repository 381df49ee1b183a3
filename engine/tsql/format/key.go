package format

import "latchkey/engine/tsql/ast"

func (p *printer) encryptors(list []*ast.Encryptor) {
	p.each(len(list), func(i int) { p.encryptor(list[i]) })
}

func (p *printer) encryptor(e *ast.Encryptor) {
	if e.Kind == "PASSWORD" {
		p.secret("PASSWORD = ", e.Password)
		return
	}
	p.s(e.Kind, " ", quote(e.Name))
	p.secret(" WITH PASSWORD = ", e.Password)
}

// privateKey prints PRIVATE KEY (...) after some text.
func (p *printer) privateKey(before string, k *ast.PrivateKey) {
	if k == nil {
		return
	}
	p.s(before, "PRIVATE KEY (")
	sep := ""
	part := func(present bool, f func()) {
		if present {
			p.s(sep)
			f()
			sep = ", "
		}
	}
	part(k.File != nil, func() { p.text("FILE = ", k.File) })
	part(k.Binary != "", func() {
		p.s("BINARY = ")
		p.s(map[bool]string{true: k.Binary, false: "0x00"}[p.show])
	})
	part(k.Decrypt != nil, func() { p.secret("DECRYPTION BY PASSWORD = ", k.Decrypt) })
	part(k.Encrypt != nil, func() { p.secret("ENCRYPTION BY PASSWORD = ", k.Encrypt) })
	part(k.Algorithm != nil, func() { p.text("ALGORITHM = ", k.Algorithm) })
	p.s(")")
}

// formatAndKey prints WITH FORMAT = ..., PRIVATE KEY (...).
func (p *printer) formatAndKey(format string, k *ast.PrivateKey) {
	before := " WITH "
	if format != "" {
		p.optString(" WITH FORMAT = ", format)
		before = ", "
	}
	p.privateKey(before, k)
}

// keyOptions prints the options that asymmetric and symmetric keys share.
func (p *printer) keyOptions(sep, algorithm string, name *ast.Text, creation string) string {
	if name != nil {
		p.text(sep+"PROVIDER_KEY_NAME = ", name)
		sep = ", "
	}
	if algorithm != "" {
		p.s(sep, "ALGORITHM = ", algorithm)
		sep = ", "
	}
	if creation != "" {
		p.s(sep, "CREATION_DISPOSITION = ", creation)
		sep = ", "
	}
	return sep
}

func (p *printer) key(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.AsymmetricKey:
		p.s("CREATE ASYMMETRIC KEY ", quote(s.Name))
		p.name(" AUTHORIZATION ", s.Owner)
		p.name(" FROM PROVIDER ", s.Provider)
		p.keySource(s.Source, s.SourceArg)
		p.keyOptions(" WITH ", s.Algorithm, s.KeyName, s.Creation)
		p.secret(" ENCRYPTION BY PASSWORD = ", s.Password)
	case *ast.AlterAsymmetricKey:
		p.s("ALTER ASYMMETRIC KEY ", quote(s.Name))
		p.when(s.RemovePrivateKey, " REMOVE PRIVATE KEY")
		p.when(s.RemoveAttestedFlag, " REMOVE ATTESTED OPTION")
		p.text(" ATTESTED BY ", s.AttestedBy)
		if s.Decrypt != nil || s.Encrypt != nil {
			p.privateKey(" WITH ", &ast.PrivateKey{Decrypt: s.Decrypt, Encrypt: s.Encrypt})
		}
	case *ast.SymmetricKey:
		p.s("CREATE SYMMETRIC KEY ", quote(s.Name))
		p.name(" AUTHORIZATION ", s.Owner)
		p.name(" FROM PROVIDER ", s.Provider)
		sep := p.keyOptions(" WITH ", s.Algorithm, s.KeyName, s.Creation)
		if s.KeySource != nil {
			p.secret(sep+"KEY_SOURCE = ", s.KeySource)
			sep = ", "
		}
		p.secret(sep+"IDENTITY_VALUE = ", s.IdentityValue)
		if s.Encryptors != nil {
			p.s(" ENCRYPTION BY ")
			p.encryptors(s.Encryptors)
		}
	case *ast.AlterSymmetricKey:
		p.s("ALTER SYMMETRIC KEY ", quote(s.Name), map[bool]string{true: " DROP", false: " ADD"}[s.Drop], " ENCRYPTION BY ")
		p.encryptors(s.Encryptors)
	case *ast.OpenKey:
		if s.Master {
			p.s("OPEN MASTER KEY")
		} else {
			p.s("OPEN SYMMETRIC KEY ", quote(s.Name))
		}
		p.s(" DECRYPTION BY ")
		p.encryptor(s.By)
	case *ast.CloseKey:
		switch {
		case s.Master:
			p.s("CLOSE MASTER KEY")
		case s.All:
			p.s("CLOSE ALL SYMMETRIC KEYS")
		default:
			p.s("CLOSE SYMMETRIC KEY ", quote(s.Name))
		}
	case *ast.MasterKey:
		p.masterKey(s)
	case *ast.BackupSymmetricKey:
		verb, to := "BACKUP", "TO"
		if s.Restore {
			verb, to = "RESTORE", "FROM"
		}
		p.s(verb, " SYMMETRIC KEY ", quote(s.Name), " ", to, map[bool]string{true: " URL", false: " FILE"}[s.URL])
		p.text(" = ", s.File)
		p.secret(" DECRYPTION BY PASSWORD = ", s.Decrypt)
		p.secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
	case *ast.DatabaseKey:
		p.s(string(s.Mode), " DATABASE ENCRYPTION KEY")
		p.when(s.Regenerate, " REGENERATE")
		p.when(s.Algorithm != "", " WITH ALGORITHM = "+s.Algorithm)
		if s.By != nil {
			p.s(" ENCRYPTION BY SERVER ")
			p.encryptor(s.By)
		}
	default:
		return p.certificate(s)
	}
	return true
}

func (p *printer) keySource(kind, arg string) {
	switch kind {
	case "":
	case "ASSEMBLY":
		p.s(" FROM ASSEMBLY ", quote(arg))
	case "BINARY":
		p.s(" FROM BINARY = ", arg)
	default:
		p.s(" FROM ", kind, " = ", stringLit(arg))
	}
}

func (p *printer) masterKey(s *ast.MasterKey) {
	kind := "MASTER KEY"
	if s.Service {
		kind = "SERVICE MASTER KEY"
	}
	switch s.Action {
	case "CREATE":
		p.s("CREATE ", kind)
		p.secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
	case "BACKUP", "RESTORE":
		p.s(s.Action, " ", kind, map[bool]string{true: " TO", false: " FROM"}[s.Action == "BACKUP"])
		p.text(" FILE = ", s.File)
		p.secret(" DECRYPTION BY PASSWORD = ", s.Decrypt)
		p.secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
		p.when(s.Force, " FORCE")
	case "WITH OLD ACCOUNT", "WITH NEW ACCOUNT":
		age := s.Action[5:8]
		p.s("ALTER ", kind, " WITH ", age, "_ACCOUNT = ", stringLit(s.Account))
		p.secret(", "+age+"_PASSWORD = ", s.AccountPass)
	case "REGENERATE", "FORCE REGENERATE":
		p.s("ALTER ", kind, " ", s.Action)
		p.secret(" WITH ENCRYPTION BY PASSWORD = ", s.Encrypt)
	default:
		p.s("ALTER ", kind, " ", s.Action, " BY ")
		p.when(s.ByService, "SERVICE MASTER KEY")
		p.secret("PASSWORD = ", s.Encrypt)
	}
}

func (p *printer) certificate(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateCertificate:
		p.s("CREATE CERTIFICATE ", quote(s.Name))
		p.name(" AUTHORIZATION ", s.Owner)
		if s.Source != "" {
			p.keySource(s.Source, s.SourceArg)
			p.formatAndKey(s.Format, s.PrivateKey)
		} else {
			p.secret(" ENCRYPTION BY PASSWORD = ", s.Password)
			p.s(" WITH SUBJECT = ", stringLit(s.Subject))
			p.optString(", START_DATE = ", s.StartDate)
			p.optString(", EXPIRY_DATE = ", s.ExpiryDate)
		}
		p.active(" ", s.Options)
	case *ast.AlterCertificate:
		p.s("ALTER CERTIFICATE ", quote(s.Name))
		p.when(s.RemovePrivateKey, " REMOVE PRIVATE KEY")
		p.text(" ATTESTED BY ", s.AttestedBy)
		p.privateKey(" WITH ", s.PrivateKey)
		p.active(" WITH ", s.Options)
	case *ast.BackupCertificate:
		p.s("BACKUP CERTIFICATE ", quote(s.Name), " TO")
		p.text(" FILE = ", s.File)
		p.formatAndKey(s.Format, s.PrivateKey)
	default:
		return false
	}
	return true
}

func (p *printer) active(before string, list []*ast.Option) {
	if list != nil {
		p.s(before)
		p.options(list)
	}
}
