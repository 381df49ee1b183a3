package seal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/vault/store"
)

// Purpose keeps values of different kinds apart: one sealed for a purpose opens for that purpose only.
type Purpose string

// Config says how to open a seal.
type Config struct {
	// Store holds the ring, under [Prefix], and what is sealed.
	Store store.Store
	// Root is the root key. Open does not keep it; the caller destroys it.
	Root *RootKey
	// Clock dates the keys; nil means the system's.
	Clock clock.Clock
}

// Sealer seals and opens values. It is safe for concurrent use. Close it after the last use.
type Sealer struct {
	store store.Store
	clock clock.Clock
	mu    sync.Mutex // serialises changes of the ring
	ring  atomic.Pointer[ring]
	// retired keys left the ring; someone may still be opening a value with one, so they stay in memory until Close.
	retired []*secret.Bytes
}

// Open opens the seal of a store, and makes it when the store is empty. Errors carry a code: SealKeyWrong, SealDamaged,
// SealVersion, SealMissing (there is data but no seal); or are the store's.
func Open(ctx context.Context, c Config) (*Sealer, error) {
	s := &Sealer{store: c.Store, clock: c.Clock}
	if s.clock == nil {
		s.clock = clock.System{}
	}
	item, err := c.Store.Get(ctx, ringKey)
	if errors.Is(err, store.ErrNotFound) {
		if err := s.create(ctx, c.Root); err != nil {
			return nil, err
		}
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the seal: %w", err)
	}
	w, err := decodeRing(item.Value)
	if err != nil {
		return nil, err
	}
	g, err := openRing(w, c.Root)
	if err != nil {
		return nil, err
	}
	g.rev = item.Rev
	s.ring.Store(g)
	return s, nil
}

func (s *Sealer) create(ctx context.Context, root *RootKey) error {
	items, _, err := s.store.List(ctx, "", "", 1)
	if err != nil {
		return fmt.Errorf("making the seal: %w", err)
	}
	if len(items) > 0 {
		return code.New(code.SealMissing, "opening the seal", "")
	}
	g, err := newRing(root, s.clock.Now())
	if err != nil {
		return err
	}
	return s.commit(ctx, g)
}

// commit writes a ring over the current one and makes it the current one.
func (s *Sealer) commit(ctx context.Context, g *ring) error {
	b, err := g.encode()
	if err != nil {
		return err
	}
	rev, err := s.store.Commit(ctx, []store.Cond{{Key: ringKey, Rev: g.rev}}, []store.Op{{Key: ringKey, Value: b}})
	if err != nil {
		return fmt.Errorf("writing the seal: %w", err)
	}
	g.rev = rev
	s.ring.Store(g)
	return nil
}

// header of a sealed value: version, key identifier.
const headerLen = 1 + 4

// Overhead is by how many bytes a sealed value is longer than the plain one.
const Overhead = headerLen + saltLen + gcmOverhead

// Seal seals plaintext for a purpose, as the value of the record that name names. The caller still owns plaintext.
func (s *Sealer) Seal(p Purpose, name string, plaintext []byte) ([]byte, error) {
	g := s.ring.Load()
	header := binary.BigEndian.AppendUint32([]byte{formatVersion}, g.wire.Active)
	b, err := box(g.keys[g.wire.Active], domainValue, label(string(p), name), header, plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing %q: %w", name, err)
	}
	return b, nil
}

// Open opens what Seal made for the same purpose and name. Errors carry a code: SealDamaged, SealKeyUnknown, SealVersion.
func (s *Sealer) Open(p Purpose, name string, sealed []byte) (*secret.Bytes, error) {
	const op = "opening the sealed value"
	k, err := s.keyOf(name, sealed)
	if err != nil {
		return nil, err
	}
	out, ok, err := unbox(k, domainValue, label(string(p), name), sealed, headerLen)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", op, name, err)
	}
	if !ok {
		return nil, code.Wrap(code.SealDamaged, op, name, errors.New("it was changed, or belongs to another record"))
	}
	return out, nil
}

func (s *Sealer) keyOf(name string, sealed []byte) (*secret.Bytes, error) {
	const op = "opening the sealed value"
	switch {
	case len(sealed) < Overhead:
		return nil, code.Wrap(code.SealDamaged, op, name, fmt.Errorf("%d bytes are too few", len(sealed)))
	case sealed[0] > formatVersion:
		return nil, code.Wrap(code.SealVersion, op, name, fmt.Errorf("format version %d", sealed[0]))
	case sealed[0] != formatVersion:
		return nil, code.Wrap(code.SealDamaged, op, name, fmt.Errorf("format version %d", sealed[0]))
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	k := s.ring.Load().keys[id]
	if k == nil {
		return nil, code.Wrap(code.SealKeyUnknown, op, name, fmt.Errorf("data key %08x", id))
	}
	return k, nil
}

// Renew seals a value again when it is not under the active data key; else it returns it as it is and false. It is what a
// [Walk] does with each sealed value.
func (s *Sealer) Renew(p Purpose, name string, sealed []byte) (out []byte, changed bool, err error) {
	if _, err := s.keyOf(name, sealed); err != nil {
		return nil, false, err
	}
	if binary.BigEndian.Uint32(sealed[1:]) == s.ring.Load().wire.Active {
		return sealed, false, nil
	}
	plain, err := s.Open(p, name, sealed)
	if err != nil {
		return nil, false, err
	}
	defer plain.Destroy()
	out, err = s.Seal(p, name, plain.Expose())
	return out, err == nil, err
}

// Derive makes a key of 32 bytes for a use of its own, the audit chain for one. It is the same for the life of the store,
// whatever is resealed. Destroy it after use.
func (s *Sealer) Derive(use string) (*secret.Bytes, error) {
	k, err := expand(s.ring.Load().derive, label(domainDerive, use))
	if err != nil {
		return nil, err
	}
	return secret.NewLocked(k), nil
}

// Info describes a seal without any secret.
type Info struct {
	Kind     string // "key" or "passphrase"
	Active   uint32 // identifier of the active data key
	DataKeys int    // how many are in the ring
}

// Info describes the seal.
func (s *Sealer) Info() Info {
	g := s.ring.Load()
	return Info{Kind: g.wire.Root.Kind, Active: g.wire.Active, DataKeys: len(g.wire.Keys)}
}

// ChangeRoot wraps the ring under another root key: one atomic write. From then on only the new key opens the store; the
// values themselves are not touched. The caller destroys the key. Keep the old key until ChangeRoot returned nil; after
// store.ErrUnavailable either may be the right one.
func (s *Sealer) ChangeRoot(ctx context.Context, to *RootKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.ring.Load()
	g, err := old.withRoot(to, s.clock.Now())
	if err != nil {
		return err
	}
	if err := s.commit(ctx, g); err != nil {
		g.wrap.Destroy()
		return err
	}
	old.wrap.Destroy() // used under the lock alone
	return nil
}

// NewDataKey adds a data key, under which everything is sealed from then on. [Sealer.Reseal] moves the rest.
func (s *Sealer) NewDataKey(ctx context.Context) (id uint32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.ring.Load().withKey(s.clock.Now())
	if err != nil {
		return 0, err
	}
	return g.wire.Active, s.commit(ctx, g)
}

// Close overwrites the keys. Nothing may use the Sealer any more.
func (s *Sealer) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.retired {
		k.Destroy()
	}
	s.ring.Load().destroy()
}
