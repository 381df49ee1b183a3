// Package keyfunc is the functions that use keys: ENCRYPTBYKEY and its kin, and what tells of keys by name, id or GUID.
//
// A [Functions] answers for one session: who calls, in which database, with which keys open ([ring.Ring]). Keys of a provider are used
// in the provider, under the credential of the caller's login, and need no OPEN.
//
// NULL, a nil slice here, is the answer to whatever is not there, not open, not permitted or does not decrypt, as SQL Server has it:
// a caller learns nothing else. Errors are for what a caller should act upon: a password that is missing (15334), a private key that does
// not open or that the provider denies (15556), a session with a provider (33046, 33028), a result over 8,000 bytes (8152).
//
// Formats are SQL Server's own of 2017 and later. A ciphertext of ENCRYPTBYKEY: the key's GUID as SQL Server stores it (16 bytes), the
// version 02 00 00 00, an initialisation vector (16), AES-CBC with PKCS #7 of the inner message. ENCRYPTBYPASSPHRASE is the same without
// the GUID, under AES-256 with SHA-256 of the passphrase in UTF-16LE, or of its bytes for varchar: what SQL Server 2017 and later wrote
// opens here. The inner message: 0D F0 AD BA, length of the hash and length of the text (16 bits, least byte first), the hash, the text.
// The hash is there with an authenticator: SHA-256 over text and authenticator; its form on a real server is not known, so ciphertexts
// with an authenticator are ours alone. Asymmetric keys and certificates encrypt with RSA PKCS #1 v1.5, least byte first.
// Ciphertexts of a provider's keys have the provider's form behind GUID and version.
//
// CBC without a tag does not prove who wrote a ciphertext: who needs that uses an authenticator, or another tool. A passphrase is
// hashed once, so a short one is guessed quickly: the format leaves no choice.
package keyfunc
