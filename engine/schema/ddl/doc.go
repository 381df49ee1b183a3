// Package ddl carries out the statements that define what a database holds: CREATE, ALTER and DROP of tables, indexes, views,
// procedures, functions, triggers, schemas, sequences, synonyms and types, and sp_rename.
//
// [Run] is the one entry for statements. It works inside the transaction that the connection has open, which must be one that may
// write (BEGIN IMMEDIATE): the SQLite tables and our own rows about them change together, and a rollback undoes both. On an
// error the caller undoes what the statement did: run it inside a savepoint.
//
// A table is a STRICT table of SQLite with its columns, defaults left out (package write computes them), computed columns as
// generated ones, checks and foreign keys by their object ids as names. Keys and indexes are SQLite indexes of their own, except for
// a primary key of one integer column, which is the rowid. What SQLite cannot alter is done by building the table anew under its
// old name inside the transaction.
//
// Refused by name (message 40517): filegroups other than PRIMARY, partitions, columnstore, memory-optimized, temporal, graph and
// external tables, masked and encrypted columns, sparse column sets, full-text, XML and spatial indexes.
package ddl
