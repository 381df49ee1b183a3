package doctor_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"latchkey/azure/azuretest"
	"latchkey/doctor"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// The next step fits what the vault said, and names the key and version of the walk.
func TestNextStepFitsTheReason(t *testing.T) {
	for _, tc := range []struct{ inner, want string }{
		{"KeyDisabled", "--enabled=true"},
		{"KeyExpired", "--expires TIME"},
		{"KeyNotYetValid", "--not-before TIME"},
		{"KeyOperationForbidden", "--ops wrapKey,unwrapKey"},
		{"ForbiddenByFirewall", "az keyvault network-rule add"},
		{"ForbiddenByPolicy", "az keyvault set-policy"},
		{"ForbiddenByRbac", "--to " + azuretest.ClientID + ` --role "Key Vault Crypto Service Encryption User"`},
		{"", "does not prove"},
		{"SomethingNew", "does not prove"},
	} {
		p, cfg := setUp(t)
		failOn(p, "/wrapkey", func(w http.ResponseWriter) { azuretest.Error(w, 403, "Forbidden", tc.inner, "no") })
		r, err := doctor.Walk(t.Context(), cfg)
		h := r.Broken()
		if code.Of(err) != code.HTTPOperationForbidden || h == nil || h.Name != "wrap" || !strings.Contains(h.Next, tc.want) {
			t.Errorf("%q: %v, next %+v", tc.inner, err, h)
			continue
		}
		if strings.HasPrefix(h.Next, "latchkey key update") && !strings.Contains(h.Next, " --name k --version ") {
			t.Errorf("%q: %s", tc.inner, h.Next)
		}
		if suspect := keystore.ClassOf(err) == keystore.Suspect; suspect != (tc.want == "does not prove") {
			t.Errorf("%q: class %v", tc.inner, keystore.ClassOf(err))
		}
	}
}

// What answered in the vault's place is shown, and whom the token is for.
func TestEvidenceShowsWhatAnswered(t *testing.T) {
	p, cfg := setUp(t)
	p.SetChallenge(`Basic realm="corporate gateway"`)
	r, err := doctor.Walk(t.Context(), cfg)
	h := r.Broken()
	if code.Of(err) != code.GetAADDomainURLMalformatted || h == nil || !strings.Contains(strings.Join(h.Evidence, "\n"), "it answered 401 Unauthorized\nWWW-Authenticate: Basic realm=\"corporate gateway\"") {
		t.Errorf("%v: %+v", err, h)
	}

	p, cfg = setUp(t)
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"tid":"tenant-x","aud":"https://vault.azure.net","canary":"canary"}`))
	p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			return false
		}
		azuretest.Reply(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "e30." + claims + ".c2ln"})
		return true
	})
	r, _ = doctor.Walk(t.Context(), cfg)
	var token string
	for _, h := range r.Hops {
		if h.Name == "token" {
			token = strings.Join(h.Evidence, "\n")
		}
	}
	if !strings.Contains(token, "tenant tenant-x, audience https://vault.azure.net") || strings.Contains(token, claims) || strings.Contains(token, "canary") {
		t.Errorf("the token hop shows %s", token)
	}
}
