package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/vault"
	"latchkey/vault/rbac"
	"latchkey/vault/throttle"
	"latchkey/vault/vaulttest"
)

// Bad input: the documented status and code for each.
func TestBadInput(t *testing.T) {
	s := vaulttest.New(t, &vaulttest.Options{Vaults: []vault.Properties{{Name: "kv1", Premium: true}, {Name: "std"}, {Name: "hsm1", HSM: true}}})
	s.MustRSA(t, "kv1", "rsa")
	s.MustKey(t, "kv1", "ec", nil)
	s.MustHSMKey(t, "hsm1", "oct", &akv.CreateKey{Kty: "oct", KeySize: ptr(256)})
	s.MustHSMKey(t, "hsm1", "old", nil)
	kv, std, hsm := s.VaultURL("kv1")+"/keys/", s.VaultURL("std")+"/keys/", s.HSMURL("hsm1")+"/keys/"
	tags := map[string]string{}
	for i := range 16 {
		tags[fmt.Sprint(i)] = "x"
	}
	b64 := func(n int) string { return strings.Repeat("A", (n*8+5)/6) }
	alg := func(a, v string) map[string]any { return map[string]any{"alg": a, "value": v} }
	for _, c := range []struct {
		what, method, url string
		body              any
		status            int
		code, inner       string
	}{
		// The request's line.
		{"no such address", "GET", s.VaultURL("kv1") + "/secrets/x", nil, 404, "NotFound", ""},
		{"no such verb", "POST", kv + "rsa/explode", "{}", 405, "MethodNotAllowed", ""},
		{"wrong method", "PUT", kv + "rsa/sign", "{}", 405, "MethodNotAllowed", ""},
		{"method of another route", "DELETE", s.VaultURL("kv1") + "/keys", nil, 405, "MethodNotAllowed", ""},
		{"too many parts", "GET", kv + "a/b/c/d/e/f/g/h/i", nil, 404, "NotFound", ""},
		{"rng on a vault", "POST", s.VaultURL("kv1") + "/rng", `{"count":1}`, 404, "NotFound", ""},
		{"roles on a vault", "GET", s.VaultURL("kv1") + "/providers/Microsoft.Authorization/roleDefinitions", nil, 404, "NotFound", ""},
		{"bad name", "GET", kv + "bad_name", nil, 400, "BadParameter", ""},
		{"encoded slash", "GET", kv + "a%2Fb", nil, 400, "BadParameter", ""},
		{"dots", "GET", kv + "..%2F..%2Fx", nil, 400, "BadParameter", ""},
		{"NUL", "GET", kv + "a%00b", nil, 400, "BadParameter", ""},
		{"long name", "GET", kv + strings.Repeat("a", 128), nil, 400, "BadParameter", ""},
		{"bad version", "GET", kv + "rsa/zz", nil, 400, "BadParameter", ""},
		{"unknown version", "GET", kv + "rsa/" + strings.Repeat("0", 32), nil, 404, "KeyNotFound", ""},
		{"unknown api-version", "GET", kv + "rsa?api-version=9.9", nil, 400, "BadParameter", ""},
		// Bodies.
		{"no body", "POST", kv + "x/create", nil, 400, "BadParameter", ""},
		{"empty body", "POST", kv + "x/create", " ", 400, "BadParameter", ""},
		{"not JSON", "POST", kv + "x/create", "{", 400, "BadParameter", ""},
		{"JSON of the wrong kind", "POST", kv + "x/create", "[]", 400, "BadParameter", ""},
		{"two values", "POST", kv + "x/create", `{"kty":"EC"} {}`, 400, "BadParameter", ""},
		{"null", "POST", kv + "x/create", `null`, 400, "BadParameter", ""},
		{"unknown member", "POST", kv + "x/create", `{"kty":"EC","colour":"red"}`, 400, "BadParameter", ""},
		{"wrong type", "POST", kv + "x/create", `{"kty":"EC","key_size":"big"}`, 400, "BadParameter", ""},
		{"wrong type inside", "POST", kv + "x/create", `{"kty":"EC","attributes":{"enabled":1}}`, 400, "BadParameter", ""},
		{"10 MB", "POST", kv + "x/create", bytes.Repeat([]byte(" "), 10<<20), 413, "RequestEntityTooLarge", ""},
		{"10 MB restore", "POST", s.VaultURL("kv1") + "/keys/restore", bytes.Repeat([]byte(" "), 10<<20), 413, "RequestEntityTooLarge", ""},
		{"deep nesting", "POST", kv + "x/create", strings.Repeat("[", 30000), 400, "BadParameter", ""},
		// Create.
		{"no kty", "POST", kv + "x/create", `{}`, 400, "BadParameter", ""},
		{"unknown kty", "POST", kv + "x/create", `{"kty":"DSA"}`, 400, "BadParameter", "KeyTypeNotSupported"},
		{"oct on a vault", "POST", kv + "x/create", `{"kty":"oct"}`, 400, "BadParameter", "KeyTypeNotSupported"},
		{"oct-HSM on a vault", "POST", kv + "x/create", `{"kty":"oct-HSM"}`, 400, "BadParameter", "KeyTypeNotSupported"},
		{"HSM key on standard", "POST", std + "x/create", `{"kty":"RSA-HSM"}`, 400, "BadParameter", "KeyTypeNotSupported"},
		{"EC-HSM on standard", "POST", std + "x/create", `{"kty":"EC-HSM"}`, 400, "BadParameter", "KeyTypeNotSupported"},
		{"RSA size", "POST", kv + "x/create", `{"kty":"RSA","key_size":1024}`, 400, "BadParameter", ""},
		{"RSA odd size", "POST", kv + "x/create", `{"kty":"RSA","key_size":2049}`, 400, "BadParameter", ""},
		{"even exponent", "POST", kv + "x/create", `{"kty":"RSA","public_exponent":4}`, 400, "BadParameter", ""},
		{"unknown curve", "POST", kv + "x/create", `{"kty":"EC","crv":"P-224"}`, 400, "BadParameter", ""},
		{"curve for RSA", "POST", kv + "x/create", `{"kty":"RSA","crv":"P-256"}`, 400, "BadParameter", ""},
		{"unknown operation", "POST", kv + "x/create", `{"kty":"RSA","key_ops":["fly"]}`, 400, "BadParameter", ""},
		{"encrypt with EC", "POST", kv + "x/create", `{"kty":"EC","key_ops":["encrypt"]}`, 400, "BadParameter", ""},
		{"import with others", "POST", kv + "x/create", `{"kty":"RSA-HSM","key_ops":["import","sign"]}`, 400, "BadParameter", ""},
		{"import for software", "POST", kv + "x/create", `{"kty":"RSA","key_ops":["import"]}`, 400, "BadParameter", ""},
		{"export", "POST", kv + "x/create", `{"kty":"RSA","key_ops":["export"]}`, 400, "BadParameter", ""},
		{"16 tags", "POST", kv + "x/create", map[string]any{"kty": "EC", "tags": tags}, 400, "BadParameter", ""},
		{"long tag", "POST", kv + "x/create", map[string]any{"kty": "EC", "tags": map[string]string{"a": strings.Repeat("x", 257)}}, 400, "BadParameter", ""},
		{"long tag name", "POST", kv + "x/create", map[string]any{"kty": "EC", "tags": map[string]string{strings.Repeat("x", 257): "a"}}, 400, "BadParameter", ""},
		{"exp before nbf", "POST", kv + "x/create", `{"kty":"EC","attributes":{"nbf":10,"exp":5}}`, 400, "BadParameter", ""},
		{"negative time", "POST", kv + "x/create", `{"kty":"EC","attributes":{"exp":-5}}`, 400, "BadParameter", ""},
		{"oct size", "POST", hsm + "x/create", `{"kty":"oct","key_size":100}`, 400, "BadParameter", ""},
		{"exportable without policy", "POST", kv + "x/create", `{"kty":"RSA-HSM","attributes":{"exportable":true}}`, 400, "BadParameter", ""},
		{"policy without exportable", "POST", kv + "x/create", `{"kty":"RSA-HSM","release_policy":{"data":"e30"}}`, 400, "BadParameter", ""},
		// Import.
		{"no key", "PUT", kv + "x", `{}`, 400, "BadParameter", ""},
		{"public key only", "PUT", kv + "x", map[string]any{"key": map[string]any{"kty": "RSA", "n": b64(256), "e": "AQAB"}}, 400, "BadParameter", ""},
		{"bad base64", "PUT", kv + "x", map[string]any{"key": map[string]any{"kty": "RSA", "n": "!!!"}}, 400, "BadParameter", ""},
		{"key_hsm in software", "PUT", kv + "x", map[string]any{"key": map[string]any{"kty": "RSA", "key_hsm": "e30"}}, 400, "BadParameter", ""},
		{"key_hsm of nothing", "PUT", kv + "x", map[string]any{"key": map[string]any{"kty": "RSA-HSM", "key_hsm": "e30"}}, 400, "BadParameter", ""},
		// Operations.
		{"no alg", "POST", kv + "rsa/encrypt", `{"value":"AAAA"}`, 400, "BadParameter", ""},
		{"no value", "POST", kv + "rsa/encrypt", `{"alg":"RSA-OAEP"}`, 400, "BadParameter", ""},
		{"unknown alg", "POST", kv + "rsa/encrypt", alg("ROT13", "AAAA"), 400, "BadParameter", ""},
		{"alg of another operation", "POST", kv + "rsa/encrypt", alg("RS256", "AAAA"), 400, "BadParameter", ""},
		{"alg of another key", "POST", kv + "ec/sign", alg("RS256", b64(32)), 400, "BadParameter", ""},
		{"alg of another curve", "POST", kv + "ec/sign", alg("ES384", b64(48)), 400, "BadParameter", ""},
		{"standard base64", "POST", kv + "rsa/encrypt", alg("RSA-OAEP", "+/+/"), 400, "BadParameter", ""},
		{"broken base64", "POST", kv + "rsa/encrypt", alg("RSA-OAEP", "AAAAA"), 400, "BadParameter", ""},
		{"value not a string", "POST", kv + "rsa/encrypt", `{"alg":"RSA-OAEP","value":7}`, 400, "BadParameter", ""},
		{"wrong digest length", "POST", kv + "rsa/sign", alg("RS256", b64(31)), 400, "BadParameter", ""},
		{"digest of another hash", "POST", kv + "rsa/sign", alg("RS512", b64(32)), 400, "BadParameter", ""},
		{"plaintext too long", "POST", kv + "rsa/wrapkey", alg("RSA-OAEP-256", b64(191)), 400, "BadParameter", ""},
		{"ciphertext too short", "POST", kv + "rsa/unwrapkey", alg("RSA-OAEP-256", b64(255)), 400, "BadParameter", ""},
		{"wrong ciphertext", "POST", kv + "rsa/unwrapkey", alg("RSA-OAEP-256", b64(256)), 400, "BadParameter", ""},
		{"iv for RSA", "POST", kv + "rsa/encrypt", map[string]any{"alg": "RSA-OAEP", "value": "AAAA", "iv": b64(16)}, 400, "BadParameter", ""},
		{"AES key wrap size", "POST", hsm + "oct/wrapkey", alg("A128KW", b64(16)), 400, "BadParameter", ""},
		{"CBC without iv", "POST", hsm + "oct/encrypt", alg("A256CBCPAD", b64(16)), 400, "BadParameter", ""},
		{"AES at 7.1", "POST", hsm + "oct/encrypt?api-version=7.1", alg("A256GCM", b64(16)), 400, "BadParameter", ""},
		{"CKM at 7.5", "POST", hsm + "oct/wrapkey?api-version=7.5", alg("CKM_AES_KEY_WRAP", b64(16)), 400, "BadParameter", ""},
		{"verify without digest", "POST", kv + "rsa/verify", alg("RS256", b64(256)), 400, "BadParameter", ""},
		{"release of a plain key", "POST", kv + "rsa/release", `{"target":"x"}`, 403, "Forbidden", "KeyOperationForbidden"},
		{"attestation of a software key", "GET", kv + "rsa/attestation", nil, 400, "BadParameter", ""},
		// Restore.
		{"blob of nothing", "POST", s.VaultURL("kv1") + "/keys/restore", `{"value":""}`, 400, "BadParameter", ""},
		{"foreign blob", "POST", s.VaultURL("kv1") + "/keys/restore", `{"value":"JkF6dXJlS2V5VmF1bHRLZXlCYWNrdXBWMS5taWNyb3NvZnQuY29t"}`, 400, "BadParameter", ""},
		// Managed HSM.
		{"rng of none", "POST", s.HSMURL("hsm1") + "/rng", `{}`, 400, "BadParameter", ""},
		{"rng of too many", "POST", s.HSMURL("hsm1") + "/rng", `{"count":129}`, 400, "BadParameter", ""},
		{"role that is no GUID", "PUT", s.HSMURL("hsm1") + "/providers/Microsoft.Authorization/roleDefinitions/x", `{"properties":{}}`, 400, "BadParameter", ""},
		{"role at a key", "GET", s.HSMURL("hsm1") + "/keys/k/providers/Microsoft.Authorization/roleDefinitions", nil, 400, "BadParameter", ""},
		{"unknown filter", "GET", s.HSMURL("hsm1") + "/providers/Microsoft.Authorization/roleDefinitions?$filter=x", nil, 400, "BadParameter", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := s.Call(t, s.Admin(), c.method, c.url, c.body)
			wantErr(t, c.what, r, c.status, c.code, c.inner)
			for _, own := range []string{"keywrap", "keyspec", "json:"} {
				if strings.Contains(string(r.Body), own) {
					t.Errorf("the answer names a package of ours: %s", r.Body)
				}
			}
		})
	}
	t.Run("content type", func(t *testing.T) {
		req := s.NewRequest(t, s.Admin(), "POST", kv+"x/create?api-version=7.4", `{"kty":"EC"}`)
		req.Header.Set("Content-Type", "text/xml")
		wantErr(t, "text/xml", s.Send(t, req), 415, "UnsupportedMediaType", "")
		req = s.NewRequest(t, s.Admin(), "POST", kv+"x/create?api-version=7.4", `{"kty":"EC"}`)
		req.Header.Set("Content-Type", `Application/JSON; charset="utf-16"`)
		if r := s.Send(t, req); r.Status != 200 {
			t.Errorf("application/json: %d %s", r.Status, r.Body)
		}
	})
	t.Run("chunked 10 MB", func(t *testing.T) {
		req := s.NewRequest(t, s.Admin(), "POST", kv+"x/create?api-version=7.4", nil)
		req.Body = readCloser{bytes.NewReader(bytes.Repeat([]byte(" "), 10<<20))}
		req.ContentLength = -1
		wantErr(t, "chunked", s.Send(t, req), 413, "RequestEntityTooLarge", "")
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// Tokens that are not good, and what the answer says.
func TestBadTokens(t *testing.T) {
	s := vaulttest.New(t, nil)
	url := s.VaultURL("kv1") + "/keys?api-version=7.4"
	now := time.Now().Unix()
	for _, c := range []struct {
		what   string
		claims map[string]any
		want   string
	}{
		{"other audience", map[string]any{"aud": "https://storage.azure.com"}, "AKV10022: Invalid audience."},
		{"audience with slash", map[string]any{"aud": s.Audience(false) + "/"}, "AKV10022: Invalid audience."},
		{"audience of the HSM", map[string]any{"aud": s.Audience(true)}, "AKV10022: Invalid audience."},
		{"other issuer", map[string]any{"iss": "https://sts.windows.net/" + vaulttest.GUID("x") + "/"}, "AKV10032"},
		{"other tenant", map[string]any{"tid": vaulttest.GUID("x")}, "AKV10032"},
		{"expired", map[string]any{"nbf": now - 7200, "iat": now - 7200, "exp": now - 3600}, "[TokenExpired]"},
	} {
		tok, err := s.Issuer.Token(s.Admin(), s.Audience(false), c.claims)
		if err != nil {
			t.Fatal(err)
		}
		req := s.NewRequest(t, rbac.Principal{}, "GET", url, nil)
		req.Header.Set("Authorization", "Bearer "+tok)
		r := s.Send(t, req)
		if e := r.Err(); e == nil || e.Status != 401 || e.Code != "Unauthorized" || !strings.Contains(e.Message, c.want) || r.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", c.what, r.Status, r.Body)
		}
		if rec := s.Audit.Last(); rec.Result != audit.Denied || rec.Status != 401 {
			t.Errorf("%s: record %+v", c.what, rec)
		}
	}
	for _, header := range []string{"Bearer", "Bearer ", "Basic Zm9vOmJhcg==", "Bearer x.y.z", "bearer " + strings.Repeat("a", 20<<10)} {
		req := s.NewRequest(t, rbac.Principal{}, "GET", url, nil)
		req.Header.Set("Authorization", header)
		if r := s.Send(t, req); r.Status != 401 {
			t.Errorf("%.20q: %d", header, r.Status)
		}
	}
}

// A good token of the vault's issuer, but of another tenant than the vault's, is refused whatever its holder may do.
func TestVaultOfAnotherTenant(t *testing.T) {
	theirs := vaulttest.GUID("another tenant")
	s := vaulttest.New(t, &vaulttest.Options{Vaults: []vault.Properties{{Name: "kv1"}, {Name: "theirs", TenantID: theirs}}})
	r := s.Call(t, s.Admin(), "GET", s.VaultURL("theirs")+"/keys?api-version=7.4", nil)
	if e := r.Err(); e == nil || e.Status != 401 || !strings.HasPrefix(e.Message, "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/"+theirs+"/, found ") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if got := r.Header.Get("WWW-Authenticate"); !strings.Contains(got, theirs) {
		t.Errorf("the challenge names another tenant: %q", got)
	}
	if rec := s.Audit.Last(); rec.Result != audit.Denied || rec.Status != 401 || rec.Reason != "Unauthorized/AKV10032" {
		t.Errorf("record %+v", rec)
	}
}

func TestThrottling(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Throttle: throttle.Real()})
	for i := range 20 {
		s.MustKey(t, "kv1", fmt.Sprint("k", i), nil)
	}
	r := s.Call(t, s.Admin(), "POST", s.VaultURL("kv1")+"/keys/k/create", akv.CreateKey{Kty: "EC"})
	wantErr(t, "create", r, 429, "Throttled", "")
	if got := r.Header.Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After %q", got)
	}
	if rec := s.Audit.Last(); rec.Result != audit.Denied || rec.Reason != "Throttled" {
		t.Errorf("record %+v", rec)
	}
	// HSM keys have their own bucket, other calls too; a Managed HSM has no limits.
	for i := range 10 {
		s.MustKey(t, "kv1", fmt.Sprint("h", i), &akv.CreateKey{Kty: "EC-HSM"})
	}
	wantErr(t, "HSM create", s.Call(t, s.Admin(), "POST", s.VaultURL("kv1")+"/keys/h/create", akv.CreateKey{Kty: "EC-HSM"}), 429, "Throttled", "")
	s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/k1", nil, nil)
	for i := range 30 {
		s.MustHSMKey(t, "hsm1", fmt.Sprint("k", i), nil)
	}
	clk.Advance(10 * time.Second)
	s.MustKey(t, "kv1", "again", nil)
}

// When the record cannot be written the operation is refused, and nothing has changed.
func TestAuditFailureRefuses(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustRSA(t, "kv1", "k")
	var backup akv.Backup
	s.MustCall(t, "POST", s.VaultURL("kv1")+"/keys/k/backup", nil, &backup)
	s.MustKey(t, "kv1", "gone", nil)
	s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/keys/gone", nil, nil)
	base := s.VaultURL("kv1")
	snapshot := func() string {
		t.Helper()
		items, _, err := s.Store.List(t.Context(), "", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(items)
	}
	before := snapshot()
	s.Audit.FailWhen(func(audit.Record) bool { return true })
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/keys/new/create", akv.CreateKey{Kty: "EC"}},
		{"POST", "/keys/k/create", akv.CreateKey{Kty: "EC"}},
		{"PATCH", "/keys/k", map[string]any{"tags": map[string]string{"a": "b"}}},
		{"DELETE", "/keys/k", nil},
		{"POST", "/keys/k/rotate", nil},
		{"PUT", "/keys/k/rotationpolicy", map[string]any{"attributes": map[string]any{"expiryTime": "P90D"}}},
		{"POST", "/deletedkeys/gone/recover", nil},
		{"DELETE", "/deletedkeys/gone", nil},
		{"GET", "/keys/k", nil},
		{"GET", "/keys", nil},
		{"POST", "/keys/k/backup", nil},
		{"POST", "/keys/k/wrapkey", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("x")}},
		{"POST", "/keys/k/sign", akv.OpParams{Alg: "RS256", Value: make([]byte, 32)}},
		{"GET", "/keys/none", nil},
		{"GET", "/nowhere", nil},
	} {
		r := s.Call(t, s.Admin(), c.method, base+c.path, c.body)
		if e := r.Err(); e == nil || e.Status != 503 || !strings.Contains(e.Message, "LK1001") {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.Status, r.Body)
		}
	}
	if after := snapshot(); after != before {
		t.Error("the store changed though nothing could be recorded")
	}
	s.Audit.FailWhen(nil)
	s.MustCall(t, "GET", base+"/keys/k", nil, nil)
}

// Each operation writes one record, allowed or refused.
func TestOneRecordEach(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustRSA(t, "kv1", "k")
	other := s.Principal("other")
	base := s.VaultURL("kv1")
	for _, c := range []struct {
		who          rbac.Principal
		method, path string
		body         any
		op           string
		result       audit.Result
		status       int
		reason       string
	}{
		{s.Admin(), "GET", "/keys/k", nil, "KeyGet", audit.Success, 200, ""},
		{other, "GET", "/keys/k", nil, "KeyGet", audit.Denied, 403, "Forbidden/ForbiddenByRbac"},
		{rbac.Principal{}, "POST", "/keys/k/wrapkey", nil, "KeyWrap", audit.Denied, 401, "Unauthorized/AKV10000"},
		{s.Admin(), "POST", "/keys/k/wrapkey", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("x")}, "KeyWrap", audit.Success, 200, ""},
		{s.Admin(), "POST", "/keys/k/wrapkey", "{", "KeyWrap", audit.Failed, 400, "BadParameter"},
		{s.Admin(), "POST", "/keys/k2/create", akv.CreateKey{Kty: "EC"}, "KeyCreate", audit.Success, 200, ""},
		{s.Admin(), "DELETE", "/keys/k2", nil, "KeyDelete", audit.Success, 200, ""},
		{s.Admin(), "GET", "/nowhere", nil, "Unknown", audit.Failed, 404, "NotFound"},
	} {
		s.Audit.Reset()
		req := s.NewRequest(t, c.who, c.method, base+c.path+"?api-version=7.4", c.body)
		req.Header.Set("X-Ms-Client-Request-Id", "corr")
		req.Header.Set("User-Agent", "test/1")
		r := s.Send(t, req)
		all := s.Audit.Records()
		if len(all) != 1 {
			t.Errorf("%s %s: %d records", c.method, c.path, len(all))
			continue
		}
		got := all[0]
		if got.Operation != c.op || got.Result != c.result || got.Status != c.status || got.Reason != c.reason {
			t.Errorf("%s %s: record %+v", c.method, c.path, got)
		}
		if got.RequestID != r.Header.Get("X-Ms-Request-Id") || got.CorrelationID != "corr" || got.Client != "test/1" || got.CallerIP != "127.0.0.1" || !strings.HasSuffix(got.Resource, "/vaults/kv1") {
			t.Errorf("%s %s: circumstances %+v", c.method, c.path, got)
		}
		if c.who.ObjectID != got.ObjectID {
			t.Errorf("%s %s: object id %q", c.method, c.path, got.ObjectID)
		}
	}
}

// The record of an address that is no route says which one was tried, without what could forge a line.
func TestRecordNamesTheAddressThatIsNoRoute(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.Call(t, s.Admin(), "POST", s.VaultURL("kv1")+"/secrets/x%0Ay", nil)
	if got := s.Audit.Last().Object; got != "POST /secrets/x?y" {
		t.Errorf("object = %q", got)
	}
}
