package entra_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/audit"
	"latchkey/entra"
)

// Every number of the table that a service principal can provoke, and a few of ours.
func TestErrorsOfTheTable(t *testing.T) {
	k := newKit(t, nil)
	ctx := t.Context()
	const public, off, expiring = "aaaaaaaa-0000-0000-0000-0000000000f1", "aaaaaaaa-0000-0000-0000-0000000000f2", "aaaaaaaa-0000-0000-0000-0000000000f3"
	for _, n := range []entra.NewApp{{ClientID: public, Public: true}, {ClientID: off}, {ClientID: expiring}} {
		n.TenantID, n.Name = tenantID, "other"
		if _, err := k.CreateApp(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Disable(ctx, strings.ToUpper(off), true); err != nil {
		t.Fatal(err)
	}
	_, s, err := k.AddSecret(ctx, expiring, "short", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	short := string(s.Expose())
	k.clock.Advance(2 * time.Minute)

	const v1 = "/" + tenantID + "/oauth2/token"
	for name, tc := range map[string]struct {
		path   string
		form   url.Values
		status int
		number int
		kind   string
	}{
		"wrong secret":            {tokenPath, k.form("client_secret", "no"), 401, 7000215, "invalid_client"},
		"another app's secret":    {tokenPath, k.form("client_id", expiring), 401, 7000215, "invalid_client"},
		"expired secret":          {tokenPath, k.form("client_id", expiring, "client_secret", short), 401, 7000222, "invalid_client"},
		"no proof":                {tokenPath, k.form("client_secret", ""), 401, 7000218, "invalid_client"},
		"unknown app":             {tokenPath, k.form("client_id", objectID), 400, 700016, "unauthorized_client"},
		"app is no guid":          {tokenPath, k.form("client_id", "x"), 400, 700016, "unauthorized_client"},
		"disabled app":            {tokenPath, k.form("client_id", off), 401, 7000112, "unauthorized_client"},
		"public client":           {tokenPath, k.form("client_id", public), 401, 700025, "invalid_client"},
		"secret and assertion":    {tokenPath, k.form("client_assertion", "x"), 401, 50012, "invalid_client"},
		"bad assertion type":      {tokenPath, k.form("client_secret", "", "client_assertion", "x"), 401, 50012, "invalid_client"},
		"unknown tenant":          {"/" + clientID + "/oauth2/v2.0/token", k.form(), 400, 90002, "invalid_request"},
		"unknown domain":          {"/fabrikam.example/oauth2/v2.0/token", k.form(), 400, 90002, "invalid_request"},
		"malformed tenant":        {"/no%20tenant/oauth2/v2.0/token", k.form(), 400, 900023, "invalid_request"},
		"common":                  {"/common/oauth2/v2.0/token", k.form(), 400, 50059, "invalid_request"},
		"scope without default":   {tokenPath, k.form("scope", vault), 400, 70011, "invalid_scope"},
		"two scopes":              {tokenPath, k.form("scope", vault+"/.default https://managedhsm.azure.net/.default"), 400, 70011, "invalid_scope"},
		"bare default":            {tokenPath, k.form("scope", "/.default"), 400, 70011, "invalid_scope"},
		"unknown resource":        {tokenPath, k.form("scope", "https://graph.example/.default"), 400, 500011, "invalid_resource"},
		"unknown resource v1":     {v1, k.form("resource", "https://graph.example"), 400, 500011, "invalid_resource"},
		"a label too many":        {tokenPath, k.form("scope", "https://a.b.localhost:8443/.default"), 400, 500011, "invalid_resource"},
		"disabled resource":       {tokenPath, k.form("scope", "https://off.example/.default"), 400, 50001, "invalid_resource"},
		"no grant":                {tokenPath, k.form("grant_type", ""), 400, 900144, "invalid_request"},
		"no client":               {tokenPath, k.form("client_id", ""), 400, 900144, "invalid_request"},
		"no scope":                {tokenPath, k.form("scope", ""), 400, 900144, "invalid_request"},
		"only empty scopes":       {tokenPath, k.form("scope", "openid profile"), 400, 900144, "invalid_request"},
		"no resource v1":          {v1, k.form("resource", ""), 400, 900144, "invalid_request"},
		"another grant":           {tokenPath, k.form("grant_type", "password"), 400, 70003, "unsupported_grant_type"},
		"parameter twice":         {tokenPath, url.Values{"grant_type": {"client_credentials", "password"}}, 400, 9002313, "invalid_request"},
		"a body without end":      {tokenPath, k.form("claims", strings.Repeat("x", 70<<10)), 413, 9002313, "invalid_request"},
		"nothing at this address": {"/" + tenantID + "/oauth2/v3.0/token", k.form(), 404, 90019, "invalid_request"},
	} {
		r := k.post(tc.path, tc.form)
		t.Run(name, func(t *testing.T) { wantCode(t, r, tc.status, tc.number, tc.kind) })
		if tc.status == 404 || strings.Contains(r.text, k.secret) {
			continue
		}
		rec := k.audit.last(t)
		if rec.Operation != "TokenIssue" || rec.Result != audit.Denied || rec.Status != tc.status || !strings.Contains(rec.Reason, "AADSTS") {
			t.Errorf("%s: audit record %+v", name, rec)
		}
		k.clock.Advance(2 * time.Minute) // past the throttle's window
	}
	r := k.get("https://login.microsoftonline.com" + tokenPath)
	wantCode(t, r, 405, 900561, "invalid_request")
	wantCode(t, k.get("https://evil.example/"+tenantID+"/v2.0/.well-known/openid-configuration"), 421, 900382, "invalid_request")
}

func TestBasicAuthorization(t *testing.T) {
	k := newKit(t, nil)
	send := func(user, pass string, form url.Values) *reply {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.windows.net/contoso.example/oauth2/v2.0/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(user, pass)
		return k.do(req)
	}
	form := k.form("client_id", "", "client_secret", "")
	if r := send(strings.ToUpper(clientID), url.QueryEscape(k.secret), form); r.status != 200 {
		t.Errorf("by Basic: %d %s", r.status, r.text)
	}
	wantCode(t, send(clientID, "no", form), 401, 7000215, "invalid_client")
	wantCode(t, send(clientID, "%zz", form), 401, 50012, "invalid_client")
	wantCode(t, send(objectID, k.secret, k.form("client_secret", "")), 401, 50012, "invalid_client")
	wantCode(t, send(clientID, k.secret, k.form()), 401, 50012, "invalid_client")
}

func TestFailuresAreThrottled(t *testing.T) {
	k := newKit(t, nil)
	for range 10 {
		wantCode(t, k.post(tokenPath, k.form("client_secret", "no")), 401, 7000215, "invalid_client")
	}
	r := k.post(tokenPath, k.form("client_secret", "no"))
	wantCode(t, r, 429, 50196, "temporarily_unavailable")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if rec := k.audit.last(t); rec.Status != 429 || rec.Result != audit.Denied {
		t.Errorf("audit record %+v", rec)
	}
	k.token() // the right secret is let in all the same, and changes nothing for the others
	wantCode(t, k.post(tokenPath, k.form("client_secret", "no")), 429, 50196, "temporarily_unavailable")
	if status := k.from("192.0.2.1:1", k.form("client_secret", "no")).status; status != 401 {
		t.Errorf("another address: %d", status)
	}
	k.clock.Advance(61 * time.Second)
	wantCode(t, k.post(tokenPath, k.form("client_secret", "no")), 401, 7000215, "invalid_client")
	for i := range 12 { // unknown clients share one count, and do not hit the known one
		r = k.post(tokenPath, k.form("client_id", strings.Repeat("x", i+1)))
	}
	wantCode(t, r, 429, 50196, "temporarily_unavailable")
	k.token()
}

func TestNoRecordNoToken(t *testing.T) {
	k := newKit(t, nil)
	k.audit.setFail(errors.New("disk full"))
	r := k.post(tokenPath, k.form())
	wantCode(t, r, 503, 90033, "temporarily_unavailable")
	if !strings.Contains(r.text, "audit log") || r.header.Get("Retry-After") == "" || strings.Contains(r.text, "disk full") {
		t.Errorf("answer %v %s", r.header, r.text)
	}
	wantCode(t, k.post(tokenPath, k.form("client_secret", "no")), 503, 90033, "temporarily_unavailable")
	k.audit.setFail(nil)
	k.token()
	if rec := k.audit.last(t); rec.Result != audit.Success || rec.ObjectID != objectID || rec.AppID != clientID || rec.TenantID != tenantID ||
		rec.Object != vault || rec.Assignment == "" || rec.CallerIP == "" || rec.Status != 200 {
		t.Errorf("audit record %+v", rec)
	}
}
