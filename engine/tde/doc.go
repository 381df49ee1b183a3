// Package tde keeps a database in one file, encrypted in place below SQLite, with a key that only the key store can unwrap.
//
// [Create] makes a database, [Open] opens one, [DB.Conn] gives SQLite connections to it. The data encryption key (DEK) is
// made here ([DB.CreateKey]), wrapped by a protector of the key store through [Keys], and kept in the file's header. Keys is
// called when a database with a key is opened and when keys change, and never by a read, a write, a commit, a checkpoint or a scan.
//
// [DB.SetEncryption] switches encryption on or off and [DB.ReKey] replaces the DEK while the database is in use: a scan in the
// background rewrites the pages, within [DB.SetScanRate]; [DB.Suspend], [DB.Resume] and [DB.Cancel] control it, [DB.Status]
// tells how far it is, and it goes on after a restart or a crash. [DB.ReWrap] changes the protector alone, at once.
//
// What is promised. A commit that was acknowledged at the connection's synchronous level survives a crash at any moment,
// also amid a scan. While the state is encrypted, nothing of the content is in clear in any file. A page that was changed,
// moved, exchanged or taken from elsewhere is a [CorruptError] with file and page, never data; an error of the disk is
// another error. After a failed sync nothing more is written until the database is opened anew.
//
// Do not hand the connections to anybody who may send SQL of SQLite's: ATTACH of other files and the unsafe pragmas are refused, but
// that is a second line. Do not open a file with two processes: the second gets [ErrInUse].
//
// What is not promised, such as detecting that a whole file was replaced by an older copy of itself, is in docs/THREATS.md. How it
// works is in DESIGN.md, the format in docs/formats/database-file.md.
package tde
