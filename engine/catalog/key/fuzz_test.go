package key_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/msg"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// FuzzCertificate makes certificates of any files, as CREATE CERTIFICATE FROM FILE ... WITH PRIVATE KEY does: what is not one is refused by a
// message, and what is taken has the key that was given and is what BACKUP CERTIFICATE writes. What a password seals is protect's FuzzOpen:
// stretching one takes too long for this.
func FuzzCertificate(f *testing.F) {
	c := catalogtest.New(f, nil)
	c.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret(strong)})
	pair := func() (der, plain []byte) {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			f.Fatal(err)
		}
		t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err = x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
		if err != nil {
			f.Fatal(err)
		}
		if plain, err = x509.MarshalPKCS8PrivateKey(k); err != nil {
			f.Fatal(err)
		}
		return der, plain
	}
	der, plain := pair()
	_, foreign := pair()
	f.Add(der, []byte{})
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), plain)
	f.Add(der, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}))
	f.Add(der, foreign)
	f.Add(der, plain[:len(plain)-1])
	f.Add(der[:len(der)/2], plain)
	f.Add(append(bytes.Clone(der), 0), plain)
	f.Add([]byte{}, []byte{})
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte("\x1e\xf1\xb5\xb0")) // the latter begins a PVK file
	f.Fuzz(func(t *testing.T, file, private []byte) {
		op := &key.CreateCertificate{Name: "c", DER: append([]byte{}, file...)}
		if len(private) > 0 {
			op.PrivateKey = secret.New(private)
		}
		if _, err := c.Do(t.Context(), catalogtest.SA(), op); err != nil {
			var m *msg.Error
			if !errors.As(err, &m) {
				t.Errorf("no message: %v", err)
			}
			return
		}
		var written []byte
		backup := &key.BackupCertificate{Name: "c", Write: func(d, _ []byte) error { written = bytes.Clone(d); return nil }}
		if _, err := c.Do(t.Context(), catalogtest.SA(), backup); err != nil {
			t.Fatalf("it was taken, and its backup failed: %v", err)
		}
		want := file
		if b, _ := pem.Decode(file); b != nil {
			want = b.Bytes
		}
		if !bytes.Equal(written, want) {
			t.Error("another certificate was written")
		}
		if len(private) > 0 {
			raw := private
			if b, _ := pem.Decode(private); b != nil {
				raw = b.Bytes
			}
			given, err := keywrap.ParseDER(raw)
			got, kerr := key.CertificateKey(t.Context(), c.Catalog, key.Use{Caller: catalogtest.SA()}, "c", nil)
			if err != nil || kerr != nil || !got.Equal(given) {
				t.Errorf("another key is kept: %v, %v", err, kerr)
			}
		}
		if _, err := c.Do(t.Context(), catalogtest.SA(), &key.DropCertificate{Name: "c"}); err != nil {
			t.Fatal(err)
		}
	})
}
