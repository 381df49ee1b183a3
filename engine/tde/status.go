package tde

import (
	"time"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
)

// ScanState is the state of a scan, numbered as in sys.dm_database_encryption_keys.
type ScanState uint8

// The states of a scan.
const (
	ScanNone      ScanState = 0
	ScanRunning   ScanState = 1
	ScanSuspended ScanState = 2
	ScanAborted   ScanState = 3 // by an error; Resume goes on
	ScanComplete  ScanState = 4
)

// Status is what sys.dm_database_encryption_keys shows of a database.
type Status struct {
	State State
	// Percent of the pages that a scan has passed, 0 without one.
	Percent   float32
	Scan      ScanState
	ScanError error // why a scan was aborted

	Algorithm  header.Algorithm // 0 without a key
	Protector  Protector        // of the newest DEK
	Generation uint32           // of the newest DEK, from 1
	// EpochsLeft is how many more sessions can write under the DEK; near 0 it should be replaced.
	EpochsLeft int

	// When the key was made, regenerated, wrapped anew, when encryption was switched, when the database was opened; zero for never.
	Created, Regenerated, Modified, Set, Opened time.Time
	Rewraps                                     uint32
	Pages                                       uint32 // of the main file
	FileID                                      pagecipher.FileID
}

// State is the state of encryption; see package header.
type State = header.State

// The states, as package header has them.
const (
	NoKey            = header.NoKey
	Unencrypted      = header.Unencrypted
	Encrypting       = header.Encrypting
	Encrypted        = header.Encrypted
	KeyChange        = header.KeyChange
	Decrypting       = header.Decrypting
	ProtectionChange = header.ProtectionChange
)

// Algorithm is a DEK's cipher; see package header.
type Algorithm = header.Algorithm

// The algorithms, as package header has them.
const (
	AES128 = header.AES128
	AES192 = header.AES192
	AES256 = header.AES256
)

// Encrypted reports sys.databases.is_encrypted: encryption is on, or being switched on.
func (s Status) Encrypted() bool {
	switch s.State {
	case header.Encrypting, header.Encrypted, header.KeyChange, header.ProtectionChange:
		return s.State != header.ProtectionChange || s.Generation != 0
	}
	return false
}

// Status tells the present state. It reads no file.
func (db *DB) Status() Status {
	h := db.header()
	s := statusOf(h, db.store.Pages())
	switch {
	case h.State.Scanning():
		passed := max(h.Position, db.scan.next.Load(), 1) - 1
		s.Percent = min(100*float32(passed)/float32(max(1, s.Pages)), 100)
		s.Scan = ScanRunning
		if err := db.scan.err.Load(); err != nil {
			s.Scan, s.ScanError = ScanAborted, *err
		} else if h.Suspended {
			s.Scan = ScanSuspended
		}
	case h.Set != 0:
		s.Scan = ScanComplete
	}
	if db.changing.Load() && s.State == header.Encrypted {
		s.State = header.ProtectionChange
	}
	return s
}

func statusOf(h *header.Header, pages uint32) Status {
	s := Status{
		State: h.State, Pages: pages, FileID: h.FileID, Rewraps: h.Rewraps,
		Created: when(h.Created), Regenerated: when(h.Regenerated), Modified: when(h.Modified), Set: when(h.Set), Opened: when(h.Opened),
	}
	if k := h.Newest(); k != nil {
		s.Algorithm, s.Generation = k.Algorithm, k.Generation
		s.Protector = Protector{Thumbprint: k.Protector, URI: k.URI}
		s.EpochsLeft = pagecipher.MaxEpoch + 1 - int(k.NextEpoch)
	}
	return s
}

func when(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Failed is the error of the disk after which nothing is written any more until the database is opened anew; nil if there was none.
func (db *DB) Failed() error {
	if err := db.store.Failed(); err != nil {
		return mapped("writing to the database", db.cfg.Path, err)
	}
	return nil
}

func (db *DB) notify() {
	if db.cfg.Notify != nil {
		db.cfg.Notify(db.Status())
	}
}
