package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/akv"
	"latchkey/internal/clock"
	"latchkey/vault"
	"latchkey/vault/vaulttest"
)

func fake() *clock.Fake { return clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) }

func ptr[T any](v T) *T { return &v }

// wantErr checks a refusal by status, code and inner code.
func wantErr(t *testing.T, what string, r *vaulttest.Response, status int, code, inner string) {
	t.Helper()
	e := r.Err()
	if e == nil || e.Status != status || e.Code != code || e.Inner != inner {
		t.Errorf("%s: got %d %s, want %d %s/%s", what, r.Status, r.Body, status, code, inner)
	}
}

// Every key state of the specification against every operation.
func TestKeyStates(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk})
	base := s.VaultURL("kv1") + "/keys/k"
	s.MustRSA(t, "kv1", "k")
	var wrapped, sig akv.OpResult
	s.MustCall(t, "POST", base+"/wrapkey", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("dek")}, &wrapped)
	digest := make([]byte, 32)
	s.MustCall(t, "POST", base+"/sign", akv.OpParams{Alg: "RS256", Value: digest}, &sig)
	ops := []struct {
		verb, name string
		body       any
		protects   bool
	}{
		{"encrypt", "encrypt", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("dek")}, true},
		{"wrapkey", "wrapKey", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("dek")}, true},
		{"sign", "sign", akv.OpParams{Alg: "RS256", Value: digest}, true},
		{"decrypt", "decrypt", akv.OpParams{Alg: "RSA-OAEP", Value: wrapped.Value}, false},
		{"unwrapkey", "unwrapKey", akv.OpParams{Alg: "RSA-OAEP", Value: wrapped.Value}, false},
		{"verify", "verify", akv.VerifyParams{Alg: "RS256", Digest: digest, Value: sig.Value}, false},
	}
	now := clk.Now().Unix()
	for _, state := range []struct {
		name    string
		attrs   akv.Attributes
		inner   string // for operations that protect
		other   string // for the others
		keyOps  []string
		nowhere bool
	}{
		{name: "enabled", attrs: akv.Attributes{Enabled: ptr(true), NotBefore: ptr(now), Expires: ptr(now + 1)}},
		{name: "not yet valid", attrs: akv.Attributes{NotBefore: ptr(now + 1), Expires: ptr(now + 10)}, inner: "KeyNotYetValid"},
		{name: "expired now", attrs: akv.Attributes{NotBefore: ptr(now - 10), Expires: ptr(now)}, inner: "KeyExpired"},
		{name: "disabled", attrs: akv.Attributes{Enabled: ptr(false), NotBefore: ptr(now - 10), Expires: ptr(now + 10)}, inner: "KeyDisabled", other: "KeyDisabled"},
		{name: "no operations", attrs: akv.Attributes{Enabled: ptr(true)}, keyOps: []string{}, inner: "KeyOperationForbidden", other: "KeyOperationForbidden"},
	} {
		t.Run(state.name, func(t *testing.T) {
			body := map[string]any{"attributes": state.attrs}
			if state.keyOps != nil {
				body["key_ops"] = state.keyOps
			}
			s.MustCall(t, "PATCH", base, body, nil)
			for _, op := range ops {
				inner := state.other
				if op.protects {
					inner = state.inner
				}
				r := s.Call(t, s.Admin(), "POST", base+"/"+op.verb, op.body)
				if inner == "" {
					if r.Status != 200 {
						t.Errorf("%s: %d %s", op.verb, r.Status, r.Body)
					}
					continue
				}
				wantErr(t, op.verb, r, 403, "Forbidden", inner)
				if !strings.HasPrefix(r.Err().Message, "Operation "+op.name+" is not ") {
					t.Errorf("%s: message %q", op.verb, r.Err().Message)
				}
			}
			// Reading, listing and updating always work.
			s.MustCall(t, "GET", base, nil, nil)
			if r := s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys", nil, nil); !strings.Contains(string(r.Body), "/keys/k\"") {
				t.Errorf("list: %s", r.Body)
			}
		})
	}
	t.Run("deleted", func(t *testing.T) {
		s.MustCall(t, "DELETE", base, nil, nil)
		for _, op := range ops {
			wantErr(t, op.verb, s.Call(t, s.Admin(), "POST", base+"/"+op.verb, op.body), 404, "KeyNotFound", "")
		}
		wantErr(t, "get", s.Call(t, s.Admin(), "GET", base, nil), 404, "KeyNotFound", "")
		wantErr(t, "update", s.Call(t, s.Admin(), "PATCH", base, map[string]any{}), 404, "KeyNotFound", "")
		wantErr(t, "delete", s.Call(t, s.Admin(), "DELETE", base, nil), 404, "KeyNotFound", "")
		wantErr(t, "create", s.Call(t, s.Admin(), "POST", base+"/create", akv.CreateKey{Kty: "EC"}), 409, "Conflict", "ObjectIsDeletedButRecoverable")
	})
}

func TestPaging(t *testing.T) {
	s := vaulttest.New(t, nil)
	for i := range 30 {
		s.MustKey(t, "kv1", fmt.Sprintf("K%02d", i), nil)
	}
	type page struct {
		Value []struct {
			KID string `json:"kid"`
		} `json:"value"`
		NextLink *string `json:"nextLink"`
	}
	var all []string
	next := s.VaultURL("kv1") + "/keys?api-version=7.4&maxresults=7"
	for n := 0; next != ""; n++ {
		r := s.MustCall(t, "GET", next, nil, nil)
		var p page
		if err := json.Unmarshal(r.Body, &p); err != nil {
			t.Fatal(err)
		}
		for _, k := range p.Value {
			all = append(all, k.KID)
		}
		if n == 0 {
			// An insert before and after, and a deletion, while somebody pages.
			s.MustKey(t, "kv1", "K00a", nil)
			s.MustKey(t, "kv1", "K29a", nil)
			s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/keys/K03", nil, nil)
		}
		next = ""
		if p.NextLink != nil {
			next = *p.NextLink
			if !strings.HasPrefix(next, s.VaultURL("kv1")+"/keys?api-version=7.4&$skiptoken=") || !strings.HasSuffix(next, "&maxresults=7") {
				t.Fatalf("nextLink %q", next)
			}
		} else if !strings.Contains(string(r.Body), `"nextLink":null`) {
			t.Errorf("last page without nextLink null: %s", r.Body)
		}
	}
	want := 31 // 30 and the one inserted after the position
	if len(all) != want {
		t.Errorf("paged through %d keys, want %d: %v", len(all), want, all)
	}
	if r := s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys", nil, nil); strings.Count(string(r.Body), `"kid"`) != 25 {
		t.Errorf("default page of %d", strings.Count(string(r.Body), `"kid"`))
	}
	for _, bad := range []string{"0", "26", "-1", "x", "", "1e1"} {
		wantErr(t, "maxresults="+bad, s.Call(t, s.Admin(), "GET", s.VaultURL("kv1")+"/keys?maxresults="+bad, nil), 400, "BadParameter", "")
	}
	for _, bad := range []string{"x", "eyJ9", url.QueryEscape("{}"), "eyJOZXh0TWFya2VyIjoiIn0", strings.Repeat("A", 5000)} {
		wantErr(t, "token "+bad[:min(20, len(bad))], s.Call(t, s.Admin(), "GET", s.VaultURL("kv1")+"/keys?$skiptoken="+bad, nil), 400, "BadParameter", "")
	}
	// A Managed HSM's links carry no version, and are followed as they are.
	for i := range 3 {
		s.MustHSMKey(t, "hsm1", fmt.Sprintf("k%d", i), nil)
	}
	var p page
	s.MustCall(t, "GET", s.HSMURL("hsm1")+"/keys?maxresults=2", nil, &p)
	if p.NextLink == nil || strings.Contains(*p.NextLink, "api-version") {
		t.Fatalf("nextLink %v", p.NextLink)
	}
	r := s.Send(t, s.NewRequest(t, s.Admin(), "GET", *p.NextLink, nil))
	if r.Status != 200 || strings.Contains(string(r.Body), "nextLink") || strings.Count(string(r.Body), `"kid"`) != 1 {
		t.Errorf("last page of the HSM: %d %s", r.Status, r.Body)
	}
	// Versions of a key that does not exist: none.
	if r := s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/nothing/versions", nil, nil); string(r.Body) != `{"value":[],"nextLink":null}` {
		t.Errorf("versions of nothing: %s", r.Body)
	}
}

func TestSoftDelete(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, DeleteDelay: 10 * time.Second, Vaults: []vault.Properties{
		{Name: "kv1", Premium: true}, {Name: "short", RetentionDays: 7}, {Name: "protected", RetentionDays: 7, PurgeProtection: true},
	}})
	for _, c := range []struct{ vault, level string }{{"kv1", "Recoverable+Purgeable"}, {"short", "CustomizedRecoverable+Purgeable"}, {"protected", "CustomizedRecoverable"}} {
		if k := s.MustKey(t, c.vault, "level", nil); k.Attributes.RecoveryLevel != c.level {
			t.Errorf("%s: recovery level %q, want %q", c.vault, k.Attributes.RecoveryLevel, c.level)
		}
	}
	keys, deleted := s.VaultURL("short")+"/keys/k", s.VaultURL("short")+"/deletedkeys/k"
	s.MustKey(t, "short", "k", nil)
	v2 := s.MustKey(t, "short", "k", nil)
	get := func(url string) int { t.Helper(); return s.Call(t, s.Admin(), "GET", url, nil).Status }
	var d akv.DeletedKeyBundle
	s.MustCall(t, "DELETE", keys, nil, &d)
	if d.RecoveryID != deleted || *d.DeletedDate != clk.Now().Unix() || *d.ScheduledPurgeDate != clk.Now().Unix()+7*86400 || d.Key.KID != v2.Key.KID {
		t.Errorf("deleted bundle: %+v", d.Deletion)
	}
	// While it is under way: gone here, not yet there, and nothing can be done.
	if a, b := get(keys), get(deleted); a != 404 || b != 404 {
		t.Errorf("under way: key %d, deleted %d", a, b)
	}
	for what, r := range map[string]*vaulttest.Response{
		"create": s.Call(t, s.Admin(), "POST", keys+"/create", akv.CreateKey{Kty: "EC"}), "recover": s.Call(t, s.Admin(), "POST", deleted+"/recover", nil),
		"purge": s.Call(t, s.Admin(), "DELETE", deleted, nil), "delete": s.Call(t, s.Admin(), "DELETE", keys, nil),
	} {
		wantErr(t, what, r, 409, "Conflict", "ObjectIsBeingDeleted")
	}
	clk.Advance(10 * time.Second)
	if a, b := get(keys), get(deleted); a != 404 || b != 200 {
		t.Errorf("deleted: key %d, deleted %d", a, b)
	}
	if r := s.MustCall(t, "GET", s.VaultURL("short")+"/deletedkeys", nil, nil); !strings.Contains(string(r.Body), `"recoveryId":"`+deleted+`"`) {
		t.Errorf("deleted list: %s", r.Body)
	}
	// Recover: all versions are back, after a while.
	s.MustCall(t, "POST", deleted+"/recover", nil, nil)
	if a, b := get(keys), get(deleted); a != 404 || b != 404 {
		t.Errorf("recovering: key %d, deleted %d", a, b)
	}
	clk.Advance(10 * time.Second)
	if r := s.MustCall(t, "GET", keys+"/versions", nil, nil); strings.Count(string(r.Body), `"kid"`) != 2 {
		t.Errorf("versions after recovery: %s", r.Body)
	}
	// Purge by hand; the name is free.
	s.MustCall(t, "DELETE", keys, nil, nil)
	clk.Advance(10 * time.Second)
	if r := s.Call(t, s.Admin(), "DELETE", deleted, nil); r.Status != 204 || len(r.Body) != 0 {
		t.Errorf("purge: %d %q", r.Status, r.Body)
	}
	if get(deleted) != 404 {
		t.Error("purged key is still among the deleted")
	}
	s.MustKey(t, "short", "k", nil)
	// Purge by the calendar, with and without a worker that is in time.
	for _, worker := range []bool{true, false} {
		s.MustCall(t, "DELETE", keys, nil, nil)
		clk.Advance(7*24*time.Hour - time.Second)
		if get(deleted) != 200 {
			t.Error("gone before its time")
		}
		clk.Advance(time.Second)
		if worker {
			s.Service.RunDue(t.Context())
		}
		if get(deleted) != 404 {
			t.Error("still there after its time")
		}
		if r := s.MustCall(t, "GET", s.VaultURL("short")+"/deletedkeys", nil, nil); strings.Contains(string(r.Body), "kid") {
			t.Errorf("still listed after its time: %s", r.Body)
		}
		s.MustKey(t, "short", "k", nil)
	}
	// Purge protection.
	s.MustKey(t, "protected", "k", nil)
	s.MustCall(t, "DELETE", s.VaultURL("protected")+"/keys/k", nil, nil)
	clk.Advance(time.Minute)
	wantErr(t, "protected purge", s.Call(t, s.Admin(), "DELETE", s.VaultURL("protected")+"/deletedkeys/k", nil), 403, "Forbidden", "")
	clk.Advance(7 * 24 * time.Hour)
	if s.Service.RunDue(t.Context()) != 1 {
		t.Error("a protected key is not purged when its retention is over")
	}
}

// What a purge removes is gone from the store: no record of the key remains.
func TestPurgeLeavesNothing(t *testing.T) {
	s := vaulttest.New(t, nil)
	count := func() int {
		t.Helper()
		items, _, err := s.Store.List(t.Context(), "", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(items)
	}
	before := count()
	for range 3 {
		s.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "EC", Attributes: &akv.Attributes{Expires: ptr(int64(4102444800))}})
	}
	s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/keys/k", nil, nil)
	s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/deletedkeys/k", nil, nil)
	if after := count(); after != before {
		t.Errorf("%d records before, %d after", before, after)
	}
}

func TestRotation(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk})
	k := s.VaultURL("kv1") + "/keys/k"
	first := s.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "EC", Crv: "P-384", KeyOps: []string{"sign"}, Tags: map[string]string{"a": "b"}})
	policy := func(method, version string, body any) string {
		return string(s.MustCall(t, method, k+"/rotationpolicy?api-version="+version, body, nil).Body)
	}
	if got := policy("GET", "7.3-preview", nil); got != `{"lifetimeActions":null,"attributes":null}` {
		t.Errorf("default policy at 7.3: %s", got)
	}
	if got := policy("GET", "7.4", nil); got != `{"lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Notify"}}],"attributes":null}` {
		t.Errorf("default policy at 7.4: %s", got)
	}
	rotate := func(after, before, expiry string) map[string]any {
		trigger := map[string]any{}
		if after != "" {
			trigger["timeAfterCreate"] = after
		}
		if before != "" {
			trigger["timeBeforeExpiry"] = before
		}
		return map[string]any{"lifetimeActions": []any{map[string]any{"trigger": trigger, "action": map[string]any{"type": "rotate"}}}, "attributes": map[string]any{"expiryTime": expiry}}
	}
	for what, body := range map[string]any{
		"short expiry": rotate("P7D", "", "P27D"), "short rotate": rotate("P6D", "", "P90D"), "two triggers": rotate("P30D", "P30D", "P90D"),
		"no trigger": rotate("", "", "P90D"), "hours": rotate("PT8H", "", "P90D"), "no expiry": rotate("", "P30D", ""),
		"late": rotate("P89D", "", "P90D"), "type": map[string]any{"lifetimeActions": []any{map[string]any{"trigger": map[string]any{"timeAfterCreate": "P30D"}, "action": map[string]any{"type": "Explode"}}}},
	} {
		wantErr(t, what, s.Call(t, s.Admin(), "PUT", k+"/rotationpolicy", body), 400, "BadParameter", "")
	}
	got := policy("PUT", "7.4", rotate("P30D", "", "P90D"))
	want := fmt.Sprintf(`{"id":"%s/rotationpolicy","lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Rotate"}},{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Notify"}}],"attributes":{"expiryTime":"P90D","created":%d,"updated":%[2]d}}`, k, clk.Now().Unix())
	if got != want {
		t.Errorf("policy\n got %s\nwant %s", got, want)
	}
	current := func() *akv.KeyBundle {
		t.Helper()
		var b akv.KeyBundle
		s.MustCall(t, "GET", k, nil, &b)
		return &b
	}
	// Not before its time, once at its time, and not again.
	clk.Advance(30*24*time.Hour - time.Second)
	if s.Service.RunDue(t.Context()) != 0 || current().Key.KID != first.Key.KID {
		t.Fatal("rotated too early")
	}
	clk.Advance(time.Second)
	s.Audit.Reset()
	if n := s.Service.RunDue(t.Context()); n != 1 {
		t.Fatalf("%d keys acted on, want 1", n)
	}
	if r := s.Audit.Last(); r.Operation != "KeyRotateIfDue" || r.Result != "Success" || !strings.Contains(r.Object, "/keys/k/") {
		t.Errorf("record %+v", r)
	}
	second := current()
	switch {
	case second.Key.KID == first.Key.KID, second.Key.Crv != "P-384", len(second.Key.KeyOps) != 1, second.Tags["a"] != "b":
		t.Errorf("rotated to %+v", second)
	case *second.Attributes.Expires != clk.Now().AddDate(0, 0, 90).Unix():
		t.Errorf("expires at %d", *second.Attributes.Expires)
	}
	if s.Service.RunDue(t.Context()) != 0 {
		t.Error("rotated twice")
	}
	// A server that was down for a year rotates once.
	clk.Advance(365 * 24 * time.Hour)
	if n := s.Service.RunDue(t.Context()); n != 1 {
		t.Errorf("%d keys acted on after a year", n)
	}
	if r := s.MustCall(t, "GET", k+"/versions", nil, nil); strings.Count(string(r.Body), `"kid"`) != 3 {
		t.Errorf("versions: %s", r.Body)
	}
	// By hand; and a cleared policy does nothing any more.
	s.MustCall(t, "POST", k+"/rotate", nil, nil)
	if got := policy("PUT", "7.4", map[string]any{"lifetimeActions": []any{}, "attributes": map[string]any{}}); !strings.Contains(got, "Notify") || strings.Contains(got, "Rotate") {
		t.Errorf("cleared policy: %s", got)
	}
	wantErr(t, "rotate nothing", s.Call(t, s.Admin(), "POST", s.VaultURL("kv1")+"/keys/none/rotate", nil), 404, "KeyNotFound", "")
	// A Managed HSM wants a policy first, and speaks lower case.
	s.MustHSMKey(t, "hsm1", "k", nil)
	hk := s.HSMURL("hsm1") + "/keys/k"
	wantErr(t, "HSM without policy", s.Call(t, s.Admin(), "POST", hk+"/rotate", nil), 400, "BadParameter", "")
	wantErr(t, "HSM short", s.Call(t, s.Admin(), "PUT", hk+"/rotationpolicy", rotate("P27D", "", "P90D")), 400, "BadParameter", "")
	r := s.MustCall(t, "PUT", hk+"/rotationpolicy", rotate("P28D", "", "P90D"), nil)
	if !strings.Contains(string(r.Body), `"id":"keys/k/rotationpolicy"`) || !strings.Contains(string(r.Body), `"rotate"`) || strings.Contains(strings.ToLower(string(r.Body)), "notify") {
		t.Errorf("HSM policy: %s", r.Body)
	}
	s.MustCall(t, "POST", hk+"/rotate", nil, nil)
}

func TestExpiryEvents(t *testing.T) {
	clk := fake()
	var told events
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Events: &told})
	exp := clk.Now().AddDate(0, 0, 40).Unix()
	s.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "EC", Attributes: &akv.Attributes{Expires: &exp}})
	for range 45 {
		clk.Advance(24 * time.Hour)
		s.Service.RunDue(t.Context())
	}
	if got := strings.Join(told.types(), " "); got != "KeyNewVersionCreated KeyNearExpiry KeyExpired" {
		t.Errorf("told %q", got)
	}
	var ops []string
	for _, r := range s.Audit.Records() {
		if strings.HasPrefix(r.Operation, "KeyNear") || strings.HasPrefix(r.Operation, "KeyExpired") {
			ops = append(ops, r.Operation)
		}
	}
	if got := strings.Join(ops, " "); got != "KeyNearExpiry KeyExpired" {
		t.Errorf("recorded %q", got)
	}
}

// The worker acts by itself as the clock moves, and stops with its context.
func TestWorker(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Vaults: []vault.Properties{{Name: "kv1", RetentionDays: 7}}})
	s.MustKey(t, "kv1", "k", nil)
	s.MustCall(t, http.MethodDelete, s.VaultURL("kv1")+"/keys/k", nil, nil)
	ctx, cancel := contextWithCancel(t)
	done := make(chan error)
	go func() { done <- s.Service.Run(ctx) }()
	for range 20 {
		if err := clk.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		clk.Advance(12 * time.Hour)
	}
	if err := clk.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range s.Audit.Records() {
		found = found || r.Operation == "KeyPurgeIfDue"
	}
	if !found {
		t.Error("the worker did not purge")
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("the worker ended without an error")
	}
}
