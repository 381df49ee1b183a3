package akv

import (
	"fmt"
	"io"
)

// CreateKey is the body of POST /keys/{name}/create.
type CreateKey struct {
	Kty            string            `json:"kty"`
	KeySize        *int              `json:"key_size,omitempty"` // bits
	PublicExponent *int              `json:"public_exponent,omitempty"`
	KeyOps         []string          `json:"key_ops,omitempty"`
	Attributes     *Attributes       `json:"attributes,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	Crv            string            `json:"crv,omitempty"`
	ReleasePolicy  *ReleasePolicy    `json:"release_policy,omitempty"`
}

// ImportKey is the body of PUT /keys/{name}.
type ImportKey struct {
	HSM           *bool             `json:"Hsm,omitempty"` // capital H
	Key           *JWK              `json:"key"`
	Attributes    *Attributes       `json:"attributes,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	ReleasePolicy *ReleasePolicy    `json:"release_policy,omitempty"`
}

// UpdateKey is the body of PATCH /keys/{name}/{version}: absent members are kept, tags are replaced as a whole.
type UpdateKey struct {
	KeyOps        []string          `json:"key_ops,omitempty"`
	Attributes    *Attributes       `json:"attributes,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	ReleasePolicy *ReleasePolicy    `json:"release_policy,omitempty"`
}

// OpParams is the body of encrypt, decrypt, wrapkey and unwrapkey, and of sign, where Value is the digest.
type OpParams struct {
	Alg   string `json:"alg"`
	Value Bytes  `json:"value"`
	IV    Bytes  `json:"iv,omitempty"`
	AAD   Bytes  `json:"aad,omitempty"`
	Tag   Bytes  `json:"tag,omitempty"`
}

// Format prints "[redacted]" for every verb: Value may be a plaintext.
func (p OpParams) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// OpResult is the reply to those.
type OpResult struct {
	KID   string `json:"kid"`
	Value Bytes  `json:"value"`
	IV    Bytes  `json:"iv,omitempty"`
	Tag   Bytes  `json:"tag,omitempty"`
	AAD   Bytes  `json:"aad,omitempty"`
	Alg   string `json:"alg,omitempty"` // Managed HSM only
}

// Format prints "[redacted]" for every verb: Value may be a plaintext.
func (r OpResult) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// VerifyParams is the body of verify: Value is the signature.
type VerifyParams struct {
	Alg    string `json:"alg"`
	Digest Bytes  `json:"digest"`
	Value  Bytes  `json:"value"`
}

// VerifyResult is the reply to verify. Alg and KID are given by Managed HSM only.
type VerifyResult struct {
	Value bool   `json:"value"`
	Alg   string `json:"alg,omitempty"`
	KID   string `json:"kid,omitempty"`
}

// ReleaseParams is the body of release: Target is the attestation token of the environment that asks.
type ReleaseParams struct {
	Target string `json:"target"`
	Nonce  string `json:"nonce,omitempty"`
	Enc    string `json:"enc,omitempty"` // default CKM_RSA_AES_KEY_WRAP
}

// ReleaseResult is the reply to release: Value is a signed JWS.
type ReleaseResult struct {
	Value string `json:"value"`
}

// Backup is the reply to backup and the body of restore.
type Backup struct {
	Value Bytes `json:"value"`
}

// RandomParams is the body of POST /rng.
type RandomParams struct {
	Count *int `json:"count"`
}

// RandomResult is the reply to it.
type RandomResult struct {
	Value Bytes `json:"value"`
}

// RotationPolicy is the body and reply of /keys/{name}/rotationpolicy. Its lists are null where nothing was set.
type RotationPolicy struct {
	ID              string                    `json:"id,omitempty"`
	LifetimeActions []LifetimeAction          `json:"lifetimeActions"`
	Attributes      *RotationPolicyAttributes `json:"attributes"`
}

// LifetimeAction is one step of a rotation policy.
type LifetimeAction struct {
	Trigger LifetimeTrigger `json:"trigger"`
	Action  LifetimeVerb    `json:"action"`
}

// LifetimeTrigger says when: one of the two, an ISO 8601 duration such as "P90D".
type LifetimeTrigger struct {
	TimeAfterCreate  string `json:"timeAfterCreate,omitempty"`
	TimeBeforeExpiry string `json:"timeBeforeExpiry,omitempty"`
}

// LifetimeVerb says what: "Rotate" or "Notify", in any case.
type LifetimeVerb struct {
	Type string `json:"type"`
}

// RotationPolicyAttributes are the rest of a rotation policy.
type RotationPolicyAttributes struct {
	ExpiryTime string `json:"expiryTime,omitempty"` // ISO 8601 duration, at least P28D
	Created    *int64 `json:"created,omitempty"`
	Updated    *int64 `json:"updated,omitempty"`
}
