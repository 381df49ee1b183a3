package backup

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"latchkey/ekm"
	"latchkey/engine/backup/media"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Source is what is backed up.
type Source interface {
	// Pages is the number of pages, from 1.
	Pages() uint32
	// Page reads one into dst, tde.PageSize bytes.
	Page(dst []byte, page uint32) error
	// Header is the boot record, asked for after the last page, and the keys that it names: they may have changed since the backup began.
	Header() (head []byte, keys []media.KeyRef, err error)
}

// Keys wrap and unwrap the key of a sealed set.
type Keys interface {
	Wrap(ctx context.Context, p media.KeyRef, plain *secret.Bytes) (ekm.Wrapped, error)
	Unwrap(ctx context.Context, p media.KeyRef, w ekm.Wrapped) (*secret.Bytes, error)
}

// Progress is told how much is done, in bytes of the database.
type Progress func(done, of int64)

// Target is where a set goes and how.
type Target struct {
	FS      fsys.FS
	Path    string
	Replace bool // instead of going behind the sets that are there
	// Encrypt seals the set; its Protector names who wraps the key. nil leaves it as it is.
	Encrypt *Encrypt
	// Now is asked for the time at the end.
	Now      func() time.Time
	Progress Progress
}

// Encrypt is WITH ENCRYPTION.
type Encrypt struct {
	Algorithm string // AES_128, AES_192, AES_256
	Protector media.KeyRef
	Keys      Keys
}

// keySize is the size of an algorithm's key in bytes.
func keySize(algorithm string) (int, error) {
	switch strings.ToUpper(algorithm) {
	case "AES_128":
		return 16, nil
	case "AES_192":
		return 24, nil
	case "AES_256":
		return 32, nil
	}
	return 0, fmt.Errorf("no algorithm %q for a backup", algorithm)
}

// Full backs a database up into a new set, and reads it back. lastLSN is that of the snapshot.
func Full(ctx context.Context, t Target, h media.Header, src Source, lastLSN uint64) (media.Set, error) {
	h.Type = media.Database
	return write(ctx, t, h, func(w io.Writer) (media.End, error) {
		total := int64(src.Pages()) * tde.PageSize
		page := make([]byte, tde.PageSize)
		for n := uint32(1); n <= src.Pages(); n++ {
			if err := src.Page(page, n); err != nil {
				return media.End{}, err
			}
			if _, err := w.Write(page); err != nil {
				return media.End{}, err
			}
			if n%256 == 0 || n == src.Pages() {
				if err := ctx.Err(); err != nil {
					return media.End{}, err
				}
				if t.Progress != nil {
					t.Progress(int64(n)*tde.PageSize, total)
				}
			}
		}
		head, keys, err := src.Header()
		if err != nil {
			return media.End{}, err
		}
		return media.End{Head: head, LastLSN: lastLSN, Keys: keys}, nil
	})
}

// Stream is Full for any other content, such as a log: fill writes it.
func Stream(ctx context.Context, t Target, h media.Header, fill func(io.Writer) (media.End, error)) (media.Set, error) {
	return write(ctx, t, h, fill)
}

func write(ctx context.Context, t Target, h media.Header, fill func(io.Writer) (media.End, error)) (_ media.Set, err error) {
	var key *secret.Bytes
	if e := t.Encrypt; e != nil {
		n, err := keySize(e.Algorithm)
		if err != nil {
			return media.Set{}, err
		}
		key = secret.Random(n)
		defer key.Destroy()
		w, err := e.Keys.Wrap(ctx, e.Protector, key)
		if err != nil {
			return media.Set{}, err
		}
		h.Encryption = &media.Encryption{Algorithm: strings.ToUpper(e.Algorithm), Protector: e.Protector, WrapMethod: w.Algorithm, Wrapped: w.Blob}
	}
	w, err := media.Create(ctx, media.Options{FS: t.FS, Path: t.Path, Replace: t.Replace, Key: key}, h)
	if err != nil {
		return media.Set{}, err
	}
	defer w.Abort()
	end, err := fill(w)
	if err != nil {
		return media.Set{}, err
	}
	end.Finished = t.Now().UTC()
	return w.Finish(end)
}

// Verify checks every byte of a set (RESTORE VERIFYONLY). It needs no key.
func Verify(ctx context.Context, f fsys.FS, path string, s media.Set, p Progress) error {
	return media.Check(ctx, f, path, s, p)
}

// Open opens the stream of a set, with the key that the protector unwraps if it is sealed. Close it.
func Open(ctx context.Context, f fsys.FS, path string, s media.Set, keys Keys) (io.ReadCloser, error) {
	var key *secret.Bytes
	if e := s.Encryption; e != nil {
		n, err := keySize(e.Algorithm)
		if err != nil {
			return nil, err
		}
		if key, err = keys.Unwrap(ctx, e.Protector, ekm.Wrapped{Algorithm: e.WrapMethod, Blob: e.Wrapped}); err != nil {
			return nil, err
		}
		if key.Len() != n {
			key.Destroy()
			return nil, fmt.Errorf("the set's key has %d bytes where %s has %d", key.Len(), e.Algorithm, n)
		}
	}
	r, err := media.Open(ctx, f, path, s, key)
	if err != nil {
		key.Destroy()
		return nil, err
	}
	return &stream{r, key}, nil
}

type stream struct {
	*media.Reader
	key *secret.Bytes
}

// Close ends reading and wipes the key.
func (s *stream) Close() error {
	err := s.Reader.Close()
	s.key.Destroy()
	return err
}

// Restore makes the database file cfg.Path, which must not exist, from a set of a database. The set is checked to its last byte before the file appears.
func Restore(ctx context.Context, f fsys.FS, path string, s media.Set, keys Keys, cfg tde.Config, p Progress) error {
	if s.Type != media.Database {
		return fmt.Errorf("set %d holds no database", s.Position)
	}
	r, err := Open(ctx, f, path, s, keys)
	if err != nil {
		return err
	}
	defer r.Close()
	switch info, err := tde.HeaderInfo(s.Head); {
	case err != nil:
		return fmt.Errorf("set %d: %w: %w", s.Position, media.ErrDamaged, err)
	case int64(info.Pages)*tde.PageSize != s.Raw:
		return fmt.Errorf("set %d: its boot record has %d pages, the set %d bytes: %w", s.Position, info.Pages, s.Raw, media.ErrDamaged)
	}
	var done int64
	return tde.Restore(ctx, cfg, s.Head, func(dst []byte) error {
		if _, err := io.ReadFull(r, dst); err != nil {
			return err
		}
		if done += int64(len(dst)); done == s.Raw { // all pages are there: now the rest of the set must be right too
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				return fmt.Errorf("behind the last page: %w", err)
			}
		}
		if p != nil && done%(256*tde.PageSize) == 0 {
			p(done, s.Raw)
		}
		return nil
	})
}
