// Package security parses the key-management dialect and the statements around it: cryptographic providers, credentials,
// logins, users, roles, keys, certificates, database encryption keys, permissions and EXECUTE AS.
//
// Options come in any order. Nothing here is reserved but what T-SQL reserves: a login may be called PROVIDER. Secrets go from
// the token into an ast.Secret and into no other field.
package security
