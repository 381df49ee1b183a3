package tde_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

// early begins, changes and commits as the SQL server does: the turn goes to the next before the commit is durable.
func early(c *tde.Conn, turn chan struct{}, sql string) (m tde.Mark, err error) {
	turn <- struct{}{}
	defer func() { <-turn }()
	c.Ahead(true)
	if err = c.Exec("BEGIN IMMEDIATE; " + sql); err == nil {
		m, err = c.CommitEarly(func() error { return c.Exec("COMMIT") })
	}
	if err != nil {
		if !c.GetAutocommit() {
			_ = c.Exec("ROLLBACK")
		}
		c.Ahead(false)
	}
	return m, err
}

var errStopped = errors.New("another writer failed")

// rush commits at once on several connections. It ends with the first error of each.
func (s *story) rush(ctx context.Context, db *tde.DB, writers, each int) error {
	turn := make(chan struct{}, 1)
	errs := make(chan error, writers)
	for range writers {
		c, err := db.Conn(ctx)
		if err != nil {
			errs <- err
			continue
		}
		go func() {
			var err error
			for i := 0; i < each && err == nil; i++ {
				err = s.early(db, c, turn)
			}
			errs <- errors.Join(err, c.Close())
		}()
	}
	var all error
	for range writers {
		all = errors.Join(all, <-errs)
	}
	return all
}

// early is story.commit with an early commit. Numbers are given under the turn.
func (s *story) early(db *tde.DB, c *tde.Conn, turn chan struct{}) error {
	turn <- struct{}{}
	if s.over.Load() {
		<-turn
		return errStopped
	}
	c.Ahead(true)
	n := s.tried.Add(1)
	err := c.Exec(fmt.Sprintf("BEGIN IMMEDIATE; INSERT INTO log VALUES(%d); UPDATE t SET n=%[1]d WHERE id%%%[2]d=%[1]d%%%[2]d", n, residues))
	var m tde.Mark
	if err == nil {
		m, err = c.CommitEarly(func() error { return c.Exec("COMMIT") })
	}
	if err != nil {
		if !c.GetAutocommit() {
			_ = c.Exec("ROLLBACK")
		}
		c.Ahead(false)
		s.over.Store(true) // its number is a gap: nobody goes on
	}
	<-turn
	if err = errors.Join(err, db.Durable(m)); err != nil {
		return err
	}
	for {
		was := s.acked.Load()
		if was >= n || s.acked.CompareAndSwap(was, n) {
			return nil
		}
	}
}

// tellRush is a story of writers that commit at once, of an encrypted database. armed is called when they begin.
func (s *story) tellRush(ctx context.Context, cfg tde.Config, writers, each int, armed func()) (err error) {
	s.may(tde.NoKey)
	db, err := tde.Create(ctx, cfg)
	if err != nil {
		return err
	}
	s.created.Store(true)
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(s.load(c), c.Close()); err != nil {
		return err
	}
	s.may(tde.Unencrypted, tde.Encrypting, tde.Encrypted)
	if err := errors.Join(db.CreateKey(ctx, tde.AES256, protector1, s.keys), db.SetEncryption(ctx, true), db.Wait(ctx)); err != nil {
		return err
	}
	s.may(tde.Encrypted)
	armed()
	return s.rush(ctx, db, writers, each)
}

func rushSize() (writers, each int) {
	if long() {
		return 8, 40
	}
	return 4, max(2, 6/raced)
}

// The power is cut before every sync of several writers whose commits share them, while the log is copied back and starts over, and
// whenever a writer was told that its commit is durable. All that were told are there, and nothing behind one that is missing.
func TestEarlyPowerCuts(t *testing.T) {
	for _, logPages := range []int{0, shortLog} {
		t.Run(fmt.Sprintf("log=%d", logPages), func(t *testing.T) { earlyPowerCuts(t, logPages) })
	}
}

func earlyPowerCuts(t *testing.T, logPages int) {
	ctx := t.Context()
	type cut struct {
		disk         *fsys.Mem
		acked, tried int64
		what         string
	}
	step := raced
	if !long() {
		step = max(5, 2*raced)
	}
	cuts := make(chan cut) // none waits: a disk is large, and there are thousands
	m := newMem(t)
	s := newStory()
	var checking sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		checking.Go(func() {
			for c := range cuts {
				if t.Failed() {
					continue
				}
				if err := s.check(ctx, c.disk, c.acked, c.tried, map[tde.State]bool{tde.Encrypted: true}, true); err != nil {
					t.Errorf("%s: %v", c.what, err)
				}
			}
		})
	}
	var mu sync.Mutex
	var armed atomic.Bool
	points, disks := 0, 0
	hook := func(op fsys.Op) error {
		if !armed.Load() || op.Kind&(fsys.OpSync|fsys.OpWrite|fsys.OpTruncate) == 0 {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		points++
		if op.Kind == fsys.OpWrite && points%4 != 0 {
			return nil
		}
		for seed := range 2 {
			if disks++; disks%step != 0 {
				continue
			}
			c := fsys.Crash{}
			if seed > 0 {
				c = fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(points), uint64(seed))), Keep: 0.5 + 0.5*float64(points%2), Torn: 0.5}
			}
			acked := s.acked.Load() // before the disk is copied, and tried after it
			disk := m.CrashClone(c)
			cuts <- cut{disk, acked, s.tried.Load() + 1, fmt.Sprintf("cut %d before %v of %s, seed %d", points, op.Kind, op.Name, seed)}
		}
		return nil
	}
	cfg := memConfig(fsys.NewFaulty(m, hook))
	cfg.LogPages = logPages
	writers, each := rushSize()
	err := s.tellRush(ctx, cfg, writers, each, func() { armed.Store(true) })
	armed.Store(false)
	close(cuts)
	checking.Wait()
	must(t, err)
	if want := int64(writers * each); s.acked.Load() != want {
		t.Fatalf("%d acknowledged, want %d", s.acked.Load(), want)
	}
	t.Logf("%d points, %d disks", points, disks/step)
}

// Each sync and each write fails once, or from then on, while several writers share syncs. Then the power is cut, or not: what was
// acknowledged is there, in order.
func TestEarlyFaults(t *testing.T) {
	ctx := t.Context()
	writers, each := rushSize()
	run := func(m *fsys.Mem, n int, sticky bool) (*story, *fsys.Nth, error) {
		s := newStory()
		var armed atomic.Bool
		nth := &fsys.Nth{Kinds: fsys.OpSync | fsys.OpWrite, N: n, Sticky: sticky, Err: errBoom}
		cfg := memConfig(fsys.NewFaulty(m, func(op fsys.Op) error {
			if !armed.Load() {
				return nil
			}
			return nth.Hook(op)
		}))
		cfg.LogPages = shortLog
		err := s.tellRush(ctx, cfg, writers, each, func() { armed.Store(true) })
		return s, nth, err
	}
	_, count, err := run(newMem(t), 0, false)
	must(t, err)
	t.Logf("about %d operations", count.Seen())
	step := raced
	if !long() {
		step = max(15, 3*raced)
	}
	parallel(t, count.Seen()/step, func(n int) error {
		n *= step
		for _, sticky := range []bool{false, true} {
			m := newMem(t)
			s, _, err := run(m, n, sticky)
			var corrupt *tde.CorruptError
			if errors.As(err, &corrupt) {
				return fmt.Errorf("fault %d, sticky %v: an error of the disk was called corruption: %w", n, sticky, err)
			}
			states := map[tde.State]bool{tde.Encrypted: true}
			cut := m.CrashClone(fsys.Crash{})
			if cerr := s.check(ctx, cut, s.acked.Load(), s.tried.Load(), states, true); cerr != nil {
				return fmt.Errorf("fault %d, sticky %v, power cut (%v): %w", n, sticky, err, cerr)
			}
			if cerr := s.check(ctx, m, s.acked.Load(), s.tried.Load(), states, true); cerr != nil {
				return fmt.Errorf("fault %d, sticky %v (%v): %w", n, sticky, err, cerr)
			}
		}
		return nil
	})
}

// gate stops syncs of the log on their way, and counts them.
type gate struct {
	syncs   atomic.Int64
	fail    atomic.Bool
	armed   atomic.Bool
	entered chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) hook(op fsys.Op) error {
	if op.Kind != fsys.OpSync || !strings.HasSuffix(op.Name, "-wal") {
		return nil
	}
	g.syncs.Add(1)
	if g.armed.CompareAndSwap(true, false) {
		close(g.entered)
		<-g.open
	}
	if g.fail.Load() {
		return errBoom
	}
	return nil
}

// gated opens a database with a table and so many connections. The log has begun, so its header's sync is past.
func gated(t *testing.T, g *gate, conns int) (*fsys.Mem, *tde.DB, []*tde.Conn) {
	t.Helper()
	m := newMem(t)
	db, err := tde.Create(t.Context(), memConfig(fsys.NewFaulty(m, g.hook)))
	must(t, err)
	var list []*tde.Conn
	for range conns {
		c, err := db.Conn(t.Context())
		must(t, err)
		list = append(list, c)
	}
	exec(t, list[0], "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER); CREATE TABLE u(id INTEGER PRIMARY KEY); INSERT INTO u VALUES(7); INSERT INTO t VALUES(0, 0)")
	for _, c := range list {
		query(t, c, "SELECT v FROM t")
	}
	return m, db, list
}

func closeAll(t *testing.T, db *tde.DB, list []*tde.Conn) {
	t.Helper()
	for _, c := range list {
		must(t, c.Close())
	}
	must(t, db.Close())
}

// While one sync is under way others commit, and one more sync serves all of them.
func TestEarlyCommitsShareSyncs(t *testing.T) {
	const writers = 8
	g := newGate()
	_, db, conns := gated(t, g, writers)
	turn := make(chan struct{}, 1)
	done := make(chan error, writers)
	before := g.syncs.Load()
	g.armed.Store(true)
	for i, c := range conns {
		// All but the first commit, one after the other, while the first one's sync is held.
		m, err := early(c, turn, fmt.Sprintf("INSERT INTO t VALUES(%d, 0)", i+1))
		must(t, err)
		go func() { done <- db.Durable(m) }()
		if i == 0 {
			<-g.entered
		}
	}
	close(g.open)
	for range conns {
		must(t, <-done)
	}
	if n := g.syncs.Load() - before; n != 2 {
		t.Errorf("%d syncs for %d commits, want 2", n, writers)
	}
	if got := query(t, conns[0], "SELECT count(*) FROM t"); got != "9;" {
		t.Errorf("rows = %s", got)
	}
	closeAll(t, db, conns)
}

// A connection that does not hold the write lock is shown a commit once it is durable, and waits for no other page. The one that writes
// next sees it at once.
func TestEarlyCommitsAreReadWhenDurable(t *testing.T) {
	g := newGate()
	_, db, conns := gated(t, g, 3)
	turn := make(chan struct{}, 1)
	syncs := func(want int64, what string, do func()) {
		t.Helper()
		before := g.syncs.Load()
		do()
		if n := g.syncs.Load() - before; n != want {
			t.Errorf("%s: %d syncs, want %d", what, n, want)
		}
	}
	var m tde.Mark
	syncs(0, "commit", func() {
		var err error
		m, err = early(conns[0], turn, "UPDATE t SET v=1")
		must(t, err)
	})
	syncs(0, "reading another table", func() {
		if got := query(t, conns[1], "SELECT id FROM u"); got != "7;" {
			t.Errorf("u = %s", got)
		}
	})
	syncs(0, "next writer", func() {
		conns[2].Ahead(true)
		exec(t, conns[2], "BEGIN IMMEDIATE")
		if got := query(t, conns[2], "SELECT v FROM t"); got != "1;" {
			t.Errorf("the next writer sees %s", got)
		}
		exec(t, conns[2], "ROLLBACK")
		conns[2].Ahead(false)
	})
	syncs(1, "reading", func() {
		if got := query(t, conns[1], "SELECT v FROM t"); got != "1;" {
			t.Errorf("v = %s", got)
		}
	})
	syncs(0, "reading again, waiting", func() {
		query(t, conns[1], "SELECT v FROM t")
		must(t, db.Durable(m))
	})
	_, err := early(conns[0], turn, "UPDATE t SET v=2")
	must(t, err)
	syncs(1, "a commit that is not early", func() { exec(t, conns[1], "INSERT INTO u VALUES(8)") })
	syncs(0, "reading behind it", func() { query(t, conns[2], "SELECT v FROM t") })
	m, err = early(conns[0], turn, "UPDATE t SET v=3")
	must(t, err)
	must(t, db.Checkpoint(t.Context()))
	exec(t, conns[0], "UPDATE t SET v=4") // the log starts over
	syncs(0, "a mark of an earlier log", func() { must(t, db.Durable(m)) })
	syncs(0, "no mark", func() { must(t, db.Durable(tde.Mark{})) })
	m, err = early(conns[0], turn, "UPDATE t SET v=5")
	must(t, err)
	syncs(1, "a snapshot", func() {
		s, err := db.Snapshot(t.Context())
		must(t, err)
		must(t, s.Close())
	})
	syncs(0, "its mark", func() { must(t, db.Durable(m)) })
	closeAll(t, db, conns)
}

// When the sync that several wait for fails, each hears of it, no reader is shown what may be lost, and nothing is written any more. What
// was durable is there after the next opening.
func TestEarlyCommitsFailTogether(t *testing.T) {
	const writers = 4
	g := newGate()
	m, db, conns := gated(t, g, writers+1)
	turn := make(chan struct{}, 1)
	g.armed.Store(true)
	done := make(chan error, writers)
	for i, c := range conns[:writers] {
		mark, err := early(c, turn, fmt.Sprintf("UPDATE t SET v=%d", i+1))
		must(t, err)
		go func() { done <- db.Durable(mark) }()
		if i == 0 {
			<-g.entered
		}
	}
	g.fail.Store(true)
	close(g.open)
	for range writers {
		if err := <-done; !errors.Is(err, errBoom) {
			t.Errorf("a waiter hears %v", err)
		}
	}
	g.fail.Store(false)
	if got, err := queryErr(conns[writers], "SELECT v FROM t"); !errors.Is(err, errBoom) {
		t.Errorf("a reader sees %q, %v", got, err)
	}
	if _, err := early(conns[0], turn, "UPDATE t SET v=9"); !errors.Is(err, errBoom) {
		t.Errorf("a later commit: %v", err)
	}
	if !errors.Is(db.Failed(), errBoom) {
		t.Errorf("failed = %v", db.Failed())
	}
	disk := m.CrashClone(fsys.Crash{})
	for _, c := range conns {
		_ = c.Close()
	}
	_ = db.Close()
	db, err := tde.Open(t.Context(), memConfig(disk), nil)
	must(t, err)
	c, err := db.Conn(t.Context())
	must(t, err)
	if got := query(t, c, "SELECT v FROM t"); got != "0;" {
		t.Errorf("v = %s after the power cut", got)
	}
	closeAll(t, db, []*tde.Conn{c})
}
