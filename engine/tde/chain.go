package tde

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/logchain"
	"latchkey/internal/fsys"
)

// chainSuffix and rollSuffix end the names of what lies beside a database: its log chain, and the note that it is being rolled forward.
const (
	chainSuffix = "-log"
	rollSuffix  = "-roll"
)

// ErrNoLog means that the database's log is not kept.
var ErrNoLog = errors.New("the log of the database is not kept")

// LogRange is a part of a log: the LSNs of its first and last frames, and when the first and the last transaction were committed. First is Last+1 if it is empty.
type LogRange = logchain.Range

// KeepLog keeps, from the next commit on, what is committed, for [DB.CopyLog], also over restarts. A log that was kept before is dropped. Take a snapshot afterwards: its LSN is
// where the log continues it.
func (db *DB) KeepLog(ctx context.Context) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	if err := db.store.KeepLog(nil, nil, 0); err != nil {
		return err
	}
	base := uint64(db.cfg.Clock.Now().UnixMicro()) // later chains have higher numbers
	if c := db.chain.Swap(nil); c != nil {
		base = max(base, c.Next())
	}
	c, err := logchain.Create(db.cfg.FS, db.cfg.Path+chainSuffix, base)
	if err != nil {
		return mapped("keeping the log", db.cfg.Path, err)
	}
	return mapped("keeping the log", db.cfg.Path, db.keepIn(c, 0))
}

// DropLog stops keeping the log and removes what was kept.
func (db *DB) DropLog(ctx context.Context) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	if err := db.store.KeepLog(nil, nil, 0); err != nil {
		return err
	}
	db.chain.Store(nil)
	return mapped("dropping the log", db.cfg.Path, logchain.Remove(db.cfg.FS, db.cfg.Path+chainSuffix))
}

func (db *DB) keepIn(c *logchain.Chain, recovered uint64) error {
	err := db.store.KeepLog(c, db.chainHeader, recovered)
	if err == nil {
		db.chain.Store(c)
	}
	return err
}

// chainHeader is the header that belongs to what is kept.
func (db *DB) chainHeader() ([]byte, error) { return db.copyHeader(db.store.Pages()) }

// resumeChain goes on keeping the log of a database where it was kept.
func (db *DB) resumeChain() error {
	c, err := logchain.Open(db.cfg.FS, db.cfg.Path+chainSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	frames, _, err := db.keeper.c.WALCheckpoint("main", checkpointPassive)
	if err != nil {
		return db.keeper.c.Err(err)
	}
	return db.keepIn(c, uint64(max(0, frames)))
}

// sealChain seals what of the kept log is in clear, at the end of an encryption.
func (db *DB) sealChain() error {
	c := db.chain.Load()
	if _, sealing := db.ring.Sealing(); c == nil || !sealing || !c.Plain() {
		return nil
	}
	return c.Seal(db.chainHeader, db.store.ResealFrame)
}

// LogEnd is the LSN of the last commit; 0 if the log is not kept.
func (db *DB) LogEnd() uint64 { return db.store.LogEnd() }

// CopyLog writes what is kept from the frame with the LSN from on, to the last commit. It is what [Roll] reads. ErrNoLog if nothing is kept.
func (db *DB) CopyLog(ctx context.Context, w io.Writer, from uint64) (LogRange, error) {
	c := db.chain.Load()
	if c == nil {
		return LogRange{}, ErrNoLog
	}
	if err := db.store.KeepNow(); err != nil {
		return LogRange{}, mapped("copying the log", db.cfg.Path, err)
	}
	r, err := c.Copy(ctx, w, from)
	return r, mapped("copying the log", db.cfg.Path, err)
}

// LogKeys are the protectors of the keys that the kept log is sealed under, as they were when it was written; none if it is not kept. A restore of a backup of the log needs them.
func (db *DB) LogKeys() ([]Protector, error) {
	c := db.chain.Load()
	if c == nil {
		return nil, nil
	}
	if err := db.store.KeepNow(); err != nil {
		return nil, mapped("reading the log's keys", db.cfg.Path, err)
	}
	heads, err := c.Heads()
	if err != nil {
		return nil, mapped("reading the log's keys", db.cfg.Path, err)
	}
	var out []Protector
	for _, b := range heads {
		h, err := header.Decode(b)
		if err != nil {
			return nil, mapped("reading the log's keys", db.cfg.Path, err)
		}
		out = protectors(out, h)
	}
	return out, nil
}

// protectors adds those of a header that are not in the list.
func protectors(list []Protector, h *header.Header) []Protector {
	for i := range h.Keys {
		p := Protector{Thumbprint: h.Keys[i].Protector, URI: h.Keys[i].URI}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// HeaderProtectors are the protectors that a snapshot's header names: who restores it needs the keys behind them.
func HeaderProtectors(head []byte) ([]Protector, error) {
	h, err := header.Decode(head)
	if err != nil {
		return nil, mapped("reading a header", "", err)
	}
	return protectors(nil, h), nil
}

// FileProtectors are the protectors that a database file which is not open names, and those of the log that is kept beside it. It needs no key and changes nothing; what it
// reads is not authenticated.
func FileProtectors(f fsys.FS, path string) (file, log []Protector, err error) {
	r, err := f.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	_, h, err := header.Load(r)
	if err != nil {
		return nil, nil, mapped("reading the keys of a file", path, err)
	}
	heads, err := logchain.ReadHeads(f, path+chainSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, mapped("reading the log's keys", path, err)
	}
	for _, b := range heads {
		h, err := header.Decode(b)
		if err != nil {
			return nil, nil, mapped("reading the log's keys", path, err)
		}
		log = protectors(log, h)
	}
	return protectors(nil, h), log, nil
}

// TrimLog forgets what is kept up to the LSN last, because a backup holds it.
func (db *DB) TrimLog(last uint64) error {
	c := db.chain.Load()
	if c == nil {
		return ErrNoLog
	}
	return mapped("trimming the log", db.cfg.Path, c.Trim(last))
}

// Protectors are those of all keys in the header: of the newest, and while a scan runs of the one before.
func (db *DB) Protectors() []Protector {
	return protectors(nil, db.header())
}
