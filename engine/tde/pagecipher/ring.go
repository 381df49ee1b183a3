package pagecipher

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"latchkey/internal/secret"
)

// MaxSeals is how many units one sub-key seals. Random 96-bit nonces allow 2^32; the rest is margin, also for copies of
// a file that were opened from one backup and share a sub-key.
const MaxSeals = 1 << 30

// Span says which salt the epochs from First on have, up to the next span.
type Span struct {
	First uint16
	Salt  [16]byte
}

// DEK is a data encryption key with the epochs that were begun under it.
type DEK struct {
	Generation uint32        // grows with each new DEK of a file
	Key        *secret.Bytes // 16, 24 or 32 bytes; the ring owns it
	Next       uint16        // the epochs below it may occur in the file; from 1
	Spans      []Span        // by First, rising
}

// ErrEpochs means that a DEK has no epoch left: the database needs a new DEK.
var ErrEpochs = errors.New("data encryption key has no epoch left")

type subkey struct {
	slot  Slot
	aead  cipher.AEAD
	seals atomic.Int64
}

// Ring holds the DEKs of one file. It is safe for concurrent use.
type Ring struct {
	id       FileID
	newEpoch func(generation uint32) (DEK, error)

	mu   sync.RWMutex
	deks map[uint32]*DEK // by parity
	subs map[Slot]*subkey
	gen  atomic.Uint64 // changes when keys do; codecs cache by it

	sealMu sync.Mutex // held while an epoch is begun
	target atomic.Int64
	cur    atomic.Pointer[subkey]
}

const targetPlain = -1

// NewRing makes an empty ring. newEpoch is asked for an epoch to seal under: it raises Next of the DEK of the generation
// (and adds a span), makes that durable and returns the DEK; its Key is ignored.
func NewRing(id FileID, newEpoch func(generation uint32) (DEK, error)) *Ring {
	r := &Ring{id: id, newEpoch: newEpoch, deks: map[uint32]*DEK{}, subs: map[Slot]*subkey{}}
	r.target.Store(targetPlain)
	return r
}

// Add takes a DEK and its key over. A DEK of the same parity is dropped.
func (r *Ring) Add(d DEK) error {
	if n := d.Key.Len(); n != 16 && n != 24 && n != 32 {
		return fmt.Errorf("data encryption key has %d bytes, want 16, 24 or 32", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(d.Generation & 1)
	r.deks[d.Generation&1] = &d
	r.gen.Add(1)
	return nil
}

// Drop wipes the DEK of a generation, unless another one took its place; units under it no longer open.
func (r *Ring) Drop(generation uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.deks[generation&1]; d != nil && d.Generation == generation {
		r.dropLocked(generation & 1)
	}
}

// dropLocked wipes the DEK of this parity.
func (r *Ring) dropLocked(parity uint32) {
	if d := r.deks[parity]; d != nil {
		d.Key.Destroy()
		delete(r.deks, parity)
	}
	for s := range r.subs {
		if s.Parity() == parity {
			delete(r.subs, s)
		}
	}
	if c := r.cur.Load(); c != nil && c.slot.Parity() == parity {
		r.cur.Store(nil)
	}
	r.gen.Add(1)
}

// Close drops all keys.
func (r *Ring) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(0)
	r.dropLocked(1)
}

// SealWith makes generation's DEK the one that seals; with plain, nothing is sealed any more.
func (r *Ring) SealWith(generation uint32, plain bool) {
	r.sealMu.Lock()
	defer r.sealMu.Unlock()
	t := int64(generation)
	if plain {
		t = targetPlain
	}
	if r.target.Swap(t) != t {
		r.cur.Store(nil)
	}
}

// Sealing reports whether units are sealed, and the parity of the DEK that does it.
func (r *Ring) Sealing() (parity uint32, ok bool) {
	t := r.target.Load()
	return uint32(t) & 1, t != targetPlain
}

// Is reports whether a unit in this state is already as the ring would write it.
func (r *Ring) Is(s State, slot Slot) bool {
	parity, sealing := r.Sealing()
	if !sealing {
		return s == Plain
	}
	return s == Sealed && slot.Parity() == parity
}

// sealer is the sub-key to seal n more units with, nil for plain.
func (r *Ring) sealer(n int64) (*subkey, error) {
	for {
		if r.target.Load() == targetPlain {
			return nil, nil
		}
		if k := r.cur.Load(); k != nil && k.seals.Add(n) <= MaxSeals {
			return k, nil
		}
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
}

// begin begins an epoch. Only after newEpoch made it durable may its sub-key be used.
func (r *Ring) begin() error {
	r.sealMu.Lock()
	defer r.sealMu.Unlock()
	t := r.target.Load()
	if k := r.cur.Load(); t == targetPlain || k != nil && k.seals.Load() < MaxSeals {
		return nil // another goroutine did it
	}
	d, err := r.newEpoch(uint32(t))
	if err != nil {
		return fmt.Errorf("beginning a key epoch: %w", err)
	}
	r.mu.Lock()
	have := r.deks[uint32(t)&1]
	if have == nil || have.Generation != uint32(t) {
		r.mu.Unlock()
		return errors.New("the sealing key is not in the ring")
	}
	have.Next, have.Spans = d.Next, d.Spans
	r.gen.Add(1)
	r.mu.Unlock()
	k, err := r.key(MakeSlot(have.Generation, d.Next-1))
	if err != nil {
		return err
	}
	r.cur.Store(k)
	return nil
}

// key finds or derives the sub-key of a slot; an error names why there is none.
func (r *Ring) key(s Slot) (*subkey, error) {
	r.mu.RLock()
	k := r.subs[s]
	r.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.subs[s]; k != nil {
		return k, nil
	}
	d := r.deks[s.Parity()]
	if d == nil {
		return nil, errors.New("its key slot belongs to no key of this database")
	}
	if s.Epoch() == 0 || s.Epoch() >= d.Next {
		return nil, errors.New("its key slot is not known to the database header (an older copy of the header?)")
	}
	var salt []byte
	for i := range d.Spans {
		if d.Spans[i].First <= s.Epoch() {
			salt = d.Spans[i].Salt[:]
		}
	}
	if salt == nil {
		return nil, errors.New("its key slot has no salt in the database header")
	}
	aead, err := derive(d.Key.Expose(), salt, r.id, s)
	if err != nil {
		return nil, err
	}
	k = &subkey{slot: s, aead: aead}
	r.subs[s] = k
	return k, nil
}

func derive(dek, salt []byte, id FileID, s Slot) (cipher.AEAD, error) {
	info := append([]byte("latchkey page key v1\x00"), id[:]...)
	info = binary.BigEndian.AppendUint16(info, uint16(s))
	raw, err := hkdf.Key(sha256.New, dek, salt, string(info), len(dek))
	if err != nil {
		return nil, fmt.Errorf("deriving a page key: %w", err)
	}
	defer secret.Wipe(raw)
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// HeaderMAC authenticates a database header under a DEK (HMAC-SHA-256 under a key derived for nothing else).
func HeaderMAC(dek []byte, id FileID, body []byte) ([]byte, error) {
	k, err := hkdf.Key(sha256.New, dek, nil, "latchkey header key v1\x00"+string(id[:]), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the header key: %w", err)
	}
	defer secret.Wipe(k)
	m := hmac.New(sha256.New, k)
	m.Write(body)
	return m.Sum(nil), nil
}
