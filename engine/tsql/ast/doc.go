// Package ast holds the shapes of T-SQL statements.
//
// A [Batch] is a list of statements; nodes are plain structs with exported fields, made by package parse and printed by
// package format. Conventions that hold throughout:
//
//   - Names are decoded: no brackets, no doubled quotes, case as written. An [ObjectName] keeps empty middle parts (db..t).
//   - Words of the grammar (ON, FULL, NOCOUNT) are upper case. Strings like Kind or Mode hold one of the words listed there.
//   - Lists of options that the grammar leaves open are []*Option in the order written; what a statement needs most has
//     fields of its own.
//   - Passwords, credential secrets and key sources are *secret.Bytes inside [Secret]: they print as [redacted].
//   - A construct that is recognised and carried but means nothing here is [Unsupported] or has a Raw field with its text.
//     Whoever executes a tree must refuse these by name.
//   - Conditions ([Condition]) and scalar expressions ([Expr]) are told apart by the parser, as the server does.
//
// Trees from the parser are bounded in depth. They may share nothing and may be changed by their owner.
package ast
