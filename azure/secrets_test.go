package azure_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

func credential(p *azuretest.Peer, clientSecret string) *ekm.Credential {
	return &ekm.Credential{Identity: p.Vault.URL, Secret: secret.FromString(azuretest.ClientHex + clientSecret)}
}

func openerFor(t *testing.T, p *azuretest.Peer) *azure.Opener {
	t.Helper()
	o := azure.New(azure.Config{Settings: func(string) azure.Settings {
		return azure.Settings{CAFile: p.CAFile, Authority: p.Authority.URL, Proxy: "direct"}
	}})
	t.Cleanup(func() { o.Close() })
	return o
}

// A discovery document comes from the authority that was checked, but the secret goes nowhere else and never in clear.
func TestSecretGoesToTheCheckedAuthorityOnlyAndOverHTTPS(t *testing.T) {
	for _, endpoint := range []string{"plain", "elsewhere", "https://login.microsoftonline.com/t/oauth2/v2.0/token"} {
		t.Run(endpoint, func(t *testing.T) {
			p := azuretest.New(t)
			var came atomic.Int64
			steal := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) })
			switch endpoint {
			case "plain":
				s := httptest.NewServer(steal)
				t.Cleanup(s.Close)
				endpoint = s.URL + "/token"
			case "elsewhere":
				s := httptest.NewTLSServer(steal)
				t.Cleanup(s.Close)
				endpoint = s.URL + "/token"
			}
			p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/openid-configuration") {
					return false
				}
				base := p.Authority.URL + "/" + azuretest.Tenant
				azuretest.Reply(w, 200, map[string]any{
					"issuer": base + "/v2.0", "authorization_endpoint": base + "/authorize", "token_endpoint": endpoint,
				})
				return true
			})
			_, err := openerFor(t, p).Open(t.Context(), credential(p, azuretest.Secret))
			if err == nil || code.Of(err) == 0 || came.Load() != 0 {
				t.Errorf("Open = %v; %d requests came to %s", err, came.Load(), endpoint)
			}
		})
	}
}

// Redirects carry neither secret nor token away, wherever in the exchange they come.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, at := range []string{"/openid-configuration", "/oauth2/v2.0/token", "/keys", "/keys/k"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprintf("%s %d", at, status), func(t *testing.T) {
				p := azuretest.New(t)
				var came atomic.Int64
				s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
				t.Cleanup(s.Close)
				p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, at) {
						return false
					}
					http.Redirect(w, r, s.URL+"/x", status)
					return true
				})
				v, err := openerFor(t, p).Open(t.Context(), credential(p, azuretest.Secret))
				if err == nil {
					_, err = v.GetKey(t.Context(), "k", "")
				}
				if code.Of(err) == 0 || came.Load() != 0 {
					t.Errorf("error %v, %d requests came", err, came.Load())
				}
			})
		}
	}
}

// An authority that echoes the form that it was sent does not bring the secret into an error, cut or encoded or not.
func TestEchoedSecretsAreTakenOutBeforeTextsAreCut(t *testing.T) {
	const odd = "canary=1&\"quoted\" ünï~canary/+canary"
	for _, pad := range []int{0, 270, 280, 290, 299} {
		p := azuretest.New(t)
		p.SetSecrets()
		p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
				return false
			}
			_ = r.ParseForm()
			plain := r.PostForm.Get("client_secret")
			azuretest.AuthorityError(w, 401, plain, 7000215, strings.Repeat("x", pad)+plain+" "+r.PostForm.Encode())
			return true
		})
		_, err := openerFor(t, p).Open(t.Context(), credential(p, odd))
		if code.Of(err) != code.GetTokenBadCredentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("pad %d: %v", pad, err)
		}
	}
}
