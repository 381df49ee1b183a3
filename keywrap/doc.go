// Package keywrap holds key material and does every cryptographic operation of the key vault API with it: encrypt, decrypt,
// wrap, unwrap, sign, verify, generate, import and export. It does no I/O, speaks no HTTP and knows no JSON.
//
// A [Key] is a private or symmetric key, a [PublicKey] the public half of an RSA or EC key. Both are immutable once made and
// safe for concurrent use; make them once and keep them, because making an RSA key does the checks and precomputation
// (0.1 ms and more) that each later unwrap then does without. [Generate], the Import functions and [ParsePrivate] make keys; operations take an
// [Algorithm] by its API name ("RSA-OAEP-256", "A256KW", "ES256K"), and [Lookup] tells what an algorithm needs. Operations that need no secret
// (RSA encrypt and wrap, verify) exist on [PublicKey] too, so that a client can do them beside the vault.
//
// What the errors promise: whatever is wrong inside a ciphertext (RSA padding, GCM tag, CBC padding, key wrap integrity), the
// answer is the same value [ErrDecrypt], with no detail. What the caller can see without the key gets its own error, with
// sizes: [ErrAlgorithm], [ErrKeyType], [ErrLength], [ErrParameter], [ErrInvalidKey]. A length is public, so a ciphertext of an impossible
// length is [ErrLength]. A signature that does not verify is [ErrSignature], whatever its shape.
//
// What is not promised. RSA1_5 decryption runs in constant time up to the verdict, but the verdict itself is an answer: whoever may
// send chosen ciphertexts and see success or failure can decrypt one message in some hundred thousand calls (Bleichenbacher). The same holds
// for A128CBCPAD and its kin: unauthenticated, so failures are an oracle (Vaudenay). Use RSA-OAEP-256, AES-GCM or AES key wrap; the other
// algorithms are here because stored data needs them. P-256K (secp256k1) signing is not constant-time. Private RSA numbers
// live in math/big values that Go cannot erase reliably; bytes handed out by [Key.MarshalPrivate] belong to the caller, who
// must clear them. One GCM key may seal at most 2^32 messages; this package does not count.
//
// A Key prints as its kind and size with every fmt verb and in slog, never its secret.
//
// The form of [Key.MarshalPrivate] is versioned; later versions of this package read version 1. See DESIGN.md for the libraries beneath and the limits.
package keywrap
