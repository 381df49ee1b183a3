// Package localca is a certificate authority for one data directory: it lets unmodified clients reach the parts of one
// installation under their real host names with every TLS check on.
//
// [Open] makes the authority at first use and loads it later; [CA.GetCertificate] serves a certificate for the configured
// names, made in memory when it is needed and again before it expires. The authority's certificate stands in the file
// [CA.BundlePath], which clients trust through SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and their like. Nothing here installs it in
// a system store, and nothing should: the trust ends with the process that was given the variable.
//
// Why the key is kept. A client that runs longer than the server must go on trusting it after a restart, so the key cannot be
// thrown away; instead the harm that it can do is bounded. The certificate carries critical name constraints (RFC 5280
// section 4.2.1.10): it is worth nothing for a name that is not in [Config.Names], may issue no further authority, and lives two years. The
// key's file has mode 0600 and holds what [Config.Sealer] made of the key, so a copied directory does not contain it in clear unless
// the sealer itself is the development one. When names are added, or three months before the end, a new authority is made; the
// bundle then holds both until the old one has expired.
//
// Do not use it for names that other people's clients resolve: for those, give the server a certificate of your own.
package localca

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Files in the directory, and what the sealed key is bound to.
const (
	bundleFile = "ca.pem"
	keyFile    = "ca.key"
	keyContext = "latchkey local authority key v1"
	maxFile    = 64 << 10
)

// Lifetimes. A leaf lives shorter than any client's limit on certificates; renewal leaves a month's outage as slack.
const (
	caLife        = 2 * 365 * 24 * time.Hour
	caRenewBefore = 90 * 24 * time.Hour
	leafLife      = 60 * 24 * time.Hour
	leafRenew     = 30 * 24 * time.Hour
	backdate      = time.Hour // for clients whose clock is slow
)

// Sealer protects the authority's key on disk. The name is authenticated with it.
type Sealer interface {
	Seal(name string, plain []byte) ([]byte, error)
	Open(name string, sealed []byte) ([]byte, error)
}

// Config says where the authority lives and for which names it stands.
type Config struct {
	FS    fsys.FS     // nil: the machine's
	Clock clock.Clock // nil: the machine's
	Dir   string      // must exist
	// Names are DNS names, at most one leading "*." label each, and IP addresses. At least one.
	Names []string
	// Sealer protects the key; nil keeps it in clear, mode 0600.
	Sealer Sealer
}

// CA is an open authority. It is safe for concurrent use.
type CA struct {
	cfg     Config
	created bool

	mu   sync.Mutex // guards what follows
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	old  []*x509.Certificate // still valid predecessors, for the bundle
	leaf *tls.Certificate
}

// ErrKey means that the stored key cannot be used: it is damaged, or sealed under another seal key. Removing ca.key and
// ca.pem makes a new authority at the next start; clients must then read ca.pem again.
var ErrKey = errors.New("the local authority's key cannot be used")

// Open loads the authority of cfg.Dir or makes it. It makes a new one, keeping the old one in the bundle, when the names are no longer
// covered or its end is near.
func Open(cfg Config) (*CA, error) {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if err := checkNames(cfg.Names); err != nil {
		return nil, err
	}
	ca := &CA{cfg: cfg}
	if err := ca.load(); err != nil {
		return nil, err
	}
	now := cfg.Clock.Now()
	if ca.cert == nil || !covers(ca.cert, cfg.Names) || now.Add(caRenewBefore).After(ca.cert.NotAfter) {
		if err := ca.renew(); err != nil {
			return nil, err
		}
		ca.created = true
	}
	_, err := ca.certificate()
	return ca, err
}

// BundlePath is the file with the certificates to trust, PEM.
func (ca *CA) BundlePath() string { return filepath.Join(ca.cfg.Dir, bundleFile) }

// Created reports whether Open made a new authority, so that clients must read the bundle (again).
func (ca *CA) Created() bool { return ca.created }

// Certificate is the authority's own certificate, DER.
func (ca *CA) Certificate() *x509.Certificate {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.cert
}

// Pool is a pool of the authority alone.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.Certificate())
	return p
}

// GetCertificate is for tls.Config: one certificate for every name, renewed when half its life is over.
func (ca *CA) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.certificate() }

// TLSConfig is a server configuration with GetCertificate, TLS 1.2 or newer.
func (ca *CA) TLSConfig() *tls.Config {
	return &tls.Config{GetCertificate: ca.GetCertificate, MinVersion: tls.VersionTLS12}
}

func (ca *CA) certificate() (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	now := ca.cfg.Clock.Now()
	if ca.leaf != nil && now.Add(leafRenew).Before(ca.leaf.Leaf.NotAfter) {
		return ca.leaf, nil
	}
	if now.Add(caRenewBefore).After(ca.cert.NotAfter) {
		// A server that has run for almost two years: renew the authority too, for the clients that start from now on.
		if err := ca.renewLocked(); err != nil && now.After(ca.cert.NotAfter) {
			return nil, err
		}
	}
	leaf, err := issueLeaf(ca.cert, ca.key, ca.cfg.Names, now)
	if err != nil {
		return nil, err
	}
	ca.leaf = leaf
	return leaf, nil
}

func (ca *CA) load() error {
	bundle, err := fsys.ReadFile(ca.cfg.FS, ca.BundlePath(), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the local authority: %w", err)
	}
	certs, err := parseBundle(bundle)
	if err != nil {
		return fmt.Errorf("reading %q: %w", ca.BundlePath(), err)
	}
	sealed, err := fsys.ReadFile(ca.cfg.FS, filepath.Join(ca.cfg.Dir, keyFile), maxFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := ca.unsealKey(sealed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if !key.PublicKey.Equal(certs[0].PublicKey) {
		// The key is written first, so a crash between the two files leaves a new key beside the old certificate: start anew,
		// and keep trusting what is in the bundle.
		ca.old = certs
		return nil
	}
	ca.cert, ca.key, ca.old = certs[0], key, certs[1:]
	return nil
}

// Reseal writes the key again under another sealer, for a change of the seal key. Open with the old one first.
func (ca *CA) Reseal(s Sealer) error {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	was := ca.cfg.Sealer
	ca.cfg.Sealer = s
	if err := ca.writeKey(); err != nil {
		ca.cfg.Sealer = was
		return err
	}
	return nil
}

func (ca *CA) renew() error {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.renewLocked()
}

func (ca *CA) renewLocked() error {
	now := ca.cfg.Clock.Now()
	cert, key, err := newAuthority(ca.cfg.Names, now)
	if err != nil {
		return err
	}
	old := slices.DeleteFunc(slices.Clone(ca.old), func(c *x509.Certificate) bool { return now.After(c.NotAfter) })
	if ca.cert != nil && now.Before(ca.cert.NotAfter) {
		old = append([]*x509.Certificate{ca.cert}, old...)
	}
	next := &CA{cfg: ca.cfg, cert: cert, key: key, old: old}
	if err := next.writeKey(); err != nil {
		return err
	}
	var out strings.Builder
	for _, c := range append([]*x509.Certificate{cert}, old...) {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a Builder does not fail
	}
	if err := fsys.WriteFile(ca.cfg.FS, ca.BundlePath(), []byte(out.String()), 0o644); err != nil {
		return fmt.Errorf("writing the local authority: %w", err)
	}
	ca.cert, ca.key, ca.old, ca.leaf = cert, key, old, nil
	return nil
}

func (ca *CA) writeKey() error {
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return fmt.Errorf("encoding the local authority's key: %w", err)
	}
	defer secret.Wipe(der)
	data := der
	if ca.cfg.Sealer != nil {
		if data, err = ca.cfg.Sealer.Seal(keyContext, der); err != nil {
			return fmt.Errorf("sealing the local authority's key: %w", err)
		}
	}
	if err := fsys.WriteFile(ca.cfg.FS, filepath.Join(ca.cfg.Dir, keyFile), data, 0o600); err != nil {
		return fmt.Errorf("writing the local authority's key: %w", err)
	}
	return nil
}

func (ca *CA) unsealKey(data []byte) (*ecdsa.PrivateKey, error) {
	der := data
	if ca.cfg.Sealer != nil {
		plain, err := ca.cfg.Sealer.Open(keyContext, data)
		if err != nil {
			return nil, err
		}
		der = plain
	}
	defer secret.Wipe(der)
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T where an EC key belongs", k)
	}
	return key, nil
}

func parseBundle(b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return certs, nil
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("a local authority needs at least one name")
	}
	for _, n := range names {
		if net.ParseIP(n) != nil {
			continue
		}
		host := strings.TrimPrefix(n, "*.")
		if host == "" || strings.ContainsAny(host, "*/:@ ") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
			return fmt.Errorf("%q is no host name or address for a certificate", n)
		}
	}
	return nil
}
