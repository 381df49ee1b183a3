package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"latchkey/engine/tde"
)

const (
	scanRows   = 300_000
	scanRounds = 5
)

// benchScan measures scans: their speed without a bound against a copy of the file, and what the default bound costs readers
// and a writer.
func benchScan(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.scratch, "scan")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s.db")
	db, err := tde.Create(ctx, tde.Config{Path: path, NormalSync: true, ScanRate: -1})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := scanLoad(ctx, db); err != nil {
		return err
	}
	size := float64(db.Status().Pages) * tde.PageSize / 1e6
	kinds := []struct {
		name  string
		begin func() error
	}{
		{"encryption", func() error { return db.SetEncryption(ctx, true) }},
		{"change of key", func() error { return db.ReKey(ctx, tde.AES256, protector, padKeys{}) }},
		{"decryption", func() error { return db.SetEncryption(ctx, false) }},
	}
	ratios, rates := map[string][]float64{}, map[string][]float64{}
	for range scanRounds {
		began := time.Now()
		if err := copyFile(path, path+".copy"); err != nil {
			return err
		}
		copied := time.Since(began).Seconds()
		for _, k := range kinds {
			began := time.Now()
			if err := errors.Join(k.begin(), db.Wait(ctx)); err != nil {
				return err
			}
			took := time.Since(began).Seconds()
			ratios[k.name], rates[k.name] = append(ratios[k.name], copied/took), append(rates[k.name], size/took)
		}
	}
	for _, k := range kinds {
		b.line(fmt.Sprintf("scan, %s of %.0f MB: of the speed of a copy", k.name, size),
			fmt.Sprintf("%.2f (%.2f-%.2f; %.0f MB/s)", medianOf(ratios[k.name]), quantile(ratios[k.name], 0.25), quantile(ratios[k.name], 0.75), medianOf(rates[k.name])), "0.5")
	}
	return benchForeground(ctx, b, db)
}

func scanLoad(ctx context.Context, db *tde.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	const part = 50_000
	err = c.Exec("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT)")
	for i := 0; i < scanRows && err == nil; i += part {
		err = c.Exec(fmt.Sprintf(`WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<%d) INSERT INTO t SELECT i+%d, i, hex(randomblob(100)) FROM g`, part, i))
	}
	if err != nil {
		return err
	}
	return errors.Join(db.Checkpoint(ctx), db.CreateKey(ctx, tde.AES256, protector, padKeys{}))
}

// benchForeground compares latencies while a scan runs with those while it is suspended, in turns: the pages are the same, half of them
// rewritten. A ratio is of two neighbours; the median of all is shown, with the quarters.
func benchForeground(ctx context.Context, b *bench, db *tde.DB) error {
	const each, rounds, pairs = time.Second, 5, 2
	var idle, busy [2][]time.Duration
	var ratios [2][]float64
	for round := range rounds {
		db.SetScanRate(tde.DefaultScanRate)
		if err := db.SetEncryption(ctx, round%2 == 0); err != nil {
			return err
		}
		for pair := range pairs {
			var got [2][2][]time.Duration // without and with the scan
			for i := range got {
				with := i ^ pair&1
				err := db.Resume(ctx)
				if with == 0 {
					err = db.Suspend(ctx)
				}
				if err != nil {
					return err
				}
				if got[with], err = latencies(ctx, db, each); err != nil {
					return err
				}
			}
			for kind := range 2 {
				idle[kind], busy[kind] = append(idle[kind], got[0][kind]...), append(busy[kind], got[1][kind]...)
				ratios[kind] = append(ratios[kind], float64(quantile(got[1][kind], 0.99))/float64(quantile(got[0][kind], 0.99)))
			}
		}
		db.SetScanRate(0) // no bound
		if err := errors.Join(db.Resume(ctx), db.Wait(ctx)); err != nil {
			return err
		}
	}
	for i, what := range []string{"reads", "writes"} {
		r := ratios[i]
		b.line(fmt.Sprintf("p99 of %s during a scan at %d MB/s, over idle", what, tde.DefaultScanRate>>20),
			fmt.Sprintf("%.2f (%.2f-%.2f; all: %v over %v)", medianOf(r), quantile(r, 0.25), quantile(r, 0.75),
				quantile(busy[i], 0.99).Round(time.Microsecond), quantile(idle[i], 0.99).Round(time.Microsecond)), "1.2")
	}
	return nil
}

// latencies measures two readers and a writer, a call each 500 us.
func latencies(ctx context.Context, db *tde.DB, d time.Duration) (out [2][]time.Duration, err error) {
	until, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	statements := []struct {
		kind int
		sql  string
	}{
		{0, "SELECT v FROM t WHERE id=?"},
		{0, "SELECT v FROM t WHERE id=?"},
		{1, "UPDATE t SET k=k+1 WHERE id=?"},
	}
	got, errs := make([][]time.Duration, len(statements)), make([]error, len(statements))
	var wg sync.WaitGroup
	for i, s := range statements {
		wg.Go(func() { got[i], errs[i] = repeat(until, ctx, db, s.sql) })
	}
	wg.Wait()
	for i, s := range statements {
		out[s.kind] = append(out[s.kind], got[i]...)
	}
	return out, errors.Join(errs...)
}

// repeat runs a statement at an even pace until the first context ends, and returns how long each run took.
func repeat(until, ctx context.Context, db *tde.DB, sql string) (l []time.Duration, err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.Exec("PRAGMA cache_size=-2048"); err != nil {
		return nil, err
	}
	st, _, err := c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for until.Err() == nil {
		<-tick.C
		began := time.Now()
		if err := errors.Join(st.BindInt64(1, rand.Int64N(scanRows)+1), st.Exec()); err != nil {
			return nil, c.Err(err)
		}
		l = append(l, time.Since(began))
	}
	return l, nil
}

// copyFile copies through memory, as a scan must; not by the kernel's clone or splice.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	return errors.Join(err, out.Sync(), out.Close(), os.Remove(to))
}

const (
	plainKey  = "PRAGMA page_size=4096;"
	cipherKey = "PRAGMA key='bench'; PRAGMA cipher_page_size=4096;"
)

// benchSQLCipher runs a like workload through the sqlcipher shell, with and without a key, if it is installed.
func benchSQLCipher(ctx context.Context, b *bench) error {
	shell, err := exec.LookPath("sqlcipher")
	if err != nil {
		b.line("sqlcipher", "not installed", "")
		return nil
	}
	steps := []struct{ name, sql string }{
		{"insert", `BEGIN; WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<200000) INSERT INTO t SELECT i, abs(random())%200000, printf('%0200d',i) FROM g; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);`},
		{"point select", `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<100000) SELECT sum(length((SELECT v FROM t WHERE id=abs(random())%200000+1))) FROM g;`},
		{"range scan", strings.Repeat("SELECT sum(length(v)), sum(k) FROM t;", 5)},
	}
	ratios := map[string][]float64{}
	for round := range storageRounds {
		took := map[string]map[string]float64{}
		for _, key := range []string{plainKey, cipherKey} {
			path := filepath.Join(b.scratch, fmt.Sprintf("c%d-%d.db", round, len(took)))
			run := func(sql string) (float64, error) {
				cmd := exec.CommandContext(ctx, shell, path)
				cmd.Stdin = strings.NewReader(key + "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2048;" + sql)
				out, err := cmd.CombinedOutput()
				if err != nil {
					return 0, fmt.Errorf("%w: %s", err, out)
				}
				return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), nil
			}
			base, err := run("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX tk ON t(k);")
			if err != nil {
				return err
			}
			took[key] = map[string]float64{}
			for _, s := range steps {
				t, err := run(s.sql)
				if err != nil {
					return err
				}
				took[key][s.name] = max(t-base, 1e-3) // less the start and the key derivation
			}
		}
		for _, s := range steps {
			ratios[s.name] = append(ratios[s.name], took[plainKey][s.name]/took[cipherKey][s.name])
		}
	}
	for _, s := range steps {
		b.line(fmt.Sprintf("sqlcipher's shell, %s, cache 2 MB: of itself in clear", s.name), fmt.Sprintf("%.2f", medianOf(ratios[s.name])), "")
	}
	return nil
}
