package media

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Format is the version of the format that this package writes. It reads no other.
const Format = 1

// Sizes, in bytes.
const (
	BlockSize = 1 << 20  // of the stream in one block, at most
	maxHeader = 16 << 20 // of a description
	frameSize = 4 + 4 + 4 + 8 + 4
	sealExtra = 12 + 16
)

var (
	setMagic = [8]byte{'L', 'K', 'B', 'A', 'K', 'S', 'E', 'T'}
	endMagic = [8]byte{'L', 'K', 'B', 'A', 'K', 'E', 'N', 'D'}
)

// The kinds of sets, as msdb.dbo.backupset has them.
const (
	Database = "D"
	Log      = "L"
)

// Header describes a set. It is in clear, so that what a set needs can be told without any key.
type Header struct {
	Format      int
	ID          string // of the set, a GUID
	Type        string // Database or Log
	Name        string
	Description string
	Server      string // whose backup it is
	User        string
	Software    string

	Database       string
	DatabaseID     string // a GUID that stays with the database through restores
	Fork           string // a GUID that a restore renews
	Created        time.Time
	Recovery       string // FULL, BULK_LOGGED, SIMPLE
	Collation      string
	Compatibility  int
	Files          []File
	Keys           []KeyRef // that open the database where it is restored
	CopyOnly       bool
	Started        time.Time
	Expires        time.Time // zero: never
	FirstLSN       uint64    // of the log's set: its first commit
	BackupBase     uint64    // LSN of the full backup that it belongs to
	MediaName      string
	MediaText      string
	Compressed     bool
	Encryption     *Encryption
	ChecksumWanted bool // WITH CHECKSUM was said; checksums are always there
}

// File is a file of the database.
type File struct {
	Logical, Physical string
	Type              string // D data, L log
	Size              int64  // bytes
}

// KeyRef names a key that is needed.
type KeyRef struct {
	Thumbprint string // upper-case hexadecimal
	Kind       string // ASYMMETRIC KEY or CERTIFICATE
	URI        string // where the key was when the backup was made; may be ""
	Algorithm  string // of the key that it wraps: AES_256, ...
}

// Encryption says how a set is sealed.
type Encryption struct {
	Algorithm  string // AES_128, AES_192, AES_256
	Protector  KeyRef
	WrapMethod string // of the provider: RSA-OAEP-256, ...
	Wrapped    []byte // the set's key
}

// End is what is known when a set is complete.
type End struct {
	Finished time.Time
	LastLSN  uint64
	Raw      int64    // bytes of the stream
	Head     []byte   // for whoever reads the stream: of a database, its boot record
	Keys     []KeyRef // as Header.Keys, when the last byte was read
	Digest   []byte   // SHA-256 of the set up to the end's frame
}

// Set is a complete set in a file.
type Set struct {
	Header
	End
	Position int   // from 1
	Offset   int64 // in the file
	Size     int64 // stored
	body     int64 // where blocks begin
}

// Needs is the keys without which the set cannot be restored and opened, but for the one that seals it.
func (s Set) Needs() []KeyRef {
	if len(s.End.Keys) > 0 {
		return append([]KeyRef(nil), s.End.Keys...)
	}
	return append([]KeyRef(nil), s.Header.Keys...)
}

// ErrDamaged means that a file is not what was written. Every error about content wraps it.
var ErrDamaged = errors.New("the backup is damaged")

// ErrNoMedia means that a file is no backup at all.
var ErrNoMedia = errors.New("the file is not a backup of this server's kind")

// DamageError says where.
type DamageError struct {
	File   string
	Set    int // from 1; 0 if unknown
	Offset int64
	Reason string
}

// Error names the place and the reason.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: set %d, byte %d: %s: %v", e.File, e.Set, e.Offset, e.Reason, ErrDamaged)
}

// Unwrap gives ErrDamaged.
func (e *DamageError) Unwrap() error { return ErrDamaged }

// frame is what stands before a block, an end or a description.
type frame struct {
	kind   uint32
	stored uint32
	raw    uint32
	number uint64
	crc    uint32
}

// The kinds of frames.
const (
	kindHeader = 0x48 // H
	kindBlock  = 0x42 // B
	kindEnd    = 0x45 // E
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// unmarshal reads JSON that came from a file.
func unmarshal(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("not a description: %w", err)
	}
	return nil
}
