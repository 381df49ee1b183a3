package doctor_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/doctor"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

type mapStub struct{ err error }

func (m mapStub) Check(context.Context) error { return m.err }
func (m mapStub) String() string              { return "/var/lib/latchkey/keymap" }

// rsaKey makes one key for all tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func setUp(t *testing.T) (*azuretest.Peer, doctor.Config) {
	t.Helper()
	p := azuretest.New(t)
	p.PutKey(t, "k", rsaKey())
	return p, doctor.Config{
		Credential: &ekm.Credential{Identity: p.Vault.URL, Secret: secret.FromString(azuretest.ClientHex + azuretest.Secret)},
		Settings:   azure.Settings{CAFile: p.CAFile, Authority: p.Authority.URL, Proxy: "direct"},
		Key:        "k",
		Map:        mapStub{},
		Timeout:    5 * time.Minute,
	}
}

func failOn(p *azuretest.Peer, suffix string, f func(w http.ResponseWriter)) {
	p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, suffix) || strings.HasPrefix(r.URL.Path, "/keys") && r.Header.Get("Authorization") == "" {
			return false
		}
		f(w)
		return true
	})
}

func TestWalkNamesTheFirstBrokenHop(t *testing.T) {
	order := []string{"name", "dns", "tcp", "proxy", "tls", "clock", "challenge", "token", "get", "wrap", "unwrap", "map"}
	for _, tc := range []struct {
		hop  string // "" for none
		code code.Code
		set  func(t *testing.T, p *azuretest.Peer, c *doctor.Config)
	}{
		{"", 0, func(*testing.T, *azuretest.Peer, *doctor.Config) {}},
		{"name", code.PasswordTooShort, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			c.Credential.Secret = secret.FromString("canary")
		}},
		{"name", code.HTTPOpenSession, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) { c.Settings.CAFile = "/nowhere" }},
		{"dns", code.AKVDoesNotExist, func(t *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			c.Settings.Resolver = deadDNS(t)
			c.Credential.Identity = "gone-vault"
		}},
		{"tcp", code.HTTPConnectSession, func(t *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			c.Credential.Identity = "https://" + closedPort(t)
		}},
		{"tcp", code.HTTPAttemptConnect, func(t *testing.T, _ *azuretest.Peer, c *doctor.Config) { c.Settings.Proxy = "http://" + closedPort(t) }},
		{"proxy", code.HTTPAttemptConnect, func(t *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) }))
			t.Cleanup(s.Close)
			c.Settings.Proxy = strings.Replace(s.URL, "http://", "http://u:canary@", 1)
		}},
		{"tls", code.HTTPSendRequest, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) { c.Settings.CAFile = "" }},
		{"clock", code.ClockSkewed, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			c.Clock = clock.NewFake(time.Now().Add(-10 * time.Minute))
		}},
		{"challenge", code.HTTPQueryHeaderNotFound, func(_ *testing.T, p *azuretest.Peer, _ *doctor.Config) { p.SetChallenge("") }},
		{"challenge", code.GetAADDomainURLMalformatted, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) { c.Settings.Authority = "" }},
		{"token", code.GetTokenBadCredentials, func(_ *testing.T, p *azuretest.Peer, _ *doctor.Config) { p.SetSecrets() }},
		{"get", code.HTTPResourceNotFound, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) { c.Key = "absent" }},
		{"wrap", code.HTTPOperationForbidden, func(_ *testing.T, p *azuretest.Peer, _ *doctor.Config) {
			failOn(p, "/wrapkey", func(w http.ResponseWriter) { azuretest.Error(w, 403, "Forbidden", "ForbiddenByRbac", "no") })
		}},
		{"unwrap", code.HTTPResponseCodeServerError, func(_ *testing.T, p *azuretest.Peer, _ *doctor.Config) {
			failOn(p, "/unwrapkey", func(w http.ResponseWriter) { azuretest.Error(w, 500, "InternalServerError", "", "no") })
		}},
		{"map", code.FailureInRegistry, func(_ *testing.T, _ *azuretest.Peer, c *doctor.Config) {
			c.Map = mapStub{code.Wrap(code.FailureInRegistry, "writing", "/m", syscall.EROFS)}
		}},
	} {
		t.Run(tc.hop+" "+tc.code.String(), func(t *testing.T) {
			p, cfg := setUp(t)
			tc.set(t, p, &cfg)
			r, err := doctor.Walk(t.Context(), cfg)
			if code.Of(err) != tc.code || (err == nil) != (tc.hop == "") {
				t.Fatalf("error = %v, want code %v", err, tc.code)
			}
			reached := true
			for i, h := range r.Hops {
				if h.Name != order[i] {
					t.Fatalf("hop %d is %q, want %q", i, h.Name, order[i])
				}
				switch {
				case h.Name == tc.hop:
					if h.Status != doctor.Failed || h.Code != tc.code || h.Next == "" || h.Err == nil {
						t.Errorf("hop = %+v", h)
					}
					reached = false
				case reached && h.Status != doctor.OK && h.Status != doctor.Skipped:
					t.Errorf("hop %q before the broken one is %q", h.Name, h.Status)
				case !reached && h.Status != doctor.Pending:
					t.Errorf("hop %q after the broken one is %q", h.Name, h.Status)
				}
			}
			var text, js bytes.Buffer
			if err := errors.Join(r.Text(&text), r.JSON(&js)); err != nil {
				t.Fatal(err)
			}
			var doc struct {
				OK     bool
				Broken string
				Hops   []struct{ Name, Status, Code, Next, Remedy string }
			}
			if err := json.Unmarshal(js.Bytes(), &doc); err != nil || doc.Broken != tc.hop || doc.OK != (tc.hop == "") || len(doc.Hops) != len(order) {
				t.Errorf("JSON: %v\n%s", err, js.String())
			}
			if tc.hop != "" && (!strings.Contains(text.String(), tc.code.String()) || !strings.Contains(text.String(), "next: ")) {
				t.Errorf("text:\n%s", text.String())
			}
			if strings.Contains(text.String()+js.String(), "canary") {
				t.Errorf("a secret is shown:\n%s\n%s", text.String(), js.String())
			}
		})
	}
}

func TestRunPrintsAndReturnsTheFault(t *testing.T) {
	p, cfg := setUp(t)
	p.SetSecrets()
	cfg.JSON = true
	var out bytes.Buffer
	if err := doctor.Run(t.Context(), cfg, &out); !errors.Is(err, code.GetTokenBadCredentials) || !json.Valid(out.Bytes()) {
		t.Errorf("Run = %v\n%s", err, out.String())
	}
}

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

func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
