// Package schema knows what a database holds: tables with their columns, constraints and indexes, views, procedures, functions,
// triggers, sequences, synonyms, types and schemas.
//
// A [Shared] belongs to one open database (or one session's temporary database) and is what its connections have in common:
// the cache of snapshots, the identity counters, the row version. [Shared.Snapshot] gives the immutable [Snapshot] that holds
// for the transaction of a connection: it reads one row to learn the version, and the definitions only when that changed.
// Uncommitted changes of a connection's own are in its snapshots and in nobody else's, since versions are random and never
// used twice. [Snapshot.Lookup] finds objects by name as the database's collation compares names.
//
// Definitions are rows of tables of our own inside the same SQLite database, so that they commit and roll back with the data.
// The format has a version; a newer one is refused. [Edit] writes them; package ddl, above, turns statements into edits.
//
// Names in SQLite are not names in T-SQL. Use [Table.SQL] and [Column.Quoted]: renaming an object changes no name in SQLite, and
// names that SQLite could not tell apart ("a"."b.c" and "a.b"."c", or Id and ID under a case-sensitive collation) are stored
// differently. All of it belongs to one database; permissions and principals are the catalogue's.
package schema
