package akv

import (
	"encoding/json"
	"fmt"
	"io"
)

// Key types (kty).
const (
	KtyRSA    = "RSA"
	KtyRSAHSM = "RSA-HSM"
	KtyEC     = "EC"
	KtyECHSM  = "EC-HSM"
	KtyOct    = "oct"
	KtyOctHSM = "oct-HSM"
)

// Key operations (key_ops).
const (
	OpEncrypt   = "encrypt"
	OpDecrypt   = "decrypt"
	OpSign      = "sign"
	OpVerify    = "verify"
	OpWrapKey   = "wrapKey"
	OpUnwrapKey = "unwrapKey"
	OpImport    = "import"
	OpExport    = "export"
)

// JWK is a JSON web key as the API spells it. Replies carry its public members only. It prints as "[redacted]".
type JWK struct {
	KID    string   `json:"kid,omitempty"`
	Kty    string   `json:"kty,omitempty"`
	KeyOps []string `json:"key_ops,omitempty"`

	N Bytes `json:"n,omitempty"` // RSA
	E Bytes `json:"e,omitempty"`

	Crv string `json:"crv,omitempty"` // EC
	X   Bytes  `json:"x,omitempty"`
	Y   Bytes  `json:"y,omitempty"`

	// Private members, in import only.
	D      Bytes `json:"d,omitempty"`
	DP     Bytes `json:"dp,omitempty"`
	DQ     Bytes `json:"dq,omitempty"`
	QI     Bytes `json:"qi,omitempty"`
	P      Bytes `json:"p,omitempty"`
	Q      Bytes `json:"q,omitempty"`
	K      Bytes `json:"k,omitempty"`       // oct
	KeyHSM Bytes `json:"key_hsm,omitempty"` // a wrapped key: import by transfer, and release
}

// Format prints "[redacted]" for every verb.
func (k JWK) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// UnmarshalJSON reads a JWK. Unknown members are ignored as RFC 7517 section 4 demands, also under a strict decoder.
func (k *JWK) UnmarshalJSON(text []byte) error {
	type plain JWK
	return json.Unmarshal(text, (*plain)(k))
}

// Attributes are a key version's attributes. Writable are Enabled, NotBefore, Expires and Exportable.
type Attributes struct {
	Enabled         *bool        `json:"enabled,omitempty"`
	NotBefore       *int64       `json:"nbf,omitempty"` // Unix seconds
	Expires         *int64       `json:"exp,omitempty"`
	Created         *int64       `json:"created,omitempty"`
	Updated         *int64       `json:"updated,omitempty"`
	RecoveryLevel   string       `json:"recoveryLevel,omitempty"`
	RecoverableDays *int         `json:"recoverableDays,omitempty"` // from 7.1
	Exportable      *bool        `json:"exportable,omitempty"`      // from 7.2
	HSMPlatform     string       `json:"hsmPlatform,omitempty"`     // from 7.5
	KeySize         *int         `json:"key_size,omitempty"`        // from 2026-01-01-preview, bits
	Attestation     *Attestation `json:"attestation,omitempty"`     // of the attestation route, from 7.6
}

// Attestation is what proves where a key lives.
type Attestation struct {
	CertificatePEM        Bytes  `json:"certificatePemFile,omitempty"`
	PrivateKeyAttestation Bytes  `json:"privateKeyAttestation,omitempty"`
	PublicKeyAttestation  Bytes  `json:"publicKeyAttestation,omitempty"`
	Version               string `json:"version,omitempty"`
}

// ReleasePolicy says to whom a key may be released.
type ReleasePolicy struct {
	ContentType string `json:"contentType,omitempty"` // default "application/json; charset=utf-8"
	Data        Bytes  `json:"data,omitempty"`        // the policy's JSON
	Immutable   *bool  `json:"immutable,omitempty"`
}

// KeyBundle is a key version in replies.
type KeyBundle struct {
	Key           *JWK              `json:"key,omitempty"`
	Attributes    *Attributes       `json:"attributes,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	Managed       bool              `json:"managed,omitempty"`
	ReleasePolicy *ReleasePolicy    `json:"release_policy,omitempty"`
}

// Deletion says when a key was deleted and when it goes for good.
type Deletion struct {
	RecoveryID         string `json:"recoveryId,omitempty"`
	DeletedDate        *int64 `json:"deletedDate,omitempty"` // Unix seconds
	ScheduledPurgeDate *int64 `json:"scheduledPurgeDate,omitempty"`
}

// DeletedKeyBundle is a deleted key in replies.
type DeletedKeyBundle struct {
	KeyBundle
	Deletion
}

// KeyItem is a key or version in lists, a deleted key too.
type KeyItem struct {
	KID        string            `json:"kid"`
	Attributes *Attributes       `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Managed    bool              `json:"managed,omitempty"`
	Deletion
}

// KeyList is a page of a list. NextLink is null on the last page.
type KeyList struct {
	Value    []KeyItem `json:"value"`
	NextLink *string   `json:"nextLink"`
}
