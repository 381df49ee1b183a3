package tde

import (
	"crypto/rand"
	"errors"

	"latchkey/ekm/code"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
)

// header is the header as last written. It must not be changed.
func (db *DB) header() *header.Header {
	db.hdr.Lock()
	defer db.hdr.Unlock()
	return db.hdr.h
}

// update writes the header after change, durably; both copies if mirror. On an error the old one counts in memory; on disk
// either may be, and all callers change the header so that both are true.
func (db *DB) update(mirror bool, change func(*header.Header)) error {
	db.hdr.Lock()
	defer db.hdr.Unlock()
	h := db.hdr.h.Clone()
	change(h)
	var dek []byte
	if k := h.Newest(); k != nil {
		dek = db.hdr.deks[k.Generation].Expose()
	}
	write := db.hdr.file.WriteOne
	if mirror {
		write = db.hdr.file.Write
	}
	if err := write(h, dek); err != nil {
		db.hdr.h.Seq = h.Seq // never to be used again for other content
		return err
	}
	db.hdr.h = h
	return nil
}

// newEpoch begins an epoch of a DEK, with a salt of its own while the header has room for one. See pagecipher.NewRing.
func (db *DB) newEpoch(generation uint32) (pagecipher.DEK, error) {
	if k := db.header().Key(generation); k == nil || k.NextEpoch > pagecipher.MaxEpoch {
		return pagecipher.DEK{}, code.Wrap(code.DatabaseEpochs, "beginning a key epoch", db.cfg.Path, pagecipher.ErrEpochs)
	}
	var d pagecipher.DEK
	err := db.update(true, func(h *header.Header) {
		k := h.Key(generation)
		if k == nil {
			return
		}
		if len(k.Spans) < header.MaxSpans {
			s := pagecipher.Span{First: k.NextEpoch}
			rand.Read(s.Salt[:])
			k.Spans = append(k.Spans, s)
		}
		k.NextEpoch++
		d = pagecipher.DEK{Generation: generation, Next: k.NextEpoch, Spans: k.Spans}
	})
	if err == nil && d.Next == 0 {
		err = errors.New("the sealing key is not in the header")
	}
	return d, err
}

// apply makes the ring and the store do what the header says.
func (db *DB) apply(h *header.Header) {
	p, generation, plain := policyOf(h)
	db.store.Change(func() {
		db.ring.SealWith(generation, plain)
		db.store.SetPolicy(p)
	})
}

func policyOf(h *header.Header) (p sealvfs.Policy, generation uint32, plain bool) {
	if k := h.Newest(); k != nil {
		generation = k.Generation
	}
	switch h.State {
	case header.Encrypted:
		p.Sealed[generation&1] = true
	case header.Encrypting, header.KeyChange, header.Decrypting:
		for _, k := range h.Keys {
			p.Sealed[k.Generation&1] = true
		}
		p.Plain = h.State != header.KeyChange
		p.Done = h.Position
		generation, plain = h.Target, h.Target == 0
	default:
		p.Plain, plain = true, true
	}
	return p, generation, plain
}
