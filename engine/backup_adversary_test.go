package engine_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/fsys"
)

// full is a disk that fails operations on files whose name ends in a suffix, from the nth on.
type full struct {
	mu     sync.Mutex
	suffix string
	kinds  fsys.Kind
	after  int
	seen   int
	err    error
}

func (f *full) hook(op fsys.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || op.Kind&f.kinds == 0 || !strings.HasSuffix(op.Name, f.suffix) {
		return nil
	}
	if f.seen++; f.seen <= f.after {
		return nil
	}
	return f.err
}

func (f *full) set(suffix string, kinds fsys.Kind, after int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.suffix, f.kinds, f.after, f.err, f.seen = suffix, kinds, after, err, 0
}

func rowsOf(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	statements(t, db, "CREATE DATABASE Shop", fmt.Sprintf("USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY, b nvarchar(400)); INSERT INTO dbo.t SELECT value, REPLICATE(N'row', 100) FROM GENERATE_SERIES(1, %d)", n))
}

// A disk that is full, or breaks, amid a backup, a VERIFYONLY and a restore: messages that say what, nothing half left, and the server goes on.
func TestDiskFull(t *testing.T) {
	disk := &full{}
	c := config(t.TempDir())
	c.FS = fsys.NewFaulty(fsys.OS{}, disk.hook)
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	rowsOf(t, db, 8000) // several blocks
	dir := t.TempDir()
	bak := filepath.Join(dir, "a.bak")
	do := func(q string) { t.Helper(); statements(t, db, q) }
	do("BACKUP DATABASE Shop TO DISK = '" + bak + "'")
	before, err := os.ReadFile(bak)
	if err != nil {
		t.Fatal(err)
	}
	alone := func(what string, want ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: the folder has %v, want %v", what, names, want)
		}
		if now, err := os.ReadFile(bak); err != nil || !bytes.Equal(now, before) {
			t.Errorf("%s: the backup that was there changed (%v)", what, err)
		}
	}
	for _, after := range []int{0, 1, 2, 5} {
		disk.set("a.bak", fsys.OpWrite, after, syscall.ENOSPC)
		refused(t, db, "3202 3013", "BACKUP DATABASE Shop TO DISK = '"+bak+"'")
		disk.set("a.bak.new", fsys.OpWrite, after, syscall.ENOSPC)
		refused(t, db, "3202 3013", "BACKUP DATABASE Shop TO DISK = '"+bak+"' WITH INIT")
		disk.set("b.bak.new", fsys.OpWrite, after, syscall.ENOSPC)
		refused(t, db, "3202 3013", "BACKUP DATABASE Shop TO DISK = '"+filepath.Join(dir, "b.bak")+"'")
	}
	disk.set("a.bak", fsys.OpSync, 0, syscall.EIO)
	refused(t, db, "3202 3013", "BACKUP DATABASE Shop TO DISK = '"+bak+"'")
	disk.set("", 0, 0, nil)
	alone("full", "a.bak")
	for _, kind := range []string{"RESTORE VERIFYONLY FROM", "RESTORE DATABASE Copy FROM"} {
		disk.set("a.bak", fsys.OpRead, 12, syscall.EIO)
		refused(t, db, "3203 3013", kind+" DISK = '"+bak+"'")
	}
	data := filepath.Join(r.dir, "data")
	files := func() int {
		entries, err := os.ReadDir(data)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	was := files()
	for _, after := range []int{0, 3, 6} {
		disk.set("Copy.mdf-new", fsys.OpWrite, after, syscall.ENOSPC)
		_, err := db.ExecContext(t.Context(), "RESTORE DATABASE Copy FROM DISK = '"+bak+"' WITH MOVE 'Shop' TO 'Copy.mdf'")
		if got := messages(err); got != "3202 3013" || !strings.Contains(err.Error(), "Copy.mdf") && !strings.Contains(fmt.Sprint(err), "abnormally") {
			t.Errorf("restoring onto a full disk: %s (%v)", got, err)
		}
		disk.set("Shop1.mdf-new", fsys.OpWrite, after, syscall.ENOSPC)
		disk.set("-new", fsys.OpWrite, after, syscall.ENOSPC)
		refused(t, db, "3202 3013", "RESTORE DATABASE Shop FROM DISK = '"+bak+"' WITH REPLACE")
		disk.set("", 0, 0, nil)
		if n := count(t, db, "Shop"); n != 8000 {
			t.Errorf("%d rows in the database that was not replaced", n)
		}
	}
	if n := files(); n != was {
		t.Errorf("%d files in the data folder, %d before", n, was)
	}
	if got := scalar(t, db, "SELECT DB_ID('Copy')"); got != "NULL" {
		t.Errorf("a database that was not restored is there: %s", got)
	}
	do("RESTORE VERIFYONLY FROM DISK = '" + bak + "'")
	do("RESTORE DATABASE Copy FROM DISK = '" + bak + "'")
	if n := count(t, db, "Copy"); n != 8000 {
		t.Errorf("%d rows once there was room", n)
	}
}

// Points of time: before the full backup, between, at the very moment of a commit, behind the end, in the future.
func TestStopAt(t *testing.T) {
	_, db, do := shop(t)
	dir := t.TempDir()
	bak, trn := filepath.Join(dir, "a.bak"), filepath.Join(dir, "a.trn")
	now := func() string {
		t.Helper()
		at := scalar(t, db, "SELECT CONVERT(varchar(30), SYSDATETIME(), 126)")
		statements(t, db, "WAITFOR DELAY '00:00:00.020'")
		return at
	}
	before := now()
	do("BACKUP DATABASE Shop TO DISK = '%s'", bak)
	atFull := now()
	do("INSERT INTO Shop.dbo.t VALUES(1001, N'a')")
	first := now()
	do("INSERT INTO Shop.dbo.t VALUES(1002, N'b')")
	second := now()
	do("BACKUP LOG Shop TO DISK = '%s'", trn)
	do("INSERT INTO Shop.dbo.t VALUES(1003, N'c')")
	third := now()
	do("BACKUP LOG Shop TO DISK = '%s'", trn)
	future := time.Now().AddDate(1, 0, 0).Format("2006-01-02T15:04:05")
	refused(t, db, "4338 3013", "RESTORE DATABASE X FROM DISK = '"+bak+"' WITH STOPAT = '"+before+"', NORECOVERY")
	begin := func(name string) { t.Helper(); do("RESTORE DATABASE %s FROM DISK = '%s' WITH NORECOVERY", name, bak) }
	restoring := func(name string) bool {
		return scalar(t, db, "SELECT state_desc FROM sys.databases WHERE name = '"+name+"'") == "RESTORING"
	}
	for i, c := range []struct {
		at   string
		want int
	}{{atFull, 500}, {first, 501}, {second, 502}} {
		name := fmt.Sprint("T", i)
		begin(name)
		do("RESTORE LOG %s FROM DISK = '%s' WITH STOPAT = '%s'", name, trn, c.at)
		if n := count(t, db, name); n != c.want {
			t.Errorf("stopped at %s: %d rows, want %d", c.at, n, c.want)
		}
	}
	begin("Early")
	refused(t, db, "4335 3013", "RESTORE LOG Early FROM DISK = '"+trn+"' WITH STOPAT = '"+before+"'")
	do("RESTORE LOG Early FROM DISK = '%s' WITH NORECOVERY", trn)
	refused(t, db, "4335 3013", "RESTORE LOG Early FROM DISK = '"+trn+"' WITH FILE = 2, STOPAT = '"+first+"'")
	// Behind the end of one log the next is waited for; then it is reached.
	do("RESTORE LOG Early FROM DISK = '%s' WITH FILE = 2, STOPAT = '%s'", trn, future)
	if !restoring("Early") {
		t.Error("a point in the future opened the database")
	}
	do("RESTORE DATABASE Early WITH RECOVERY")
	if n := count(t, db, "Early"); n != 503 {
		t.Errorf("%d rows at the end", n)
	}
	begin("Next")
	do("RESTORE LOG Next FROM DISK = '%s' WITH STOPAT = '%s'", trn, third)
	if !restoring("Next") {
		t.Error("a point behind the log's end opened the database")
	}
	do("RESTORE LOG Next FROM DISK = '%s' WITH FILE = 2, STOPAT = '%s'", trn, third)
	if n := count(t, db, "Next"); n != 503 {
		t.Errorf("%d rows at the point in the second log", n)
	}
	for _, clause := range []string{"STOPATMARK = 'm'", "STOPBEFOREMARK = 'm'", "STANDBY = 'undo.dat'", "RESTRICTED_USER"} {
		refused(t, db, "40517", "RESTORE LOG T0 FROM DISK = '"+trn+"' WITH "+clause)
	}
}

// What is not there is refused by name, before anything is done.
func TestBackupRefusals(t *testing.T) {
	r, db, do := shop(t)
	dir := t.TempDir()
	bak := filepath.Join(dir, "a.bak")
	do("BACKUP DATABASE Shop TO DISK = '%s'", bak)
	foreign := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(foreign, []byte("dear reader, this is not a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(dir, "hostname") // shorter than what a backup begins with
	if err := os.WriteFile(note, []byte("db1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(r.dir, "data", "Shop.mdf")
	for _, c := range []struct{ want, statement string }{
		{"40517", "BACKUP DATABASE Shop TO DISK = 'a.bak' MIRROR TO DISK = 'b.bak' WITH FORMAT"},
		{"40517", "BACKUP DATABASE Shop TO DISK = 'a.bak' WITH DIFFERENTIAL"},
		{"40517", "BACKUP LOG Shop TO DISK = 'a.bak' WITH NORECOVERY"},
		{"40517", "BACKUP LOG Shop TO DISK = 'a.bak' WITH STANDBY = 'x'"},
		{"40517", "BACKUP DATABASE Shop TO DISK = 'a.bak' WITH ENCRYPTION (ALGORITHM = TRIPLE_DES_3KEY, SERVER CERTIFICATE = c)"},
		{"40517", "BACKUP DATABASE Shop TO TAPE = 'x'"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + foreign + "'"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + foreign + "' WITH INIT"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + foreign + "' WITH FORMAT"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + note + "'"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + note + "' WITH INIT"},
		{"3241 3013", "BACKUP DATABASE Shop TO DISK = '" + note + "' WITH FORMAT"},
		{"3201 3013", "BACKUP DATABASE Shop TO DISK = '" + data + "' WITH FORMAT"},
		{"3201 3013", "BACKUP DATABASE Shop TO DISK = '" + filepath.Join(r.dir, "service-key", "x.bak") + "'"},
		{"3201 3013", "BACKUP DATABASE Shop TO DISK = '" + filepath.Join(r.dir, "backup", "..", "data", "x.bak") + "'"},
		{"3201 3013", "BACKUP DATABASE Shop TO DISK = '" + filepath.Join(dir, "no", "such", "folder", "x.bak") + "'"},
		{"3156 3013", "RESTORE DATABASE X FROM DISK = '" + bak + "' WITH MOVE 'Shop' TO '" + filepath.Join(dir, "x.mdf") + "'"},
		{"3156 3013", "RESTORE DATABASE X FROM DISK = '" + bak + "' WITH MOVE 'Shop' TO '/etc/x.mdf'"},
	} {
		refused(t, db, c.want, c.statement)
	}
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "dear reader, this is not a backup" {
		t.Errorf("the letter is %q, %v", b, err)
	}
	if b, err := os.ReadFile(note); err != nil || string(b) != "db1\n" {
		t.Errorf("the note is %.20q, %v", b, err)
	}
	died := filepath.Join(dir, "died.bak") // within the first bytes of its first set
	if err := os.WriteFile(died, []byte("LKBAK"), 0o600); err != nil {
		t.Fatal(err)
	}
	do("BACKUP DATABASE Shop TO DISK = '%s'", died)
	if n := count(t, db, "Shop"); n != 500 {
		t.Errorf("%d rows", n)
	}
	do("RESTORE DATABASE Y FROM DISK = '%s' WITH MOVE 'Shop' TO 'C:\\Data\\y.mdf'", bak) // another machine's path is a name here
	if _, err := os.Stat(filepath.Join(r.dir, "data", "y.mdf")); err != nil {
		t.Error(err)
	}
	// Sets that have not expired are kept from INIT, not from SKIP or FORMAT.
	kept := filepath.Join(dir, "kept.bak")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH RETAINDAYS = 7", kept)
	refused(t, db, "4030 3013", "BACKUP DATABASE Shop TO DISK = '"+kept+"' WITH INIT")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH NOINIT", kept)
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH INIT, SKIP, EXPIREDATE = '2001-01-01'", kept)
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH INIT", kept)
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH RETAINDAYS = 7", kept)
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH FORMAT", kept)
	refused(t, db, "4038 3013", "RESTORE VERIFYONLY FROM DISK = '"+kept+"' WITH FILE = 2")
	// A database in use is not replaced under its sessions.
	conn, err := r.connect(t, "dba", password, "Shop").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	refused(t, db, "3101 3013", "RESTORE DATABASE Shop FROM DISK = '"+bak+"' WITH REPLACE")
	_ = conn.Close()
}

// The keys change between the full backup and its logs: what comes back is the same, under the keys of the full backup.
func TestKeysChangeBetweenBackups(t *testing.T) {
	c := config(t.TempDir())
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	keyed(t, db, "k1", "k2")
	dir := t.TempDir()
	step := 0
	chain := func(name string, steps ...string) {
		t.Helper()
		step++
		bak := filepath.Join(dir, fmt.Sprint(step))
		statements(t, db, "BACKUP DATABASE "+name+" TO DISK = '"+bak+"'")
		for i, s := range steps {
			statements(t, db, "INSERT "+name+".dbo.t VALUES ("+fmt.Sprint(1000*step+i)+")")
			if s != "" {
				statements(t, db, "USE "+name+"; "+s, "USE master")
				wait(t, "no scan runs", func() bool {
					return slices.Contains([]string{"0", "1", "3"}, scalar(t, db, "SELECT ISNULL(MAX(encryption_state), 0) FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('"+name+"')"))
				})
			}
			statements(t, db, "INSERT "+name+".dbo.t VALUES ("+fmt.Sprint(1000*step+500+i)+")", "BACKUP LOG "+name+" TO DISK = '"+bak+"'")
		}
		copied := fmt.Sprint(name, "Copy", step)
		statements(t, db, "RESTORE DATABASE "+copied+" FROM DISK = '"+bak+"' WITH NORECOVERY")
		for i := range steps {
			statements(t, db, fmt.Sprintf("RESTORE LOG %s FROM DISK = '%s' WITH FILE = %d, NORECOVERY", copied, bak, i+2))
		}
		statements(t, db, "RESTORE DATABASE "+copied+" WITH RECOVERY")
		a, b := scalar(t, db, "SELECT CONCAT(COUNT(*), ' ', SUM(a)) FROM "+name+".dbo.t"), scalar(t, db, "SELECT CONCAT(COUNT(*), ' ', SUM(a)) FROM "+copied+".dbo.t")
		if a != b {
			t.Errorf("%v: the copy has %s, the database %s", steps, b, a)
		}
		statements(t, db, "DROP DATABASE "+copied)
	}
	statements(t, db, "CREATE DATABASE E", "USE E; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE E SET ENCRYPTION ON", "USE master")
	waitEncrypted(t, db, "E")
	chain("E", "ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_192")
	chain("E", "ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2")
	chain("E", "ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_256", "ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k1", "ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_128")
	chain("E", "ALTER DATABASE E SET ENCRYPTION OFF", "DROP DATABASE ENCRYPTION KEY")
	chain("E", "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k2; ALTER DATABASE E SET ENCRYPTION ON", "")
}

// What writers wrote while a backup was taken is in it as of one moment: each of their transactions as a whole, or not at all.
func TestBackupUnderTwentyWriters(t *testing.T) {
	r, db, do := shop(t)
	dir := t.TempDir()
	do("USE Shop; CREATE TABLE dbo.account(id int NOT NULL PRIMARY KEY, amount int NOT NULL); INSERT dbo.account SELECT value, 100 FROM GENERATE_SERIES(1, 40)")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var moved atomic.Int64
	for w := range 20 {
		conn := r.connect(t, "dba", password, "Shop")
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				from, to := (w*7+n)%40+1, (w*11+n*3)%40+1
				if from == to {
					continue
				}
				if _, err := conn.ExecContext(t.Context(), fmt.Sprintf("SET XACT_ABORT ON; BEGIN TRAN; UPDATE dbo.account SET amount = amount - 1 WHERE id = %d; UPDATE dbo.account SET amount = amount + 1 WHERE id = %d; COMMIT", from, to)); err == nil {
					moved.Add(1)
				}
			}
		})
	}
	for i := range 3 {
		was := moved.Load()
		wait(t, "writers write", func() bool { return moved.Load() > was+20 })
		do("BACKUP DATABASE Shop TO DISK = '%s'", filepath.Join(dir, fmt.Sprint("full", i)))
		was = moved.Load()
		wait(t, "writers write", func() bool { return moved.Load() > was+20 })
		do("BACKUP LOG Shop TO DISK = '%s'", filepath.Join(dir, fmt.Sprint("log", i)))
	}
	stop()
	wg.Wait()
	for i := range 3 {
		do("RESTORE DATABASE C FROM DISK = '%s' WITH NORECOVERY", filepath.Join(dir, fmt.Sprint("full", i)))
		if i == 1 {
			do("RESTORE LOG C FROM DISK = '%s' WITH NORECOVERY", filepath.Join(dir, "log1"))
		}
		do("RESTORE DATABASE C WITH RECOVERY")
		if got := scalar(t, db, "SELECT CONCAT(COUNT(*), ' ', SUM(amount)) FROM C.dbo.account"); got != "40 4000" {
			t.Errorf("backup %d: %s, want 40 4000", i, got)
		}
		do("DROP DATABASE C")
	}
}

// Any flipped bit of a backup that a server made is found by VERIFYONLY and by RESTORE, of a full one, a log, a compressed and a sealed one.
func TestFlippedBits(t *testing.T) {
	c := config(t.TempDir())
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	keyed(t, db, "k1")
	dir := t.TempDir()
	statements(t, db, "CREATE DATABASE S", "USE S; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY)", "USE master")
	samples := 24
	if os.Getenv("LATCHKEY_LONG") == "1" {
		samples = 1 << 30
	}
	for _, kind := range []struct{ name, with string }{{"plain", "CHECKSUM"}, {"compressed", "COMPRESSION"}, {"sealed", "FORMAT, ENCRYPTION (ALGORITHM = AES_256, SERVER ASYMMETRIC KEY = k1)"}} {
		bak := filepath.Join(dir, kind.name)
		statements(t, db, "BACKUP DATABASE S TO DISK = '"+bak+"' WITH "+kind.with)
		good, err := os.ReadFile(bak)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(good)/samples)
		for at := 0; at < len(good); at += step {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			if err := os.WriteFile(bak, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, q := range []string{"RESTORE VERIFYONLY FROM DISK = '" + bak + "'", "RESTORE DATABASE Bad FROM DISK = '" + bak + "' WITH REPLACE"} {
				_, err := db.ExecContext(t.Context(), q)
				got := messages(err)
				if err == nil || !strings.HasSuffix(got, " 3013") || !slices.Contains([]string{"3241", "3189", "3183", "33111", "3118", "15297"}, strings.Fields(got)[0]) {
					t.Fatalf("%s, byte %d of %d: %.40s: %s (%v)", kind.name, at, len(good), q, got, err)
				}
			}
		}
	}
	if got := scalar(t, db, "SELECT DB_ID('Bad')"); got != "NULL" {
		t.Errorf("a damaged backup left a database")
	}
}
