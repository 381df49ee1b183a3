package entra_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/entra"
	"latchkey/internal/fsys"
)

func identityGet(h http.Handler, target string, change func(*http.Request)) (int, map[string]string, http.Header) {
	r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254"+target, http.NoBody)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Metadata", "true")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body := map[string]string{}
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	return w.Code, body, w.Header()
}

func TestIMDSRules(t *testing.T) {
	k := newKit(t, nil)
	for i, n := range []string{"one", "two"} {
		id := "aaaaaaaa-0000-0000-0000-0000000000e" + string(rune('1'+i))
		if _, err := k.CreateApp(t.Context(), entra.NewApp{TenantID: tenantID, Name: n, ClientID: id, Managed: true}); err != nil {
			t.Fatal(err)
		}
	}
	const path, one = "/metadata/identity/oauth2/token", "aaaaaaaa-0000-0000-0000-0000000000e1"
	const ok = path + "?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"
	h := k.IMDS(entra.Identities{})
	for name, tc := range map[string]struct {
		target string
		change func(*http.Request)
		status int
		kind   string
	}{
		"no header":               {ok, func(r *http.Request) { r.Header.Del("Metadata") }, 400, "bad_request_102"},
		"header false":            {ok, func(r *http.Request) { r.Header.Set("Metadata", "false") }, 400, "bad_request_102"},
		"forwarded":               {ok + "&client_id=" + one, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "1.2.3.4") }, 400, "invalid_request"},
		"from elsewhere":          {ok + "&client_id=" + one, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }, 403, "forbidden"},
		"a name that points here": {ok + "&client_id=" + one, func(r *http.Request) { r.Host = "evil.example" }, 403, "forbidden"},
		"localhost":               {ok + "&client_id=" + one, func(r *http.Request) { r.Host = "localhost:40342" }, 200, ""},
		"post":                    {ok, func(r *http.Request) { r.Method = http.MethodPost }, 405, "method_not_allowed"},
		"path":                    {"/metadata/instance", nil, 404, "not_found"},
		"no version":              {path + "?resource=x", nil, 400, "invalid_request"},
		"old version":             {path + "?api-version=2017-09-01&resource=x", nil, 400, "invalid_request"},
		"no resource":             {path + "?api-version=2018-02-01", nil, 400, "invalid_request"},
		"unknown resource":        {path + "?api-version=2018-02-01&resource=x&client_id=" + one, nil, 400, "invalid_resource"},
		"several identities":      {ok, nil, 400, "invalid_request"},
		"unknown identity":        {ok + "&client_id=" + objectID, nil, 400, "invalid_request"},
		"an application":          {ok + "&client_id=" + clientID, nil, 400, "invalid_request"},
		"two selections":          {ok + "&client_id=" + one + "&object_id=" + objectID, nil, 400, "invalid_request"},
		"parameter twice":         {ok + "&resource=x", nil, 400, "invalid_request"},
		"good":                    {ok + "&client_id=" + strings.ToUpper(one), nil, 200, ""},
		"good, lower trailer":     {strings.Replace(ok, "token?", "token/?", 1) + "&client_id=" + one, nil, 200, ""},
	} {
		status, body, _ := identityGet(h, tc.target, tc.change)
		if status != tc.status || body["error"] != tc.kind || tc.kind != "" && body["error_description"] == "" {
			t.Errorf("%s: %d %v", name, status, body)
		}
		if status == 200 {
			for _, m := range []string{"access_token", "expires_in", "expires_on", "not_before", "resource", "token_type", "client_id"} {
				if body[m] == "" {
					t.Errorf("no %s in %v", m, body)
				}
			}
		}
	}
	if status, _, _ := identityGet(k.IMDS(entra.Identities{ClientIDs: []string{one}}), ok, nil); status != 200 {
		t.Errorf("the only identity of a machine needs no selection: %d", status)
	}
	if err := k.Disable(t.Context(), one, true); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := identityGet(h, ok+"&client_id="+one, nil); status != 400 {
		t.Errorf("a disabled identity: %d", status)
	}
}

func TestArc(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, clientID+".key")
	other := filepath.Join(dir, "mine.key")
	for _, name := range []string{left, other} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := newKit(t, func(c *entra.Config) { c.FS, c.Dir = fsys.OS{}, filepath.Join(t.TempDir(), "entra") })
	const id = "aaaaaaaa-0000-0000-0000-0000000000e1"
	if _, err := k.CreateApp(t.Context(), entra.NewApp{TenantID: tenantID, Name: "arc", ClientID: id, Managed: true}); err != nil {
		t.Fatal(err)
	}
	arc, err := k.Arc(dir, entra.Identities{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("an old key file was left")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("a file that is not ours was removed")
	}
	const target = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2Fvault.azure.net"
	challenge := func() (path, text string) {
		t.Helper()
		status, _, h := identityGet(arc, target, nil)
		path, ok := strings.CutPrefix(h.Get("WWW-Authenticate"), "Basic realm=")
		if status != 401 || !ok || filepath.Dir(path) != dir || filepath.Ext(path) != ".key" {
			t.Fatalf("challenge %d %v", status, h)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o600 || fi.Size() > 4096 {
			t.Fatalf("key file %v %v", fi, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return path, string(b)
	}
	with := func(text string) int {
		status, _, _ := identityGet(arc, target, func(r *http.Request) { r.Header.Set("Authorization", "Basic "+text) })
		return status
	}
	path, text := challenge()
	if s := with("wrong"); s != 401 {
		t.Errorf("a wrong key: %d", s)
	}
	if s := with(text); s != 200 {
		t.Errorf("the right key: %d", s)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a used key file was left")
	}
	if s := with(text); s != 401 {
		t.Errorf("a used key: %d", s)
	}
	path, text = challenge()
	k.clock.Advance(31 * time.Second)
	if s := with(text); s != 401 {
		t.Errorf("an old key: %d", s)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an expired key file was left")
	}
	for range 64 {
		path, _ = challenge()
	}
	if status, _, _ := identityGet(arc, target, nil); status != 503 {
		t.Errorf("one key file too many: %d", status)
	}
	if err := arc.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Close left a key file")
	}
}
