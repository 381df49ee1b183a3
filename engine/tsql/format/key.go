package format

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) encryptors(list []*ast.Encryptor) {
	p.Each(len(list), func(i int) { p.encryptor(list[i]) })
}

func (p *printer) encryptor(e *ast.Encryptor) {
	if e.Kind == "PASSWORD" {
		p.Secret("PASSWORD = ", e.Password)
		return
	}
	p.S(e.Kind, " ", phrase.Quote(e.Name))
	p.Secret(" WITH PASSWORD = ", e.Password)
}

// privateKey prints PRIVATE KEY (...) after some text.
func (p *printer) privateKey(before string, k *ast.PrivateKey) {
	if k == nil {
		return
	}
	p.S(before, "PRIVATE KEY (")
	sep := ""
	part := func(present bool, f func()) {
		if present {
			p.S(sep)
			f()
			sep = ", "
		}
	}
	part(k.File != nil, func() { p.Text("FILE = ", k.File) })
	part(k.Binary != "", func() {
		p.S("BINARY = ")
		p.S(map[bool]string{true: k.Binary, false: "0x00"}[p.ShowSecrets])
	})
	part(k.Decrypt != nil, func() { p.Secret("DECRYPTION BY PASSWORD = ", k.Decrypt) })
	part(k.Encrypt != nil, func() { p.Secret("ENCRYPTION BY PASSWORD = ", k.Encrypt) })
	part(k.Algorithm != nil, func() { p.Text("ALGORITHM = ", k.Algorithm) })
	p.S(")")
}

// formatAndKey prints WITH FORMAT = ..., PRIVATE KEY (...).
func (p *printer) formatAndKey(format string, k *ast.PrivateKey) {
	before := " WITH "
	if format != "" {
		p.OptString(" WITH FORMAT = ", format)
		before = ", "
	}
	p.privateKey(before, k)
}

// keyOptions prints the options that asymmetric and symmetric keys share.
func (p *printer) keyOptions(sep, algorithm string, name *ast.Text, creation string) string {
	if name != nil {
		p.Text(sep+"PROVIDER_KEY_NAME = ", name)
		sep = ", "
	}
	if algorithm != "" {
		p.S(sep, "ALGORITHM = ", algorithm)
		sep = ", "
	}
	if creation != "" {
		p.S(sep, "CREATION_DISPOSITION = ", creation)
		sep = ", "
	}
	return sep
}

func (p *printer) key(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.AsymmetricKey:
		p.S("CREATE ASYMMETRIC KEY ", phrase.Quote(s.Name))
		p.Name(" AUTHORIZATION ", s.Owner)
		p.Name(" FROM PROVIDER ", s.Provider)
		p.keySource(s.Source, s.SourceArg)
		p.keyOptions(" WITH ", s.Algorithm, s.KeyName, s.Creation)
		p.Secret(" ENCRYPTION BY PASSWORD = ", s.Password)
	case *ast.AlterAsymmetricKey:
		p.S("ALTER ASYMMETRIC KEY ", phrase.Quote(s.Name))
		p.When(s.RemovePrivateKey, " REMOVE PRIVATE KEY")
		p.When(s.RemoveAttestedFlag, " REMOVE ATTESTED OPTION")
		p.Text(" ATTESTED BY ", s.AttestedBy)
		if s.Decrypt != nil || s.Encrypt != nil {
			p.privateKey(" WITH ", &ast.PrivateKey{Decrypt: s.Decrypt, Encrypt: s.Encrypt})
		}
	case *ast.SymmetricKey:
		p.S("CREATE SYMMETRIC KEY ", phrase.Quote(s.Name))
		p.Name(" AUTHORIZATION ", s.Owner)
		p.Name(" FROM PROVIDER ", s.Provider)
		sep := p.keyOptions(" WITH ", s.Algorithm, s.KeyName, s.Creation)
		if s.KeySource != nil {
			p.Secret(sep+"KEY_SOURCE = ", s.KeySource)
			sep = ", "
		}
		p.Secret(sep+"IDENTITY_VALUE = ", s.IdentityValue)
		if s.Encryptors != nil {
			p.S(" ENCRYPTION BY ")
			p.encryptors(s.Encryptors)
		}
	case *ast.AlterSymmetricKey:
		p.S("ALTER SYMMETRIC KEY ", phrase.Quote(s.Name), map[bool]string{true: " DROP", false: " ADD"}[s.Drop], " ENCRYPTION BY ")
		p.encryptors(s.Encryptors)
	case *ast.OpenKey:
		if s.Master {
			p.S("OPEN MASTER KEY")
		} else {
			p.S("OPEN SYMMETRIC KEY ", phrase.Quote(s.Name))
		}
		p.S(" DECRYPTION BY ")
		p.encryptor(s.By)
	case *ast.CloseKey:
		switch {
		case s.Master:
			p.S("CLOSE MASTER KEY")
		case s.All:
			p.S("CLOSE ALL SYMMETRIC KEYS")
		default:
			p.S("CLOSE SYMMETRIC KEY ", phrase.Quote(s.Name))
		}
	case *ast.MasterKey:
		p.masterKey(s)
	case *ast.BackupSymmetricKey:
		verb, to := "BACKUP", "TO"
		if s.Restore {
			verb, to = "RESTORE", "FROM"
		}
		p.S(verb, " SYMMETRIC KEY ", phrase.Quote(s.Name), " ", to, map[bool]string{true: " URL", false: " FILE"}[s.URL])
		p.Text(" = ", s.File)
		p.Secret(" DECRYPTION BY PASSWORD = ", s.Decrypt)
		p.Secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
	case *ast.DatabaseKey:
		p.S(string(s.Mode), " DATABASE ENCRYPTION KEY")
		p.When(s.Regenerate, " REGENERATE")
		p.When(s.Algorithm != "", " WITH ALGORITHM = "+s.Algorithm)
		if s.By != nil {
			p.S(" ENCRYPTION BY SERVER ")
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
		p.S(" FROM ASSEMBLY ", phrase.Quote(arg))
	case "BINARY":
		p.S(" FROM BINARY = ", arg)
	default:
		p.S(" FROM ", kind, " = ", phrase.StringLit(arg))
	}
}

func (p *printer) masterKey(s *ast.MasterKey) {
	kind := "MASTER KEY"
	if s.Service {
		kind = "SERVICE MASTER KEY"
	}
	switch s.Action {
	case "CREATE":
		p.S("CREATE ", kind)
		p.Secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
	case "BACKUP", "RESTORE":
		p.S(s.Action, " ", kind, map[bool]string{true: " TO", false: " FROM"}[s.Action == "BACKUP"])
		p.Text(" FILE = ", s.File)
		p.Secret(" DECRYPTION BY PASSWORD = ", s.Decrypt)
		p.Secret(" ENCRYPTION BY PASSWORD = ", s.Encrypt)
		p.When(s.Force, " FORCE")
	case "WITH OLD ACCOUNT", "WITH NEW ACCOUNT":
		age := s.Action[5:8]
		p.S("ALTER ", kind, " WITH ", age, "_ACCOUNT = ", phrase.StringLit(s.Account))
		p.Secret(", "+age+"_PASSWORD = ", s.AccountPass)
	case "REGENERATE", "FORCE REGENERATE":
		p.S("ALTER ", kind, " ", s.Action)
		p.Secret(" WITH ENCRYPTION BY PASSWORD = ", s.Encrypt)
	default:
		p.S("ALTER ", kind, " ", s.Action, " BY ")
		p.When(s.ByService, "SERVICE MASTER KEY")
		p.Secret("PASSWORD = ", s.Encrypt)
	}
}

func (p *printer) certificate(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateCertificate:
		p.S("CREATE CERTIFICATE ", phrase.Quote(s.Name))
		p.Name(" AUTHORIZATION ", s.Owner)
		if s.Source != "" {
			p.keySource(s.Source, s.SourceArg)
			p.formatAndKey(s.Format, s.PrivateKey)
		} else {
			p.Secret(" ENCRYPTION BY PASSWORD = ", s.Password)
			p.S(" WITH SUBJECT = ", phrase.StringLit(s.Subject))
			p.OptString(", START_DATE = ", s.StartDate)
			p.OptString(", EXPIRY_DATE = ", s.ExpiryDate)
		}
		p.active(" ", s.Options)
	case *ast.AlterCertificate:
		p.S("ALTER CERTIFICATE ", phrase.Quote(s.Name))
		p.When(s.RemovePrivateKey, " REMOVE PRIVATE KEY")
		p.Text(" ATTESTED BY ", s.AttestedBy)
		p.privateKey(" WITH ", s.PrivateKey)
		p.active(" WITH ", s.Options)
	case *ast.BackupCertificate:
		p.S("BACKUP CERTIFICATE ", phrase.Quote(s.Name), " TO")
		p.Text(" FILE = ", s.File)
		p.formatAndKey(s.Format, s.PrivateKey)
	default:
		return false
	}
	return true
}

func (p *printer) active(before string, list []*ast.Option) {
	if list != nil {
		p.S(before)
		p.Options(list)
	}
}
