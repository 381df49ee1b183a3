package keyspec

import (
	"encoding/json"
	"errors"
	"strings"

	"latchkey/akv"
	"latchkey/keywrap"
)

// Import reads the key of an import request; the type to store. A JWK with key_hsm gives no key but the transfer blob.
func (h Host) Import(r *akv.ImportKey) (kty string, key *keywrap.Key, transfer *Transfer, err *akv.Error) {
	j := r.Key
	if j == nil {
		return "", nil, nil, BadParameter("The property 'key' is missing.")
	}
	want := j.Kty
	if r.HSM != nil && *r.HSM && (want == akv.KtyRSA || want == akv.KtyEC || want == akv.KtyOct) {
		want += "-HSM"
	}
	kty, kind, err := h.kind(want)
	if err != nil {
		return "", nil, nil, err
	}
	if len(j.KeyHSM) != 0 {
		if kty != string(kind)+"-HSM" {
			return "", nil, nil, InvalidProperty("key.key_hsm: a transferred key must be of an HSM type.")
		}
		t, err := ParseTransfer(j.KeyHSM)
		return kty, nil, t, err
	}
	key, e := Key(j, kind)
	if e != nil {
		return "", nil, nil, InvalidProperty("key: %s", reason(e))
	}
	return kty, key, nil, nil
}

// Key makes a private key of a JWK's members.
func Key(j *akv.JWK, kind keywrap.Kind) (*keywrap.Key, error) {
	switch kind {
	case keywrap.RSA:
		return keywrap.ImportRSA(keywrap.RSAMembers{N: j.N, E: j.E, D: j.D, P: j.P, Q: j.Q, DP: j.DP, DQ: j.DQ, QI: j.QI})
	case keywrap.EC:
		return keywrap.ImportEC(keywrap.ECMembers{Curve: keywrap.Curve(j.Crv), X: j.X, Y: j.Y, D: j.D})
	default:
		return keywrap.ImportOct(j.K)
	}
}

// reason is an error's text, which names members and sizes and never a value.
func reason(err error) string {
	if errors.Is(err, keywrap.ErrInvalidKey) || errors.Is(err, keywrap.ErrParameter) {
		return strings.TrimPrefix(err.Error(), "keywrap: ")
	}
	return "the key cannot be used"
}

// Transfer is the content of a JWK's key_hsm: a key wrapped for an exchange key.
type Transfer struct {
	Version    string         `json:"schema_version"`
	Header     TransferHeader `json:"header"`
	Ciphertext akv.Bytes      `json:"ciphertext"`
	Generator  string         `json:"generator,omitempty"`
}

// TransferHeader says what it was wrapped with.
type TransferHeader struct {
	KID string `json:"kid"` // the exchange key's identifier
	Alg string `json:"alg"` // "dir"
	Enc string `json:"enc"` // CKM_RSA_AES_KEY_WRAP and its kin
}

// ParseTransfer reads a key_hsm value.
func ParseTransfer(b []byte) (*Transfer, *akv.Error) {
	var t Transfer
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, InvalidProperty("key.key_hsm is not the JSON of a transferred key.")
	}
	switch {
	case t.Version != "1.0.0":
		return nil, InvalidProperty("key.key_hsm: schema_version %q is not 1.0.0.", clip(t.Version))
	case t.Header.Alg != "dir":
		return nil, InvalidProperty("key.key_hsm: alg %q is not dir.", clip(t.Header.Alg))
	case len(t.Ciphertext) == 0 || len(t.Ciphertext) > 16<<10:
		return nil, InvalidProperty("key.key_hsm: ciphertext has %d bytes.", len(t.Ciphertext))
	}
	info, ok := keywrap.Lookup(keywrap.Algorithm(t.Header.Enc))
	if !ok || info.Ops != keywrap.OpTransfer {
		return nil, InvalidProperty("key.key_hsm: enc %q is not a transfer algorithm.", clip(t.Header.Enc))
	}
	return &t, nil
}
