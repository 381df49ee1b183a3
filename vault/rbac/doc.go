// Package rbac decides whether a caller may do something in a vault. It is pure: no I/O, no clock, no state. The vault
// keeps an [Access] per vault, asks [Decide] before every operation and writes the [Decision] into the audit log.
//
// Everything is denied unless something allows it. An action that the package does not know, a role that does not exist,
// a principal without tenant or object id, a model that is not set, an address that cannot be read: each is a denial, never
// an error that could be overlooked. The one exception follows the real service: a [Firewall] that was never configured
// lets every address in.
//
// The order of checks is that of the real service: the network first, then the model. A vault has one of two models.
// With [ModelRBAC] roles are assigned to principals at scopes; data actions of a role match with wildcards, its
// NotDataActions take away from the same permission set only. With [ModelPolicy] a list of access policies gives
// permissions to a user, application or group, or to a user through one application (compound identity). The other
// model's entries stay stored and are ignored. A managed HSM has roles only, under its own action names and scopes.
//
// Built-in roles are data: roles.json holds the published definitions, [BuiltIn] lists them. Custom roles live in
// Access.Roles. What a role allows in the control plane (its Actions) means nothing here.
//
// Choices where the published facts are silent: "all" in an access policy means every permission of the table, purge
// included. The HSM's Crypto User may draw random bytes. In an HSM a rotation policy is read with keys/read and written
// with keys/write. Deny assignments and management groups do not exist; an assignment scoped to a management group never
// matches. Changes act at once: nothing here is cached.
//
// Decide does not allocate when it allows. It looks at assignments one after the other, about 10 ns each.
package rbac
