package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"latchkey/akv"
	"latchkey/vault/vaulttest"
)

// serve calls the handler directly with an address that may be anything; 5xx is a defect.
func serve(t *testing.T, s *vaulttest.Server, auth, method, host, target string, body string) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return
	}
	req := httptest.NewRequest("GET", "https://"+"kv1.vault.azure.net/", strings.NewReader(body))
	req.Method, req.URL, req.Host, req.TLS = method, u, host, tlsState()
	req.ContentLength = int64(len(body))
	req.Header = http.Header{"Authorization": {auth}, "Content-Type": {"application/json"}}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, req)
	if w.Code >= 500 {
		t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
	}
	if w.Code >= 400 && w.Code != 401 && w.Body.Len() > 0 && akv.ReadError(w.Code, w.Body.Bytes()).Code == "" {
		t.Fatalf("%s %s: %d without a code: %s", method, target, w.Code, w.Body)
	}
}

func FuzzRouting(f *testing.F) {
	s := vaulttest.New(f, nil)
	auth := "Bearer " + s.Token(f, s.Admin(), "https://vault.azure.net")
	for _, seed := range []string{
		"/keys?api-version=7.4", "//keys//k///?api%2Dversion=7.4", "/keys/k/versions?api-version=7.4&maxresults=1&$skiptoken=e30",
		"/keys/%2e%2e/create?api-version=7.4", "/keys/a%2fb", "/deletedkeys/k/recover?api-version=2025-07-01", "/rng?api-version=7.4",
		"/%2Fkeys/providers/Microsoft.Authorization/roleDefinitions/x?api-version=7.4&$filter=a+eq+'b'", "/keys/k/0123456789abcdef0123456789abcdef/sign?api-version=7.4",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			f.Add(method, "kv1.vault.azure.net", seed)
			f.Add(method, "hsm1.managedhsm.azure.net:8443", seed)
		}
	}
	f.Fuzz(func(t *testing.T, method, host, target string) {
		if method == "" || strings.ContainsAny(method, " \r\n") {
			return
		}
		serve(t, s, auth, method, host, target, "{}")
	})
}

func FuzzBodies(f *testing.F) {
	s := vaulttest.New(f, nil)
	s.MustKey(f, "kv1", "k", nil)
	auth := "Bearer " + s.Token(f, s.Admin(), "https://vault.azure.net")
	targets := []struct{ method, target string }{
		{"POST", "/keys/x/create"},
		{"PUT", "/keys/x"},
		{"PATCH", "/keys/k"},
		{"POST", "/keys/k/sign"},
		{"POST", "/keys/k/verify"},
		{"POST", "/keys/k/encrypt"},
		{"POST", "/keys/k/unwrapkey"},
		{"POST", "/keys/k/release"},
		{"PUT", "/keys/k/rotationpolicy"},
		{"POST", "/keys/restore"},
	}
	for i := range targets {
		for _, seed := range []string{
			`{}`, `null`, `[]`, `{"kty":"EC","attributes":{"exp":1,"nbf":2},"tags":{"a":"b"},"key_ops":["sign"]}`, `{"alg":"ES256","value":"AAAA","digest":"AA=="}`,
			`{"Hsm":true,"key":{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB","p":"AQAB","q":"AQAB"}}`, `{"key":{"kty":"oct-HSM","k":"AAAA","key_hsm":"e30"}}`,
			`{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Rotate"}}],"attributes":{"expiryTime":"P90D"}}`, `{"value":"JkxhdGNoa2V5S2V5QmFja3VwAQ"}`,
			`{"release_policy":{"data":"e30"},"kty":"EC-HSM","attributes":{"exportable":true}}`, `{"target":"a.b.c","enc":"CKM_RSA_AES_KEY_WRAP"}`,
		} {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, which int, body string) {
		if strings.Contains(body, `"RSA"`) && !strings.Contains(body, `"n"`) {
			return // generating RSA keys is slow and proves nothing here
		}
		c := targets[uint(which)%uint(len(targets))]
		serve(t, s, auth, c.method, "kv1.vault.azure.net", c.target+"?api-version=2025-07-01", body)
	})
}

// FuzzDependents registers servers of any id and body: what is taken is listed, within bounds, and its owner can end it.
func FuzzDependents(f *testing.F) {
	s := vaulttest.New(f, nil)
	s.MustKey(f, "kv1", "k", nil)
	auth := "Bearer " + s.Token(f, s.Admin(), "https://vault.azure.net")
	version := strings.Repeat("0", 32)
	for _, body := range []string{
		`{"server":"SRV","uses":[{"key":"k","version":"` + version + `","database":"Shop","kind":"database","thumbprint":"0x01"}]}`, `{"server":"SRV","uses":[]}`, `{}`, `null`, `[]`, ``,
		`{"id":"other","server":"SRV","uses":[]}`, `{"server":"SRV","lease":-1,"uses":[{"key":"k","version":"` + version + `","kind":"x"}]}`, `{"server":"SRV","lease":9223372036854775807,"uses":null}`,
		`{"server":"SRV","lease":600,"uses":[{"key":"../k","version":"","kind":""}]}`, `{"server":"` + strings.Repeat("s", 257) + `"}`, `{"server":"SRV","state":"current","owner":"x","uses":[]}`,
		`{"server":"SRV","uses":[` + strings.TrimSuffix(strings.Repeat(`{"key":"k","version":"`+version+`","kind":"x"},`, 2001), ",") + `]}`,
	} {
		f.Add("srv-1", body)
	}
	f.Add("a b", `{"server":"SRV","uses":[]}`)
	f.Add("a%2Fb", `{"server":"SRV","uses":[]}`)
	call := func(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, "https://kv1.vault.azure.net"+target+"?api-version=7.4", strings.NewReader(body))
		req.TLS, req.Header = tlsState(), http.Header{"Authorization": {auth}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		s.Handler.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
		return w
	}
	f.Fuzz(func(t *testing.T, id, body string) {
		one := akv.PathDependents + "/" + url.PathEscape(id)
		w := call(t, "PUT", one, body)
		var list akv.DependentList
		l := call(t, "GET", akv.PathDependents, "")
		if err := json.Unmarshal(l.Body.Bytes(), &list); l.Code != http.StatusOK || err != nil || len(list.Value) > 1 {
			t.Fatalf("%q %q: the list: %d %v %s", id, body, l.Code, err, l.Body)
		}
		if w.Code != http.StatusOK {
			if len(list.Value) != 0 {
				t.Errorf("%q %q was refused with %d, and is listed", id, body, w.Code)
			}
			return
		}
		var in akv.Dependent
		if err := json.Unmarshal([]byte(body), &in); err != nil || !akv.ValidDependentID(id) {
			t.Fatalf("%q %q was taken: %v", id, body, err)
		}
		if len(in.Uses) == 0 {
			if len(list.Value) != 0 {
				t.Errorf("%q %q needs nothing, and is listed", id, body)
			}
			return
		}
		if len(list.Value) != 1 {
			t.Fatalf("%q %q was taken, and is not listed", id, body)
		}
		if d := list.Value[0]; d.ID != id || d.State != akv.DependentCurrent || d.Owner == "" || len(d.Uses) == 0 || len(d.Uses) > len(in.Uses) || d.Lease < 600 {
			t.Errorf("%q %q is listed as %+v", id, body, d)
		}
		if w := call(t, "PUT", one, `{"server":"SRV","uses":[]}`); w.Code != http.StatusOK {
			t.Fatalf("ending %q: %d %s", id, w.Code, w.Body)
		}
	})
}

func FuzzPageToken(f *testing.F) {
	s := vaulttest.New(f, nil)
	s.MustKey(f, "kv1", "k", nil)
	auth := "Bearer " + s.Token(f, s.Admin(), "https://vault.azure.net")
	for _, seed := range []string{"", "e30", "eyJOZXh0TWFya2VyIjoiYTJWNWN5RmgiLCJUYXJnZXRMb2NhdGlvbiI6MH0", "####", strings.Repeat("A", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		for _, list := range []string{"/keys", "/deletedkeys", "/keys/k/versions"} {
			serve(t, s, auth, "GET", "kv1.vault.azure.net", list+"?api-version=7.4&$skiptoken="+url.QueryEscape(token), "")
		}
	})
}
