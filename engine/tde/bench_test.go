//go:build unix

package tde_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde"
)

// TestBench compares this package with SQLite on the same library's own file system, in one run, interleaved, and prints the
// ratios. It runs with LATCHKEY_BENCH=1 only. LATCHKEY_BENCH_ROUNDS sets the rounds (3), of which medians are shown.
func TestBench(t *testing.T) {
	if os.Getenv("LATCHKEY_BENCH") == "" {
		t.Skip("set LATCHKEY_BENCH=1; it takes minutes and wants a quiet machine")
	}
	rounds := 3
	if s := os.Getenv("LATCHKEY_BENCH_ROUNDS"); s != "" {
		must(t, errors.Join(scanInt(s, &rounds)))
	}
	for _, cacheMB := range []int{2, 64} {
		results := map[string]map[string][]float64{}
		for round := range rounds {
			subjects := subjects()
			if round%2 == 1 {
				slices.Reverse(subjects)
			}
			for _, s := range subjects {
				if only := os.Getenv("LATCHKEY_BENCH_ONLY"); only != "" && !slices.Contains(strings.Split(only, ","), s.name) {
					continue
				}
				got := benchOne(t, s, cacheMB)
				for k, v := range got {
					if results[s.name] == nil {
						results[s.name] = map[string][]float64{}
					}
					results[s.name][k] = append(results[s.name][k], v)
				}
			}
		}
		for _, unit := range []string{"per second", "per CPU second"} {
			fmt.Printf("\ncache of each connection %d MB, medians of %d rounds, %s; ratio to native\n%-18s", cacheMB, rounds, unit, "")
			for _, m := range benchMetrics {
				fmt.Printf("%18s", m)
			}
			fmt.Println()
			for _, s := range subjects() {
				fmt.Printf("%-18s", s.name)
				for _, m := range benchMetrics {
					v, base := median(results[s.name][unit+m]), median(results["native"][unit+m])
					fmt.Printf("%10.0f (%4.2f) ", v, v/base)
				}
				fmt.Println()
			}
		}
	}
}

var benchMetrics = []string{"insert rows", "point selects", "range rows", "updates NORMAL", "updates FULL"}

func scanInt(s string, n *int) error { _, err := fmt.Sscan(s, n); return err }

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

type subject struct {
	name  string
	cache int64 // CacheBytes
	plain bool
}

func subjects() []subject {
	return []subject{
		{name: "native"},
		{name: "plain, no cache", cache: -1, plain: true},
		{name: "sealed, no cache", cache: -1},
		{name: "plain", plain: true},
		{name: "sealed"},
	}
}

func benchOne(t *testing.T, s subject, cacheMB int) map[string]float64 {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "b.db")
	var c *sqlite3.Conn
	var closeAll func()
	if s.name == "native" {
		var err error
		c, err = sqlite3.Open("file:" + path)
		must(t, err)
		must(t, c.Exec("PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"))
		closeAll = func() { must(t, c.Close()) }
	} else {
		db, err := tde.Create(ctx, tde.Config{Path: path, CacheBytes: s.cache, NormalSync: true})
		must(t, err)
		if !s.plain {
			keys := &fakeKeys{}
			must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
			must(t, db.SetEncryption(ctx, true))
			must(t, db.Wait(ctx))
		}
		conn, err := db.Conn(ctx)
		must(t, err)
		c = conn.Conn
		closeAll = func() { must(t, conn.Close()); must(t, db.Close()) }
	}
	defer func() { closeAll() }()
	must(t, c.Exec(fmt.Sprintf("PRAGMA cache_size=-%d", cacheMB*1024)))
	return workload(t, c)
}

const benchRows = 200_000

// workload is the one of the spec: a table with an index, rows of about 220 B in transactions of 1,000.
func workload(t *testing.T, c *sqlite3.Conn) map[string]float64 {
	out := map[string]float64{}
	rnd := rand.New(rand.NewPCG(1, 2))
	must(t, c.Exec("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX tk ON t(k)"))
	prepare := func(sql string) *sqlite3.Stmt {
		st, _, err := c.Prepare(sql)
		must(t, err)
		return st
	}
	text := make([]byte, 200)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	timed := func(name string, n int, f func()) {
		runtime.GC()
		began, cpu := time.Now(), cpuTime()
		f()
		out["per second"+name] = float64(n) / time.Since(began).Seconds()
		out["per CPU second"+name] = float64(n) / (cpuTime() - cpu).Seconds()
	}
	timed("insert rows", benchRows, func() {
		st := prepare("INSERT INTO t VALUES(?,?,?)")
		defer st.Close()
		for i := 0; i < benchRows; {
			must(t, c.Exec("BEGIN"))
			for range 1000 {
				must(t, errors.Join(st.BindInt64(1, int64(i)), st.BindInt64(2, rnd.Int64N(benchRows)), st.BindRawText(3, text)))
				must(t, st.Exec())
				i++
			}
			must(t, c.Exec("COMMIT"))
		}
	})
	_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	must(t, err)
	const points = 100_000
	timed("point selects", points, func() {
		st := prepare("SELECT v FROM t WHERE id=?")
		defer st.Close()
		for range points {
			must(t, st.BindInt64(1, rnd.Int64N(benchRows)))
			if !st.Step() || len(st.ColumnRawText(0)) != 200 {
				t.Fatal("row missing")
			}
			must(t, st.Reset())
		}
	})
	const scans = 5
	timed("range rows", scans*benchRows, func() {
		st := prepare("SELECT sum(length(v)), sum(k) FROM t WHERE id BETWEEN ? AND ?")
		defer st.Close()
		for range scans {
			for lo := 0; lo < benchRows; lo += 10_000 {
				must(t, errors.Join(st.BindInt64(1, int64(lo)), st.BindInt64(2, int64(lo+9999))))
				st.Step()
				must(t, st.Reset())
			}
		}
	})
	for _, level := range []string{"NORMAL", "FULL"} {
		n := 5000
		if level == "FULL" {
			n = 1500
		}
		must(t, c.Exec("PRAGMA synchronous="+level))
		timed("updates "+level, n, func() {
			st := prepare("UPDATE t SET k=k+1 WHERE id=?")
			defer st.Close()
			for range n {
				must(t, c.Exec("BEGIN"))
				for range 5 {
					must(t, st.BindInt64(1, rnd.Int64N(benchRows)))
					must(t, st.Exec())
				}
				must(t, c.Exec("COMMIT"))
			}
		})
	}
	return out
}

// cpuTime is what the process has used, in all threads; on a busy machine it is steadier than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
