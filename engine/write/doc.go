// Package write carries out INSERT, UPDATE, DELETE, MERGE, TRUNCATE TABLE and bulk loads.
//
// [Compile] makes a [Plan] of a statement; it can be kept as long as the versions of the objects in Plan.Objects hold, and run by
// any session with equal settings. [Plan.Run] runs it on a connection in a transaction that may write (BEGIN IMMEDIATE). A run that takes
// more than one step is inside a savepoint of its own, so that a statement has its whole effect or none; identity values that it
// used are gone either way. [Bulk] takes rows from a client.
//
// Values are converted by the query that computes them and go from there to the table as cells. Violated constraints become
// messages 2627, 2601, 547 and 515 with the constraint's name and the key's values. Keys are checked when a statement ends, as SQL
// Server does: where SQLite finds a duplicate on the way, the statement is done again in two phases. Rows of OUTPUT go to
// [Run.Row] as they are written.
//
// A statement may name a view or common table expression over one table (package through). Package row has what is done to single
// rows. What is not supported is refused by name (message 40517).
package write
