// Package door holds the vaults of an installation, who may use them, and the one way in. Package vault puts the operations on
// keys behind it; use that, unless you write operations.
//
// [Door.Do] finds the vault, validates the token, asks rbac.Decide, and gives a [Tx] to the operation; when that ends, it writes
// the audit record and gives the reply's error. Nothing else makes a Tx but [Door.System], for what the clock asks for, and
// the administration of vaults ([Door.CreateVault] and its kin), which goes through the same record keeping. An
// operation changes the store through [Tx.Change] or [Tx.Commit] alone, which write the record first: a change without a record cannot happen. An
// operation calls [Tx.Opened] first, so that one opened for reading cannot be used to write, and [Tx.Charge] once it knows the key.
package door
