package entra_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/audit"
	"latchkey/entra"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

const (
	tenantID = "11111111-2222-3333-4444-555555555555"
	clientID = "aaaaaaaa-0000-0000-0000-00000000000a"
	objectID = "bbbbbbbb-0000-0000-0000-00000000000b"
	ownHost  = "login.latchkey.test:8443"
	vault    = "https://vault.azure.net"
)

// sealer is AES-256-GCM with the name as additional data.
type sealer struct {
	aead cipher.AEAD
	fail error
}

func newSealer(t testing.TB) *sealer {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{aead: aead}
}

func (s *sealer) Seal(name string, plain []byte) ([]byte, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, []byte(name)), nil
}

func (s *sealer) Open(name string, sealed []byte) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errors.New("too short")
	}
	return s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], []byte(name))
}

// auditor keeps records in memory and fails when told to.
type auditor struct {
	mu      sync.Mutex
	records []audit.Record
	fail    error
}

func (a *auditor) Append(_ context.Context, r audit.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	a.records = append(a.records, r)
	return nil
}

func (a *auditor) last(t testing.TB) audit.Record {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.records) == 0 {
		t.Fatal("no audit record")
	}
	return a.records[len(a.records)-1]
}

func (a *auditor) setFail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = err
}

// kit is an authority with one tenant and one application, behind TLS under every name it has.
type kit struct {
	*entra.Authority
	t      testing.TB
	fs     *fsys.Mem
	seal   *sealer
	audit  *auditor
	clock  *clock.Fake
	log    *bytes.Buffer
	client *http.Client
	secret string
	cfg    entra.Config
}

func newKit(t testing.TB, change func(*entra.Config)) *kit {
	t.Helper()
	k := &kit{
		t: t, fs: fsys.NewMem(), seal: newSealer(t), audit: &auditor{}, log: &bytes.Buffer{},
		clock: clock.NewFake(time.Now().Truncate(time.Second)),
	}
	k.cfg = entra.Config{
		FS: k.fs, Dir: "/data/entra", Sealer: k.seal, Audit: k.audit, Clock: k.clock, Hosts: []string{ownHost},
		Log:       slog.New(slog.NewTextHandler(&lockedWriter{w: k.log}, nil)),
		Resources: append(entra.DefaultResources(), entra.Resource{Pattern: "https://*.localhost:8443"}, entra.Resource{Pattern: "https://off.example", Disabled: true}),
	}
	if change != nil {
		change(&k.cfg)
	}
	k.open()
	if _, err := k.CreateTenant(t.Context(), entra.Tenant{ID: tenantID, Name: "Contoso", Domains: []string{"contoso.example"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.CreateApp(t.Context(), entra.NewApp{TenantID: tenantID, Name: "app", ClientID: clientID, ObjectID: objectID}); err != nil {
		t.Fatal(err)
	}
	_, s, err := k.AddSecret(t.Context(), clientID, "first", 0)
	if err != nil {
		t.Fatal(err)
	}
	k.secret = string(s.Expose())
	s.Destroy()
	k.client = k.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { k.Handler().ServeHTTP(w, r) }))
	return k
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (k *kit) open() {
	k.t.Helper()
	a, err := entra.Open(k.t.Context(), k.cfg)
	if err != nil {
		k.t.Fatal(err)
	}
	k.Authority = a
}

func (k *kit) reopen() {
	k.t.Helper()
	if err := k.Close(); err != nil {
		k.t.Fatal(err)
	}
	k.open()
}

// serve runs a handler under a certificate for all names of the tests and returns a client that finds it under every name.
func (k *kit) serve(h http.Handler) *http.Client {
	srv := httptest.NewUnstartedServer(h)
	cert, pool := serverCert(k.t)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	k.t.Cleanup(srv.Close)
	addr := srv.Listener.Addr().String()
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}}
}

func serverCert(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test data"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"login.microsoftonline.com", "login.windows.net", "login.latchkey.test", "issuer.example", "evil.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// clientCert makes an RSA certificate for assertions.
func clientCert(t testing.TB, from, to time.Time) (*rsa.PrivateKey, *x509.Certificate, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test data"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// form is a good v2 request by secret, changed by pairs of name and value ("" removes).
func (k *kit) form(change ...string) url.Values {
	f := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {k.secret},
		"scope": {vault + "/.default openid offline_access profile"},
	}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "" {
			f.Del(change[i])
		} else {
			f.Set(change[i], change[i+1])
		}
	}
	return f
}

type reply struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (r *reply) code() int {
	codes, _ := r.body["error_codes"].([]any)
	if len(codes) != 1 {
		return 0
	}
	n, _ := codes[0].(float64)
	return int(n)
}

func (k *kit) do(req *http.Request) *reply {
	k.t.Helper()
	resp, err := k.client.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	r := &reply{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &r.body); err != nil {
			k.t.Fatalf("%s %s: not JSON: %v\n%s", req.Method, req.URL, err, raw)
		}
	}
	return r
}

func (k *kit) post(path string, form url.Values) *reply {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, "https://login.microsoftonline.com"+path, strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return k.do(req)
}

func (k *kit) get(address string) *reply {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.do(req)
}

const tokenPath = "/" + tenantID + "/oauth2/v2.0/token"

// token gets a token with the kit's secret.
func (k *kit) token() string {
	k.t.Helper()
	r := k.post(tokenPath, k.form())
	raw, _ := r.body["access_token"].(string)
	if r.status != 200 || raw == "" {
		k.t.Fatalf("no token: %d %s", r.status, r.text)
	}
	return raw
}

func wantCode(t testing.TB, r *reply, status, number int, kind string) {
	t.Helper()
	if r.status != status || r.code() != number || r.body["error"] != kind {
		t.Errorf("answer %d %v AADSTS%d, want %d %s AADSTS%d\n%s", r.status, r.body["error"], r.code(), status, kind, number, r.text)
	}
	desc, _ := r.body["error_description"].(string)
	if !strings.HasPrefix(desc, fmt.Sprintf("AADSTS%d: ", number)) || !strings.Contains(desc, " Trace ID: ") || !strings.Contains(desc, " Correlation ID: ") || !strings.Contains(desc, " Timestamp: ") {
		t.Errorf("description %q", desc)
	}
	for _, member := range []string{"timestamp", "trace_id", "correlation_id", "error_uri"} {
		if s, _ := r.body[member].(string); s == "" {
			t.Errorf("no %s in %s", member, r.text)
		}
	}
}
