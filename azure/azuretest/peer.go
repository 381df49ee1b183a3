// Package azuretest is a small, scripted key vault with its token authority, for tests of the client side: real HTTPS on
// loopback, real RSA, and a hook before each request that may answer, delay, cut or corrupt it. TEST USE ONLY: it checks no
// assertion's signature and keeps nothing. To test against a vault that decides like the real one, use vault/vaulttest.
package azuretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/keywrap"
)

// Tenant is the tenant that the authority serves; ClientID and Secret are a client that it knows.
const (
	Tenant    = "11111111-2222-3333-4444-555555555555"
	ClientHex = "0123456789abcdef0123456789abcdef"
	ClientID  = "01234567-89ab-cdef-0123-456789abcdef"
	Secret    = "canary-client-secret-7f3a~Q.x"
)

// Hook sees a request before the peer does, and reports whether it answered.
type Hook func(w http.ResponseWriter, r *http.Request) bool

// Peer is a vault, its authority and a metadata endpoint.
type Peer struct {
	Vault     *httptest.Server // https
	Authority *httptest.Server // https
	Metadata  *httptest.Server // http: managed identities
	CAFile    string           // of the certificates of both
	Roots     *x509.CertPool

	hook atomic.Pointer[Hook]

	mu        sync.Mutex
	keys      []*Key
	secrets   map[string]bool // client secrets that are good
	tokens    map[string]bool // tokens that the vault takes
	serial    int
	tokenLife time.Duration
	challenge string
	counts    map[string]int
}

// Key is one key version of the peer.
type Key struct {
	Name, Version string
	Private       *keywrap.Key
	Attributes    map[string]any
	Ops           []string
	Kty           string
}

// New starts a peer that stops with the test.
func New(t testing.TB) *Peer {
	t.Helper()
	p := &Peer{
		secrets: map[string]bool{Secret: true}, tokens: map[string]bool{}, tokenLife: time.Hour, counts: map[string]int{},
	}
	cert, ca := certificate(t)
	p.Roots = x509.NewCertPool()
	p.Roots.AppendCertsFromPEM(ca)
	p.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.CAFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	p.Vault = start(p.serveVault)
	p.Authority = start(p.serveAuthority)
	p.Metadata = httptest.NewServer(http.HandlerFunc(p.serveMetadata))
	t.Cleanup(p.Metadata.Close)
	p.challenge = fmt.Sprintf(`Bearer authorization="%s/%s", resource="%s"`, p.Authority.URL, Tenant, p.Vault.URL)
	return p
}

// certificate makes a server's certificate for loopback and for the names of Azure's public cloud, and its authority's PEM.
func certificate(t testing.TB) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "latchkey test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: clock.System{}.Now().Add(-time.Hour), NotAfter: clock.System{}.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{"localhost", "*.vault.azure.net", "*.vault.azure.cn", "*.vault.usgovcloudapi.net", "*.managedhsm.azure.net", "login.microsoftonline.com", "login.windows.net", "*.vault.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// SetHook sets what sees requests first; nil for nothing.
func (p *Peer) SetHook(h Hook) {
	if h == nil {
		p.hook.Store(nil)
		return
	}
	p.hook.Store(&h)
}

func (p *Peer) hooked(w http.ResponseWriter, r *http.Request) bool {
	h := p.hook.Load()
	return h != nil && (*h)(w, r)
}

// SetChallenge sets the WWW-Authenticate header of a 401; "" for none.
func (p *Peer) SetChallenge(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.challenge = s
}

// SetSecrets says which client secrets are good.
func (p *Peer) SetSecrets(good ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = map[string]bool{}
	for _, s := range good {
		p.secrets[s] = true
	}
}

// SetTokenLife sets how long the authority says that tokens live.
func (p *Peer) SetTokenLife(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokenLife = d
}

// RevokeTokens makes the vault refuse all tokens given so far.
func (p *Peer) RevokeTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = map[string]bool{}
}

// Count is how many requests of a kind came: "challenge", "token", "get", "list", "wrapkey", "unwrapkey", "backup", "restore".
func (p *Peer) Count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[kind]
}

func (p *Peer) count(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind]++
}

// AddKey makes a new version of a key.
func (p *Peer) AddKey(t testing.TB, name string, bits int) *Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p.PutKey(t, name, private)
}

// PutKey adds a version with given material.
func (p *Peer) PutKey(t testing.TB, name string, private *rsa.PrivateKey) *Key {
	t.Helper()
	private.Precompute()
	key, err := keywrap.ImportRSA(keywrap.RSAMembers{
		N: private.N.Bytes(), E: big.NewInt(int64(private.E)).Bytes(), D: private.D.Bytes(), P: private.Primes[0].Bytes(), Q: private.Primes[1].Bytes(),
		DP: private.Precomputed.Dp.Bytes(), DQ: private.Precomputed.Dq.Bytes(), QI: private.Precomputed.Qinv.Bytes(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var v [16]byte
	rand.Read(v[:])
	k := &Key{Name: name, Version: fmt.Sprintf("%x", v), Private: key, Kty: "RSA", Ops: []string{"wrapKey", "unwrapKey"}, Attributes: map[string]any{"enabled": true, "created": clock.System{}.Now().Unix()}}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
	return k
}

// URI is the key version's identifier at the peer.
func (k *Key) URI(p *Peer) string { return p.Vault.URL + "/keys/" + k.Name + "/" + k.Version }

func (p *Peer) find(name, version string) *Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.keys) - 1; i >= 0; i-- {
		if k := p.keys[i]; strings.EqualFold(k.Name, name) && (version == "" || k.Version == version) {
			return k
		}
	}
	return nil
}

// Reply writes JSON.
func Reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("x-ms-request-id", "9f5c0a3e-0000-4000-8000-000000000001")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// Error writes a vault's error reply.
func Error(w http.ResponseWriter, status int, code, inner, message string) {
	e := map[string]any{"code": code, "message": message}
	if inner != "" {
		e["innererror"] = map[string]any{"code": inner}
	}
	Reply(w, status, map[string]any{"error": e})
}

// Bundle is a key version as the API shows it.
func (p *Peer) Bundle(k *Key) map[string]any {
	n, e := "", ""
	if rsaPub, ok := k.Private.Public().RSA(); ok {
		n = base64.RawURLEncoding.EncodeToString(rsaPub.N)
		e = base64.RawURLEncoding.EncodeToString(rsaPub.E)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	attrs := map[string]any{}
	for name, v := range k.Attributes {
		attrs[name] = v
	}
	return map[string]any{
		"key":        map[string]any{"kid": k.URI(p), "kty": k.Kty, "key_ops": k.Ops, "n": n, "e": e},
		"attributes": attrs,
	}
}

func (p *Peer) serveVault(w http.ResponseWriter, r *http.Request) {
	if p.hooked(w, r) {
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	good, challenge := p.tokens[token], p.challenge
	p.mu.Unlock()
	if !good {
		p.count("challenge")
		if challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		Error(w, http.StatusUnauthorized, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && len(parts) == 1:
		p.serveList(w, "")
	case r.Method == http.MethodGet && len(parts) == 3 && parts[2] == "versions":
		p.serveList(w, parts[1])
	case r.Method == http.MethodPost && len(parts) == 2 && parts[1] == "restore":
		p.serveRestore(w, body)
	case len(parts) < 2:
		Error(w, http.StatusNotFound, "NotFound", "", "no such route")
	case r.Method == http.MethodGet:
		version := ""
		if len(parts) > 2 {
			version = parts[2]
		}
		p.count("get")
		if k := p.find(parts[1], version); k != nil {
			Reply(w, http.StatusOK, p.Bundle(k))
			return
		}
		Error(w, http.StatusNotFound, "KeyNotFound", "", "A key with (name/id) "+parts[1]+" was not found in this key vault.")
	default:
		version := ""
		if len(parts) == 4 {
			version = parts[2]
		}
		p.serveOp(w, parts[1], version, strings.ToLower(parts[len(parts)-1]), body)
	}
}

func (p *Peer) serveList(w http.ResponseWriter, name string) {
	p.count("list")
	p.mu.Lock()
	defer p.mu.Unlock()
	items := []any{}
	seen := map[string]bool{}
	for _, k := range p.keys {
		switch {
		case name == "" && !seen[k.Name]:
			seen[k.Name] = true
			items = append(items, map[string]any{"kid": p.Vault.URL + "/keys/" + k.Name, "attributes": k.Attributes})
		case strings.EqualFold(name, k.Name):
			items = append(items, map[string]any{"kid": k.URI(p), "attributes": k.Attributes})
		}
	}
	Reply(w, http.StatusOK, map[string]any{"value": items, "nextLink": nil})
}

func (p *Peer) serveOp(w http.ResponseWriter, name, version, op string, body []byte) {
	p.count(op)
	k := p.find(name, version)
	if k == nil {
		Error(w, http.StatusNotFound, "KeyNotFound", "", "no such key")
		return
	}
	if op == "backup" {
		b, _ := json.Marshal(map[string]string{"name": k.Name, "version": k.Version})
		Reply(w, http.StatusOK, map[string]any{"value": base64.RawURLEncoding.EncodeToString(b)})
		return
	}
	var in struct{ Alg, Value string }
	value, err := []byte(nil), json.Unmarshal(body, &in)
	if err == nil {
		value, err = base64.RawURLEncoding.DecodeString(in.Value)
	}
	var out []byte
	if err == nil && op == "wrapkey" {
		out, err = k.Private.WrapKey(keywrap.Algorithm(in.Alg), value)
	} else if err == nil {
		out, err = k.Private.UnwrapKey(keywrap.Algorithm(in.Alg), value)
	}
	if err != nil {
		Error(w, http.StatusBadRequest, "BadParameter", "", "The parameter is incorrect.")
		return
	}
	Reply(w, http.StatusOK, map[string]any{"kid": k.URI(p), "value": base64.RawURLEncoding.EncodeToString(out)})
}

func (p *Peer) serveRestore(w http.ResponseWriter, body []byte) {
	p.count("restore")
	var in struct{ Value string }
	var blob struct{ Name, Version string }
	if json.Unmarshal(body, &in) == nil {
		b, _ := base64.RawURLEncoding.DecodeString(in.Value)
		_ = json.Unmarshal(b, &blob)
	}
	if k := p.find(blob.Name, blob.Version); k != nil {
		Reply(w, http.StatusOK, p.Bundle(k))
		return
	}
	Error(w, http.StatusBadRequest, "BadParameter", "", "The backup blob is not valid.")
}

// Token makes a token that the vault takes.
func (p *Peer) Token() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	t := fmt.Sprintf("canary-access-token.%06d.x", p.serial)
	p.tokens[t] = true
	return t
}

func (p *Peer) serveAuthority(w http.ResponseWriter, r *http.Request) {
	if p.hooked(w, r) {
		return
	}
	base := "https://" + r.Host + "/" + Tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		Reply(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") && r.Method == http.MethodPost:
		p.count("token")
		_ = r.ParseForm()
		p.mu.Lock()
		good := p.secrets[r.PostForm.Get("client_secret")] || r.PostForm.Get("client_assertion") != ""
		life := p.tokenLife
		p.mu.Unlock()
		if !good {
			AuthorityError(w, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
			return
		}
		Reply(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": int(life.Seconds()), "access_token": p.Token()})
	default:
		http.NotFound(w, r)
	}
}

// AuthorityError writes an error reply of the token authority.
func AuthorityError(w http.ResponseWriter, status int, kind string, number int, text string) {
	Reply(w, status, map[string]any{
		"error": kind, "error_codes": []int{number},
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: t Correlation ID: c", number, text),
	})
}

func (p *Peer) serveMetadata(w http.ResponseWriter, r *http.Request) {
	if p.hooked(w, r) {
		return
	}
	p.count("token")
	if r.Header.Get("Metadata") != "true" {
		Reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	Reply(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": "3599", "expires_on": fmt.Sprint(clock.System{}.Now().Add(time.Hour).Unix()), "access_token": p.Token(), "resource": r.URL.Query().Get("resource")})
}
