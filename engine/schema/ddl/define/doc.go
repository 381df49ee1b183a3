// Package define makes definitions of tables and what SQLite has of them: what the statements of package ddl are made of.
//
// A [Change] is a statement under way: its environment and the edit of the definitions. A [Builder] takes columns, constraints and
// indexes of a syntax tree into a table's definition, with SQL Server's messages for what may not be. Create and Rebuild of a Change
// make the SQLite table after it; Rebuild copies the rows, through [Pieces] where a column has a new type or value.
package define
