// Package views shows a server's metadata as SQL Server's catalogue views and dynamic management views: [Columns] are a view's columns
// with their types in order, [Rows] its rows as one caller may see them.
//
// What a view shows follows the caller: a key or certificate is there for who holds any permission on it, a credential for VIEW ANY
// DEFINITION or ALTER ANY CREDENTIAL, a principal for itself, for public ones and for VIEW ANY DEFINITION. A DMV that asks for VIEW
// SERVER STATE refuses with messages 300 and 297. Password hashes are there for CONTROL SERVER alone; the secret of a credential is in
// no view.
//
// What only the running server knows, sessions with providers, open keys and encryption scans, comes from a [Runtime]. Columns of
// what this server does not have are NULL or 0, never made up. [Property] is SERVERPROPERTY, [ConfigRows] what sp_configure shows.
//
// sys.dm_cryptographic_provider_keys enumerates keys with a session of the caller's, so it is the executor's to open: [KeyRow]
// makes its rows. sys.dm_db_log_info (package engine) and the result sets of RESTORE are of the packages that know logs and backups.
package views
