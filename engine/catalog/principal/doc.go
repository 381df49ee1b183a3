// Package principal has the operations on logins, server roles, users, database roles and schemas: [CreateLogin], [AlterLogin],
// [DropLogin], [CreateServerRole], [DropServerRole], [ServerMember], [CreateUser], [AlterUser], [DropUser], [CreateRole], [DropRole],
// [RoleMember], [CreateSchema], [DropSchema], [Authorize].
//
// Passwords are hashed before they enter the metadata (package password); the operations own those that they are given and destroy
// them. Logins from asymmetric keys and certificates cannot connect; they hold permissions and credentials. Windows
// accounts are not known here: a login FROM WINDOWS is message 15401.
package principal
