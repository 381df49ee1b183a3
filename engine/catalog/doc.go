// Package catalog is the one door to a server's metadata: logins, permissions, credentials, providers, keys, certificates, server
// options and databases.
//
// [Open] one over a [Store]. [Catalog.Do] carries out an [Operation] for a [Caller]: it checks the permission and every rule of the
// statement, changes a draft of the metadata, stores the change durably, and only then lets others see it. Several operations in one
// Do are one change. A refusal is a *msg.Error with SQL Server's number, severity, state and text; what only informs comes back in
// the [Result]. The operations are in the packages beside: principal (logins, users, roles), grant, credential (credentials and
// providers), key (keys and certificates), database (databases, their options and encryption keys, server options).
//
// [Catalog.State] is the metadata as of now, immutable; [perm.For] answers questions about permissions on it, package views shows it as
// system views, package authn lets logins in. Readers never wait for writers.
//
// A change is atomic and durable by itself: it is not part of the user's transaction and ROLLBACK does not undo it. Statements
// that SQL Server allows inside a transaction are for the executor to refuse there or to run at once.
//
// Slow work, such as making keys or calling a provider, is done before the door's lock is taken ([Preparer]), on a snapshot; Apply
// checks the rules again. Secrets reach the store sealed under the service master key alone. What the catalogue cannot know
// (sessions, running scans) it asks of a [Runtime], which the executor implements.
package catalog
