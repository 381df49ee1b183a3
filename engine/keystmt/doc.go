// Package keystmt carries out the key-management dialect: statements on providers, credentials, logins, users and roles, keys and
// certificates, master keys, permissions, EXECUTE AS, server options, databases and their encryption keys.
//
// A [Dialect] is one for a server. [Dialect.Run] takes a statement's tree and a [Session]; it turns the one into operations of the
// catalogue, which checks permissions and rules, and tells the session what is to be told. Package plug joins it to package exec.
// The parts: provider (sessions with providers, the engine's own access to keys), ring (keys that a session has open), keyfunc
// (functions that use them), keyfile (files of certificates), keyview (what views ask of the running server).
//
// Who acts. A statement that needs a provider uses the credential of the caller's login and none under EXECUTE AS (33048). The engine's
// own access to keys, when a database is opened or its key changes, uses the credential of the login that was made from the key.
//
// What changes here is not part of the user's transaction: it takes effect at once and ROLLBACK does not undo it. DROP, and whatever
// concerns a database, is therefore refused inside a transaction (226); SQL Server refuses there the statements on databases alone.
//
// Secrets of a statement's tree stay the tree's: operations get copies, which they destroy. What is recognised and not done is
// refused by its name (40517).
package keystmt
