// Package lite is a SQLite connection that knows SQL Server's collations, functions, aggregates and virtual views.
//
// [Open] wraps a connection of tde. [Conn.Use] says for which statement it works now: the context that interrupts it and the
// fn.Env that functions ask. [Conn.Prepare] gives statements from a bounded cache; bind and read them with package cell.
// [Conn.View] makes a view or a table-valued function that Go fills. [Conn.Attach] adds another database, [Conn.AttachTemp] the
// session's temporary one, which is in memory.
//
// Every error of SQLite goes through [Conn.Err], or is returned by a method that did so: an error of a call is the *sqltype.Error that
// the function gave, a violated constraint a [Constraint], and the rest match [ErrBusy], [ErrSnapshot], [ErrInterrupted],
// [ErrFull], [ErrTooBig] or what tde reports (corruption, disks).
//
// A Conn is for one goroutine at a time. Collations and lk, lkv, lk_agg are registered when SQL first names them. Sizes are bounded:
// text of a statement, columns, depth, a value of 2^31-1 bytes less a page.
package lite
