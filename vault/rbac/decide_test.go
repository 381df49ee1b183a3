package rbac_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/akv"
	"latchkey/vault/rbac"
)

const cryptoUser, hsmCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424", "21dbd100-6940-42c2-9190-5d6cb909625b"

func withRole(role, scope string) rbac.Access {
	return rbac.Access{Model: rbac.ModelRBAC, Assignments: []rbac.Assignment{
		{ID: someID, RoleID: role, PrincipalID: object, Scope: scope},
	}}
}

func request(change func(*rbac.Request)) rbac.Request {
	r := rbac.Request{
		Principal: principal, Kind: rbac.Vault, VaultName: "v1", Location: "local", ResourceID: resource, KeyName: "k1",
		Action: rbac.KeysWrap, Permission: rbac.PermWrapKey, Addr: netip.MustParseAddr("192.0.2.7"),
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestScopes(t *testing.T) {
	for _, tc := range []struct {
		kind  rbac.Kind
		scope string
		key   string
		want  bool
	}{
		{rbac.Vault, "/", "k1", true},
		{rbac.Vault, "/subscriptions/s1", "k1", true},
		{rbac.Vault, "/subscriptions/s1/", "k1", true},
		{rbac.Vault, "/subscriptions/s", "k1", false},
		{rbac.Vault, "/subscriptions/s1/resourcegroups/G1", "k1", true},
		{rbac.Vault, resource, "k1", true},
		{rbac.Vault, strings.ToUpper(resource), "k1", true},
		{rbac.Vault, resource, "", true},
		{rbac.Vault, resource + "2", "k1", false},
		{rbac.Vault, resource + "/keys", "k1", false},
		{rbac.Vault, resource + "/keys/k1", "k1", true},
		{rbac.Vault, resource + "/keys/K1", "k1", true},
		{rbac.Vault, resource + "/keys/k1", "k12", false},
		{rbac.Vault, resource + "/keys/k1", "k", false},
		{rbac.Vault, resource + "/keys/k1", "", false}, // a list needs the vault
		{rbac.Vault, resource + "/secrets/k1", "k1", false},
		{rbac.Vault, "/keys", "k1", false},
		{rbac.Vault, "/keys/k1", "k1", false},
		{rbac.Vault, "", "k1", false},
		{rbac.Vault, "subscriptions/s1", "k1", false},
		{rbac.Vault, "/providers/Microsoft.Management/managementGroups/m", "k1", false},
		{rbac.HSM, "/", "k1", true},
		{rbac.HSM, "/keys", "k1", true},
		{rbac.HSM, "/keys", "", true},
		{rbac.HSM, "/keys/k1", "k1", true},
		{rbac.HSM, "/keys/k1", "k2", false},
		{rbac.HSM, "/keys/k1", "", false},
		{rbac.HSM, "/key", "k1", false},
		{rbac.HSM, "/keys/", "k1", true},
		{rbac.HSM, resource, "k1", false},
	} {
		role, action := cryptoUser, rbac.KeysWrap
		if tc.kind == rbac.HSM {
			role, action = hsmCryptoUser, rbac.HSMKeysWrap
		}
		d := rbac.Decide(withRole(role, tc.scope), request(func(r *rbac.Request) {
			r.Kind, r.KeyName, r.Action = tc.kind, tc.key, action
		}))
		if d.Allowed != tc.want {
			t.Errorf("%s: scope %q, key %q: allowed = %v, want %v", tc.kind, tc.scope, tc.key, d.Allowed, tc.want)
		}
	}
}

func TestHSMRoleOperationsAtAScope(t *testing.T) {
	const policyAdmin = "4bd23610-cdcf-4971-bdee-bdc562cc28e4"
	for _, tc := range []struct {
		assigned, asked string
		want            bool
	}{{"/", "/keys/k1", true}, {"/keys/k1", "/keys/k1", true}, {"/keys/k1", "/", false}, {"/keys", "/keys/k1", true}, {"/keys/k1", "", false}} {
		d := rbac.Decide(withRole(policyAdmin, tc.assigned), request(func(r *rbac.Request) {
			r.Kind, r.KeyName, r.Action, r.Scope = rbac.HSM, "", rbac.HSMRoleAssignmentsWrite, tc.asked
		}))
		if d.Allowed != tc.want {
			t.Errorf("assigned %q, asked %q: allowed = %v", tc.assigned, tc.asked, d.Allowed)
		}
	}
	// Random bytes are not a key: /keys does not reach them.
	d := rbac.Decide(withRole(hsmCryptoUser, "/keys"), request(func(r *rbac.Request) {
		r.Kind, r.KeyName, r.Action = rbac.HSM, "", rbac.HSMRandom
	}))
	if d.Allowed {
		t.Error("a role on /keys drew random bytes")
	}
}

func TestFailsClosed(t *testing.T) {
	all := withRole("00482a5a-887f-4fb3-b363-3b7fe8e74483", "/")
	policy := rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{{TenantID: tenant, ObjectID: object, Keys: []string{"all"}}}}
	for name, tc := range map[string]struct {
		access rbac.Access
		change func(*rbac.Request)
		inner  string
	}{
		"no model":                {rbac.Access{}, nil, "ForbiddenByRbac"},
		"unknown model":           {rbac.Access{Model: "x", Assignments: all.Assignments, Policies: policy.Policies}, nil, "ForbiddenByRbac"},
		"no assignments":          {rbac.Access{Model: rbac.ModelRBAC}, nil, "ForbiddenByRbac"},
		"unknown action":          {all, func(r *rbac.Request) { r.Action = "Microsoft.KeyVault/vaults/keys/fly/action" }, "ForbiddenByRbac"},
		"no action":               {all, func(r *rbac.Request) { r.Action = "" }, "ForbiddenByRbac"},
		"other kind's action":     {all, func(r *rbac.Request) { r.Action = rbac.HSMKeysRead }, "ForbiddenByRbac"},
		"unknown role":            {withRole(otherID, "/"), nil, "ForbiddenByRbac"},
		"hsm role on a vault":     {withRole(hsmCryptoUser, "/"), nil, "ForbiddenByRbac"},
		"nobody":                  {all, func(r *rbac.Request) { r.Principal = rbac.Principal{} }, "ForbiddenByRbac"},
		"no object id":            {all, func(r *rbac.Request) { r.Principal.ObjectID = "" }, "ForbiddenByRbac"},
		"no tenant":               {all, func(r *rbac.Request) { r.Principal.TenantID = "" }, "ForbiddenByRbac"},
		"other object":            {all, func(r *rbac.Request) { r.Principal.ObjectID = otherID }, "ForbiddenByRbac"},
		"app id is not an object": {withRole(cryptoUser, "/"), func(r *rbac.Request) { r.Principal.ObjectID, r.Principal.AppID = otherID, object }, "ForbiddenByRbac"},
		"key with a slash":        {withRole(cryptoUser, resource+"/keys/k1"), func(r *rbac.Request) { r.KeyName = "k1/x" }, "ForbiddenByRbac"},
		"no resource id":          {withRole(cryptoUser, resource), func(r *rbac.Request) { r.ResourceID = "" }, "ForbiddenByRbac"},
		"unknown kind":            {all, func(r *rbac.Request) { r.Kind = "" }, "AccessDenied"},
		"hsm by policies":         {policy, func(r *rbac.Request) { r.Kind = rbac.HSM; r.Action = rbac.HSMKeysWrap }, "AccessDenied"},
		"roles under policies": {
			rbac.Access{Model: rbac.ModelPolicy, Assignments: all.Assignments}, nil, "ForbiddenByPolicy",
		},
		"policies under roles": {rbac.Access{Model: rbac.ModelRBAC, Policies: policy.Policies}, nil, "ForbiddenByRbac"},
		"unknown permission":   {policy, func(r *rbac.Request) { r.Permission = "fly" }, "ForbiddenByPolicy"},
		"permission all asked": {policy, func(r *rbac.Request) { r.Permission = rbac.PermAll }, "ForbiddenByPolicy"},
		"policy, nobody":       {policy, func(r *rbac.Request) { r.Principal = rbac.Principal{} }, "ForbiddenByPolicy"},
		"policy, other tenant": {policy, func(r *rbac.Request) { r.Principal.TenantID = otherID }, "ForbiddenByPolicy"},
		"policy without object": {
			rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{{TenantID: tenant, Keys: []string{"all"}}}},
			func(r *rbac.Request) { r.Principal.Groups = []string{""} }, "ForbiddenByPolicy",
		},
		"misspelt firewall":   {rbac.Access{Model: rbac.ModelRBAC, Assignments: all.Assignments, Firewall: rbac.Firewall{DefaultAction: "Alow"}}, nil, "ForbiddenByFirewall"},
		"misspelt connection": {rbac.Access{Model: rbac.ModelRBAC, Assignments: all.Assignments, Firewall: rbac.Firewall{PublicNetworkAccess: "x"}}, nil, "ForbiddenByConnection"},
	} {
		d := rbac.Decide(tc.access, request(tc.change))
		if d.Allowed || d.Inner != tc.inner || d.Message == "" || d.AssignmentID != "" {
			t.Errorf("%s: %+v, want inner %s", name, d, tc.inner)
		}
		var e *akv.Error
		if !errors.As(d.Err(), &e) || e.Status != 403 || e.Code != "Forbidden" || e.Inner != tc.inner || e.Message != d.Message {
			t.Errorf("%s: Err = %v", name, d.Err())
		}
	}
	if d := rbac.Decide(all, request(nil)); !d.Allowed || d.Err() != nil {
		t.Errorf("the control case is denied: %+v", d)
	}
}

func TestGroupsAndCompoundIdentity(t *testing.T) {
	access := rbac.Access{Model: rbac.ModelRBAC, Assignments: []rbac.Assignment{
		{ID: otherID, RoleID: cryptoUser, PrincipalID: otherID, Scope: "/"},
		{
			ID: someID, RoleID: "/providers/Microsoft.Authorization/roleDefinitions/" + strings.ToUpper(cryptoUser),
			PrincipalID: strings.ToUpper(group), Scope: "/",
		},
	}}
	d := rbac.Decide(access, request(func(r *rbac.Request) { r.Principal.Groups = []string{object, group} }))
	if !d.Allowed || d.AssignmentID != someID {
		t.Errorf("by group: %+v", d)
	}
	member := func(r *rbac.Request) { r.Principal.ObjectID, r.Principal.AppOnly = user, false }
	for name, tc := range map[string]struct {
		policy rbac.Policy
		change func(*rbac.Request)
		want   bool
	}{
		"group":                     {rbac.Policy{ObjectID: group}, func(r *rbac.Request) { r.Principal.Groups = []string{group} }, true},
		"user through the app":      {rbac.Policy{ObjectID: user, ApplicationID: app}, member, true},
		"user through another app":  {rbac.Policy{ObjectID: user, ApplicationID: otherID}, member, false},
		"the app alone, same group": {rbac.Policy{ObjectID: group, ApplicationID: app}, func(r *rbac.Request) { r.Principal.Groups = []string{group} }, false},
		"the app alone":             {rbac.Policy{ObjectID: object, ApplicationID: app}, nil, false},
		"any app for the user":      {rbac.Policy{ObjectID: user}, member, true},
	} {
		tc.policy.TenantID, tc.policy.Keys = strings.ToUpper(tenant), []string{"wrapkey"}
		d := rbac.Decide(rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{tc.policy}}, request(tc.change))
		if d.Allowed != tc.want {
			t.Errorf("%s: %+v", name, d)
		}
		if d.Allowed && d.AssignmentID != tc.policy.ObjectID {
			t.Errorf("%s: assignment %q", name, d.AssignmentID)
		}
	}
}

func TestCustomRolesAndWildcards(t *testing.T) {
	role := func(data, not string) rbac.Access {
		a := withRole(otherID, "/")
		a.Roles = []rbac.Role{{ID: otherID, Name: "ours", Type: "CustomRole", Permissions: []rbac.Permissions{
			{Actions: []string{"*"}, DataActions: strings.Fields(data), NotDataActions: strings.Fields(not)},
		}}}
		return a
	}
	for _, tc := range []struct {
		data, not string
		want      bool
	}{
		{"*", "", true},
		{"", "", false}, // control-plane actions give no data
		{"microsoft.keyvault/VAULTS/keys/*", "", true},
		{"Microsoft.KeyVault/*/wrap/action", "", true},
		{"Microsoft.KeyVault/*/unwrap/action", "", false},
		{"Microsoft.KeyVault/vaults/*/action", "Microsoft.KeyVault/vaults/keys/wrap/*", false},
		{"Microsoft.KeyVault/vaults/*/action", "Microsoft.KeyVault/vaults/keys/unwrap/*", true},
		{"Microsoft.KeyVault/vaults/keys/wrap", "", false},
		{"Microsoft.KeyVault/vaults/keys/wrap/actio?", "", false},
		{"*wrap*action*", "", true},
		{"*wrap*action*x", "", false},
	} {
		a := role(tc.data, tc.not)
		if d := rbac.Decide(a, request(nil)); d.Allowed != tc.want {
			t.Errorf("data %q, not %q: allowed = %v, want %v", tc.data, tc.not, d.Allowed, tc.want)
		}
	}
	// NotDataActions take away from their own permission set only.
	a := role("*", "*/wrap/*")
	a.Roles[0].Permissions = append(a.Roles[0].Permissions, rbac.Permissions{DataActions: []string{string(rbac.KeysWrap)}})
	if d := rbac.Decide(a, request(nil)); !d.Allowed {
		t.Error("a second permission set was subtracted from")
	}
	if err := a.Validate(rbac.Vault); err != nil {
		t.Error(err)
	}
}

func TestFirewall(t *testing.T) {
	rules := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	deny := rbac.Firewall{DefaultAction: "Deny", IPRules: rules, Bypass: "AzureServices"}
	for name, tc := range map[string]struct {
		fw     rbac.Firewall
		change func(*rbac.Request)
		inner  string
	}{
		"none":            {rbac.Firewall{}, nil, ""},
		"allow":           {rbac.Firewall{DefaultAction: "allow"}, nil, ""},
		"in the rule":     {deny, nil, ""},
		"mapped":          {deny, func(r *rbac.Request) { r.Addr = netip.MustParseAddr("::ffff:192.0.2.9") }, ""},
		"v6":              {deny, func(r *rbac.Request) { r.Addr = netip.MustParseAddr("2001:db8::1%eth0") }, ""},
		"outside":         {deny, func(r *rbac.Request) { r.Addr = netip.MustParseAddr("192.0.3.1") }, "ForbiddenByFirewall"},
		"no address":      {deny, func(r *rbac.Request) { r.Addr = netip.Addr{} }, "ForbiddenByFirewall"},
		"trusted":         {deny, func(r *rbac.Request) { r.Addr, r.Trusted = netip.Addr{}, true }, ""},
		"trusted, none":   {rbac.Firewall{DefaultAction: "Deny", Bypass: "None"}, func(r *rbac.Request) { r.Trusted = true }, "ForbiddenByFirewall"},
		"disabled":        {rbac.Firewall{PublicNetworkAccess: "Disabled", IPRules: rules}, nil, "ForbiddenByConnection"},
		"private":         {rbac.Firewall{PublicNetworkAccess: "Disabled", DefaultAction: "Deny"}, func(r *rbac.Request) { r.Private = true }, ""},
		"trusted private": {rbac.Firewall{PublicNetworkAccess: "Disabled", Bypass: "AzureServices"}, func(r *rbac.Request) { r.Trusted = true }, ""},
	} {
		a := withRole(cryptoUser, "/")
		a.Firewall = tc.fw
		if err := a.Validate(rbac.Vault); err != nil {
			t.Fatal(err)
		}
		if d := rbac.Decide(a, request(tc.change)); d.Inner != tc.inner || d.Allowed != (tc.inner == "") {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestParseIPRule(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.0/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::1/128", "::ffff:192.0.2.7": "192.0.2.7/32",
		"192.0.2.7/24": "", "x": "", "": "", "fe80::1%eth0": "", "192.0.2.0/33": "",
	} {
		p, err := rbac.ParseIPRule(in)
		if got := p.String(); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v; want %q", in, got, err, want)
		}
	}
}

func TestMessages(t *testing.T) {
	who := "appid=" + app + ";oid=" + object
	iss := ";iss=https://sts.windows.net/" + tenant + "/"
	for name, tc := range map[string]struct {
		access rbac.Access
		change func(*rbac.Request)
		want   string
	}{
		"rbac": {rbac.Access{Model: rbac.ModelRBAC}, nil, "Caller is not authorized to perform action on resource.\r\n" +
			"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n" +
			"Caller: " + who + iss + "\r\nAction: 'Microsoft.KeyVault/vaults/keys/wrap/action'\r\nResource: '" + resource + "/keys/k1'\r\n" +
			"Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: v1;location=local\r\n"},
		"policy": {rbac.Access{Model: rbac.ModelPolicy}, func(r *rbac.Request) { r.Permission = rbac.PermDecrypt }, "Operation is not allowed.\r\n" +
			"Operation: \"decrypt\"\r\nCaller: " + who + ";numgroups=0" + iss + "\r\nVault: v1;location=local"},
		"firewall": {rbac.Access{Firewall: rbac.Firewall{DefaultAction: "Deny"}}, nil, "Client address is not authorized and caller is not a trusted service.\r\n" +
			"Client address: 192.0.2.7\r\nCaller: " + who + iss + "\r\nVault: v1;location=local"},
		"connection": {rbac.Access{Firewall: rbac.Firewall{PublicNetworkAccess: "Disabled"}}, nil, "Public network access is disabled and " +
			"request is not from a trusted service nor via an approved private link.\r\nCaller: " + who + iss + "\r\nVault: v1;location=local"},
		"hsm": {rbac.Access{Model: rbac.ModelRBAC}, func(r *rbac.Request) { r.Kind, r.Action = rbac.HSM, rbac.HSMKeysWrap }, "Not authorized to access Microsoft.KeyVault/managedHsm/keys/wrap/action on /keys/k1"},
		"hsm list": {
			rbac.Access{Model: rbac.ModelRBAC},
			func(r *rbac.Request) { r.Kind, r.Action, r.KeyName = rbac.HSM, rbac.HSMKeysRead, "" },
			"Not authorized to access Microsoft.KeyVault/managedHsm/keys/read/action on /keys",
		},
		"hsm roles": {
			rbac.Access{Model: rbac.ModelRBAC},
			func(r *rbac.Request) { r.Kind, r.Action, r.KeyName = rbac.HSM, rbac.HSMRoleAssignmentsRead, "" },
			"Not authorized to access Microsoft.KeyVault/managedHsm/roleAssignments/read/action on /",
		},
	} {
		if d := cmp.Diff(tc.want, rbac.Decide(tc.access, request(tc.change)).Message); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	good := func() rbac.Access {
		a := withRole(cryptoUser, resource+"/keys/k1")
		a.Policies = []rbac.Policy{{TenantID: tenant, ObjectID: object, Keys: []string{"Get", "WRAPKEY"}}}
		return a
	}
	for want, change := range map[string]func(*rbac.Access){
		`model ""`:                 func(a *rbac.Access) { a.Model = "" },
		`does not exist`:           func(a *rbac.Access) { a.Assignments[0].RoleID = otherID },
		`appears twice`:            func(a *rbac.Access) { a.Assignments = append(a.Assignments, a.Assignments[0]) },
		`principal ""`:             func(a *rbac.Access) { a.Assignments[0].PrincipalID = "" },
		`scope "x"`:                func(a *rbac.Access) { a.Assignments[0].Scope = "x" },
		`scope "/a//b"`:            func(a *rbac.Access) { a.Assignments[0].Scope = "/a//b" },
		`unknown key permission`:   func(a *rbac.Access) { a.Policies[0].Keys = []string{"fly"} },
		`tenant "x"`:               func(a *rbac.Access) { a.Policies[0].TenantID = "x" },
		`1025 access policies`:     func(a *rbac.Access) { a.Policies = make([]rbac.Policy, 1025) },
		`1001 ip rules`:            func(a *rbac.Access) { a.Firewall.IPRules = make([]netip.Prefix, 1001) },
		`an ip rule is empty`:      func(a *rbac.Access) { a.Firewall.IPRules = make([]netip.Prefix, 1) },
		`default action "x"`:       func(a *rbac.Access) { a.Firewall.DefaultAction = "x" },
		`the id is taken`:          func(a *rbac.Access) { a.Roles = []rbac.Role{{ID: cryptoUser}} },
		`type "BuiltInRole"`:       func(a *rbac.Access) { a.Roles = []rbac.Role{{ID: otherID, Name: "n", Type: "BuiltInRole"}} },
		`0 actions`:                func(a *rbac.Access) { a.Roles = []rbac.Role{{ID: otherID, Name: "n", Type: "CustomRole"}} },
		`application "x"`:          func(a *rbac.Access) { a.Policies[0].ApplicationID = "x" },
		`bypass "Everything"`:      func(a *rbac.Access) { a.Firewall.Bypass = "Everything" },
		`public network access "n`: func(a *rbac.Access) { a.Firewall.PublicNetworkAccess = "no" },
	} {
		a := good()
		change(&a)
		if err := a.Validate(rbac.Vault); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	a := good()
	if err := a.Validate(rbac.Vault); err != nil {
		t.Error(err)
	}
	if err := a.Validate("x"); err == nil {
		t.Error("an unknown kind was validated")
	}
	a.Policies, a.Model = nil, rbac.ModelPolicy
	if err := a.Validate(rbac.HSM); err == nil {
		t.Error("an HSM with policies was validated")
	}
	b, err := json.Marshal(good())
	if err != nil {
		t.Fatal(err)
	}
	var back rbac.Access
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(good(), back, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Errorf("JSON round trip (-want +got):\n%s", d)
	}
}

func TestAllowedPathDoesNotAllocate(t *testing.T) {
	a := withRole(cryptoUser, resource+"/keys/k1")
	r := request(nil)
	if n := testing.AllocsPerRun(100, func() {
		if !rbac.Decide(a, r).Allowed {
			t.Fatal("denied")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "1000": 1000} {
		b.Run(name, func(b *testing.B) {
			a := withRole(cryptoUser, resource)
			for range n - 1 {
				a.Assignments = append([]rbac.Assignment{{ID: otherID, RoleID: cryptoUser, PrincipalID: otherID, Scope: "/"}}, a.Assignments...)
			}
			r := request(nil)
			b.ReportAllocs()
			for b.Loop() {
				if !rbac.Decide(a, r).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}
