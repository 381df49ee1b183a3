package directory

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/jwks"
)

// Sealer seals small secrets to a name; what was sealed under one name does not open under another. vault/seal has one.
type Sealer interface {
	Seal(name string, plain []byte) ([]byte, error)
	Open(name string, sealed []byte) ([]byte, error)
}

// Auditor keeps records; Append returns when the record is durable.
type Auditor interface {
	Append(ctx context.Context, r audit.Record) error
}

// Config opens a Directory. FS, Dir, Sealer and Audit are needed; the rest has usable zero values.
type Config struct {
	FS     fsys.FS
	Dir    string // holds entra.json and entra.lock; made if missing
	Sealer Sealer
	Audit  Auditor
	Clock  clock.Clock  // nil means the system's
	Log    *slog.Logger // background events; nil means none

	RotateKeys   time.Duration // age at which the signing key is replaced; 0 means 45 days
	PublishAhead time.Duration // how long a key is published before it signs; 0 means 24 hours
	KeepKeys     time.Duration // how long a key is published after it signed last; 0 means 105 minutes
}

// Directory is an open directory. It is safe for concurrent use.
type Directory struct {
	c    Config
	lock io.Closer
	path string

	mu    sync.Mutex // one change at a time
	state atomic.Pointer[View]
	keys  atomic.Pointer[keyRing]
	jwks  jwks.Local
}

// Names in Config.Dir.
const (
	stateFile = "entra.json"
	lockFile  = "entra.lock"
)

// Open opens a directory, or makes it with a first signing key and no tenant. Its errors carry an LK11xx code.
func Open(ctx context.Context, c Config) (*Directory, error) {
	if c.FS == nil || c.Dir == "" || c.Sealer == nil || c.Audit == nil {
		return nil, code.Wrap(code.EntraInvalid, "opening the token authority", c.Dir, errors.New("file system, directory, sealer and audit log are needed"))
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.RotateKeys <= 0 {
		c.RotateKeys = 45 * 24 * time.Hour
	}
	if c.PublishAhead <= 0 {
		c.PublishAhead = 24 * time.Hour
	}
	if c.KeepKeys <= 0 {
		c.KeepKeys = 105 * time.Minute
	}
	d := &Directory{c: c, path: filepath.Join(c.Dir, stateFile)}
	if err := c.FS.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, code.Wrap(code.EntraStateWrite, "making the token authority's directory", c.Dir, err)
	}
	lock, err := c.FS.Lock(filepath.Join(c.Dir, lockFile))
	if errors.Is(err, fsys.ErrLocked) {
		return nil, code.Wrap(code.EntraLocked, "opening the token authority", c.Dir, err)
	}
	if err != nil {
		return nil, code.Wrap(code.EntraStateWrite, "locking the token authority", c.Dir, err)
	}
	d.lock = lock
	if err := d.start(ctx); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *Directory) start(ctx context.Context) error {
	raw, err := fsys.ReadFile(d.c.FS, d.path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return d.create(ctx)
	}
	if err != nil {
		return code.Wrap(code.EntraStateDamaged, "reading the token authority's state", d.path, err)
	}
	st, err := decodeState(raw, d.c.Sealer)
	if err != nil {
		return code.Wrap(codeOr(err, code.EntraStateDamaged), "reading the token authority's state", d.path, err)
	}
	snap, err := newView(st)
	if err != nil {
		return code.Wrap(code.EntraStateDamaged, "reading the token authority's state", d.path, err)
	}
	ring, err := openKeys(st.Keys, d.c.Sealer)
	if err != nil {
		return code.Wrap(codeOr(err, code.EntraStateDamaged), "opening the signing keys", d.path, err)
	}
	d.adopt(snap, ring)
	return nil
}

// Close releases the directory. Nothing may use it any more.
func (d *Directory) Close() error { return d.lock.Close() }

// Keys are the public signing keys, for a token validator in this process.
func (d *Directory) Keys() *jwks.Local { return &d.jwks }

// View is what is there now.
func (d *Directory) View() *View { return d.state.Load() }

// adopt makes a saved state the current one.
func (d *Directory) adopt(v *View, ring *keyRing) {
	d.jwks.Store(ring.public) // first: nobody signs with a key that validators do not know
	d.keys.Store(ring)
	d.state.Store(v)
}
