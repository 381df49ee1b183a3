package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/vault"
	"latchkey/vault/store/boltstore"
	"latchkey/vault/vaulttest"
)

// needed checks that an unmodified SDK gets the 409 and what it says.
func needed(t *testing.T, what string, err error, says ...string) {
	t.Helper()
	var resp *azcore.ResponseError
	if !errors.As(err, &resp) || resp.StatusCode != http.StatusConflict || resp.ErrorCode != "Conflict" {
		t.Fatalf("%s: %v, want 409 Conflict", what, err)
	}
	body, _ := runtime.Payload(resp.RawResponse)
	e := akv.ReadError(resp.StatusCode, body)
	if e.Inner != akv.InnerKeyStillNeeded {
		t.Errorf("%s: inner code %q", what, e.Inner)
	}
	for _, s := range append(says, "X-Latchkey-Force-Reason", "latchkey key disable --force --reason", "Nothing was changed") {
		if !strings.Contains(e.Message, s) {
			t.Errorf("%s: %q does not say %q", what, e.Message, s)
		}
	}
}

func forced(ctx context.Context, reason string) context.Context {
	return azpolicy.WithHTTPHeader(ctx, http.Header{akv.HeaderForceReason: {reason}})
}

func off() azkeys.UpdateKeyParameters {
	return azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Enabled: to.Ptr(false)}}
}

func idOf(t *testing.T, kid string) akv.KeyID {
	t.Helper()
	id, err := akv.ParseKeyID(kid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What a registered server needs cannot be disabled, crippled, deleted or purged through the SDK, until it is forced with a reason, which is audited.
func TestNeededVersionsAreKept(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Vaults: []vault.Properties{{Name: "kv1", RetentionDays: 7}}})
	ctx := t.Context()
	old := idOf(t, s.MustRSA(t, "kv1", "Tde").Key.KID)
	s.MustRSA(t, "kv1", "Tde")
	other := idOf(t, s.MustRSA(t, "kv1", "other").Key.KID)
	client := s.MustAzure(t, s.VaultURL("kv1"), s.Admin())
	sql := s.Principal("sql")
	s.MustGrant(t, "kv1", vaulttest.RoleServiceEncryption, sql, "")
	at := s.VaultURL("kv1") + akv.PathDependents
	const thumbprint = "0xEA4D88DB3ABB940193A920780D6689C517DCCD06"
	put := akv.Dependent{Server: "SQL01", Uses: []akv.Use{
		{Key: "tde", Version: strings.ToUpper(old.Version), Database: "Sales", Kind: "database", Thumbprint: thumbprint},
		{Key: "tde", Version: old.Version, Database: "Stock", Kind: "kept log"},
	}}
	// Nothing registers: nothing is refused.
	if _, err := client.UpdateKey(ctx, "other", other.Version, off(), nil); err != nil {
		t.Fatal(err)
	}
	r := s.Call(t, sql, "PUT", at+"/sql01-1", put)
	if r.Status != 200 || !strings.Contains(string(r.Body), `"state":"current"`) || r.Header.Get(akv.HeaderExtensions) != akv.ExtensionDependents {
		t.Fatalf("registering: %d %s", r.Status, r.Body)
	}
	_, err := client.UpdateKey(ctx, "TDE", old.Version, off(), nil)
	needed(t, "disabling", err, "'tde/"+old.Version+"'", "server 'SQL01'", "database 'Sales'", thumbprint, "1 other things on 1 server")
	_, err = client.UpdateKey(ctx, "Tde", old.Version, azkeys.UpdateKeyParameters{KeyOps: []*azkeys.KeyOperation{to.Ptr(azkeys.KeyOperationWrapKey)}}, nil)
	needed(t, "taking unwrapKey away", err)
	_, err = client.DeleteKey(ctx, "Tde", nil)
	needed(t, "deleting", err)
	if last := s.Audit.Last(); last.Result != audit.Failed || last.Status != 409 || !strings.Contains(last.Reason, akv.InnerKeyStillNeeded) {
		t.Errorf("the refusal's record: %+v", last)
	}
	// Its other version, dates and tags are nobody's business; an expired version still unwraps.
	if _, err := client.UpdateKey(ctx, "Tde", "", off(), nil); err != nil {
		t.Errorf("the version that nobody needs: %v", err)
	}
	soon := clk.Now().Add(time.Hour)
	if _, err := client.UpdateKey(ctx, "Tde", old.Version, azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Expires: &soon}, Tags: map[string]*string{"a": to.Ptr("b")}}, nil); err != nil {
		t.Errorf("an expiry: %v", err)
	}
	// Stale after its lease, and heeded; lapsed 30 days later, and not; back when it renews.
	state := func() string {
		t.Helper()
		var l akv.DependentList
		s.MustCall(t, "GET", at, nil, &l)
		if len(l.Value) != 1 || l.Value[0].Owner != sql.ObjectID || len(l.Value[0].Uses) != 2 {
			t.Fatalf("list: %+v", l)
		}
		return l.Value[0].State
	}
	clk.Advance(akv.DependentLease + time.Minute)
	if got := state(); got != akv.DependentStale {
		t.Errorf("after its lease: %s", got)
	}
	_, err = client.UpdateKey(ctx, "Tde", old.Version, off(), nil)
	needed(t, "disabling under a stale server", err, "last heard of on")
	clk.Advance(akv.DependentGrace)
	if got := state(); got != akv.DependentLapsed {
		t.Errorf("after the grace: %s", got)
	}
	if _, err := client.UpdateKey(ctx, "Tde", old.Version, off(), nil); err != nil {
		t.Errorf("disabling under a lapsed server: %v", err)
	}
	r = s.Call(t, sql, "PUT", at+"/sql01-1", put)
	if r.Status != 200 || !strings.Contains(string(r.Body), "cannot unwrap: it is disabled") {
		t.Errorf("renewing on a disabled version: %d %s", r.Status, r.Body)
	}
	s.MustEnable(t, "kv1", "Tde/"+old.Version, true)
	// Forced with a reason, which the audit log keeps with who needed it.
	if _, err := client.UpdateKey(forced(ctx, "key compromised, ticket 4711"), "Tde", old.Version, off(), nil); err != nil {
		t.Fatalf("forced: %v", err)
	}
	if last := s.Audit.Last(); last.Operation != "KeyUpdate" || last.Result != audit.Success || !strings.Contains(last.Reason, "ticket 4711") || !strings.Contains(last.Reason, "SQL01") {
		t.Errorf("the forced change's record: %+v", last)
	}
	_, err = client.UpdateKey(forced(ctx, "  "), "Tde", old.Version, azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Enabled: to.Ptr(true)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.UpdateKey(forced(ctx, "  "), "Tde", old.Version, off(), nil)
	needed(t, "an empty reason", err)
	// Deleted by force, it is not purged without, neither by hand nor when its time comes.
	if _, err := client.DeleteKey(forced(ctx, "moved"), "Tde", nil); err != nil {
		t.Fatal(err)
	}
	_, err = client.PurgeDeletedKey(ctx, "Tde", nil)
	needed(t, "purging", err)
	clk.Advance(7 * 24 * time.Hour)
	s.MustCallAs(t, sql, "PUT", at+"/sql01-1", put, nil)
	s.Service.RunDue(ctx)
	if last := s.Audit.Last(); last.Operation != "KeyPurgePostponed" || last.Result != audit.Success {
		t.Errorf("the scheduled purge: %+v", last)
	}
	if _, err := client.RecoverDeletedKey(ctx, "Tde", nil); err != nil {
		t.Fatalf("after the postponed purge: %v", err)
	}
	if _, err := client.DeleteKey(forced(ctx, "moved"), "Tde", nil); err != nil {
		t.Fatal(err)
	}
	// A server that needs nothing more says so, and the purge goes through.
	s.MustCallAs(t, sql, "PUT", at+"/sql01-1", akv.Dependent{Server: "SQL01"}, nil)
	if _, err := client.PurgeDeletedKey(ctx, "Tde", nil); err != nil {
		t.Error(err)
	}
	var l akv.DependentList
	s.MustCall(t, "GET", at, nil, &l)
	if len(l.Value) != 0 {
		t.Errorf("left: %+v", l)
	}
}

// A whole vault whose keys a server needs is not deleted, nor purged, nor purged by the clock, until it is forced with a reason or the server has lapsed.
func TestNeededVaultIsKept(t *testing.T) {
	clk := fake()
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, Vaults: []vault.Properties{{Name: "kv1", RetentionDays: 7}}})
	ctx := t.Context()
	id := idOf(t, s.MustRSA(t, "kv1", "Tde").Key.KID)
	sql := s.Principal("sql")
	s.MustGrant(t, "kv1", vaulttest.RoleServiceEncryption, sql, "")
	at := s.VaultURL("kv1") + akv.PathDependents
	s.MustCallAs(t, sql, "PUT", at+"/sql01-1", akv.Dependent{Server: "SQL01", Uses: []akv.Use{{Key: "Tde", Version: id.Version, Kind: "database", Database: "Shop"}}}, nil)
	kept := func(what string, err error) {
		t.Helper()
		var e *akv.Error
		if !errors.As(err, &e) || e.Status != http.StatusConflict || e.Inner != akv.InnerKeyStillNeeded || !strings.Contains(e.Message, "'Shop'") || !strings.Contains(e.Message, "latchkey vault delete --force") {
			t.Errorf("%s: %v", what, err)
		}
	}
	force := vault.Operator()
	force.Force = "site closes, ticket 4711"
	kept("deleting", s.Service.DeleteVault(ctx, vault.Operator(), "kv1"))
	s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/Tde", nil, nil)
	if err := s.Service.DeleteVault(ctx, force, "kv1"); err != nil {
		t.Fatal(err)
	}
	if last := s.Audit.Last(); last.Operation != "VaultDelete" || last.Result != audit.Success || !strings.Contains(last.Reason, "ticket 4711") || !strings.Contains(last.Reason, "SQL01") {
		t.Errorf("the forced deletion's record: %+v", last)
	}
	kept("purging", s.Service.PurgeVault(ctx, vault.Operator(), "kv1"))
	clk.Advance(7 * 24 * time.Hour)
	s.Service.RunDue(ctx)
	if last := s.Audit.Last(); last.Operation != "VaultPurgePostponed" || last.Result != audit.Success {
		t.Errorf("the purge that was due: %+v", last)
	}
	s.Service.RunDue(ctx)
	if last := s.Audit.Last(); last.Operation != "VaultPurgePostponed" || last.Result != audit.Success {
		t.Errorf("a minute later: %+v", last)
	}
	if err := s.Service.RecoverVault(ctx, vault.Operator(), "kv1"); err != nil {
		t.Fatalf("after the postponed purge: %v", err)
	}
	s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/Tde", nil, nil)
	// Once the server has lapsed nothing holds the vault.
	clk.Advance(akv.DependentLease + akv.DependentGrace)
	if err := s.Service.DeleteVault(ctx, vault.Operator(), "kv1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Service.PurgeVault(ctx, vault.Operator(), "kv1"); err != nil {
		t.Error(err)
	}
	if list, err := s.Service.ListVaults(ctx, vault.Operator()); err != nil || len(list) != 0 {
		t.Errorf("%d vaults left, %v", len(list), err)
	}
}

// Who may register, replace and forget.
func TestDependentsBelongToTheirPrincipal(t *testing.T) {
	s := vaulttest.New(t, nil)
	key := idOf(t, s.MustRSA(t, "kv1", "k").Key.KID)
	at := s.VaultURL("kv1") + akv.PathDependents
	uses := []akv.Use{{Key: "k", Version: key.Version, Database: "d", Kind: "database"}}
	mine, yours, reader := s.Principal("mine"), s.Principal("yours"), s.Principal("reader")
	s.MustGrant(t, "kv1", vaulttest.RoleServiceEncryption, mine, "")
	s.MustGrant(t, "kv1", vaulttest.RoleServiceEncryption, yours, "")
	s.MustGrant(t, "kv1", "21090545-7ca7-4776-b22c-e363652d74d2", reader, "") // Reader
	for what, c := range map[string]struct {
		id   string
		body any
	}{
		"no server":     {"a", akv.Dependent{Uses: uses}},
		"another id":    {"a", akv.Dependent{ID: "b", Server: "s", Uses: uses}},
		"short lease":   {"a", akv.Dependent{Server: "s", Lease: 1, Uses: uses}},
		"long lease":    {"a", akv.Dependent{Server: "s", Lease: 1 << 62, Uses: uses}},
		"no key":        {"a", akv.Dependent{Server: "s", Uses: []akv.Use{{Version: key.Version, Kind: "database"}}}},
		"no version":    {"a", akv.Dependent{Server: "s", Uses: []akv.Use{{Key: "k", Kind: "database"}}}},
		"no kind":       {"a", akv.Dependent{Server: "s", Uses: []akv.Use{{Key: "k", Version: key.Version}}}},
		"bad id":        {"a%20b", akv.Dependent{Server: "s", Uses: uses}},
		"unknown field": {"a", `{"server":"s","uses":[],"force":true}`},
		"too many":      {"a", akv.Dependent{Server: "s", Uses: make([]akv.Use, akv.MaxUses+1)}},
	} {
		if r := s.Call(t, mine, "PUT", at+"/"+c.id, c.body); r.Status != 400 {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
	}
	s.MustCallAs(t, mine, "PUT", at+"/HOST%5CINST", akv.Dependent{Server: `HOST\INST`, Uses: uses}, nil)
	if r := s.Call(t, yours, "PUT", at+"/host%5Cinst", akv.Dependent{Server: `HOST\INST`}); r.Status != 409 {
		t.Errorf("another's registration replaced: %d %s", r.Status, r.Body)
	}
	for who, want := range map[string]int{"reader": 403, "mine": 403} {
		if r := s.Call(t, s.Principal(who), "DELETE", at+"/HOST%5CINST", nil); r.Status != want {
			t.Errorf("%s forgets: %d %s", who, r.Status, r.Body)
		}
	}
	if r := s.Call(t, reader, "PUT", at+"/r", akv.Dependent{Server: "r", Uses: uses}); r.Status != 403 {
		t.Errorf("a reader registers: %d %s", r.Status, r.Body)
	}
	if r := s.Call(t, s.Admin(), "DELETE", at+"/HOST%5CINST", nil); r.Status != 409 || !strings.Contains(string(r.Body), akv.HeaderForceReason) {
		t.Errorf("forgetting a current one: %d %s", r.Status, r.Body)
	}
	req := s.NewRequest(t, s.Admin(), "DELETE", at+"/HOST%5CINST?api-version=7.4", nil)
	req.Header.Set(akv.HeaderForceReason, "the machine is scrap")
	if r := s.Send(t, req); r.Status != 200 {
		t.Errorf("forgetting with a reason: %d %s", r.Status, r.Body)
	}
	if last := s.Audit.Last(); last.Operation != "DependentDelete" || !strings.Contains(last.Reason, "scrap") {
		t.Errorf("record: %+v", last)
	}
	// A stranger learns nothing of the extension.
	if r := s.Call(t, nobody, "GET", at, nil); r.Status != 401 || r.Header.Get(akv.HeaderExtensions) != "" {
		t.Errorf("without a token: %d %v", r.Status, r.Header)
	}
}

// Registrations last: they are in the file store.
func TestDependentsLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	st, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	first := vaulttest.New(t, &vaulttest.Options{Store: st})
	key := idOf(t, first.MustRSA(t, "kv1", "k").Key.KID)
	first.MustCall(t, "PUT", first.VaultURL("kv1")+akv.PathDependents+"/a", akv.Dependent{Server: "A", Uses: []akv.Use{{Key: "k", Version: key.Version, Kind: "database", Database: "d"}}}, nil)
	second := vaulttest.NewPeer(t, first) // another server on the same store, with its own caches
	_, err = second.MustAzure(t, second.VaultURL("kv1"), second.Admin()).DeleteKey(t.Context(), "k", nil)
	needed(t, "through another server of the store", err, "server 'A'")
	items, _, err := st.List(t.Context(), "r/kv1/", "", 0)
	if err != nil || len(items) != 1 || !strings.Contains(string(items[0].Value), `"schema":1`) {
		t.Errorf("records: %v %v", items, err)
	}
}

// A registration and a disabling at the same moment: one of the two hears of the other.
func TestRegisteringWhileDisabling(t *testing.T) {
	s := vaulttest.New(t, nil)
	key := idOf(t, s.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "RSA"}).Key.KID)
	base := s.VaultURL("kv1")
	for i := range 25 {
		disabled := make(chan int)
		go func() {
			disabled <- s.Call(t, s.Admin(), "PATCH", base+"/keys/k/"+key.Version, map[string]any{"attributes": map[string]any{"enabled": false}}).Status
		}()
		var d akv.Dependent
		s.MustCall(t, "PUT", base+akv.PathDependents+"/a", akv.Dependent{Server: "A", Uses: []akv.Use{{Key: "k", Version: key.Version, Kind: "database"}}}, &d)
		if status := <-disabled; status != 200 && status != 409 || status == 200 && len(d.Problems) == 0 {
			t.Fatalf("round %d: the disabling answered %d and the registration %+v", i, status, d)
		}
		s.MustCall(t, "PUT", base+akv.PathDependents+"/a", akv.Dependent{Server: "A"}, nil)
		s.MustEnable(t, "kv1", "k", true)
	}
}
