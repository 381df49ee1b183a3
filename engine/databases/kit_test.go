package databases_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/databases"
	"latchkey/engine/databases/system"
	"latchkey/engine/sessions"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// vault is a key store that a test breaks.
type vault struct {
	key *protect.Key

	mu      sync.Mutex
	err     error
	calls   map[string]int // by wrapped blob
	now     int
	most    int
	unwraps int
	slow    chan struct{} // if set, unwraps wait for it
}

func newVault() *vault { return &vault{key: protect.Generate(), calls: make(map[string]int)} }

func (v *vault) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func (v *vault) Wrap(_ context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	b, err := v.key.Seal("test", string(t), plain)
	return ekm.Wrapped{Algorithm: "test", Blob: b}, err
}

func (v *vault) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	v.mu.Lock()
	v.unwraps++
	v.calls[string(w.Blob)]++
	v.now++
	v.most = max(v.most, v.now)
	err, slow := v.err, v.slow
	v.mu.Unlock()
	if slow != nil {
		<-slow
	}
	defer func() {
		v.mu.Lock()
		v.now--
		v.mu.Unlock()
	}()
	if err != nil {
		return nil, err
	}
	return v.key.Open("test", string(t), w.Blob)
}

func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.unwraps
}

// kit is a server's metadata and databases over one file system.
type kit struct {
	*databases.Manager
	t        testing.TB
	fs       fsys.FS
	dir      string
	service  *protect.Key
	vault    *vault
	clock    *clock.Fake
	cat      *catalog.Catalog
	sessions *sessions.Registry
	log      *lockedBuffer
	change   func(*databases.Config)
	stop     func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// runtime answers the catalogue.
type runtime struct{ k *kit }

func (r runtime) LoginSessions(l int) int          { return r.k.sessions.LoginSessions(l) }
func (r runtime) DatabaseSessions(db, but int) int { return r.k.sessions.DatabaseSessions(db, but) }
func (r runtime) ProviderSessions(int) int         { return 0 }
func (r runtime) Scanning(db int) (bool, bool) {
	if r.k.Manager == nil {
		return false, false
	}
	return r.k.Manager.Scanning(db)
}

const strong = "Pa$$w0rd-of-a-test!"

// template is a new server with a certificate "tde" in master, made once: master keys and certificates take their time under the race
// detector. Each test gets a copy.
type template struct {
	dir     string
	service *protect.Key
}

var made = sync.OnceValues(func() (*template, error) {
	dir, err := os.MkdirTemp("", "latchkey-databases")
	if err != nil {
		return nil, err
	}
	x := &template{dir: dir, service: protect.Generate()}
	ctx := context.Background()
	if err := system.Make(ctx, system.Config{Dir: filepath.Join(dir, "system"), Service: x.service}); err != nil {
		return nil, err
	}
	j, err := journal.Open(ctx, journal.Config{Dir: filepath.Join(dir, "catalog"), Key: x.service})
	if err != nil {
		return nil, err
	}
	cat, err := catalog.Open(ctx, catalog.Config{Store: j, Service: x.service, Clock: clock.NewFake(began)})
	if err == nil {
		_, err = cat.Do(ctx, sa(model.Master), &key.CreateMaster{Password: catalogtest.Secret(strong)})
	}
	if err == nil {
		_, err = cat.Do(ctx, sa(model.Master), &key.CreateCertificate{Name: "tde", Subject: "s"})
	}
	return x, errors.Join(err, j.Close())
})

func TestMain(m *testing.M) {
	status := m.Run()
	if x, err := made(); err == nil {
		_ = os.RemoveAll(x.dir)
	}
	os.Exit(status)
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newKit is a copy of the template, running.
func newKit(t testing.TB, change func(*databases.Config)) *kit {
	t.Helper()
	x, err := made()
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, fs: fsys.OS{}, dir: filepath.Join(t.TempDir(), "server"), service: x.service, vault: newVault(), clock: clock.NewFake(began), change: change}
	if err := os.CopyFS(k.dir, os.DirFS(x.dir)); err != nil {
		t.Fatal(err)
	}
	k.start()
	return k
}

// start opens the server; it is closed at the test's end.
func (k *kit) start() {
	k.t.Helper()
	if err := k.open(); err != nil {
		k.t.Fatal(err)
	}
	<-k.Started()
}

func (k *kit) open() error {
	k.log = &lockedBuffer{}
	j, err := journal.Open(k.t.Context(), journal.Config{FS: k.fs, Dir: filepath.Join(k.dir, "catalog"), Key: k.service})
	if err != nil {
		return err
	}
	k.sessions = sessions.New(k.clock)
	k.Manager = nil
	k.cat, err = catalog.Open(k.t.Context(), catalog.Config{Store: j, Service: k.service, Clock: k.clock, Runtime: runtime{k}})
	if err != nil {
		return errors.Join(err, j.Close())
	}
	cfg := databases.Config{
		FS: k.fs, Dir: filepath.Join(k.dir, "data"), System: filepath.Join(k.dir, "system"), Catalog: k.cat, Service: k.service, Sessions: k.sessions,
		Keys: k.vault, Clock: k.clock, Log: slog.New(slog.NewTextHandler(k.log, nil)), ScanRate: -1,
	}
	if k.change != nil {
		k.change(&cfg)
	}
	m := databases.New(cfg)
	k.Manager = m
	var once sync.Once
	k.stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a busy machine takes its time
			defer cancel()
			if err := errors.Join(m.Close(ctx), j.Close()); err != nil {
				k.t.Error(err)
			}
		})
	}
	k.t.Cleanup(k.stop)
	if err := m.Start(k.t.Context()); err != nil {
		k.stop()
		return err
	}
	return nil
}

func (k *kit) restart() {
	k.t.Helper()
	k.stop()
	k.start()
}

func sa(db int) catalog.Caller { return catalog.Caller{Login: model.SA, Database: db} }

func (k *kit) do(db int, ops ...catalog.Operation) {
	k.t.Helper()
	if _, err := k.cat.Do(k.t.Context(), sa(db), ops...); err != nil {
		k.t.Fatal(err)
	}
}

// create makes a database and returns its id.
func (k *kit) create(name string) int {
	k.t.Helper()
	if _, err := k.Create(k.t.Context(), sa(model.Master), database.Create{Name: name}); err != nil {
		k.t.Fatal(err)
	}
	return k.row(name).ID
}

func (k *kit) row(name string) *model.Database {
	k.t.Helper()
	d := k.cat.State().FindDatabase(name)
	if d == nil {
		k.t.Fatalf("no database %q", name)
	}
	return d
}

// encrypted makes an encrypted database that holds a row.
func (k *kit) encrypted(name string) int {
	k.t.Helper()
	id := k.create(name)
	k.exec(id, "CREATE TABLE t(x TEXT) STRICT; INSERT INTO t VALUES('"+canary(name)+"')")
	if _, err := k.CreateKey(k.t.Context(), sa(id), database.CreateKey{Algorithm: "AES_256", Kind: database.ByCertificate, Name: "tde"}); err != nil {
		k.t.Fatal(err)
	}
	if _, err := k.SetEncryption(k.t.Context(), sa(id), database.SetEncryption{Name: name, On: true}); err != nil {
		k.t.Fatal(err)
	}
	k.scanned(id)
	return id
}

func canary(name string) string { return "canary-of-" + name }

// scanned waits until no scan runs.
func (k *kit) scanned(id int) {
	k.t.Helper()
	until(k.t, "the scan ends", func() bool { s, _ := k.Scanning(id); return !s })
}

// until waits for something that happens in the background, on the machine's time.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (k *kit) exec(id int, sql string) {
	k.t.Helper()
	l, err := k.Lease(k.t.Context(), id)
	if err != nil {
		k.t.Fatal(err)
	}
	defer l.Release()
	if err := l.Conn.Exec(sql); err != nil {
		k.t.Fatal(err)
	}
}

// holds reports whether an encrypted database has its row.
func (k *kit) holds(id int, name string) bool {
	k.t.Helper()
	l, err := k.Lease(k.t.Context(), id)
	if err != nil {
		k.t.Logf("%s: %v", name, err)
		return false
	}
	defer l.Release()
	s, _, err := l.Conn.Conn.Conn.Prepare("SELECT x FROM t")
	if err != nil {
		k.t.Fatal(err)
	}
	defer s.Close()
	return s.Step() && s.ColumnText(0) == canary(name)
}

// numbers are the messages of an error.
func numbers(err error) string {
	var out []string
	for _, m := range msg.Messages(err) {
		out = append(out, fmt.Sprint(m.Number))
	}
	return strings.Join(out, " ")
}

// noKey is what the server's own access to keys says of a disabled key.
func noKey() error {
	return msg.Provider(33049, code.New(code.HTTPOperationForbidden, "unwrapping", "a test's key"), "thumbprint", "0x00", "cryptographic provider")
}
