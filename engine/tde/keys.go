package tde

import (
	"context"
	"errors"
	"fmt"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/secret"
)

// Protector is the key of the key store that wraps a DEK.
type Protector struct {
	Thumbprint ekm.Thumbprint
	URI        string // full, with the version; kept in the header for people
}

// CreateKey makes a DEK (CREATE DATABASE ENCRYPTION KEY). The database must not have one. Nothing is encrypted yet.
func (db *DB) CreateKey(ctx context.Context, alg header.Algorithm, p Protector, keys Keys) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	if s := db.header().State; s != header.NoKey {
		return stateErr("creating the database key", s)
	}
	return db.newKey(ctx, "creating the database key", alg, p, keys, func(h *header.Header, k header.Key) {
		h.Keys, h.State = []header.Key{k}, header.Unencrypted
		h.Created, h.Regenerated, h.Modified = k.Created, k.Created, k.Created
	})
}

// ReKey replaces the DEK (REGENERATE). An encrypted database is scanned then; see [DB.SetEncryption].
func (db *DB) ReKey(ctx context.Context, alg header.Algorithm, p Protector, keys Keys) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	h := db.header()
	if h.State != header.Unencrypted && h.State != header.Encrypted {
		return stateErr("replacing the database key", h.State)
	}
	db.settle()
	old := h.Newest().Generation
	err := db.newKey(ctx, "replacing the database key", alg, p, keys, func(h *header.Header, k header.Key) {
		h.Regenerated = k.Created
		if h.State == header.Unencrypted {
			h.Keys = []header.Key{k}
			return
		}
		h.Keys = append(h.Keys, k)
		h.State, h.Target, h.Position, h.Suspended = header.KeyChange, k.Generation, 1, false
	})
	if err != nil {
		return err
	}
	if db.header().State == header.Unencrypted {
		db.forget(old)
		return nil
	}
	db.apply(db.header())
	db.startScan()
	db.notify()
	return nil
}

// DropKey removes the DEK (DROP DATABASE ENCRYPTION KEY) of a database that is not encrypted.
func (db *DB) DropKey(ctx context.Context) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	h := db.header()
	if h.State != header.Unencrypted {
		return stateErr("dropping the database key", h.State)
	}
	db.settle()
	old := h.Newest().Generation
	err := db.update(true, func(h *header.Header) {
		h.Keys, h.State = nil, header.NoKey
		h.Created, h.Regenerated, h.Modified, h.Set = 0, 0, 0, 0
	})
	if err != nil {
		return mapped("dropping the database key", db.cfg.Path, err)
	}
	db.forget(old)
	db.notify()
	return nil
}

// newKey makes a DEK, has it wrapped and puts it into the header as place says.
func (db *DB) newKey(ctx context.Context, op string, alg header.Algorithm, p Protector, keys Keys, place func(*header.Header, header.Key)) error {
	if alg.KeyLen() == 0 {
		return code.Wrap(code.DatabaseState, op, db.cfg.Path, fmt.Errorf("unknown algorithm %d", alg))
	}
	k := header.Key{Generation: 1, Algorithm: alg, NextEpoch: 1, Protector: p.Thumbprint, URI: p.URI, Created: db.now()}
	if last := db.header().Newest(); last != nil {
		k.Generation = last.Generation + 1
	}
	dek := secret.Random(alg.KeyLen())
	var err error
	if k.Wrapped, err = db.wrap(ctx, keys, p, dek); err != nil {
		dek.Destroy()
		return err
	}
	if err := db.ring.Add(pagecipher.DEK{Generation: k.Generation, Key: dek.Clone(), Next: k.NextEpoch}); err != nil {
		dek.Destroy()
		return err
	}
	db.hdr.Lock()
	db.hdr.deks[k.Generation] = dek // update authenticates the header with it
	db.hdr.Unlock()
	if err := db.update(true, func(h *header.Header) { place(h, k) }); err != nil {
		db.forget(k.Generation)
		return mapped(op, db.cfg.Path, err)
	}
	db.notify()
	return nil
}

// wrap has the DEK wrapped and makes sure, before anything depends on it, that what came back opens again: a provider that wraps
// but cannot unwrap (a right that is missing, another key's version) would else be noticed at the next open, with the data gone.
func (db *DB) wrap(ctx context.Context, keys Keys, p Protector, dek *secret.Bytes) (ekm.Wrapped, error) {
	if keys == nil || p.Thumbprint == "" || len(p.Thumbprint) > ekm.MaxThumbprintLen || len(p.URI) > header.MaxURI {
		return ekm.Wrapped{}, code.Wrap(code.DatabaseKey, "wrapping the database key", db.cfg.Path, fmt.Errorf("%w: no usable protector was given", ErrKeys))
	}
	db.changing.Store(true)
	defer db.changing.Store(false)
	w, err := keys.Wrap(ctx, p.Thumbprint, dek)
	if err == nil && (len(w.Blob) == 0 || len(w.Blob) > header.MaxBlob || len(w.Algorithm) > header.MaxAlgName) {
		err = fmt.Errorf("a wrapped key of %d bytes by %q cannot be kept", len(w.Blob), w.Algorithm)
	}
	if err == nil {
		err = proveUnwrap(ctx, keys, p.Thumbprint, w, dek)
	}
	if err != nil {
		return ekm.Wrapped{}, code.Wrap(code.DatabaseKey, "wrapping the database key", db.cfg.Path, fmt.Errorf("%w: protector %v: %w", ErrKeys, p.Thumbprint, err))
	}
	return w, nil
}

func proveUnwrap(ctx context.Context, keys Keys, t ekm.Thumbprint, w ekm.Wrapped, dek *secret.Bytes) error {
	back, err := keys.Unwrap(ctx, t, w)
	if err != nil {
		return fmt.Errorf("the wrapped key does not open again: %w", err)
	}
	defer back.Destroy()
	if !back.Equal(dek.Expose()) {
		return errors.New("the wrapped key opens to another key")
	}
	return nil
}

// ReWrap puts the DEK under another protector (ENCRYPTION BY SERVER ...). Only the header is written, in one atomic step:
// a failure leaves the old protector. It works in every state that has a DEK, also during a scan.
func (db *DB) ReWrap(ctx context.Context, p Protector, keys Keys) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	h := db.header()
	if len(h.Keys) == 0 {
		return stateErr("changing the protector", h.State)
	}
	wrapped := map[uint32]ekm.Wrapped{}
	for i := range h.Keys {
		g := h.Keys[i].Generation
		db.hdr.Lock()
		var dek *secret.Bytes
		if d := db.hdr.deks[g]; d != nil { // a scan that ends meanwhile destroys the old one
			dek = d.Clone()
		}
		db.hdr.Unlock()
		if dek == nil {
			continue
		}
		w, err := db.wrap(ctx, keys, p, dek)
		dek.Destroy()
		if err != nil {
			return err
		}
		wrapped[g] = w
	}
	err := db.update(true, func(h *header.Header) {
		for i := range h.Keys {
			k := &h.Keys[i]
			if w, ok := wrapped[k.Generation]; ok {
				k.Protector, k.URI, k.Wrapped = p.Thumbprint, p.URI, w
			}
		}
		h.Modified = db.now()
		h.Rewraps++
	})
	if err != nil {
		return mapped("changing the protector", db.cfg.Path, err)
	}
	db.notify()
	return nil
}
