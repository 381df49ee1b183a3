package tde

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"latchkey/ekm/code"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
)

// Sentinels; errors.Is finds them at any depth, beside the code of package ekm/code that each carries.
var (
	// ErrCorrupt: what is in the file is not what Latchkey wrote there. [CorruptError] tells where.
	ErrCorrupt = errors.New("database is corrupt or was tampered with")
	// ErrState: the state of encryption does not allow the operation, for example because a scan is under way.
	ErrState = errors.New("not possible in this state of encryption")
	// ErrKeys: the key store did not unwrap the database's key.
	ErrKeys = errors.New("database key cannot be unwrapped")
	// ErrInUse: another process, or this one, has the database open.
	ErrInUse = errors.New("database is in use")
	// ErrNotEncrypted: Config.RequireEncrypted is set and the file is not encrypted.
	ErrNotEncrypted = errors.New("database is not encrypted")
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("database is closed")
)

// CorruptError tells where content is not what it should be. It matches ErrCorrupt and code.DatabaseCorrupt.
type CorruptError struct {
	File string
	Page uint64 // from 1; in the log (a name that ends in "-wal") the frame; 0: the file as a whole
	Err  error
}

// Error names the place and the reason.
func (e *CorruptError) Error() string {
	what := ""
	if e.Page != 0 {
		what = fmt.Sprintf(" at page %d", e.Page)
	}
	return fmt.Sprintf("%v: %q%s: %v", code.DatabaseCorrupt, e.File, what, e.Err)
}

// Unwrap gives what errors.Is looks for.
func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, code.DatabaseCorrupt, e.Err} }

// mapped gives err its type and code. SQLite's own codes stay reachable.
func mapped(op, path string, err error) error {
	var e *sealvfs.Error
	var typed *CorruptError
	switch {
	case err == nil || errors.As(err, &typed) || code.Of(err) != 0:
		return err
	case errors.As(err, &e) && e.Corrupt():
		return &CorruptError{File: e.File, Page: e.Number, Err: e.Err}
	case errors.Is(err, header.ErrCorrupt), errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return &CorruptError{File: path, Err: err}
	case errors.Is(err, header.ErrNotDatabase):
		return code.Wrap(code.DatabaseNotOurs, op, path, err)
	case errors.Is(err, header.ErrVersion):
		return code.Wrap(code.DatabaseNewer, op, path, err)
	case errors.Is(err, fsys.ErrLocked):
		return code.Wrap(code.DatabaseInUse, op, path, errors.Join(ErrInUse, err))
	}
	return code.Wrap(code.DatabaseIO, op, path, err)
}

func stateErr(op string, s header.State) error {
	return code.Wrap(code.DatabaseState, op, "", fmt.Errorf("%w: %v", ErrState, s))
}
