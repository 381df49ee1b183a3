package keywrap

import (
	"crypto"
	"crypto/fips140"
	"fmt"
	"strings"
)

// Algorithm is an algorithm by its name in the key vault API.
type Algorithm string

// The algorithms. [Lookup] gives what each needs.
const (
	RSA15      Algorithm = "RSA1_5"       // RSAES-PKCS1-v1_5 (RFC 8017 7.2); for old data only
	RSAOAEP    Algorithm = "RSA-OAEP"     // RSAES-OAEP with SHA-1 and MGF1-SHA-1, no label
	RSAOAEP256 Algorithm = "RSA-OAEP-256" // RSAES-OAEP with SHA-256 and MGF1-SHA-256, no label

	A128GCM Algorithm = "A128GCM"
	A192GCM Algorithm = "A192GCM"
	A256GCM Algorithm = "A256GCM"

	A128CBC    Algorithm = "A128CBC" // whole blocks, no padding
	A192CBC    Algorithm = "A192CBC"
	A256CBC    Algorithm = "A256CBC"
	A128CBCPAD Algorithm = "A128CBCPAD" // PKCS#7 padding
	A192CBCPAD Algorithm = "A192CBCPAD"
	A256CBCPAD Algorithm = "A256CBCPAD"

	A128KW        Algorithm = "A128KW" // RFC 3394
	A192KW        Algorithm = "A192KW"
	A256KW        Algorithm = "A256KW"
	AESKeyWrap    Algorithm = "CKM_AES_KEY_WRAP"     // RFC 3394, any AES key size
	AESKeyWrapPad Algorithm = "CKM_AES_KEY_WRAP_PAD" // RFC 5649; 128 and 256 bit keys only, see DESIGN.md

	RS256  Algorithm = "RS256" // RSASSA-PKCS1-v1_5
	RS384  Algorithm = "RS384"
	RS512  Algorithm = "RS512"
	PS256  Algorithm = "PS256" // RSASSA-PSS, salt as long as the hash
	PS384  Algorithm = "PS384"
	PS512  Algorithm = "PS512"
	RSNULL Algorithm = "RSNULL" // PKCS#1 type 1 padding of the bytes given, no DigestInfo

	ES256  Algorithm = "ES256"  // P-256
	ES384  Algorithm = "ES384"  // P-384
	ES512  Algorithm = "ES512"  // P-521
	ES256K Algorithm = "ES256K" // P-256K (secp256k1)

	HS256 Algorithm = "HS256" // HMAC over the value as given
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"

	RSAAESKeyWrap    Algorithm = "CKM_RSA_AES_KEY_WRAP" // OAEP-SHA-1 of an AES key, then RFC 5649
	RSAAESKeyWrap256 Algorithm = "RSA_AES_KEY_WRAP_256" // the same with OAEP-SHA-256
	RSAAESKeyWrap384 Algorithm = "RSA_AES_KEY_WRAP_384" // the same with OAEP-SHA-384
)

// Op is one operation, or a set of them joined by |.
type Op uint8

// The operations.
const (
	OpEncrypt Op = 1 << iota
	OpDecrypt
	OpSign
	OpVerify
	OpWrap
	OpUnwrap
	OpTransfer // WrapTransfer and UnwrapTransfer
)

// String gives the names of the API's key_ops, joined by "|".
func (o Op) String() string {
	var names []string
	for i, name := range []string{"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "transfer"} {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Has reports whether all of ops are in o.
func (o Op) Has(ops Op) bool { return o&ops == ops }

// Info says what an algorithm does and needs.
type Info struct {
	Name  Algorithm
	Ops   Op
	Kind  Kind  // the kind of key
	Curve Curve // the curve, for EC
	Bits  int   // the exact key size in bits, 0 if several will do
	// Digest is the exact length in bytes of what Sign and Verify take; 0 means any (RSNULL up to modulus - 11, HS*
	// any message).
	Digest int
	IV     int  // length in bytes of the iv, 0 for none
	Tag    int  // length in bytes of the tag, 0 for none
	FIPS   bool // allowed in Go's FIPS 140-only mode

	hash crypto.Hash
	mode mode
}

// mode selects the code that does the work.
type mode uint8

const (
	modeRSA15 mode = iota + 1
	modeOAEP
	modeGCM
	modeCBC
	modeCBCPad
	modeKW
	modeKWP
	modePKCS1
	modePSS
	modeNull
	modeECDSA
	modeHMAC
	modeTransfer
)

const (
	opCipher = OpEncrypt | OpDecrypt
	opWrap   = OpWrap | OpUnwrap
	opSign   = OpSign | OpVerify
)

// Lookup returns what is known of an algorithm; false for an unknown name. Names are case-sensitive, as in the API.
func Lookup(alg Algorithm) (Info, bool) {
	i, ok := table(alg)
	i.Name = alg
	return i, ok
}

// Algorithms returns all algorithms in the order of the API's documentation.
func Algorithms() []Info {
	names := []Algorithm{
		RSA15, RSAOAEP, RSAOAEP256,
		A128GCM, A192GCM, A256GCM, A128CBC, A192CBC, A256CBC, A128CBCPAD, A192CBCPAD, A256CBCPAD,
		A128KW, A192KW, A256KW, AESKeyWrap, AESKeyWrapPad,
		RS256, RS384, RS512, PS256, PS384, PS512, RSNULL,
		ES256, ES384, ES512, ES256K, HS256, HS384, HS512,
		RSAAESKeyWrap, RSAAESKeyWrap256, RSAAESKeyWrap384,
	}
	infos := make([]Info, len(names))
	for i, name := range names {
		infos[i], _ = Lookup(name)
	}
	return infos
}

// table is the one table of algorithms.
func table(alg Algorithm) (Info, bool) {
	switch alg {
	case RSA15:
		return Info{Ops: opCipher | opWrap, Kind: RSA, mode: modeRSA15}, true
	case RSAOAEP:
		return Info{Ops: opCipher | opWrap, Kind: RSA, hash: crypto.SHA1, mode: modeOAEP}, true
	case RSAOAEP256:
		return Info{Ops: opCipher | opWrap, Kind: RSA, hash: crypto.SHA256, mode: modeOAEP, FIPS: true}, true

	case A128GCM:
		return Info{Ops: opCipher, Kind: Oct, Bits: 128, IV: 12, Tag: 16, mode: modeGCM, FIPS: true}, true
	case A192GCM:
		return Info{Ops: opCipher, Kind: Oct, Bits: 192, IV: 12, Tag: 16, mode: modeGCM, FIPS: true}, true
	case A256GCM:
		return Info{Ops: opCipher, Kind: Oct, Bits: 256, IV: 12, Tag: 16, mode: modeGCM, FIPS: true}, true
	case A128CBC:
		return Info{Ops: opCipher, Kind: Oct, Bits: 128, IV: 16, mode: modeCBC, FIPS: true}, true
	case A192CBC:
		return Info{Ops: opCipher, Kind: Oct, Bits: 192, IV: 16, mode: modeCBC, FIPS: true}, true
	case A256CBC:
		return Info{Ops: opCipher, Kind: Oct, Bits: 256, IV: 16, mode: modeCBC, FIPS: true}, true
	case A128CBCPAD:
		return Info{Ops: opCipher, Kind: Oct, Bits: 128, IV: 16, mode: modeCBCPad, FIPS: true}, true
	case A192CBCPAD:
		return Info{Ops: opCipher, Kind: Oct, Bits: 192, IV: 16, mode: modeCBCPad, FIPS: true}, true
	case A256CBCPAD:
		return Info{Ops: opCipher, Kind: Oct, Bits: 256, IV: 16, mode: modeCBCPad, FIPS: true}, true

	case A128KW:
		return Info{Ops: opWrap, Kind: Oct, Bits: 128, mode: modeKW, FIPS: true}, true
	case A192KW:
		return Info{Ops: opWrap, Kind: Oct, Bits: 192, mode: modeKW, FIPS: true}, true
	case A256KW:
		return Info{Ops: opWrap, Kind: Oct, Bits: 256, mode: modeKW, FIPS: true}, true
	case AESKeyWrap:
		return Info{Ops: opWrap, Kind: Oct, mode: modeKW, FIPS: true}, true
	case AESKeyWrapPad:
		return Info{Ops: opWrap, Kind: Oct, mode: modeKWP, FIPS: true}, true

	case RS256:
		return Info{Ops: opSign, Kind: RSA, Digest: 32, hash: crypto.SHA256, mode: modePKCS1, FIPS: true}, true
	case RS384:
		return Info{Ops: opSign, Kind: RSA, Digest: 48, hash: crypto.SHA384, mode: modePKCS1, FIPS: true}, true
	case RS512:
		return Info{Ops: opSign, Kind: RSA, Digest: 64, hash: crypto.SHA512, mode: modePKCS1, FIPS: true}, true
	case PS256:
		return Info{Ops: opSign, Kind: RSA, Digest: 32, hash: crypto.SHA256, mode: modePSS, FIPS: true}, true
	case PS384:
		return Info{Ops: opSign, Kind: RSA, Digest: 48, hash: crypto.SHA384, mode: modePSS, FIPS: true}, true
	case PS512:
		return Info{Ops: opSign, Kind: RSA, Digest: 64, hash: crypto.SHA512, mode: modePSS, FIPS: true}, true
	case RSNULL:
		return Info{Ops: opSign, Kind: RSA, mode: modeNull}, true

	case ES256:
		return Info{Ops: opSign, Kind: EC, Curve: P256, Bits: 256, Digest: 32, mode: modeECDSA, FIPS: true}, true
	case ES384:
		return Info{Ops: opSign, Kind: EC, Curve: P384, Bits: 384, Digest: 48, mode: modeECDSA, FIPS: true}, true
	case ES512:
		return Info{Ops: opSign, Kind: EC, Curve: P521, Bits: 521, Digest: 64, mode: modeECDSA, FIPS: true}, true
	case ES256K:
		return Info{Ops: opSign, Kind: EC, Curve: P256K, Bits: 256, Digest: 32, mode: modeECDSA}, true

	case HS256:
		return Info{Ops: opSign, Kind: Oct, hash: crypto.SHA256, mode: modeHMAC, FIPS: true}, true
	case HS384:
		return Info{Ops: opSign, Kind: Oct, hash: crypto.SHA384, mode: modeHMAC, FIPS: true}, true
	case HS512:
		return Info{Ops: opSign, Kind: Oct, hash: crypto.SHA512, mode: modeHMAC, FIPS: true}, true

	case RSAAESKeyWrap:
		return Info{Ops: OpTransfer, Kind: RSA, hash: crypto.SHA1, mode: modeTransfer}, true
	case RSAAESKeyWrap256:
		return Info{Ops: OpTransfer, Kind: RSA, hash: crypto.SHA256, mode: modeTransfer, FIPS: true}, true
	case RSAAESKeyWrap384:
		return Info{Ops: OpTransfer, Kind: RSA, hash: crypto.SHA384, mode: modeTransfer, FIPS: true}, true
	}
	return Info{}, false
}

// Fits reports whether a key of this kind, curve and size can be used with the algorithm: nil, or an ErrKeyType that says what is wanted.
func (i Info) Fits(kind Kind, curve Curve, bits int) error {
	switch {
	case kind != i.Kind:
		return fmt.Errorf("%w: %q wants a key of kind %q, this is %q", ErrKeyType, string(i.Name), i.Kind, kind)
	case i.Kind == EC && curve != i.Curve:
		return fmt.Errorf("%w: %q wants curve %q, this is %q", ErrKeyType, string(i.Name), i.Curve, curve)
	case i.Kind == Oct && i.Bits != 0 && bits != i.Bits:
		return fmt.Errorf("%w: %q wants a key of %d bits, this has %d", ErrKeyType, string(i.Name), i.Bits, bits)
	case i.mode == modeKW && !isAESBits(bits):
		return fmt.Errorf("%w: %q wants a key of 128, 192 or 256 bits, this has %d", ErrKeyType, string(i.Name), bits)
	case i.mode == modeHMAC && bits < 8*MinOctSize:
		return fmt.Errorf("%w: %q wants a key of at least %d bits, this has %d", ErrKeyType, string(i.Name), 8*MinOctSize, bits)
	case i.mode == modeKWP && bits != 128 && bits != 256:
		return fmt.Errorf("%w: %q wants a key of 128 or 256 bits, this has %d", ErrKeyType, string(i.Name), bits)
	}
	return nil
}

// check looks the algorithm up and refuses what the key, the operation or the FIPS mode does not allow. It needs no secret.
func check(alg Algorithm, op Op, kind Kind, curve Curve, bits int) (Info, error) {
	info, ok := Lookup(alg)
	if !ok {
		return info, fmt.Errorf("%w: unknown name %q", ErrAlgorithm, string(alg))
	}
	if !info.Ops.Has(op) {
		return info, fmt.Errorf("%w: %q is for %s, not for %s", ErrAlgorithm, string(alg), info.Ops, op)
	}
	if !info.FIPS && fips140.Enforced() {
		return info, fmt.Errorf("%w: %q is not allowed in FIPS 140-only mode", ErrAlgorithm, string(alg))
	}
	return info, info.Fits(kind, curve, bits)
}

func isAESBits(bits int) bool { return bits == 128 || bits == 192 || bits == 256 }
