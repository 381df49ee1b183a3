// Package model is what a server's metadata is made of: rows of logins, credentials, providers, databases, keys and the rest, in
// tables, in a [State] that never changes once it is published.
//
// A change is made on [State.Draft], a cheap copy that shares all rows; [Table.Put], [Table.Edit] and [Table.Delete] copy what
// they touch. [State.Changes] lists what a draft changed as records, one per row, which a store keeps; [Load] builds a state from
// them. Rows must not be changed in place: take them by Edit, and replace slices rather than store into them.
//
// The package decides nothing: rules and permissions live in engine/catalog and its other packages. Secrets are in rows in sealed
// form alone (Credential.Secret, AsymmetricKey.Private, KeyEncryption.Property), passwords as salted hashes.
//
// Names compare as SQL_Latin1_General_CP1_CI_AS does for the letters that names are made of: without case, without trailing
// blanks ([SameName]).
package model
