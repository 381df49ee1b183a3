package engine_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
)

// registry is a provider whose key store keeps a list of who needs its keys.
type registry struct {
	*keystmttest.Library
	mu     sync.Mutex
	told   []ekm.Registration
	refuse error
	before func(key string) // called amid a registration that has a key which nothing needs yet
	host   string           // of the vault; "" is v.vault.azure.net
}

func (r *registry) OpenSession(ctx context.Context, c *ekm.Credential) (ekm.Session, error) {
	s, err := r.Library.OpenSession(ctx, c)
	return &placed{s, cmp.Or(r.host, "v.vault.azure.net")}, err
}

// placed is a session whose keys have URIs of a vault.
type placed struct {
	ekm.Session
	host string
}

func (p *placed) KeyByName(ctx context.Context, name string) (ekm.KeyInfo, error) {
	i, err := p.Session.KeyByName(ctx, name)
	i.URI = "https://" + p.host + "/keys/" + name + "/" + strings.Repeat("0", 32)
	return i, err
}

func (r *registry) Register(_ context.Context, cred *ekm.Credential, reg ekm.Registration) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cred == nil || cred.Secret.Len() == 0 {
		return nil, errors.New("no credential")
	}
	if r.refuse != nil {
		return nil, r.refuse
	}
	for _, n := range reg.Needs {
		if n.Kind == "key change" && r.before != nil {
			r.before(strings.Split(n.URI, "/")[4])
		}
	}
	r.told = append(r.told, reg)
	return nil, nil
}

// last is what was told last: kind, database and key of each need, sorted; "" if nothing was told.
func (r *registry) last() (id, needs string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) == 0 {
		return "", ""
	}
	reg := r.told[len(r.told)-1]
	var list []string
	for _, n := range reg.Needs {
		key := strings.Split(n.URI, "/")[4]
		list = append(list, n.Kind+" "+n.Database+" "+key)
	}
	slices.Sort(list)
	return reg.ID, strings.Join(slices.Compact(list), "\n")
}

func registering(t *testing.T, reg *registry, dir string) (*running, *sql.DB) {
	t.Helper()
	c := config(dir)
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: reg}}
	c.RegisterWithin = 20 * time.Millisecond
	r := start(t, c)
	return r, r.connect(t, "dba", password, "")
}

// keyed makes asymmetric keys of the provider, each with its login.
func keyed(t *testing.T, db *sql.DB, names ...string) {
	t.Helper()
	all := []string{
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE", "EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER p FROM FILE = '" + catalogtest.Path + "'",
	}
	for _, n := range names {
		all = append(all,
			"CREATE CREDENTIAL c"+n+" WITH IDENTITY = 'v', SECRET = 'EF5C8E094D2A4A769998D93440D8115Dcanary-client-secret' FOR CRYPTOGRAPHIC PROVIDER p; ALTER LOGIN dba ADD CREDENTIAL c"+n,
			"CREATE ASYMMETRIC KEY "+n+" FROM PROVIDER p WITH PROVIDER_KEY_NAME = '"+n+"', CREATION_DISPOSITION = OPEN_EXISTING",
			"ALTER LOGIN dba DROP CREDENTIAL c"+n+"; CREATE LOGIN l"+n+" FROM ASYMMETRIC KEY "+n+"; ALTER LOGIN l"+n+" ADD CREDENTIAL c"+n)
	}
	statements(t, db, all...)
}

func statements(t *testing.T, db *sql.DB, all ...string) {
	t.Helper()
	for _, q := range all {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.90s: %v", q, err)
		}
	}
}

// The server tells key stores what it needs of them: databases, kept logs, backups, users' keys; also of databases that are offline, and after a restart.
func TestKeyStoresAreToldWhatIsNeeded(t *testing.T) {
	reg := &registry{Library: &keystmttest.Library{Provider: &catalogtest.Provider{}}}
	dir := t.TempDir()
	r, db := registering(t, reg, dir)
	keyed(t, db, "k1", "k2")
	expect := func(what, want string) {
		t.Helper()
		got := ""
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
			if _, got = reg.last(); got == want {
				return
			}
		}
		t.Fatalf("%s: told\n%s\nwant\n%s", what, got, want)
	}
	bak := filepath.Join(t.TempDir(), "a.bak")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1",
		"ALTER DATABASE Shop SET ENCRYPTION ON")
	expect("encrypted", "database Shop k1")
	waitEncrypted(t, db, "Shop")
	statements(t, db, "BACKUP DATABASE Shop TO DISK = '"+bak+"'", "INSERT Shop.dbo.t VALUES (1)", "CREATE DATABASE Tick1") // a log that begins is seen with the next change of the catalogue or of the history
	expect("backed up", "backup Shop k1\ndatabase Shop k1\nkept log Shop k1")
	statements(t, db, "USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2; INSERT Shop.dbo.t VALUES (2)", "CREATE DATABASE Tick2")
	expect("rotated", "backup Shop k1\ndatabase Shop k2\nkept log Shop k1\nkept log Shop k2")
	statements(t, db, "USE master; ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
	id, before := reg.last()
	_ = db.Close()
	r.stop()
	reg.mu.Lock()
	reg.told = nil
	reg.mu.Unlock()
	r, db = registering(t, reg, dir)
	expect("offline, after a restart", before)
	if again, _ := reg.last(); again != id || !strings.HasPrefix(id, "TESTSRV-") {
		t.Errorf("registered as %q and %q", id, again)
	}
	if n := scalar(t, db, "SELECT COUNT(*) FROM sys.latchkey_key_references WHERE kind <> 'UNKNOWN'"); n != "3" {
		t.Errorf("%s references of an offline database, want 3", n)
	}
	// What it does not need any more it lets go.
	statements(t, db, "ALTER DATABASE Shop SET ONLINE", "BACKUP LOG Shop TO DISK = '"+bak+"'", "ALTER DATABASE Shop SET RECOVERY SIMPLE")
	expect("without a log", "backup Shop k1\nbackup Shop k2\ndatabase Shop k2")
	statements(t, db, "DROP DATABASE Shop")
	expect("dropped, its backups are there", "backup Shop k1\nbackup Shop k2")
	statements(t, db, fmt.Sprintf("EXEC msdb.dbo.sp_delete_backuphistory @oldest_date = '%s'", time.Now().AddDate(1, 0, 0).Format("2006-01-02")), "CREATE DATABASE Other")
	expect("forgotten", "")
	// Sealed backups, and keys of users.
	statements(t, db, "BACKUP DATABASE Other TO DISK = '"+bak+"2' WITH FORMAT, ENCRYPTION (ALGORITHM = AES_256, SERVER ASYMMETRIC KEY = k2)")
	expect("sealed", "sealed backup Other k2")
	_ = r
}

// A file names its key by the address that it had when the file was written. Where the key is now is told, too: there it must not be let go of.
func TestKeyThatWasRestoredElsewhere(t *testing.T) {
	bak := filepath.Join(t.TempDir(), "a.bak")
	library := &keystmttest.Library{Provider: &catalogtest.Provider{}}
	_, db := registering(t, &registry{Library: library}, t.TempDir())
	keyed(t, db, "k1")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1", "ALTER DATABASE Shop SET ENCRYPTION ON")
	waitEncrypted(t, db, "Shop")
	statements(t, db, "BACKUP DATABASE Shop TO DISK = '"+bak+"'")
	elsewhere := &registry{Library: library, host: "rescue.vault.azure.net"}
	_, db = registering(t, elsewhere, t.TempDir())
	keyed(t, db, "k1")
	statements(t, db, "RESTORE DATABASE Shop FROM DISK = '"+bak+"'")
	wait(t, "the new vault knows that Shop needs its key", func() bool {
		elsewhere.mu.Lock()
		defer elsewhere.mu.Unlock()
		return len(elsewhere.told) > 0 && slices.ContainsFunc(elsewhere.told[len(elsewhere.told)-1].Needs, func(n ekm.Need) bool {
			return n.Database == "Shop" && n.Kind == "database" && strings.HasPrefix(n.URI, "https://rescue.vault.azure.net/keys/k1/")
		})
	})
}

// A key store that refuses, or keeps no list, disturbs nothing.
func TestKeyStoreThatDoesNotListen(t *testing.T) {
	for _, refuse := range []error{ekm.ErrNoRegister, errors.New("no")} {
		reg := &registry{Library: &keystmttest.Library{Provider: &catalogtest.Provider{}}, refuse: refuse}
		_, db := registering(t, reg, t.TempDir())
		keyed(t, db, "k1")
		statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1", "ALTER DATABASE Shop SET ENCRYPTION ON")
		waitEncrypted(t, db, "Shop")
	}
}

func waitEncrypted(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	wait(t, name+" is encrypted", func() bool {
		return scalar(t, db, "SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('"+name+"')") == "3"
	})
}

// A key is registered before anything is under it: the key store hears of it while the database still says that it is under the other.
func TestKeyIsRegisteredBeforeItIsNeeded(t *testing.T) {
	reg := &registry{Library: &keystmttest.Library{Provider: &catalogtest.Provider{}}}
	r, db := registering(t, reg, t.TempDir())
	keyed(t, db, "k1", "k2")
	look := r.connect(t, "dba", password, "")
	var mu sync.Mutex
	var seen []string
	reg.mu.Lock()
	reg.before = func(key string) {
		var under string
		err := look.QueryRowContext(t.Context(), "SELECT ISNULL((SELECT a.name FROM sys.dm_database_encryption_keys AS k JOIN master.sys.asymmetric_keys AS a ON a.thumbprint = k.encryptor_thumbprint WHERE k.database_id = DB_ID('Shop')), 'nothing')").Scan(&under)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s while under %s, %v", key, under, err))
	}
	reg.mu.Unlock()
	statements(t, db, "CREATE DATABASE Shop",
		"USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1",
		"USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(seen)
	want := []string{"k1 while under nothing, <nil>", "k2 while under k1, <nil>"}
	if got := slices.Compact(seen); !slices.Equal(got, want) {
		t.Errorf("registered %q, want %q", got, want)
	}
	if _, needs := reg.last(); !strings.Contains(needs, "k2") {
		t.Errorf("told last: %s", needs)
	}
}
