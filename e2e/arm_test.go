package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// A vault made through the management plane, as tools make them, with an access policy, is there at once; another principal may not.
func TestManagementPlane(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "data"))
	r := s.info(t)
	client, err := r.HTTPClient(osFS)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := r.ReadSecrets(osFS)
	if err != nil {
		t.Fatal(err)
	}
	put := func(id string, secret []byte) (int, string) {
		t.Helper()
		cred, err := azidentity.NewClientSecretCredential(r.TenantID, id, string(secret), &azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: client}})
		if err != nil {
			t.Fatal(err)
		}
		token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]any{
			"location": "local",
			"properties": map[string]any{
				"tenantId": r.TenantID, "sku": map[string]string{"family": "A", "name": "standard"}, "enableRbacAuthorization": false,
				"accessPolicies": []any{map[string]any{
					"tenantId": r.TenantID, "objectId": objectIDOf(t, r.DataDir, "latchkey-operator"), "permissions": map[string]any{"keys": []string{"get", "list", "create", "sign", "verify"}},
				}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		url := "https://management.azure.com/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/latchkey/providers/Microsoft.KeyVault/vaults/by-arm?api-version=2023-07-01"
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		reply, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(reply)
	}
	if status, reply := put(r.ConnectorClientID, secrets.ConnectorClientSecret.Expose()); status != http.StatusForbidden {
		t.Errorf("the connector makes vaults: %d %s", status, reply)
	}
	if status, reply := put(r.ClientID, secrets.ClientSecret.Expose()); status/100 != 2 {
		t.Fatalf("%d %s", status, reply)
	}
	c, err := r.Keys(osFS, "https://by-arm.vault.azure.net/")
	if err != nil {
		t.Fatal(err)
	}
	version, err := makeKey(t.Context(), c, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := works(t.Context(), c, "k", version); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteKey(t.Context(), "k", nil); !isStatus(err, http.StatusForbidden) {
		t.Errorf("a right that no policy gives: %v", err)
	}
}

func objectIDOf(t *testing.T, dir, name string) string {
	t.Helper()
	var apps []struct {
		Name       string
		Principals []struct{ ObjectID string }
	}
	if err := json.Unmarshal([]byte(latchkey(t, "entra", "app", "list", "--format", "json", "--data", dir)), &apps); err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		if a.Name == name {
			return a.Principals[0].ObjectID
		}
	}
	t.Fatalf("no application %q", name)
	return ""
}
