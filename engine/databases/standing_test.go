package databases_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/engine/databases"
)

// read reads t's row i by a lease that may have a snapshot that stands.
func (k *kit) read(id, i int) (n int64, stood bool, err error) {
	l, err := k.LeaseToRead(k.t.Context(), id)
	if err != nil {
		return 0, false, err
	}
	defer l.Release()
	if err := l.Stand(); err != nil {
		return 0, false, err
	}
	s, err := l.Conn.Prepare("SELECT n FROM t WHERE i=" + fmt.Sprint(i))
	if err != nil {
		return 0, false, err
	}
	defer s.Release()
	if !s.Step() {
		return 0, false, fmt.Errorf("no row %d: %w", i, s.Err())
	}
	return s.ColumnInt64(0), l.Conn.Stands(), nil
}

// write sets t's row i.
func (k *kit) write(id, i int, n int64) error {
	l, err := k.Lease(k.t.Context(), id)
	if err != nil {
		return err
	}
	defer l.Release()
	if err := l.Begin(k.t.Context(), -1); err != nil {
		return err
	}
	if err := l.Conn.Exec(fmt.Sprintf("UPDATE t SET n=%d WHERE i=%d", n, i)); err != nil {
		return err
	}
	return l.Commit()
}

// What was acknowledged before a statement begins is in what it reads, from whichever connection, and nobody sees a value go back. Snapshots stand
// in between, as writers pause.
func TestReadersSeeWhatWasAcknowledged(t *testing.T) {
	const rows, readers, writes = 2, 3, 60
	k := newKit(t, nil)
	id := k.create("A")
	k.exec(id, "CREATE TABLE t(i INTEGER PRIMARY KEY, n INTEGER) STRICT; INSERT INTO t VALUES(0,0),(1,0)")
	var acknowledged [rows]atomic.Int64
	var stood atomic.Int64
	var writers, all sync.WaitGroup
	stop := make(chan struct{})
	for range readers {
		all.Go(func() {
			var last [rows]int64
			for i := 0; ; i = (i + 1) % rows {
				select {
				case <-stop:
					return
				default:
				}
				least := max(acknowledged[i].Load(), last[i])
				n, standing, err := k.read(id, i)
				if err != nil {
					t.Error(err)
					return
				}
				if n < least {
					t.Errorf("row %d is %d, and was %d before", i, n, least)
					return
				}
				last[i] = n
				if standing {
					stood.Add(1)
				}
			}
		})
	}
	for i := range rows {
		writers.Go(func() {
			for n := int64(1); n <= writes; n++ {
				for before := stood.Load(); stood.Load() == before && n%8 == 0 && !t.Failed(); { // a pause, until snapshots stand again
					if _, _, err := k.read(id, i); err != nil {
						t.Error(err)
						return
					}
				}
				if err := k.write(id, i, n); err != nil {
					t.Error(err)
					return
				}
				acknowledged[i].Store(n)
				if got, _, err := k.read(id, i); err != nil || got != n {
					t.Errorf("who wrote %d reads %d, %v", n, got, err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	all.Wait()
	if stood.Load() == 0 {
		t.Error("no snapshot stood: nothing was tested")
	}
}

// A snapshot that stands on an idle connection ends by itself, so that the log can start over.
func TestIdleSnapshotsEnd(t *testing.T) {
	k := newKit(t, nil)
	id := k.create("A")
	k.exec(id, "CREATE TABLE t(i INTEGER PRIMARY KEY, n INTEGER) STRICT; INSERT INTO t VALUES(0,0)")
	other, err := k.Lease(t.Context(), id) // so that what reads is another connection
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if err := other.Conn.LockTimeout(0); err != nil {
		t.Fatal(err)
	}
	emptied := func() bool {
		s, err := other.Conn.Prepare("PRAGMA wal_checkpoint(TRUNCATE)")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		return s.Step() && s.ColumnInt(0) == 0
	}
	until(t, "a snapshot stands", func() bool {
		_, stood, err := k.read(id, 0)
		if err != nil {
			t.Fatal(err)
		}
		return stood
	})
	until(t, "the log is emptied", emptied)
}

// A database closes while snapshots stand, and while they are being ended.
func TestCloseWithStandingSnapshots(t *testing.T) {
	k := newKit(t, func(c *databases.Config) { c.Connections = 4 })
	id := k.create("A")
	k.exec(id, "CREATE TABLE t(i INTEGER PRIMARY KEY, n INTEGER) STRICT; INSERT INTO t VALUES(0,0)")
	for range 3 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					if _, _, err := k.read(id, 0); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		k.restart()
	}
}
