// Package backup makes backup sets of databases, checks them and restores from them. The sets' form is package media's; what a set of a database holds is the pages of a
// [tde.Snapshot] as they lie in the file, so that the pages of an encrypted database are sealed in its backup too, under the same key, and a restore needs that key's
// protector and nothing else. Which keys these are stands in the set's description in clear.
//
// Full writes a set, reads all of it back from the file before it says that it is done, and leaves no trace if anything fails. Verify checks every byte.
// Restore makes the database file; it appears whole or not at all.
//
// A set may be sealed besides under a key of its own, which a protector wraps (BACKUP ... WITH ENCRYPTION): Encrypt and Keys.
package backup
