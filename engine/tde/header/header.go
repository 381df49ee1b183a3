// Package header is the boot record of a database file: who the file is, which keys wrap what, and how far a change of
// encryption has come. It lies in front of the pages, in two copies that are never written at the same time.
//
// [Decode] and [Header.Encode] do bytes; [File] reads and replaces the record in a file. A record that was not written
// to its end is told by its checksum; one that was made by somebody without the keys is told by [Header.Verify], once a key is
// there. The layout is in docs/formats/database-file.md; a program refuses a version that it does not know.
package header

import (
	"errors"
	"fmt"

	"latchkey/ekm"
	"latchkey/engine/tde/pagecipher"
)

// Sizes in bytes.
const (
	CopySize = 32 << 10     // reserved for one copy
	Size     = 2 * CopySize // in front of the pages
)

// Limits of a header; Encode refuses what exceeds them.
const (
	MaxKeys    = 4
	MaxSpans   = 256
	MaxBlob    = 2048
	MaxURI     = 2048
	MaxAlgName = 64
)

// Version is the format's version. 1: the first.
const Version = 1

// State is the state of encryption, numbered as SQL Server numbers it in sys.dm_database_encryption_keys.
type State uint8

// The states.
const (
	NoKey            State = 0 // no database encryption key, not encrypted
	Unencrypted      State = 1
	Encrypting       State = 2
	Encrypted        State = 3
	KeyChange        State = 4
	Decrypting       State = 5
	ProtectionChange State = 6 // while the protector is asked; never stored
	lastStored             = Decrypting
)

// String is SQL Server's encryption_state_desc.
func (s State) String() string {
	names := []string{
		"NONE", "UNENCRYPTED", "ENCRYPTION_IN_PROGRESS", "ENCRYPTED", "ENCRYPTION_KEY_CHANGE_IN_PROGRESS",
		"DECRYPTION_IN_PROGRESS", "PROTECTION_CHANGE_IN_PROGRESS",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Scanning reports whether pages in clear, or under two keys, are to be expected.
func (s State) Scanning() bool { return s == Encrypting || s == KeyChange || s == Decrypting }

// Algorithm is a DEK's cipher.
type Algorithm uint8

// The algorithms.
const (
	AES128 Algorithm = 1
	AES192 Algorithm = 2
	AES256 Algorithm = 3
)

// KeyLen is the DEK's length in bytes, 0 for an unknown algorithm.
func (a Algorithm) KeyLen() int {
	if a < AES128 || a > AES256 {
		return 0
	}
	return 8 + 8*int(a)
}

// String is the name in SQL, such as "AES_256".
func (a Algorithm) String() string {
	if n := a.KeyLen(); n != 0 {
		return fmt.Sprintf("AES_%d", 8*n)
	}
	return fmt.Sprintf("Algorithm(%d)", uint8(a))
}

// Key is a DEK as the header keeps it: wrapped.
type Key struct {
	Generation uint32
	Algorithm  Algorithm
	NextEpoch  uint16
	Spans      []pagecipher.Span
	Protector  ekm.Thumbprint // of the key that wraps it
	URI        string         // of that key, with its version; for people
	Wrapped    ekm.Wrapped
	Created    int64 // Unix time, milliseconds
}

// Header is the record. Times are Unix time in milliseconds, 0 for never.
type Header struct {
	Seq    uint64 // grows with each write
	FileID pagecipher.FileID
	State  State
	// Suspended, Position and Target belong to a scan: Position is the first page that may still have to be rewritten,
	// Target is the generation to which pages go, 0 for plain.
	Suspended bool
	Position  uint32
	Target    uint32
	// Filled is how many pages are known to be durably written: below it there is no hole and no end of file.
	Filled uint32
	Keys   []Key // oldest first
	// When the key was made, last replaced, last wrapped anew, and when encryption was switched; how often rewrapped.
	Created, Regenerated, Modified, Set, Opened int64
	Rewraps                                     uint32

	mac  []byte
	body []byte // as read
}

// ErrCorrupt means that neither copy of the header can be used, or that the one in use was not written by Latchkey.
var ErrCorrupt = errors.New("database header is damaged or was changed")

// ErrNotDatabase means that the file does not begin as a database of ours does.
var ErrNotDatabase = errors.New("not an encrypted-storage database file")

// ErrVersion means that a newer program wrote the file.
var ErrVersion = errors.New("database file has a newer format")

// Key finds the key of a generation, nil if there is none.
func (h *Header) Key(generation uint32) *Key {
	for i := range h.Keys {
		if h.Keys[i].Generation == generation {
			return &h.Keys[i]
		}
	}
	return nil
}

// Newest is the key with the highest generation, nil if there is none.
func (h *Header) Newest() *Key {
	if len(h.Keys) == 0 {
		return nil
	}
	return &h.Keys[len(h.Keys)-1]
}

// Clone is a deep copy, without what ties h to a file.
func (h *Header) Clone() *Header {
	c := *h
	c.mac, c.body = nil, nil
	c.Keys = append([]Key(nil), h.Keys...)
	for i := range c.Keys {
		c.Keys[i].Spans = append([]pagecipher.Span(nil), c.Keys[i].Spans...)
		c.Keys[i].Wrapped.Blob = append([]byte(nil), c.Keys[i].Wrapped.Blob...)
	}
	return &c
}

// Verify checks the header's authentication under its newest DEK. A header without keys has none.
func (h *Header) Verify(dek []byte) error {
	want, err := pagecipher.HeaderMAC(dek, h.FileID, h.body)
	if err != nil {
		return err
	}
	if !equal(want, h.mac) {
		return fmt.Errorf("%w: its authentication code does not fit its key", ErrCorrupt)
	}
	return nil
}
