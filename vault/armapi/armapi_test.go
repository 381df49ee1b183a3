package armapi_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/vault/armapi"
	"latchkey/vault/rbac"
	"latchkey/vault/vaulttest"
)

const audience = "https://management.azure.com"

func TestVaultsThroughTheManagementPlane(t *testing.T) {
	var boss string
	s := vaulttest.New(t, &vaulttest.Options{MayAdminister: func(p rbac.Principal) bool { return p.ObjectID == boss }})
	boss = s.Admin().ObjectID
	h, err := armapi.New(armapi.Config{Service: s.Service, Tokens: s.Validator(t), TenantID: s.TenantID(), VaultSuffix: "vault.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	call := func(who rbac.Principal, method, path string, body any) *httptest.ResponseRecorder {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(method, "https://management.azure.com"+path, bytes.NewReader(text))
		req.TLS = &tls.ConnectionState{}
		if who.ObjectID != "" {
			req.Header.Set("Authorization", "Bearer "+s.Token(t, who, audience))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
	want := func(what string, w *httptest.ResponseRecorder, status int, part string) {
		t.Helper()
		if w.Code != status || !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s: %d %s, want %d with %q", what, w.Code, w.Body, status, part)
		}
	}
	const v = "?api-version=2023-07-01"
	sub := "/subscriptions/" + vaulttest.GUID("sub")
	group := sub + "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"
	admin := s.Admin()
	props := map[string]any{"location": "westeurope", "properties": map[string]any{
		"tenantId": s.TenantID(), "sku": map[string]any{"family": "A", "name": "premium"}, "accessPolicies": []any{}, "softDeleteRetentionInDays": 7,
		"enableRbacAuthorization": false, "enabledForDeployment": false,
	}}
	if w := call(rbac.Principal{}, "GET", group+"new"+v, nil); w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "authorization_uri=") {
		t.Errorf("no token: %d %s", w.Code, w.Header())
	}
	want("stranger", call(s.Principal("stranger"), "PUT", group+"new"+v, props), 403, "AuthorizationFailed")
	want("no version", call(admin, "GET", group+"new", nil), 400, "MissingApiVersionParameter")
	want("before", call(admin, "GET", group+"new"+v, nil), 404, "ResourceNotFound")
	want("nowhere", call(admin, "GET", "/x"+v, nil), 404, "ResourceNotFound")
	want("bad name", call(admin, "PUT", group+"1--"+v, props), 400, "VaultNameNotValid")
	want("free", call(admin, "POST", sub+"/providers/Microsoft.KeyVault/checkNameAvailability"+v, map[string]any{"name": "new"}), 200, `"nameAvailable":true`)
	want("create", call(admin, "PUT", group+"new"+v, props), 201, `"vaultUri":"https://new.vault.localhost/"`)
	want("taken", call(admin, "POST", sub+"/providers/Microsoft.KeyVault/checkNameAvailability"+v, map[string]any{"name": "new"}), 200, "AlreadyExists")
	want("put again", call(admin, "PUT", group+"new"+v, props), 200, `"Succeeded"`)
	want("other group", call(admin, "PUT", strings.Replace(group, "/rg/", "/other/", 1)+"new"+v, props), 409, "VaultAlreadyExists")
	want("list", call(admin, "GET", sub+"/resources"+v+"&$filter=resourceType+eq+'Microsoft.KeyVault/vaults'", nil), 200, `"name":"new"`)
	want("other subscription", call(admin, "GET", "/subscriptions/x/resources"+v, nil), 200, `{"value":[]}`)
	want("subscriptions", call(admin, "GET", "/subscriptions"+v, nil), 200, vaulttest.GUID("sub"))

	// Access policies: the data plane follows at once.
	if r := s.Call(t, admin, "GET", s.VaultURL("new")+"/keys", nil); r.Status != 403 {
		t.Errorf("before a policy: %d", r.Status)
	}
	policy := map[string]any{"properties": map[string]any{"accessPolicies": []any{map[string]any{"tenantId": s.TenantID(), "objectId": admin.ObjectID, "permissions": map[string]any{"keys": []string{"list", "get"}}}}}}
	want("add", call(admin, "PUT", group+"new/accessPolicies/add"+v, policy), 200, `"list"`)
	if r := s.Call(t, admin, "GET", s.VaultURL("new")+"/keys", nil); r.Status != 200 {
		t.Errorf("with a policy: %d %s", r.Status, r.Body)
	}
	want("explode", call(admin, "PUT", group+"new/accessPolicies/explode"+v, policy), 400, "BadRequest")
	want("remove", call(admin, "PUT", group+"new/accessPolicies/remove"+v, policy), 200, `"accessPolicies":[]`)
	want("firewall", call(admin, "PATCH", group+"new"+v, map[string]any{"properties": map[string]any{"networkAcls": map[string]any{"defaultAction": "Deny", "ipRules": []any{map[string]any{"value": "10.0.0.0/8"}}}}}), 200, `"10.0.0.0/8"`)
	want("bad rule", call(admin, "PATCH", group+"new"+v, map[string]any{"properties": map[string]any{"networkAcls": map[string]any{"ipRules": []any{map[string]any{"value": "x"}}}}}), 400, "BadRequest")

	// Delete, recover, purge.
	want("delete", call(admin, "DELETE", group+"new"+v, nil), 200, "")
	want("delete again", call(admin, "DELETE", group+"new"+v, nil), 204, "")
	deleted := sub + "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/new"
	want("deleted", call(admin, "GET", deleted+v, nil), 200, `"scheduledPurgeDate"`)
	want("recover", call(admin, "PUT", group+"new"+v, map[string]any{"properties": map[string]any{"createMode": "recover"}}), 200, "Succeeded")
	want("delete", call(admin, "DELETE", group+"new"+v, nil), 200, "")
	want("purge", call(admin, "POST", deleted+"/purge"+v, nil), 200, "")
	want("purged", call(admin, "GET", deleted+v, nil), 404, "DeletedVaultNotFound")
	if http.StatusText(s.Audit.Last().Status) == "" || s.Audit.Last().Operation != "VaultList" {
		t.Errorf("last record %+v", s.Audit.Last())
	}
}

func FuzzPaths(f *testing.F) {
	s := vaulttest.New(f, &vaulttest.Options{MayAdminister: func(rbac.Principal) bool { return true }})
	h, err := armapi.New(armapi.Config{Service: s.Service, Tokens: s.Validator(f), TenantID: s.TenantID()})
	if err != nil {
		f.Fatal(err)
	}
	auth := "Bearer " + s.Token(f, s.Admin(), audience)
	f.Add("PUT", "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/vvv", `{"location":"l","properties":{}}`)
	f.Add("PUT", "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/vvv/accessPolicies/add", `{"properties":{"accessPolicies":[{}]}}`)
	f.Add("GET", "/subscriptions/s/resources", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		req, err := http.NewRequest(method, "https://management.azure.com/", strings.NewReader(body))
		if err != nil {
			return
		}
		req.URL.Path, req.URL.RawQuery = path, "api-version=2023-07-01"
		req.TLS = &tls.ConnectionState{}
		req.Header.Set("Authorization", auth)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}
