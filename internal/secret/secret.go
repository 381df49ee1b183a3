// Package secret holds bytes that must not leak: DEKs, seal keys, private keys on their way, client secrets, tokens.
//
// A [Bytes] prints as "[redacted]" through every verb of fmt, through log/slog, encoding/json and encoding.TextMarshaler;
// its content is reached by [Bytes.Expose] alone, so that a grep for Expose finds every use. Release it with
// [Bytes.Destroy], which overwrites the memory. [New] and [Take] keep it on the Go heap; [NewLocked] keeps it in pages of
// their own that are locked into memory and left out of core dumps, where the system allows, for the few keys that live
// as long as a database is open.
//
// What this does not protect from: a reader of the process's memory, and copies that a caller makes of what Expose
// returned. A caller that must copy overwrites its copy with [Wipe].
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
)

// Redacted is what a secret prints as.
const Redacted = "[redacted]"

// Bytes is a secret. The zero value and nil are an empty secret. It is safe for concurrent use, but for Destroy, which
// its owner calls once nobody else uses the exposed bytes. It must not be copied: pass the pointer.
type Bytes struct {
	mu      sync.Mutex // guards release; readers share b without it, as Destroy has one owner
	b       []byte
	release func() // frees locked pages; nil on the heap
}

// New makes a secret from a copy of b. The caller still owns b; see [Take].
func New(b []byte) *Bytes { return &Bytes{b: append([]byte(nil), b...)} }

// FromString makes a secret from s. Go strings cannot be wiped: use it where the value arrives as a string anyway.
func FromString(s string) *Bytes { return &Bytes{b: []byte(s)} }

// Take makes a secret from a copy of b and overwrites b.
func Take(b []byte) *Bytes {
	s := New(b)
	Wipe(b)
	return s
}

// NewLocked makes a secret from a copy of b in locked pages and overwrites b. Where pages cannot be locked (limits,
// platform) it falls back to memory that is only wiped; [Bytes.Locked] tells.
func NewLocked(b []byte) *Bytes {
	mem, release := lockedPages(len(b))
	if mem == nil {
		return Take(b)
	}
	copy(mem, b)
	Wipe(b)
	// No finalizer: it could unmap the pages under a slice that Expose gave out. The owner calls Destroy.
	return &Bytes{b: mem[:len(b):len(b)], release: release}
}

// Random makes a locked secret of n random bytes. It cannot fail: without randomness the program ends (crypto/rand).
func Random(n int) *Bytes {
	b := make([]byte, n)
	rand.Read(b)
	return NewLocked(b)
}

// Expose returns the secret itself, not a copy; nil after Destroy. Do not keep it, log it or turn it into a string.
func (s *Bytes) Expose() []byte {
	if s == nil {
		return nil
	}
	return s.b
}

// Len is the number of bytes, 0 after Destroy.
func (s *Bytes) Len() int { return len(s.Expose()) }

// Locked reports whether the bytes are in locked pages.
func (s *Bytes) Locked() bool { return s != nil && s.release != nil }

// Equal compares in constant time (for equal lengths).
func (s *Bytes) Equal(b []byte) bool { return subtle.ConstantTimeCompare(s.Expose(), b) == 1 }

// Clone is an independent secret with the same content, locked if s is.
func (s *Bytes) Clone() *Bytes {
	c := append([]byte(nil), s.Expose()...)
	if s.Locked() {
		return NewLocked(c)
	}
	return Take(c)
}

// Destroy overwrites and releases the bytes. It may be called more than once, and on nil.
func (s *Bytes) Destroy() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	Wipe(s.b)
	if s.release != nil {
		s.release()
		s.release = nil
	}
	s.b = nil
}

// Wipe overwrites b with zeros.
func Wipe(b []byte) {
	clear(b)
	runtime.KeepAlive(&b)
}

// String is "[redacted]".
func (s *Bytes) String() string { return Redacted }

// GoString is "[redacted]".
func (s *Bytes) GoString() string { return Redacted }

// Format writes "[redacted]" for every verb.
func (s *Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalText gives "[redacted]", for JSON, XML and flag packages.
func (s *Bytes) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue gives "[redacted]" to log/slog.
func (s *Bytes) LogValue() slog.Value { return slog.StringValue(Redacted) }
