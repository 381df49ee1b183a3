package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// Prefix is the part of the store that this package owns.
const Prefix = "seal/"

// Keys of the store.
const (
	ringKey     = Prefix + "ring"
	backupKey   = Prefix + "backup"
	progressKey = Prefix + "reseal"
)

// formatVersion is the version of the ring and of sealed values.
const formatVersion = 1

// envelope tells damage from a wrong root key: the sum needs no key.
type envelope struct {
	Sum  string          `json:"sha256"` // of Ring's bytes, hexadecimal
	Ring json.RawMessage `json:"ring"`
}

// wireRing is the ring as the store has it.
type wireRing struct {
	Version int       `json:"latchkey-seal"`
	Root    wireRoot  `json:"root"`
	Active  uint32    `json:"active"`
	Keys    []wireKey `json:"keys"`
	Derive  []byte    `json:"derive"` // wrapped; never changes
}

// wireRoot describes the root key without giving it away.
type wireRoot struct {
	Kind    string       `json:"kind"` // "key" or "passphrase"
	Salt    []byte       `json:"salt"`
	Argon   *argonParams `json:"argon2id,omitempty"`
	Check   []byte       `json:"check"` // derived one way from the root key
	Changed time.Time    `json:"changed"`
}

type wireKey struct {
	ID      uint32    `json:"id"`
	Created time.Time `json:"created"`
	Wrapped []byte    `json:"wrapped"`
}

const (
	kindKey        = "key"
	kindPassphrase = "passphrase"
)

// ring is the ring, opened. It is not changed once made.
type ring struct {
	wire   wireRing
	rev    int64         // the store's revision of it
	wrap   *secret.Bytes // from the root key
	keys   map[uint32]*secret.Bytes
	derive *secret.Bytes
}

// wrapKey makes the wrapping key and the check value for a root.
func (w *wireRoot) wrapKey(r *RootKey) (wrap *secret.Bytes, check []byte, err error) {
	if r == nil {
		return nil, nil, code.New(code.SealKeyMissing, "opening the seal", "")
	}
	root := r.key
	switch {
	case w.Kind == kindPassphrase && w.Argon != nil && r.passphrase != nil:
		if err := w.Argon.check(); err != nil {
			return nil, nil, code.Wrap(code.SealDamaged, "opening the seal", "", err)
		}
		root = w.Argon.derive(r.passphrase, w.Salt)
		defer root.Destroy()
	case w.Kind == kindPassphrase:
		return nil, nil, code.Wrap(code.SealKeyWrong, "opening the seal", "", errors.New("it was made with a passphrase, and a key was given"))
	case r.key == nil:
		return nil, nil, code.Wrap(code.SealKeyWrong, "opening the seal", "", errors.New("it was made with a key, and a passphrase was given"))
	}
	if root.Len() != RootKeyLen {
		return nil, nil, code.Wrap(code.SealKeyInvalid, "opening the seal", "", errors.New("the root key was destroyed"))
	}
	prk, err := hkdf.Extract(sha256.New, root.Expose(), w.Salt)
	if err != nil {
		return nil, nil, fmt.Errorf("deriving a key: %w", err)
	}
	wrap = secret.NewLocked(prk)
	check, err = expand(wrap, domainCheck)
	return wrap, check, err
}

// newRoot describes a root key and makes its wrapping key.
func newRoot(r *RootKey, now time.Time) (wireRoot, *secret.Bytes, error) {
	w := wireRoot{Kind: kindKey, Salt: make([]byte, 32), Changed: now.UTC()}
	rand.Read(w.Salt)
	if r != nil && r.passphrase != nil {
		a := defaultArgon()
		w.Kind, w.Argon = kindPassphrase, &a
	}
	wrap, check, err := w.wrapKey(r)
	w.Check = check
	return w, wrap, err
}

func dataLabel(id uint32) string { return label("data", fmt.Sprint(id)) }

const deriveLabel = "derive"

// newRing makes a ring with one data key.
func newRing(r *RootKey, now time.Time) (*ring, error) {
	root, wrap, err := newRoot(r, now)
	if err != nil {
		return nil, err
	}
	g := &ring{
		wire: wireRing{Version: formatVersion, Root: root}, wrap: wrap,
		keys: map[uint32]*secret.Bytes{}, derive: secret.Random(32),
	}
	if g.wire.Derive, err = box(wrap, domainWrap, deriveLabel, nil, g.derive.Expose()); err != nil {
		return nil, err
	}
	return g.withKey(now)
}

// withKey is a copy of the ring with one more data key, which is the active one.
func (g *ring) withKey(now time.Time) (*ring, error) {
	n := g.copy()
	var id [4]byte
	for n.wire.Active = 0; n.wire.Active == 0 || n.keys[n.wire.Active] != nil; n.wire.Active = binary.BigEndian.Uint32(id[:]) {
		rand.Read(id[:]) // random: a value from another installation is then recognised as such
	}
	k := secret.Random(32)
	wrapped, err := box(n.wrap, domainWrap, dataLabel(n.wire.Active), nil, k.Expose())
	if err != nil {
		return nil, err
	}
	n.keys[n.wire.Active] = k
	n.wire.Keys = append(n.wire.Keys, wireKey{ID: n.wire.Active, Created: now.UTC(), Wrapped: wrapped})
	return n, nil
}

// withRoot is a copy of the ring under another root key.
func (g *ring) withRoot(r *RootKey, now time.Time) (*ring, error) {
	root, wrap, err := newRoot(r, now)
	if err != nil {
		return nil, err
	}
	n := g.copy()
	n.wire.Root, n.wrap = root, wrap
	if n.wire.Derive, err = box(wrap, domainWrap, deriveLabel, nil, g.derive.Expose()); err != nil {
		return nil, err
	}
	for i, k := range n.wire.Keys {
		if n.wire.Keys[i].Wrapped, err = box(wrap, domainWrap, dataLabel(k.ID), nil, n.keys[k.ID].Expose()); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// withoutOld is a copy of the ring with the active data key alone.
func (g *ring) withoutOld() *ring {
	n := g.copy()
	n.wire.Keys = nil
	for _, k := range g.wire.Keys {
		if k.ID == g.wire.Active {
			n.wire.Keys = append(n.wire.Keys, k)
		} else {
			delete(n.keys, k.ID)
		}
	}
	return n
}

func (g *ring) copy() *ring {
	n := *g
	n.keys = make(map[uint32]*secret.Bytes, len(g.keys)+1)
	for id, k := range g.keys {
		n.keys[id] = k
	}
	n.wire.Keys = append([]wireKey(nil), g.wire.Keys...)
	return &n
}

func (g *ring) encode() ([]byte, error) {
	b, err := json.Marshal(g.wire)
	if err != nil {
		return nil, fmt.Errorf("encoding the seal: %w", err)
	}
	sum := sha256.Sum256(b)
	return json.Marshal(envelope{Sum: hex.EncodeToString(sum[:]), Ring: b})
}

// decodeRing reads a ring without opening it.
func decodeRing(b []byte) (wireRing, error) {
	damaged := func(err error) (wireRing, error) {
		return wireRing{}, code.Wrap(code.SealDamaged, "reading the seal", "", err)
	}
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return damaged(err)
	}
	if sum := sha256.Sum256(e.Ring); hex.EncodeToString(sum[:]) != e.Sum {
		return damaged(errors.New("its content does not fit its sum"))
	}
	var v struct {
		Version int `json:"latchkey-seal"`
	}
	if err := json.Unmarshal(e.Ring, &v); err != nil {
		return damaged(err)
	}
	if v.Version > formatVersion {
		return wireRing{}, code.Wrap(code.SealVersion, "reading the seal", "",
			fmt.Errorf("format version %d, this program knows up to %d", v.Version, formatVersion))
	}
	var w wireRing
	if err := json.Unmarshal(e.Ring, &w); err != nil {
		return damaged(err)
	}
	active := false
	for _, k := range w.Keys {
		active = active || k.ID == w.Active
	}
	if w.Version != formatVersion || !active || len(w.Root.Salt) < 16 || len(w.Root.Check) != 32 ||
		w.Root.Kind != kindKey && w.Root.Kind != kindPassphrase {
		return damaged(errors.New("a field is missing or out of range"))
	}
	if w.Root.Argon != nil {
		if err := w.Root.Argon.check(); err != nil {
			return damaged(err)
		}
	}
	return w, nil
}

// openRing opens a ring with a root key.
func openRing(w wireRing, r *RootKey) (*ring, error) {
	wrap, check, err := w.Root.wrapKey(r)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(check, w.Root.Check) != 1 {
		wrap.Destroy()
		return nil, code.Wrap(code.SealKeyWrong, "opening the seal", "", errors.New("the seal key is not the one this data was sealed with"))
	}
	g := &ring{wire: w, wrap: wrap, keys: map[uint32]*secret.Bytes{}}
	if err := g.unwrap(); err != nil {
		g.destroy()
		return nil, err
	}
	return g, nil
}

// unwrap opens the keys that the ring holds.
func (g *ring) unwrap() error {
	lock := func(b []byte, context, what string) (*secret.Bytes, error) {
		k, ok, err := unbox(g.wrap, domainWrap, context, b, 0)
		if err != nil {
			return nil, err
		}
		if !ok || k.Len() != 32 {
			return nil, code.Wrap(code.SealDamaged, "opening the seal", "",
				fmt.Errorf("%s does not open, though the seal key is right", what))
		}
		return secret.NewLocked(k.Expose()), nil
	}
	var err error
	if g.derive, err = lock(g.wire.Derive, deriveLabel, "the derivation key"); err != nil {
		return err
	}
	for _, k := range g.wire.Keys {
		if g.keys[k.ID] != nil {
			return code.Wrap(code.SealDamaged, "opening the seal", "", fmt.Errorf("data key %08x is there twice", k.ID))
		}
		if g.keys[k.ID], err = lock(k.Wrapped, dataLabel(k.ID), fmt.Sprintf("data key %08x", k.ID)); err != nil {
			return err
		}
	}
	return nil
}

// destroy overwrites all keys of the ring.
func (g *ring) destroy() {
	for _, k := range g.keys {
		k.Destroy()
	}
	g.derive.Destroy()
	g.wrap.Destroy()
}
