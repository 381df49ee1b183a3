package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/engine/databases/pool"
	"latchkey/engine/lite"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

func newPool(t *testing.T, bound int) *pool.Pool {
	t.Helper()
	db, err := tde.Create(t.Context(), tde.Config{FS: fsys.OS{}, Path: filepath.Join(t.TempDir(), "a.mdf")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool.New(db, bound, nil)
}

func get(t *testing.T, p *pool.Pool) *pool.Loan {
	t.Helper()
	l, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whoever asks gets a connection that nobody else has, never more than the bound are out, and nobody waits for ever, whatever others do
// meanwhile: give up, throw theirs away, trim.
func TestEveryoneIsServed(t *testing.T) {
	const bound, askers, times = 3, 12, 150
	p := newPool(t, bound)
	var out atomic.Int32
	var mu sync.Mutex
	held := make(map[*lite.Conn]bool)
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			for range times {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(4) == 0 {
					go cancel()
				}
				l, err := p.Get(ctx)
				cancel()
				if errors.Is(err, context.Canceled) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := out.Add(1); n > bound {
					t.Errorf("%d are out", n)
				}
				mu.Lock()
				if held[l.Conn] {
					t.Error("two have one connection")
				}
				held[l.Conn] = true
				mu.Unlock()
				if err := l.Conn.Exec("SELECT 1"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				delete(held, l.Conn)
				mu.Unlock()
				out.Add(-1)
				p.Put(l, rand.IntN(8) > 0)
				if rand.IntN(16) == 0 {
					p.Trim()
				}
			}
		})
	}
	wg.Wait()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A connection that comes back is lent again; one that is not sound is not.
func TestKeepsWhatIsSound(t *testing.T) {
	p := newPool(t, 1)
	a := get(t, p)
	first := a.Conn
	if err := first.Exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	p.Put(a, true)
	b := get(t, p)
	if b.Conn != first {
		t.Error("another connection was opened")
	}
	if !b.Conn.GetAutocommit() {
		t.Error("the transaction is still open")
	}
	p.Put(b, false)
	c := get(t, p)
	if c.Conn == first {
		t.Error("it was lent again")
	}
	p.Put(c, true)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Trim leaves what was needed since the last one, and one at least.
func TestTrim(t *testing.T) {
	p := newPool(t, 3)
	three := func() map[*lite.Conn]bool {
		var all []*pool.Loan
		seen := make(map[*lite.Conn]bool)
		for range 3 {
			l := get(t, p)
			seen[l.Conn] = true
			all = append(all, l)
		}
		for _, l := range all {
			p.Put(l, true)
		}
		return seen
	}
	kept := func(before map[*lite.Conn]bool) (n int) {
		for c := range three() {
			if before[c] {
				n++
			}
		}
		return n
	}
	before := three()
	p.Trim()
	if n := kept(before); n != 3 {
		t.Errorf("%d of 3 connections that were needed are left", n)
	}
	before = three()
	p.Trim()
	p.Trim()
	if n := kept(before); n != 1 {
		t.Errorf("%d of 3 connections that nobody needed are left, not 1", n)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// What comes back after Close is closed, so that the database can be.
func TestClose(t *testing.T) {
	p := newPool(t, 2)
	a, b := get(t, p), get(t, p)
	p.Put(a, true)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Put(b, true)
	if a.Conn != nil || b.Conn != nil {
		t.Error("a connection is open")
	}
}
