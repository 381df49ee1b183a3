// Package sealvfs is the file system that SQLite sees: a database's pages, its write-ahead log and its temporary files,
// sealed on the way to disk. SQLite cannot tell that it is there.
//
// A [Store] is the files of one open database, shared by all its connections; [Store.Register] gives it a name under
// which SQLite opens them. One process owns a database (the caller locks it), so page and connection locks live in memory.
// All files go through fsys, but one: SQLite keeps the index of its log in memory that connections share, and the
// binding builds such memory only over a file of the operating system. That file lies in a directory of its own, in
// memory where the system has such a file system (/dev/shm), holds page numbers and nothing of any page, and goes with the Store.
//
// What it promises. A page or frame that does not authenticate, that is in a state which the database's [Policy] does not
// allow, or that is missing where one was durable, is an [Error] that names file and number, and never data. SQLite is
// shown an I/O error; [Store] keeps the typed one for the connection ([LastError]). Nothing is written in clear while the
// ring seals: no rollback journal exists, no file is mapped into memory, temporary files are always sealed under a key of their own.
// After a failed sync nothing more is written until the database is opened anew, because what the failed one left on
// disk is unknown.
//
// See DESIGN.md of package tde for how the parts work together.
package sealvfs
