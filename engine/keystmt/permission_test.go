package keystmt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/sqltype"
)

// Each statement is refused without and allowed with exactly the documented permission.
func TestPermissions(t *testing.T) {
	base := keystmttest.New(t)
	base.Login("sa").Must("CREATE LOGIN dba WITH PASSWORD = 'Canary-Password-1'; ALTER SERVER ROLE sysadmin ADD MEMBER dba; CREATE LOGIN u WITH PASSWORD = 'Canary-Password-1'")
	maker := base.Login("dba")
	for _, q := range []string{q7, q8, strings.ReplaceAll(q9, "CONTOSO-dba", "dba"), q10} {
		maker.Must(q)
	}
	maker.Must("CREATE LOGIN TDE_Login FROM ASYMMETRIC KEY EKMSampleASYKey; CREATE CREDENTIAL tde WITH IDENTITY = 'v', SECRET = 's' FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM; ALTER LOGIN TDE_Login ADD CREDENTIAL tde")
	maker.Must("CREATE USER u; CREATE DATABASE app; CREATE DATABASE bare; USE bare; CREATE USER u; USE app; CREATE USER u; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-1'; CREATE CERTIFICATE c WITH SUBJECT = 'c'; CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c")
	maker.Close()
	for i, c := range []struct {
		statement string
		in        string // database; "" is master
		setup     string // as dba, in that database
		grant     string // in that database
		master    string // granted in master besides
		refused   string // the beginning of what comes without
	}{
		{statement: "CREATE CRYPTOGRAPHIC PROVIDER p2 FROM FILE = 'Microsoft.AzureKeyVaultService.EKM.dll'", setup: "DROP ASYMMETRIC KEY EKMSampleASYKey; ALTER LOGIN dba DROP CREDENTIAL sysadmin_ekm_cred; DROP CREDENTIAL sysadmin_ekm_cred; DROP CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM", grant: "GRANT CONTROL SERVER TO u", refused: "Msg 15247,"},
		{statement: "ALTER CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM DISABLE", grant: "GRANT CONTROL SERVER TO u", refused: "Msg 15151,"},
		{statement: "DROP CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM", setup: "ALTER LOGIN dba DROP CREDENTIAL sysadmin_ekm_cred; DROP CREDENTIAL sysadmin_ekm_cred", grant: "GRANT CONTROL SERVER TO u", refused: "Msg 15151,"},
		{statement: "CREATE CREDENTIAL c WITH IDENTITY = 'x', SECRET = 'y' FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM", grant: "GRANT ALTER ANY CREDENTIAL TO u", refused: "Msg 15247,"},
		{statement: "ALTER CREDENTIAL c WITH IDENTITY = 'z'", setup: "CREATE CREDENTIAL c WITH IDENTITY = 'x'", grant: "GRANT ALTER ANY CREDENTIAL TO u", refused: "Msg 15151,"},
		{statement: "DROP CREDENTIAL c", setup: "CREATE CREDENTIAL c WITH IDENTITY = 'x'", grant: "GRANT ALTER ANY CREDENTIAL TO u", refused: "Msg 15151,"},
		{statement: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'", grant: "GRANT ALTER ANY LOGIN TO u", refused: "Msg 15247,"},
		{statement: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'", grant: "GRANT CREATE LOGIN TO u", refused: "Msg 15247,"},
		{statement: "ALTER LOGIN l DISABLE", setup: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'", grant: "GRANT ALTER ANY LOGIN TO u", refused: "Msg 15151,"},
		{statement: "ALTER LOGIN l ADD CREDENTIAL c", setup: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'; CREATE CREDENTIAL c WITH IDENTITY = 'x'", grant: "GRANT ALTER ANY LOGIN TO u", refused: "Msg 15151,"},
		{statement: "ALTER LOGIN l WITH CREDENTIAL = c", setup: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'; CREATE CREDENTIAL c WITH IDENTITY = 'x'; GRANT ALTER ANY LOGIN TO u", grant: "GRANT ALTER ANY CREDENTIAL TO u", refused: "Msg 15151,"},
		{statement: "DROP LOGIN l", setup: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'", grant: "GRANT ALTER ANY LOGIN TO u", refused: "Msg 15151,"},
		{statement: "EXEC sp_configure 'EKM provider enabled', 0", grant: "GRANT ALTER SETTINGS TO u", refused: "Msg 15247,"},
		{statement: "RECONFIGURE", grant: "GRANT ALTER SETTINGS TO u", refused: "Msg 5812,"},
		{statement: "EXECUTE AS LOGIN = 'l'", setup: "CREATE LOGIN l WITH PASSWORD = 'Canary-Password-1'", grant: "GRANT IMPERSONATE ON LOGIN::l TO u", refused: "Msg 15406,"},
		{statement: "CREATE DATABASE d", grant: "GRANT CREATE ANY DATABASE TO u", refused: "Msg 262,"},
		{statement: "DROP DATABASE d", setup: "CREATE DATABASE d", grant: "GRANT ALTER ANY DATABASE TO u", refused: "Msg 3701,"},
		{statement: "ALTER DATABASE app SET RECOVERY SIMPLE", grant: "GRANT ALTER ANY DATABASE TO u", refused: "Msg 5011,"},
		{statement: "ALTER DATABASE app SET RECOVERY SIMPLE", in: "app", grant: "GRANT ALTER TO u", refused: "Msg 5011,"},

		{statement: "CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048 ENCRYPTION BY PASSWORD = 'Canary-Password-1'", in: "app", grant: "GRANT CREATE ASYMMETRIC KEY TO u", refused: "Msg 262,"},
		{statement: "DROP ASYMMETRIC KEY a", in: "app", setup: "CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048", grant: "GRANT CONTROL ON ASYMMETRIC KEY::a TO u", refused: "Msg 15151,"},
		{statement: "CREATE SYMMETRIC KEY k WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c", in: "app", setup: "GRANT VIEW DEFINITION ON CERTIFICATE::c TO u", grant: "GRANT ALTER ANY SYMMETRIC KEY TO u", refused: "Msg 262,"},
		{statement: "CREATE SYMMETRIC KEY k WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c", in: "app", setup: "GRANT ALTER ANY SYMMETRIC KEY TO u", grant: "GRANT VIEW DEFINITION ON CERTIFICATE::c TO u", refused: "Msg 15151,"},
		{statement: "OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c", in: "app", setup: "GRANT CONTROL ON CERTIFICATE::c TO u", grant: "GRANT VIEW DEFINITION ON SYMMETRIC KEY::s TO u", refused: "Msg 15151,"},
		{statement: "OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c", in: "app", setup: "GRANT VIEW DEFINITION ON SYMMETRIC KEY::s TO u; GRANT VIEW DEFINITION ON CERTIFICATE::c TO u", grant: "GRANT CONTROL ON CERTIFICATE::c TO u", refused: "Msg 15151,"},
		{statement: "DROP SYMMETRIC KEY s", in: "app", grant: "GRANT CONTROL ON SYMMETRIC KEY::s TO u", refused: "Msg 15151,"},
		{statement: "CREATE CERTIFICATE c2 WITH SUBJECT = 'c2'", in: "app", grant: "GRANT CREATE CERTIFICATE TO u", refused: "Msg 262,"},
		{statement: "BACKUP CERTIFICATE c TO FILE = 'c' WITH PRIVATE KEY (FILE = 'k', ENCRYPTION BY PASSWORD = 'Canary-Password-1')", in: "app", grant: "GRANT CONTROL ON CERTIFICATE::c TO u", refused: "Msg 15151,"},
		{statement: "DROP MASTER KEY", in: "bare", setup: "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-1'", grant: "GRANT CONTROL TO u", refused: "Msg 262,"},
		{statement: "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-1'", in: "bare", grant: "GRANT CONTROL TO u", refused: "Msg 262,"},
		{statement: "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey", in: "app", grant: "GRANT CONTROL TO u", master: "GRANT VIEW DEFINITION ON ASYMMETRIC KEY::EKMSampleASYKey TO u", refused: "Msg 262,"},
		{statement: "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey", in: "app", setup: "GRANT CONTROL TO u", master: "GRANT VIEW DEFINITION ON ASYMMETRIC KEY::EKMSampleASYKey TO u", refused: "Msg 15151,"},
		{statement: "ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_256", in: "app", setup: dek, grant: "GRANT CONTROL TO u", refused: "Msg 262,"},
		{statement: "DROP DATABASE ENCRYPTION KEY", in: "app", setup: dek, grant: "GRANT CONTROL TO u", refused: "Msg 262,"},
		{statement: "ALTER DATABASE app SET ENCRYPTION ON", in: "app", setup: dek, grant: "GRANT ALTER TO u", refused: "Msg 5011,"},
		{statement: "EXECUTE AS USER = 'w'", in: "app", setup: "CREATE USER w WITHOUT LOGIN", grant: "GRANT IMPERSONATE ON USER::w TO u", refused: "Msg 15517,"},
		{statement: "CREATE USER w WITHOUT LOGIN", in: "app", grant: "GRANT ALTER ANY USER TO u", refused: "Msg 15247,"},
		{statement: "CREATE ROLE r", in: "app", grant: "GRANT CREATE ROLE TO u", refused: "Msg 15247,"},
		{statement: "GRANT CREATE TABLE TO r", in: "app", setup: "CREATE ROLE r", grant: "GRANT CREATE TABLE TO u WITH GRANT OPTION", refused: "Msg 4613,"},
	} {
		if race && os.Getenv("LATCHKEY_LONG") == "" && i%5 != 0 {
			continue
		}
		t.Run(strings.Fields(c.statement)[0]+" "+c.grant+c.master, func(t *testing.T) {
			s := base.Clone(t)
			dba := s.Login("dba")
			if c.in == "" && c.statement[:4] != "EXEC" { // nothing else may hold the provider
				dba.Must("ALTER LOGIN TDE_Login DROP CREDENTIAL tde; DROP LOGIN TDE_Login; DROP CREDENTIAL tde")
			}
			in := c.in
			if in == "" {
				in = "master"
			}
			dba.Must("USE " + in)
			dba.Must(c.setup)
			dba.Must("USE master")
			u := s.Login("u")
			u.Must("USE " + in)
			if c.statement[:4] == "DROP" || strings.HasPrefix(c.statement, "ALTER DATABASE app") && c.in == "" {
				u.Must("USE master; USE " + in)
			}
			got := u.Run(c.statement)
			if len(got) == 0 || !strings.HasPrefix(got[0], c.refused) {
				t.Fatalf("without: %q, want %s", got, c.refused)
			}
			dba.Must("USE " + in)
			dba.Must(c.grant)
			dba.Must("USE master")
			dba.Must(c.master)
			for _, l := range u.Run(c.statement) {
				if strings.HasPrefix(l, "Msg ") || strings.HasPrefix(l, "internal") {
					t.Errorf("with: %s", l)
				}
			}
		})
	}
}

const dek = "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey"

// Views show what the caller may see, and refuse as documented.
func TestViewsByPermission(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	setUp(t, c)
	c.Must("USE master; CREATE LOGIN u WITH PASSWORD = 'Canary-Password-1'; CREATE USER u")
	u := s.Login("u")
	for view, want := range map[string]int{
		"sys.cryptographic_providers": 1, "sys.dm_cryptographic_provider_properties": 1, "sys.asymmetric_keys": 0, "sys.credentials": 0,
		"sys.server_principal_credentials": 0,
	} {
		if got := u.Rows(view, "name"); len(got) != want {
			t.Errorf("%s has %d rows, want %d", view, len(got), want)
		}
	}
	expect(t, "the DMV", u.Rows("sys.dm_database_encryption_keys", "database_id"),
		"Msg 300, Level 14, State 1: VIEW SERVER SECURITY STATE permission was denied on object 'server', database 'master'.",
		"Msg 297, Level 16, State 1: The user does not have permission to perform this action.")
	one := sqltype.NewInt(sqltype.Int, 1)
	if got := u.RowsOf("sys.dm_cryptographic_provider_sessions", []sqltype.Value{one}, "spid"); len(got) != 2 || !strings.HasPrefix(got[0], "Msg 300,") {
		t.Errorf("sessions(1): %q", got)
	}
	zero := sqltype.NewInt(sqltype.Int, 0)
	if got := u.RowsOf("sys.dm_cryptographic_provider_sessions", []sqltype.Value{zero}, "spid"); len(got) != 0 {
		t.Errorf("sessions(0): %q", got)
	}
	if got := c.RowsOf("sys.dm_cryptographic_provider_sessions", []sqltype.Value{one}, "identity", "spid"); len(got) != 1 || got[0] != "DocsSampleEKMKeyVault|0" {
		t.Errorf("the engine's session: %q", got)
	}
	id := sqltype.NewInt(sqltype.Int, 65536)
	expect(t, "algorithms", u.RowsOf("sys.dm_cryptographic_provider_algorithms", []sqltype.Value{id}, "algorithm_id", "algorithm_tag", "key_type", "key_length"),
		"1|RSA_2048|ASYMMETRIC KEY|2048", "2|RSA_3072|ASYMMETRIC KEY|3072")
	if got := u.RowsOf("sys.dm_cryptographic_provider_keys", []sqltype.Value{id}, "key_name"); len(got) != 0 {
		t.Errorf("keys without a credential: %q", got)
	}
}

// The DMV follows a scan: running, suspended, running, complete.
func TestScanInTheView(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	for _, q := range []string{q7, q8, q9, q10, q11, q12, q13} {
		c.Must(q)
	}
	dmv := func() string {
		rows := c.Rows("sys.dm_database_encryption_keys", "encryption_state_desc", "encryption_scan_state_desc", "key_length", "percent_complete", "database_id")
		return rows[len(rows)-1]
	}
	if got := dmv(); got != "UNENCRYPTED|NONE|256|0|5" {
		t.Errorf("with a key: %s", got)
	}
	c.Must("USE master")
	c.Close()
	s.Stop()
	s.ScanRate = 1
	s.Start()
	c = s.Login("CONTOSO-dba")
	c.Must(q14)
	if got := dmv(); !strings.HasPrefix(got, "ENCRYPTION_IN_PROGRESS|RUNNING|256|") {
		t.Errorf("a scan: %s", got)
	}
	if got := c.Rows("sys.databases", "name", "is_encrypted"); got[len(got)-1] != "TestTDE|1" {
		t.Errorf("is_encrypted: %s", got)
	}
	if got := c.Rows("sys.dm_database_encryption_keys", "database_id", "encryption_state"); len(got) != 2 || got[0] != "2|3" {
		t.Errorf("tempdb is not with it: %s", got)
	}
	c.Must("ALTER DATABASE TestTDE SET ENCRYPTION SUSPEND")
	if got := dmv(); !strings.HasPrefix(got, "ENCRYPTION_IN_PROGRESS|SUSPENDED|") {
		t.Errorf("suspended: %s", got)
	}
	c.Close()
	s.Stop()
	s.ScanRate = -1
	s.Start()
	c = s.Login("CONTOSO-dba")
	if got := dmv(); !strings.HasPrefix(got, "ENCRYPTION_IN_PROGRESS|SUSPENDED|") {
		t.Errorf("after a restart: %s", got)
	}
	c.Must("ALTER DATABASE TestTDE SET ENCRYPTION RESUME")
	waitEncrypted(t, c, "TestTDE")
	if got := dmv(); !strings.HasPrefix(got, "ENCRYPTED|COMPLETE|256|0|") {
		t.Errorf("at the end: %s", got)
	}
	for _, want := range []string{"Setting database option ENCRYPTION to ON for database 'TestTDE'.", "Beginning database encryption scan for database 'TestTDE'.", "Database encryption scan for database 'TestTDE' is complete."} {
		for !strings.Contains(s.Log(), want) { // the last is written after the state says so
			if t.Context().Err() != nil {
				t.Fatalf("the log has no %q", want)
			}
			<-time.After(time.Millisecond)
		}
	}
}

// No secret is in the log, in an error, or in a file.
func TestCanaries(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	setUp(t, c)
	c.Must("ALTER CREDENTIAL sysadmin_ekm_cred WITH IDENTITY = 'DocsSampleEKMKeyVault', SECRET = '" + secret2 + "'")
	c.Must("USE master; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-2'; CREATE CERTIFICATE c WITH SUBJECT = 'c'; CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256, KEY_SOURCE = 'canary-source', IDENTITY_VALUE = 'canary-identity' ENCRYPTION BY CERTIFICATE c")
	c.Must("BACKUP CERTIFICATE c TO FILE = 'c.cer' WITH PRIVATE KEY (FILE = 'c.pvk', ENCRYPTION BY PASSWORD = 'Canary-Password-3')")
	said := strings.Join([]string{
		s.Log(), strings.Join(c.Run("CREATE CREDENTIAL sysadmin_ekm_cred WITH IDENTITY = 'x', SECRET = '"+secret+"'"), "\n"),
		strings.Join(c.Run("ALTER LOGIN nope WITH PASSWORD = 'Canary-Password-4'"), "\n"),
		strings.Join(c.Run("CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-5'"), "\n"),
		strings.Join(c.Run("OPEN SYMMETRIC KEY s DECRYPTION BY PASSWORD = 'Canary-Password-6'"), "\n"),
	}, "\n")
	if i := strings.Index(strings.ToLower(said), "canary"); i >= 0 {
		t.Errorf("it is told: %q", said[max(0, i-60):min(len(said), i+60)])
	}
	s.Stop()
	n := 0
	for _, d := range []string{"/data", "/catalog", "/certificates"} {
		entries, err := s.FS.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			n++
			check(t, s, filepath.Join(d, e.Name()))
		}
	}
	if n < 8 {
		t.Errorf("only %d files were looked at", n)
	}
}

func check(t *testing.T, s *keystmttest.Server, name string) {
	t.Helper()
	f, err := s.FS.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		t.Fatal(err)
	}
	for _, form := range []string{"canary", "Canary", "c\x00a\x00n\x00a\x00r\x00y", "EF5C8E09"} {
		if bytes.Contains(b, []byte(form)) {
			t.Errorf("%s has %q in it", name, form)
		}
	}
}
