package keymap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// Limits of the file, in bytes and lines.
const (
	maxFile    = 64 << 20
	maxField   = 1024
	maxEntries = 200_000
)

// header is the first line; the number is the format's version. A file with another number is refused, not rewritten.
const header = "latchkey-keymap 1"

// lockWait is how long a writer waits for another process; lockPoll how often it looks.
const (
	lockWait = 5 * time.Second
	lockPoll = 20 * time.Millisecond
)

// File is the map in a file. It is safe for concurrent use, between processes too. Make one with OpenFile.
type File struct {
	fs    fsys.FS
	name  string
	clock clock.Clock

	mu      sync.Mutex
	entries map[mapKey]string
	stamp   stamp
	loaded  bool // entries are what the file holds, unless stamp says otherwise
	known   bool // entries are what the file held once
	damaged func(error)
}

type mapKey struct {
	vault string
	thumb ekm.Thumbprint
}

// stamp tells that another process replaced the file.
type stamp struct {
	mod  time.Time
	size int64
	// fresh is a file that was young when it was read: a second change may have left its time and size as they were.
	fresh bool
}

// young is how long after its last change a file may be changed again without its time showing it.
const young = 2 * time.Second

func (f *File) stampOf(fi fs.FileInfo) stamp {
	return stamp{mod: fi.ModTime(), size: fi.Size(), fresh: f.clock.Now().Sub(fi.ModTime()) < young}
}

// OpenFile makes the map over a file, which need not exist yet. damaged is called, with locks held, when the file could not be
// read as a map and was set aside; it may be nil. A nil clock is the system's.
func OpenFile(files fsys.FS, name string, c clock.Clock, damaged func(error)) *File {
	if c == nil {
		c = clock.System{}
	}
	return &File{fs: files, name: name, clock: c, damaged: damaged}
}

// Get finds the URI of a thumbprint at a vault.
func (f *File) Get(_ context.Context, vault string, t ekm.Thumbprint) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := mapKey{vault, t}
	if err := f.refreshLocked(); err != nil {
		if uri, ok := f.entries[k]; ok && f.known { // what was read before keeps no database closed
			return uri, nil
		}
		return "", err
	}
	if uri, ok := f.entries[k]; ok {
		return uri, nil
	}
	return "", ErrNotFound
}

// Put adds an entry. The same entry again is no change; another URI for the thumbprint is code 2057.
func (f *File) Put(ctx context.Context, e Entry) error {
	if err := e.check(); err != nil {
		return code.Wrap(code.InvalidArgument, "registering the key", e.URI, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k := mapKey{e.Vault, e.Thumbprint}
	if f.loaded && e.same(Entry{e.Vault, e.Thumbprint, f.entries[k]}) && f.currentLocked() {
		return nil
	}
	if b, err := fsys.ReadFile(f.fs, f.name, maxFile); err == nil { // what is there needs no right to write
		if entries, err := Decode(b); err == nil && slices.ContainsFunc(entries, e.same) {
			return nil
		}
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock.Close()
	f.loaded = false
	if err := f.refreshLocked(); err != nil {
		return err
	}
	if have, ok := f.entries[k]; ok {
		if e.same(Entry{e.Vault, e.Thumbprint, have}) {
			return nil
		}
		return conflict(Entry{e.Vault, e.Thumbprint, have}, e)
	}
	f.entries[k] = e.URI
	if err := f.writeLocked(); err != nil {
		delete(f.entries, k)
		return failure("writing the thumbprint map", f.name, err)
	}
	return nil
}

// Replace puts an entry in the place of what the map says of its thumbprint at its vault, if it says anything: for a key that lives elsewhere now.
// Whoever calls it has shown that it is the same key.
func (f *File) Replace(ctx context.Context, e Entry) error {
	if err := e.check(); err != nil {
		return code.Wrap(code.InvalidArgument, "registering the key", e.URI, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock.Close()
	f.loaded = false
	if err := f.refreshLocked(); err != nil {
		return err
	}
	k := mapKey{e.Vault, e.Thumbprint}
	if f.entries[k] == e.URI {
		return nil
	}
	f.entries[k] = e.URI
	if err := f.writeLocked(); err != nil {
		f.entries = nil // what the file holds is read again
		return failure("writing the thumbprint map", f.name, err)
	}
	return nil
}

// Remove takes an entry out, for a map that is to be mended; ErrNotFound if it is not there.
func (f *File) Remove(ctx context.Context, vault string, t ekm.Thumbprint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock.Close()
	f.loaded = false
	if err := f.refreshLocked(); err != nil {
		return err
	}
	k := mapKey{vault, t}
	have, ok := f.entries[k]
	if !ok {
		return ErrNotFound
	}
	delete(f.entries, k)
	if err := f.writeLocked(); err != nil {
		f.entries[k] = have
		return failure("writing the thumbprint map", f.name, err)
	}
	return nil
}

// Entries lists the map, sorted by vault and thumbprint.
func (f *File) Entries(context.Context) ([]Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loaded = false
	if err := f.refreshLocked(); err != nil {
		return nil, err
	}
	return sorted(f.entries), nil
}

// Check shows that the map can be read and written, by writing it anew; code 2058 if not. A damaged map is code.MapDamaged and left
// where it is.
func (f *File) Check(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock.Close()
	if b, err := fsys.ReadFile(f.fs, f.name, maxFile); err == nil {
		if _, err := Decode(b); errors.Is(err, ErrDamaged) || errors.Is(err, ErrForeign) {
			return code.Wrap(code.MapDamaged, "reading the thumbprint map", f.name, err)
		}
	}
	f.loaded = false
	if err := f.refreshLocked(); err != nil {
		return err
	}
	if err := f.writeLocked(); err != nil {
		return failure("writing the thumbprint map", f.name, err)
	}
	return nil
}

// String is the file's name.
func (f *File) String() string { return f.name }

// lock takes the lock between processes and waits a while for it.
func (f *File) lock(ctx context.Context) (io.Closer, error) {
	if err := f.fs.MkdirAll(filepath.Dir(f.name), 0o700); err != nil {
		return nil, failure("making the directory of the thumbprint map", f.name, err)
	}
	end := f.clock.Now().Add(lockWait)
	for {
		l, err := f.fs.Lock(f.name + ".lock")
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, fsys.ErrLocked) || f.clock.Now().After(end) {
			return nil, failure("locking the thumbprint map", f.name, err)
		}
		if err := clock.Sleep(ctx, f.clock, lockPoll); err != nil {
			return nil, failure("locking the thumbprint map", f.name, err)
		}
	}
}

// currentLocked reports whether what is loaded is what the file holds.
func (f *File) currentLocked() bool {
	fi, err := f.fs.Stat(f.name)
	return err == nil && f.stamp.mod.Equal(fi.ModTime()) && f.stamp.size == fi.Size() && !f.stamp.fresh
}

// Sound reads the file and changes nothing: code.MapDamaged, with ErrDamaged or ErrForeign, if it is no map, 2058 if it cannot be read, nil if it is not there.
func (f *File) Sound() error {
	b, err := fsys.ReadFile(f.fs, f.name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if _, err = Decode(b); errors.Is(err, ErrDamaged) || errors.Is(err, ErrForeign) {
			return code.Wrap(code.MapDamaged, "reading the thumbprint map", f.name, err)
		}
	}
	if err != nil {
		return failure("reading the thumbprint map", f.name, err)
	}
	return nil
}

// refreshLocked loads the file unless it is loaded and unchanged. A damaged map is set aside: what it said can be had from the
// vault, and a map that is refused for ever would keep databases closed. Somebody else's file is refused and left where it is.
func (f *File) refreshLocked() error {
	if f.loaded && f.currentLocked() {
		return nil
	}
	b, err := fsys.ReadFile(f.fs, f.name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		f.entries, f.loaded, f.known, f.stamp = map[mapKey]string{}, true, true, stamp{}
		return nil
	}
	if err != nil {
		return failure("reading the thumbprint map", f.name, err)
	}
	entries, err := Decode(b)
	switch {
	case errors.Is(err, ErrVersion), errors.Is(err, ErrForeign):
		return failure("reading the thumbprint map", f.name, err)
	case err != nil:
		if err := f.setAsideLocked(err); err != nil {
			return err
		}
		f.entries, f.loaded, f.known, f.stamp = map[mapKey]string{}, true, true, stamp{}
		return nil
	}
	f.entries = make(map[mapKey]string, len(entries))
	for _, e := range entries {
		f.entries[mapKey{e.Vault, e.Thumbprint}] = e.URI
	}
	f.stamp, f.loaded, f.known = stamp{}, true, true
	if fi, err := f.fs.Stat(f.name); err == nil && fi.Size() == int64(len(b)) {
		f.stamp = f.stampOf(fi)
	}
	return nil
}

func (f *File) setAsideLocked(why error) error {
	aside := f.name + ".damaged-" + f.clock.Now().UTC().Format("20060102T150405Z")
	err := f.fs.Rename(f.name, aside)
	if err == nil {
		err = f.fs.SyncDir(filepath.Dir(f.name))
	}
	if err != nil {
		return failure("setting the damaged thumbprint map aside", f.name, err)
	}
	if f.damaged != nil {
		f.damaged(code.Wrap(code.MapDamaged, "reading the thumbprint map", f.name, fmt.Errorf("%w; it lies in %q now", why, aside)))
	}
	return nil
}

func (f *File) writeLocked() error {
	f.loaded = false
	b := Encode(sorted(f.entries))
	if len(f.entries) > maxEntries || len(b) > maxFile { // what could not be read again must not be written
		return fmt.Errorf("it has %d entries in %d bytes, at most %d in %d are kept", len(f.entries), len(b), maxEntries, maxFile)
	}
	if err := fsys.WriteFile(f.fs, f.name, b, 0o600); err != nil {
		return err
	}
	f.loaded = true
	f.stamp = stamp{}
	if fi, err := f.fs.Stat(f.name); err == nil {
		f.stamp = f.stampOf(fi)
	}
	return nil
}

func sorted(m map[mapKey]string) []Entry {
	out := make([]Entry, 0, len(m))
	for k, uri := range m {
		out = append(out, Entry{k.vault, k.thumb, uri})
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if c := strings.Compare(a.Vault, b.Vault); c != 0 {
			return c
		}
		return strings.Compare(string(a.Thumbprint), string(b.Thumbprint))
	})
	return out
}

// The errors of Decode.
var (
	// ErrDamaged is a file that is no map, is cut off, or fails its checksum.
	ErrDamaged = errors.New("the file is damaged")
	// ErrForeign is a file that never was a map, as far as can be told: somebody else's. It is left alone.
	ErrForeign = errors.New("the file is no thumbprint map")
	// ErrVersion is a map that a newer program wrote.
	ErrVersion = errors.New("the file is of a version that this program does not know")
)

// Encode makes the file: the header, a line "THUMBPRINT VAULT URI" per entry, and a line "sha256 HEX" over all before it.
func Encode(entries []Entry) []byte {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s %s\n", e.Thumbprint.Hex(), e.Vault, e.URI)
	}
	sum := sha256.Sum256(b.Bytes())
	fmt.Fprintf(&b, "sha256 %s\n", hex.EncodeToString(sum[:]))
	return b.Bytes()
}

// tail is the length of the last line.
const tail = len("sha256 ") + 2*sha256.Size + 1

// wasMap reports whether a file that does not begin as a map may have been one: it is empty, or all zeros as a power cut leaves files, or has a map's name or last line.
func wasMap(b []byte) bool {
	if bytes.HasPrefix(b, []byte("latchkey-keymap")) || len(bytes.TrimLeft(b, "\x00")) == 0 {
		return true
	}
	if len(b) < tail {
		return false
	}
	last := b[len(b)-tail:]
	_, err := hex.DecodeString(string(last[len("sha256 ") : tail-1]))
	return bytes.HasPrefix(last, []byte("sha256 ")) && err == nil
}

// Decode reads what Encode made; every other byte sequence is ErrDamaged, ErrForeign or ErrVersion.
func Decode(b []byte) ([]Entry, error) {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	if string(first) != header {
		if name, version, ok := strings.Cut(string(first), " "); ok && name == "latchkey-keymap" && len(version) < 8 && version != "" {
			return nil, fmt.Errorf("%w: %q", ErrVersion, version)
		}
		if !wasMap(b) {
			return nil, fmt.Errorf("%w: it does not begin with %q", ErrForeign, header)
		}
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrDamaged, header)
	}
	if len(b) < len(header)+1+tail {
		return nil, fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	body, last := b[:len(b)-tail], b[len(b)-tail:]
	sum := sha256.Sum256(body)
	if string(last) != "sha256 "+hex.EncodeToString(sum[:])+"\n" {
		return nil, fmt.Errorf("%w: the checksum is wrong", ErrDamaged)
	}
	var out []Entry
	for line := range bytes.Lines(body[len(header)+1:]) {
		fields := strings.Split(strings.TrimSuffix(string(line), "\n"), " ")
		if len(fields) != 3 || len(out) >= maxEntries {
			return nil, fmt.Errorf("%w: line %d has %d fields, want 3", ErrDamaged, len(out)+2, len(fields))
		}
		t, err := ekm.ParseThumbprint(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, len(out)+2, err)
		}
		e := Entry{Vault: fields[1], Thumbprint: t, URI: fields[2]}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, len(out)+2, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// check refuses what a line cannot hold.
func (e Entry) check() error {
	if len(e.Thumbprint) == 0 || len(e.Thumbprint) > ekm.MaxThumbprintLen {
		return fmt.Errorf("a thumbprint of %d bytes", len(e.Thumbprint))
	}
	for _, s := range []string{e.Vault, e.URI} {
		if s == "" || len(s) > maxField {
			return fmt.Errorf("a URL of %d bytes, want 1 to %d", len(s), maxField)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xFFFD }) {
			return fmt.Errorf("a blank or control character in %q", s)
		}
	}
	return nil
}
