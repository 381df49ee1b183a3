// Package store is the vault's storage contract: an ordered map of keys to small values with revisions, atomic
// multi-key compare-and-set and watches. It is small enough for an embedded file (boltstore) and for an etcd cluster, and
// package storetest checks any implementation of it.
//
// Each method is one etcd call, so that the contract suits a cluster: Get and List are a Range (List's revision is the
// header's; prefix and after make the range, limit the limit); Commit is a Txn whose compares are on mod_revision (0 where
// the key must not exist, as in etcd) and whose revision is the header's; Watch is a Watch from rev+1, ErrCompacted is
// etcd's, and a channel that closes is a watcher that was cancelled. Item.Rev is mod_revision. ErrUnavailable is a Txn that
// ended in a timeout or without a leader, ErrFull the NOSPACE alarm. MaxOps is above etcd's default: a cluster needs
// --max-txn-ops=512, and --max-request-bytes above its 1.5 MiB for commits of several large values.
//
// Values arrive sealed: a store never sees a private key in clear. Keys are printable paths such as
// "v/latchkey-dev/k/ContosoRSAKey0"; they are visible on disk.
package store

import (
	"context"
	"errors"
)

// Bounds that every implementation enforces with ErrTooLarge.
const (
	MaxKeyLen   = 1024    // bytes
	MaxValueLen = 1 << 20 // bytes
	MaxOps      = 512     // conditions plus operations of one commit
)

// Errors of every implementation.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict means that a condition did not hold; nothing was changed. Read again and decide anew.
	ErrConflict = errors.New("changed by someone else")
	// ErrTooLarge means that a key, value or commit is over its bound; nothing was changed.
	ErrTooLarge = errors.New("too large for the store")
	// ErrInvalid means that a key is empty or not printable, or stands in two ops of one commit; nothing was changed.
	ErrInvalid = errors.New("invalid key")
	// ErrCompacted means that a watch asked for changes that are no longer kept: list, then watch from there.
	ErrCompacted = errors.New("changes no longer kept")
	// ErrUnavailable means that the store cannot say whether a commit took place, or takes none until it is reopened:
	// after a failed sync, or without a quorum. Reads may still work.
	ErrUnavailable = errors.New("store unavailable")
	// ErrFull means that there is no room; nothing was changed.
	ErrFull = errors.New("no space left in the store")
)

// Item is a key with its value.
type Item struct {
	Key   string
	Value []byte // the caller's own copy
	Rev   int64  // the store's revision at which the value was written, from 1
}

// Cond is a condition of a commit: the key's current revision is Rev; 0 means that the key does not exist.
type Cond struct {
	Key string
	Rev int64
}

// Op puts a value or, when Delete is set, deletes the key if it exists.
type Op struct {
	Key    string
	Value  []byte
	Delete bool
}

// Event is a change that a watch reports.
type Event struct {
	Item    // for a deletion Value is nil and Rev the revision of the deletion
	Deleted bool
}

// Store is the contract. Implementations are safe for concurrent use.
type Store interface {
	// Get reads one key: ErrNotFound if it is not there.
	Get(ctx context.Context, key string) (Item, error)
	// List reads, in key order, at most limit items (limit <= 0: all) whose key begins with prefix and is greater than
	// after. It returns the store's revision that the list shows.
	List(ctx context.Context, prefix, after string, limit int) ([]Item, int64, error)
	// Commit applies all ops at one new revision if all conditions hold, else none (ErrConflict). It is durable when it
	// returns. A key may stand in at most one op.
	Commit(ctx context.Context, conds []Cond, ops []Op) (rev int64, err error)
	// Watch reports every change under prefix after revision rev, in order, each at least once, until ctx ends; then the
	// channel is closed. A watcher that falls too far behind finds the channel closed with ctx alive: it lists again.
	Watch(ctx context.Context, prefix string, rev int64) (<-chan Event, error)
}
