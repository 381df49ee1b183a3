// Package ekm is the contract between whoever needs a key that stays elsewhere (the engine, the agent, commands) and
// whoever reaches it (the connector). It maps one to one to the 17 functions that SQL Server calls in an EKM library, in
// Go terms; nothing of Azure, of HTTP or of a key store's names is in it.
//
//	SqlCryptInitializeProvider, FreeProvider     making a Provider, Provider.Close
//	SqlCryptGetProviderInfo                      Provider.Info
//	SqlCryptGetNextAlgorithmId, GetAlgorithmInfo Provider.Algorithms
//	SqlCryptOpenSession, CloseSession            Provider.OpenSession, Session.Close
//	SqlCryptGetKeyInfoByName, ByThumb            Finder.KeyByName, KeyByThumbprint
//	SqlCryptGetNextKeyId, GetKeyInfoByKeyId      Finder.Keys
//	SqlCryptCreateKey, DropKey, ImportKey        Manager
//	SqlCryptExportKey                            Finder.PublicKey
//	SqlCryptEncrypt, Decrypt                     Wrapper.Wrap, Unwrap
//
// Every error that an implementation returns is, or wraps, a *code.Error of package ekm/code in the provider's space, so
// that callers across a C boundary can pass its number on. Implementations are safe for concurrent use: many sessions,
// and many calls in one session, at once.
package ekm

import (
	"context"
	"iter"

	"latchkey/internal/secret"
)

// Limits of the interface, in bytes unless said; what exceeds them is refused before it reaches a provider.
const (
	MaxNameLen       = 512  // a key's name, as UTF-16LE: 256 characters
	MaxThumbprintLen = 32   // what the interface carries; ours are ThumbprintLen
	MaxBlobLen       = 2048 // an exported public key
)

// Provider is an EKM library, loaded and initialised.
type Provider interface {
	// Info describes the provider. It is constant while the provider lives.
	Info() ProviderInfo
	// Algorithms lists the key algorithms in strictly increasing order of their ID.
	Algorithms() []Algorithm
	// OpenSession authenticates with a credential. A nil credential is only for providers whose Auth is AuthOther.
	OpenSession(ctx context.Context, cred *Credential) (Session, error)
	// Close ends the provider: sessions that are still open fail afterwards.
	Close() error
}

// Session is an authenticated use of a provider. Its calls may run at the same time.
type Session interface {
	Finder
	Manager
	Wrapper
	// Close ends the session. With abort, calls in flight are cut short and return code.Failure; without, they finish.
	Close(abort bool) error
}

// Finder finds keys and reads what is public of them.
type Finder interface {
	// KeyByName finds a key by the name that the user gave (PROVIDER_KEY_NAME), registers it under its thumbprint and
	// pins the version that it resolved to.
	KeyByName(ctx context.Context, name string) (KeyInfo, error)
	// KeyByThumbprint finds a key that KeyByName has registered before, in this or an earlier process.
	KeyByThumbprint(ctx context.Context, t Thumbprint) (KeyInfo, error)
	// PublicKey exports the public half.
	PublicKey(ctx context.Context, t Thumbprint) (PublicKey, error)
	// Keys enumerates the keys that the session can see; a provider that does not enumerate yields none.
	Keys(ctx context.Context) iter.Seq2[KeyInfo, error]
}

// Manager makes and removes keys in the key store. A provider that leaves that to the store's own tools answers every
// call with code.NotSupported.
type Manager interface {
	// CreateKey makes a key of the given algorithm.
	CreateKey(ctx context.Context, name string, alg AlgorithmID) (Thumbprint, error)
	// DropKey removes the key from the store (REMOVE PROVIDER KEY).
	DropKey(ctx context.Context, t Thumbprint) error
	// ImportKey is never called by SQL Server; it exists because the interface has it.
	ImportKey(ctx context.Context, name string, blob []byte) (Thumbprint, error)
}

// Wrapper encrypts and decrypts small secrets, such as a DEK, under a key that stays in the store.
type Wrapper interface {
	// Wrap encrypts at most a few hundred bytes (the key's size less its padding) under the pinned version.
	Wrap(ctx context.Context, t Thumbprint, plain *secret.Bytes) (Wrapped, error)
	// Unwrap decrypts what Wrap, or another provider under the same key, made. With an empty Wrapped.Algorithm the
	// provider finds the padding out. The caller destroys the result.
	Unwrap(ctx context.Context, t Thumbprint, w Wrapped) (*secret.Bytes, error)
}

// Wrapped is a secret encrypted under a key of the store.
type Wrapped struct {
	// Algorithm is the padding that made it, by its JOSE name ("RSA-OAEP-256", "RSA-OAEP", "RSA1_5"); "" if unknown.
	Algorithm string
	// Blob is the ciphertext, big-endian, as long as the key's modulus.
	Blob []byte
}

// Auth is how sessions authenticate (sqlcrypt's authentication type).
type Auth int32

// The authentication types.
const (
	AuthOther Auth = 0 // no credential is handed over
	AuthBasic Auth = 1 // IDENTITY and SECRET of a SQL credential
)

// Support says what a provider does with one kind of keys, as the interface's bits.
type Support uint32

// The bits of Support.
const (
	Supported  Support = 1
	Volatile   Support = 2 // keys do not outlive the session
	Exportable Support = 4
	Importable Support = 8
)

// Version is a version as the interface carries it.
type Version struct {
	Major, Minor uint8
	Build        uint16
	Revision     uint8
}

// ProviderInfo describes a provider.
type ProviderInfo struct {
	Name           string   // friendly name, at most 1,024 characters
	GUID           [16]byte // constant across builds, in RFC 4122 byte order
	Version        Version  // stored by SQL Server at CREATE; a change needs ALTER CRYPTOGRAPHIC PROVIDER
	API            Version  // of the interface: 1.1
	Auth           Auth
	Symmetric      Support
	Asymmetric     Support
	ThumbprintLen  int  // maximum, bytes
	AcceptsKeyName bool // keys are made under a name of the caller's choice
}

// AlgorithmID numbers a provider's algorithms from 1; 0 is "none".
type AlgorithmID uint32

// Algorithm is a kind of key that a provider serves.
type Algorithm struct {
	ID         AlgorithmID
	Tag        string // the name that SQL Server knows, such as "RSA_2048"
	Bits       int
	Asymmetric bool
	IVBits     int // 0 for asymmetric ones
}

// Credential is what a SQL credential holds.
type Credential struct {
	// Name is the credential's own name. With the identity "Managed Identity" it names the key store.
	Name string
	// Identity is the IDENTITY: for the connector the vault.
	Identity string
	// Secret is the SECRET; nil where the credential has none. The session keeps no reference after it was closed.
	Secret *secret.Bytes
}

// KeyInfo describes a key of the store.
type KeyInfo struct {
	Name       string // as the caller gave it
	Thumbprint Thumbprint
	Algorithm  AlgorithmID
	Bits       int
	URI        string // full and pinned: it names the version
	Flags      Support
}

// PublicKey is the public half of an RSA key.
type PublicKey struct {
	N []byte // modulus, big-endian, no leading zeros
	E uint32 // public exponent
}
