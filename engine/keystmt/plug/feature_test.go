package plug_test

import (
	"database/sql"
	"strings"
	"testing"
)

// Functions that use keys, in queries.
func TestFunctionsInQueries(t *testing.T) {
	s := newServer(t).login(admin, password)
	s.must(`CREATE DATABASE d; USE d; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-1'; CREATE CERTIFICATE c WITH SUBJECT = 'c';
CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c; CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048`)
	s.must("USE d; CREATE TABLE t (id int PRIMARY KEY, v varbinary(200))")
	s.expect("closed", "INSERT t VALUES (1, ENCRYPTBYKEY(KEY_GUID('s'), N'text')); SELECT v FROM t", "NULL")
	s.must("OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c; UPDATE t SET v = ENCRYPTBYKEY(KEY_GUID('s'), N'text', 1, CONVERT(nvarchar(10), id))")
	s.expect("open", "SELECT CONVERT(nvarchar(20), DECRYPTBYKEY(v, 1, CONVERT(nvarchar(10), id))), DATALENGTH(v), KEY_NAME(v) FROM t", "text|100|s")
	s.expect("another row's", "SELECT DECRYPTBYKEY(v, 1, N'2') FROM t", "NULL")
	s.expect("open keys", "SELECT key_name, database_name FROM sys.openkeys", "s|d")
	s.must("CLOSE ALL SYMMETRIC KEYS")
	s.expect("closed again", "SELECT DECRYPTBYKEY(v, 1, CONVERT(nvarchar(10), id)) FROM t", "NULL")
	s.expect("automatically", "SELECT CONVERT(nvarchar(20), DECRYPTBYKEYAUTOCERT(CERT_ID('c'), NULL, v, 1, CONVERT(nvarchar(10), id))) FROM t", "text")
	s.expect("asymmetric", "SELECT CONVERT(varchar(20), DECRYPTBYASYMKEY(ASYMKEY_ID('a'), ENCRYPTBYASYMKEY(ASYMKEY_ID('a'), 'text')))", "text")
	s.expect("passphrase", "SELECT CONVERT(nvarchar(20), DECRYPTBYPASSPHRASE(N'p', ENCRYPTBYPASSPHRASE(N'p', N'text')))", "text")
	s.expect("properties", "SELECT ASYMKEYPROPERTY(ASYMKEY_ID('a'), 'algorithm_desc'), CERTPROPERTY(CERT_ID('c'), 'Subject')", "RSA_2048|c")
	if out := s.run("SELECT DECRYPTBYASYMKEY(ASYMKEY_ID('a'))"); len(out) != 1 || !strings.HasPrefix(out[0], "Msg 189, Level 15, State 1, Line 1:") {
		t.Errorf("too few arguments: %q", out)
	}
}

// The secret may be put together, as the pages have it.
func TestBuiltStatements(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	s.must("sp_configure 'show advanced options', 1; RECONFIGURE;")
	s.must("sp_configure 'EKM provider enabled', 1; RECONFIGURE;")
	s.must(setUp[1])
	s.must(`DECLARE @AuthClientId uniqueidentifier = '9A57CBC5-4C4C-40E2-B517-EA677DC33CB0';
DECLARE @pwd varchar(200) = REPLACE(CONVERT(varchar(36), @AuthClientId), '-', '') + 'canary-client-secret-9';
EXEC ('CREATE CREDENTIAL c WITH IDENTITY = ''ContosoVault'', SECRET = ''' + @pwd + ''' FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM; ALTER LOGIN [` + admin + `] ADD CREDENTIAL c');`)
	s.must(setUp[3])
	if len(srv.lib.Secrets) == 0 || srv.lib.Secrets[0] != "9A57CBC54C4C40E2B517EA677DC33CB0canary-client-secret-9" {
		t.Errorf("the provider got another secret")
	}
	s.expect("guards", "IF NOT EXISTS (SELECT name FROM sys.cryptographic_providers WHERE name = N'AzureKeyVault_EKM') CREATE CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM FROM FILE = N'x'")
	s.expect("views", "SELECT c.name, p.name FROM sys.credentials c JOIN sys.cryptographic_providers p ON p.provider_id = c.target_id", "c|AzureKeyVault_EKM")
	s.expect("functions of a provider", "SELECT algorithm_tag, key_length FROM sys.dm_cryptographic_provider_algorithms(65536)", "RSA_2048|2048", "RSA_3072|3072")
	s.expect("keys", "SELECT * FROM sys.dm_cryptographic_provider_keys(65536)")
	s.expect("the session that looked", "SELECT [identity], spid - @@SPID FROM sys.dm_cryptographic_provider_sessions(0)", "ContosoVault|0")
	s.expect("an error in TRY", "BEGIN TRY DROP CREDENTIAL c END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_SEVERITY() END CATCH", "15541|16")
	if strings.Contains(strings.ToLower(srv.log.String()), "canary") {
		t.Error("a secret is in the log")
	}
}

func TestSystemProcedures(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	s.expect("sp_configure", "EXEC sp_configure 'show advanced options'", "show advanced options|0|1|0|0")
	rows, err := s.c.QueryContext(t.Context(), "sp_configure") // a bare word: a call by name
	if err != nil {
		t.Fatal(err)
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range types {
		n, _ := c.Length()
		got += c.Name() + " " + c.DatabaseTypeName()
		if c.DatabaseTypeName() == "NVARCHAR" {
			got += "(" + string(rune('0'+n/10)) + string(rune('0'+n%10)) + ")"
		}
		got += ", "
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "name NVARCHAR(35), minimum INT, maximum INT, config_value INT, run_value INT, "; got != want || n < 10 {
		t.Errorf("%d rows of %s", n, got)
	}
	s.must("EXEC sp_addlogin 'u', 'Canary-Password-1'; EXEC sp_addsrvrolemember 'u', 'dbcreator'; CREATE DATABASE d")
	s.must("USE d; EXEC sp_adduser 'u'; EXEC sp_addrole 'r'; EXEC sp_addrolemember 'r', 'u'; EXEC sp_addrolemember @rolename = N'db_datareader', @membername = N'u'")
	s.expect("members", "SELECT USER_NAME(role_principal_id) FROM sys.database_role_members WHERE member_principal_id = USER_ID('u') ORDER BY 1", "db_datareader", "r")
	u := srv.login("u", "Canary-Password-1")
	u.expect("its own password", "EXEC sp_password 'Canary-Password-1', 'Canary-Password-2'")
	srv.login("u", "Canary-Password-2").must("CREATE DATABASE u1; DROP DATABASE u1")
	s.must("EXEC sp_droprolemember 'r', 'u'; EXEC sp_droprole 'r'; EXEC sp_dropsrvrolemember 'u', 'dbcreator'; EXEC sp_defaultdb 'u', 'd'; EXEC sp_dropuser 'u'")
	if out := s.run("EXEC sp_addsrvrolemember 'u'"); len(out) != 1 || !strings.HasPrefix(out[0], "Msg 201,") {
		t.Errorf("a parameter is missing: %q", out)
	}
	if out := u.run("EXEC sp_addsrvrolemember 'u', 'sysadmin'"); len(out) != 1 || !strings.HasPrefix(out[0], "Msg 15151,") {
		t.Errorf("u makes itself sysadmin: %q", out)
	}
}

func TestActingAsAnother(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	s.must("CREATE LOGIN u WITH PASSWORD = 'Canary-Password-1'; CREATE DATABASE d; USE d; CREATE USER u; CREATE TABLE t (id int)")
	s.expect("a login", "USE master; EXECUTE AS LOGIN = 'u'; SELECT SUSER_SNAME(), ORIGINAL_LOGIN(); REVERT; SELECT SUSER_SNAME()", "u|"+admin, admin)
	s.expect("a user", "USE d; EXECUTE AS USER = 'u'; SELECT USER_NAME(); SELECT * FROM t; REVERT; SELECT USER_NAME()",
		"u", "Msg 229, Level 14, State 5, Line 1: The SELECT permission was denied on the object 't', database 'd', schema 'dbo'.")
	s.must("REVERT")
	s.must("GRANT SELECT ON dbo.t TO u")
	s.expect("granted", "EXECUTE AS USER = 'u'; SELECT COUNT(*) FROM t; REVERT", "0")
	s.expect("cookie", "DECLARE @c varbinary(8000); EXECUTE AS USER = 'u' WITH COOKIE INTO @c; REVERT WITH COOKIE = @c; SELECT USER_NAME(), DATALENGTH(@c)", "dbo|100")
}

// Permissions on a schema go with it, and do not come to the next one that gets its id.
func TestPermissionsOnSchemas(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	s.must("CREATE LOGIN u WITH PASSWORD = 'Canary-Password-1'; CREATE DATABASE d; USE d; CREATE USER u")
	for _, q := range []string{"CREATE SCHEMA s", "CREATE TABLE s.t (id int)", "GRANT SELECT ON SCHEMA::s TO u"} {
		s.must(q)
	}
	u := srv.login("u", "Canary-Password-1")
	u.expect("granted", "USE d; SELECT COUNT(*) FROM s.t", "0")
	s.must("DROP TABLE s.t; DROP SCHEMA s")
	s.must("CREATE SCHEMA other")
	s.must("CREATE TABLE other.t (id int)")
	u.expect("not granted", "SELECT COUNT(*) FROM other.t", "Msg 229, Level 14, State 5, Line 1: The SELECT permission was denied on the object 't', database 'd', schema 'other'.")
	s.expect("no such schema", "GRANT SELECT ON SCHEMA::nope TO u", "Msg 15151, Level 16, State 1, Line 1: Cannot find the schema 'nope', because it does not exist or you do not have permission.")
}

// Keys that are open are gone when a pooled connection is used again.
func TestResetWipesKeys(t *testing.T) {
	srv := newServer(t)
	db, err := sql.Open("sqlserver", "sqlserver://"+admin+":"+password+"@"+srv.addr+"?encrypt=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var spid, open int
	if err := db.QueryRowContext(t.Context(), `CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY PASSWORD = 'Canary-Password-1';
OPEN SYMMETRIC KEY s DECRYPTION BY PASSWORD = 'Canary-Password-1'; SELECT @@SPID, (SELECT COUNT(*) FROM sys.openkeys)`).Scan(&spid, &open); err != nil || open != 1 {
		t.Fatal(open, err)
	}
	var again int
	if err := db.QueryRowContext(t.Context(), "SELECT @@SPID, (SELECT COUNT(*) FROM sys.openkeys)").Scan(&again, &open); err != nil || again != spid || open != 0 {
		t.Errorf("session %d, then %d with %d open keys, %v", spid, again, open, err)
	}
}

// Logins by statement, as the listener meets them.
func TestLogins(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	refused := func(what, user, pass, want string) {
		t.Helper()
		db, err := sql.Open("sqlserver", "sqlserver://"+user+":"+pass+"@"+srv.addr+"?encrypt=disable&dial+timeout=5")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.must(`DECLARE @h varbinary(256) = PWDENCRYPT(N'Canary-Password-1');
DECLARE @q nvarchar(1000) = N'CREATE LOGIN hashed WITH PASSWORD = ' + CONVERT(nvarchar(600), @h, 1) + N' HASHED, CHECK_POLICY = OFF';
EXEC (@q)`)
	srv.login("hashed", "Canary-Password-1").must("SELECT 1")
	refused("a wrong password", "hashed", "Canary-Password-2", "Login failed for user 'hashed'.")
	refused("nobody", "nobody", "Canary-Password-2", "Login failed for user 'nobody'.")
	s.must("ALTER LOGIN hashed DISABLE")
	refused("a disabled login", "hashed", "Canary-Password-1", "Login failed for user 'hashed'.")
	s.must("CREATE LOGIN new WITH PASSWORD = 'Canary-Password-1' MUST_CHANGE, CHECK_EXPIRATION = ON, CHECK_POLICY = ON")
	refused("a password to be changed", "new", "Canary-Password-1", "must be changed")
	s.must("ALTER LOGIN new WITH PASSWORD = 'Canary-Password-2' UNLOCK; ALTER LOGIN new WITH NAME = renamed")
	srv.login("renamed", "Canary-Password-2").must("ALTER LOGIN renamed WITH PASSWORD = 'Canary-Password-3' OLD_PASSWORD = 'Canary-Password-2'")
	srv.login("renamed", "Canary-Password-3").must("SELECT 1")
	s.must("CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Canary-Password-1'; CREATE ASYMMETRIC KEY k WITH ALGORITHM = RSA_2048; CREATE LOGIN ofkey FROM ASYMMETRIC KEY k")
	refused("a login of a key", "ofkey", "x", "Login failed for user 'ofkey'.")
	s.must("DENY CONNECT SQL TO renamed")
	refused("a login that may not connect", "renamed", "Canary-Password-3", "Login failed for user 'renamed'.")
}
