// Package row puts rows into tables, changes and deletes them, one at a time: what the statements of package write are made of.
//
// A [Target] is the table. An [Inserter] adds what a row's source does not give (defaults, identity, row version), an [Updater] changes
// rows by their rowid and parks keys in the way, an [Output] makes the rows of an OUTPUT clause. An [Execution] is one run with its
// session and its savepoints; its Violation turns what SQLite says of a violated constraint into SQL Server's message.
//
// Inserters, updaters and outputs are immutable and shared by runs; what begins with their Begin belongs to one.
package row
