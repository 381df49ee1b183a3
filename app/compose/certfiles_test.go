package compose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

func writePair(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now, NotAfter: now.Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, now, now.Add(time.Duration(serial)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// A renewed certificate is served without a restart; half a renewal, or a broken one, leaves the old in place.
func TestCertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	clk := clock.NewFake(time.Now())
	if _, err := newCertFiles(fsys.OS{}, clk, cert, key); err == nil {
		t.Error("missing files are accepted")
	}
	writePair(t, cert, key, 1)
	config, err := newCertFiles(fsys.OS{}, clk, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		c, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.Int64()
	}
	writePair(t, cert, key, 2)
	if serial() != 1 {
		t.Error("looked at the files before their time")
	}
	clk.Advance(lookEvery)
	if serial() != 2 {
		t.Error("the new certificate is not served")
	}
	writePair(t, cert, filepath.Join(dir, "elsewhere"), 3) // the key is still the old one
	clk.Advance(lookEvery)
	if serial() != 2 {
		t.Error("half a renewal was served")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	clk.Advance(lookEvery)
	if serial() != 2 {
		t.Error("a missing file took the certificate away")
	}
}
