package keystmt_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm/code"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/tde"
)

const (
	dll     = `C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll`
	secret  = "EF5C8E094D2A4A769998D93440D8115D" + "canary-client-secret-1"
	secret2 = "EF5C8E094D2A4A769998D93440D8115D" + "canary-client-secret-2"
)

// dba is a sysadmin with a login of its own, as the steps want: sa takes no credential.
func dba(t *testing.T, s *keystmttest.Server) *keystmttest.Client {
	t.Helper()
	s.Login("sa").Must("CREATE LOGIN [CONTOSO-dba] WITH PASSWORD = 'Canary-Password-1'; ALTER SERVER ROLE sysadmin ADD MEMBER [CONTOSO-dba]")
	return s.Login("CONTOSO-dba")
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" && len(got)+len(want) > 0 {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const (
	configured = "Info 15457, Procedure sp_configure, Line 196: Configuration option '%s' changed from %d to %d. Run the RECONFIGURE statement to install."
	named      = "Print: The file '" + dll + "' is a name for the provider 'Test EKM', which is part of this server: no file was loaded."
)

// q7 to q14 are the set-up of the documented page.
const (
	q7 = `USE master;
GO
EXEC sp_configure 'show advanced options', 1;
GO
RECONFIGURE;
GO
EXEC sp_configure 'EKM provider enabled', 1;
GO
RECONFIGURE;`
	q8 = `CREATE CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM
FROM FILE = '` + dll + `';
GO`
	q9 = `USE master;
CREATE CREDENTIAL sysadmin_ekm_cred
    WITH IDENTITY = 'DocsSampleEKMKeyVault', -- for public Azure
    -- WITH IDENTITY = 'DocsSampleEKMKeyVault.vault.usgovcloudapi.net', -- for Azure Government
         --<----Application (Client) ID ---><--Microsoft Entra app (Client) ID secret-->
    SECRET = '` + secret + `'
FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;

ALTER LOGIN [CONTOSO-dba]
ADD CREDENTIAL sysadmin_ekm_cred;`
	q10 = `CREATE ASYMMETRIC KEY EKMSampleASYKey
FROM PROVIDER [AzureKeyVault_EKM]
WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0',
CREATION_DISPOSITION = OPEN_EXISTING;`
	q11 = `CREATE LOGIN TDE_Login
FROM ASYMMETRIC KEY EKMSampleASYKey;
ALTER LOGIN [CONTOSO-dba]
DROP CREDENTIAL sysadmin_ekm_cred;
ALTER LOGIN TDE_Login
ADD CREDENTIAL sysadmin_ekm_cred;`
	q12 = `CREATE DATABASE TestTDE;`
	q13 = `USE TestTDE;
CREATE DATABASE ENCRYPTION KEY
WITH ALGORITHM = AES_256
ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey;`
	q14 = `ALTER DATABASE TestTDE
SET ENCRYPTION ON;`
	q17 = `USE master;
GO
ALTER DATABASE [TestTDE] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;
DROP DATABASE [TestTDE];
GO
ALTER LOGIN [TDE_Login] DROP CREDENTIAL [sysadmin_ekm_cred];
DROP LOGIN [TDE_Login];
GO
DROP CREDENTIAL [sysadmin_ekm_cred];
GO
USE master;
GO
DROP ASYMMETRIC KEY [EKMSampleASYKey];
DROP CRYPTOGRAPHIC PROVIDER [AzureKeyVault_EKM];
GO`
)

func setUp(t *testing.T, c *keystmttest.Client) {
	t.Helper()
	for _, q := range []string{q7, q8, q9, q10, q11, q12, q13, q14} {
		c.Must(q)
	}
	waitEncrypted(t, c, "TestTDE")
}

func waitEncrypted(t *testing.T, c *keystmttest.Client, db string) {
	t.Helper()
	id := c.Catalog.State().FindDatabase(db).ID
	for {
		switch s, ok := c.Databases.Status(id); {
		case !ok || t.Context().Err() != nil || s.ScanError != nil:
			t.Fatalf("the scan ended: %v, %v", s.ScanError, t.Context().Err())
		case s.State == tde.Encrypted:
			return
		}
		<-time.After(time.Millisecond)
	}
}

// The documented set-up, rotation, renewal and clean-up run as printed, in the documented order.
func TestTheDocumentedScript(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	expect(t, "Q7", c.Run(q7),
		strings.NewReplacer("%s", "show advanced options", "%d to %d", "0 to 1").Replace(configured),
		strings.NewReplacer("%s", "EKM provider enabled", "%d to %d", "0 to 1").Replace(configured))
	expect(t, "Q8", c.Run(q8), named)
	expect(t, "Q9", c.Run(q9))
	expect(t, "Q10", c.Run(q10))
	expect(t, "Q11", c.Run(q11))
	expect(t, "Q12", c.Run(q12))
	expect(t, "Q13", c.Run(q13))
	expect(t, "Q14", c.Run(q14))
	waitEncrypted(t, c, "TestTDE")

	c.Must("USE master")
	keys := c.Rows("sys.asymmetric_keys", "name", "algorithm_desc", "thumbprint")
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "EKMSampleASYKey|RSA_2048|0x") {
		t.Fatalf("Q15: %q", keys)
	}
	thumbprint := keys[0][strings.LastIndexByte(keys[0], '|')+1:]
	if len(thumbprint) != 2+40 {
		t.Errorf("the thumbprint is %s", thumbprint)
	}
	dmv := func() string {
		rows := c.Rows("sys.dm_database_encryption_keys", "encryptor_type", "encryption_state_desc", "encryptor_thumbprint", "key_algorithm", "key_length", "database_id")
		return rows[len(rows)-1]
	}
	if got, want := dmv(), "ASYMMETRIC KEY|ENCRYPTED|"+thumbprint+"|AES|256|5"; got != want {
		t.Errorf("Q16: %s, want %s", got, want)
	}

	// Q18, and the new secret is used without a restart.
	opened, _ := s.Library.Count()
	expect(t, "Q18", c.Run("ALTER CREDENTIAL sysadmin_ekm_cred\n    WITH IDENTITY = 'DocsSampleEKMKeyVault',\n    SECRET = '"+secret2+"';"))

	// Q19: a second credential and key, the same in one line.
	expect(t, "Q6", c.Run("ALTER CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM\nFROM FILE =\n'"+dll+"'\nGO"), named)
	expect(t, "Q3, first half", c.Run("CREATE CREDENTIAL Azure_EKM_TDE_cred2 WITH IDENTITY = 'ContosoDevKeyVault', SECRET = '"+secret+"' FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM; ALTER LOGIN [CONTOSO-dba] ADD CREDENTIAL Azure_EKM_TDE_cred2;\nGO"))
	expect(t, "Q1", c.Run("USE master\nCREATE ASYMMETRIC KEY [MASTER_KEY2]\nFROM PROVIDER [AzureKeyVault_EKM]\nWITH PROVIDER_KEY_NAME = 'Key2',\nCREATION_DISPOSITION = OPEN_EXISTING\nGO"))
	expect(t, "Q2", c.Run("USE master\nCREATE LOGIN TDE_Login2\nFROM ASYMMETRIC KEY [MASTER_KEY2]\nGO"))
	expect(t, "Q19, credentials", c.Run("ALTER LOGIN [CONTOSO-dba] DROP CREDENTIAL Azure_EKM_TDE_cred2; ALTER LOGIN TDE_Login2 ADD CREDENTIAL Azure_EKM_TDE_cred2;\nGO"))
	expect(t, "Q19", c.Run("USE [TestTDE]\nGO\nALTER DATABASE ENCRYPTION KEY\nENCRYPTION BY SERVER ASYMMETRIC KEY [MASTER_KEY2];\nGO"))
	if now := dmv(); strings.Contains(now, thumbprint) || !strings.HasPrefix(now, "ASYMMETRIC KEY|ENCRYPTED|0x") {
		t.Errorf("after the rotation: %s", now)
	}
	expect(t, "Q19, a version", c.Run("USE master; CREATE ASYMMETRIC KEY EKMSampleASYKey3 FROM PROVIDER [AzureKeyVault_EKM] WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0/1a4d3b9b393c4678831ccc60def75379', CREATION_DISPOSITION = OPEN_EXISTING;"),
		"Msg 33046, Level 16, State 1: Server principal 'CONTOSO-dba' has no credential associated with cryptographic provider 'AzureKeyVault_EKM'.")
	expect(t, "back", c.Run("USE TestTDE ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey;"))
	if now, _ := s.Library.Count(); now == opened {
		t.Error("no session was opened with the new secret")
	}
	if !slices.Contains(s.Library.Secrets, secret2) {
		t.Error("the new secret was never used")
	}
	expect(t, "Q4", c.Run("USE master; CREATE DATABASE [database]"))
	expect(t, "Q4", c.Run("USE [database]\nGO\nUSE master; DROP DATABASE [database]"))

	// Q17, with the second key's part in front.
	c.Must("USE master; ALTER LOGIN TDE_Login2 DROP CREDENTIAL Azure_EKM_TDE_cred2; DROP LOGIN TDE_Login2; DROP CREDENTIAL Azure_EKM_TDE_cred2; DROP ASYMMETRIC KEY MASTER_KEY2")
	expect(t, "Q17", c.Run(q17))
	for _, view := range []string{"sys.cryptographic_providers", "sys.asymmetric_keys", "sys.credentials", "sys.dm_database_encryption_keys"} {
		if rows := c.Rows(view, "name"); len(rows) != 0 {
			t.Errorf("%s has %d rows after the clean-up", view, len(rows))
		}
	}
	if opened, closed := s.Library.Count(); opened != closed {
		t.Errorf("%d sessions with the provider were opened and %d closed", opened, closed)
	}
}

// Q20: the documented failure, text as printed.
func TestTheDocumentedFailure(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	c.Must(q7)
	c.Must(q8)
	c.Must(q9)
	s.Library.Fail = map[string]error{"KeyByName": code.New(code.FailureInRegistry, "", "")}
	expect(t, "Q20", c.Run(q10),
		"Msg 33049, Level 16, State 2: Key with name 'ContosoRSAKey0' does not exist in the provider or access is denied. Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)")
}

// What the pages have by a slip is refused as a real server does.
func TestSlipsOfThePages(t *testing.T) {
	s := keystmttest.New(t)
	c := dba(t, s)
	for _, q := range []string{
		"ALTER LOGIN [domain\\userName];\nADD CREDENTIAL c;",
		"ALTER LOGIN TDE_Login2;\nADD CREDENTIAL Azure_EKM_TDE_cred2;",
		"CREATE CREDENTIAL c WITH IDENTITY = <key vault>, SECRET = 'x' FOR CRYPTOGRAPHIC PROVIDER p",
		"CREATE ASYMMETRIC KEY k FROM PROVIDER p WITH PROVIDER_KEY_NAME = <name>, CREATION_DISPOSITION = OPEN_EXISTING",
		"USE <DB Name>;",
	} {
		got := c.Run(q)
		if len(got) == 0 || !strings.HasPrefix(got[0], "Msg 102, Level 15,") {
			t.Errorf("%q: %q", q, got)
		}
	}
}
