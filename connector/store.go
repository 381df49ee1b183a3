package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"latchkey/connector/flight"
	"latchkey/connector/keymap"
	"latchkey/connector/keyname"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// store is what the sessions of one identity at one vault share: public keys, requests under way, the outage watch.
type store struct {
	p        *Provider
	url      string
	identity string
	breaker  *breaker
	finding  singleflight.Group // by name and version
	opening  flight.Group       // unwraps

	vaultMu sync.Mutex
	current Vault

	mu     sync.Mutex
	keys   map[string]cached    // by URI; a version's material never changes
	algs   map[string]string    // by URI: the OAEP that opened a blob without a recorded algorithm
	refill *refill              // of the map, under way or the last one
	looked map[string]time.Time // by URI: when lookAgain asked
}

// cached is a key's public side and when the vault gave it.
type cached struct {
	keystore.Key
	at time.Time
}

// maxCached bounds the public keys kept, each of about 1 KiB.
const maxCached = 10_000

func (st *store) setVault(v Vault) {
	st.vaultMu.Lock()
	defer st.vaultMu.Unlock()
	st.current = v
}

func (st *store) vault() Vault {
	st.vaultMu.Lock()
	defer st.vaultMu.Unlock()
	return st.current
}

func (st *store) call(op, key string, repeat bool) call {
	return call{op: op, vault: st.url, identity: st.identity, key: key, repeat: repeat, breaker: st.breaker}
}

// fetch reads a key from the vault; those who want the same at the same time share the request.
func (st *store) fetch(ctx context.Context, name, version string) (keystore.Key, error) {
	return st.shared(ctx, strings.ToLower(name)+"/"+version, name, func(ctx context.Context) (keystore.Key, error) {
		return st.ask(ctx, name, version)
	})
}

// ask reads a key from the vault and keeps its public side.
func (st *store) ask(ctx context.Context, name, version string) (keystore.Key, error) {
	k, err := run(ctx, st.p, st.call("find", name, true), func(ctx context.Context) (keystore.Key, error) {
		return st.vault().GetKey(ctx, name, version)
	})
	if err == nil {
		st.keep(k)
	}
	return k, err
}

// shared runs f for all who want the same at the same time. It does not end with ctx, only this caller's waiting does.
func (st *store) shared(ctx context.Context, what, name string, f func(context.Context) (keystore.Key, error)) (keystore.Key, error) {
	done := st.finding.DoChan(what, func() (any, error) {
		if !st.p.enter() { // it may come to run only after its caller gave up and the Provider was closed
			return keystore.Key{}, code.Wrap(code.Failure, "finding the key", name, errClosed)
		}
		defer st.p.wg.Done()
		fctx, stop := st.p.bind(context.WithoutCancel(ctx))
		defer stop()
		return f(fctx)
	})
	select {
	case r := <-done:
		k, _ := r.Val.(keystore.Key)
		return k, r.Err
	case <-ctx.Done():
		return keystore.Key{}, gaveUp(ctx, "finding the key", name)
	}
}

func (st *store) keep(k keystore.Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if _, ok := st.keys[k.URI]; ok || len(st.keys) < maxCached {
		st.keys[k.URI] = cached{k, st.p.clock.Now()}
	}
}

// age is how long ago the vault told of a key.
func (st *store) age(uri string) time.Duration {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.p.clock.Now().Sub(st.keys[uri].at)
}

func gaveUp(ctx context.Context, op, on string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return code.Wrap(code.HTTPSendRequest, op, on, &keystore.Failure{Class: keystore.Outage, Err: ctx.Err()})
	}
	return code.Wrap(code.Failure, op, on, &keystore.Failure{Class: keystore.Canceled, Err: context.Cause(ctx)})
}

// register puts a key into the map. A map that fails is an error here: the documents promise 2057 and 2058.
func (st *store) register(ctx context.Context, info ekm.KeyInfo) error {
	e := keymap.Entry{Vault: st.url, Thumbprint: info.Thumbprint, URI: info.URI}
	if err := st.p.cfg.Map.Put(ctx, e); err != nil {
		return coded("registering the key", err)
	}
	if st.p.observed {
		st.p.emit(Event{Kind: KeyRegistered, Vault: st.url, Identity: st.identity, Key: info.URI, Thumbprint: info.Thumbprint})
	}
	return nil
}

// uri finds the key URI that a thumbprint stands for, in the map or, if that is lost, in the vault.
func (st *store) uri(ctx context.Context, t ekm.Thumbprint) (string, error) {
	if len(t) == 0 || len(t) > ekm.MaxThumbprintLen {
		return "", code.Wrap(code.InvalidArgument, "finding the key", t.String(), fmt.Errorf("a thumbprint has 1 to %d bytes, this has %d", ekm.MaxThumbprintLen, len(t)))
	}
	uri, err := st.p.cfg.Map.Get(ctx, st.url, t)
	if err == nil {
		if _, _, perr := keyname.ParseURI(st.url, uri); perr == nil {
			return uri, nil
		} else if len(t) != ekm.ThumbprintLen {
			return "", perr
		} else {
			err = perr
		}
	}
	if !errors.Is(err, keymap.ErrNotFound) && st.p.observed {
		st.p.emit(Event{Kind: MapFailed, Vault: st.url, Thumbprint: t, Code: code.Of(err), Err: err})
	}
	if len(t) != ekm.ThumbprintLen {
		if errors.Is(err, keymap.ErrNotFound) {
			return "", code.Wrap(code.NotFound, "finding the key", t.String(),
				fmt.Errorf("thumbprints of %d bytes are of connector builds before 1.0.5.0, which computed them from the key's name", len(t)))
		}
		return "", err
	}
	uri, rerr := st.rebuild(ctx, t)
	switch {
	case rerr == nil:
		return uri, nil
	case !errors.Is(err, keymap.ErrNotFound): // the map's failure is what must be mended
		return "", fmt.Errorf("%w; looking in the vault instead: %w", err, rerr)
	}
	return "", rerr
}

// byThumbprint finds a key's public side. The key at the mapped URI must have the thumbprint; if not, the map is wrong there.
func (st *store) byThumbprint(ctx context.Context, t ekm.Thumbprint) (keystore.Key, error) {
	uri, err := st.uri(ctx, t)
	if err != nil {
		return keystore.Key{}, err
	}
	return st.at(ctx, uri, t)
}

// at is the public side of the key at uri, which must have the thumbprint t.
func (st *store) at(ctx context.Context, uri string, t ekm.Thumbprint) (keystore.Key, error) {
	st.mu.Lock()
	c, ok := st.keys[uri]
	st.mu.Unlock()
	k := c.Key
	if !ok {
		name, version, err := keyname.ParseURI(st.url, uri)
		if err != nil {
			return keystore.Key{}, err
		}
		if k, err = st.shared(ctx, "at "+uri, name, func(ctx context.Context) (keystore.Key, error) {
			st.mu.Lock()
			c, ok := st.keys[uri] // another's request may have ended since we looked
			st.mu.Unlock()
			if ok {
				return c.Key, nil
			}
			return st.ask(ctx, name, version)
		}); err != nil {
			return keystore.Key{}, err
		}
	}
	if got, err := k.Public.Thumbprint(); err != nil || got != t {
		return keystore.Key{}, code.Wrap(code.ThumbprintExistedInRegistry, "finding the key", t.String(),
			fmt.Errorf("the map gives it as %q, whose thumbprint is %s; remove that entry", uri, got))
	}
	return k, nil
}

// backup asks the vault for a backup of the key.
func (st *store) backup(ctx context.Context, t ekm.Thumbprint) ([]byte, error) {
	uri, err := st.uri(ctx, t)
	if err != nil {
		return nil, err
	}
	name, _, err := keyname.ParseURI(st.url, uri)
	if err != nil {
		return nil, err
	}
	return run(ctx, st.p, st.call("backup", uri, true), func(ctx context.Context) ([]byte, error) { return st.vault().Backup(ctx, name) })
}
