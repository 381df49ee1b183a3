package tde

import (
	"latchkey/engine/tde/header"
)

// LogPart is a part of a database's log: one that is kept for a backup, or, the last, the one that is being written.
type LogPart struct {
	First   uint64 // LSN of the first frame of it that no part before has; 0 if the log is not kept
	Frames  uint64 // committed in it; in the last one also those that are kept in a part before
	Bytes   int64  // on disk, 0 for a log that nothing was written to yet
	Current bool   // being written
	// Protector is that of the key that it is sealed under, zero if some of it may be in clear.
	Protector Protector
}

// LogParts are the parts of the log, oldest first.
func (db *DB) LogParts() ([]LogPart, error) {
	var out []LogPart
	if c := db.chain.Load(); c != nil {
		parts, err := c.Parts()
		if err != nil {
			return nil, mapped("reading the parts of the log", db.cfg.Path, err)
		}
		for _, p := range parts {
			l := LogPart{First: p.First, Frames: p.Frames, Bytes: p.Bytes}
			h, err := header.Decode(p.Head)
			if err != nil {
				return nil, mapped("reading the parts of the log", db.cfg.Path, err)
			}
			if !p.Plain {
				l.Protector = sealer(h)
			}
			out = append(out, l)
		}
	}
	u, err := db.store.LogUse()
	if err != nil {
		return nil, mapped("measuring the log", db.cfg.Path, err)
	}
	l := LogPart{First: u.Next, Frames: u.Frames, Bytes: u.Bytes, Current: true}
	if _, sealing := db.ring.Sealing(); sealing && !u.Plain {
		l.Protector = sealer(db.header())
	}
	return append(out, l), nil
}

// sealer is the protector of a header's newest key.
func sealer(h *header.Header) Protector {
	k := h.Newest()
	if k == nil {
		return Protector{}
	}
	return Protector{Thumbprint: k.Protector, URI: k.URI}
}
