package catalog_test

import (
	"testing"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/grant"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/catalog/views"
)

// need is a permission, and where it is granted.
type need struct {
	name  string
	class perm.Class // perm.Server or perm.Database, or that of a securable
	words string
	on    string
}

func server(name string) need { return need{name: name, class: perm.Server} }

func inDatabase(name string) need { return need{name: name, class: perm.Database} }

// Each statement is refused without its permission and allowed with exactly the documented one, granted to a login that has nothing
// else.
func TestPermissionMatrix(t *testing.T) {
	const strong = "Correct-Horse-1"
	password := func() *principal.Password { return &principal.Password{Text: catalogtest.Secret(strong)} }
	byPassword := func() []key.Encryptor {
		return []key.Encryptor{{Kind: "PASSWORD", Password: catalogtest.Secret(strong)}}
	}
	base := catalogtest.New(t, nil)
	base.EnableEKM()
	create := &database.Create{Name: "db"}
	base.MustDo(1, &principal.CreateLogin{Name: "app", Password: password()}, &principal.CreateLogin{Name: "other", Password: password()}, &credential.Create{Name: "free"}, create)
	base.MustDo(create.ID, &principal.CreateUser{Name: "app"}, &key.CreateAsymmetric{Name: "have", Algorithm: "RSA_2048", Password: catalogtest.Secret(strong)})
	base.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret(strong)})
	base.MustDo(1, &key.CreateCertificate{Name: "tde", Subject: "s"})
	base.MustDo(create.ID, &database.CreateKey{Algorithm: "AES_256", Kind: database.ByCertificate, Name: "tde"})
	for _, c := range []struct {
		what   string
		db     bool // in the user database; otherwise in master
		op     func() catalog.Operation
		denied int // the message without the permission
		needs  []need
		role   string // a fixed role that will do instead
	}{
		{"CREATE CRYPTOGRAPHIC PROVIDER", false, func() catalog.Operation { return &credential.CreateProvider{Name: "p", Path: catalogtest.Path} }, 15247, []need{server("CONTROL SERVER")}, "sysadmin"},
		{"CREATE CREDENTIAL", false, func() catalog.Operation { return &credential.Create{Name: "c"} }, 15247, []need{server("ALTER ANY CREDENTIAL")}, "sysadmin"},
		{"ALTER CREDENTIAL", false, func() catalog.Operation { return &credential.Alter{Name: "free"} }, 15151, []need{server("ALTER ANY CREDENTIAL")}, "sysadmin"},
		{"DROP CREDENTIAL", false, func() catalog.Operation { return &credential.Drop{Name: "free"} }, 15151, []need{server("ALTER ANY CREDENTIAL")}, "sysadmin"},
		{"ALTER LOGIN ADD CREDENTIAL", false, func() catalog.Operation { return &credential.Map{Login: "other", Credential: "free"} }, 15151, []need{server("ALTER ANY LOGIN")}, "securityadmin"},
		{"ALTER LOGIN ON LOGIN", false, func() catalog.Operation { return &credential.Map{Login: "other", Credential: "free"} }, 15151, []need{{"ALTER", perm.Login, "LOGIN", "other"}}, ""},
		{"ALTER LOGIN WITH CREDENTIAL", false, func() catalog.Operation { return &credential.Map{Login: "other", Credential: "free", Only: true} }, 15151, []need{server("ALTER ANY LOGIN"), server("ALTER ANY CREDENTIAL")}, ""},
		{"CREATE LOGIN", false, func() catalog.Operation { return &principal.CreateLogin{Name: "new", Password: password()} }, 15247, []need{server("CREATE LOGIN")}, "securityadmin"},
		{"CREATE LOGIN by the covering one", false, func() catalog.Operation { return &principal.CreateLogin{Name: "new", Password: password()} }, 15247, []need{server("ALTER ANY LOGIN")}, ""},
		{"ALTER LOGIN", false, func() catalog.Operation { return &principal.AlterLogin{Name: "other", State: "DISABLE"} }, 15151, []need{server("ALTER ANY LOGIN")}, "securityadmin"},
		{"DROP LOGIN", false, func() catalog.Operation { return &principal.DropLogin{Name: "other"} }, 15151, []need{server("ALTER ANY LOGIN")}, "securityadmin"},
		{"CREATE SERVER ROLE", false, func() catalog.Operation { return &principal.CreateServerRole{Name: "r"} }, 15247, []need{server("CREATE SERVER ROLE")}, "sysadmin"},
		{"CREATE DATABASE", false, func() catalog.Operation { return &database.Create{Name: "n"} }, 262, []need{server("CREATE ANY DATABASE")}, "dbcreator"},
		{"DROP DATABASE", false, func() catalog.Operation { return &database.Drop{Name: "db"} }, 3701, []need{server("ALTER ANY DATABASE")}, "dbcreator"},
		{"ALTER DATABASE SET", false, func() catalog.Operation {
			return &database.Set{Name: "db", Options: []database.Option{{Name: "RECOVERY", Value: "SIMPLE"}}}
		}, 5011, []need{server("ALTER ANY DATABASE")}, "dbcreator"},
		{"sp_configure", false, func() catalog.Operation { return &database.Configure{Name: "nested triggers", Value: 1} }, 15247, []need{server("ALTER SETTINGS")}, "serveradmin"},
		{"RECONFIGURE", false, func() catalog.Operation { return &database.Reconfigure{} }, 5812, []need{server("ALTER SETTINGS")}, "serveradmin"},
		{"CREATE ASYMMETRIC KEY", true, func() catalog.Operation {
			return &key.CreateAsymmetric{Name: "k", Algorithm: "RSA_2048", Password: catalogtest.Secret(strong)}
		}, 262, []need{inDatabase("CREATE ASYMMETRIC KEY")}, "db_ddladmin"},
		{"DROP ASYMMETRIC KEY", true, func() catalog.Operation { return &key.DropAsymmetric{Name: "have"} }, 15151, []need{{"CONTROL", perm.AsymmetricKey, "ASYMMETRIC KEY", "have"}}, "db_owner"},
		{"CREATE SYMMETRIC KEY", true, func() catalog.Operation {
			return &key.CreateSymmetric{Name: "s", Algorithm: "AES_256", Encryptors: byPassword()}
		}, 262, []need{inDatabase("ALTER ANY SYMMETRIC KEY")}, "db_ddladmin"},
		{"CREATE SYMMETRIC KEY BY ASYMMETRIC KEY", true, func() catalog.Operation {
			return &key.CreateSymmetric{Name: "s", Algorithm: "AES_256", Encryptors: []key.Encryptor{{Kind: "ASYMMETRIC KEY", Name: "have"}}}
		}, 262, []need{inDatabase("ALTER ANY SYMMETRIC KEY"), {"VIEW DEFINITION", perm.AsymmetricKey, "ASYMMETRIC KEY", "have"}}, ""},
		{"CREATE CERTIFICATE", true, func() catalog.Operation {
			return &key.CreateCertificate{Name: "c", Subject: "s", Encrypt: catalogtest.Secret(strong)}
		}, 262, []need{inDatabase("CREATE CERTIFICATE")}, "db_ddladmin"},
		{"CREATE MASTER KEY", true, func() catalog.Operation { return &key.CreateMaster{Password: catalogtest.Secret(strong)} }, 262, []need{inDatabase("CONTROL")}, "db_owner"},
		{"CREATE USER", true, func() catalog.Operation { return &principal.CreateUser{Name: "u", From: principal.WithoutLogin} }, 15247, []need{inDatabase("ALTER ANY USER")}, "db_accessadmin"},
		{"CREATE ROLE", true, func() catalog.Operation { return &principal.CreateRole{Name: "r"} }, 15247, []need{inDatabase("CREATE ROLE")}, "db_securityadmin"},
		{"CREATE SCHEMA", true, func() catalog.Operation { return &principal.CreateSchema{Name: "r"} }, 262, []need{inDatabase("CREATE SCHEMA")}, "db_ddladmin"},
		{"DROP DATABASE ENCRYPTION KEY", true, func() catalog.Operation { return &database.DropKey{} }, 262, []need{inDatabase("CONTROL")}, "db_owner"},
		{"GRANT on the server", false, func() catalog.Operation {
			return &grant.Change{Verb: "GRANT", Permissions: []string{"ALTER SETTINGS"}, Class: perm.Server, Principals: []string{"other"}}
		}, 4613, []need{server("CONTROL SERVER")}, "sysadmin"},
		{"GRANT in a database", true, func() catalog.Operation {
			return &grant.Change{Verb: "GRANT", Permissions: []string{"CREATE TABLE"}, Class: perm.Database, Principals: []string{"guest"}}
		}, 4613, []need{inDatabase("CONTROL")}, "db_securityadmin"},
	} {
		t.Run(c.what, func(t *testing.T) {
			try := func(prepare func(f *catalogtest.Fixture, db int), check func(error)) {
				t.Helper()
				f := base.Clone(t)
				prepare(f, create.ID)
				caller := catalog.Caller{Login: f.State().FindLogin("app").ID, Database: model.Master}
				if c.db {
					caller.Database = create.ID
				}
				_, err := f.Do(t.Context(), caller, c.op())
				check(err)
			}
			give := func(verb string, n need, with bool) func(*catalogtest.Fixture, int) {
				return func(f *catalogtest.Fixture, db int) {
					if n.class.OfServer() {
						db = model.Master
					}
					f.MustDo(db, &grant.Change{Verb: verb, Permissions: []string{n.name}, Class: n.class, Words: n.words, Name: n.on, Principals: []string{"app"}, GrantOption: with})
				}
			}
			refused := func(err error) {
				t.Helper()
				if m := msg.Messages(err); len(m) == 0 || m[0].Number != c.denied {
					t.Errorf("without the permission: %v, want message %d", err, c.denied)
				}
			}
			allowed := func(err error) {
				t.Helper()
				if err != nil {
					t.Errorf("with the permission: %v", err)
				}
			}
			all := func(f *catalogtest.Fixture, db int) {
				for _, n := range c.needs {
					give("GRANT", n, false)(f, db)
				}
			}
			try(func(*catalogtest.Fixture, int) {}, refused)
			try(all, allowed)
			// A DENY wins over the GRANT.
			try(func(f *catalogtest.Fixture, db int) {
				all(f, db)
				give("DENY", c.needs[0], false)(f, db)
			}, func(err error) {
				if err == nil {
					t.Error("a DENY is not heeded")
				}
			})
			// With each permission but one it is refused.
			for i := range c.needs[1:] {
				try(give("GRANT", c.needs[i+1], false), func(err error) {
					if err == nil {
						t.Errorf("%s alone will do", c.needs[i+1].name)
					}
				})
			}
			if c.role == "" {
				return
			}
			try(func(f *catalogtest.Fixture, db int) {
				if c.role[:3] == "db_" {
					f.MustDo(db, &principal.RoleMember{Role: c.role, Member: "app"})
				} else {
					f.MustDo(1, &principal.ServerMember{Role: c.role, Member: "app"})
				}
			}, allowed)
		})
	}
}

// A login that only manages logins must not make itself more.
func TestEscalation(t *testing.T) {
	f := catalogtest.New(t, nil)
	f.MustDo(1, &principal.CreateLogin{Name: "boss", Password: pw("Correct-Horse-1")}, &principal.CreateLogin{Name: "sec", Password: pw("Correct-Horse-2")},
		&principal.ServerMember{Role: "sysadmin", Member: "boss"}, &principal.ServerMember{Role: "securityadmin", Member: "sec"},
		&principal.CreateLogin{Name: "friend", Password: pw("Correct-Horse-3")})
	sec := catalog.Caller{Login: f.State().FindLogin("sec").ID, Database: model.Master}
	for _, op := range []catalog.Operation{
		&principal.ServerMember{Role: "sysadmin", Member: "sec"},
		&principal.ServerMember{Role: "sysadmin", Member: "friend"},
		&principal.AlterLogin{Name: "boss", Password: pw("New-Password-1")},
		&principal.AlterLogin{Name: "sa", State: "ENABLE"},
		&principal.AlterLogin{Name: "boss", State: "DISABLE"},
		&principal.DropLogin{Name: "boss"},
		&grant.Change{Verb: "GRANT", Permissions: []string{"CONTROL SERVER"}, Class: perm.Server, Principals: []string{"friend"}},
		&grant.Change{Verb: "GRANT", Permissions: []string{"ALTER ANY CREDENTIAL"}, Class: perm.Server, Principals: []string{"friend"}},
		&grant.Change{Verb: "GRANT", Permissions: []string{"ALTER ANY LOGIN"}, Class: perm.Server, Principals: []string{"sec"}},
	} {
		before := f.State()
		if _, err := f.Do(t.Context(), sec, op); err == nil {
			t.Errorf("%T %+v: allowed", op, op)
		}
		if f.State() != before {
			t.Errorf("%T changed something", op)
		}
	}
}

// What a view shows follows the caller.
func TestVisibility(t *testing.T) {
	f := catalogtest.New(t, nil)
	setUp(t, f)
	f.MustDo(1, &principal.CreateLogin{Name: "app", Password: pw("Correct-Horse-2")})
	app := catalog.Caller{Login: f.State().FindLogin("app").ID, Database: model.Master}
	count := func(view string) int {
		t.Helper()
		rows, err := views.Rows(view, views.Env{State: f.State(), Caller: app})
		if err != nil {
			t.Fatalf("%s: %v", view, err)
		}
		return len(rows)
	}
	if n := count("sys.cryptographic_providers"); n != 1 {
		t.Errorf("%d providers are public, want 1", n)
	}
	for _, v := range []string{"sys.asymmetric_keys", "sys.credentials", "sys.server_principal_credentials", "sys.symmetric_keys"} {
		if n := count(v); n != 0 {
			t.Errorf("%s shows %d rows to one who may see nothing", v, n)
		}
	}
	_, err := views.Rows("sys.dm_database_encryption_keys", views.Env{State: f.State(), Caller: app})
	if m := messages(err); m != "300 297" {
		t.Errorf("the DMV is refused with %q", m)
	}
	for _, hash := range column(t, views.Env{State: f.State(), Caller: app}, "sys.sql_logins", "password_hash") {
		if hash != "NULL" {
			t.Error("password hashes are shown")
		}
	}
	f.MustDo(1, &grant.Change{Verb: "GRANT", Permissions: []string{"VIEW SERVER STATE", "ALTER ANY CREDENTIAL"}, Class: perm.Server, Principals: []string{"app"}})
	if n := count("sys.dm_database_encryption_keys"); n != 2 {
		t.Errorf("%d rows of DEKs, want TestTDE's and tempdb's", n)
	}
	if n := count("sys.credentials"); n != 1 {
		t.Errorf("%d credentials", n)
	}
	f.MustDo(1, &principal.CreateUser{Name: "app"},
		&grant.Change{Verb: "GRANT", Permissions: []string{"VIEW DEFINITION"}, Class: perm.AsymmetricKey, Words: "ASYMMETRIC KEY", Name: "EKMSampleASYKey", Principals: []string{"app"}})
	if n := count("sys.asymmetric_keys"); n != 1 {
		t.Errorf("%d asymmetric keys with VIEW DEFINITION", n)
	}
}
