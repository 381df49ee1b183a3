package connector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// Times and sizes of filling a lost map again.
const (
	refillTimeout  = 10 * time.Minute
	refillAgain    = 30 * time.Second // a thumbprint that was not there is not looked for again before
	refillParallel = 8
)

// refill is one pass over a vault: all its key versions, each with its thumbprint. Those who wait for a thumbprint have it as
// soon as it is found.
type refill struct {
	done chan struct{}

	mu      sync.Mutex
	found   map[ekm.Thumbprint]string
	grown   chan struct{} // closed and replaced with each find
	ended   time.Time
	skipped int
	err     error
}

// rebuild looks for a thumbprint in the vault.
func (st *store) rebuild(ctx context.Context, t ekm.Thumbprint) (string, error) {
	const op = "looking in the vault for"
	r := st.startRefill(ctx)
	for {
		r.mu.Lock()
		uri, ok := r.found[t]
		grown := r.grown
		r.mu.Unlock()
		if ok {
			return uri, nil
		}
		select {
		case <-grown:
		case <-r.done:
			r.mu.Lock()
			uri, ok := r.found[t]
			n, skipped, err := len(r.found), r.skipped, r.err
			r.mu.Unlock()
			switch {
			case ok:
				return uri, nil
			case err != nil:
				return "", code.Wrap(code.Of(err), op, t.String(), err)
			}
			return "", code.Wrap(code.NotFound, op, t.String(),
				fmt.Errorf("the map does not have it, and none of the %d key versions of %q that can be read has this thumbprint (%d could not be read)", n, st.url, skipped))
		case <-ctx.Done():
			return "", gaveUp(ctx, op, t.String())
		}
	}
}

// startRefill joins the pass under way, takes the result of one that just ended without finding all, or begins one.
func (st *store) startRefill(ctx context.Context) *refill {
	st.mu.Lock()
	defer st.mu.Unlock()
	if r := st.refill; r != nil {
		r.mu.Lock()
		ended, failed := r.ended, r.err != nil
		r.mu.Unlock()
		if ended.IsZero() || !failed && st.p.clock.Now().Sub(ended) < refillAgain {
			return r
		}
	}
	r := &refill{done: make(chan struct{}), found: map[ekm.Thumbprint]string{}, grown: make(chan struct{})}
	st.refill = r
	bg := context.WithoutCancel(ctx)
	st.p.goAsync(func() {
		fctx, stop := st.p.bind(bg)
		defer stop()
		fctx, cancel := context.WithTimeout(fctx, refillTimeout)
		defer cancel()
		if st.p.observed {
			st.p.emit(Event{Kind: MapRebuilding, Vault: st.url, Identity: st.identity})
		}
		err := st.fill(fctx, r)
		r.mu.Lock()
		r.err, r.ended = err, st.p.clock.Now()
		n := len(r.found)
		r.mu.Unlock()
		close(r.done)
		if st.p.observed {
			st.p.emit(Event{Kind: MapRebuilt, Vault: st.url, Identity: st.identity, Count: n, Code: code.Of(err), Err: err})
		}
	})
	return r
}

func (st *store) fill(ctx context.Context, r *refill) error {
	keys, err := run(ctx, st.p, st.call("list", "", true), func(ctx context.Context) ([]keystore.Version, error) { return st.vault().Keys(ctx) })
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(refillParallel)
	for _, k := range keys {
		g.Go(func() error {
			versions, err := run(ctx, st.p, st.call("list", k.Name, true), func(ctx context.Context) ([]keystore.Version, error) { return st.vault().Versions(ctx, k.Name) })
			if err != nil {
				return r.skip(err)
			}
			for _, v := range versions {
				if v.Version == "" {
					continue
				}
				key, err := st.fetch(ctx, v.Name, v.Version)
				if err == nil {
					err = st.found(ctx, r, key)
				}
				if err := r.skip(err); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// skip counts what cannot be read for a reason of its own, such as an EC key or one without rights; an outage ends the pass.
func (r *refill) skip(err error) error {
	if err == nil {
		return nil
	}
	switch f := keystore.FailureOf(err); {
	case f == nil, f.Class == keystore.Missing, f.Class == keystore.Refused, f.Class == keystore.Suspect, f.Class == keystore.Invalid:
		r.mu.Lock()
		r.skipped++
		r.mu.Unlock()
		return nil
	}
	return err
}

// found notes a key version, and puts it into the map unless the map knows its thumbprint under another URI.
func (st *store) found(ctx context.Context, r *refill, k keystore.Key) error {
	t, err := k.Public.Thumbprint()
	if err != nil {
		return err
	}
	r.mu.Lock()
	if _, twice := r.found[t]; !twice {
		r.found[t] = k.URI
		close(r.grown)
		r.grown = make(chan struct{})
	}
	r.mu.Unlock()
	err = st.p.cfg.Map.Put(ctx, keymap.Entry{Vault: st.url, Thumbprint: t, URI: k.URI})
	if err != nil && st.p.observed {
		kind := MapFailed
		if errors.Is(err, code.ThumbprintExistedInRegistry) {
			kind = MapConflict
		}
		st.p.emit(Event{Kind: kind, Vault: st.url, Key: k.URI, Thumbprint: t, Code: code.Of(err), Err: err})
	}
	return nil // found is found, in the map or not
}
