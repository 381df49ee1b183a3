package vault

import (
	"context"
	"encoding/json"
	"net/http"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/release"
)

// Releases decides whether an environment may have a key; release.Checker is one.
type Releases interface {
	// Check compares target, an attestation token, with a release policy's JSON and gives the RSA key to wrap for. A refusal
	// is an *akv.Error.
	Check(ctx context.Context, policy []byte, target string) (release.Target, error)
}

// Signer signs what the installation says about keys; release.Authority is one.
type Signer interface {
	// SignJWS makes a compact JWS of payload, RS256, with the certificate chain in its header.
	SignJWS(payload []byte) (string, error)
	// Attest signs a statement about a key; chain is the PEM that verifies it.
	Attest(statement []byte) (signed, chain []byte, err error)
}

func checkPolicy(data []byte) error {
	if _, err := release.ParsePolicy(data); err != nil {
		return keyspec.InvalidProperty("release_policy.data: %v.", err)
	}
	return nil
}

func notSetUp(what string) error {
	return door.Fail(http.StatusBadRequest, akv.CodeBadParameter, "", "%s is not set up on this server.", what)
}

type releasePayload struct {
	Request struct {
		APIVersion string `json:"api-version"`
		Enc        string `json:"enc"`
		KID        string `json:"kid"`
		Nonce      string `json:"nonce,omitempty"`
	} `json:"request"`
	Response struct {
		Key akv.KeyBundle `json:"key"`
	} `json:"response"`
}

type releasedKey struct {
	Version    string                 `json:"schema_version"`
	Header     keyspec.TransferHeader `json:"header"`
	Ciphertext akv.Bytes              `json:"ciphertext"`
}

// ReleaseKey wraps an exportable key for an environment that its release policy trusts.
func (tx *Tx) ReleaseKey(name, version string, p *akv.ReleaseParams) (*akv.ReleaseResult, error) {
	if err := tx.Opened(door.OpKeyRelease); err != nil {
		return nil, err
	}
	l, err := tx.load(name, version)
	if err != nil {
		return nil, err
	}
	v := l.version.Val
	if bad := keyspec.Usable(v, keyspec.Release, tx.Now.Unix()); bad != nil {
		return nil, bad
	}
	if !v.Exportable || v.Release == nil {
		return nil, keyspec.Forbidden(akv.InnerKeyOperationForbidden, "Operation release is not permitted on this key.")
	}
	enc := keywrap.Algorithm(p.Enc)
	if enc == "" {
		enc = keywrap.RSAAESKeyWrap
	}
	switch info, ok := keywrap.Lookup(enc); {
	case !ok || info.Ops != keywrap.OpTransfer:
		return nil, keyspec.InvalidProperty("enc %.64q is not a release algorithm.", p.Enc)
	case p.Target == "":
		return nil, missing("target")
	case len(p.Nonce) > 1024:
		return nil, keyspec.InvalidProperty("nonce has %d characters, at most 1024 are allowed.", len(p.Nonce))
	case tx.s.release == nil:
		return nil, notSetUp("Key release")
	}
	target, err := tx.s.release.Check(tx.Ctx, v.Release.Data, p.Target)
	if err != nil {
		return nil, err
	}
	signer, err := tx.s.signer.get(tx.Ctx, tx.s.db)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, notSetUp("Key release")
	}
	pub, err := keywrap.NewRSAPublicKey(target.N, target.E)
	if err != nil {
		return nil, err
	}
	key, err := tx.private(l)
	if err != nil {
		return nil, err
	}
	wrapped, err := pub.WrapTransfer(enc, key)
	if err != nil {
		return nil, err
	}
	blob, err := json.Marshal(releasedKey{
		Version: "1.0.0", Header: keyspec.TransferHeader{KID: target.KID, Alg: "dir", Enc: string(enc)}, Ciphertext: wrapped,
	})
	if err != nil {
		return nil, err
	}
	var payload releasePayload
	payload.Request.APIVersion, payload.Request.Enc, payload.Request.KID, payload.Request.Nonce = tx.Call.Version.Name, string(enc), tx.Object, p.Nonce
	payload.Response.Key = *tx.view().Bundle(l.head.Val.Name, v)
	payload.Response.Key.Key.KeyHSM = blob
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	jws, err := signer.SignJWS(text)
	if err != nil {
		return nil, err
	}
	return &akv.ReleaseResult{Value: jws}, nil
}

// attestationVersion names the form of our statements: software, signed by the installation.
const attestationVersion = "LATCHKEY-SW-1"

// statement is what an attestation says.
type statement struct {
	Version string   `json:"version"`
	Path    string   `json:"path"` // "/keys/{name}/{version}"
	Host    string   `json:"host"`
	Backing string   `json:"backing"` // "software": no hardware stands behind any key here
	Private bool     `json:"private"` // about the private half: it was generated or imported, and is it exportable
	Key     *akv.JWK `json:"key"`
	Ops     []string `json:"key_ops"`
	Created int64    `json:"created"`
	Exports bool     `json:"exportable"`
}

// Attestation answers a key with a signed statement about it.
func (tx *Tx) Attestation(name, version string) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyGetAttestation); err != nil {
		return nil, err
	}
	l, err := tx.load(name, version)
	if err != nil {
		return nil, err
	}
	v := l.version.Val
	if !v.HSM() {
		return nil, keyspec.BadParameter("Attestation is available for keys of an HSM type only.")
	}
	signer, err := tx.s.signer.get(tx.Ctx, tx.s.db)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, notSetUp("Key attestation")
	}
	bundle := tx.view().Bundle(l.head.Val.Name, v)
	st := statement{
		Version: attestationVersion, Path: "/keys/" + l.head.Val.Name + "/" + v.ID, Host: tx.Call.Base, Backing: "software",
		Key: bundle.Key, Ops: v.Ops, Created: v.Created, Exports: v.Exportable,
	}
	at := &akv.Attestation{Version: attestationVersion}
	for _, half := range []struct {
		private bool
		to      *akv.Bytes
	}{{false, &at.PublicKeyAttestation}, {true, &at.PrivateKeyAttestation}} {
		st.Private = half.private
		text, err := json.Marshal(st)
		if err != nil {
			return nil, err
		}
		signed, chain, err := signer.Attest(text)
		if err != nil {
			return nil, err
		}
		*half.to, at.CertificatePEM = signed, chain
	}
	bundle.Attributes.Attestation = at
	return bundle, nil
}

var _ = keydb.Schema
