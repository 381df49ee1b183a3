package keywrap_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"latchkey/keywrap"
)

// BenchmarkUnwrapRSA2048 compares an unwrap with the same call of crypto/rsa.
func BenchmarkUnwrapRSA2048(b *testing.B) {
	key := fixtureRSA(b, 2048)
	parsed, err := x509.ParsePKCS8PrivateKey(fixturePKCS8(b, 2048))
	if err != nil {
		b.Fatal(err)
	}
	raw := parsed.(*rsa.PrivateKey)
	ct, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &raw.PublicKey, make([]byte, 32), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("keywrap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.UnwrapKey(keywrap.RSAOAEP256, ct); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("crypto-rsa", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rsa.DecryptOAEP(sha256.New(), nil, raw, ct, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkParsePrivate is the cost of loading a stored key.
func BenchmarkParsePrivate(b *testing.B) {
	for _, key := range allKeys(b) {
		data, err := key.MarshalPrivate()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(key.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := keywrap.ParsePrivate(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOps is the cost of the operations most used.
func BenchmarkOps(b *testing.B) {
	r, e, o := fixtureRSA(b, 2048), generate(b, keywrap.Spec{Kind: keywrap.EC}), generate(b, keywrap.Spec{Kind: keywrap.Oct})
	dek, digest := make([]byte, 32), make([]byte, 32)
	wrapped, err := o.WrapKey(keywrap.A256KW, dek)
	if err != nil {
		b.Fatal(err)
	}
	der, err := r.MarshalPKCS8()
	if err != nil {
		b.Fatal(err)
	}
	m := members(b, der)
	for name, op := range map[string]func() error{
		"wrap RSA-OAEP-256": func() error { _, err := r.WrapKey(keywrap.RSAOAEP256, dek); return err },
		"sign PS256":        func() error { _, err := r.Sign(keywrap.PS256, digest); return err },
		"sign ES256":        func() error { _, err := e.Sign(keywrap.ES256, digest); return err },
		"unwrap A256KW":     func() error { _, err := o.UnwrapKey(keywrap.A256KW, wrapped); return err },
		"encrypt A256GCM":   func() error { _, err := o.Encrypt(keywrap.A256GCM, keywrap.Message{Value: dek}); return err },
		"import RSA-2048":   func() error { _, err := keywrap.ImportRSA(m); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := op(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
