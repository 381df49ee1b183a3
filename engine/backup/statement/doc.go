// Package statement carries out BACKUP and RESTORE of databases and logs, for sessions: Handler takes these statements.
//
// A full backup of a database whose recovery model is not SIMPLE begins its log chain; BACKUP LOG continues it, RESTORE ... WITH NORECOVERY and RESTORE LOG bring a
// database to the end of the chain or to a time (STOPAT). Every backup is read back before it counts, whatever CHECKSUM says.
//
// Not there, and refused by name: differential backups, stripes and mirrors, tapes and URLs, file and page restores, STANDBY, marks, backups of system databases. BLOCKSIZE and other
// options that tune devices have no effect.
//
// A database stays under the keys of the full backup that it was restored from, whatever the logs behind it were written under. One whose full backup is from before its encryption
// is restored in clear, with a warning. MOVE takes a name; files stay in the server's folder of databases, and an absolute path elsewhere is refused. No backup is written over a file that
// is none, nor into the server's own folders.
package statement
