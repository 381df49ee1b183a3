package entra_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/entra"
)

// serveForm posts a body and returns status and JSON answer.
func (k *kit) serveForm(t *testing.T, path, body, authorization string) (int, map[string]any) {
	r := httptest.NewRequest(http.MethodPost, "https://login.microsoftonline.com"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	k.Handler().ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%d is not JSON: %v", w.Code, err)
	}
	return w.Code, out
}

// Whatever comes in: no panic, a JSON answer, an audit record, and a token only for who has the secret.
func FuzzTokenRequest(f *testing.F) {
	k := newKit(f, nil)
	f.Add(k.form("client_secret", "no").Encode(), "")
	f.Add("grant_type=client_credentials&client_id="+clientID+"&scope=x", "Basic YTpi")
	f.Add("grant_type=client_credentials&grant_type=x&%zz=1&;=&&", "Bearer x")
	f.Fuzz(func(t *testing.T, body, authorization string) {
		k.clock.Advance(2 * time.Minute) // the throttle is not what is tested
		for _, path := range []string{tokenPath, "/" + tenantID + "/oauth2/token"} {
			n := len(k.audit.records)
			status, out := k.serveForm(t, path, body, authorization)
			if out["access_token"] != nil && !strings.Contains(body+authorization, k.secret) {
				t.Error("a token for nobody")
			}
			if status != 200 && (out["error"] == "" || out["error_codes"] == nil) {
				t.Errorf("%d %v", status, out)
			}
			if len(k.audit.records) != n+1 {
				t.Error("no audit record")
			}
		}
	})
}

func FuzzAssertion(f *testing.F) {
	k := newKit(f, nil)
	now := k.clock.Now()
	key, cert, text := clientCert(f, now.Add(-time.Hour), now.Add(100*365*24*time.Hour))
	if _, err := k.AddCertificate(f.Context(), clientID, "c", text); err != nil {
		f.Fatal(err)
	}
	doc, err := json.Marshal(newIssuer(f).keys())
	if err != nil {
		f.Fatal(err)
	}
	if _, err := k.AddFederated(f.Context(), clientID, entra.Federated{Issuer: "https://issuer.example", Subject: "s", Audience: "a", Keys: doc}); err != nil {
		f.Fatal(err)
	}
	s1 := sha1.Sum(cert.Raw)
	good := sign(f, jose.RS256, key, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(s1[:])}, map[string]any{
		"iss": clientID, "sub": clientID, "aud": "https://sts.windows.net/" + tenantID + "/", "jti": "j", "exp": now.Unix() - 3600,
	})
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(sign(f, jose.HS256, make([]byte, 32), nil, map[string]any{"iss": "https://issuer.example", "sub": "s", "aud": "a"}))
	f.Fuzz(func(t *testing.T, raw string) {
		k.clock.Advance(2 * time.Minute)
		form := k.form("client_secret", "", "client_assertion", raw, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		if _, out := k.serveForm(t, tokenPath, form.Encode(), ""); out["access_token"] != nil {
			t.Error("a token for an assertion that nobody signed in time")
		}
	})
}

func BenchmarkTokenBySecret(b *testing.B) {
	k := newKit(b, nil)
	body := k.form().Encode()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "https://login.microsoftonline.com"+tokenPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		k.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body.String())
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newKit(b, nil)
	for i := range 100 {
		app, err := k.CreateApp(b.Context(), entra.NewApp{TenantID: tenantID, Name: "app"})
		if err != nil {
			b.Fatal(err)
		}
		if i%2 == 0 {
			if _, _, err := k.AddSecret(b.Context(), app.ClientID, "s", 0); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		k.reopen()
	}
}
