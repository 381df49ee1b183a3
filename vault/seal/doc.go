// Package seal keeps values unreadable at rest. A [Sealer] seals and opens values under data keys that lie in the store,
// wrapped by a root key that does not: [ParseSource] and [Source.Load] get that from a file, the environment, a passphrase,
// a service manager's credential, or, for development only, a file beside the data.
//
// Two layers, so that both can be changed: [Sealer.ChangeRoot] wraps the ring anew under another root key, one small atomic
// write however much is sealed. [Sealer.NewDataKey] and [Sealer.Reseal] move every value to a new data key, step by step,
// and can be interrupted. [BackupKeys] holds the keys of key backups, which may be exported to another installation.
//
// Values are AES-256-GCM. Each gets a key of its own (HKDF-SHA-256 over the data key, the purpose and 16 random bytes), so
// that no key ever seals two values and the limit of random nonces is never near, without counting. The associated data
// is the purpose and the record's name: a value that was moved to another record does not open. Everything used of the
// standard library works under GODEBUG=fips140=only; Argon2id (passphrases only) is not an approved algorithm.
//
// Errors carry a code: SealKeyWrong (another root key) is told apart from SealDamaged. What is not protected: names and
// sizes of records, an older state of the whole store put back, and anything from a reader of the process's memory. The
// formats are described in docs/formats/seal.md.
package seal
