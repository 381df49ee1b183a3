package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"latchkey/akv"
	"latchkey/vault/rbac"
	"latchkey/vault/vaulttest"
)

var nobody rbac.Principal

func TestChallenge(t *testing.T) {
	s := vaulttest.New(t, nil)
	for _, c := range []struct{ url, authority, resource, body string }{
		{s.VaultURL("kv1"), "https://login.windows.net/", s.Audience(false), `{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}`},
		{s.HSMURL("hsm1"), "https://login.microsoftonline.com/", s.Audience(true), ""},
		{"https://kv1.vault.azure.net", "https://login.windows.net/", "https://vault.azure.net", `{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}`},
		{"https://HSM1.managedhsm.azure.net", "https://login.microsoftonline.com/", "https://managedhsm.azure.net", ""},
	} {
		// As the SDKs do: the real request without its body, also to addresses that are none.
		for _, path := range []string{"/keys/k/create?api-version=7.4", "/nowhere", "/keys/%zz", "/keys/bad_name!?api-version=1"} {
			if path == "/keys/%zz" {
				continue // net/http refuses to send it
			}
			r := s.Send(t, s.NewRequest(t, nobody, "POST", c.url+path, nil))
			want := `Bearer authorization="` + c.authority + s.TenantID() + `", resource="` + c.resource + `"`
			if got := r.Header.Get("WWW-Authenticate"); r.Status != 401 || got != want {
				t.Errorf("%s%s: %d %q, want 401 %q", c.url, path, r.Status, got, want)
			}
			if string(r.Body) != c.body {
				t.Errorf("%s%s: body %q, want %q", c.url, path, r.Body, c.body)
			}
			if ct := r.Header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
				t.Errorf("%s%s: content type %q", c.url, path, ct)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "k", nil)
	s.MustHSMKey(t, "hsm1", "k", nil)
	guid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for _, c := range []struct {
		url    string
		hsm    bool
		status int
	}{
		{s.VaultURL("kv1") + "/keys/k", false, 200},
		{s.VaultURL("kv1") + "/keys/none", false, 404},
		{s.HSMURL("hsm1") + "/keys/k", true, 200},
		{s.HSMURL("hsm1") + "/keys/none", true, 404},
	} {
		req := s.NewRequest(t, s.Admin(), "GET", c.url+"?api-version=7.4", nil)
		req.Header.Set("x-ms-client-request-id", "11111111-2222-3333-4444-555555555555")
		r := s.Send(t, req)
		if r.Status != c.status {
			t.Fatalf("%s: %d %s", c.url, r.Status, r.Body)
		}
		want := map[string]string{
			"Cache-Control": "no-cache", "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
			"X-Content-Type-Options": "nosniff", "x-ms-keyvault-region": "local", "Content-Type": "application/json; charset=utf-8",
			"x-ms-client-request-id":     "11111111-2222-3333-4444-555555555555",
			"x-ms-keyvault-network-info": "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
		}
		if c.hsm {
			want["X-Frame-Options"], want["Content-Security-Policy"], want["Pragma"] = "SAMEORIGIN", "default-src 'self'", ""
		} else {
			want["Pragma"], want["Expires"], want["x-ms-keyvault-service-version"] = "no-cache", "-1", "1.9.749.1"
		}
		for name, value := range want {
			if got := r.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", c.url, name, got, value)
			}
		}
		if id := r.Header.Get("x-ms-request-id"); !guid.MatchString(id) {
			t.Errorf("%s: request id %q", c.url, id)
		} else if c.hsm && c.status >= 400 && !strings.HasSuffix(r.Err().Message, "(Activity ID: "+id+")") {
			t.Errorf("%s: message %q does not end with the activity id %s", c.url, r.Err().Message, id)
		}
		if !c.hsm && r.Header.Get("x-ms-keyvault-rbac-assignment-id") == "" {
			t.Errorf("%s: no assignment id", c.url)
		}
	}
}

func TestSpellings(t *testing.T) {
	s := vaulttest.New(t, nil)
	key := s.MustKey(t, "kv1", "MyKey", nil)
	id, err := akv.ParseKeyID(key.Key.KID)
	if err != nil {
		t.Fatal(err)
	}
	base := s.VaultURL("kv1")
	for _, u := range []string{
		"/keys/MyKey?api-version=7.4", "/keys/MyKey/?api-version=7.4", "/KEYS/mykey?api-version=7.4", "//keys/MyKey?api-version=7.4",
		"/keys//MyKey//?api-version=7.4", "/keys/MyKey?api%2Dversion=2025-07-01", "/keys/MyKey?API-Version=7.4", "/keys/My%4Bey?api-version=7.4",
		"/keys/MyKey/" + id.Version + "?api-version=7.4", "/keys/MyKey/" + strings.ToUpper(id.Version) + "?api-version=7.4",
		"/keys/MyKey?x=1&api-version=7.4&y=%zz",
	} {
		r := s.Call(t, s.Admin(), "GET", base+u, nil)
		if u == "/keys/MyKey?api%2Dversion=2025-07-01" || u == "/keys/MyKey?API-Version=7.4" {
			r = s.Send(t, s.NewRequest(t, s.Admin(), "GET", base+u, nil))
		}
		if r.Status != 200 || !strings.Contains(string(r.Body), key.Key.KID) {
			t.Errorf("GET %s: %d %s", u, r.Status, r.Body)
		}
	}
	sign := map[string]any{"alg": "ES256", "value": strings.Repeat("A", 43)}
	for _, u := range []string{"/keys/MyKey/sign", "/keys/MyKey//sign", "/Keys/mykey/SIGN/", "/keys/MyKey/" + id.Version + "/Sign"} {
		if r := s.Call(t, s.Admin(), "POST", base+u, sign); r.Status != 200 {
			t.Errorf("POST %s: %d %s", u, r.Status, r.Body)
		}
	}
	// Method override.
	req := s.NewRequest(t, s.Admin(), "POST", base+"/keys/MyKey?api-version=7.4", map[string]any{"tags": map[string]string{"by": "override"}})
	req.Header.Set("X-HTTP-METHOD", "PATCH")
	if r := s.Send(t, req); r.Status != 200 || !strings.Contains(string(r.Body), "override") {
		t.Errorf("X-HTTP-METHOD: %d %s", r.Status, r.Body)
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	s := vaulttest.New(t, nil)
	req := httptest.NewRequest("GET", "http://kv1.vault.localhost/keys?api-version=7.4", nil)
	req.TLS = nil
	req.Header.Set("Authorization", "Bearer "+s.Token(t, s.Admin(), s.Audience(false)))
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "HttpsRequired") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnknownHost(t *testing.T) {
	s := vaulttest.New(t, nil)
	for _, host := range []string{
		"https://other.vault.azure.net", "https://kv1.vault.azure.net.evil.test", "https://kv1.example.test", "https://vault.azure.net",
		"https://localhost", "https://127.0.0.1", "https://hsm1.vault.azure.net", "https://kv1.managedhsm.azure.net", "https://a.kv1.vault.azure.net",
		"https://kv1.vault.azure.net:abc", "https://kv1.vault.azure.net:", "https://kv1.vault.azure.net:0443", "https://kv1.vault.azure.net:a=b", "https://kv1.vault.azure.net:70000",
	} {
		req := s.NewRequest(t, s.Admin(), "GET", "https://kv1.vault.localhost:"+host[len(host):]+"1/keys?api-version=7.4", nil)
		req.URL.Host = s.Addr
		req.Host = strings.TrimPrefix(host, "https://")
		w := httptest.NewRecorder()
		req.TLS = tlsState()
		s.Handler.ServeHTTP(w, req)
		if w.Code != 404 || !strings.Contains(w.Body.String(), "VaultNotFound") || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %s %q", host, w.Code, w.Body, w.Header().Get("WWW-Authenticate"))
		}
	}
}

// What a version does not have is refused, and what it does not know is not in its replies.
func TestVersionGating(t *testing.T) {
	s := vaulttest.New(t, nil)
	base := s.VaultURL("kv1")
	s.MustKey(t, "kv1", "k", nil)
	s.MustKey(t, "kv1", "hk", &akv.CreateKey{Kty: akv.KtyECHSM})
	for _, v := range append(akv.Versions(), "7.0-preview", "7.4-preview.1", "7.6-preview.2") {
		if r := s.Call(t, s.Admin(), "GET", base+"/keys/k?api-version="+v, nil); r.Status != 200 {
			t.Errorf("api-version %s: %d %s", v, r.Status, r.Body)
		}
	}
	for v, want := range map[string]string{
		"7.7":        "The specified version (7.7) is not recognized. Consider using the latest supported version (",
		"2015-06-01": "is not recognized", "2099-01-01": "is not recognized", "7": "is not recognized", "7.04": "is not recognized",
		"7.4-preview.01": "is not recognized", "latest": "is not recognized", "": "must specify an api-version",
	} {
		r := s.Call(t, s.Admin(), "GET", base+"/keys/k?api-version="+v, nil)
		if e := r.Err(); e == nil || e.Status != 400 || e.Code != "BadParameter" || !strings.Contains(e.Message, want) {
			t.Errorf("api-version %q: %v", v, e)
		}
	}
	if r := s.Send(t, s.NewRequest(t, s.Admin(), "GET", base+"/keys/k", nil)); r.Status != 400 {
		t.Errorf("no api-version: %d", r.Status)
	}
	for _, c := range []struct {
		method, path string
		body         any
		from, before string
	}{
		{"POST", "/keys/k/rotate", nil, "7.3", "7.2"},
		{"GET", "/keys/k/rotationpolicy", nil, "7.3", "7.2"},
		{"PUT", "/keys/k/rotationpolicy", map[string]any{"lifetimeActions": []any{}, "attributes": map[string]any{}}, "7.3", "7.2"},
		{"GET", "/keys/hk/attestation", nil, "7.6", "7.5"},
	} {
		if r := s.Call(t, s.Admin(), c.method, base+c.path+"?api-version="+c.from, c.body); r.Status != 200 {
			t.Errorf("%s %s at %s: %d %s", c.method, c.path, c.from, r.Status, r.Body)
		}
		if r := s.Call(t, s.Admin(), c.method, base+c.path+"?api-version="+c.before, c.body); r.Status != 400 {
			t.Errorf("%s %s at %s: %d, want 400", c.method, c.path, c.before, r.Status)
		}
	}
	for member, from := range map[string]int{"recoveryLevel": 0, "recoverableDays": 2, "exportable": 5, "hsmPlatform": 6, "key_size": 10} {
		for i, v := range akv.Versions() {
			r := s.Call(t, s.Admin(), "GET", base+"/keys/k?api-version="+v, nil)
			if has := strings.Contains(string(r.Body), `"`+member+`"`); has != (i >= from) {
				t.Errorf("api-version %s: %s there: %t", v, member, has)
			}
		}
	}
	body := map[string]any{"kty": "RSA-HSM", "attributes": map[string]any{"exportable": false}}
	if r := s.Call(t, s.Admin(), "POST", base+"/keys/x/create?api-version=7.1", body); r.Status != 400 {
		t.Errorf("exportable at 7.1: %d", r.Status)
	}
}
