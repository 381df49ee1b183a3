package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/vault/store"
)

// patience bounds what a test waits for another goroutine; it decides only how long a failure takes.
const patience = 20 * time.Second

// Run checks everything that the contract says of a running store. Each test gets an empty store from open, which also
// arranges for its end (t.Cleanup).
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"GetPutDelete", testGetPutDelete},
		{"ListAndPaging", testList},
		{"CompareAndSet", testCompareAndSet},
		{"AllOrNothing", testAllOrNothing},
		{"Bounds", testBounds},
		{"OwnCopies", testOwnCopies},
		{"ConcurrentCounters", testConcurrentCounters},
		{"ConsistentList", testConsistentList},
		{"WatchFromRevision", testWatch},
		{"WatchBeside", testWatchBeside},
		{"WatchManyOfOneCommit", testWatchManyOfOneCommit},
		{"WatchCompacted", testWatchCompacted},
		{"SlowWatcher", testSlowWatcher},
		{"EndedContext", testEndedContext},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, open(t)) })
	}
}

// RunDurable checks what must survive closing and opening. Open opens the store of a directory; closing is called before it
// is opened again.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) (s store.Store, closing func())) {
	dir := t.TempDir()
	s, closing := open(t, dir)
	var last int64
	for i := range 10 {
		last = put(t, s, fmt.Sprintf("k/%d", i), fmt.Sprint("v", i))
	}
	del(t, s, "k/3")
	closing()
	s, closing = open(t, dir)
	items, rev, err := s.List(t.Context(), "k/", "", 0)
	if err != nil || len(items) != 9 || rev <= last {
		t.Fatalf("after opening again: %d items at revision %d, %v", len(items), rev, err)
	}
	if next := put(t, s, "k/new", "v"); next <= rev {
		t.Errorf("revision %d after %d", next, rev)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := s.Watch(ctx, "k/", last)
	if err != nil {
		t.Fatal(err)
	}
	if e := receive(t, ch); !e.Deleted || e.Key != "k/3" || e.Rev != rev {
		t.Errorf("the watch goes on with %+v", e)
	}
	if e := receive(t, ch); e.Key != "k/new" || string(e.Value) != "v" {
		t.Errorf("the watch goes on with %+v", e)
	}
	cancel()
	drain(t, ch)
	closing()
}

func commit(t *testing.T, s store.Store, conds []store.Cond, ops ...store.Op) int64 {
	t.Helper()
	rev, err := s.Commit(t.Context(), conds, ops)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func put(t *testing.T, s store.Store, key, value string) int64 {
	t.Helper()
	return commit(t, s, nil, store.Op{Key: key, Value: []byte(value)})
}

func del(t *testing.T, s store.Store, key string) int64 {
	t.Helper()
	return commit(t, s, nil, store.Op{Key: key, Delete: true})
}

func want(t *testing.T, s store.Store, key, value string, rev int64) {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("reading %q: %v", key, err)
	}
	if it.Key != key || it.Rev != rev || string(it.Value) != value {
		t.Fatalf("%q is %.80q at revision %d; want %.80q at %d", it.Key, it.Value, it.Rev, value, rev)
	}
}

func wantGone(t *testing.T, s store.Store, key string) {
	t.Helper()
	if it, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("reading %q: %+v, %v", key, it, err)
	}
}

func receive(t *testing.T, ch <-chan store.Event) store.Event {
	t.Helper()
	select {
	case e, ok := <-ch:
		if !ok {
			t.Fatal("the watch ended")
		}
		return e
	case <-clock.System{}.NewTimer(patience).C():
		t.Fatal("no event came")
	}
	return store.Event{}
}

// drain reads until the channel is closed.
func drain(t *testing.T, ch <-chan store.Event) (events []store.Event) {
	t.Helper()
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				return events
			}
			events = append(events, e)
		case <-clock.System{}.NewTimer(patience).C():
			t.Fatal("the watch did not end")
		}
	}
}

func testGetPutDelete(t *testing.T, s store.Store) {
	wantGone(t, s, "a")
	r1 := put(t, s, "a", "1")
	if r1 < 1 {
		t.Errorf("first revision %d", r1)
	}
	want(t, s, "a", "1", r1)
	r2 := put(t, s, "b", "")
	want(t, s, "b", "", r2)
	want(t, s, "a", "1", r1)
	r3 := put(t, s, "a", "2")
	want(t, s, "a", "2", r3)
	r4 := del(t, s, "a")
	wantGone(t, s, "a")
	r5 := del(t, s, "a") // deleting what is not there is no error
	r6 := put(t, s, "a", "3")
	want(t, s, "a", "3", r6)
	if revs := []int64{r1, r2, r3, r4, r5, r6}; !slices.IsSorted(revs) || r1 == r2 || r2 == r3 || r3 == r4 || r5 == r6 {
		t.Errorf("revisions %v", revs)
	}
}

func keys(items []store.Item) string {
	var out []string
	for _, it := range items {
		out = append(out, it.Key)
	}
	return strings.Join(out, " ")
}

func testList(t *testing.T, s store.Store) {
	for _, k := range []string{"p/c", "p/a", "q", "p", "p/b", "p0", "o", "p/~", "p/aa"} {
		put(t, s, k, "value of "+k)
	}
	rev := del(t, s, "p/b")
	for _, tc := range []struct {
		prefix, after string
		limit         int
		want          string
	}{
		{"", "", 0, "o p p/a p/aa p/c p/~ p0 q"},
		{"p/", "", 0, "p/a p/aa p/c p/~"},
		{"p/", "", 2, "p/a p/aa"},
		{"p/", "p/aa", 2, "p/c p/~"},
		{"p/", "p/~", 2, ""},
		{"p/", "p/b", 1, "p/c"}, // after need not exist
		{"p/", "a", 1, "p/a"},   // nor lie under the prefix
		{"p/", "z", 0, ""},
		{"p", "", 3, "p p/a p/aa"},
		{"x", "", 0, ""},
		{"", "q", -1, ""},
	} {
		items, at, err := s.List(t.Context(), tc.prefix, tc.after, tc.limit)
		if err != nil || keys(items) != tc.want || at != rev {
			t.Errorf("List(%q, %q, %d) = %q at %d, %v; want %q at %d", tc.prefix, tc.after, tc.limit, keys(items), at, err, tc.want, rev)
		}
		for _, it := range items {
			if string(it.Value) != "value of "+it.Key || it.Rev < 1 {
				t.Errorf("item %+v", it)
			}
		}
	}
}

func testCompareAndSet(t *testing.T, s store.Store) {
	conflict := func(conds []store.Cond, ops ...store.Op) {
		t.Helper()
		if _, err := s.Commit(t.Context(), conds, ops); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("a condition that does not hold: %v", err)
		}
	}
	op := store.Op{Key: "a", Value: []byte("x")}
	conflict([]store.Cond{{Key: "a", Rev: 1}}, op)
	r1 := commit(t, s, []store.Cond{{Key: "a", Rev: 0}}, op)
	conflict([]store.Cond{{Key: "a", Rev: 0}}, op)
	conflict([]store.Cond{{Key: "a", Rev: r1 + 1}}, op)
	r2 := commit(t, s, []store.Cond{{Key: "a", Rev: r1}}, op)
	conflict([]store.Cond{{Key: "a", Rev: r1}}, op)
	conflict([]store.Cond{{Key: "a", Rev: r2}, {Key: "b", Rev: 7}}, store.Op{Key: "c"})
	commit(t, s, []store.Cond{{Key: "a", Rev: r2}, {Key: "b", Rev: 0}}, store.Op{Key: "c"})
	// A condition may stand alone, on a key that is not written.
	commit(t, s, []store.Cond{{Key: "a", Rev: r2}})
	conflict([]store.Cond{{Key: "a", Rev: r1}})
	r3 := commit(t, s, []store.Cond{{Key: "a", Rev: r2}}, store.Op{Key: "a", Delete: true})
	conflict([]store.Cond{{Key: "a", Rev: r3}}, op) // a deleted key has revision 0
	r4 := commit(t, s, []store.Cond{{Key: "a", Rev: 0}}, op)
	if r4 <= r3 {
		t.Errorf("revision %d after %d", r4, r3)
	}
}

func testAllOrNothing(t *testing.T, s store.Store) {
	r := commit(t, s, nil, store.Op{Key: "a", Value: []byte("1")}, store.Op{Key: "b", Value: []byte("1")})
	want(t, s, "a", "1", r)
	want(t, s, "b", "1", r)
	_, before, err := s.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	ops := []store.Op{{Key: "a", Value: []byte("2")}, {Key: "b", Delete: true}, {Key: "c", Value: []byte("2")}}
	if _, err := s.Commit(t.Context(), []store.Cond{{Key: "c", Rev: 5}}, ops); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	want(t, s, "a", "1", r)
	want(t, s, "b", "1", r)
	wantGone(t, s, "c")
	if _, after, err := s.List(t.Context(), "", "", 0); err != nil || after != before {
		t.Errorf("a refused commit moved the revision from %d to %d, %v", before, after, err)
	}
	r = commit(t, s, []store.Cond{{Key: "c", Rev: 0}}, ops...)
	want(t, s, "a", "2", r)
	wantGone(t, s, "b")
	want(t, s, "c", "2", r)
}

func testBounds(t *testing.T, s store.Store) {
	key, value := strings.Repeat("k", store.MaxKeyLen), make([]byte, store.MaxValueLen)
	r := commit(t, s, nil, store.Op{Key: key, Value: value})
	want(t, s, key, string(value), r)
	many := func(n int) (ops []store.Op) {
		for i := range n {
			ops = append(ops, store.Op{Key: fmt.Sprint("m/", i), Value: []byte("v")})
		}
		return ops
	}
	commit(t, s, []store.Cond{{Key: "none", Rev: 0}}, many(store.MaxOps-1)...)
	for _, tc := range []struct {
		name  string
		conds []store.Cond
		ops   []store.Op
		want  error
	}{
		{"long key", nil, []store.Op{{Key: key + "k"}}, store.ErrTooLarge},
		{"long key of a condition", []store.Cond{{Key: key + "k"}}, nil, store.ErrTooLarge},
		{"long value", nil, []store.Op{{Key: "a", Value: append(value, 0)}}, store.ErrTooLarge},
		{"many", nil, many(store.MaxOps + 1), store.ErrTooLarge},
		{"many with conditions", []store.Cond{{Key: "none", Rev: 0}}, many(store.MaxOps), store.ErrTooLarge},
		{"no key", nil, []store.Op{{Key: ""}}, store.ErrInvalid},
		{"unprintable key", nil, []store.Op{{Key: "a\nb"}}, store.ErrInvalid},
		{"a key twice", nil, []store.Op{{Key: "a"}, {Key: "a", Delete: true}}, store.ErrInvalid},
	} {
		ops := append([]store.Op{{Key: "witness", Value: []byte("w")}}, tc.ops...)
		if len(ops) > store.MaxOps {
			ops = tc.ops
		}
		if _, err := s.Commit(t.Context(), tc.conds, ops); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		wantGone(t, s, "witness")
	}
}

func testOwnCopies(t *testing.T, s store.Store) {
	mine := []byte("abc")
	r := commit(t, s, nil, store.Op{Key: "a", Value: mine})
	mine[0] = 'x'
	want(t, s, "a", "abc", r)
	it, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	it.Value[0] = 'y'
	items, _, err := s.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	items[0].Value[1] = 'z'
	want(t, s, "a", "abc", r)
}

// testConcurrentCounters: increments by compare-and-set from many goroutines; none is lost, and revisions never repeat.
func testConcurrentCounters(t *testing.T, s store.Store) {
	const workers, each = 8, 15
	var mu sync.Mutex
	revs := map[int64]bool{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				for {
					it, err := s.Get(t.Context(), "n")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Error(err)
						return
					}
					ops := []store.Op{{Key: "n", Value: append(it.Value, '.')}, {Key: "copy", Value: append(it.Value, '.')}}
					rev, err := s.Commit(t.Context(), []store.Cond{{Key: "n", Rev: it.Rev}}, ops)
					if errors.Is(err, store.ErrConflict) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if revs[rev] {
						t.Errorf("revision %d was given twice", rev)
					}
					revs[rev] = true
					mu.Unlock()
					break
				}
			}
		})
	}
	wg.Wait()
	it, err := s.Get(t.Context(), "n")
	if err != nil || len(it.Value) != workers*each {
		t.Errorf("%d of %d increments, %v", len(it.Value), workers*each, err)
	}
}

// testConsistentList: a list never shows half a commit.
func testConsistentList(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		for i := range 60 {
			v := []byte(fmt.Sprint(i))
			if _, err := s.Commit(t.Context(), nil, []store.Op{{Key: "x/1", Value: v}, {Key: "x/2", Value: v}, {Key: "x/3", Value: v}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var last int64
	for ctx.Err() == nil {
		items, rev, err := s.List(t.Context(), "x/", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if rev < last {
			t.Errorf("revision %d after %d", rev, last)
		}
		last = rev
		for _, it := range items {
			if it.Rev != items[0].Rev || string(it.Value) != string(items[0].Value) || it.Rev > rev || len(items) != 3 {
				t.Fatalf("half a commit: %+v at %d", items, rev)
			}
		}
	}
	wg.Wait()
}

func testEndedContext(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if _, _, err := s.List(ctx, "", "", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	if _, err := s.Commit(ctx, nil, []store.Op{{Key: "a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := s.Watch(ctx, "", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: %v", err)
	}
	wantGone(t, s, "a")
	// The end of a commit's context leaves the commit whole or undone.
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		k := fmt.Sprint("c", i)
		rev, err := s.Commit(ctx, nil, []store.Op{{Key: k, Value: []byte("v")}})
		if err == nil {
			want(t, s, k, "v", rev)
		} else if !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Commit: %v", err)
		}
	}
}
