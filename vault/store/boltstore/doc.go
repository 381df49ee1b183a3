// Package boltstore is the embedded implementation of store.Store: one bbolt file, one process. Open it with [Open]; a
// second process gets a clear refusal. Close it to let the file go.
//
// Promises. A commit that returned nil is there after kill -9 and after a power cut, as a whole. Commits that wait at the
// same time share one transaction and its two fsyncs; each one's conditions see those before it. A read never shows
// a commit that is not durable yet: it waits for the sync, or fails. After a failed write for want of room nothing was
// changed and the next commit may succeed (store.ErrFull). After a failed sync nobody knows what the disk holds: the store
// takes no more commits (store.ErrUnavailable) until it is opened again, which writes the last state anew before it trusts
// it; reads go on as long as what they show is known to be durable.
//
// bbolt reads through a memory map and syncs through a file descriptor of its own, so this package cannot go through
// internal/fsys and its fault injection. Its promises are shown instead by tests that kill a child process during commits
// and that make its system calls fail with strace. A map also means that an unreadable disk block arrives as a memory
// fault: it is caught and becomes an error of that read (code StoreDamaged). DESIGN.md tells the choices.
package boltstore
