package httpapi_test

import (
	"strings"
	"testing"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/httpapi"
	"latchkey/vault/rbac"
	"latchkey/vault/vaulttest"
)

// The expected tables below are written out from the specification, not from the implementation.

// probe is one route: how to call it, so that a caller who may gets anything but a denial.
type probe struct {
	route        string // as the route table has it, without {version}
	method, path string
	body         any
}

var probes = []probe{
	{"POST /keys/{name}/create", "POST", "/keys/new/create", `{"kty":"bad"}`},
	{"PUT /keys/{name}", "PUT", "/keys/new", `{}`},
	{"GET /keys/{name}", "GET", "/keys/k", nil},
	{"GET /keys", "GET", "/keys", nil},
	{"GET /keys/{name}/versions", "GET", "/keys/k/versions", nil},
	{"PATCH /keys/{name}", "PATCH", "/keys/k", `{}`},
	{"DELETE /keys/{name}", "DELETE", "/keys/none", nil},
	{"GET /deletedkeys", "GET", "/deletedkeys", nil},
	{"GET /deletedkeys/{name}", "GET", "/deletedkeys/none", nil},
	{"POST /deletedkeys/{name}/recover", "POST", "/deletedkeys/none/recover", nil},
	{"DELETE /deletedkeys/{name}", "DELETE", "/deletedkeys/none", nil},
	{"POST /keys/{name}/backup", "POST", "/keys/none/backup", nil},
	{"POST /keys/restore", "POST", "/keys/restore", `{}`},
	{"POST /keys/{name}/encrypt", "POST", "/keys/k/encrypt", `{}`},
	{"POST /keys/{name}/decrypt", "POST", "/keys/k/decrypt", `{}`},
	{"POST /keys/{name}/wrapkey", "POST", "/keys/k/wrapkey", `{}`},
	{"POST /keys/{name}/unwrapkey", "POST", "/keys/k/unwrapkey", `{}`},
	{"POST /keys/{name}/sign", "POST", "/keys/k/sign", `{}`},
	{"POST /keys/{name}/verify", "POST", "/keys/k/verify", `{}`},
	{"POST /keys/{name}/release", "POST", "/keys/none/release", `{}`},
	{"POST /keys/{name}/rotate", "POST", "/keys/none/rotate", nil},
	{"GET /keys/{name}/rotationpolicy", "GET", "/keys/k/rotationpolicy", nil},
	{"PUT /keys/{name}/rotationpolicy", "PUT", "/keys/k/rotationpolicy", `{"lifetimeActions":[],"attributes":{"expiryTime":"P1D"}}`},
	{"GET /keys/{name}/attestation", "GET", "/keys/k/attestation", nil},
	{"GET /latchkey/dependents", "GET", "/latchkey/dependents", nil},
	{"PUT /latchkey/dependents/{id}", "PUT", "/latchkey/dependents/x", `{}`},
	{"DELETE /latchkey/dependents/{id}", "DELETE", "/latchkey/dependents/none", nil},
}

var hsmProbes = []probe{
	{"POST /rng", "POST", "/rng", `{}`},
	{"GET roleDefinitions", "GET", "/providers/Microsoft.Authorization/roleDefinitions", nil},
	{"GET roleDefinitions/{id}", "GET", "/providers/Microsoft.Authorization/roleDefinitions/x", nil},
	{"PUT roleDefinitions/{id}", "PUT", "/providers/Microsoft.Authorization/roleDefinitions/x", `{}`},
	{"DELETE roleDefinitions/{id}", "DELETE", "/providers/Microsoft.Authorization/roleDefinitions/x", nil},
	{"GET roleAssignments", "GET", "/providers/Microsoft.Authorization/roleAssignments", nil},
	{"GET roleAssignments/{id}", "GET", "/providers/Microsoft.Authorization/roleAssignments/x", nil},
	{"PUT roleAssignments/{id}", "PUT", "/providers/Microsoft.Authorization/roleAssignments/x", `{}`},
	{"DELETE roleAssignments/{id}", "DELETE", "/providers/Microsoft.Authorization/roleAssignments/x", nil},
}

const (
	reads  = "GET /keys/{name}|GET /keys|GET /keys/{name}/versions|GET /deletedkeys|GET /deletedkeys/{name}|GET /keys/{name}/attestation|GET /latchkey/dependents"
	policy = "GET /keys/{name}/rotationpolicy|PUT /keys/{name}/rotationpolicy"
	usage  = "POST /keys/{name}/encrypt|POST /keys/{name}/decrypt|POST /keys/{name}/wrapkey|POST /keys/{name}/unwrapkey|POST /keys/{name}/sign|POST /keys/{name}/verify|PUT /latchkey/dependents/{id}"
	every  = "*"
)

// A17: what each built-in role of a vault may do.
var vaultRoles = map[string]string{
	"00482a5a-887f-4fb3-b363-3b7fe8e74483": every,                                                                                          // Administrator
	"14b46e9e-c2b7-41b4-b07b-48a6ebf60603": every,                                                                                          // Crypto Officer
	"12338af0-0e69-4776-bea7-57ae8d297424": reads + "|PATCH /keys/{name}|POST /keys/{name}/backup|" + usage,                                // Crypto User
	"e147488a-f6f5-4113-8e2d-b22465e65bf6": reads + "|POST /keys/{name}/wrapkey|POST /keys/{name}/unwrapkey|PUT /latchkey/dependents/{id}", // Crypto Service Encryption User
	"08bbd89e-9f13-488c-ac41-acfcb10c90ab": "POST /keys/{name}/release",                                                                    // Crypto Service Release User
	"21090545-7ca7-4776-b22c-e363652d74d2": reads + "|GET /keys/{name}/rotationpolicy",                                                     // Reader: vaults/*/read
	"a68e7c17-0ab2-4c09-9a58-125dae29748c": "",                                                                                             // Purge Operator: vaults, not keys
	"db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": reads,                                                                                          // Certificate User
	"a4417e6f-fecd-4de8-b567-7b0420556985": "",                                                                                             // Certificates Officer
	"4633458b-17de-408a-b874-0445c86b69e6": "",                                                                                             // Secrets User
	"8b54135c-b56d-4d72-a534-26097cfdc8d8": "",                                                                                             // Data Access Administrator
	"f25e0fa2-a7c8-4377-a976-54943a77a395": "",                                                                                             // Contributor
}

const (
	hsmReads   = "GET /keys/{name}|GET /keys|GET /keys/{name}/versions|GET /keys/{name}/attestation|GET /keys/{name}/rotationpolicy|GET /latchkey/dependents"
	hsmDeleted = "GET /deletedkeys|GET /deletedkeys/{name}|POST /deletedkeys/{name}/recover|DELETE /deletedkeys/{name}"
	roleReads  = "GET roleDefinitions|GET roleDefinitions/{id}|GET roleAssignments|GET roleAssignments/{id}"
	roleAll    = roleReads + "|PUT roleDefinitions/{id}|DELETE roleDefinitions/{id}|PUT roleAssignments/{id}|DELETE roleAssignments/{id}"
)

// A18: what each built-in role of a Managed HSM may do.
var hsmRoles = map[string]string{
	"a290e904-7015-4bba-90c8-60543313cdb4": roleAll, // Administrator: no key actions
	"515eb02d-2335-4d2d-92f2-b1cbdf9c3778": hsmDeleted + "|" + roleAll,
	"21dbd100-6940-42c2-9190-5d6cb909625b": hsmReads + "|PUT /keys/{name}/rotationpolicy|PATCH /keys/{name}|POST /keys/{name}/create|DELETE /keys/{name}|DELETE /latchkey/dependents/{id}|PUT /keys/{name}|POST /keys/{name}/rotate|POST /keys/{name}/backup|POST /keys/restore|POST /keys/{name}/release|POST /rng|" + usage + "|" + roleReads,
	"4bd23610-cdcf-4971-bdee-bdc562cc28e4": roleAll,
	// The published table marks deletedKeys/delete for the auditor, a slip for read.
	"2c18b078-7c48-4d3a-af88-5a3a1b3f82b3": hsmReads + "|GET /deletedkeys|GET /deletedkeys/{name}|" + roleReads,
	"33413926-3206-4cdd-b39a-83574fe37a17": hsmReads + "|POST /keys/{name}/wrapkey|POST /keys/{name}/unwrapkey|PUT /latchkey/dependents/{id}",
	"21dbd100-6940-42c2-9190-5d6cb909625c": "POST /keys/{name}/release",
	"7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8": "POST /keys/{name}/backup",
	"6efe6056-5259-49d2-8b3d-d3d73544b20b": "POST /keys/restore",
}

// A4: which permission of an access policy each route needs.
var permissions = map[string]string{
	"POST /keys/{name}/create": "create", "PUT /keys/{name}": "import", "GET /keys/{name}": "get", "GET /keys": "list",
	"GET /keys/{name}/versions": "list", "PATCH /keys/{name}": "update", "DELETE /keys/{name}": "delete", "GET /deletedkeys": "list",
	"GET /deletedkeys/{name}": "get", "POST /deletedkeys/{name}/recover": "recover", "DELETE /deletedkeys/{name}": "purge",
	"POST /keys/{name}/backup": "backup", "POST /keys/restore": "restore", "POST /keys/{name}/encrypt": "encrypt",
	"POST /keys/{name}/decrypt": "decrypt", "POST /keys/{name}/wrapkey": "wrapKey", "POST /keys/{name}/unwrapkey": "unwrapKey",
	"POST /keys/{name}/sign": "sign", "POST /keys/{name}/verify": "verify", "POST /keys/{name}/release": "release",
	"POST /keys/{name}/rotate": "rotate", "GET /keys/{name}/rotationpolicy": "getrotationpolicy",
	"PUT /keys/{name}/rotationpolicy": "setrotationpolicy", "GET /keys/{name}/attestation": "get",
	"GET /latchkey/dependents": "list", "PUT /latchkey/dependents/{id}": "unwrapKey", "DELETE /latchkey/dependents/{id}": "delete",
}

func allows(table, route string) bool {
	if table == every {
		return true
	}
	for _, r := range strings.Split(table, "|") {
		if r == route {
			return true
		}
	}
	return false
}

// denied says whether a reply is the door's: by inner code.
func denied(r *vaulttest.Response, inner string) bool {
	e := r.Err()
	return e != nil && e.Status == 403 && e.Code == "Forbidden" && e.Inner == inner
}

func (p probe) call(t *testing.T, s *vaulttest.Server, who rbac.Principal, base string) *vaulttest.Response {
	t.Helper()
	return s.Call(t, who, p.method, base+p.path, p.body)
}

func TestProbesCoverTheRoutes(t *testing.T) {
	known := map[string]bool{}
	for _, p := range append(probes, hsmProbes...) {
		known[p.route] = true
	}
	for _, r := range httpapi.Routes() {
		path := strings.TrimPrefix(strings.ReplaceAll(r.Path, "/{version}", ""), "/{scope}/providers/Microsoft.Authorization/")
		if !known[r.Method+" "+path] {
			t.Errorf("%s %s is in no permission matrix", r.Method, r.Path)
		}
	}
}

func TestRoleMatrix(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "k", nil)
	s.MustHSMKey(t, "hsm1", "k", nil)
	for _, kind := range []struct {
		name, id, base, inner string
		roles                 map[string]string
		probes                []probe
		builtin               []rbac.Role
	}{
		{"vault", "kv1", s.VaultURL("kv1"), "ForbiddenByRbac", vaultRoles, probes, rbac.BuiltIn(rbac.Vault)},
		{"hsm", vault.ID("hsm1", true), s.HSMURL("hsm1"), "AccessDenied", hsmRoles, append(append([]probe(nil), probes...), hsmProbes...), rbac.BuiltIn(rbac.HSM)},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for _, r := range kind.builtin {
				if _, ok := kind.roles[r.ID]; !ok {
					t.Errorf("role %s %q is in no table", r.ID, r.Name)
				}
			}
			for role, table := range kind.roles {
				who := s.Principal("role " + role)
				s.MustGrant(t, kind.id, role, who, "")
				for _, p := range kind.probes {
					r := p.call(t, s, who, kind.base)
					if want := allows(table, p.route); denied(r, kind.inner) == want {
						t.Errorf("role %s, %s: %d %s; want allowed %t", role, p.route, r.Status, r.Body, want)
					}
				}
			}
			for _, p := range kind.probes {
				if r := p.call(t, s, s.Principal("stranger"), kind.base); !denied(r, kind.inner) {
					t.Errorf("stranger, %s: %d %s", p.route, r.Status, r.Body)
				}
			}
		})
	}
}

func TestPolicyMatrix(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "k", nil)
	all := map[string]bool{}
	for _, p := range permissions {
		all[p] = true
	}
	who := func(p string) rbac.Principal { return s.Principal("permission " + p) }
	s.MustAccess(t, "kv1", func(a *rbac.Access) {
		a.Model = rbac.ModelPolicy // the administrator's role counts for nothing now
		for p := range all {
			a.Policies = append(a.Policies, rbac.Policy{TenantID: s.TenantID(), ObjectID: who(p).ObjectID, Keys: []string{p}})
		}
		a.Policies = append(a.Policies, rbac.Policy{TenantID: s.TenantID(), ObjectID: who("all").ObjectID, Keys: []string{"all"}})
	})
	base := s.VaultURL("kv1")
	for have := range all {
		for _, p := range probes {
			r := p.call(t, s, who(have), base)
			if want := permissions[p.route] == have; denied(r, "ForbiddenByPolicy") == want {
				t.Errorf("permission %s, %s: %d %s; want allowed %t", have, p.route, r.Status, r.Body, want)
			}
		}
	}
	for _, p := range probes {
		if r := p.call(t, s, who("all"), base); denied(r, "ForbiddenByPolicy") {
			t.Errorf("permission all, %s: %d %s", p.route, r.Status, r.Body)
		}
		for _, stranger := range []rbac.Principal{s.Admin(), s.Principal("stranger")} {
			if r := p.call(t, s, stranger, base); !denied(r, "ForbiddenByPolicy") {
				t.Errorf("stranger, %s: %d %s", p.route, r.Status, r.Body)
			}
		}
	}
	// The switch back: roles again, policies ignored.
	s.MustAccess(t, "kv1", func(a *rbac.Access) { a.Model = rbac.ModelRBAC })
	if r := probes[2].call(t, s, s.Admin(), base); r.Status != 200 {
		t.Errorf("administrator after the switch: %d %s", r.Status, r.Body)
	}
	if r := probes[2].call(t, s, who("get"), base); !denied(r, "ForbiddenByRbac") {
		t.Errorf("policy after the switch: %d %s", r.Status, r.Body)
	}
}

// An assignment at one key opens that key, and nothing else.
func TestKeyScope(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "mine", nil)
	s.MustKey(t, "kv1", "yours", nil)
	v, err := s.Service.GetVault(t.Context(), vault.Operator(), "kv1")
	if err != nil {
		t.Fatal(err)
	}
	who := s.Principal("scoped")
	s.MustGrant(t, "kv1", vaulttest.RoleCryptoUser, who, v.ResourceID+"/keys/mine")
	if r := s.Call(t, who, "GET", s.VaultURL("kv1")+"/keys/MINE", nil); r.Status != 200 {
		t.Errorf("own key: %d %s", r.Status, r.Body)
	}
	for _, path := range []string{"/keys/yours", "/keys", "/deletedkeys"} {
		if r := s.Call(t, who, "GET", s.VaultURL("kv1")+path, nil); !denied(r, "ForbiddenByRbac") {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}

func TestFirewall(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "k", nil)
	s.MustAccess(t, "kv1", func(a *rbac.Access) { a.Firewall.DefaultAction = "Deny" })
	r := s.Call(t, s.Admin(), "GET", s.VaultURL("kv1")+"/keys/k", nil)
	if !denied(r, "ForbiddenByFirewall") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// Local roles of a Managed HSM: a custom role, given at one key, taken away again.
func TestHSMRoles(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustHSMKey(t, "hsm1", "k", nil)
	s.MustHSMKey(t, "hsm1", "other", nil)
	base, who := s.HSMURL("hsm1"), s.Principal("custom")
	role, given := vaulttest.GUID("role"), vaulttest.GUID("assignment")
	auth := "/providers/Microsoft.Authorization/"
	r := s.Call(t, s.Admin(), "PUT", base+auth+"roleDefinitions/"+role, map[string]any{"properties": map[string]any{
		"roleName": "Signer", "permissions": []any{map[string]any{"dataActions": []string{"Microsoft.KeyVault/managedHsm/keys/sign/action"}}},
	}})
	if r.Status != 201 {
		t.Fatalf("role: %d %s", r.Status, r.Body)
	}
	body := map[string]any{"properties": map[string]any{"roleDefinitionId": "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/" + role, "principalId": who.ObjectID}}
	if r := s.Call(t, s.Admin(), "PUT", base+"/keys/k"+auth+"roleAssignments/"+given, body); r.Status != 201 || !strings.Contains(string(r.Body), `"scope":"/keys/k"`) {
		t.Fatalf("assignment: %d %s", r.Status, r.Body)
	}
	sign := akv.OpParams{Alg: "ES256", Value: make([]byte, 32)}
	if r := s.Call(t, who, "POST", base+"/keys/k/sign", sign); r.Status != 200 {
		t.Errorf("sign: %d %s", r.Status, r.Body)
	}
	for _, url := range []string{"/keys/other/sign", "/keys/k/verify"} {
		if r := s.Call(t, who, "POST", base+url, sign); !denied(r, "AccessDenied") {
			t.Errorf("%s: %d %s", url, r.Status, r.Body)
		}
	}
	if r := s.Call(t, s.Admin(), "DELETE", base+auth+"roleDefinitions/"+role, nil); r.Status != 409 {
		t.Errorf("deleting a role in use: %d %s", r.Status, r.Body)
	}
	r = s.MustCall(t, "GET", base+auth+"roleAssignments?$filter=principalId+eq+'"+who.ObjectID+"'", nil, nil)
	if strings.Count(string(r.Body), `"principalId"`) != 1 {
		t.Errorf("filtered assignments: %s", r.Body)
	}
	// An assignment is found at its own scope alone: who may change roles at one key does not reach those of another, or of the whole.
	for _, scope := range []string{"", "/keys", "/keys/other"} {
		for _, method := range []string{"GET", "DELETE"} {
			if r := s.Call(t, s.Admin(), method, base+scope+auth+"roleAssignments/"+given, nil); r.Status != 404 {
				t.Errorf("%s at %q: %d %s", method, scope, r.Status, r.Body)
			}
		}
	}
	s.MustCall(t, "DELETE", base+"/keys/k"+auth+"roleAssignments/"+given, nil, nil)
	if r := s.Call(t, who, "POST", base+"/keys/k/sign", sign); !denied(r, "AccessDenied") {
		t.Errorf("after the assignment went: %d %s", r.Status, r.Body)
	}
	s.MustCall(t, "DELETE", base+auth+"roleDefinitions/"+role, nil, nil)
	if r := s.Call(t, s.Admin(), "DELETE", base+auth+"roleDefinitions/"+vaulttest.RoleHSMAdministrator, nil); r.Status != 404 {
		t.Errorf("deleting a built-in role: %d %s", r.Status, r.Body)
	}
}
