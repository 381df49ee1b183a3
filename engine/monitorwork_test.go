package engine_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine"
	"latchkey/internal/fsys"
)

// closed waits until Shop is closed, and checks that no event but the documented ones was told.
func closed(t *testing.T, r *running, db *sql.DB) {
	t.Helper()
	wait(t, "it is closed", func() bool {
		var s string
		return state(r) == "INACCESSIBLE" && db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = 'Shop'").Scan(&s) == nil && s == "RECOVERY_PENDING"
	})
}

func back(t *testing.T, db *sql.DB, rows int) {
	t.Helper()
	var n int
	var s string
	wait(t, "it is online", func() bool {
		return db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = 'Shop'").Scan(&s) == nil && s == "ONLINE"
	})
	wait(t, "it is back", func() bool { return db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Shop.dbo.t").Scan(&n) == nil })
	if n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
}

// A key that is refused amid a backup, a scan or a change of protector closes the database within the time that it takes without, ends the statement, and leaves
// everything readable; what was cut short is done again or goes on by itself once the key is back.
func TestKeyTakenAwayAmidWork(t *testing.T) {
	t.Run("backup", func(t *testing.T) {
		t.Parallel()
		var slow atomic.Bool
		var keys atomic.Pointer[moody]
		began := make(chan struct{}, 1)
		r, m, _, db := watched(t, 0, func(c *engine.Config) {
			c.Databases.BarWait = time.Second
			c.FS = fsys.NewFaulty(fsys.OS{}, func(op fsys.Op) error {
				if slow.Load() && op.Kind == fsys.OpWrite && strings.Contains(op.Name, "shop.bak") {
					select {
					case began <- struct{}{}:
					default:
					}
					for slow.Load() && keys.Load().refused.Load() < 3 { // a slow disk: the backup does not end before the key is refused for good
						<-time.After(5 * time.Millisecond)
					}
					<-time.After(time.Second)
				}
				return nil
			})
		})
		if _, err := db.ExecContext(t.Context(), "USE Shop; CREATE TABLE dbo.big(a int NOT NULL PRIMARY KEY, b nvarchar(1000)); INSERT INTO dbo.big SELECT value, REPLICATE(N'row', 300) FROM GENERATE_SERIES(1, 8000)"); err != nil {
			t.Fatal(err)
		}
		bak := filepath.Join(t.TempDir(), "shop.bak")
		keys.Store(m)
		slow.Store(true)
		done := make(chan error, 1)
		go func() {
			_, err := r.connect(t, "dba", password, "").ExecContext(t.Context(), "BACKUP DATABASE Shop TO DISK = '"+bak+"'")
			done <- err
		}()
		<-began
		m.say(disabled())
		closed(t, r, db)
		if err := <-done; err == nil {
			t.Error("the backup of a closed database went on")
		}
		slow.Store(false)
		m.say(nil)
		back(t, db, 1)
		if _, err := db.ExecContext(t.Context(), "BACKUP DATABASE Shop TO DISK = '"+bak+"' WITH FORMAT; RESTORE VERIFYONLY FROM DISK = '"+bak+"'"); err != nil {
			t.Error(err)
		}
	})
	t.Run("scan", func(t *testing.T) {
		t.Parallel()
		r, m, _, db := watched(t, 0, func(c *engine.Config) { c.Databases.ScanRate = 512 << 10 })
		scanning := func() (n int) {
			if err := db.QueryRowContext(t.Context(), "SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID(N'Shop')").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		wait(t, "the first scan is done", func() bool { return scanning() == 3 })
		for _, q := range []string{
			"USE Shop; CREATE TABLE dbo.big(a int NOT NULL PRIMARY KEY, b nvarchar(1000)); INSERT INTO dbo.big SELECT value, REPLICATE(N'row', 300) FROM GENERATE_SERIES(1, 2000)",
			"USE Shop; CHECKPOINT; ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_128",
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%.60s: %v", q, err)
			}
		}
		if n := scanning(); n != 4 {
			t.Fatalf("the key change is in state %d", n)
		}
		m.say(disabled())
		closed(t, r, db)
		m.say(nil)
		back(t, db, 1)
		wait(t, "the scan that was cut is done", func() bool { return scanning() == 3 })
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Shop.dbo.big WHERE b LIKE N'rowrow%'").Scan(&n); err != nil || n != 2000 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
	t.Run("change of protector", func(t *testing.T) {
		t.Parallel()
		r, m, _, db := watched(t, 0)
		for _, q := range []string{
			"CREATE CREDENTIAL b WITH IDENTITY = 'v', SECRET = 'EF5C8E094D2A4A769998D93440D8115Dcanary-client-secret' FOR CRYPTOGRAPHIC PROVIDER p; ALTER LOGIN dba ADD CREDENTIAL b",
			"CREATE ASYMMETRIC KEY k2 FROM PROVIDER p WITH PROVIDER_KEY_NAME = 'Key2', CREATION_DISPOSITION = OPEN_EXISTING",
			"ALTER LOGIN dba DROP CREDENTIAL b; CREATE LOGIN l2 FROM ASYMMETRIC KEY k2; ALTER LOGIN l2 ADD CREDENTIAL b",
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%.60s: %v", q, err)
			}
		}
		m.mu.Lock()
		m.wraps = make(chan struct{})
		m.mu.Unlock()
		done := make(chan error, 1)
		go func() {
			_, err := r.connect(t, "dba", password, "Shop").ExecContext(t.Context(), "ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2")
			done <- err
		}()
		<-m.wraps
		m.say(disabled())
		closed(t, r, db)
		if err := <-done; err == nil {
			t.Error("the protector was changed")
		}
		m.mu.Lock()
		m.wraps = nil
		m.mu.Unlock()
		m.say(nil)
		back(t, db, 1)
		if _, err := db.ExecContext(t.Context(), "USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2"); err != nil {
			t.Error(err)
		}
	})
}

// Of a database that is inaccessible nothing can be changed, and it can be dropped. What belongs to it is there when it is back: settings, owner, history of backups.
func TestInaccessibleAllowsDropAlone(t *testing.T) {
	t.Parallel()
	r, m, _, db := watched(t, 0)
	bak := filepath.Join(t.TempDir(), "shop.bak")
	for _, q := range []string{
		"ALTER DATABASE Shop SET RECOVERY FULL; ALTER DATABASE Shop SET COMPATIBILITY_LEVEL = 140; ALTER DATABASE Shop SET PAGE_VERIFY TORN_PAGE_DETECTION",
		"BACKUP DATABASE Shop TO DISK = '" + bak + "'",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
	settings := func() (s string) {
		const q = "SELECT CONCAT(recovery_model_desc, N' ', compatibility_level, N' ', page_verify_option_desc, N' ', SUSER_SNAME(owner_sid), N' ', (SELECT COUNT(*) FROM msdb.dbo.backupset WHERE database_name = N'Shop')) FROM sys.databases WHERE name = N'Shop'"
		if err := db.QueryRowContext(t.Context(), q).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := settings()
	m.say(disabled())
	closed(t, r, db)
	for _, c := range []struct{ numbers, statement string }{
		{"945", "USE Shop"},
		{"945", "SELECT * FROM Shop.dbo.t"},
		{"945", "INSERT INTO Shop.dbo.t VALUES (9)"},
		{"945 3013", "BACKUP DATABASE Shop TO DISK = '" + bak + "'"},
		{"945 3013", "BACKUP LOG Shop TO DISK = '" + bak + "'"},
		{"945 3013", "RESTORE DATABASE Shop FROM DISK = '" + bak + "' WITH REPLACE"},
		{"945 5069", "ALTER DATABASE Shop SET READ_ONLY"},
		{"945 5069", "ALTER DATABASE Shop SET OFFLINE"},
		{"945 5069", "ALTER DATABASE Shop SET EMERGENCY"},
		{"945 5069", "ALTER DATABASE Shop SET RECOVERY SIMPLE"},
		{"945 5069", "ALTER DATABASE Shop SET SINGLE_USER WITH ROLLBACK IMMEDIATE"},
		{"945 5069", "ALTER DATABASE Shop SET ENCRYPTION OFF"},
		{"945 5069", "ALTER DATABASE Shop MODIFY NAME = Other"},
	} {
		_, err := db.ExecContext(t.Context(), c.statement)
		// Encryption is refused by the catalogue's own rule once its row says that the database is not recovered.
		if got := messages(err); got != c.numbers && (!strings.HasSuffix(c.statement, "ENCRYPTION OFF") || got != "33118 5069") {
			t.Errorf("%s: %s, want %s (%v)", c.statement, got, c.numbers, err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "DROP ASYMMETRIC KEY k"); err == nil {
		t.Error("its key can be dropped")
	}
	m.say(nil)
	back(t, db, 1)
	if after := settings(); after != before {
		t.Errorf("before %q, after %q", before, after)
	}
	m.say(disabled())
	closed(t, r, db)
	if _, err := db.ExecContext(t.Context(), "DROP DATABASE Shop"); err != nil {
		t.Error(err)
	}
	if n := fmt.Sprint(len(r.KeyAccess())); n != "0" {
		wait(t, "it is forgotten", func() bool { return len(r.KeyAccess()) == 0 })
	}
}
