package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/fsys"
)

// A protector that changes while a backup is under way: the set names the keys that open it, not those of when it began.
func TestProtectorChangesDuringABackup(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	c := config(t.TempDir())
	first := true
	c.FS = fsys.NewFaulty(fsys.OS{}, func(op fsys.Op) error {
		if op.Kind == fsys.OpWrite && strings.HasSuffix(op.Name, "slow.bak.new") && first {
			first = false
			close(begun)
			<-goOn
		}
		return nil
	})
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	keyed(t, db, "k1", "k2")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE Shop SET ENCRYPTION ON", "USE master")
	waitEncrypted(t, db, "Shop")
	bak := filepath.Join(t.TempDir(), "slow.bak")
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "BACKUP DATABASE Shop TO DISK = '"+bak+"'")
		done <- err
	}()
	<-begun
	_, err := db.ExecContext(t.Context(), "USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2")
	close(goOn)
	if err != nil && messages(err) != "3023" {
		t.Fatalf("rotating during a backup: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	const under = "SELECT CONVERT(varchar(64), encryptor_thumbprint, 1) FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('Shop')"
	told := scalar(t, db, "SELECT STRING_AGG(CONVERT(varchar(64), thumbprint, 1), ' ') FROM msdb.dbo.latchkey_backupkey")
	statements(t, db, "RESTORE DATABASE Copy FROM DISK = '"+bak+"'")
	needs := scalar(t, db, strings.Replace(under, "'Shop'", "'Copy'", 1))
	if told != needs {
		t.Errorf("msdb says that the backup needs %s, what came of it is under %s", told, needs)
	}
}

// A backup sealed under a certificate of master, restored where the certificate is and refused where it is not.
func TestBackupUnderACertificate(t *testing.T) {
	_, db, do := shop(t)
	bak := filepath.Join(t.TempDir(), "c.bak")
	do("CREATE MASTER KEY ENCRYPTION BY PASSWORD = '%s'", password)
	do("CREATE CERTIFICATE cert WITH SUBJECT = 'backups'")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH COMPRESSION, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = cert)", bak)
	refused(t, db, "3095 3013", "BACKUP DATABASE Shop TO DISK = '"+bak+"' WITH ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = cert)")
	do("RESTORE VERIFYONLY FROM DISK = '%s'", bak)
	do("RESTORE DATABASE Copy FROM DISK = '%s'", bak)
	if n := count(t, db, "Copy"); n != 500 {
		t.Errorf("%d rows", n)
	}
	if got := scalar(t, db, "SELECT CONCAT(key_algorithm, ' ', encryptor_type) FROM msdb.dbo.backupset"); got != "aes_256 CERTIFICATE" {
		t.Errorf("msdb says %s", got)
	}
	other := start(t, config(t.TempDir()))
	there := other.connect(t, "dba", password, "")
	refused(t, there, "33111 3013", "RESTORE DATABASE Shop FROM DISK = '"+bak+"'")
	if _, err := there.ExecContext(t.Context(), "RESTORE VERIFYONLY FROM DISK = '"+bak+"'"); err != nil {
		t.Errorf("a set is verified without its key: %v", err)
	}
}
