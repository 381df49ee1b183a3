package release

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition (RFC 7515 4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/vault/keydb"
	"latchkey/vault/store"
)

// record is the name of the authority's data among the installation's.
const record = "release-authority"

// Authority signs for an installation. It is safe for concurrent use.
type Authority struct {
	key   *rsa.PrivateKey
	chain [][]byte // DER: leaf, intermediate, root
}

// stored is the sealed form, version 1. The keys of root and intermediate are thrown away once they have signed.
type stored struct {
	Version int      `json:"version"`
	Key     []byte   `json:"key"` // PKCS#8
	Chain   [][]byte `json:"chain"`
}

// OpenAuthority reads the authority of an installation and makes it when there is none. Two servers that make it at once end up with the same.
func OpenAuthority(ctx context.Context, db *keydb.DB, c clock.Clock) (*Authority, error) {
	for range 3 {
		plain, _, err := db.Install(ctx, record)
		if err != nil {
			return nil, err
		}
		if plain != nil {
			defer plain.Destroy()
			return parse(plain.Expose())
		}
		made, err := generate(c.Now())
		if err != nil {
			return nil, err
		}
		sealed := secret.Take(made)
		b := db.Batch()
		b.PutInstall(record, sealed, 0)
		sealed.Destroy()
		if _, err := b.Commit(ctx); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, fmt.Errorf("storing the signing authority: %w", err)
		}
	}
	return nil, errors.New("the signing authority was changed again and again")
}

func parse(plain []byte) (*Authority, error) {
	var s stored
	if err := json.Unmarshal(plain, &s); err != nil || s.Version != 1 || len(s.Chain) != 3 {
		return nil, fmt.Errorf("%w: the signing authority does not read", keydb.ErrCorrupt)
	}
	defer secret.Wipe(s.Key)
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing authority's key does not read", keydb.ErrCorrupt)
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: the signing authority's key is not RSA", keydb.ErrCorrupt)
	}
	return &Authority{key: r, chain: s.Chain}, nil
}

const years = 10

func generate(now time.Time) ([]byte, error) {
	var chain [][]byte
	var parent *x509.Certificate
	var parentKey, key *rsa.PrivateKey
	for i, name := range []string{"Latchkey Attestation Root", "Latchkey Attestation Intermediate", "Latchkey Key Release"} {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return nil, fmt.Errorf("choosing a serial number: %w", err)
		}
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, fmt.Errorf("generating a signing key: %w", err)
		}
		cert := &x509.Certificate{
			SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Latchkey installation (software attestation)"}},
			NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(years, 0, 0), BasicConstraintsValid: true,
			IsCA: i < 2, KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if cert.IsCA {
			cert.KeyUsage = x509.KeyUsageCertSign
		}
		signer, issuer := parentKey, parent
		if issuer == nil {
			signer, issuer = key, cert
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, issuer, &key.PublicKey, signer)
		if err != nil {
			return nil, fmt.Errorf("signing a certificate: %w", err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
		parentKey = key
		chain = append([][]byte{der}, chain...)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a signing key: %w", err)
	}
	defer secret.Wipe(pkcs8)
	return json.Marshal(stored{Version: 1, Key: pkcs8, Chain: chain})
}

// SignJWS makes a compact JWS of payload: RS256, with kid, x5t, x5t#S256 and the chain in its header.
func (a *Authority) SignJWS(payload []byte) (string, error) {
	sum1, sum256 := sha1.Sum(a.chain[0]), sha256.Sum256(a.chain[0])
	x5c := make([]string, len(a.chain))
	for i, der := range a.chain {
		x5c[i] = base64.StdEncoding.EncodeToString(der)
	}
	b64 := base64.RawURLEncoding
	header, err := json.Marshal(map[string]any{
		"alg": "RS256", "typ": "JWT", "kid": fmt.Sprintf("%X", sum1), "x5c": x5c,
		"x5t": b64.EncodeToString(sum1[:]), "x5t#S256": b64.EncodeToString(sum256[:]),
	})
	if err != nil {
		return "", fmt.Errorf("encoding a JWS header: %w", err)
	}
	input := b64.EncodeToString(header) + "." + b64.EncodeToString(payload)
	sig, err := a.sign([]byte(input))
	if err != nil {
		return "", err
	}
	return input + "." + b64.EncodeToString(sig), nil
}

func (a *Authority) sign(b []byte) ([]byte, error) {
	sum := sha256.Sum256(b)
	sig, err := rsa.SignPKCS1v15(nil, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return sig, nil
}

// Attest signs a statement as a JWS; chain is the PEM that verifies it, leaf first.
func (a *Authority) Attest(statement []byte) (signed, chain []byte, err error) {
	jws, err := a.SignJWS(statement)
	if err != nil {
		return nil, nil, err
	}
	for _, der := range a.chain {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return []byte(jws), chain, nil
}

// Root is the root certificate as PEM, for whoever verifies.
func (a *Authority) Root() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.chain[len(a.chain)-1]})
}
