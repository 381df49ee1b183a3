package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/release"
	"latchkey/vault/vaulttest"
)

const attester = "https://attest.example.test"

func releasePolicy(t *testing.T, immutable bool, claim, equals string) *akv.ReleasePolicy {
	t.Helper()
	data, err := json.Marshal(map[string]any{"version": "1.0.0", "anyOf": []any{map[string]any{
		"authority": attester + "/", "allOf": []any{map[string]any{"claim": claim, "equals": equals}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return &akv.ReleasePolicy{Data: data, Immutable: &immutable}
}

func TestRelease(t *testing.T) {
	clk := fake()
	attest, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	checker := release.NewChecker(map[string]jose.JSONWebKeySet{attester: {Keys: []jose.JSONWebKey{{Key: &attest.PublicKey, KeyID: "a", Algorithm: "RS256"}}}}, clk)
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Releases: checker})
	env, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA})
	if err != nil {
		t.Fatal(err)
	}
	envPub, _ := env.Public().RSA()
	statement := func(key *rsa.PrivateKey, claims map[string]any) string {
		t.Helper()
		all := map[string]any{
			"iss": attester, "exp": clk.Now().Unix() + 600, "nbf": clk.Now().Unix(), "x-tee": map[string]any{"mode": "production"},
			"x-ms-runtime": map[string]any{"keys": []any{map[string]any{
				"kty": "RSA", "kid": "tee", "key_ops": []string{"encrypt"},
				"n": base64.RawURLEncoding.EncodeToString(envPub.N), "e": base64.RawURLEncoding.EncodeToString(envPub.E),
			}}},
		}
		maps.Copy(all, claims)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "a"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(all)
		jws, err := signer.Sign(text)
		if err != nil {
			t.Fatal(err)
		}
		out, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key := s.MustKey(t, "kv1", "k", &akv.CreateKey{
		Kty: "RSA-HSM", Attributes: &akv.Attributes{Exportable: ptr(true)}, ReleasePolicy: releasePolicy(t, true, "x-tee.mode", "production"),
	})
	if key.ReleasePolicy == nil || key.ReleasePolicy.ContentType != "application/json; charset=utf-8" {
		t.Errorf("release policy %+v", key.ReleasePolicy)
	}
	url := s.VaultURL("kv1") + "/keys/k/release"
	for _, enc := range []string{"", "RSA_AES_KEY_WRAP_256", "RSA_AES_KEY_WRAP_384"} {
		var out akv.ReleaseResult
		s.MustCall(t, "POST", url, akv.ReleaseParams{Target: statement(attest, nil), Nonce: "n1", Enc: enc}, &out)
		if enc == "" {
			enc = "CKM_RSA_AES_KEY_WRAP"
		}
		jws, err := jose.ParseSignedCompact(out.Value, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		header := map[string]any{}
		raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(out.Value, ".")[0])
		if err := json.Unmarshal(raw, &header); err != nil {
			t.Fatal(err)
		}
		x5c, _ := header["x5c"].([]any)
		if len(x5c) != 3 || header["x5t"] == nil || header["x5t#S256"] == nil || header["kid"] == nil {
			t.Fatalf("header %v", header)
		}
		roots, middle := x509.NewCertPool(), x509.NewCertPool()
		var leaf *x509.Certificate
		for i, c := range x5c {
			der, _ := base64.StdEncoding.DecodeString(c.(string))
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			switch i {
			case 0:
				leaf = cert
			case 1:
				middle.AddCert(cert)
			case 2:
				roots.AddCert(cert)
			}
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: clk.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
		payload, err := jws.Verify(leaf.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Request  struct{ Enc, KID, Nonce string }
			Response struct {
				Key struct {
					Key struct {
						N      akv.Bytes `json:"n"`
						KeyHSM akv.Bytes `json:"key_hsm"`
					}
				}
			}
		}
		if err := json.Unmarshal(payload, &p); err != nil {
			t.Fatal(err)
		}
		if p.Request.Enc != enc || p.Request.KID != key.Key.KID || p.Request.Nonce != "n1" {
			t.Errorf("request part %+v", p.Request)
		}
		var blob struct {
			Header     struct{ KID, Enc string }
			Ciphertext akv.Bytes `json:"ciphertext"`
		}
		if err := json.Unmarshal(p.Response.Key.Key.KeyHSM, &blob); err != nil {
			t.Fatal(err)
		}
		got, err := env.UnwrapTransfer(keywrap.Algorithm(enc), blob.Ciphertext, keywrap.RSA)
		if err != nil {
			t.Fatal(err)
		}
		if pub, _ := got.Public().RSA(); !bytes.Equal(pub.N, key.Key.N) {
			t.Error("another key was released")
		}
	}
	now := clk.Now().Unix()
	for what, c := range map[string]struct {
		target string
		status int
		text   string
	}{
		"claim differs":    {statement(attest, map[string]any{"x-tee": map[string]any{"mode": "debug"}}), 403, "does not satisfy"},
		"claim missing":    {statement(attest, map[string]any{"x-tee": nil}), 403, "does not satisfy"},
		"other signer":     {statement(stranger, nil), 400, "cannot be verified"},
		"other issuer":     {statement(attest, map[string]any{"iss": "https://evil.test"}), 400, "cannot be verified"},
		"expired":          {statement(attest, map[string]any{"exp": now - 600}), 400, "cannot be verified"},
		"no expiry":        {statement(attest, map[string]any{"exp": nil}), 400, "cannot be verified"},
		"not yet":          {statement(attest, map[string]any{"nbf": now + 600}), 400, "cannot be verified"},
		"no key":           {statement(attest, map[string]any{"x-ms-runtime": nil}), 400, "cannot be verified"},
		"no token":         {"x", 400, "cannot be verified"},
		"unsigned":         {"eyJhbGciOiJub25lIn0.e30.", 400, "cannot be verified"},
		"key only to sign": {statement(attest, map[string]any{"x-ms-runtime": map[string]any{"keys": []any{map[string]any{"kty": "RSA", "key_ops": []string{"sign"}}}}}), 400, "cannot be verified"},
	} {
		r := s.Call(t, s.Admin(), "POST", url, akv.ReleaseParams{Target: c.target})
		if e := r.Err(); e == nil || e.Status != c.status || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
	}
	// Immutable stays; expired may still be released, disabled may not.
	r := s.Call(t, s.Admin(), "PATCH", s.VaultURL("kv1")+"/keys/k", akv.UpdateKey{ReleasePolicy: releasePolicy(t, true, "x", "y")})
	if e := r.Err(); e == nil || e.Status != 400 || !strings.Contains(e.Message, "AKV.SKR.1020") {
		t.Errorf("immutable policy: %d %s", r.Status, r.Body)
	}
	s.MustUpdate(t, "kv1", "k", &akv.UpdateKey{Attributes: &akv.Attributes{Expires: ptr(now - 1)}})
	s.MustCall(t, "POST", url, akv.ReleaseParams{Target: statement(attest, nil)}, nil)
	s.MustEnable(t, "kv1", "k", false)
	wantErr(t, "disabled", s.Call(t, s.Admin(), "POST", url, akv.ReleaseParams{Target: statement(attest, nil)}), 403, "Forbidden", "KeyDisabled")
}

func TestAttestation(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustHSMKey(t, "hsm1", "k", nil)
	var b akv.KeyBundle
	s.MustCall(t, "GET", s.HSMURL("hsm1")+"/keys/k/attestation", nil, &b)
	at := b.Attributes.Attestation
	block, _ := pem.Decode(at.CertificatePEM)
	if block == nil {
		t.Fatalf("no PEM: %s", at.CertificatePEM)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range []akv.Bytes{at.PublicKeyAttestation, at.PrivateKeyAttestation} {
		jws, err := jose.ParseSignedCompact(string(half), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.Verify(cert.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(`"path":"/keys/k/`)) || !bytes.Contains(text, []byte(`"backing":"software"`)) {
			t.Errorf("statement %s", text)
		}
	}
	var plain akv.KeyBundle
	s.MustCall(t, "GET", s.HSMURL("hsm1")+"/keys/k", nil, &plain)
	if plain.Attributes.Attestation != nil {
		t.Error("an ordinary get carries an attestation")
	}
}
