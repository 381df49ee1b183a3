// Package perm decides who may do what: the permissions of SQL Server by name, class and type code, what covers what, and the
// evaluation of GRANT, DENY, roles and ownership over a model.State.
//
// Make an [Eval] of a state for one principal with [For] and ask it: [Eval.Server], [Eval.Database], [Eval.Object], [Eval.Any]. An
// Eval belongs to its state; make a new one after a change. The rules:
//
//   - members of sysadmin may do everything, and nothing denies them; so may dbo in a database and an owner on what it owns;
//   - a DENY of a permission, or of one that covers it, to any of the principal's identities wins over every GRANT;
//   - a permission is held if it, or one that covers it, was granted to any identity: the principal, its roles, public;
//   - fixed roles hold fixed permissions; on the server nothing can be denied to them but through the members.
//
// Deny by default: an unknown permission or class is held by nobody but those whom nothing denies.
package perm
