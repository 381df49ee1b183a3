package door

import (
	"net"
	"strconv"
	"strings"

	"latchkey/akv"
	"latchkey/vault/keydb"
)

// Hosts maps host names to vaults by their suffix. The zero value knows no host: use [DefaultHosts] or name your own.
type Hosts struct {
	Vaults []string // suffixes of vaults: "vault.azure.net"
	HSMs   []string // suffixes of Managed HSMs: "managedhsm.azure.net"
}

// DefaultHosts has the public cloud's suffixes and those of this product's own names.
func DefaultHosts() Hosts {
	return Hosts{
		Vaults: []string{"vault.azure.net", "vault.localhost"},
		HSMs:   []string{"managedhsm.azure.net", "managedhsm.localhost"},
	}
}

// Place is what a host name means.
type Place struct {
	Vault    string // id of the vault that would be there; it may not exist
	HSM      bool
	Resource string // what tokens are for: "https://" and the parent domain, with the port unless it is 443
}

// Resolve reads a request's Host, "name.suffix[:port]"; false if it is under no suffix.
func (h Hosts) Resolve(host string) (Place, bool) {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		n, p, err := net.SplitHostPort(host)
		if err != nil {
			return Place{}, false
		}
		if !validPort(p) {
			return Place{}, false // it would stand in challenges and key identifiers
		}
		name, port = n, p
	}
	name = strings.TrimSuffix(lowerASCII(name), ".")
	label, parent, ok := strings.Cut(name, ".")
	if !ok || !akv.ValidVaultName(label) {
		return Place{}, false
	}
	p := Place{Vault: label, Resource: "https://" + parent}
	if port != "" && port != "443" {
		p.Resource += ":" + port
	}
	for _, s := range h.Vaults {
		if strings.EqualFold(parent, s) {
			return p, true
		}
	}
	for _, s := range h.HSMs {
		if strings.EqualFold(parent, s) {
			p.Vault, p.HSM = ID(label, true), true
			return p, true
		}
	}
	return Place{}, false
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0' && s[0] != '+'
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// ID is the id of a vault or Managed HSM by name: both may bear the same.
func ID(name string, hsm bool) string {
	if hsm {
		return strings.ToLower(name) + ".hsm"
	}
	return strings.ToLower(name)
}

// ResourceID is the vault's name in the management plane, as roles' scopes and audit records have it.
func ResourceID(v *keydb.Vault) string {
	kind := "vaults"
	if v.HSM {
		kind = "managedHSMs"
	}
	return "/subscriptions/" + v.Subscription + "/resourceGroups/" + v.ResourceGroup + "/providers/Microsoft.KeyVault/" + kind + "/" + v.Name
}
