// Package credential has the operations on credentials and cryptographic providers: [Create], [Alter] and [Drop] of a credential,
// [Map] and [Unmap] between credentials and logins, [CreateProvider], [AlterProvider] and [DropProvider].
//
// A secret is sealed under the service master key before it enters the metadata, bound to its row, and never shown again. The
// operations own the secrets that they are given and destroy them when they are over.
//
// A credential is mapped to one login at most (message 33042), as the documented order of steps wants it, unless the
// catalogue is set to share them; a login holds one credential for a provider (33043).
package credential
