package entra_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/entra"
)

func TestDiscovery(t *testing.T) {
	k := newKit(t, nil)
	for _, tc := range []struct{ host, tenant, version, issuer, token, keys string }{
		{"login.microsoftonline.com", tenantID, "/v2.0", "https://login.microsoftonline.com/" + tenantID + "/v2.0", tenantID + "/oauth2/v2.0/token", "/discovery/v2.0/keys"},
		{"login.windows.net", "Contoso.Example", "/v2.0", "https://login.windows.net/" + tenantID + "/v2.0", tenantID + "/oauth2/v2.0/token", "/discovery/v2.0/keys"},
		{ownHost, tenantID, "", "https://sts.windows.net/" + tenantID + "/", tenantID + "/oauth2/token", "/discovery/keys"},
		{ownHost, "common", "/v2.0", "https://" + ownHost + "/{tenantid}/v2.0", "common/oauth2/v2.0/token", "/discovery/v2.0/keys"},
	} {
		r := k.get("https://" + tc.host + "/" + tc.tenant + tc.version + "/.well-known/openid-configuration")
		if r.status != 200 || r.body["issuer"] != tc.issuer || r.body["token_endpoint"] != "https://"+tc.host+"/"+tc.token {
			t.Errorf("%+v: %d %s", tc, r.status, r.text)
		}
		if s, _ := r.body["authorization_endpoint"].(string); !strings.HasPrefix(s, "https://"+tc.host+"/") {
			t.Errorf("authorization endpoint %q", s)
		}
		uri, _ := r.body["jwks_uri"].(string)
		if !strings.HasSuffix(uri, tc.keys) {
			t.Errorf("jwks_uri %q", uri)
		}
		keys, _ := k.get(uri).body["keys"].([]any)
		if len(keys) != 1 {
			t.Fatalf("%d keys", len(keys))
		}
		key, _ := keys[0].(map[string]any)
		for _, member := range []string{"kid", "x5t", "n", "e", "x5c", "kty", "use"} {
			if key[member] == nil {
				t.Errorf("the key has no %s", member)
			}
		}
		if key["d"] != nil || key["kid"] != key["x5t"] {
			t.Errorf("key %v", key)
		}
	}
	wantCode(t, k.get("https://login.microsoftonline.com/"+clientID+"/v2.0/.well-known/openid-configuration"), 400, 90002, "invalid_tenant")
	wantCode(t, k.get("https://login.microsoftonline.com/x/discovery/keys"), 400, 900023, "invalid_request")
}

func TestInstanceDiscovery(t *testing.T) {
	k := newKit(t, nil)
	ask := func(endpoint, version string) *reply {
		q := url.Values{"authorization_endpoint": {endpoint}, "api-version": {version}}
		return k.get("https://login.microsoftonline.com/common/discovery/instance?" + q.Encode())
	}
	r := ask("https://"+ownHost+"/"+tenantID+"/oauth2/v2.0/authorize", "1.1")
	if r.status != 200 || r.body["tenant_discovery_endpoint"] != "https://"+ownHost+"/"+tenantID+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("%d %s", r.status, r.text)
	}
	if list, _ := r.body["metadata"].([]any); len(list) != 2 {
		t.Errorf("metadata %v", r.body["metadata"])
	}
	for _, bad := range []string{"https://evil.example/t/authorize", "http://" + ownHost + "/t/authorize", "https://" + ownHost, "", "https://x@" + ownHost + "/t", "%"} {
		wantCode(t, ask(bad, "1.1"), 400, 50049, "invalid_instance")
	}
	wantCode(t, ask("https://"+ownHost+"/t/authorize", ""), 400, 90014, "invalid_request")
}

func TestTokenShapes(t *testing.T) {
	k := newKit(t, nil)
	r := k.post("/"+tenantID+"/oauth2/token", k.form("scope", "", "resource", vault+"/"))
	for member, want := range map[string]any{"token_type": "Bearer", "resource": vault + "/"} {
		if r.body[member] != want {
			t.Errorf("v1 %s = %v", member, r.body[member])
		}
	}
	for _, member := range []string{"expires_in", "ext_expires_in", "expires_on", "not_before", "access_token"} {
		if _, ok := r.body[member].(string); !ok {
			t.Errorf("v1 %s = %v, want a string", member, r.body[member])
		}
	}
	raw, _ := r.body["access_token"].(string)
	if _, err := k.validate(raw, vault); err == nil || !strings.Contains(err.Error(), "AKV10022") {
		t.Errorf("a token for the slash form: %v", err)
	}
	r = k.post(tokenPath, k.form())
	if n, ok := r.body["expires_in"].(float64); !ok || n < 3599 || n > 5400 {
		t.Errorf("v2 expires_in = %v", r.body["expires_in"])
	}
	for h, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"} {
		if !strings.HasPrefix(r.header.Get(h), want) {
			t.Errorf("%s: %q", h, r.header.Get(h))
		}
	}
	raw, _ = r.body["access_token"].(string)
	parts := strings.Split(raw, ".")
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"typ":"JWT"`, `"alg":"RS256"`, `"x5t":"`, `"kid":"`} {
		if !strings.Contains(string(head), want) {
			t.Errorf("header %s has no %s", head, want)
		}
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"aud":"` + vault + `"`, `"iss":"https://sts.windows.net/` + tenantID + `/"`, `"appid":"` + clientID + `"`, `"appidacr":"1"`,
		`"idp":"https://sts.windows.net/`, `"idtyp":"app"`, `"oid":"` + objectID + `"`, `"sub":"` + objectID + `"`, `"tid":"` + tenantID + `"`, `"uti":"`, `"ver":"1.0"`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("payload %s has no %s", body, want)
		}
	}
}

func TestCorrelationIsEchoed(t *testing.T) {
	k := newKit(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com"+tokenPath, strings.NewReader(k.form("client_secret", "no").Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("client-request-id", clientID)
	r := k.do(req)
	if r.header.Get("client-request-id") != clientID || r.body["correlation_id"] != clientID || k.audit.last(t).CorrelationID != clientID {
		t.Errorf("%v %s", r.header, r.text)
	}
}

// A new key is published before it signs, the old one stays until its tokens expired.
func TestKeyRollOver(t *testing.T) {
	k := newKit(t, func(c *entra.Config) { c.RotateKeys, c.PublishAhead = 10*24*time.Hour, 24*time.Hour })
	ctx := t.Context()
	count := func() int {
		keys, _ := k.get("https://login.microsoftonline.com/common/discovery/keys").body["keys"].([]any)
		return len(keys)
	}
	kid := func(raw string) string { head, _, _ := strings.Cut(raw, "."); return head }
	step := func(d time.Duration, wantKeys int) time.Time {
		t.Helper()
		k.clock.Advance(d)
		next, err := k.Maintain(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(); n != wantKeys {
			t.Fatalf("%d keys are published, want %d", n, wantKeys)
		}
		return next
	}
	first := kid(k.token())
	next := step(0, 1)
	if want := k.clock.Now().Add(9 * 24 * time.Hour); !next.Equal(want) {
		t.Errorf("next maintenance at %v, want %v", next, want)
	}
	step(9*24*time.Hour-time.Second, 1)
	step(time.Second, 2)
	if kid(k.token()) != first {
		t.Error("a key signed in the moment it was published")
	}
	k.reopen() // the state between is durable
	step(23*time.Hour, 2)
	old := k.token()
	if kid(old) != first {
		t.Error("the new key signed too early")
	}
	step(time.Hour, 2)
	now := k.token()
	if kid(now) == first {
		t.Error("the old key still signs")
	}
	for _, raw := range []string{old, now} {
		if _, err := k.validate(raw, vault); err != nil && raw == now {
			t.Error(err)
		}
	}
	epoch := k.Keys().Epoch()
	step(104*time.Minute, 2)
	step(time.Minute, 1)
	if k.Keys().Epoch() == epoch {
		t.Error("validators were not told that a key is gone")
	}
	if _, err := k.validate(now, vault); err == nil {
		t.Error("the token should have expired by now")
	}
	last := k.token()
	if err := k.ReplaceKeys(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := k.validate(last, vault); err == nil || !strings.Contains(err.Error(), "AKV10046") {
		t.Errorf("a token of a key that was taken back: %v", err)
	}
	if count() != 1 {
		t.Error("the replaced key is still published")
	}
	k.reopen()
	k.token()
}

func TestRunRollsKeys(t *testing.T) {
	k := newKit(t, func(c *entra.Config) { c.RotateKeys, c.PublishAhead = 48*time.Hour, time.Hour })
	first, _, _ := strings.Cut(k.token(), ".")
	done := make(chan error, 1)
	stop, cancel := contextWithCancel(t)
	go func() { done <- k.Run(stop) }()
	for range 2 { // publish, then activate
		if err := k.clock.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		k.clock.Advance(48 * time.Hour)
	}
	if err := k.clock.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("Run ended without an error")
	}
	if now, _, _ := strings.Cut(k.token(), "."); now == first {
		t.Error("the key did not roll")
	}
}
