// Package vault is the key vault service behind its REST interface: one door through which every operation goes, and the
// operations behind it. Start with [New], serve it with vault/httpapi, make vaults with [Service.CreateVault].
//
// The door is [Service.Do]. It finds the vault, validates the token, asks rbac.Decide, lets the operation count against
// the limits, and writes one audit record before anything is answered; an operation whose record cannot be written is
// refused. Nothing else makes a [Tx], and a Tx does only the operation that it was opened for. Operations are the
// methods of Tx: they take and give the shapes of package akv and their errors are *akv.Error as the service words them.
//
// A change is recorded before it is committed: a record that says Success for a changing operation means that it was
// allowed and about to be committed. If the commit then fails, a second record with the same request id and the result
// Failed withdraws it. So there is never a change without a record. See DESIGN.md.
//
// Everything is read from the store at each request, with decoded records cached by revision; several servers may share
// one store. Changes use compare-and-set and are tried again when another request was faster. Use [Service.Run] to
// let policies act: it rotates, tells of expiry and purges when due.
//
// Not here: HTTP (vault/httpapi), token issue (entra), decisions (vault/rbac), storage (vault/store).
package vault
