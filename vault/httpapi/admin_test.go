package httpapi_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/vault"
	"latchkey/vault/rbac"
	"latchkey/vault/vaulttest"
)

func wantAPI(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var e *akv.Error
	if !errors.As(err, &e) || e.Status != status || e.Code != code {
		t.Errorf("%s: %v, want %d %s", what, err, status, code)
	}
}

func TestVaultLife(t *testing.T) {
	clk := fake()
	admin := rbac.Principal{TenantID: vaulttest.TenantID, ObjectID: vaulttest.GUID("boss")}
	s := vaulttest.New(t, &vaulttest.Options{Clock: clk, MayAdminister: func(p rbac.Principal) bool { return p.ObjectID == admin.ObjectID }})
	ctx := t.Context()
	props := vault.Properties{Name: "Contoso", TenantID: s.TenantID(), RetentionDays: 7, Tags: map[string]string{"a": "b"}}
	for what, c := range map[string]struct {
		who    vault.Actor
		change func(*vault.Properties)
		status int
		code   string
	}{
		"stranger":       {vault.Caller(s.Principal("stranger")), func(*vault.Properties) {}, 403, "AuthorizationFailed"},
		"nobody":         {vault.Actor{}, func(*vault.Properties) {}, 403, "AuthorizationFailed"},
		"bad name":       {vault.Caller(admin), func(p *vault.Properties) { p.Name = "1x--y-" }, 400, "VaultNameNotValid"},
		"short name":     {vault.Caller(admin), func(p *vault.Properties) { p.Name = "ab" }, 400, "VaultNameNotValid"},
		"retention":      {vault.Caller(admin), func(p *vault.Properties) { p.RetentionDays = 6 }, 400, "BadParameter"},
		"retention long": {vault.Caller(admin), func(p *vault.Properties) { p.RetentionDays = 91 }, 400, "BadParameter"},
		"no tenant":      {vault.Caller(admin), func(p *vault.Properties) { p.TenantID = "" }, 400, "BadParameter"},
		"bad group":      {vault.Caller(admin), func(p *vault.Properties) { p.ResourceGroup = "a/b" }, 400, "BadParameter"},
	} {
		p := props
		c.change(&p)
		_, err := s.Service.CreateVault(ctx, c.who, p, rbac.Access{})
		wantAPI(t, what, err, c.status, c.code)
		if last := s.Audit.Last(); last.Operation != "VaultPut" || last.Result == audit.Success {
			t.Errorf("%s: record %+v", what, last)
		}
	}
	v, err := s.Service.CreateVault(ctx, vault.Caller(admin), props, rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{{TenantID: s.TenantID(), ObjectID: s.Admin().ObjectID, Keys: []string{"all"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if v.ID != "contoso" || v.RetentionDays != 7 || v.ResourceID == "" {
		t.Errorf("made %+v", v)
	}
	if last := s.Audit.Last(); last.Operation != "VaultPut" || last.Result != audit.Success || last.ObjectID != admin.ObjectID {
		t.Errorf("record %+v", last)
	}
	_, err = s.Service.CreateVault(ctx, vault.Caller(admin), props, rbac.Access{})
	wantAPI(t, "again", err, 409, "VaultAlreadyExists")
	s.MustKey(t, "contoso", "k", nil)

	yes, no := true, false
	if _, err := s.Service.UpdateVault(ctx, vault.Operator(), "contoso", vault.Changes{PurgeProtection: &yes}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Service.UpdateVault(ctx, vault.Operator(), "contoso", vault.Changes{PurgeProtection: &no})
	wantAPI(t, "taking purge protection back", err, 400, "BadParameter")
	_, err = s.Service.UpdateVault(ctx, vault.Operator(), "nothing", vault.Changes{})
	wantAPI(t, "unknown vault", err, 404, "ResourceNotFound")

	// Deleted: its host is nobody's; recovered: its keys are there.
	if err := s.Service.DeleteVault(ctx, vault.Operator(), "contoso"); err != nil {
		t.Fatal(err)
	}
	if r := s.Call(t, s.Admin(), "GET", s.VaultURL("contoso")+"/keys/k", nil); r.Status != 404 || r.Err().Code != "VaultNotFound" {
		t.Errorf("deleted vault: %d %s", r.Status, r.Body)
	}
	_, err = s.Service.CreateVault(ctx, vault.Operator(), props, rbac.Access{})
	wantAPI(t, "name of a deleted vault", err, 409, "VaultAlreadyExists")
	wantAPI(t, "purge with protection", s.Service.PurgeVault(ctx, vault.Operator(), "contoso"), 403, "Forbidden")
	if err := s.Service.RecoverVault(ctx, vault.Operator(), "contoso"); err != nil {
		t.Fatal(err)
	}
	s.MustCall(t, "GET", s.VaultURL("contoso")+"/keys/k", nil, nil)
	// Gone when its retention is over, with everything in it; the name is free.
	if err := s.Service.DeleteVault(ctx, vault.Operator(), "contoso"); err != nil {
		t.Fatal(err)
	}
	clk.Advance(7 * 24 * time.Hour)
	s.Service.RunDue(ctx)
	for _, prefix := range []string{"v/contoso", "a/contoso", "k/contoso", "n/contoso", "s/contoso", "g/"} {
		items, _, err := s.Store.List(ctx, prefix, "", 0)
		if err != nil || len(items) != 0 {
			t.Errorf("%d records left under %q (%v)", len(items), prefix, err)
		}
	}
	s.MustVault(t, props)
	list, err := s.Service.ListVaults(ctx, vault.Operator())
	if err != nil || len(list) != 3 {
		t.Errorf("%d vaults (%v), want 3", len(list), err)
	}
}
