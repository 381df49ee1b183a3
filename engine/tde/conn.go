package tde

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde/sealvfs"
)

const (
	checkpointTruncate = sqlite3.CHECKPOINT_TRUNCATE
	checkpointPassive  = sqlite3.CHECKPOINT_PASSIVE
	checkpointRestart  = sqlite3.CHECKPOINT_RESTART
)

// Conn is a SQLite connection to a DB. Like sqlite3.Conn it is for one goroutine at a time. Close it before the DB.
//
// Copying the log back is the DB's matter: leave WALHook to it, and call [DB.Checkpoint], as a checkpoint by SQL is SQLITE_BUSY while one of the DB is under way.
//
// Its methods return SQLite's errors; pass them, and those of statements, through [Conn.Err] to learn what really happened.
type Conn struct {
	*sqlite3.Conn
	db    *DB
	early *sealvfs.Early
}

// Conn opens a connection. ctx is for the opening only; see sqlite3.Conn.SetInterrupt. The journal is a write-ahead log and
// stays one, synchronous is as configured, waiting for locks ends after 10 s.
func (db *DB) Conn(ctx context.Context) (*Conn, error) {
	if db.closed.Load() {
		return nil, ErrClosed
	}
	c, err := db.connect(ctx)
	return c, mapped("connecting to the database", db.cfg.Path, err)
}

func (db *DB) connect(ctx context.Context) (*Conn, error) {
	raw, err := sqlite3.OpenContext(ctx, db.uri)
	if err != nil {
		if below := db.store.LastError(); below != nil && isStorage(err) {
			err = fmt.Errorf("%w (%w)", below, err)
		}
		return nil, err
	}
	c := &Conn{Conn: raw, db: db, early: sealvfs.EarlyOf(raw)}
	level := "FULL"
	if db.cfg.NormalSync {
		level = "NORMAL"
	}
	if c.early == nil {
		err = errors.New("the connection is not to encrypted storage")
	}
	if err == nil {
		err = raw.BusyTimeout(10 * time.Second)
	}
	if err == nil {
		err = raw.Exec("PRAGMA synchronous=" + level)
	}
	if err == nil {
		err = raw.Exec("SELECT count(*) FROM sqlite_schema") // reads page 1: a bad file is told now
	}
	if err == nil {
		_, err = raw.Config(sqlite3.DBCONFIG_DEFENSIVE, true)
	}
	if err == nil {
		err = raw.SetAuthorizer(c.authorize)
	}
	raw.WALHook(c.committed) // in place of SQLite's own, which copies the log back within the commit
	if err != nil {
		err = c.Err(err)
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// Version is sealvfs.Store.Version of the connection's main database.
func (c *Conn) Version() (version uint64, quiet bool) { return c.db.store.Version() }

// committed tells the database that was written to; it may be one that is attached.
func (c *Conn) committed(raw *sqlite3.Conn, schema string, frames int) error {
	if schema == "main" {
		c.db.committed(int64(frames))
	} else {
		sealvfs.Committed(raw, schema, int64(frames))
	}
	return nil
}

// authorize refuses to attach what is not a database of this package: another file system would write in clear.
//
// The name is empty if it is an expression, which could be anything, and for the database that VACUUM makes for itself. Only
// VACUUM switches defensive mode off while it works; SQL cannot.
func (c *Conn) authorize(action sqlite3.AuthorizerActionCode, name, _, _, _ string) sqlite3.AuthorizerReturnCode {
	switch {
	case action != sqlite3.AUTH_ATTACH || ours(name) || inMemory(name):
		return sqlite3.AUTH_OK
	case name == "":
		if defensive, err := c.Config(sqlite3.DBCONFIG_DEFENSIVE); err == nil && !defensive {
			return sqlite3.AUTH_OK
		}
	}
	return sqlite3.AUTH_DENY
}

// ours reports whether name is what [DB.URI] gives for some database.
func ours(name string) bool {
	path, vfs, ok := strings.Cut(strings.TrimPrefix(name, "file:/"), "?vfs=")
	return ok && path == vfs && strings.HasPrefix(name, "file:/latchkey-") && !strings.ContainsAny(vfs, "/.&?#%")
}

// URI is the name under which another database's connections may ATTACH this one, while it is open.
func (db *DB) URI() string { return db.uri }

// Err gives an error of SQLite its type and code: [CorruptError], an error of the disk, or, unchanged, one of SQL.
func (c *Conn) Err(err error) error {
	if err == nil {
		return nil
	}
	below := sealvfs.LastError(c.Conn)
	switch {
	case below != nil && isStorage(err):
		below = mapped("using the database", c.db.cfg.Path, below)
		return fmt.Errorf("%w (%w)", below, err)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.FULL):
		return mapped("using the database", c.db.cfg.Path, err)
	}
	return err
}

func isStorage(err error) bool {
	for _, c := range []sqlite3.ErrorCode{sqlite3.IOERR, sqlite3.CORRUPT, sqlite3.NOTADB, sqlite3.FULL, sqlite3.CANTOPEN, sqlite3.PROTOCOL} {
		if errors.Is(err, c) {
			return true
		}
	}
	return false
}

// ErrBackup is the answer of SQLite's backup interface, which would write to or read from any file, in clear.
var ErrBackup = errors.New("sqlite's backup interface is not available on encrypted storage: use snapshots")

// Backup is refused; see [DB.Snapshot].
func (c *Conn) Backup(_, _ string) error { return ErrBackup }

// BackupInit is refused; see [DB.Snapshot].
func (c *Conn) BackupInit(_, _ string) (*sqlite3.Backup, error) { return nil, ErrBackup }

// Restore is refused; see [Restore].
func (c *Conn) Restore(_, _ string) error { return ErrBackup }

// Exec runs SQL without results. Its errors have gone through Err.
func (c *Conn) Exec(sql string) error { return c.Err(c.Conn.Exec(sql)) }

// checkpoint copies the log back and empties it, waiting for readers that need it.
func (db *DB) checkpoint(ctx context.Context) error {
	for wait := checkpointRetry; ; wait = longer(wait) {
		if err := db.tryCheckpoint(); !errors.Is(err, sqlite3.BUSY) {
			return err
		}
		if err := sleep(ctx, db.cfg.Clock, wait); err != nil {
			return err
		}
	}
}

// tryCheckpoint is [sqlite3.BUSY] if a reader still needs the log. SQLite keeps writers out while it waits for readers, so the
// keeper waits for checkpointWait only, and the pauses between two tries grow: a reader that stays for hours costs writers little.
func (db *DB) tryCheckpoint() error {
	db.keeper.Lock()
	defer db.keeper.Unlock()
	c := db.keeper.c
	if c == nil {
		return ErrClosed
	}
	_, _, err := c.WALCheckpoint("main", checkpointTruncate)
	return c.Err(err)
}

// longer is the pause after a pause of d.
func longer(d time.Duration) time.Duration { return min(2*d, checkpointPause) }

// Checkpoint copies the log back into the file and empties it, waiting for readers that still need it.
func (db *DB) Checkpoint(ctx context.Context) error {
	return mapped("checkpointing", db.cfg.Path, db.checkpoint(ctx))
}

// Sweep removes what killed processes left in memory outside of database files: the indexes of their logs. Call it once when a server starts.
func Sweep() error { return sealvfs.SweepIndexes() }
