// Package logchain keeps what was committed to a database after a full backup, for backups of its log: the frames of the write-ahead log, copied before SQLite
// starts the log over, in the order of their commits.
//
// A chain is a directory of segments beside the database. A segment is a run of frames of one log, as they lie in that log (sealed, if the database was), with
// the database's header of that moment, which names and holds, wrapped, the keys that open them; so a segment needs nothing but the protector. Its name is the number (LSN) of its
// first frame; frames are numbered from the chain's beginning and never again. Segments appear whole or not at all.
//
// Open the chain with Open, begin one with Create. Append adds a segment, durably; Copy writes segments to a backup, Trim removes those that a backup holds.
// Reader reads what Copy wrote. docs/formats/database-file.md describes the bytes.
package logchain
