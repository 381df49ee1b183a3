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

// storageRounds is how often sqlcipher runs, with and without a key in turns, and pageRounds how often what reads and writes pages does; medians are shown.
const (
	storageRounds = 3
	pageRounds    = 5
)

const storageText = `  An encrypted database over plain SQLite on the same library's own file system: above 1 is faster. All subjects are open side by
  side, with the same cache and pragmas, and take turns: with each fifth of a phase that reads or waits for the disk, and with each
  other phase; the order changes from turn to turn. A ratio is of one round; medians of %d rounds, and in brackets the second lowest
  and highest by the clock. P is by processor time of all threads, steadier where other work shares the machine; C is by the clock.
  The first fifth of the point selects finds what the inserts left in caches. A phase that writes ends with a checkpoint, measured,
  so that no work is left over. SQLite copies its log back within a commit, each 1,000 pages. Our storage does it on another thread,
  beside the writer, each %d pages with its default cache: by the clock that counts for it, by processor time only the longer log
  does. So a second pair is over plain SQLite with a log as long. The third is over a database of ours in clear, with checksums:
  what encryption alone costs.
`

// benchStorage compares encrypted databases with SQLite.
func benchStorage(ctx context.Context, b *bench) error {
	fmt.Fprintf(b.out, storageText, pageRounds, longLog)
	for _, cache := range []struct {
		mb     int
		target string
	}{{2, "0.90"}, {64, "0.97"}} {
		got := turns{}
		for range pageRounds {
			if err := got.round(ctx, filepath.Join(b.scratch, "storage"), cache.mb); err != nil {
				return err
			}
		}
		for _, p := range phases {
			pair := func(base subject, spread bool) string {
				cpu, clock := got.ratios(p.name, base)
				if !spread {
					return fmt.Sprintf("P %.2f C %.2f", quantile(cpu, 0.5), quantile(clock, 0.5))
				}
				return fmt.Sprintf("P %.2f C %.2f (%.2f-%.2f)", quantile(cpu, 0.5), quantile(clock, 0.5), quantile(clock, 0.25), quantile(clock, 0.75))
			}
			b.line(fmt.Sprintf("%s, cache %d MB", p.name, cache.mb),
				fmt.Sprintf("%s; log as long %s; ours in clear %s", pair(native, true), pair(nativeLong, false), pair(clearText, false)), cache.target)
		}
	}
	return errors.Join(benchScan(ctx, b), benchSQLCipher(ctx, b))
}

// turns is what each phase of each round cost each subject.
type turns map[subject]map[string][]cost

// round runs the phases once with fresh databases.
func (t turns) round(ctx context.Context, dir string, cacheMB int) error {
	order := []subject{native, sealed, nativeLong, clearText}
	at := map[subject]*workload{}
	for _, s := range order {
		w, err := openSubject(ctx, filepath.Join(dir, string(s)), s, cacheMB)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		defer w.close()
		at[s] = w
		if t[s] == nil {
			t[s] = map[string][]cost{}
		}
	}
	for _, p := range phases {
		sum := map[subject]cost{}
		for turn := range p.turns {
			// The order turns, and with it who follows whom.
			k := len(t[sealed][p.name])*p.turns + turn
			now := slices.Concat(order[k%len(order):], order[:k%len(order)])
			if k/len(order)%2 == 1 {
				slices.Reverse(now)
			}
			for _, s := range now {
				c, err := at[s].timed(p, turn == p.turns-1)
				if err != nil {
					return fmt.Errorf("%s of %s: %w", p.name, s, err)
				}
				sum[s] = cost{sum[s].cpu + c.cpu, sum[s].clock + c.clock}
			}
		}
		for s, c := range sum {
			t[s][p.name] = append(t[s][p.name], c)
		}
	}
	return nil
}

// ratios is how much faster than base the encrypted database was, round by round.
func (t turns) ratios(phase string, base subject) (cpu, clock []float64) {
	for i, is := range t[sealed][phase] {
		was := t[base][phase][i]
		cpu = append(cpu, float64(was.cpu)/float64(max(1, is.cpu)))
		clock = append(clock, float64(was.clock)/float64(is.clock))
	}
	return cpu, clock
}

func medianOf(v []float64) float64 { return quantile(v, 0.5) }

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

// phase is a part of the workload. A turn of it is its statement, run by run.
type phase struct {
	name   string
	turns  int    // of a round
	before string // SQL that is not measured
	sql    string
	run    func(w *workload, st *sqlite3.Stmt) error
	writes bool
}

var phases = []phase{
	{"insert", 1, "", "INSERT INTO t VALUES(?,?,?)", (*workload).insert, true},
	{"point select", 5, "", "SELECT v FROM t WHERE id=?", (*workload).points, false},
	{"range scan", 5, "", "SELECT sum(length(v)), sum(k) FROM t WHERE id BETWEEN ? AND ?", (*workload).ranges, false},
	{"update NORMAL", 1, "PRAGMA synchronous=NORMAL", updateSQL, func(w *workload, st *sqlite3.Stmt) error { return w.update(st, 3000) }, true},
	{"update FULL", 5, "PRAGMA synchronous=FULL", updateSQL, func(w *workload, st *sqlite3.Stmt) error { return w.update(st, 250) }, true},
}

const updateSQL = "UPDATE t SET k=k+1 WHERE id=?"

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

// openSubject makes a database in dir, which goes away when the workload is closed.
func openSubject(ctx context.Context, dir string, s subject, cacheMB int) (w *workload, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w = &workload{dir: dir, rnd: rand.New(rand.NewPCG(1, 2))}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	path := filepath.Join(dir, "b.db")
	if s == native || s == nativeLong {
		if w.c, err = sqlite3.Open("file:" + path); err != nil {
			return nil, err
		}
		err = w.c.Exec("PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
		if err == nil && s == nativeLong {
			err = w.c.WALAutoCheckpoint(longLog)
		}
	} else {
		if w.db, err = tde.Create(ctx, tde.Config{Path: path, NormalSync: true}); err != nil {
			return nil, err
		}
		if s == sealed {
			err = errors.Join(w.db.CreateKey(ctx, tde.AES256, protector, padKeys{}), w.db.SetEncryption(ctx, true), w.db.Wait(ctx))
		}
		if err == nil {
			var c *tde.Conn
			if c, err = w.db.Conn(ctx); err == nil {
				w.c = c.Conn
			}
		}
	}
	if err == nil {
		err = w.c.Exec(fmt.Sprintf("PRAGMA cache_size=-%d; CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX tk ON t(k)", cacheMB*1024))
	}
	return w, err
}

const (
	workRows   = 100_000
	workPoints = 10_000 // in a turn
)

// workload is a table with an index, rows of about 220 bytes in transactions of 1,000, then reads, then updates of five rows each.
type workload struct {
	dir string
	db  *tde.DB // nil for SQLite's own
	c   *sqlite3.Conn
	rnd *rand.Rand
}

func (w *workload) close() {
	if w.c != nil {
		_ = w.c.Close()
	}
	if w.db != nil {
		_ = w.db.Close()
	}
	_ = os.RemoveAll(w.dir)
}

// timed runs one turn of a phase.
func (w *workload) timed(p phase, last bool) (cost, error) {
	if err := w.c.Exec(p.before); err != nil {
		return cost{}, err
	}
	st, _, err := w.c.Prepare(p.sql)
	if err != nil {
		return cost{}, err
	}
	defer st.Close()
	runtime.GC()
	began, cpu := time.Now(), processorTime()
	err = p.run(w, st)
	if p.writes && last {
		err = errors.Join(err, st.Reset(), w.copyBack())
	}
	return cost{processorTime() - cpu, time.Since(began)}, err
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

// ranges reads all rows, in ten parts.
func (w *workload) ranges(st *sqlite3.Stmt) error {
	for lo := int64(0); lo < workRows; lo += workRows / 10 {
		if err := errors.Join(st.BindInt64(1, lo), st.BindInt64(2, lo+workRows/10-1), st.Exec()); err != nil {
			return err
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
