package vaulttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/vault"
	"latchkey/vault/backup"
	"latchkey/vault/door"
	"latchkey/vault/httpapi"
	"latchkey/vault/keydb"
	"latchkey/vault/rbac"
	"latchkey/vault/release"
	"latchkey/vault/seal"
	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
	"latchkey/vault/throttle"
)

// Suffixes under which vaults and Managed HSMs answer, beside those of the public cloud.
const (
	VaultSuffix = "vault.localhost"
	HSMSuffix   = "managedhsm.localhost"
)

// TenantID is the tenant of everything unless Options say otherwise.
const TenantID = "72f98888-8888-4444-8888-2d7cd011db47"

// Options of a server. nil, and every zero field, is usable.
type Options struct {
	Clock       clock.Clock        // default the system's
	Store       store.Store        // default in memory
	Throttle    throttle.Profile   // default off
	DeleteDelay time.Duration      // default none
	Audit       *Audit             // default a new one
	Auditor     door.Auditor       // instead of Audit, for a real log
	Events      vault.Events       // default none
	Releases    vault.Releases     // default none: releases are refused
	Root        *seal.RootKey      // default random; give one to open the same Store again
	Tokens      door.Tokens        // default the server's own issuer
	TenantID    string             // default TenantID
	Authority   string             // what challenges name, default "https://login.windows.net"
	Vaults      []vault.Properties // default premium "kv1" and HSM "hsm1"; their TenantID is filled in
	AcceptNewer bool
	Logger      *slog.Logger // default discards
	// MayAdminister is passed on; default nobody.
	MayAdminister func(rbac.Principal) bool
	// Wrap goes around the REST handler, to watch or to fail requests.
	Wrap func(http.Handler) http.Handler
}

// Server is a running vault server.
type Server struct {
	Service *vault.Service
	Handler http.Handler
	Audit   *Audit // nil if Options.Auditor was given
	Backups *seal.BackupKeys
	Sealer  *seal.Sealer
	Store   store.Store
	Issuer  *Issuer
	Addr    string // "127.0.0.1:PORT"

	tenant string
	ca     *authority
	mu     sync.Mutex
	http   *http.Server
	served chan struct{}
	calls  *http.Client // of Call and its kin
}

// New starts a server that stops with the test.
func New(t testing.TB, o *Options) *Server {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	opt := *o
	if opt.Clock == nil {
		opt.Clock = clock.System{}
	}
	if opt.Store == nil {
		opt.Store = storetest.NewMem()
	}
	if opt.Root == nil {
		opt.Root = seal.GenerateRootKey()
	}
	if opt.TenantID == "" {
		opt.TenantID = TenantID
	}
	if opt.Vaults == nil {
		opt.Vaults = []vault.Properties{{Name: "kv1", Premium: true}, {Name: "hsm1", HSM: true}}
	}
	s := &Server{Store: opt.Store, tenant: opt.TenantID, ca: newAuthority(t), Audit: opt.Audit}
	s.Issuer = newIssuer(t, opt.TenantID, opt.Clock)
	if s.Audit == nil && opt.Auditor == nil {
		s.Audit = &Audit{}
	}
	if opt.Auditor == nil {
		opt.Auditor = s.Audit
	}
	ctx := context.Background()
	var err error
	if s.Sealer, err = seal.Open(ctx, seal.Config{Store: opt.Store, Root: opt.Root, Clock: opt.Clock}); err != nil {
		t.Fatalf("opening the seal: %v", err)
	}
	if s.Backups, err = seal.OpenBackupKeys(ctx, s.Sealer); err != nil {
		t.Fatalf("opening the backup keys: %v", err)
	}
	if opt.Tokens == nil {
		opt.Tokens = s.Issuer.validator(t, opt.Clock)
	}
	s.Service, err = vault.New(vault.Config{
		Store: opt.Store, Sealer: s.Sealer, Audit: opt.Auditor, Tokens: opt.Tokens, Clock: opt.Clock, Throttle: opt.Throttle,
		DeleteDelay: opt.DeleteDelay, Events: opt.Events, Backups: backup.Sealer(s.Backups), Releases: opt.Releases, Logger: opt.Logger,
		MayAdminister: opt.MayAdminister,
		MakeSigner: func(ctx context.Context, db *keydb.DB) (vault.Signer, error) {
			return release.OpenAuthority(ctx, db, opt.Clock)
		},
	})
	if err != nil {
		t.Fatalf("making the service: %v", err)
	}
	h, err := httpapi.New(httpapi.Config{
		Service: s.Service, Hosts: vault.DefaultHosts(), Authority: opt.Authority, HSMAuthority: opt.Authority,
		AcceptNewer: opt.AcceptNewer, Logger: opt.Logger,
	})
	if err != nil {
		t.Fatalf("making the REST interface: %v", err)
	}
	s.Handler = h
	if opt.Wrap != nil {
		s.Handler = opt.Wrap(h)
	}
	for _, p := range opt.Vaults {
		s.MustVault(t, p)
	}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start begins to serve, at the address of the time before if there was one.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return
	}
	addr := s.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	s.Addr = l.Addr().String()
	srv := &http.Server{
		Handler: s.Handler, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.ca.server}},
	}
	done := make(chan struct{})
	s.http, s.served = srv, done
	s.calls = s.Client()
	go func() {
		defer close(done)
		if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	}()
}

// Stop cuts all connections and stops serving; Start serves again. What was stored stays.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return
	}
	s.calls.CloseIdleConnections()
	_ = s.http.Close()
	<-s.served
	s.http = nil
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

// Port is the port that the server listens on.
func (s *Server) Port() int {
	n, _ := strconv.Atoi(s.port())
	return n
}

// VaultURL is a vault's URL, "https://{name}.vault.localhost:{port}", without a slash at its end.
func (s *Server) VaultURL(name string) string {
	return "https://" + name + "." + VaultSuffix + ":" + s.port()
}

// HSMURL is a Managed HSM's URL.
func (s *Server) HSMURL(name string) string {
	return "https://" + name + "." + HSMSuffix + ":" + s.port()
}

// Audience is what a token for the vaults must be for; hsm asks for that of the Managed HSMs.
func (s *Server) Audience(hsm bool) string {
	if hsm {
		return "https://" + HSMSuffix + ":" + s.port()
	}
	return "https://" + VaultSuffix + ":" + s.port()
}

// AudienceOf is what a token for a URL must be for: its host's parent domain.
func (s *Server) AudienceOf(url string) string {
	host := strings.TrimPrefix(url, "https://")
	host, _, _ = strings.Cut(host, "/")
	_, parent, _ := strings.Cut(host, ".")
	return "https://" + parent
}

// TenantID is the tenant of the vaults and of the issuer's tokens.
func (s *Server) TenantID() string { return s.tenant }

// Pool holds the server's authority and nothing else.
func (s *Server) Pool() *x509.CertPool { return s.ca.pool }

// CAFile writes the authority's certificate as PEM into the test's directory, for SSL_CERT_FILE and its kin.
func (s *Server) CAFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Transport reaches the server under any host name and port, and trusts its authority alone.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, s.Addr)
		},
		TLSClientConfig:     &tls.Config{RootCAs: s.ca.pool, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 64,
	}
}

// Client is an HTTP client over Transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

// NewPeer starts a second server on the store, seal, issuer and audit log of s, with caches of its own.
func NewPeer(t testing.TB, s *Server) *Server {
	t.Helper()
	p := &Server{Store: s.Store, tenant: s.tenant, ca: s.ca, Audit: s.Audit, Issuer: s.Issuer, Sealer: s.Sealer, Backups: s.Backups}
	if s.Audit == nil {
		t.Fatal("a peer needs a server with an Audit of the kit")
	}
	var err error
	p.Service, err = vault.New(vault.Config{
		Store: s.Store, Sealer: s.Sealer, Audit: s.Audit, Tokens: s.Issuer.validator(t, s.Issuer.clock), Clock: s.Issuer.clock, Backups: s.Backups,
	})
	if err != nil {
		t.Fatalf("making the service: %v", err)
	}
	if p.Handler, err = httpapi.New(httpapi.Config{Service: p.Service}); err != nil {
		t.Fatalf("making the REST interface: %v", err)
	}
	p.Start(t)
	t.Cleanup(p.Stop)
	return p
}
