package tsql_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/format"
)

// Each batch holds "hush" where a secret stands. Neither the printer, nor fmt, nor slog shows it.
var secrets = []string{
	"CREATE CREDENTIAL c WITH IDENTITY = 'v', SECRET = 'hush'",
	"ALTER CREDENTIAL c WITH IDENTITY = 'v', SECRET = N'hush'",
	"CREATE LOGIN l WITH PASSWORD = 'hush' MUST_CHANGE",
	"ALTER LOGIN l WITH PASSWORD = 'hush' OLD_PASSWORD = 'hush2'",
	"CREATE USER u WITH PASSWORD = 'hush'",
	"CREATE APPLICATION ROLE a WITH PASSWORD = 'hush'",
	"CREATE ASYMMETRIC KEY k WITH ALGORITHM = RSA_2048 ENCRYPTION BY PASSWORD = 'hush'",
	"ALTER ASYMMETRIC KEY k WITH PRIVATE KEY (DECRYPTION BY PASSWORD = 'hush', ENCRYPTION BY PASSWORD = 'hush')",
	"CREATE SYMMETRIC KEY k WITH KEY_SOURCE = 'hush', IDENTITY_VALUE = 'hush', ALGORITHM = AES_256 ENCRYPTION BY PASSWORD = 'hush'",
	"ALTER SYMMETRIC KEY k ADD ENCRYPTION BY PASSWORD = 'hush'",
	"OPEN SYMMETRIC KEY k DECRYPTION BY CERTIFICATE c WITH PASSWORD = 'hush'",
	"OPEN MASTER KEY DECRYPTION BY PASSWORD = 'hush'",
	"CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'hush'",
	"ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = 'hush'",
	"ALTER SERVICE MASTER KEY WITH OLD_ACCOUNT = 'a', OLD_PASSWORD = 'hush'",
	"BACKUP MASTER KEY TO FILE = 'f' ENCRYPTION BY PASSWORD = 'hush'",
	"RESTORE MASTER KEY FROM FILE = 'f' DECRYPTION BY PASSWORD = 'hush' ENCRYPTION BY PASSWORD = 'hush'",
	"CREATE CERTIFICATE c ENCRYPTION BY PASSWORD = 'hush' WITH SUBJECT = 's'",
	"CREATE CERTIFICATE c FROM FILE = 'f' WITH PRIVATE KEY (FILE = 'f', DECRYPTION BY PASSWORD = 'hush')",
	"BACKUP CERTIFICATE c TO FILE = 'f' WITH PRIVATE KEY (FILE = 'f', ENCRYPTION BY PASSWORD = 'hush')",
	"RESTORE VERIFYONLY FROM DISK = 'd' WITH PASSWORD = 'hush', MEDIAPASSWORD = 'hush'",
	"EXEC ('CREATE LOGIN l WITH PASSWORD = ''hush''')",
	"EXEC sp_executesql N'CREATE CREDENTIAL c WITH SECRET =''hush'''",
	"EXEC ('CREATE LOGIN l WITH PASSWORD = hush')",
	"SET @sql = N'CREATE LOGIN l WITH PASSWORD = ' + QUOTENAME('x') + N'hush'",
	"INSERT INTO users (name, password) VALUES ('u', 'hush')",
	"sp_addlogin 'l', 'hush'",
	"EXEC sp_addlogin 'l', 'hush'",
	"EXEC sp_setapprole 'a', 'hush'",
	"EXEC p @password = 'hush', @UserPwd = N'hush'",
	"DECLARE @pwd varchar(10) = 'hush'; SET @pwd = 'hush' + 'hush'; SELECT @secret = 'hush'",
	"SELECT 1 FROM t WHERE password = 'hush'",
	"UPDATE t SET password = 'hush'",
	"SELECT ENCRYPTBYPASSPHRASE('hush', a), PWDCOMPARE(N'hush', h), DECRYPTBYKEYAUTOASYMKEY(1, N'hush', ct), DECRYPTBYASYMKEY(1, ct, N'hush')",
	"SELECT * FROM OPENROWSET('SQLNCLI', 'srv';'user';'hush', 'q')",
	"CREATE EXTERNAL DATA SOURCE s WITH (LOCATION = 'hush')",
	"ADD SIGNATURE TO p BY CERTIFICATE c WITH PASSWORD = 'hush'",
}

func TestSecretsAreHidden(t *testing.T) {
	for _, src := range secrets {
		b, err := tsql.Parse(src, on)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		text := tsql.Print(b)
		if strings.Contains(text, "hush") {
			t.Errorf("printed: %s", text)
		}
		if _, err := tsql.Parse(text, on); err != nil {
			t.Errorf("what is printed does not parse: %v: %s", err, text)
		}
		if full := format.Batch(b, format.Options{ShowSecrets: true}); !strings.Contains(full, "hush") {
			t.Errorf("asked for, but not shown: %s", full)
		}
	}
}

// The nodes that hold secrets by grammar are safe to print by accident.
func TestSecretNodesPrintRedacted(t *testing.T) {
	for _, src := range secrets[:21] {
		b, err := tsql.Parse(src, on)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "tree", b.Statements[0])
		all := fmt.Sprintf("%v %+v %#v", b.Statements[0], b.Statements[0], b.Statements[0]) + log.String()
		if strings.Contains(all, "hush") {
			t.Errorf("%s prints as %s", src, all)
		}
	}
}
