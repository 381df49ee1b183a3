package rbac

import (
	"net/netip"
	"strconv"
	"strings"
)

// decide checks the network; false with the denial when the caller may not come in.
func (f *Firewall) decide(r *Request) (Decision, bool) {
	if r.Private {
		return Decision{}, true
	}
	trusted := r.Trusted && strings.EqualFold(f.Bypass, "AzureServices")
	if f.PublicNetworkAccess != "" && !strings.EqualFold(f.PublicNetworkAccess, "Enabled") && !trusted {
		return Decision{
			Inner: ForbiddenByConnection,
			Message: "Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\n" +
				"Caller: " + caller(&r.Principal, false) + "\r\n" + place(r),
		}, false
	}
	if f.DefaultAction == "" || strings.EqualFold(f.DefaultAction, "Allow") || trusted || f.holds(r.Addr) {
		return Decision{}, true
	}
	addr := "unknown"
	if r.Addr.IsValid() {
		addr = r.Addr.Unmap().WithZone("").String()
	}
	return Decision{
		Inner: ForbiddenByFirewall,
		Message: "Client address is not authorized and caller is not a trusted service.\r\n" +
			"Client address: " + addr + "\r\nCaller: " + caller(&r.Principal, false) + "\r\n" + place(r),
	}, false
}

func (f *Firewall) holds(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range f.IPRules {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func caller(p *Principal, groups bool) string {
	s := "appid=" + p.AppID + ";oid=" + p.ObjectID
	if groups {
		s += ";numgroups=" + strconv.Itoa(len(p.Groups))
	}
	return s + ";iss=" + p.Issuer
}

func place(r *Request) string { return "Vault: " + r.VaultName + ";location=" + r.Location }

func policyMessage(r *Request) string {
	return "Operation is not allowed.\r\nOperation: \"" + string(r.Permission) + "\"\r\n" +
		"Caller: " + caller(&r.Principal, true) + "\r\n" + place(r)
}

func rbacMessage(r *Request) string {
	resource := r.ResourceID
	if r.KeyName != "" {
		resource += "/keys/" + r.KeyName
	}
	return "Caller is not authorized to perform action on resource.\r\n" +
		"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n" +
		"Caller: " + caller(&r.Principal, false) + "\r\n" +
		"Action: '" + string(r.Action) + "'\r\n" +
		"Resource: '" + resource + "'\r\n" +
		"Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\n" +
		place(r) + "\r\n"
}
