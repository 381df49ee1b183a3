package tde

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde/sealvfs"
)

// Mark is a place in a database's log: the end of a commit. The zero Mark is before all.
type Mark struct{ m sealvfs.Mark }

// Ahead lets the connection read commits of [Conn.CommitEarly] that are not durable yet, or ends that; without, it waits for them. Call it
// before BEGIN IMMEDIATE, and take the database's Mark behind it: nobody may be told what depends on reads of the connection before that
// Mark is [DB.Durable], nor may it be used for anything else until then. CommitEarly ends it.
func (c *Conn) Ahead(on bool) { c.early.Ahead(on) }

// CommitEarly runs commit, which is a COMMIT of a transaction that writes to the connection's main database. When it returns, the transaction is
// in the log and the next writer may go on, but a power cut may lose it, and all later ones with it, until its Mark is [DB.Durable]: tell nobody before. One
// sync makes many of them durable. An error means that nothing was committed, or, after an error of the disk, that it is not known. It is no different from COMMIT with Config.NormalSync.
func (c *Conn) CommitEarly(commit func() error) (Mark, error) {
	m, err := c.early.Commit(commit)
	if err == nil {
		c.early.Ahead(false)
	}
	return Mark{m}, err
}

// Mark is the end of the last commit by [Conn.CommitEarly].
func (db *DB) Mark() Mark { return Mark{db.store.Mark()} }

// Durable waits until everything up to m survives a power cut. After an error it may be lost, or be found at the next opening, and nothing more
// is written until then ([DB.Failed]).
func (db *DB) Durable(m Mark) error {
	err := db.store.Await(m.m)
	if errors.Is(err, syscall.ENOSPC) { // as SQLite says it of a commit
		err = fmt.Errorf("%w (%w)", err, sqlite3.FULL)
	}
	return mapped("syncing the log", db.cfg.Path, err)
}
