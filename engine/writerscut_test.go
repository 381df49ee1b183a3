package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/internal/fsys"
)

const cutWriters = 4

// writersCut is a disk that loses power at the nth change, with what clients had been told by then.
type writersCut struct {
	mu    sync.Mutex
	disk  *fsys.Mem
	left  int // changes until then; 0: never
	kept  *fsys.Mem
	told  [cutWriters]atomic.Int64 // the last transaction that each writer was told to be committed
	acked [cutWriters]int64        // the same at the cut
}

func (c *writersCut) hook(op fsys.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.kept != nil:
		return errors.New("the power is off")
	case c.left == 0 || op.Kind&changes == 0:
		return nil
	}
	if c.left--; c.left > 0 {
		return nil
	}
	for i := range c.told {
		c.acked[i] = c.told[i].Load() // before the disk is copied: who is told later was told by a machine that is off
	}
	c.kept = c.disk.CrashClone(fsys.Crash{})
	return errors.New("the power is off")
}

func (c *writersCut) arm(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

// The power goes while clients commit at once: each finds what it was told to be committed, in order and whole.
func TestPowerCutsUnderWriters(t *testing.T) {
	base := fsys.NewMem()
	if err := base.MkdirAll("/srv", 0o700); err != nil {
		t.Fatal(err)
	}
	c := config("/srv")
	c.FS = base
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(w int NOT NULL, i int NOT NULL, PRIMARY KEY (w, i)); CREATE TABLE dbo.n(n int NOT NULL); INSERT INTO dbo.n VALUES(0)")
	_ = db.Close()
	r.stop()
	points := []int{3, 10, 25, 60}
	if os.Getenv("LATCHKEY_LONG") == "1" {
		points = nil
		for n := 1; n < 200; n += 3 {
			points = append(points, n)
		}
	}
	for _, n := range points {
		t.Run(strconv.Itoa(n), func(t *testing.T) { cutUnderWriters(t, base.CrashClone(fsys.Crash{}), n) })
	}
}

func cutUnderWriters(t *testing.T, disk *fsys.Mem, n int) {
	p := &writersCut{disk: disk}
	c := config("/srv")
	c.FS = fsys.NewFaulty(disk, p.hook)
	r := start(t, c)
	online := func() {
		db := r.connect(t, "dba", password, "")
		defer db.Close()
		wait(t, "it is online", func() bool {
			return scalar(t, db, "SELECT state_desc FROM sys.databases WHERE name = 'Shop'") == "ONLINE"
		})
	}
	online()
	var clients [cutWriters]*sql.DB
	for w := range clients {
		clients[w] = r.connect(t, "dba", password, "Shop")
		if err := clients[w].PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.arm(n)
	var wg sync.WaitGroup
	for w, db := range clients {
		wg.Go(func() {
			for i := int64(1); transaction(t.Context(), db, w, i) == nil; i++ {
				p.told[w].Store(i)
			}
		})
	}
	wg.Wait()
	for _, db := range clients {
		_ = db.Close()
	}
	r.abandon()
	if p.kept == nil {
		t.Fatal("a transaction failed before the cut")
	}
	c.FS = p.kept
	r = start(t, c)
	defer r.stop()
	online()
	db := r.connect(t, "dba", password, "Shop")
	defer db.Close()
	if sum, rows := scalar(t, db, "SELECT n FROM Shop.dbo.n"), scalar(t, db, "SELECT COUNT(*) FROM Shop.dbo.t"); sum != rows {
		t.Errorf("%s transactions counted, %s rows", sum, rows)
	}
	for w, acked := range p.acked {
		got := scalar(t, db, fmt.Sprintf("SELECT COUNT(*) FROM Shop.dbo.t WHERE w = %d", w))
		if last := scalar(t, db, fmt.Sprintf("SELECT COALESCE(MAX(i), 0) FROM Shop.dbo.t WHERE w = %d", w)); last != got {
			t.Errorf("writer %d: %s rows, the last is %s", w, got, last)
		}
		if k, err := strconv.ParseInt(got, 10, 64); err != nil || k < acked {
			t.Errorf("writer %d: %s transactions, it was told of %d", w, got, acked)
		}
	}
}

func transaction(ctx context.Context, db *sql.DB, w int, i int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE dbo.n SET n = n + 1")
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO dbo.t VALUES(@p1, @p2)", w, i)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
