package rbac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/vault/rbac"
)

const (
	tenant   = "11111111-2222-3333-4444-555555555555"
	object   = "aaaaaaaa-0000-0000-0000-000000000001"
	group    = "aaaaaaaa-0000-0000-0000-000000000002"
	user     = "aaaaaaaa-0000-0000-0000-000000000003"
	app      = "bbbbbbbb-0000-0000-0000-000000000001"
	someID   = "cccccccc-0000-0000-0000-000000000001"
	otherID  = "cccccccc-0000-0000-0000-000000000002"
	resource = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.KeyVault/vaults/v1"
)

var principal = rbac.Principal{
	TenantID: tenant, ObjectID: object, AppID: app, Issuer: "https://sts.windows.net/" + tenant + "/", AppOnly: true,
}

// The matrix, written out by hand from the published role tables and independent of roles.json: role id, then the
// operations (audit names) that it allows; everything else is denied.
var vaultMatrix = map[string]string{
	"00482a5a-887f-4fb3-b363-3b7fe8e74483": "KeyCreate KeyImport KeyGet KeyGetAttestation KeyList KeyListVersions KeyUpdate KeyDelete KeyListDeleted " +
		"KeyGetDeleted KeyRecover KeyPurge KeyBackup KeyRestore KeyEncrypt KeyDecrypt KeyWrap KeyUnwrap KeySign KeyVerify " +
		"KeyRelease KeyRotate KeyRotationPolicyGet KeyRotationPolicySet", // Administrator
	"14b46e9e-c2b7-41b4-b07b-48a6ebf60603": "KeyCreate KeyImport KeyGet KeyGetAttestation KeyList KeyListVersions KeyUpdate KeyDelete KeyListDeleted " +
		"KeyGetDeleted KeyRecover KeyPurge KeyBackup KeyRestore KeyEncrypt KeyDecrypt KeyWrap KeyUnwrap KeySign KeyVerify " +
		"KeyRelease KeyRotate KeyRotationPolicyGet KeyRotationPolicySet", // Crypto Officer
	"12338af0-0e69-4776-bea7-57ae8d297424": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyListDeleted KeyGetDeleted KeyUpdate KeyBackup KeyEncrypt " +
		"KeyDecrypt KeyWrap KeyUnwrap KeySign KeyVerify", // Crypto User
	"e147488a-f6f5-4113-8e2d-b22465e65bf6": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyListDeleted KeyGetDeleted KeyWrap KeyUnwrap",
	"08bbd89e-9f13-488c-ac41-acfcb10c90ab": "KeyRelease",
	"21090545-7ca7-4776-b22c-e363652d74d2": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyListDeleted KeyGetDeleted KeyRotationPolicyGet",
	"a68e7c17-0ab2-4c09-9a58-125dae29748c": "", // Purge Operator: purges vaults, not keys
	"db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyListDeleted KeyGetDeleted",
	"a4417e6f-fecd-4de8-b567-7b0420556985": "", // Certificates Officer
	"4633458b-17de-408a-b874-0445c86b69e6": "", // Secrets User
	"8b54135c-b56d-4d72-a534-26097cfdc8d8": "", // Data Access Administrator
	"f25e0fa2-a7c8-4377-a976-54943a77a395": "", // Contributor
}

var hsmMatrix = map[string]string{
	"a290e904-7015-4bba-90c8-60543313cdb4": "roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action " +
		"roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action securitydomain/download/action " +
		"securitydomain/download/read securitydomain/upload/action securitydomain/upload/read securitydomain/transferkey/read " +
		"backup/start/action backup/status/action restore/start/action restore/status/action",
	"515eb02d-2335-4d2d-92f2-b1cbdf9c3778": "KeyListDeleted KeyGetDeleted KeyRecover KeyPurge roleDefinitions/read/action " +
		"roleDefinitions/write/action roleDefinitions/delete/action roleAssignments/read/action roleAssignments/write/action " +
		"roleAssignments/delete/action",
	"21dbd100-6940-42c2-9190-5d6cb909625b": "KeyCreate KeyImport KeyGet KeyGetAttestation KeyList KeyListVersions KeyUpdate KeyDelete KeyBackup KeyRestore " +
		"KeyEncrypt KeyDecrypt KeyWrap KeyUnwrap KeySign KeyVerify KeyRelease KeyRotate KeyRotationPolicyGet KeyRotationPolicySet " +
		"RandomBytesGet roleDefinitions/read/action roleAssignments/read/action",
	"4bd23610-cdcf-4971-bdee-bdc562cc28e4": "roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action " +
		"roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action",
	"2c18b078-7c48-4d3a-af88-5a3a1b3f82b3": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyRotationPolicyGet KeyListDeleted KeyGetDeleted " +
		"roleDefinitions/read/action roleAssignments/read/action",
	"33413926-3206-4cdd-b39a-83574fe37a17": "KeyGet KeyGetAttestation KeyList KeyListVersions KeyRotationPolicyGet KeyWrap KeyUnwrap",
	"21dbd100-6940-42c2-9190-5d6cb909625c": "KeyRelease",
	"7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8": "KeyBackup backup/start/action backup/status/action",
	"6efe6056-5259-49d2-8b3d-d3d73544b20b": "KeyRestore restore/start/action restore/status/action",
}

var operations = strings.Fields(`KeyCreate KeyImport KeyGet KeyGetAttestation KeyList KeyListVersions KeyUpdate KeyDelete
	KeyListDeleted KeyGetDeleted KeyRecover KeyPurge KeyBackup KeyRestore KeyEncrypt KeyDecrypt KeyWrap KeyUnwrap KeySign
	KeyVerify KeyRelease KeyRotate KeyRotationPolicyGet KeyRotationPolicySet RandomBytesGet`)

var hsmActions = strings.Fields(`roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action
	roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action securitydomain/download/action
	securitydomain/download/read securitydomain/upload/action securitydomain/upload/read securitydomain/transferkey/read
	backup/start/action backup/status/action restore/start/action restore/status/action`)

func TestEveryRoleAndEveryOperation(t *testing.T) {
	for _, tc := range []struct {
		kind   rbac.Kind
		matrix map[string]string
		extra  []string
	}{{rbac.Vault, vaultMatrix, nil}, {rbac.HSM, hsmMatrix, hsmActions}} {
		roles := rbac.BuiltIn(tc.kind)
		if len(roles) != len(tc.matrix) {
			t.Errorf("%s: %d built-in roles, the tables have %d", tc.kind, len(roles), len(tc.matrix))
		}
		for _, role := range roles {
			want, ok := tc.matrix[role.ID]
			if !ok {
				t.Errorf("%s: role %q (%s) is not in the tables", tc.kind, role.Name, role.ID)
				continue
			}
			allowed := strings.Fields(want)
			access := rbac.Access{Model: rbac.ModelRBAC, Assignments: []rbac.Assignment{
				{ID: someID, RoleID: role.ID, PrincipalID: object, Scope: "/"},
			}}
			if err := access.Validate(tc.kind); err != nil {
				t.Fatal(err)
			}
			check := func(name string, action rbac.Action) {
				d := rbac.Decide(access, rbac.Request{
					Principal: principal, Kind: tc.kind, VaultName: "v1", ResourceID: resource, KeyName: "k1", Action: action,
				})
				if want := slices.Contains(allowed, name); d.Allowed != want {
					t.Errorf("%s: %s %s: allowed = %v, want %v", tc.kind, role.Name, name, d.Allowed, want)
				}
				if d.Allowed && d.AssignmentID != someID {
					t.Errorf("%s %s: assignment %q", role.Name, name, d.AssignmentID)
				}
			}
			for _, op := range operations {
				need, ok := rbac.Needs(op)
				if !ok {
					t.Fatalf("operation %s has no need", op)
				}
				check(op, need.Action(tc.kind))
			}
			for _, a := range tc.extra {
				check(a, rbac.Action("Microsoft.KeyVault/managedHsm/"+a))
			}
		}
	}
}

// Every permission of the table by every operation: a policy with one permission allows the operations of that one.
func TestEveryPermissionAndEveryOperation(t *testing.T) {
	wants := map[string]string{
		"get": "KeyGet KeyGetAttestation KeyGetDeleted", "list": "KeyList KeyListVersions KeyListDeleted", "update": "KeyUpdate",
		"create": "KeyCreate", "import": "KeyImport", "delete": "KeyDelete", "recover": "KeyRecover", "backup": "KeyBackup",
		"restore": "KeyRestore", "decrypt": "KeyDecrypt", "encrypt": "KeyEncrypt", "unwrapKey": "KeyUnwrap", "wrapKey": "KeyWrap",
		"verify": "KeyVerify", "sign": "KeySign", "purge": "KeyPurge", "release": "KeyRelease", "rotate": "KeyRotate",
		"getrotationpolicy": "KeyRotationPolicyGet", "setrotationpolicy": "KeyRotationPolicySet",
		"all": strings.TrimSuffix(strings.Join(operations, " "), " RandomBytesGet"),
		"":    "",
	}
	if len(wants) != len(rbac.AllPermissions())+2 {
		t.Errorf("%d permissions, want %d", len(rbac.AllPermissions()), len(wants)-2)
	}
	for perm, want := range wants {
		var keys []string
		if perm != "" {
			keys = []string{strings.ToUpper(perm)}
		}
		access := rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{{TenantID: tenant, ObjectID: object, Keys: keys}}}
		if err := access.Validate(rbac.Vault); err != nil {
			t.Fatal(err)
		}
		for _, op := range operations {
			need, _ := rbac.Needs(op)
			d := rbac.Decide(access, rbac.Request{
				Principal: principal, Kind: rbac.Vault, VaultName: "v1", ResourceID: resource, KeyName: "k1",
				Action: need.Vault, Permission: need.Permission,
			})
			if want := slices.Contains(strings.Fields(want), op); d.Allowed != want {
				t.Errorf("policy %q, %s: allowed = %v, want %v", perm, op, d.Allowed, want)
			}
		}
	}
}

func TestActionsFitTheBits(t *testing.T) {
	for _, kind := range []rbac.Kind{rbac.Vault, rbac.HSM} {
		all := rbac.Actions(kind)
		if len(all) == 0 || len(all) > 64 {
			t.Errorf("%s: %d actions", kind, len(all))
		}
		for _, a := range all {
			prefix := map[rbac.Kind]string{rbac.Vault: "Microsoft.KeyVault/vaults/", rbac.HSM: "Microsoft.KeyVault/managedHsm/"}[kind]
			if !strings.HasPrefix(string(a), prefix) {
				t.Errorf("%s: action %s", kind, a)
			}
		}
	}
	if rbac.Actions("x") != nil || rbac.BuiltIn("x") != nil {
		t.Error("an unknown kind has actions or roles")
	}
	if _, ok := rbac.Needs("KeyFly"); ok {
		t.Error("an unknown operation has a need")
	}
}

func TestBuiltInIsACopy(t *testing.T) {
	roles := rbac.BuiltIn(rbac.Vault)
	for i := range roles {
		for j := range roles[i].Permissions {
			roles[i].Permissions[j].DataActions = append(roles[i].Permissions[j].DataActions[:0], "*")
		}
	}
	if got := fmt.Sprint(rbac.BuiltIn(rbac.Vault)[2].Permissions[0].DataActions[0]); got != string(rbac.KeysRead) {
		t.Errorf("a caller changed the built-in roles: %s", got)
	}
}
