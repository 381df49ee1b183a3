package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// The documented statements do over every client, in the documented order, from an empty folder, what the documentation says.
func TestDocumentedStatements(t *testing.T) {
	a, err := txtar.ParseFile("testdata/sqlclients/documented.txtar")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for _, f := range a.Files {
		sections[f.Name] = string(f.Data)
	}
	for name, client := range map[string]func(t *testing.T) runScript{
		"go-mssqldb": func(*testing.T) runScript { return goBatches },
		"tedious": func(t *testing.T) runScript {
			needTedious(t)
			return startTedious(t)
		},
		"freetds": func(t *testing.T) runScript {
			need(t, "tsql")
			return tsqlBatches
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documented(t, sections, client(t))
		})
	}
}

func urlOf(vault string) string { return "https://" + strings.ToLower(vault) + ".vault.azure.net/" }

func documented(t *testing.T, sections map[string]string, run runScript) {
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir)
	vars, err := readVariables(dir)
	if err != nil {
		t.Fatal(err)
	}
	cli := func(args ...string) string { return latchkey(t, append(args, "--data", dir)...) }
	for vault, key := range map[string]string{"DocsSampleEKMKeyVault": "ContosoRSAKey0", "ContosoDevKeyVault": "Key2"} {
		cli("vault", "create", "--name", vault)
		cli("vault", "access", "grant", "--name", vault, "--to", vars["AZURE_CLIENT_ID"], "--role", "Key Vault Crypto Officer")
		cli("vault", "access", "grant", "--name", vault, "--to", vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "--role", "Key Vault Crypto Service Encryption User")
		cli("key", "create", "--vault", urlOf(vault), "--name", key)
	}
	thumbprint := func(vault, key string) string {
		_, rest, found := strings.Cut(cli("key", "show", "--vault", urlOf(vault), "--name", key), "thumbprint ")
		if !found {
			t.Fatal("no thumbprint")
		}
		return strings.Fields(rest)[0]
	}
	version := func() string {
		c, err := s.info(t).Keys(osFS, urlOf("DocsSampleEKMKeyVault"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetKey(t.Context(), "ContosoRSAKey0", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Key.KID.Version()
	}
	check := func(section string, more map[string]string, want ...string) {
		t.Helper()
		script, ok := sections[section]
		if !ok {
			script = section
		}
		script = strings.NewReplacer("$(SECRET)", vars["LATCHKEY_EKM_SECRET"], "$(LOGIN)", "dba").Replace(script)
		for name, value := range more {
			script = strings.ReplaceAll(script, "$("+name+")", value)
		}
		if diff := cmp.Diff(want, run(t, s, script)); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", section, diff)
		}
	}
	encrypted := func() {
		t.Helper()
		check(`WHILE EXISTS (SELECT 1 FROM sys.dm_database_encryption_keys WHERE encryption_state <> 3) WAITFOR DELAY '00:00:00.050'`, nil)
	}

	check("set-up", nil)
	// No way to note which key a thumbprint is of: the documented failure, at the line where the statement begins.
	keymap := filepath.Join(dir, "engine", "keymap")
	aside(t, keymap, func() {
		check(strings.Repeat("\n", 64)+sections["key"], nil, "Msg 33049, Level 16, State 2, Line 65: Key with name 'ContosoRSAKey0' does not exist in the provider or access is denied. Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)")
	})
	check("key-version", map[string]string{"VERSION": version()})
	check("DROP ASYMMETRIC KEY EKMSampleASYKey", nil)
	check("key", nil)
	check("encrypt", nil)
	encrypted()
	first := thumbprint("DocsSampleEKMKeyVault", "ContosoRSAKey0")
	check("details", nil, "EKMSampleASYKey|RSA_2048|"+first, "ASYMMETRIC KEY|ENCRYPTED|"+first)

	// A renewed secret, then the documented restart.
	app := vars["LATCHKEY_CONNECTOR_CLIENT_ID"]
	var apps []struct {
		ClientID string
		Secrets  []struct{ KeyID string }
	}
	if err := json.Unmarshal([]byte(cli("entra", "app", "list", "--format", "json")), &apps); err != nil {
		t.Fatal(err)
	}
	var added struct{ Secret string }
	if err := json.Unmarshal([]byte(cli("entra", "secret", "add", "--app", app, "--format", "json")), &added); err != nil || added.Secret == "" {
		t.Fatal(err)
	}
	vars["LATCHKEY_EKM_SECRET"] = strings.ReplaceAll(app, "-", "") + added.Secret
	check("renew", nil)
	for _, a := range apps {
		if a.ClientID == app {
			cli("entra", "secret", "remove", "--app", app, "--id", a.Secrets[0].KeyID)
		}
	}
	s.stop(t)
	s = up(t, dir)
	check("WHILE EXISTS (SELECT 1 FROM sys.databases WHERE state_desc = N'RECOVERING') WAITFOR DELAY '00:00:00.050'", nil)
	check("details", nil, "EKMSampleASYKey|RSA_2048|"+first, "ASYMMETRIC KEY|ENCRYPTED|"+first)

	// A new version of the key, then another key.
	cli("key", "rotate", "--vault", urlOf("DocsSampleEKMKeyVault"), "--name", "ContosoRSAKey0")
	second := thumbprint("DocsSampleEKMKeyVault", "ContosoRSAKey0")
	if second == first {
		t.Fatal("the key was not rotated")
	}
	check("rotate", map[string]string{"CREDENTIAL": "cred_v2", "EKM_KEY": "EKMSampleASYKey_v2", "NEW_LOGIN": "TDE_Login_v2", "KEY": "ContosoRSAKey0/" + version()}, "ASYMMETRIC KEY|ENCRYPTED|"+second)
	cli("key", "create", "--vault", urlOf("DocsSampleEKMKeyVault"), "--name", "ContosoRSAKey1", "--size", "3072")
	third := thumbprint("DocsSampleEKMKeyVault", "ContosoRSAKey1")
	check("rotate", map[string]string{"CREDENTIAL": "cred_new", "EKM_KEY": "EKMSampleASYKey_new", "NEW_LOGIN": "TDE_Login_new", "KEY": "ContosoRSAKey1"}, "ASYMMETRIC KEY|ENCRYPTED|"+third)
	check("SELECT name, algorithm_desc, thumbprint FROM sys.asymmetric_keys ORDER BY name", nil,
		"EKMSampleASYKey|RSA_2048|"+first, "EKMSampleASYKey_new|RSA_3072|"+third, "EKMSampleASYKey_v2|RSA_2048|"+second)

	// Away with what the documentation leaves of rotations, then its own steps.
	check(`ALTER LOGIN TDE_Login_v2 DROP CREDENTIAL cred_v2; DROP LOGIN TDE_Login_v2; DROP CREDENTIAL cred_v2; DROP ASYMMETRIC KEY EKMSampleASYKey_v2
		ALTER LOGIN TDE_Login_new DROP CREDENTIAL cred_new`, nil)
	check("DROP LOGIN TDE_Login_new; DROP CREDENTIAL cred_new", nil)
	check("DROP ASYMMETRIC KEY EKMSampleASYKey_new", nil, "Msg 33127, Level 16, State 1, Line 1: The asymmetric key cannot be dropped because it is used by one or more databases to encrypt a Database Encryption Key.")
	check("DROP ASYMMETRIC KEY EKMSampleASYKey", nil, "Msg 15559, Level 16, State 1, Line 1: Cannot drop asymmetric key 'EKMSampleASYKey' because there is a login mapped to it.")
	check("clean-up", nil)
	check("DROP ASYMMETRIC KEY EKMSampleASYKey_new; SELECT COUNT(*) FROM sys.asymmetric_keys; SELECT COUNT(*) FROM sys.credentials; SELECT COUNT(*) FROM sys.cryptographic_providers; SELECT name FROM sys.databases WHERE database_id > 4", nil, "0", "0", "0")

	// The other page: another provider's name, another key, a database that is called database.
	provider := "CREATE CRYPTOGRAPHIC PROVIDER $(P) FROM FILE = 'C:\\Program Files\\SQL Server Connector for Microsoft Azure Key Vault\\Microsoft.AzureKeyVaultService.EKM.dll'"
	check(provider+`
		CREATE CREDENTIAL c WITH IDENTITY = 'ContosoDevKeyVault', SECRET = '$(SECRET)' FOR CRYPTOGRAPHIC PROVIDER EKM ALTER LOGIN dba ADD CREDENTIAL c
		CREATE CREDENTIAL c1 WITH IDENTITY = 'DocsSampleEKMKeyVault', SECRET = '$(SECRET)' FOR CRYPTOGRAPHIC PROVIDER EKM
		GO
		ALTER LOGIN dba DROP CREDENTIAL c; ALTER LOGIN dba ADD CREDENTIAL c1
		CREATE ASYMMETRIC KEY MASTER_KEY1 FROM PROVIDER EKM WITH CREATION_DISPOSITION = OPEN_EXISTING, PROVIDER_KEY_NAME = 'ContosoRSAKey0'
		CREATE LOGIN TDE_Login1 FROM ASYMMETRIC KEY MASTER_KEY1 ALTER LOGIN dba DROP CREDENTIAL c1 ALTER LOGIN TDE_Login1 ADD CREDENTIAL c1 ALTER LOGIN dba ADD CREDENTIAL c
		CREATE DATABASE [database]
		GO
		USE [database] CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_128 ENCRYPTION BY SERVER ASYMMETRIC KEY MASTER_KEY1
		ALTER DATABASE [database] SET ENCRYPTION ON`, map[string]string{"P": "EKM"})
	encrypted()
	check("maintain", nil)
	check("SELECT encryption_state_desc, encryptor_thumbprint FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('database')", nil, "ENCRYPTED|"+thumbprint("ContosoDevKeyVault", "Key2"))
	check(`DROP DATABASE [database] ALTER LOGIN TDE_Login1 DROP CREDENTIAL c1 ALTER LOGIN TDE_Login2 DROP CREDENTIAL Azure_EKM_TDE_cred2 ALTER LOGIN dba DROP CREDENTIAL c
		DROP LOGIN TDE_Login1 DROP LOGIN TDE_Login2 DROP CREDENTIAL c DROP CREDENTIAL c1 DROP CREDENTIAL Azure_EKM_TDE_cred2 DROP ASYMMETRIC KEY MASTER_KEY1 DROP ASYMMETRIC KEY MASTER_KEY2
		DROP CRYPTOGRAPHIC PROVIDER EKM`, nil)
	check(provider, map[string]string{"P": "AzureKeyVault_EKM_Prov"})
	check("upgrade", nil)

	near := func(line int, what string) string {
		return fmt.Sprintf("Msg 102, Level 15, State 1, Line %d: Incorrect syntax near '%s'.", line, what)
	}
	check("invalid", nil, near(1, ";"), near(1, ";"), near(2, "<"), near(3, "<"), near(1, "<"))
	s.stop(t)
}

// aside runs f while a directory is where a file was, so that nobody can write the file, not even root.
func aside(t *testing.T, file string, f func()) {
	t.Helper()
	kept := file + ".aside"
	if err := os.Rename(file, kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(os.Remove(file), os.Rename(kept, file)); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}
