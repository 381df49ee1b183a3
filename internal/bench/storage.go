package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/ekm"
	"latchkey/engine/tde"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// storageRounds is how often each subject of a scan runs, in turns, and pageRounds of what reads and writes pages; medians are shown.
const (
	storageRounds = 3
	pageRounds    = 5
)

const storageText = `  An encrypted database over plain SQLite on the same library's own file system: above 1 is faster. Medians of %d rounds, each
  subject once in a round, their order turned from round to round. P is by processor time of all threads, steadier where other work
  shares the machine; C is by the clock. SQLite copies its log back within a commit, each 1,000 pages. Our storage does it on
  another thread, beside the writer, each %d pages with its default cache: by the clock that counts for it, by processor time
  only the longer log does. So a second pair is over plain SQLite with a log as long. The third is over a database of ours in
  clear, with checksums: what encryption alone costs. What writes ends with a checkpoint, measured, so that no work is left over.
`

// benchStorage compares encrypted databases with SQLite.
func benchStorage(ctx context.Context, b *bench) error {
	fmt.Fprintf(b.out, storageText, pageRounds, longLog)
	for _, cache := range []struct {
		mb     int
		target string
	}{{2, "0.90"}, {64, "0.97"}} {
		got := map[subject][]map[string]cost{}
		order := []subject{native, sealed, nativeLong, clearText}
		for round := range pageRounds {
			turn := slices.Concat(order[round%len(order):], order[:round%len(order)])
			if round%2 == 1 {
				slices.Reverse(turn)
			}
			for _, s := range turn {
				costs, err := runSubject(ctx, filepath.Join(b.scratch, "storage"), s, cache.mb)
				if err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
				got[s] = append(got[s], costs)
			}
		}
		for _, phase := range phases {
			pair := func(base subject) string {
				var cpu, clock []float64
				for i := range got[sealed] {
					was, is := got[base][i][phase], got[sealed][i][phase]
					cpu = append(cpu, float64(was.cpu)/float64(is.cpu))
					clock = append(clock, float64(was.clock)/float64(is.clock))
				}
				return fmt.Sprintf("P %.2f C %.2f", medianOf(cpu), medianOf(clock))
			}
			b.line(fmt.Sprintf("%s, cache %d MB", phase, cache.mb),
				fmt.Sprintf("%s; log as long %s; ours in clear %s", pair(native), pair(nativeLong), pair(clearText)), cache.target)
		}
	}
	return errors.Join(benchScan(ctx, b), benchSQLCipher(ctx, b))
}

func medianOf(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

type subject string

const (
	native     subject = "plain SQLite"
	nativeLong subject = "plain SQLite with a long log"
	clearText  subject = "in clear"
	sealed     subject = "encrypted"
)

// longLog is what tde.Config.LogPages is by default.
const longLog = 3072

type cost struct{ cpu, clock time.Duration }

var phases = []string{"insert", "point select", "range scan", "update NORMAL", "update FULL"}

// padKeys stands in for a vault: it is asked at opening only, which is not measured.
type padKeys struct{}

func (padKeys) Wrap(_ context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	return ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: pad(t, plain.Expose())}, nil
}

func (padKeys) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	return secret.New(pad(t, w.Blob)), nil
}

func pad(t ekm.Thumbprint, b []byte) []byte {
	out := slices.Clone(b)
	for i := range out {
		out[i] ^= t[i%len(t)]
	}
	return out
}

var protector = tde.Protector{Thumbprint: "thumbprint-number-01", URI: "https://vault.example/keys/a/1"}

func runSubject(ctx context.Context, dir string, s subject, cacheMB int) (costs map[string]cost, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "b.db")
	var c *sqlite3.Conn
	if s == native || s == nativeLong {
		if c, err = sqlite3.Open("file:" + path); err != nil {
			return nil, err
		}
		if err := c.Exec("PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		if s == nativeLong {
			if err := c.WALAutoCheckpoint(longLog); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
	} else {
		db, err := tde.Create(ctx, tde.Config{Path: path, NormalSync: true})
		if err != nil {
			return nil, err
		}
		defer db.Close()
		if s == sealed {
			if err := errors.Join(db.CreateKey(ctx, tde.AES256, protector, padKeys{}), db.SetEncryption(ctx, true), db.Wait(ctx)); err != nil {
				return nil, err
			}
		}
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		c = conn.Conn
	}
	defer c.Close()
	if err := c.Exec(fmt.Sprintf("PRAGMA cache_size=-%d", cacheMB*1024)); err != nil {
		return nil, err
	}
	w := &workload{c: c, rnd: rand.New(rand.NewPCG(1, 2)), costs: map[string]cost{}}
	return w.costs, w.run()
}

const (
	workRows   = 100_000
	workPoints = 50_000
	workScans  = 3
)

// workload is a table with an index, rows of about 220 bytes in transactions of 1,000, then reads, then updates of five rows each.
type workload struct {
	c     *sqlite3.Conn
	rnd   *rand.Rand
	costs map[string]cost
}

func (w *workload) run() error {
	if err := w.c.Exec("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX tk ON t(k)"); err != nil {
		return err
	}
	err := w.timed("insert", "INSERT INTO t VALUES(?,?,?)", w.insert)
	if err != nil {
		return err
	}
	if err := w.timed("point select", "SELECT v FROM t WHERE id=?", w.points); err != nil {
		return err
	}
	if err := w.timed("range scan", "SELECT sum(length(v)), sum(k) FROM t WHERE id BETWEEN ? AND ?", w.ranges); err != nil {
		return err
	}
	for _, level := range []string{"NORMAL", "FULL"} {
		if err := w.c.Exec("PRAGMA synchronous=" + level); err != nil {
			return err
		}
		n := map[string]int{"NORMAL": 3000, "FULL": 1000}[level]
		if err := w.timed("update "+level, "UPDATE t SET k=k+1 WHERE id=?", func(st *sqlite3.Stmt) error { return w.update(st, n) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) timed(phase, sql string, f func(*sqlite3.Stmt) error) error {
	st, _, err := w.c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Close()
	runtime.GC()
	began, cpu := time.Now(), processorTime()
	err = f(st)
	if phase != "point select" && phase != "range scan" {
		err = errors.Join(err, st.Reset(), w.copyBack())
	}
	w.costs[phase] = cost{processorTime() - cpu, time.Since(began)}
	return err
}

// copyBack ends what a phase began to write. The log's file stays, as it does in a server that runs.
func (w *workload) copyBack() error {
	for {
		_, _, err := w.c.WALCheckpoint("main", sqlite3.CHECKPOINT_RESTART)
		if !errors.Is(err, sqlite3.BUSY) {
			return err
		}
		if err := clock.Sleep(context.Background(), clock.System{}, time.Millisecond); err != nil { // our storage is at it
			return err
		}
	}
}

// transaction runs f n times in one transaction.
func (w *workload) transaction(n int, f func() error) error {
	if err := w.c.Exec("BEGIN"); err != nil {
		return err
	}
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return w.c.Exec("COMMIT")
}

func (w *workload) insert(st *sqlite3.Stmt) error {
	text := make([]byte, 200)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	for id := int64(0); id < workRows; {
		err := w.transaction(1000, func() error {
			err := errors.Join(st.BindInt64(1, id), st.BindInt64(2, w.rnd.Int64N(workRows)), st.BindRawText(3, text))
			id++
			return errors.Join(err, st.Exec())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) points(st *sqlite3.Stmt) error {
	for range workPoints {
		if err := st.BindInt64(1, w.rnd.Int64N(workRows)); err != nil {
			return err
		}
		if !st.Step() || len(st.ColumnRawText(0)) != 200 {
			return fmt.Errorf("a row is missing: %w", st.Err())
		}
		if err := st.Reset(); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) ranges(st *sqlite3.Stmt) error {
	for range workScans {
		for lo := int64(0); lo < workRows; lo += 10_000 {
			if err := errors.Join(st.BindInt64(1, lo), st.BindInt64(2, lo+9999), st.Exec()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *workload) update(st *sqlite3.Stmt, n int) error {
	for range n {
		err := w.transaction(5, func() error {
			return errors.Join(st.BindInt64(1, w.rnd.Int64N(workRows)), st.Exec())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
