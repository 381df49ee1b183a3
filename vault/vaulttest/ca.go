package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority is a certificate authority with one server certificate for every name that vaults answer to.
type authority struct {
	cert   *x509.Certificate
	pool   *x509.CertPool
	server tls.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatalf("making the test's certificates: %v", err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	// Certificates live in real time, whatever clock the vault has.
	from, to := time.Unix(1577836800, 0), time.Unix(4102444800, 0)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vaulttest authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &caKey.PublicKey, caKey)
	must(err)
	a := &authority{pool: x509.NewCertPool()}
	a.cert, err = x509.ParseCertificate(der)
	must(err)
	a.pool.AddCert(a.cert)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "vaulttest server"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{
			"localhost", "*.vault.localhost", "*.managedhsm.localhost", "*.vault.azure.net", "*.managedhsm.azure.net",
			"management.azure.com",
		},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, &key.PublicKey, caKey)
	must(err)
	a.server = tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}
	return a
}
