package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/akv"
	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
	"latchkey/vault/vaulttest"
)

// Two servers on one store, many requests on one name: every acknowledged version is there in the end.
func TestNoVersionIsLost(t *testing.T) {
	st := storetest.NewMem()
	opts := func() *vaulttest.Options { return &vaulttest.Options{Store: st} }
	first := vaulttest.New(t, opts())
	// The second server shares store and seal: it is the same service behind another listener is not enough, so it has its own caches.
	second := vaulttest.NewPeer(t, first)
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	for i := range 8 {
		s := []*vaulttest.Server{first, second}[i%2]
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 12 {
				var r *vaulttest.Response
				if base := s.VaultURL("kv1") + "/keys/shared"; (i+j)%3 == 0 {
					r = s.Call(t, s.Admin(), "POST", base+"/rotate", nil)
				} else {
					r = s.Call(t, s.Admin(), "POST", base+"/create", akv.CreateKey{Kty: "EC"})
				}
				if r.Status == 404 { // rotate before the first create
					continue
				}
				var b akv.KeyBundle
				if err := json.Unmarshal(r.Body, &b); r.Status != 200 || err != nil {
					t.Errorf("%d %s", r.Status, r.Body)
					return
				}
				id, err := akv.ParseKeyID(b.Key.KID)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[id.Version] = true
				mu.Unlock()
				s.Call(t, s.Admin(), "PATCH", s.VaultURL("kv1")+"/keys/shared", map[string]any{"tags": map[string]string{"by": fmt.Sprint(i)}})
			}
		}()
	}
	wg.Wait()
	for v := range acked {
		for _, s := range []*vaulttest.Server{first, second} {
			s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/shared/"+v, nil, nil)
			if r := s.Call(t, s.Admin(), "POST", s.VaultURL("kv1")+"/keys/shared/"+v+"/sign", akv.OpParams{Alg: "ES256", Value: make([]byte, 32)}); r.Status != 200 {
				t.Errorf("version %s: %d %s", v, r.Status, r.Body)
			}
		}
	}
}

// Create, delete, recover and purge of one name at once: whatever the order, the store stays consistent.
func TestDeleteRaces(t *testing.T) {
	s := vaulttest.New(t, nil)
	base := s.VaultURL("kv1")
	var wg sync.WaitGroup
	var unexpected atomic.Value
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 15 {
				var r *vaulttest.Response
				switch (i + j) % 4 {
				case 0:
					r = s.Call(t, s.Admin(), "POST", base+"/keys/k/create", akv.CreateKey{Kty: "EC"})
				case 1:
					r = s.Call(t, s.Admin(), "DELETE", base+"/keys/k", nil)
				case 2:
					r = s.Call(t, s.Admin(), "POST", base+"/deletedkeys/k/recover", nil)
				case 3:
					r = s.Call(t, s.Admin(), "DELETE", base+"/deletedkeys/k", nil)
				}
				switch r.Status {
				case 200, 204, 404, 409:
				default:
					unexpected.Store(fmt.Sprintf("%d %s", r.Status, r.Body))
				}
			}
		}()
	}
	wg.Wait()
	if u := unexpected.Load(); u != nil {
		t.Error(u)
	}
	live := s.Call(t, s.Admin(), "GET", base+"/keys/k", nil).Status
	deleted := s.Call(t, s.Admin(), "GET", base+"/deletedkeys/k", nil).Status
	if live == 200 && deleted == 200 {
		t.Error("the key is live and deleted at once")
	}
	if live == 404 && deleted == 200 {
		s.MustCall(t, "POST", base+"/deletedkeys/k/recover", nil, nil)
	} else if live == 404 {
		s.MustKey(t, "kv1", "k", nil)
	}
	if r := s.Call(t, s.Admin(), "POST", base+"/keys/k/sign", akv.OpParams{Alg: "ES256", Value: make([]byte, 32)}); r.Status != 200 {
		t.Errorf("afterwards: %d %s", r.Status, r.Body)
	}
}

// failing makes a store fail.
type failing struct {
	store.Store
	reads, commits atomic.Pointer[error]
	lost           atomic.Bool // commits take place and then say that they failed
}

func (f *failing) Get(ctx context.Context, key string) (store.Item, error) {
	if err := f.reads.Load(); err != nil {
		return store.Item{}, *err
	}
	return f.Store.Get(ctx, key)
}

func (f *failing) Commit(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	if err := f.commits.Load(); err != nil {
		if f.lost.Load() {
			_, _ = f.Store.Commit(ctx, conds, ops)
		}
		return 0, *err
	}
	return f.Store.Commit(ctx, conds, ops)
}

// What a failing store means for a caller, and what the audit log says of it.
func TestStoreFailures(t *testing.T) {
	f := &failing{Store: storetest.NewMem()}
	s := vaulttest.New(t, &vaulttest.Options{Store: f})
	base := s.VaultURL("kv1")
	s.MustKey(t, "kv1", "k", nil)
	create := func() *vaulttest.Response {
		return s.Call(t, s.Admin(), http.MethodPost, base+"/keys/new/create", akv.CreateKey{Kty: "EC"})
	}
	for _, c := range []struct {
		what   string
		err    error
		reads  bool
		status int
		code   string
	}{
		{"full", store.ErrFull, false, 507, "LK1004"},
		{"unknown outcome", store.ErrUnavailable, false, 503, "LK1003"},
		{"unforeseen", errors.New("disk on fire at sector 42"), false, 500, "LK1006"},
		{"no reads", store.ErrUnavailable, true, 503, "LK1002"},
	} {
		s.Audit.Reset()
		target := &f.commits
		if c.reads {
			target = &f.reads
		}
		target.Store(&c.err)
		r := create()
		target.Store(nil)
		e := r.Err()
		if e == nil || e.Status != c.status || !contains(e.Message, c.code) || contains(e.Message, "sector") {
			t.Errorf("%s: %d %s", c.what, r.Status, r.Body)
		}
		if last := s.Audit.Last(); last.Result != "Failed" || last.Status != c.status {
			t.Errorf("%s: record %+v", c.what, last)
		}
		if n := len(s.Audit.Records()); !c.reads && n != 2 {
			t.Errorf("%s: %d records, want one ahead and one that withdraws it", c.what, n)
		}
		if r := s.Call(t, s.Admin(), "GET", base+"/keys/new", nil); r.Status != 404 {
			t.Errorf("%s: half a key: %d %s", c.what, r.Status, r.Body)
		}
	}
	s.MustKey(t, "kv1", "new", nil)
}

func contains(s, part string) bool {
	return len(part) == 0 || len(s) >= len(part) && (s[:len(part)] == part || contains(s[1:], part))
}
