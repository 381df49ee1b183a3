// Package install is a data directory: everything of an installation that lasts, opened in one order and closed in the reverse.
// Lock, seal key, store, seal, then the audit log and the keys that hang on the seal; the token authority on demand. It serves
// nothing and decides nothing: package compose makes servers of it, package admin changes what is in it.
package install
