// Package entra is a token authority: the part of Entra ID that a key vault and its callers need when there is no Entra ID.
// Unmodified SDK credentials get tokens from it, and vault/token trusts what it signs.
//
// Open an [Authority] on a directory; serve [Authority.Handler] over https under the names login.microsoftonline.com,
// login.windows.net or its own; serve [Authority.IMDS] and [Authority.Arc] on loopback for managed identities; run
// [Authority.Run] so that signing keys roll over. Tenants, applications and their credentials are made with the methods of
// the Authority; every one of them is durable when the method returns. [Authority.Keys] hands the public keys to a vault
// in the same process; others read the key set over https.
//
// Applications prove themselves with a client secret, an assertion signed with a registered certificate, or a token of a
// federated issuer. There are no users, no consent, no refresh tokens and no interactive login.
//
// Promises. A secret is shown once, by the call that made it; what is kept is a salted hash. Signing keys lie on disk
// sealed; the state file carries a sealed digest, so that whoever can write the file but not unseal cannot add a
// credential. A token or a refusal is answered only after its audit record is durable; without a record there is no token.
// Clients that fail to authenticate are throttled per application and address. Every size from the network is bounded.
//
// Not promised. Disabling an application stops new tokens; those out live until they expire, at most [MaxTokenLife]. An
// attacker who can put back an old state file brings old credentials back. Assertions that were seen are remembered in
// memory: after a restart one may be used again until it expires. DESIGN.md has the reasons and the file format.
package entra
