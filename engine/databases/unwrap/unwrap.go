// Package unwrap stands between databases and the key store while many of them are opened.
//
// [Keys] is tde.Keys over another one. It bounds the calls that are under way at once; in a round ([Keys.Begin] to [Keys.End]) each
// wrapped key is asked for once, however many databases have it, and a key that cannot be had is not asked for again. What a round
// keeps is wiped at its end: later calls always reach the key store.
package unwrap

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/tde"
	"latchkey/internal/secret"
)

// Keys is tde.Keys with a bound. It is safe for concurrent use.
type Keys struct {
	keys  tde.Keys
	slots chan struct{}
	asked atomic.Int64

	mu     sync.Mutex
	rounds int
	calls  map[wrapped]*call
	failed map[ekm.Thumbprint]error
}

// wrapped names a key as it lies in a header.
type wrapped struct {
	key       ekm.Thumbprint
	algorithm string
	blob      [sha256.Size]byte
}

type call struct {
	done chan struct{}
	dek  *secret.Bytes
	err  error
}

// New makes Keys over others with a bound on the calls under way; nil keys mean that none can be had.
func New(keys tde.Keys, bound int) *Keys {
	return &Keys{keys: keys, slots: make(chan struct{}, bound), calls: make(map[wrapped]*call), failed: make(map[ekm.Thumbprint]error)}
}

// Begin begins a round; rounds may overlap.
func (u *Keys) Begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rounds++
}

// End ends a round; the end of the last one wipes what they kept.
func (u *Keys) End() {
	u.mu.Lock()
	u.rounds--
	last := u.rounds == 0
	u.mu.Unlock()
	if last {
		u.Forget()
	}
}

// Forget wipes what a round kept.
func (u *Keys) Forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, c := range u.calls {
		select {
		case <-c.done:
			c.dek.Destroy()
			delete(u.calls, k)
		default: // under way for somebody who asked outside a round
		}
	}
	clear(u.failed)
}

// ErrNone means that the server was given nobody who has keys.
var ErrNone = errors.New("this server reaches no keys")

// Wrap passes on.
func (u *Keys) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	if u.keys == nil {
		return ekm.Wrapped{}, ErrNone
	}
	if err := u.slot(ctx); err != nil {
		return ekm.Wrapped{}, err
	}
	defer func() { <-u.slots }()
	return u.keys.Wrap(ctx, t, plain)
}

// Asked is how many keys the key store was asked for.
func (u *Keys) Asked() int64 { return u.asked.Load() }

func (u *Keys) slot(ctx context.Context) error {
	select {
	case u.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type anew struct{}

// Anew gives a context whose calls always reach the key store: whoever asks for one database by name may know that the key is back, which a
// round that is under way does not.
func Anew(ctx context.Context) context.Context { return context.WithValue(ctx, anew{}, true) }

// Unwrap asks for a key, or takes what the round knows of it.
func (u *Keys) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if u.keys == nil {
		return nil, ErrNone
	}
	k := wrapped{t, w.Algorithm, sha256.Sum256(w.Blob)}
	u.mu.Lock()
	if u.rounds == 0 || ctx.Value(anew{}) != nil {
		u.mu.Unlock()
		return u.ask(ctx, t, w)
	}
	c, there := u.calls[k]
	if !there {
		c = &call{done: make(chan struct{})}
		u.calls[k] = c
	}
	u.mu.Unlock()
	if !there {
		c.dek, c.err = u.askOnce(ctx, t, w)
		close(c.done)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c.err != nil {
		return nil, c.err
	}
	u.mu.Lock() // so that forget does not wipe it meanwhile
	defer u.mu.Unlock()
	dek := c.dek.Clone()
	if dek.Len() == 0 {
		return nil, errors.New("the key was let go meanwhile")
	}
	return dek, nil
}

// askOnce asks unless the round has found that the key cannot be had.
func (u *Keys) askOnce(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if err := u.slot(ctx); err != nil {
		return nil, err
	}
	defer func() { <-u.slots }()
	u.mu.Lock()
	err := u.failed[t]
	u.mu.Unlock()
	if err != nil {
		return nil, err
	}
	u.asked.Add(1)
	dek, err := u.keys.Unwrap(ctx, t, w)
	if err != nil && ctx.Err() == nil && ofKey(err) {
		u.mu.Lock()
		u.failed[t] = err
		u.mu.Unlock()
	}
	return dek, err
}

func (u *Keys) ask(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if err := u.slot(ctx); err != nil {
		return nil, err
	}
	defer func() { <-u.slots }()
	u.asked.Add(1)
	dek, err := u.keys.Unwrap(ctx, t, w)
	if err != nil {
		return nil, fmt.Errorf("asking for the key: %w", err)
	}
	return dek, nil
}

// ofKey reports whether another wrapped key of the same key will fail too. What the vault calls a wrong request may be this one's
// ciphertext alone.
func ofKey(err error) bool {
	return !errors.Is(err, code.HTTPResponseCodeClientError) && !errors.Is(err, code.HTTPBadRequest)
}
