package databases_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"latchkey/engine/databases"
	"latchkey/engine/lite"
	"latchkey/internal/fsys"
)

// heldSync holds the first sync of a log after it was armed until it is opened, and fails it if it is told to.
type heldSync struct {
	armed         atomic.Bool
	fail          atomic.Pointer[error]
	entered, open chan struct{}
}

func (h *heldSync) hook(op fsys.Op) error {
	if op.Kind != fsys.OpSync || !strings.HasSuffix(op.Name, "-wal") || !h.armed.CompareAndSwap(true, false) {
		return nil
	}
	close(h.entered)
	<-h.open
	if e := h.fail.Load(); e != nil {
		return *e
	}
	return nil
}

func heldKit(t *testing.T) (*kit, *heldSync, func() *databases.Lease) {
	t.Helper()
	h := &heldSync{entered: make(chan struct{}), open: make(chan struct{})}
	k := newKit(t, func(c *databases.Config) { c.FS = fsys.NewFaulty(c.FS, h.hook) })
	id := k.create("A")
	k.exec(id, "CREATE TABLE u(x INTEGER); INSERT INTO u VALUES(0)")
	return k, h, func() *databases.Lease {
		t.Helper()
		l, err := k.Lease(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Release)
		return l
	}
}

func begin(t *testing.T, l *databases.Lease, sql string) {
	t.Helper()
	if err := errors.Join(l.Begin(t.Context(), -1), l.Conn.Exec(sql)); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, c *lite.Conn) int {
	t.Helper()
	s, err := c.Prepare("SELECT x FROM u")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if !s.Step() {
		t.Fatal(s.Err())
	}
	return s.ColumnInt(0)
}

// While a commit's sync is under way the next one writes; one who waits for the turn can be cancelled; who reads waits for the sync.
func TestWritersGoOnDuringASync(t *testing.T) {
	_, h, lease := heldKit(t)
	a, b, c, reader := lease(), lease(), lease(), lease()
	begin(t, a, "UPDATE u SET x=1")
	h.armed.Store(true)
	committed := make(chan error, 1)
	go func() { committed <- a.Commit() }()
	<-h.entered
	begin(t, b, "UPDATE u SET x=x+10")
	ended, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- c.Begin(ended, -1) }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := c.Begin(t.Context(), 0); !errors.Is(err, lite.ErrBusy) {
		t.Errorf("without waiting: %v", err)
	}
	var open atomic.Bool
	read := make(chan bool, 1)
	go func() {
		if n := number(t, reader.Conn); n != 1 {
			t.Errorf("a reader sees %d", n)
		}
		read <- open.Load()
	}()
	select {
	case err := <-committed:
		t.Fatalf("a commit was acknowledged before its sync: %v", err)
	default:
	}
	open.Store(true)
	close(h.open)
	if err := <-committed; err != nil {
		t.Error(err)
	}
	if !<-read {
		t.Error("a reader was shown a commit before its sync")
	}
	if err := b.Settle(); err != nil {
		t.Error(err)
	}
	if n := number(t, b.Conn); n != 11 {
		t.Errorf("the second writer sees %d", n)
	}
	if sound, err := b.Rollback(); !sound || err != nil {
		t.Error(sound, err)
	}
	begin(t, c, "UPDATE u SET x=x+100")
	if err := c.Commit(); err != nil {
		t.Error(err)
	}
	if n := number(t, reader.Conn); n != 101 {
		t.Errorf("in the end %d", n)
	}
}

// A sync that fails is told to all who depend on it: who committed, who committed behind it, and who rolled back what it had read.
func TestAFailedSyncIsToldToAll(t *testing.T) {
	_, h, lease := heldKit(t)
	boom := errors.New("boom")
	a, b, c := lease(), lease(), lease()
	begin(t, a, "UPDATE u SET x=1")
	h.armed.Store(true)
	told := make(chan error, 3)
	go func() { told <- a.Commit() }()
	<-h.entered
	begin(t, b, "UPDATE u SET x=x+10")
	go func() { told <- b.Commit() }()
	begin(t, c, "UPDATE u SET x=x+100") // b's commit is in the log
	go func() {
		sound, err := c.Rollback()
		if sound {
			t.Error("a connection that read what may be lost is kept")
		}
		told <- err
	}()
	h.fail.Store(&boom)
	close(h.open)
	for range 3 {
		if err := <-told; !errors.Is(err, boom) {
			t.Errorf("told %v", err)
		}
	}
}
