package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/clock"
	"latchkey/vault/store"
)

func testWatch(t *testing.T, s store.Store) {
	r0 := put(t, s, "w/before", "0")
	r1 := put(t, s, "w/a", "1")
	put(t, s, "other", "x")
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := s.Watch(ctx, "w/", r0)
	if err != nil {
		t.Fatal(err)
	}
	r2 := commit(t, s, nil, store.Op{Key: "w/a", Value: []byte("2")}, store.Op{Key: "other", Delete: true}, store.Op{Key: "w/b", Value: []byte("2")})
	r3 := del(t, s, "w/a")
	event := func(key, value string, rev int64) store.Event {
		return store.Event{Item: store.Item{Key: key, Value: []byte(value), Rev: rev}}
	}
	wants := []store.Event{
		event("w/a", "1", r1), event("w/a", "2", r2), event("w/b", "2", r2),
		{Item: store.Item{Key: "w/a", Rev: r3}, Deleted: true},
	}
	for _, w := range wants {
		got := receive(t, ch)
		if len(got.Value) == 0 && got.Deleted {
			got.Value = nil
		}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	cancel()
	if rest := drain(t, ch); len(rest) > 0 {
		t.Errorf("more events: %+v", rest)
	}
}

// testWatchBeside: several watchers see every change of many writers, in order.
func testWatchBeside(t *testing.T, s store.Store) {
	const writers, each = 4, 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var channels []<-chan store.Event
	for range 3 {
		ch, err := s.Watch(ctx, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Commit(t.Context(), nil, []store.Op{{Key: fmt.Sprintf("%d/%02d", w, i), Value: []byte("v")}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, ch := range channels {
		var last int64
		for range writers * each {
			e := receive(t, ch)
			if e.Rev <= last {
				t.Errorf("revision %d after %d", e.Rev, last)
			}
			last = e.Rev
		}
	}
	wg.Wait()
}

func testWatchManyOfOneCommit(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := s.Watch(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var ops []store.Op
		for i := range store.MaxOps / 2 {
			ops = append(ops, store.Op{Key: fmt.Sprintf("k%03d", i), Value: []byte("v")})
		}
		rev := commit(t, s, nil, ops...)
		for i := range ops {
			if e := receive(t, ch); e.Key != ops[i].Key || e.Rev != rev {
				t.Fatalf("event %d is %+v", i, e)
			}
		}
	}
}

// testWatchCompacted writes until the first change is no longer kept, which every implementation must do some time.
func testWatchCompacted(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := put(t, s, "a", "1")
	var rev int64
	for range 200 {
		var ops []store.Op
		for i := range store.MaxOps {
			ops = append(ops, store.Op{Key: fmt.Sprintf("k%03d", i), Value: []byte("v")})
		}
		rev = commit(t, s, nil, ops...)
		if _, err := s.Watch(ctx, "", first); errors.Is(err, store.ErrCompacted) {
			ch, err := s.Watch(ctx, "", rev)
			if err != nil {
				t.Fatalf("watching from the current revision: %v", err)
			}
			next := put(t, s, "b", "2")
			if e := receive(t, ch); e.Rev != next {
				t.Errorf("event %+v", e)
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("a hundred thousand changes are all kept")
}

// testSlowWatcher: a watcher that does not read sees its channel close, or every change; never a gap.
func testSlowWatcher(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := s.Watch(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	first := put(t, s, "a", "1")
	var last int64
	for range 12 {
		var ops []store.Op
		for i := range store.MaxOps {
			ops = append(ops, store.Op{Key: fmt.Sprintf("k%03d", i), Value: []byte("v")})
		}
		last = commit(t, s, nil, ops...)
	}
	at := first - 1
	for at < last {
		select {
		case e, ok := <-ch:
			if !ok {
				return
			}
			if e.Rev > at+1 {
				t.Fatalf("revision %d follows %d", e.Rev, at)
			}
			at = e.Rev
		case <-clock.System{}.NewTimer(patience).C():
			t.Fatal("neither an event nor the end came")
		}
	}
}
