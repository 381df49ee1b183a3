package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	_ "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// benchBackup backs a database up and restores it, beside a plain copy of its file on the same disk, each made durable. 256 MB; 1 GB with `go run ./internal/bench backup long`.
func benchBackup(ctx context.Context, b *bench) (err error) {
	megabytes := 256
	if b.long {
		megabytes = 1024
	}
	dir := filepath.Join(b.scratch, "backup")
	const password = "Pass-w0rd-of-a-bench"
	e, err := engine.Open(ctx, engine.Config{Dir: dir, Name: "BENCH", Admin: &engine.Admin{Name: "dba", Password: secret.FromString(password)}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(ctx))) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = e.Serve(l) }()
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", password), Host: l.Addr().String(), RawQuery: "encrypt=disable"}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		return err
	}
	defer db.Close()
	do := func(q string) (time.Duration, error) {
		began := time.Now()
		if _, err := db.ExecContext(ctx, q); err != nil {
			return 0, fmt.Errorf("%.80s: %w", q, err)
		}
		return time.Since(began), nil
	}
	for _, q := range []string{
		"CREATE DATABASE Big", "ALTER DATABASE Big SET RECOVERY SIMPLE",
		"USE Big; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b varbinary(2000) NOT NULL)",
	} {
		if _, err := do(q); err != nil {
			return err
		}
	}
	const step = 8000 // rows of 2 kB
	for n := 0; n < megabytes*512; n += step {
		if _, err := do(fmt.Sprintf("INSERT INTO Big.dbo.t SELECT value, CAST(CRYPT_GEN_RANDOM(2000) AS varbinary(2000)) FROM GENERATE_SERIES(%d, %d)", n, n+step-1)); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "data", "Big.mdf")
	if _, err := do("USE Big; CHECKPOINT"); err != nil {
		return err
	}
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	size := fi.Size()
	debug.FreeOSMemory() // what filling the database has used
	before, ok := resident()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	most := make(chan int64, 1)
	go func() {
		top := before
		for watch.Err() == nil {
			now, _ := resident()
			top = max(top, now)
			_ = clock.Sleep(watch, clock.System{}, 20*time.Millisecond)
		}
		most <- top
	}()
	bak := filepath.Join(b.scratch, "big.bak")
	var ratios [2]float64
	const rounds = 2
	for range rounds {
		plain, err := plainCopy(file, filepath.Join(b.scratch, "big.copy"))
		if err != nil {
			return err
		}
		backup, err := do("BACKUP DATABASE Big TO DISK = '" + bak + "' WITH INIT")
		if err != nil {
			return err
		}
		restore, err := do("RESTORE DATABASE Again FROM DISK = '" + bak + "' WITH REPLACE")
		if err != nil {
			return err
		}
		if _, err := do("DROP DATABASE Again"); err != nil {
			return err
		}
		rate := func(d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
		fmt.Fprintf(b.out, "  %d MB: plain copy %.0f MB/s, backup %.0f MB/s, restore %.0f MB/s\n", size/1e6, rate(plain), rate(backup), rate(restore))
		ratios[0] = max(ratios[0], plain.Seconds()/backup.Seconds())
		ratios[1] = max(ratios[1], plain.Seconds()/restore.Seconds())
	}
	b.line("backup, with reading back, against a plain copy (best)", fmt.Sprintf("%.2f x", ratios[0]), "0.5")
	b.line("restore, with checking, against a plain copy (best)", fmt.Sprintf("%.2f x", ratios[1]), "0.5")
	stop()
	if top := <-most; ok {
		b.line(fmt.Sprintf("resident memory on top of %d MiB, at most", before>>20), fmt.Sprintf("%d MiB", (top-before)>>20), "flat: 128 MiB at any size")
	}
	return nil
}

// plainCopy copies a file as cp does, makes it durable and tells how long that took.
func plainCopy(from, to string) (took time.Duration, err error) {
	began := time.Now()
	r, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 1<<20)) // bytes through memory, not a clone of blocks
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		return 0, err
	}
	return time.Since(began), os.Remove(to)
}

// resident is the memory of this process in bytes; false where the machine does not say.
func resident() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var all, pages int64
	if _, err := fmt.Sscan(string(b), &all, &pages); err != nil {
		return 0, false
	}
	return pages * int64(os.Getpagesize()), true
}
