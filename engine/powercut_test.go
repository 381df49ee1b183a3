package engine_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/fsys"
)

// cut is a disk that loses power at the nth change: what is durable then is kept, and everything fails from there on.
type cut struct {
	mu   sync.Mutex
	disk *fsys.Mem
	left int // changes until then; negative: never
	seen int
	kept *fsys.Mem // what the next start finds; nil before the cut
}

const changes = fsys.OpWrite | fsys.OpSync | fsys.OpTruncate | fsys.OpRename | fsys.OpRemove | fsys.OpSyncDir | fsys.OpOpen

func (c *cut) hook(op fsys.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept != nil {
		return errors.New("the power is off")
	}
	if c.left < 0 || op.Kind&changes == 0 {
		return nil
	}
	if c.seen++; c.seen < c.left {
		return nil
	}
	c.kept = c.disk.CrashClone(fsys.Crash{})
	return errors.New("the power is off")
}

// arm makes the nth change from now on the last; off is how many there were before it was disarmed.
func (c *cut) arm(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.seen = n, 0
}

func (c *cut) was() (kept *fsys.Mem, seen int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = -1
	return c.kept, c.seen
}

// The power goes at every step of a rotation, a new key, a backup, a log's backup and a restore: afterwards all rows are there, under the old key or the new one, the catalogue and the
// file say the same, the ledger is true, and the same statement done again ends as it should have.
func TestPowerCutsInTheLifeOfAKey(t *testing.T) {
	keys := &catalogtest.Provider{}
	open := func(t *testing.T, disk *fsys.Mem) (*running, *sql.DB, *cut) {
		t.Helper()
		c := config("/srv")
		p := &cut{disk: disk, left: -1}
		c.FS = fsys.NewFaulty(disk, p.hook)
		c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: keys}}}
		r := start(t, c)
		return r, r.connect(t, "dba", password, ""), p
	}
	base := fsys.NewMem()
	if err := base.MkdirAll("/srv", 0o700); err != nil {
		t.Fatal(err)
	}
	r, db, _ := open(t, base)
	keyed(t, db, "k1", "k2")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT INTO dbo.t SELECT value FROM GENERATE_SERIES(1, 100); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE Shop SET ENCRYPTION ON", "USE master")
	waitEncrypted(t, db, "Shop")
	statements(t, db, "BACKUP DATABASE Shop TO DISK = 'full.bak'", "INSERT Shop.dbo.t VALUES (101)")
	_ = db.Close()
	r.stop()
	thumbprint := func(db *sql.DB, key string) string {
		return scalar(t, db, "SELECT CONVERT(varchar(64), thumbprint, 1) FROM sys.asymmetric_keys WHERE name = '"+key+"'")
	}
	const protector = "SELECT CONVERT(varchar(64), encryptor_thumbprint, 1) FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('Shop')"
	for _, c := range []struct {
		name, statement string
		rows            []string // that may be there afterwards
		keys            []string
		done            string // the rows after it was done again
		every           int    // which points are tried without LATCHKEY_LONG
	}{
		{"rotate", "USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2", []string{"101"}, []string{"k1", "k2"}, "101", 4},
		{"regenerate", "USE Shop; ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_128", []string{"101"}, []string{"k1"}, "101", 11},
		{"backup", "BACKUP DATABASE Shop TO DISK = 'second.bak' WITH FORMAT", []string{"101"}, []string{"k1"}, "101", 25},
		{"append", "BACKUP DATABASE Shop TO DISK = 'full.bak'", []string{"101"}, []string{"k1"}, "101", 25},
		{"backup log", "BACKUP LOG Shop TO DISK = 'shop.trn'", []string{"101"}, []string{"k1"}, "101", 41},
		{"restore", "RESTORE DATABASE Shop FROM DISK = 'full.bak' WITH REPLACE", []string{"100", "101"}, []string{"k1"}, "100", 55},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps, points := 1, 0
			for n := 1; ; n += steps {
				r, db, p := open(t, base.CrashClone(fsys.Crash{}))
				wait(t, "it is online", func() bool {
					return scalar(t, db, "SELECT state_desc FROM sys.databases WHERE name = 'Shop'") == "ONLINE"
				})
				p.arm(n)
				_, err := db.ExecContext(t.Context(), c.statement)
				kept, seen := p.was()
				_ = db.Close()
				p.mu.Lock()
				dead := p.kept != nil
				p.mu.Unlock()
				if !dead {
					r.stop()
					if err != nil {
						t.Fatalf("without a cut: %v", err)
					}
					if points == 0 {
						t.Fatal("there was nothing to cut")
					}
					t.Logf("%d points of %d changes", points, seen)
					return
				}
				r.abandon()
				points++
				if os.Getenv("LATCHKEY_LONG") != "1" {
					steps = c.every
				}
				r, db, _ = open(t, kept)
				wait(t, "it is online", func() bool {
					return scalar(t, db, "SELECT state_desc FROM sys.databases WHERE name = 'Shop'") == "ONLINE"
				})
				if got := scalar(t, db, "SELECT COUNT(*) FROM Shop.dbo.t"); !contains(c.rows, got) {
					t.Errorf("cut %d: %s rows", n, got)
				}
				under := scalar(t, db, protector)
				var may []string
				for _, k := range c.keys {
					may = append(may, thumbprint(db, k))
				}
				if !contains(may, under) {
					t.Errorf("cut %d: under %s, want one of %v", n, under, may)
				}
				if got := scalar(t, db, "SELECT STRING_AGG(CONVERT(varchar(64), thumbprint, 1), ',') FROM (SELECT DISTINCT thumbprint FROM sys.latchkey_key_references WHERE kind = 'DATABASE') AS r"); !strings.Contains(got, under) {
					t.Errorf("cut %d: the file says %s, the catalogue %s", n, got, under)
				}
				wait(t, "no scan runs", func() bool {
					return scalar(t, db, "SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('Shop')") == "3"
				})
				statements(t, db, c.statement, "USE master")
				if got := scalar(t, db, "SELECT COUNT(*) FROM Shop.dbo.t"); got != c.done {
					t.Errorf("cut %d, done again: %s rows, want %s", n, got, c.done)
				}
				for _, bak := range []string{"full.bak", "second.bak"} {
					if bak == "second.bak" && c.name != "backup" {
						continue
					}
					statements(t, db, "RESTORE VERIFYONLY FROM DISK = '"+bak+"'")
				}
				if c.name == "rotate" && scalar(t, db, protector) != thumbprint(db, "k2") {
					t.Errorf("cut %d, done again: not under the new key", n)
				}
				_ = db.Close()
				r.stop()
			}
		})
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// counted counts the bytes that go through files of databases and logs.
type counted struct {
	mu            sync.Mutex
	read, written int64
	files         map[string]int64
}

func (c *counted) hook(op fsys.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch op.Kind {
	case fsys.OpRead:
		c.read += int64(op.Len)
	case fsys.OpWrite:
		c.written += int64(op.Len)
		c.files[op.Name] += int64(op.Len)
	}
	return nil
}

func (c *counted) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.written, c.files = 0, 0, map[string]int64{}
}

func (c *counted) totals() (read, written int64, files string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read, c.written, fmt.Sprint(c.files)
}

// Another protector costs the same for a small database as for one that is a thousand times larger.
func TestRotationDoesNotDependOnSize(t *testing.T) {
	disk := &counted{files: map[string]int64{}}
	c := config(t.TempDir())
	c.FS = fsys.NewFaulty(fsys.OS{}, disk.hook)
	c.Monitor.Profile.Poll = 1 << 50 // nothing else is to read
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	c.RegisterWithin = 1 << 50
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	keyed(t, db, "k1", "k2")
	sizes := map[string]int64{}
	for name, rows := range map[string]int{"Small": 10, "Large": 20000} {
		statements(t, db, "CREATE DATABASE "+name, fmt.Sprintf("USE %s; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY, b varbinary(900)); INSERT INTO dbo.t SELECT value, CAST(CRYPT_GEN_RANDOM(900) AS varbinary(900)) FROM GENERATE_SERIES(1, %d)", name, rows),
			"USE "+name+"; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE "+name+" SET ENCRYPTION ON", "USE master")
		waitEncrypted(t, db, name)
		statements(t, db, "USE "+name+"; CHECKPOINT", "USE master")
		if fi, err := os.Stat(r.dir + "/data/" + name + ".mdf"); err == nil {
			sizes[name] = fi.Size()
		}
	}
	if sizes["Large"] < 100*sizes["Small"] {
		t.Fatalf("sizes %v", sizes)
	}
	cost := map[string][2]int64{}
	for _, name := range []string{"Small", "Large"} {
		disk.reset()
		statements(t, db, "USE "+name+"; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2")
		read, written, files := disk.totals()
		cost[name] = [2]int64{read, written}
		t.Logf("%s of %d bytes: read %d, written %d: %s", name, sizes[name], read, written, files)
	}
	for i, what := range []string{"read", "written"} {
		s, l := cost["Small"][i], cost["Large"][i]
		if d := l - s; d > 8192 || d < -8192 || l > 64<<10 {
			t.Errorf("%s: %d bytes for the small database, %d for the large one", what, s, l)
		}
	}
}
