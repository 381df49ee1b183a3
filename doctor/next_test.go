package doctor_test

import (
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
		{"ForbiddenByRbac", `--role "Key Vault Crypto Service Encryption User" --assignee ` + azuretest.ClientID},
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
