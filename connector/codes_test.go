package connector_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// fault is one way to provoke a code.
type fault struct {
	code code.Code
	name string
	// options of the rig; prepare changes it before anything runs; then op is carried out.
	options options
	prepare func(t *testing.T, r *rig)
	op      func(t *testing.T, r *rig) error
	text    string // that the error must hold
}

// The operations that faults are provoked in.
func opOpen(t *testing.T, r *rig) error {
	s, err := r.provider.OpenSession(t.Context(), r.cred)
	if err == nil {
		err = s.Close(false)
	}
	return err
}

func opFind(t *testing.T, r *rig) error {
	s, err := r.provider.OpenSession(t.Context(), r.cred)
	if err != nil {
		return err
	}
	_, err = s.KeyByName(t.Context(), "k")
	return err
}

// then opens a session and finds the key, arms the fault, and carries out f.
func then(arm func(r *rig), f func(t *testing.T, r *rig, s *connector.Session, i ekm.KeyInfo, w ekm.Wrapped) error) func(*testing.T, *rig) error {
	return func(t *testing.T, r *rig) error {
		s := r.open(t).(*connector.Session)
		i := must(s.KeyByName(t.Context(), "k"))(t)
		w := must(s.Wrap(t.Context(), i.Thumbprint, dek(1)))(t)
		if arm != nil {
			arm(r)
		}
		return f(t, r, s, i, w)
	}
}

func wrapIt(t *testing.T, _ *rig, s *connector.Session, i ekm.KeyInfo, _ ekm.Wrapped) error {
	_, err := s.Wrap(t.Context(), i.Thumbprint, dek(2))
	return err
}

func unwrapIt(t *testing.T, _ *rig, s *connector.Session, i ekm.KeyInfo, w ekm.Wrapped) error {
	_, err := s.Unwrap(t.Context(), i.Thumbprint, w)
	return err
}

func backUp(t *testing.T, _ *rig, s *connector.Session, i ekm.KeyInfo, _ ekm.Wrapped) error {
	_, err := s.BackupKey(t.Context(), i.Thumbprint)
	return err
}

// on makes a hook for requests whose path ends in suffix, after a token was given.
func on(suffix string, h func(w http.ResponseWriter, r *http.Request)) func(*rig) {
	return func(r *rig) {
		r.peer.SetHook(func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.HasSuffix(req.URL.Path, suffix) || strings.HasPrefix(req.URL.Path, "/keys") && req.Header.Get("Authorization") == "" {
				return false
			}
			h(w, req)
			return true
		})
	}
}

func status(n int, c, inner, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { azuretest.Error(w, n, c, inner, message) }
}

// raw answers 200 with a body.
func raw(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// cut hangs up: after sending head, or at once.
func cut(head string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString(head)
		_ = buf.Flush()
		_ = conn.Close()
	}
}

// keyWithout answers a get with the key, changed.
func keyWithout(change func(top, jwk map[string]any)) func(t *testing.T, r *rig) {
	return func(_ *testing.T, r *rig) {
		r.peer.SetHook(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path != "/keys/k" || req.Header.Get("Authorization") == "" {
				return false
			}
			top := map[string]any{}
			b, _ := json.Marshal(r.peer.Bundle(r.key))
			_ = json.Unmarshal(b, &top)
			change(top, top["key"].(map[string]any))
			azuretest.Reply(w, http.StatusOK, top)
			return true
		})
	}
}

func hook(arm func(*rig)) func(*testing.T, *rig) { return func(_ *testing.T, r *rig) { arm(r) } }

func challengeIs(s string) func(*testing.T, *rig) {
	return func(_ *testing.T, r *rig) {
		r.peer.SetChallenge(strings.NewReplacer("AUTH", r.peer.Authority.URL+"/"+azuretest.Tenant, "VAULT", r.peer.Vault.URL).Replace(s))
	}
}

// secretIs sets what comes after the client id in SECRET.
func secretIs(f func(t *testing.T) string) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) { r.cred.Secret = secret.FromString(azuretest.ClientHex + f(t)) }
}

func whole(s string) func(*testing.T, *rig) {
	return func(_ *testing.T, r *rig) { r.cred.Secret = secret.FromString(s) }
}

const canary = "canary-password-93b1"

// certificateOf makes a self-signed certificate for a key.
func certificateOf(t testing.TB, pub, priv any) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, priv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pfx(t testing.TB, key any, cert *x509.Certificate) string {
	t.Helper()
	b, err := pkcs12.Modern.WithIterations(1).Encode(key, cert, nil, canary)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func pemOf(t testing.TB, key any, certs ...*x509.Certificate) string {
	t.Helper()
	var b bytes.Buffer
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	if key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		_ = pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	return b.String()
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func weakKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// deadDNS is a name server that knows no name.
func deadDNS(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeNameError, nil
			if b, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// closedPort is an address where nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// refusingProxy answers every CONNECT with a status.
func refusingProxy(t testing.TB, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "http://user:"+canary+"@", 1)
}

// deaf accepts connections and answers bytes that are no TLS.
func deaf(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-not-a-vault\r\n")
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func faultyFS(kind fsys.Kind, err error) options {
	return options{files: fsys.NewFaulty(fsys.NewMem(), func(op fsys.Op) error {
		if op.Kind&kind != 0 {
			return err
		}
		return nil
	})}
}

func settings(f func(*azure.Settings)) options { return options{settings: f} }

func text(s string) func(w http.ResponseWriter, r *http.Request) { return raw(s) }

func tokenReply(body string) func(*testing.T, *rig) {
	return hook(on("/oauth2/v2.0/token", text(body)))
}

func tokenError(n int, kind string, number int, message string) func(*testing.T, *rig) {
	return hook(on("/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a server that echoes what it was sent
		azuretest.AuthorityError(w, n, kind, number, message+" sent: "+r.PostForm.Get("client_secret"))
	}))
}

func faults() []fault {
	dropMember := func(name string) func(top, jwk map[string]any) {
		return func(_, jwk map[string]any) { delete(jwk, name) }
	}
	setMember := func(name string, v any) func(top, jwk map[string]any) {
		return func(_, jwk map[string]any) { jwk[name] = v }
	}
	return []fault{
		{code: code.Failure, name: "redirect", prepare: hook(on("/keys/k", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		})), op: opFind, text: "302"},
		{code: code.NotSupported, name: "EC key", prepare: keyWithout(setMember("kty", "EC-HSM")), op: opFind, text: "EC-HSM"},
		{code: code.NotSupported, name: "unknown algorithm in the blob", op: then(nil, func(t *testing.T, r *rig, s *connector.Session, i ekm.KeyInfo, w ekm.Wrapped) error {
			w.Algorithm = "A256KW"
			return unwrapIt(t, r, s, i, w)
		}), text: "A256KW"},
		{code: code.NotFound, name: "unknown thumbprint", op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).Unwrap(t.Context(), ekm.Thumbprint(bytes.Repeat([]byte{7}, 20)), ekm.Wrapped{Blob: make([]byte, 256)})
			return err
		}, text: "0x0707"},
		{code: code.NotFound, name: "thumbprint of an old build", op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).KeyByThumbprint(t.Context(), "\x2c\x56\x77\xd7\x6f\x76\xd7\x7f\x80")
			return err
		}, text: "before 1.0.5.0"},
		{code: code.AuthFailure, name: "no credential", prepare: func(_ *testing.T, r *rig) { r.cred = nil }, op: opOpen},
		{code: code.AuthFailure, name: "no SECRET", prepare: func(_ *testing.T, r *rig) { r.cred.Secret = nil }, op: opOpen, text: "SECRET"},
		{code: code.InvalidArgument, name: "key name", op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).KeyByName(t.Context(), "k k")
			return err
		}, text: "hyphens"},
		{code: code.InvalidArgument, name: "thumbprint of 33 bytes", op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).KeyByThumbprint(t.Context(), ekm.Thumbprint(make([]byte, 33)))
			return err
		}},
		{code: code.InvalidArgument, name: "managed identity with a secret", prepare: func(_ *testing.T, r *rig) {
			r.cred = &ekm.Credential{Name: r.peer.Vault.URL, Identity: "Managed Identity", Secret: secret.FromString(canary)}
		}, op: opOpen},
		{code: code.InvalidArgument, name: "file without a name", prepare: secretIs(func(*testing.T) string { return "pem-file=" }), op: opOpen},
		{code: code.KeyNameDoesNotFitThumbprint, name: "strict names", options: options{config: func(c *connector.Config) { c.StrictNames = true }}, op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).KeyByName(t.Context(), strings.Repeat("k", 27))
			return err
		}, text: "27"},
		{code: code.PasswordTooShort, name: "31 characters", prepare: whole(azuretest.ClientHex[:31]), op: opOpen, text: "31"},
		{code: code.ThumbprintExistedInRegistry, name: "same key, other name", prepare: func(t *testing.T, r *rig) { r.peer.PutKey(t, "copy", rsaKey()) }, op: then(nil, func(t *testing.T, _ *rig, s *connector.Session, _ ekm.KeyInfo, _ ekm.Wrapped) error {
			_, err := s.KeyByName(t.Context(), "copy")
			return err
		}), text: "/keys/k/"},
		{code: code.ThumbprintExistedInRegistry, name: "map that points to another key", op: func(t *testing.T, r *rig) error {
			if err := r.keymap.Put(t.Context(), keymap.Entry{Vault: r.peer.Vault.URL, Thumbprint: ekm.Thumbprint(bytes.Repeat([]byte{9}, 20)), URI: r.key.URI(r.peer)}); err != nil {
				t.Fatal(err)
			}
			_, err := r.open(t).KeyByThumbprint(t.Context(), ekm.Thumbprint(bytes.Repeat([]byte{9}, 20)))
			return err
		}, text: "remove that entry"},
		{code: code.FailureInRegistry, name: "full disk", options: faultyFS(fsys.OpWrite, syscall.ENOSPC), op: opFind, text: "no space left"},
		{code: code.FailureInRegistry, name: "read-only map", options: faultyFS(fsys.OpOpen|fsys.OpLock|fsys.OpMkdir, fs.ErrPermission), op: opFind, text: "permission denied"},
		{code: code.FailureInRegistry, name: "sync fails", options: faultyFS(fsys.OpSync, syscall.EIO), op: opFind},
		{code: code.FailureInRegistry, name: "map of a newer version", prepare: func(t *testing.T, r *rig) {
			must(0, r.files.MkdirAll("/map", 0o700))(t)
			must(0, fsys.WriteFile(r.files, "/map/keys", []byte("latchkey-keymap 2\n"), 0o600))(t)
		}, op: opFind, text: "version"},

		{code: code.HTTPOpenSession, name: "CA bundle that is missing", options: settings(func(s *azure.Settings) { s.CAFile = "/nowhere/ca.pem" }), op: opOpen, text: "/nowhere/ca.pem"},
		{code: code.HTTPOpenSession, name: "CA bundle without certificates", options: settings(func(s *azure.Settings) { s.CAFile = "codes_test.go" }), op: opOpen, text: "PEM"},
		{code: code.HTTPOpenSession, name: "proxy of an unknown scheme", options: settings(func(s *azure.Settings) { s.Proxy = "socks9://u:" + canary + "@x" }), op: opOpen, text: "proxy"},
		{code: code.HTTPOpenSession, name: "authority that is not https", options: settings(func(s *azure.Settings) { s.Authority = "http://x" }), op: opOpen},
		{code: code.HTTPConnectSession, name: "closed port", prepare: func(t *testing.T, r *rig) { r.cred.Identity = "https://" + closedPort(t) }, op: opOpen, text: "refused"},
		{code: code.HTTPAttemptConnect, name: "proxy that is down", prepare: func(t *testing.T, r *rig) { r.settings.Proxy = "http://" + closedPort(t) }, op: opOpen, text: "refused"},
		{code: code.HTTPAttemptConnect, name: "proxy that wants a password", prepare: func(t *testing.T, r *rig) { r.settings.Proxy = refusingProxy(t, 407) }, op: opOpen, text: "407"},
		{code: code.HTTPAttemptConnect, name: "proxy that forbids", prepare: func(t *testing.T, r *rig) { r.settings.Proxy = refusingProxy(t, 403) }, op: opOpen, text: "403"},
		{code: code.HTTPOpenRequest, name: "IDENTITY with a path", prepare: func(_ *testing.T, r *rig) { r.cred.Identity = "https://v.example/keys" }, op: opOpen},
		{code: code.HTTPOpenRequest, name: "IDENTITY with a blank", prepare: func(_ *testing.T, r *rig) { r.cred.Identity = "my vault" }, op: opOpen, text: "letters"},
		{code: code.HTTPOpenRequest, name: "IDENTITY over http", prepare: func(_ *testing.T, r *rig) { r.cred.Identity = "http://v.example" }, op: opOpen, text: "https"},
		{code: code.HTTPAddRequestHeader, name: "token with a line break", prepare: tokenReply(`{"access_token":"canary\r\nX-Evil: 1","expires_in":3600,"token_type":"Bearer"}`), op: opOpen, text: "0x0d"},
		{code: code.HTTPSendRequest, name: "unknown authority", options: settings(func(s *azure.Settings) { s.CAFile = "" }), op: opOpen, text: "certificate"},
		{code: code.HTTPSendRequest, name: "certificate for another name", prepare: func(_ *testing.T, r *rig) {
			r.settings.Addresses = []string{strings.TrimPrefix(r.peer.Vault.URL, "https://")}
			r.cred.Identity = "https://other.example"
		}, op: opOpen, text: "other.example"},
		{code: code.HTTPSendRequest, name: "no TLS there", prepare: func(t *testing.T, r *rig) { r.cred.Identity = "https://" + deaf(t) }, op: opOpen},
		{code: code.HTTPGetResponseCode, name: "hang up", op: then(on("/unwrapkey", cut("")), unwrapIt)},
		{code: code.HTTPGetResponseCode, name: "no HTTP", op: then(on("/unwrapkey", cut("gibberish\r\n\r\n")), unwrapIt)},
		{code: code.HTTPGetResponseCode, name: "no answer in time", options: options{config: func(c *connector.Config) { c.TryTimeout, c.Tries = 3*time.Second, 1 }}, op: then(on("/unwrapkey", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }), unwrapIt), text: "deadline"},
		{code: code.HTTPResponseCodeUnauthorized, name: "401 again", op: then(func(r *rig) {
			on("/wrapkey", func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="%s/%s", resource="%s"`, r.peer.Authority.URL, azuretest.Tenant, r.peer.Vault.URL))
				azuretest.Error(w, 401, "Unauthorized", "", "echo "+req.Header.Get("Authorization"))
			})(r)
		}, wrapIt), text: "[redacted]"},
		{code: code.HTTPResponseCodeUnauthorized, name: "401 without a challenge later", op: then(on("/wrapkey", status(401, "Unauthorized", "", "no")), wrapIt)},
		{code: code.HTTPResponseCodeThrottled, name: "429 for longer than the budget", op: then(on("/unwrapkey", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			azuretest.Error(w, 429, "Throttled", "", "Request was not processed because too many requests were received.")
		}), unwrapIt), text: "429"},
		{code: code.HTTPResponseCodeClientError, name: "400 for every algorithm", op: then(on("/unwrapkey", status(400, "BadParameter", "", "The parameter is incorrect.")), unwrapIt), text: "RSA1_5"},
		{code: code.HTTPResponseCodeClientError, name: "echo of what was to be wrapped", op: then(on("/wrapkey", func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			azuretest.Error(w, 400, "BadParameter", "", "cannot read "+string(b))
		}), wrapIt)},
		{code: code.HTTPResponseCodeClientError, name: "409", op: then(on("/backup", status(409, "Conflict", "ObjectIsBeingDeleted", "Key is currently being deleted.")), backUp), text: "ObjectIsBeingDeleted"},
		{code: code.HTTPResponseCodeServerError, name: "503", op: then(on("/unwrapkey", status(503, "ServiceUnavailable", "", "busy")), unwrapIt), text: "503"},
		{code: code.HTTPResponseCodeServerError, name: "503 of the authority", prepare: tokenError(503, "temporarily_unavailable", 90033, "later"), op: opOpen, text: "503"},
		{code: code.HTTPResourceNotFound, name: "no such key", op: func(t *testing.T, r *rig) error {
			_, err := r.open(t).KeyByName(t.Context(), "absent")
			return err
		}, text: "absent"},
		{code: code.HTTPOperationForbidden, name: "RBAC", op: then(on("/unwrapkey", status(403, "Forbidden", "ForbiddenByRbac", "Caller is not authorized")), unwrapIt), text: "ForbiddenByRbac"},
		{code: code.HTTPOperationForbidden, name: "unknown reason", op: then(on("/unwrapkey", status(403, "Forbidden", "Moon", "no")), unwrapIt), text: "suspect"},
		{code: code.HTTPQueryHeaderNotFound, name: "401 without a challenge", prepare: challengeIs(""), op: opOpen, text: "WWW-Authenticate"},
		{code: code.HTTPQueryHeaderNotFound, name: "no vault there", prepare: hook(on("", nil)), op: func(t *testing.T, r *rig) error {
			r.peer.SetHook(func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, "<html>hello")
				return true
			})
			return opOpen(t, r)
		}, text: "401"},
		{code: code.HTTPReadData, name: "cut body", op: then(on("/unwrapkey", cut("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"value\":\"canary")), unwrapIt)},
		{code: code.HTTPReadData, name: "reply without end", op: then(on("/unwrapkey", func(w http.ResponseWriter, _ *http.Request) {
			for range 40 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<15))
			}
		}), unwrapIt), text: "larger"},
		{code: code.HTTPBadRequest, name: "400 of the authority", prepare: tokenError(400, "invalid_request", 90002, "Tenant not found."), op: opOpen, text: "AADSTS90002"},
		{code: code.HTTPBadRequest, name: "client id with hyphens", prepare: whole(azuretest.ClientID + azuretest.Secret), op: opOpen, text: "hyphens"},

		{code: code.GetAADDomainURLStartPosition, name: "authority without a quote", prepare: challengeIs(`Bearer authorization=login, resource="VAULT"`), op: opOpen},
		{code: code.GetAADDomainURLStopPosition, name: "authority without an end", prepare: challengeIs(`Bearer authorization="AUTH`), op: opOpen},
		{code: code.GetAADDomainURLMalformatted, name: "no authority", prepare: challengeIs(`Bearer resource="VAULT"`), op: opOpen},
		{code: code.GetAADDomainURLMalformatted, name: "another scheme", prepare: challengeIs(`Basic realm="x"`), op: opOpen},
		{code: code.GetAADDomainURLMalformatted, name: "authority over http", prepare: challengeIs(`Bearer authorization="http://x/t", resource="VAULT"`), op: opOpen},
		{code: code.GetAADDomainURLMalformatted, name: "authority without a tenant", prepare: challengeIs(`Bearer authorization="https://login.windows.net/", resource="VAULT"`), op: opOpen, text: "tenant"},
		{code: code.GetAADDomainURLMalformatted, name: "authority of a stranger", prepare: challengeIs(`Bearer authorization="https://login.evil.example/t", resource="VAULT"`), op: opOpen, text: "LK1601"},
		{code: code.GetAKVResourceURLStartPosition, name: "no resource", prepare: challengeIs(`Bearer authorization="AUTH"`), op: opOpen},
		{code: code.GetAKVResourceURLStartPosition, name: "resource of a stranger", prepare: challengeIs(`Bearer authorization="AUTH", resource="https://vault.azure.net"`), op: opOpen, text: "LK1602"},
		{code: code.GetAKVResourceURLStartPosition, name: "resource with another port", prepare: challengeIs(`Bearer authorization="AUTH", resource="https://127.0.0.1:1"`), op: opOpen, text: "LK1602"},
		{code: code.GetAKVResourceURLStopPosition, name: "resource without an end", prepare: challengeIs(`Bearer authorization="AUTH", resource="VAULT`), op: opOpen},

		{code: code.GetTokenBadCredentials, name: "wrong secret", prepare: secretIs(func(*testing.T) string { return "canary-wrong" }), op: opOpen, text: "AADSTS7000215"},
		{code: code.GetTokenBadCredentials, name: "unknown client", prepare: tokenError(400, "unauthorized_client", 700016, "Application not found."), op: opOpen, text: "AADSTS700016"},
		{code: code.GetTokenBadCredentials, name: "expired secret", prepare: tokenError(401, "invalid_client", 7000222, "The provided client secret keys are expired."), op: opOpen, text: "expired"},
		{code: code.GetTokenBadCredentials, name: "federated token that is missing", prepare: secretIs(func(t *testing.T) string { return "federated-token-file=" + filepath.Join(t.TempDir(), "none") }), op: opOpen},
		{code: code.GetTokenFailedToGetToken, name: "conditional access", prepare: tokenError(400, "interaction_required", 53003, "Access has been blocked."), op: opOpen, text: "AADSTS53003"},
		{code: code.GetTokenFailedToGetToken, name: "no managed identity", prepare: func(_ *testing.T, r *rig) {
			r.cred = &ekm.Credential{Name: r.peer.Vault.URL, Identity: "Managed Identity"}
			on("/metadata/identity/oauth2/token", func(w http.ResponseWriter, _ *http.Request) {
				azuretest.Reply(w, 400, map[string]any{"error": "invalid_request", "error_description": "Identity not found"})
			})(r)
		}, op: opOpen, text: "Identity not found"},
		{code: code.GetTokenRejected, name: "token of another tenant", op: then(on("/wrapkey", func(w http.ResponseWriter, _ *http.Request) {
			azuretest.Error(w, 401, "Unauthorized", "", "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/a/, found https://sts.windows.net/b/.")
		}), wrapIt), text: "AKV10032"},
		{code: code.GetTokenNotFound, name: "no token", prepare: tokenReply(`{"token_type":"Bearer"}`), op: opOpen, text: "access_token"},
		{code: code.GetTokenNotFound, name: "empty reply", prepare: tokenReply(``), op: opOpen},
		{code: code.GetTokenJSONParser, name: "a page", prepare: tokenReply(`<html>sign in`), op: opOpen},
		{code: code.GetTokenExtractToken, name: "token of another type", prepare: tokenReply(`{"access_token":17,"expires_in":3600}`), op: opOpen},
		{code: code.GetTokenExtractToken, name: "no lifetime", prepare: tokenReply(`{"access_token":"canary-token-xyz","expires_in":"soon"}`), op: opOpen},

		{code: code.GetKeyByNameNoResponse, name: "empty reply", prepare: hook(on("/keys/k", raw(" "))), op: opFind},
		{code: code.GetKeyByNameJSONParser, name: "a page", prepare: hook(on("/keys/k", raw("<html>"))), op: opFind},
		{code: code.GetKeyByNameExtractKeyNode, name: "no key", prepare: keyWithout(func(top, _ map[string]any) { delete(top, "key") }), op: opFind},
		{code: code.GetKeyByNameExtractKeyID, name: "no kid", prepare: keyWithout(dropMember("kid")), op: opFind},
		{code: code.GetKeyByNameExtractKeyType, name: "no kty", prepare: keyWithout(dropMember("kty")), op: opFind},
		{code: code.GetKeyByNameExtractKeyType, name: "unknown kty", prepare: keyWithout(setMember("kty", "XYZ")), op: opFind, text: "XYZ"},
		{code: code.GetKeyByNameExtractKeyN, name: "no n", prepare: keyWithout(dropMember("n")), op: opFind},
		{code: code.GetKeyByNameBase64DecodeN, name: "n of bad base64", prepare: keyWithout(setMember("n", "!!!")), op: opFind},
		{code: code.GetKeyByNameBase64DecodeN, name: "n of 1024 bits", prepare: keyWithout(setMember("n", base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 128)))), op: opFind, text: "1024"},
		{code: code.GetKeyByNameExtractKeyE, name: "no e", prepare: keyWithout(dropMember("e")), op: opFind},
		{code: code.GetKeyByNameBase64DecodeE, name: "e of bad base64", prepare: keyWithout(setMember("e", "A B")), op: opFind},
		{code: code.GetKeyByNameBase64DecodeE, name: "e even", prepare: keyWithout(setMember("e", "AQAA")), op: opFind},
		{code: code.GetKeyByNameExtractKeyURI, name: "kid without a version", prepare: keyWithout(func(_, jwk map[string]any) {
			jwk["kid"] = jwk["kid"].(string)[:strings.LastIndexByte(jwk["kid"].(string), '/')]
		}), op: opFind},
		{code: code.GetKeyByNameExtractKeyURI, name: "kid of another vault", prepare: keyWithout(setMember("kid", "https://evil.example/keys/k/"+azuretest.ClientHex)), op: opFind, text: "another vault"},
		{code: code.GetKeyByNameExtractKeyURI, name: "another key", prepare: keyWithout(func(_, jwk map[string]any) {
			jwk["kid"] = strings.Replace(jwk["kid"].(string), "/keys/k/", "/keys/q/", 1)
		}), op: opFind, text: "LK1604"},

		{code: code.BackupKeyNoResponse, name: "empty reply", op: then(on("/backup", raw("")), backUp)},
		{code: code.BackupKeyJSONParser, name: "a page", op: then(on("/backup", raw("<html>")), backUp)},
		{code: code.BackupKeyExtractValue, name: "no value", op: then(on("/backup", raw("{}")), backUp)},
		{code: code.BackupKeyBase64DecodeValue, name: "bad base64", op: then(on("/backup", raw(`{"value":"?"}`)), backUp)},

		{code: code.WrapKeyBase64EncodeKey, name: "empty secret", op: then(nil, func(t *testing.T, _ *rig, s *connector.Session, i ekm.KeyInfo, _ ekm.Wrapped) error {
			_, err := s.Wrap(t.Context(), i.Thumbprint, secret.New(nil))
			return err
		})},
		{code: code.WrapKeyBase64EncodeKey, name: "long secret", op: then(nil, func(t *testing.T, _ *rig, s *connector.Session, i ekm.KeyInfo, _ ekm.Wrapped) error {
			_, err := s.Wrap(t.Context(), i.Thumbprint, secret.FromString(strings.Repeat("canary", 32)))
			return err
		}), text: "190"},
		{code: code.WrapKeyBase64DecodeValue, name: "bad base64", op: then(on("/wrapkey", raw(`{"value":"?"}`)), wrapIt)},
		{code: code.WrapKeyBase64DecodeValue, name: "short value", op: then(on("/wrapkey", raw(`{"value":"AAAA"}`)), wrapIt), text: "modulus"},
		{code: code.WrapKeyJSONParser, name: "a page", op: then(on("/wrapkey", raw("<html>")), wrapIt)},
		{code: code.WrapKeyExtractValue, name: "no value", op: then(on("/wrapkey", raw("{}")), wrapIt)},
		{code: code.WrapKeyExtractValue, name: "another version", op: then(on("/wrapkey", func(w http.ResponseWriter, r *http.Request) {
			azuretest.Reply(w, 200, map[string]any{"kid": "https://" + r.Host + "/keys/k/" + azuretest.ClientHex, "value": "AAAA"})
		}), wrapIt), text: "LK1604"},
		{code: code.WrapKeyNoResponse, name: "empty reply", op: then(on("/wrapkey", raw("")), wrapIt)},

		{code: code.UnwrapKeyBase64EncodeKey, name: "short blob", op: then(nil, func(t *testing.T, r *rig, s *connector.Session, i ekm.KeyInfo, w ekm.Wrapped) error {
			w.Blob = w.Blob[:200]
			return unwrapIt(t, r, s, i, w)
		}), text: "200"},
		{code: code.UnwrapKeyBase64DecodeValue, name: "bad base64", op: then(on("/unwrapkey", raw(`{"value":"?canary"}`)), unwrapIt)},
		{code: code.UnwrapKeyJSONParser, name: "a page", op: then(on("/unwrapkey", raw("<html>canary")), unwrapIt)},
		{code: code.UnwrapKeyExtractValue, name: "no value", op: then(on("/unwrapkey", raw(`{"kid":"canary"}`)), unwrapIt)},
		{code: code.UnwrapKeyNoResponse, name: "empty reply", op: then(on("/unwrapkey", raw("")), unwrapIt)},

		{code: code.SecretAuthParamsGetRequestBody, name: "client id alone", prepare: whole(azuretest.ClientHex), op: opOpen},
		{code: code.SecretAuthParamsGetRequestBody, name: "line break in the secret", prepare: secretIs(func(*testing.T) string { return "canary\n" }), op: opOpen},
		{code: code.PFXCertAuthParamsImportPFX, name: "wrong password", prepare: secretIs(func(t *testing.T) string {
			return "pfx=" + pfx(t, rsaKey(), certificateOf(t, rsaKey().Public(), rsaKey())) + ";password=x" + canary
		}), op: opOpen, text: "password"},
		{code: code.PFXCertAuthParamsImportPFX, name: "no PFX", prepare: secretIs(func(*testing.T) string { return "pfx=Y2FuYXJ5" }), op: opOpen},
		{code: code.PFXCertAuthParamsImportPFX, name: "file that is missing", prepare: secretIs(func(*testing.T) string { return "pfx-file=/nowhere/sp.pfx;password=" + canary }), op: opOpen, text: "/nowhere/sp.pfx"},
		{code: code.PFXCertAuthParamsGetThumbprint, name: "key without a certificate", prepare: secretIs(func(t *testing.T) string {
			b := must(os.ReadFile("testdata/test-only-key-without-certificate.pfx.b64"))(t)
			return "pfx=" + strings.ReplaceAll(string(b), "\n", "") + ";password=test"
		}), op: opOpen},
		{code: code.PFXCertAuthParamsGetPrivateKey, name: "certificate without a key", prepare: secretIs(func(t *testing.T) string {
			b := must(pkcs12.Modern.WithIterations(1).EncodeTrustStore([]*x509.Certificate{certificateOf(t, rsaKey().Public(), rsaKey())}, canary))(t)
			return "pfx=" + base64.StdEncoding.EncodeToString(b) + ";password=" + canary
		}), op: opOpen},
		{code: code.PFXCertAuthParamsSignAlg, name: "EC certificate", prepare: secretIs(func(t *testing.T) string {
			k := ecKey(t)
			return "pfx=" + pfx(t, k, certificateOf(t, k.Public(), k)) + ";password=" + canary
		}), op: opOpen},
		{code: code.PFXCertAuthParamsImportForSign, name: "another key's certificate", prepare: secretIs(func(t *testing.T) string {
			k := ecKey(t)
			return "pfx=" + pfx(t, rsaKey(), certificateOf(t, k.Public(), k)) + ";password=" + canary
		}), op: opOpen},
		{code: code.PFXCertAuthParamsCreateRequestBody, name: "client id with hyphens", prepare: whole(azuretest.ClientID + "pfx=AAAA"), op: opOpen},
		{code: code.PEMCertAuthParamsGetThumbprint, name: "key without a certificate", prepare: secretIs(func(t *testing.T) string { return "pem=" + pemOf(t, rsaKey()) }), op: opOpen},
		{code: code.PEMCertAuthParamsGetPrivateKey, name: "certificate without a key", prepare: secretIs(func(t *testing.T) string {
			return "pem=" + pemOf(t, nil, certificateOf(t, rsaKey().Public(), rsaKey()))
		}), op: opOpen},
		{code: code.PEMCertAuthParamsGetPrivateKey, name: "damaged key", prepare: secretIs(func(*testing.T) string {
			return "pem=-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n"
		}), op: opOpen},
		{code: code.PEMCertAuthParamsSignAlg, name: "EC key", prepare: secretIs(func(t *testing.T) string { k := ecKey(t); return "pem=" + pemOf(t, k, certificateOf(t, k.Public(), k)) }), op: opOpen},
		{code: code.PEMCertAuthParamsImportForSign, name: "weak key", prepare: secretIs(func(t *testing.T) string {
			k := weakKey(t)
			return "pem=" + pemOf(t, k, certificateOf(t, k.Public(), k))
		}), op: opOpen, text: "1024"},
		{code: code.PEMCertAuthParamsImportForSign, name: "another key's certificate", prepare: secretIs(func(t *testing.T) string {
			k := ecKey(t)
			return "pem=" + pemOf(t, rsaKey(), certificateOf(t, k.Public(), k))
		}), op: opOpen},
		{code: code.PEMCertAuthParamsCreateRequestBody, name: "client id with hyphens", prepare: whole(azuretest.ClientID + "pem=-----BEGIN"), op: opOpen},
		{code: code.AKVDoesNotExist, name: "unknown name", prepare: func(t *testing.T, r *rig) {
			r.settings.Resolver = deadDNS(t)
			r.cred.Identity = "gone-vault"
		}, op: opOpen, text: "gone-vault.vault.azure.net"},
	}
}

// provokedElsewhere are codes that are no errors of the provider's, and where they come from.
func provokedElsewhere() map[code.Code]string {
	list := map[code.Code]string{
		code.Success:            "a call that worked",
		code.InsufficientBuffer: "the C interface's two-call protocol; see shim",
		code.ProviderError:      "a panic caught at the C interface; see shim and agent",
	}
	for n := 5001; n <= 5007; n++ {
		list[code.In(code.Provider, n)] = "the library, when its agent cannot answer; see shim/shimtest and agent"
	}
	return list
}

func TestEachCodeIsProvokedByARealFault(t *testing.T) {
	provoked := map[code.Code]bool{}
	for _, f := range faults() {
		provoked[f.code] = true
		t.Run(f.code.String()+" "+f.name, func(t *testing.T) {
			t.Parallel()
			o := f.options
			var log bytes.Buffer
			reg := prometheus.NewRegistry()
			config := o.config
			o.config = func(c *connector.Config) {
				c.Tries = 2
				c.Rand = func() float64 { return 0 }
				c.Metrics = reg
				c.Log = slog.New(slog.NewJSONHandler(&lockedWriter{w: &log}, nil))
				if config != nil {
					config(c)
				}
			}
			r := newRig(t, o)
			r.key = r.peer.PutKey(t, "k", rsaKey())
			if f.prepare != nil {
				f.prepare(t, r)
			}
			err := f.op(t, r)
			if got := code.Of(err); got != f.code {
				t.Fatalf("code = %v, want %v; error: %v", got, f.code, err)
			}
			var e *code.Error
			if !errors.As(err, &e) || e.Op == "" {
				t.Errorf("the error says not what was done: %v", err)
			}
			msg := err.Error()
			if !strings.Contains(msg, f.code.String()) || !strings.Contains(msg, f.text) {
				t.Errorf("text lacks the code or %q: %s", f.text, msg)
			}
			if entry, ok := code.Lookup(f.code); !ok || entry.Never != "" {
				t.Errorf("the catalogue says that %v cannot occur: %q", f.code, entry.Never)
			}
			noSecret(t, msg+fmt.Sprintf("%+v %#v", err, err))
			r.mu.Lock()
			defer r.mu.Unlock()
			noSecret(t, fmt.Sprintf("%+v", r.events)+log.String())
			for _, metric := range must(reg.Gather())(t) {
				noSecret(t, metric.String())
			}
		})
	}
	// Whatever is in the catalogue is provoked above, comes from elsewhere, or says itself why it cannot occur.
	var missing []string
	for _, e := range code.All() {
		if e.Code.Space() != code.Provider {
			continue
		}
		_, elsewhere := provokedElsewhere()[e.Code]
		switch ways := count(provoked[e.Code], elsewhere, e.Never != ""); {
		case ways == 0:
			missing = append(missing, e.Code.Error())
		case ways > 1:
			t.Errorf("%v is listed twice: provoked %v, elsewhere %v, never %q", e.Code, provoked[e.Code], elsewhere, e.Never)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("nothing provokes %q", missing)
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
