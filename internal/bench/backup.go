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

// benchBackup backs databases up and restores them, beside a plain copy of the same file on the same disk, each made durable: a small one and one ten times as large, in one process, so
// that memory can be compared. 26 and 256 MB; 100 MB and 1 GB with `go run ./internal/bench backup long`.
func benchBackup(ctx context.Context, b *bench) (err error) {
	megabytes := []int{26, 256}
	if b.long {
		megabytes = []int{100, 1024}
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
	s := &backups{bench: b, db: db, dir: dir}
	for i, size := range megabytes {
		if err := s.run(ctx, fmt.Sprintf("Big%d", i), size); err != nil {
			return err
		}
	}
	return nil
}

// backups is the section's state.
type backups struct {
	*bench
	db  *sql.DB
	dir string
}

// measure tells how long something took, by the clock and by the processors.
func measure(f func() error) (c cost, err error) {
	began, cpu := time.Now(), processorTime()
	err = f()
	return cost{clock: time.Since(began), cpu: processorTime() - cpu}, err
}

func (s *backups) do(ctx context.Context, q string) error {
	if _, err := s.db.ExecContext(ctx, q); err != nil {
		return fmt.Errorf("%.80s: %w", q, err)
	}
	return nil
}

func (s *backups) run(ctx context.Context, name string, megabytes int) error {
	for _, q := range []string{
		"CREATE DATABASE " + name, "ALTER DATABASE " + name + " SET RECOVERY SIMPLE",
		"USE " + name + "; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b varbinary(2000) NOT NULL)",
	} {
		if err := s.do(ctx, q); err != nil {
			return err
		}
	}
	const step = 8000 // rows of 2 kB
	for n := 0; n < megabytes*512; n += step {
		if err := s.do(ctx, fmt.Sprintf("INSERT INTO %s.dbo.t SELECT value, CAST(CRYPT_GEN_RANDOM(2000) AS varbinary(2000)) FROM GENERATE_SERIES(%d, %d)", name, n, min(n+step, megabytes*512)-1)); err != nil {
			return err
		}
	}
	if err := s.do(ctx, "USE "+name+"; CHECKPOINT"); err != nil {
		return err
	}
	file := filepath.Join(s.dir, "data", name+".mdf")
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
			_ = clock.Sleep(watch, clock.System{}, 10*time.Millisecond)
		}
		most <- top
	}()
	bak, copied := filepath.Join(s.scratch, "big.bak"), filepath.Join(s.scratch, "big.copy")
	var best [2]cost // against the plain copy of the same round, in hundredths
	const rounds = 2
	rate := func(c cost) string {
		return fmt.Sprintf("%.0f MB/s (%.2f s of processors a GB)", float64(size)/1e6/c.clock.Seconds(), c.cpu.Seconds()*1e9/float64(size))
	}
	for range rounds {
		plain, err := measure(func() error { return plainCopy(file, copied) })
		if err != nil {
			return err
		}
		backup, err := measure(func() error { return s.do(ctx, "BACKUP DATABASE "+name+" TO DISK = '"+bak+"' WITH INIT") })
		if err != nil {
			return err
		}
		restore, err := measure(func() error { return s.do(ctx, "RESTORE DATABASE Again FROM DISK = '"+bak+"' WITH REPLACE") })
		if err != nil {
			return err
		}
		if err := s.do(ctx, "DROP DATABASE Again"); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "  %d MB: plain copy %s, backup %s, restore %s\n", size/1e6, rate(plain), rate(backup), rate(restore))
		for i, c := range []cost{backup, restore} {
			best[i].clock = max(best[i].clock, 100*plain.clock/max(1, c.clock))
			best[i].cpu = max(best[i].cpu, 100*plain.cpu/max(1, c.cpu))
		}
	}
	if err := os.Remove(bak); err != nil {
		return err
	}
	for i, what := range []string{"backup, with reading back", "restore, with checking"} {
		s.line(fmt.Sprintf("%d MB: %s, against a plain copy (best)", size/1e6, what), fmt.Sprintf("%.2f x", float64(best[i].clock)/100), "0.5")
		s.line("  the same by processor time", fmt.Sprintf("%.2f x", float64(best[i].cpu)/100), "")
	}
	stop()
	if top := <-most; ok {
		s.line(fmt.Sprintf("%d MB: peak resident memory on top of %d MiB", size/1e6, before>>20), fmt.Sprintf("%d MiB", (top-before)>>20), "flat: 128 MiB at any size")
	}
	return nil
}

// plainCopy copies a file as cp does, makes it durable and removes it.
func plainCopy(from, to string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 1<<20)) // bytes through memory, not a clone of blocks
	return errors.Join(err, w.Sync(), w.Close(), os.Remove(to))
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
