//go:build unix

package tde_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/engine/tde"
)

// TestBenchScan measures scans: their speed without a bound against a copy of the file, and what the default bound costs readers
// and a writer. With LATCHKEY_BENCH=1 only.
func TestBenchScan(t *testing.T) {
	if os.Getenv("LATCHKEY_BENCH") == "" {
		t.Skip("set LATCHKEY_BENCH=1; it takes minutes and wants a quiet machine")
	}
	ctx := t.Context()
	keys := &fakeKeys{}
	path := filepath.Join(t.TempDir(), "s.db")
	db, err := tde.Create(ctx, tde.Config{Path: path, NormalSync: true, ScanRate: -1})
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec1 := func(sql string) { must(t, c.Exec(sql)) }
	exec1(`CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT)`)
	for i := range 8 {
		exec1(fmt.Sprintf(`WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<50000) INSERT INTO t SELECT i+%d*50000, i, hex(randomblob(100)) FROM g`, i))
	}
	must(t, db.Checkpoint(ctx))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	size := float64(db.Status().Pages) * tde.PageSize / 1e6
	fmt.Printf("\nscan of %.0f MB, no bound, MB/s (ratio to a copy of the file with one sync)\n", size)
	rates := map[string][]float64{}
	scan := func(name string, begin func() error) {
		began := time.Now()
		must(t, begin())
		must(t, db.Wait(ctx))
		rates[name] = append(rates[name], size/time.Since(began).Seconds())
	}
	for range 3 {
		began := time.Now()
		copyFile(t, path, path+".copy")
		rates["copy"] = append(rates["copy"], size/time.Since(began).Seconds())
		scan("encrypt", func() error { return db.SetEncryption(ctx, true) })
		scan("change key", func() error { return db.ReKey(ctx, tde.AES256, protector1, keys) })
		scan("decrypt", func() error { return db.SetEncryption(ctx, false) })
	}
	for _, name := range []string{"copy", "encrypt", "change key", "decrypt"} {
		fmt.Printf("%-12s %8.0f (%4.2f)\n", name, median(rates[name]), median(rates[name])/median(rates["copy"]))
	}

	db.SetScanRate(tde.DefaultScanRate)
	fmt.Printf("\nlatencies in microseconds, 2 readers and 1 writer, a call each 500 us; bound %d MB/s\n%-12s%28s%28s\n", tde.DefaultScanRate>>20, "", "read p50 / p99 / max", "write p50 / p99 / max")
	var idle, busy [2][]time.Duration
	for round := range 3 {
		for i, l := range measure(t, db, 3*time.Second) {
			idle[i] = append(idle[i], l...)
		}
		must(t, db.SetEncryption(ctx, round%2 == 0))
		for i, l := range measure(t, db, 3*time.Second) {
			busy[i] = append(busy[i], l...)
		}
		db.SetScanRate(0)
		must(t, db.Wait(ctx))
		db.SetScanRate(tde.DefaultScanRate)
	}
	for _, r := range []struct {
		name string
		l    [2][]time.Duration
	}{{"idle", idle}, {"during scan", busy}} {
		fmt.Printf("%-12s%28s%28s\n", r.name, show(r.l[0]), show(r.l[1]))
	}
	fmt.Printf("p99 during scan / idle: reads %.2f, writes %.2f\n", p(busy[0], 0.99)/p(idle[0], 0.99), p(busy[1], 0.99)/p(idle[1], 0.99))
	must(t, errors.Join(c.Close(), db.Close()))
}

func p(l []time.Duration, q float64) float64 {
	slices.Sort(l)
	return float64(l[int(q*float64(len(l)-1))]) / 1e3
}

func show(l []time.Duration) string {
	return fmt.Sprintf("%.0f / %.0f / %.0f", p(l, 0.5), p(l, 0.99), p(l, 1))
}

// measure gives the latencies of reads and writes.
func measure(t *testing.T, db *tde.DB, d time.Duration) (out [2][]time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	worker := func(kind int, sql string) {
		c, err := db.Conn(t.Context())
		must(t, err)
		must(t, c.Exec("PRAGMA cache_size=-2048"))
		wg.Go(func() {
			defer c.Close()
			st, _, err := c.Prepare(sql)
			if err != nil {
				t.Error(err)
				return
			}
			defer st.Close()
			var l []time.Duration
			tick := time.NewTicker(500 * time.Microsecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				<-tick.C
				began := time.Now()
				err := errors.Join(st.BindInt64(1, rand.Int64N(400_000)+1), st.Exec())
				l = append(l, time.Since(began))
				if err != nil {
					t.Error(c.Err(err))
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out[kind] = append(out[kind], l...)
		})
	}
	worker(0, "SELECT v FROM t WHERE id=?")
	worker(0, "SELECT v FROM t WHERE id=?")
	worker(1, "UPDATE t SET k=k+1 WHERE id=?")
	wg.Wait()
	return out
}

func copyFile(t *testing.T, from, to string) {
	in, err := os.Open(from)
	must(t, err)
	defer in.Close()
	out, err := os.Create(to)
	must(t, err)
	buf := make([]byte, 1<<20) // through memory, as a scan must; not by the kernel's clone or splice
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buf)
	must(t, errors.Join(err, out.Sync(), out.Close(), os.Remove(to)))
}

const (
	plainKey  = "PRAGMA page_size=4096;"
	cipherKey = "PRAGMA key='bench'; PRAGMA cipher_page_size=4096;"
)

// TestBenchSQLCipher runs a like workload through the sqlcipher shell, with and without a key, if it is installed.
func TestBenchSQLCipher(t *testing.T) {
	if os.Getenv("LATCHKEY_BENCH") == "" {
		t.Skip("set LATCHKEY_BENCH=1")
	}
	shell, err := osexec.LookPath("sqlcipher")
	if err != nil {
		t.Skip("sqlcipher is not installed")
	}
	steps := []struct{ name, sql string }{
		{"insert rows", `BEGIN; WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<200000) INSERT INTO t SELECT i, abs(random())%200000, printf('%0200d',i) FROM g; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);`},
		{"point selects", `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<100000) SELECT sum(length((SELECT v FROM t WHERE id=abs(random())%200000+1))) FROM g;`},
		{"range rows", strings.Repeat("SELECT sum(length(v)), sum(k) FROM t;", 5)},
	}
	times := map[string]map[string][]float64{}
	for range 3 {
		for _, key := range []string{plainKey, cipherKey} {
			path := filepath.Join(t.TempDir(), "c.db")
			pre := key + "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2048;"
			run := func(sql string) float64 {
				cmd := osexec.CommandContext(t.Context(), shell, path)
				cmd.Stdin = strings.NewReader(pre + sql)
				began := time.Now()
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return time.Since(began).Seconds()
			}
			base := run("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX tk ON t(k);")
			for _, s := range steps {
				if times[s.name] == nil {
					times[s.name] = map[string][]float64{}
				}
				times[s.name][key] = append(times[s.name][key], max(run(s.sql)-base, 1e-3)) // less the start and the key derivation
			}
		}
	}
	fmt.Printf("\nsqlcipher shell, 2 MB cache, ratio sealed/plain of the same program:\n")
	for _, s := range steps {
		fmt.Printf("%-14s %.2f\n", s.name, median(times[s.name][plainKey])/median(times[s.name][cipherKey]))
	}
}
