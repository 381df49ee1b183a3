package keywrap_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"latchkey/keywrap"
)

// TestOpensJWE opens what an independent JOSE implementation has sealed: the content key by UnwrapKey, the content by Decrypt.
func TestOpensJWE(t *testing.T) {
	rsaKey := fixtureRSA(t, 2048)
	private, err := x509.ParsePKCS8PrivateKey(fixturePKCS8(t, 2048))
	if err != nil {
		t.Fatal(err)
	}
	public := private.(crypto.Signer).Public()
	secret := []byte("0123456789abcdef0123456789abcdef")
	contents := map[jose.ContentEncryption]keywrap.Algorithm{
		jose.A128GCM: keywrap.A128GCM, jose.A192GCM: keywrap.A192GCM, jose.A256GCM: keywrap.A256GCM,
	}
	for _, c := range []struct {
		alg  jose.KeyAlgorithm
		ours *keywrap.Key
		key  any
	}{
		{jose.RSA1_5, rsaKey, public},
		{jose.RSA_OAEP, rsaKey, public},
		{jose.RSA_OAEP_256, rsaKey, public},
		{jose.A128KW, oct(t, secret[:16]), secret[:16]},
		{jose.A192KW, oct(t, secret[:24]), secret[:24]},
		{jose.A256KW, oct(t, secret), secret},
	} {
		for enc, content := range contents {
			e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: c.alg, Key: c.key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			object, err := e.Encrypt([]byte("plaintext"))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := object.CompactSerialize()
			parts := strings.Split(text, ".")
			raw := make([][]byte, len(parts))
			for i, p := range parts {
				if raw[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
					t.Fatal(err)
				}
			}
			cek, err := c.ours.UnwrapKey(keywrap.Algorithm(c.alg), raw[1])
			if err != nil {
				t.Errorf("%s: %v", c.alg, err)
				continue
			}
			got, err := oct(t, cek).Decrypt(content, keywrap.Message{IV: raw[2], Value: raw[3], Tag: raw[4], AAD: []byte(parts[0])})
			if err != nil || string(got) != "plaintext" {
				t.Errorf("%s, %s: got %q, %v", c.alg, enc, got, err)
			}
		}
	}
}

// TestJWSVerifies has an independent JOSE implementation verify our signatures.
func TestJWSVerifies(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	for _, alg := range []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.HS256, jose.HS384, jose.HS512,
	} {
		info, _ := keywrap.Lookup(keywrap.Algorithm(alg))
		var key *keywrap.Key
		var public any = secret
		switch info.Kind {
		case keywrap.RSA:
			key = fixtureRSA(t, 3072)
		case keywrap.EC:
			key = generate(t, keywrap.Spec{Kind: keywrap.EC, Curve: info.Curve})
		case keywrap.Oct:
			key = oct(t, secret)
		}
		if info.Kind != keywrap.Oct {
			der, _ := key.MarshalPKCS8()
			private, err := x509.ParsePKCS8PrivateKey(der)
			if err != nil {
				t.Fatal(err)
			}
			public = private.(crypto.Signer).Public()
		}
		input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+string(alg)+`"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte("payload"))
		value := []byte(input)
		if info.Digest != 0 {
			h := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[info.Digest].New()
			h.Write(value)
			value = h.Sum(nil)
		}
		sig, err := key.Sign(info.Name, value)
		if err != nil {
			t.Fatal(err)
		}
		object, err := jose.ParseSignedCompact(input+"."+base64.RawURLEncoding.EncodeToString(sig), []jose.SignatureAlgorithm{alg})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := object.Verify(public); err != nil || !hmac.Equal(got, []byte("payload")) {
			t.Errorf("%s: %q, %v", alg, got, err)
		}
	}
}
