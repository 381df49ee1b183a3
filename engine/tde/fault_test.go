package tde_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

var errBoom = errors.New("boom")

func long() bool { return os.Getenv("LATCHKEY_LONG") != "" }

// story is a scripted life of a database. It knows which commits were acknowledged and which were only tried.
type story struct {
	acked, tried atomic.Int64
	created      atomic.Bool
	over         atomic.Bool // of rush: a writer failed
	states       sync.Map    // the states that may be found now
	keys         *fakeKeys
}

func newStory() *story { return &story{keys: &fakeKeys{}} }

func (s *story) may(states ...tde.State) {
	s.states.Clear()
	for _, st := range states {
		s.states.Store(st, true)
	}
}

const residues = 5

// commit is one transaction: its number in a table of its own, and the number in every row of one residue.
func (s *story) commit(c *tde.Conn) error {
	n := s.tried.Add(1)
	err := c.Exec(fmt.Sprintf("BEGIN IMMEDIATE; INSERT INTO log VALUES(%d); UPDATE t SET n=%[1]d WHERE id%%%[2]d=%[1]d%%%[2]d; COMMIT", n, residues))
	if err == nil {
		s.acked.Store(n)
		return nil
	}
	if !c.GetAutocommit() {
		_ = c.Exec("ROLLBACK")
	}
	return err
}

const loadRows = 240

func (s *story) load(c *tde.Conn) error {
	return c.Exec(fmt.Sprintf(`CREATE TABLE log(n INTEGER PRIMARY KEY); CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, pad TEXT);
		BEGIN; WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<%d)
		INSERT INTO t SELECT i, 0, 'canary-'||printf('%%01000d', i) FROM g; COMMIT`, loadRows))
}

// tell runs the story to its end or its first error, and closes everything.
func (s *story) tell(ctx context.Context, cfg tde.Config) (err error) {
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
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := s.load(c); err != nil {
		return err
	}
	commit := func() error { return s.commit(c) }
	change := func(do func() error, states ...tde.State) func() error {
		return func() error {
			s.may(states...)
			if err := do(); err != nil {
				return err
			}
			if err := s.commit(c); err != nil {
				return err
			}
			if err := db.Wait(ctx); err != nil {
				return err
			}
			s.may(states[len(states)-1])
			return nil
		}
	}
	for _, step := range []func() error{
		commit,
		change(func() error { return db.CreateKey(ctx, tde.AES256, protector1, s.keys) }, tde.NoKey, tde.Unencrypted),
		change(func() error { return db.SetEncryption(ctx, true) }, tde.Unencrypted, tde.Encrypting, tde.Encrypted),
		commit,
		func() error { return db.Checkpoint(ctx) },
		commit,
		change(func() error { return db.ReKey(ctx, tde.AES128, protector1, s.keys) }, tde.Encrypted, tde.KeyChange, tde.Encrypted),
		change(func() error { return db.ReWrap(ctx, protector2, s.keys) }, tde.Encrypted),
		func() error { return c.Exec("DELETE FROM t WHERE id>100; VACUUM") },
		commit,
		change(func() error { return db.SetEncryption(ctx, false) }, tde.Encrypted, tde.Decrypting, tde.Unencrypted),
		commit,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// check opens what is on f and tells whether every promise holds. durable says whether acknowledged commits must be there.
func (s *story) check(ctx context.Context, f fsys.FS, acked, tried int64, states map[tde.State]bool, durable bool) error {
	cfg := memConfig(f)
	db, err := tde.Open(ctx, cfg, s.keys)
	if err != nil {
		return fmt.Errorf("reopening: %w", err)
	}
	defer db.Close()
	if st := db.Status(); !states[st.State] && !(st.State.Scanning() || states[tde.Encrypting] || states[tde.KeyChange] || states[tde.Decrypting]) {
		return fmt.Errorf("state %v, want one of %v", st.State, states)
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.rows(c, acked, tried, durable); err != nil {
		return err
	}
	if err := db.Wait(ctx); err != nil {
		return fmt.Errorf("the scan that was resumed: %w", err)
	}
	if st := db.Status(); st.State.Scanning() {
		return fmt.Errorf("the scan did not end: %v", st.State)
	}
	if r, err := db.Verify(ctx); err != nil || len(r.Bad) > 0 {
		return fmt.Errorf("verification: %v, %w", r, err)
	}
	return s.rows(c, acked, tried, durable)
}

func (s *story) rows(c *tde.Conn, acked, tried int64, durable bool) error {
	tables, err := queryErr(c, "SELECT count(*) FROM sqlite_schema WHERE name IN ('log','t')")
	if err != nil {
		return err
	}
	if tables != "2;" {
		if acked > 0 && durable {
			return fmt.Errorf("the tables are gone after commit %d", acked)
		}
		return nil
	}
	if got, err := queryErr(c, "PRAGMA integrity_check"); err != nil || got != "ok;" {
		return fmt.Errorf("integrity check: %q, %w", got, err)
	}
	got, err := queryErr(c, "SELECT coalesce(max(n),0)||' '||count(*) FROM log")
	if err != nil {
		return err
	}
	var last, count int64
	if _, err := fmt.Sscanf(got, "%d %d;", &last, &count); err != nil {
		return err
	}
	if last != count || last > tried || durable && last < acked {
		return fmt.Errorf("commits found: last %d, %d of them; acknowledged %d, tried %d", last, count, acked, tried)
	}
	if got, err := queryErr(c, "SELECT count(*) FROM t"); err != nil || got != "240;" && got != "100;" && !(last == 0 && got == "0;") {
		return fmt.Errorf("rows: %q, %w", got, err)
	}
	for r := range int64(residues) {
		want := int64(0)
		if last >= r {
			want = last - (last-r)%residues
		}
		got, err := queryErr(c, fmt.Sprintf("SELECT count(*) FROM t WHERE id%%%d=%d AND n<>%d", residues, r, want))
		if err != nil || got != "0;" {
			return fmt.Errorf("residue %d does not hold commit %d everywhere: %q, %w", r, want, got, err)
		}
	}
	return nil
}

func (s *story) allowed() map[tde.State]bool {
	out := map[tde.State]bool{}
	s.states.Range(func(k, _ any) bool { out[k.(tde.State)] = true; return true })
	return out
}

const faultKinds = fsys.OpOpen | fsys.OpRead | fsys.OpWrite | fsys.OpSync | fsys.OpTruncate | fsys.OpRename | fsys.OpRemove | fsys.OpSyncDir

// Every operation of the file system fails once, or from then on; after reopening on a sound disk all acknowledged commits are there.
func TestFaults(t *testing.T) {
	for _, cache := range []int64{0, -1} {
		t.Run(fmt.Sprintf("cache=%d", cache), func(t *testing.T) { faults(t, cache, 0) })
	}
	t.Run("short log", func(t *testing.T) { faults(t, 0, shortLog) })
}

// shortLog makes every commit or two be copied back, beside the writer.
const shortLog = 8

func faults(t *testing.T, cache int64, logPages int) {
	ctx := t.Context()
	config := func(f fsys.FS) tde.Config {
		cfg := memConfig(f)
		cfg.CacheBytes, cfg.LogPages = cache, logPages
		return cfg
	}
	kinds := faultKinds
	if logPages > 0 {
		kinds = fsys.OpWrite | fsys.OpSync | fsys.OpTruncate
	}
	if cache < 0 && !long() { // the other run covers the rest; without a cache there are more reads
		kinds = fsys.OpRead
	}
	count := &fsys.Nth{Kinds: kinds}
	s := newStory()
	must(t, s.tell(ctx, config(fsys.NewFaulty(newMem(t), count.Hook))))
	t.Logf("%d operations", count.Seen())
	if count.Seen() < 200 {
		t.Fatalf("only %d operations", count.Seen())
	}
	step := raced
	if raced > 1 && !long() { // without the detector each operation fails; with it every so many, for the races
		step *= 2
		if cache < 0 {
			step *= 2
		}
	}
	if logPages > 0 && !long() {
		step *= 4
	}
	parallel(t, count.Seen()/step, func(n int) error {
		n *= step
		for _, sticky := range []bool{false, true} {
			if sticky && cache < 0 && !long() {
				continue
			}
			m := newMem(t)
			s := newStory()
			nth := &fsys.Nth{Kinds: kinds, N: n, Sticky: sticky, Err: errBoom}
			err := s.tell(ctx, config(fsys.NewFaulty(m, nth.Hook)))
			var corrupt *tde.CorruptError
			if errors.As(err, &corrupt) {
				return fmt.Errorf("fault %d, sticky %v: an error of the disk was called corruption: %w", n, sticky, err)
			}
			if err := s.recheck(ctx, m, true); err != nil {
				return fmt.Errorf("fault %d, sticky %v (%v): %w", n, sticky, err, err)
			}
		}
		return nil
	})
}

func (s *story) recheck(ctx context.Context, f fsys.FS, durable bool) error {
	if _, err := f.Stat("/data/d.db"); errors.Is(err, fs.ErrNotExist) && !s.created.Load() {
		return nil
	}
	return s.check(ctx, f, s.acked.Load(), s.tried.Load(), s.allowed(), durable)
}

// parallel runs f(1..n) on all processors.
func parallel(t *testing.T, n int, f func(int) error) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !t.Failed() {
				i := int(next.Add(1))
				if i > n {
					return
				}
				if err := f(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The power is cut before and after every operation that makes something durable, and the disk keeps an arbitrary part of
// what was not: nothing, some writes in any order, some of them torn.
func TestPowerCuts(t *testing.T) {
	for _, normal := range []bool{false, true} {
		t.Run(fmt.Sprintf("normal=%v", normal), func(t *testing.T) { powerCuts(t, normal) })
	}
}

func powerCuts(t *testing.T, normal bool) {
	ctx := t.Context()
	seeds := 3
	if long() {
		seeds = 40
	}
	type cut struct {
		disk         *fsys.Mem
		acked, tried int64
		created      bool
		states       map[tde.State]bool
		what         string
	}
	var mu sync.Mutex
	var cuts []cut
	m := newMem(t)
	s := newStory()
	points := 0
	hook := func(op fsys.Op) error {
		if op.Kind&(fsys.OpSync|fsys.OpSyncDir|fsys.OpTruncate|fsys.OpRename|fsys.OpRemove) == 0 {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		points++
		for seed := range seeds {
			c := fsys.Crash{}
			if seed > 0 {
				c = fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(points), uint64(seed))), Keep: 0.5 + 0.5*float64(seed%2), Torn: 0.5}
			}
			acked := s.acked.Load() // before the disk is copied, and tried after it: writers go on, and so does the copying back
			disk := m.CrashClone(c)
			cuts = append(cuts, cut{disk, acked, s.tried.Load() + 1, s.created.Load(), s.allowed(), fmt.Sprintf("cut %d before %v of %s, seed %d", points, op.Kind, op.Name, seed)})
		}
		return nil
	}
	cfg := memConfig(fsys.NewFaulty(m, hook))
	cfg.NormalSync = normal
	if normal || long() {
		cfg.LogPages = shortLog
	}
	cfg.ScanRate = 60 << 20 // one batch in a round: several rounds in a scan
	must(t, s.tell(ctx, cfg))
	t.Logf("%d points, %d disks", points, len(cuts))
	parallel(t, len(cuts)/raced, func(i int) error {
		c := cuts[i*raced-1]
		if _, err := c.disk.Stat("/data/d.db"); errors.Is(err, fs.ErrNotExist) && !c.created {
			return nil
		}
		if err := s.check(ctx, c.disk, c.acked, c.tried, c.states, !normal); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		return nil
	})
}
