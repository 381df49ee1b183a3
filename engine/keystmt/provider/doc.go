// Package provider is the cryptographic providers of a running server and the sessions with them.
//
// A [Set] finds the library that FROM FILE names: a provider that the composer handed in, by its file's name in whatever folder the
// statement has it ([Builtin]), or a shared library through a [Loader]. It is what package catalog calls Providers.
//
// Two kinds of sessions come out of it. [Set.OpenSession] opens one for a statement that makes keys; the catalogue closes it.
// [Set.Borrow] lends one that is shared: one for each provider and credential, at most Config.MaxSessions kept, closed when it was
// not used for Config.Idle, when its credential was changed or dropped, or when it failed. So ALTER CREDENTIAL takes effect at the
// next use, without a restart; a session that is in use meanwhile is told the new credential if the provider can
// ([CredentialChanger]).
//
// [Keys] is tde.Keys over both: the engine's own access to the keys that protect databases. It uses the credential of the login
// that was made from the asymmetric key, never that of who runs a statement; a certificate's private key is opened by the master key
// of master. [Access] is the other identity: keys in use under the credential of the caller's login.
//
// Errors are *msg.Error with the provider's number in their text. A secret is unsealed for the moment of opening a session and
// destroyed after it.
package provider
