// Package key has the operations on keys of a database: master keys ([CreateMaster], [AlterMaster], [DropMaster]), asymmetric keys
// ([CreateAsymmetric], [AlterAsymmetric], [DropAsymmetric]), certificates ([CreateCertificate], [AlterCertificate], [DropCertificate],
// [BackupCertificate]) and symmetric keys ([CreateSymmetric], [AlterSymmetric], [DropSymmetric]).
//
// Keys are native, made here and kept sealed under the database master key or a password, or of a provider, where they stay: then
// the metadata has their thumbprint and public half. [OpenMaster], [OpenSymmetric], [Private] and [Protector] give keys to the
// executor for use; who receives a secret destroys it. The operations own the passwords and open keys that they are given, unless a
// field says otherwise.
//
// Native asymmetric keys are RSA of 2048, 3072 or 4096 bits; smaller ones are message 15314. Native symmetric keys are AES; the
// older algorithms are message 33128 at compatibility level 130 and above and 15314 below. KEY_SOURCE and IDENTITY_VALUE make
// the same key again on every server of ours; not the same as SQL Server makes. A certificate's private key travels in a sealed form of
// our own, or as PKCS#8 without a password; PVK files are not read.
package key
