package databases_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/databases"
	"latchkey/engine/lite"
	"latchkey/engine/sessions"
	"latchkey/internal/fsys"
)

func (k *kit) state(id int) int {
	for _, i := range k.All() {
		if i.ID == id {
			return i.State
		}
	}
	return -1
}

// A database is made, written, encrypted, read back after a restart, and gone with all its files when it is dropped.
func TestLifeOfADatabase(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("Sales")
	if !k.row("Sales").Encrypted || k.row("Sales").Key == nil {
		t.Error("the catalogue does not know of the encryption")
	}
	k.restart()
	if !k.holds(id, "Sales") {
		t.Fatal("the row is gone")
	}
	file := filepath.Join(k.dir, "data", "Sales.mdf")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(canary("Sales"))) {
		t.Error("the file holds the row in clear")
	}
	if _, err := k.Drop(t.Context(), sa(model.Master), "Sales"); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(filepath.Join(k.dir, "data"))
	if err != nil || len(list) != 0 {
		t.Errorf("files are left: %v, %v", list, err)
	}
	if _, err := k.Lease(t.Context(), id); numbers(err) != "911" {
		t.Errorf("a dropped database: %v", err)
	}
}

// A FILENAME keeps its last element; names that another file has, or that would hide behind a database's own files, are refused.
func TestFileNames(t *testing.T) {
	k := newKit(t, nil)
	create := func(name, file string) error {
		_, err := k.Create(t.Context(), sa(model.Master), database.Create{Name: name, Files: []model.File{{Name: name, Physical: file}}})
		return err
	}
	for name, file := range map[string]string{"a": `C:\Data\one.mdf`, "b": "../../etc/two.mdf", "c": "/tmp/three.mdf"} {
		if err := create(name, file); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one.mdf", "two.mdf", "three.mdf"} {
		if _, err := os.Stat(filepath.Join(k.dir, "data", want)); err != nil {
			t.Error(err)
		}
	}
	if err := create("d", `D:\one.mdf`); numbers(err) != "1834" {
		t.Errorf("another database's file: %v", err)
	}
	if err := create("e", "one.mdf-wal"); numbers(err) != "5133 1802" {
		t.Errorf("a log's name: %v", err)
	}
	foreign := filepath.Join(k.dir, "data", "theirs.mdf")
	if err := os.WriteFile(foreign, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create("f", "theirs.mdf"); numbers(err) != "5170 1802" {
		t.Errorf("a file that is there: %v", err)
	}
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "not ours" {
		t.Errorf("the file that was there: %q, %v", b, err)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "data", "g.mdf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.create("g") // without a name it finds a free one
	id := k.create("../h:*?\"<>|\x01")
	k.restart()
	if k.state(id) != model.Online {
		t.Error("a database with a wild name did not come back")
	}
}

// A key that cannot be had keeps one database closed, with the documented messages; it heals by itself once the key is back, and no
// sooner than the back-off says.
func TestKeyGoneAndBack(t *testing.T) {
	k := newKit(t, nil)
	a, b := k.encrypted("A"), k.create("B")
	k.stop()
	k.vault.fail(noKey())
	k.start()
	if k.state(a) != model.RecoveryPending || k.state(b) != model.Online {
		t.Fatalf("states %d and %d", k.state(a), k.state(b))
	}
	if k.row("A").State != model.RecoveryPending {
		t.Error("the catalogue does not show it")
	}
	if _, err := k.Lease(t.Context(), a); numbers(err) != "945" {
		t.Errorf("a lease: %v", err)
	}
	s := k.sessions.Open(60, sessions.Who{Login: model.SA}, func(error) {})
	if _, err := k.Use(t.Context(), s, sa(model.Master), "A"); numbers(err) != "945" {
		t.Errorf("USE: %v", err)
	}
	for _, want := range []string{"msg=33049", "msg=3414", "msg=945"} {
		if !strings.Contains(k.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, k.log)
		}
	}
	if err := k.clock.BlockUntil(t.Context(), 2); err != nil { // the healer and the trimmer
		t.Fatal(err)
	}
	asked := k.vault.count()
	k.clock.Advance(3 * time.Second)
	if k.vault.count() != asked {
		t.Error("asked before its time")
	}
	k.clock.Advance(4 * time.Second)
	until(t, "it was tried again", func() bool { return k.vault.count() > asked })
	k.vault.fail(nil)
	until(t, "it healed", func() bool { k.clock.Advance(time.Second); return k.state(a) == model.Online })
	if !k.holds(a, "A") {
		t.Error("the row is gone")
	}
	until(t, "the catalogue shows it", func() bool { return k.row("A").State == model.Online })
}

// What may have helped makes it try at once; SET ONLINE tells the reason when it fails.
func TestRetryAndSetOnline(t *testing.T) {
	k := newKit(t, nil)
	a := k.encrypted("A")
	k.stop()
	k.vault.fail(noKey())
	k.start()
	online := database.Set{Name: "A", Options: []database.Option{{Name: "ONLINE"}}}
	if _, err := k.Set(t.Context(), sa(model.Master), online, databases.Termination{}); numbers(err) != "33049 945 5069" {
		t.Errorf("SET ONLINE: %v", err)
	}
	k.vault.fail(nil)
	k.Retry()
	until(t, "it healed", func() bool { return k.state(a) == model.Online })
	if _, err := k.Set(t.Context(), sa(model.Master), online, databases.Termination{}); err != nil {
		t.Error(err)
	}
}

// One call for each wrapped key, so many at once as the bound says; a key that cannot be had is asked for no more often than the bound.
func TestUnwrapsAtTheStart(t *testing.T) {
	n := 12
	if os.Getenv("LATCHKEY_LONG") != "" {
		n = 500
	}
	const bound = 3
	k := newKit(t, func(c *databases.Config) { c.Unwraps, c.Opens = bound, 16 })
	for i := range n {
		k.encrypted(fmt.Sprintf("D%d", i))
	}
	k.stop()
	clear(k.vault.calls)
	k.vault.most, k.vault.unwraps = 0, 0
	began := time.Now()
	k.start()
	t.Logf("%d encrypted databases in %v", n, time.Since(began))
	if k.vault.unwraps != n || len(k.vault.calls) != n || k.vault.most > bound {
		t.Errorf("%d unwraps of %d keys, %d at once", k.vault.unwraps, len(k.vault.calls), k.vault.most)
	}
	for _, i := range k.All() {
		if i.State != model.Online {
			t.Errorf("database %d is %d: %v", i.ID, i.State, i.Reason)
		}
	}
	k.stop()
	k.vault.unwraps = 0
	k.vault.fail(noKey())
	k.start()
	if k.vault.unwraps > bound {
		t.Errorf("a key that cannot be had was asked for %d times", k.vault.unwraps)
	}
}

func TestDamagedAndMissingFiles(t *testing.T) {
	k := newKit(t, nil)
	bad, gone, foreign := k.encrypted("Bad"), k.create("Gone"), k.create("Foreign")
	k.stop()
	file := func(name string) string { return filepath.Join(k.dir, "data", name+".mdf") }
	b, err := os.ReadFile(file("Bad"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 64 << 10; i < len(b); i++ { // behind the header
		b[i] ^= 0x55
	}
	if err := errors.Join(os.WriteFile(file("Bad"), b, 0o600), os.Rename(file("Gone"), file("Gone")+".away"), os.WriteFile(file("Foreign"), bytes.Repeat([]byte("x"), 1<<17), 0o600)); err != nil {
		t.Fatal(err)
	}
	k.start()
	for _, c := range []struct {
		id, state int
		msg       string
	}{{bad, model.Suspect, "926"}, {gone, model.RecoveryPending, "945"}, {foreign, model.Suspect, "926"}} {
		if k.state(c.id) != c.state {
			t.Errorf("database %d is in state %d", c.id, k.state(c.id))
		}
		if l, err := k.Lease(t.Context(), c.id); numbers(err) != c.msg {
			t.Errorf("database %d: %v", c.id, err)
			if err == nil {
				l.Release()
			}
		}
	}
	for _, want := range []string{"msg=824", "msg=5120"} {
		if !strings.Contains(k.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, k.log)
		}
	}
	if err := os.Rename(file("Gone")+".away", file("Gone")); err != nil {
		t.Fatal(err)
	}
	k.Retry()
	until(t, "the file that came back is open", func() bool { return k.state(gone) == model.Online })
}

// Somebody who puts a plain database in the place of an encrypted one does not get it opened.
func TestPlainFileInPlaceOfAnEncryptedOne(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("Secret")
	k.create("Plain")
	k.stop()
	b, err := os.ReadFile(filepath.Join(k.dir, "data", "Plain.mdf"))
	if err == nil {
		err = os.WriteFile(filepath.Join(k.dir, "data", "Secret.mdf"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.start()
	if k.state(id) != model.Suspect {
		t.Errorf("state %d", k.state(id))
	}
}

// What the file says counts when the server died between changing it and recording that.
func TestFileAheadOfTheCatalogue(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	no := false
	k.do(model.Master, &database.Observe{ID: id, Encrypted: &no, NoKey: true}) // as before CREATE KEY and SET ENCRYPTION ON
	k.restart()
	if d := k.row("A"); !d.Encrypted || d.Key == nil || d.Key.Encryptor != database.ByCertificate || d.Key.Algorithm != "AES_256" {
		t.Errorf("after ON: %+v", d)
	}
	if !k.holds(id, "A") {
		t.Error("the row is gone")
	}
}

// A file of a CREATE DATABASE that never came to be recorded goes at the next start; one that was recorded stays.
func TestUndecidedFiles(t *testing.T) {
	k := newKit(t, nil)
	id := k.create("Made")
	data := filepath.Join(k.dir, "data")
	k.stop()
	for name, content := range map[string]string{"Made.mdf.undecided": "", "Lost.mdf.undecided": "", "Lost.mdf": "half"} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k.start()
	if k.state(id) != model.Online {
		t.Error("the database that was made is gone")
	}
	for _, name := range []string{"Made.mdf.undecided", "Lost.mdf.undecided", "Lost.mdf"} {
		if _, err := os.Stat(filepath.Join(data, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	k.create("Lost")
}

func TestOfflineAndOnline(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	set := func(name string, term databases.Termination) error {
		_, err := k.Set(t.Context(), sa(model.Master), database.Set{Name: "A", Options: []database.Option{{Name: name}}}, term)
		return err
	}
	if err := set("OFFLINE", databases.Termination{}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Lease(t.Context(), id); numbers(err) != "942" {
		t.Errorf("a lease: %v", err)
	}
	asked := k.vault.count()
	k.restart()
	if k.state(id) != model.Offline || k.vault.count() != asked {
		t.Error("a database that was taken offline was opened")
	}
	if err := set("ONLINE", databases.Termination{}); err != nil {
		t.Fatal(err)
	}
	if !k.holds(id, "A") {
		t.Error("the row is gone")
	}
}

// SINGLE_USER ends the others as the statement says, and keeps them out.
func TestSingleUser(t *testing.T) {
	k := newKit(t, nil)
	id := k.create("A")
	open := func(spid int) (*sessions.Session, *error) {
		var why error
		var s *sessions.Session
		s = k.sessions.Open(spid, sessions.Who{Login: model.SA}, func(err error) { why = err; go s.Close() })
		if _, err := k.Use(t.Context(), s, sa(model.Master), "A"); err != nil {
			t.Fatal(err)
		}
		return s, &why
	}
	mine, _ := open(51)
	_, why := open(52)
	caller := sa(id)
	caller.Session = mine.ID
	set := func(ctx context.Context, name string, term databases.Termination) (string, error) {
		r, err := k.Set(ctx, caller, database.Set{Name: "A", Options: []database.Option{{Name: name}}}, term)
		var notes []string
		for _, n := range r.Notes {
			notes = append(notes, fmt.Sprint(n.Number))
		}
		return strings.Join(notes, " "), err
	}
	if _, err := set(t.Context(), "SINGLE_USER", databases.Termination{NoWait: true}); numbers(err) != "5070 5069" {
		t.Errorf("NO_WAIT: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := set(short, "SINGLE_USER", databases.Termination{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without termination it waits: %v", err)
	}
	notes, err := set(t.Context(), "SINGLE_USER", databases.Termination{Rollback: true})
	if err != nil || notes != "5060 5060" || !errors.Is(*why, sessions.ErrKilled) {
		t.Errorf("ROLLBACK IMMEDIATE: %q, %v, %v", notes, err, *why)
	}
	other := k.sessions.Open(53, sessions.Who{Login: model.SA}, func(error) {})
	if _, err := k.Use(t.Context(), other, sa(model.Master), "A"); numbers(err) != "924" {
		t.Errorf("another session: %v", err)
	}
	if _, err := set(t.Context(), "MULTI_USER", databases.Termination{}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Use(t.Context(), other, sa(model.Master), "A"); err != nil {
		t.Error(err)
	}
}

// Those who write wait for each other, as long as they want to.
func TestWritersTakeTurns(t *testing.T) {
	k := newKit(t, nil)
	id := k.create("A")
	lease := func() *databases.Lease {
		l, err := k.Lease(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Release)
		return l
	}
	a, b := lease(), lease()
	for range 2 { // it may be asked for twice
		if err := a.Write(t.Context(), -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Write(t.Context(), 0); !errors.Is(err, lite.ErrBusy) {
		t.Errorf("without waiting: %v", err)
	}
	over := make(chan error, 1)
	go func() { over <- b.Write(t.Context(), time.Second) }()
	until(t, "it waits no longer", func() bool {
		k.clock.Advance(time.Second)
		select {
		case err := <-over:
			if !errors.Is(err, lite.ErrBusy) {
				t.Errorf("after the time: %v", err)
			}
			return true
		default:
			return false
		}
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Write(ended, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	got := make(chan error)
	go func() { got <- b.Write(t.Context(), -1) }()
	a.Release()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	b.Discard()
	if err := lease().Write(t.Context(), 0); err != nil {
		t.Errorf("after all gave it back: %v", err)
	}
}

// Connections are bounded; one that comes back in a transaction is rolled back; a database closes when the last came back.
func TestLeases(t *testing.T) {
	k := newKit(t, func(c *databases.Config) { c.Connections = 2 })
	id := k.create("A")
	k.exec(id, "CREATE TABLE t(x INTEGER) STRICT")
	a, err := k.Lease(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Lease(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := k.Lease(short, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third connection: %v", err)
	}
	if err := a.Conn.Exec("BEGIN; INSERT INTO t VALUES(1)"); err != nil {
		t.Fatal(err)
	}
	a.Release()
	a.Release() // harmless
	off := make(chan error)
	go func() {
		_, err := k.Set(t.Context(), sa(model.Master), database.Set{Name: "A", Options: []database.Option{{Name: "OFFLINE"}}}, databases.Termination{})
		off <- err
	}()
	until(t, "it goes offline", func() bool { return k.state(id) == model.Offline })
	if _, err := k.Lease(t.Context(), id); numbers(err) != "942" {
		t.Errorf("a lease of what goes offline: %v", err)
	}
	select {
	case err := <-off:
		t.Fatalf("closed under a lease: %v", err)
	default:
	}
	if err := b.Conn.Exec("SELECT count(*) FROM t"); err != nil {
		t.Errorf("the lease was cut: %v", err)
	}
	b.Discard()
	if err := <-off; err != nil {
		t.Fatal(err)
	}
}

func TestSchemaSlot(t *testing.T) {
	k := newKit(t, nil)
	id := k.create("A")
	s := k.Schema(id)
	_, v := s.Load()
	s.Store("one", v)
	if got, _ := s.Load(); got != "one" {
		t.Errorf("got %v", got)
	}
	s.Invalidate()
	s.Store("stale", v)
	if got, _ := s.Load(); got != nil {
		t.Errorf("got %v", got)
	}
	if k.Schema(99) != nil {
		t.Error("a slot of nothing")
	}
}

// REGENERATE, another protector and OFF work while the database is open, and a restart goes on with what a scan left.
func TestEncryptionStatements(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	if _, err := k.AlterKey(t.Context(), sa(id), database.AlterKey{Algorithm: "AES_128"}); err != nil {
		t.Fatal(err)
	}
	k.scanned(id)
	if s, ok := k.Status(id); !ok || s.Generation != 2 || !s.Encrypted() {
		t.Errorf("status %+v", s)
	}
	if _, err := k.DropKey(t.Context(), sa(id), database.DropKey{}); numbers(err) != "33105" {
		t.Errorf("DROP of a key in use: %v", err)
	}
	if err := k.SuspendScan(t.Context(), sa(id), "A"); numbers(err) != "5058 5069" {
		t.Errorf("SUSPEND without a scan: %v", err)
	}
	if _, err := k.SetEncryption(t.Context(), sa(id), database.SetEncryption{Name: "A", On: false}); err != nil {
		t.Fatal(err)
	}
	k.scanned(id)
	if _, err := k.DropKey(t.Context(), sa(id), database.DropKey{}); err != nil {
		t.Fatal(err)
	}
	k.restart()
	if d := k.row("A"); d.Encrypted || d.Key != nil || !k.holds(id, "A") {
		t.Errorf("after OFF: %+v", d)
	}
	k.vault.fail(noKey())
	if _, err := k.CreateKey(t.Context(), sa(id), database.CreateKey{Algorithm: "AES_256", Kind: database.ByCertificate, Name: "tde"}); numbers(err) != "33049" {
		t.Errorf("CREATE KEY without the key store: %v", err)
	}
	if k.row("A").Key != nil {
		t.Error("a key was recorded that could not be wrapped")
	}
}

// System databases open with the service master key they were made with, and with no other; one that is missing is not made anew.
func TestSystemDatabases(t *testing.T) {
	k := newKit(t, nil)
	k.exec(model.Master, "CREATE TABLE t(x TEXT) STRICT; INSERT INTO t VALUES('"+canary("master")+"')")
	k.exec(model.TempDB, "CREATE TABLE t(x TEXT) STRICT")
	k.restart()
	if !k.holds(model.Master, "master") {
		t.Error("master lost its row")
	}
	k.exec(model.TempDB, "CREATE TABLE t(x TEXT) STRICT") // it was empty
	k.stop()
	b, err := os.ReadFile(filepath.Join(k.dir, "system", "master.mdf"))
	if err != nil || bytes.Contains(b, []byte(canary("master"))) {
		t.Errorf("master holds its row in clear (%v)", err)
	}
	other := protect.Generate()
	own := k.service
	cfg := databases.Config{Dir: filepath.Join(k.dir, "data"), System: filepath.Join(k.dir, "system"), Catalog: k.cat, Service: other, Sessions: k.sessions}
	m := databases.New(cfg)
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "system database") {
		t.Errorf("under another service master key: %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Rename(filepath.Join(k.dir, "system", "master.mdf"), filepath.Join(k.dir, "away")); err != nil {
		t.Fatal(err)
	}
	cfg.Service = own
	m = databases.New(cfg)
	if err := m.Start(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without master: %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// EMERGENCY lasts over a restart and until SET ONLINE; a sysadmin looks at what is left.
func TestEmergency(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	set := func(name string) {
		t.Helper()
		if _, err := k.Set(t.Context(), sa(model.Master), database.Set{Name: "A", Options: []database.Option{{Name: name}}}, databases.Termination{}); err != nil {
			t.Fatal(err)
		}
	}
	set("EMERGENCY")
	for range 2 {
		if k.state(id) != model.Emergency || k.row("A").State != model.Emergency || !k.holds(id, "A") {
			t.Errorf("state %d, row %d", k.state(id), k.row("A").State)
		}
		k.restart()
	}
	set("ONLINE")
	if k.state(id) != model.Online || k.row("A").State != model.Online {
		t.Errorf("state %d, row %d", k.state(id), k.row("A").State)
	}
}

// A SET ONLINE that its client cancels leaves the database as it was.
func TestCancelledOnline(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	set := func(ctx context.Context, name string) error {
		_, err := k.Set(ctx, sa(model.Master), database.Set{Name: "A", Options: []database.Option{{Name: name}}}, databases.Termination{})
		return err
	}
	if err := set(t.Context(), "OFFLINE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	k.vault.mu.Lock()
	k.vault.slow = make(chan struct{})
	slow := k.vault.slow
	k.vault.mu.Unlock()
	done := make(chan error)
	asked := k.vault.count()
	go func() { done <- set(ctx, "ONLINE") }()
	until(t, "the key is asked for", func() bool { return k.vault.count() > asked })
	k.vault.fail(context.Canceled)
	cancel()
	close(slow)
	if err := <-done; err == nil {
		t.Error("it came online")
	}
	if k.state(id) != model.Offline {
		t.Errorf("state %d", k.state(id))
	}
	k.vault.mu.Lock()
	k.vault.slow, k.vault.err = nil, nil
	k.vault.mu.Unlock()
	if err := set(t.Context(), "ONLINE"); err != nil || !k.holds(id, "A") {
		t.Errorf("afterwards: %v", err)
	}
}

// After a sync that failed a database is closed and opened anew by itself, with everything that was acknowledged.
func TestDiskError(t *testing.T) {
	k := newKit(t, nil)
	id := k.encrypted("A")
	k.stop()
	var broken atomic.Bool
	k.fs = fsys.NewFaulty(fsys.OS{}, func(op fsys.Op) error {
		if broken.Load() && op.Kind == fsys.OpSync && strings.HasSuffix(op.Name, "A.mdf-wal") {
			return syscall.EIO
		}
		return nil
	})
	k.start()
	k.exec(id, "UPDATE t SET x = x") // the log has begun
	broken.Store(true)
	l, err := k.Lease(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	other, err := k.Lease(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Conn.Exec("INSERT INTO t VALUES('lost')"); err == nil {
		t.Fatal("a commit was acknowledged that the disk refused")
	}
	l.Release()
	until(t, "it is being closed", func() bool { return k.state(id) == model.RecoveryPending })
	other.Release()
	until(t, "it was tried again", func() bool { return strings.Contains(k.log.String(), "msg=3422") })
	broken.Store(false)
	until(t, "it came back", func() bool { k.clock.Advance(time.Second); return k.state(id) == model.Online })
	if !k.holds(id, "A") {
		t.Error("the row is gone")
	}
	k.exec(id, "INSERT INTO t VALUES('kept')")
}
