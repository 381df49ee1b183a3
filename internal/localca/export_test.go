package localca

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// AuthorityForTesting reads the authority of an unsealed directory, as a thief would.
func AuthorityForTesting(t *testing.T, dir string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	der, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if err != nil {
		t.Fatal(err)
	}
	certs, err := parseBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0], key.(*ecdsa.PrivateKey)
}

// IssueForTesting signs a server certificate for any name.
func IssueForTesting(ca *x509.Certificate, key *ecdsa.PrivateKey, names []string, now time.Time) (*tls.Certificate, error) {
	return issueLeaf(ca, key, names, now)
}

// WriteLeafForTesting writes a certificate as PEM.
func WriteLeafForTesting(t *testing.T, path string, c *x509.Certificate) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}
