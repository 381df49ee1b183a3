package akv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What follows is an extension of Latchkey's vaults: servers register which versions of keys they need, and the vault keeps them from being disabled or deleted. Azure has none of it.
const (
	// PathDependents is where dependents are: GET lists them, PUT and DELETE of one below it (see DependentPath) register and forget it.
	PathDependents = "/latchkey/dependents"
	// HeaderExtensions names what a vault has beyond Azure's; its replies to callers that it knows carry it.
	HeaderExtensions = "X-Latchkey-Extensions"
	// ExtensionDependents is the word of HeaderExtensions for dependents.
	ExtensionDependents = "dependents"
	// HeaderForceReason does what the vault would refuse because a server needs the key; its value is the reason, which the audit log keeps.
	HeaderForceReason = "X-Latchkey-Force-Reason"
	// MaxForceReason bounds a reason in bytes.
	MaxForceReason = 200
	// InnerKeyStillNeeded is the inner code of a refusal because a server needs the key.
	InnerKeyStillNeeded = "KeyStillNeeded"
	// MaxUses bounds what one dependent registers; MaxUsesOfVersion is what Condense leaves of one version.
	MaxUses          = 2000
	MaxUsesOfVersion = 50
)

// Times of a registration.
const (
	DependentLease = 24 * time.Hour // without another wish
	MinLease       = 10 * time.Minute
	MaxLease       = 30 * 24 * time.Hour
	// DependentGrace is how long after its lease a silent server is still heeded.
	DependentGrace = 30 * 24 * time.Hour
)

// The states of a dependent.
const (
	DependentCurrent = "current" // it renewed in time
	DependentStale   = "stale"   // its lease is over; it is still heeded
	DependentLapsed  = "lapsed"  // silent for DependentGrace after its lease: shown until it is forgotten, not heeded
)

// Use is one thing on a server that needs a version of a key.
type Use struct {
	Key        string `json:"key"`     // its name in the vault
	Version    string `json:"version"` // 32 hexadecimal digits
	Database   string `json:"database,omitempty"`
	Kind       string `json:"kind"`                 // "database", "kept log", "backup", ...
	Thumbprint string `json:"thumbprint,omitempty"` // as SQL Server shows it, 0x...
}

// Dependent is a server and what it needs: the body of PUT, and with the members after Uses an item of lists.
type Dependent struct {
	ID     string `json:"id,omitempty"`    // names the registration, 1 to 128 printable characters without "/"
	Server string `json:"server"`          // for people: @@SERVERNAME
	Lease  int64  `json:"lease,omitempty"` // seconds until it counts as stale; 0 for DependentLease
	Uses   []Use  `json:"uses"`            // none ends the registration

	State    string `json:"state,omitempty"`
	Owner    string `json:"owner,omitempty"` // object id of who registered it
	Created  int64  `json:"created,omitempty"`
	Renewed  int64  `json:"renewed,omitempty"`
	StaleAt  int64  `json:"staleAt,omitempty"`
	LapsesAt int64  `json:"lapsesAt,omitempty"`
	// Problems are uses whose key version is not usable in the vault now.
	Problems []string `json:"problems,omitempty"`
}

// DependentList is the reply of GET.
type DependentList struct {
	Value []Dependent `json:"value"`
}

// ValidDependentID reports whether id may name a registration.
func ValidDependentID(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}

// Condense sorts uses, drops repeated ones, and leaves of each version at most MaxUsesOfVersion, the last of which says how many more there are.
func Condense(uses []Use) []Use {
	order := func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Database, b.Database), cmp.Compare(a.Kind, b.Kind))
	}
	sorted := slices.SortedFunc(slices.Values(uses), order)
	sorted = slices.CompactFunc(sorted, func(a, b Use) bool { return order(a, b) == 0 })
	var out []Use
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Key == sorted[0].Key && sorted[n].Version == sorted[0].Version {
			n++
		}
		if n <= MaxUsesOfVersion {
			out = append(out, sorted[:n]...)
		} else {
			out = append(out, sorted[:MaxUsesOfVersion-1]...)
			rest := sorted[0]
			rest.Database, rest.Kind = fmt.Sprintf("and %d more", n-MaxUsesOfVersion+1), "more"
			out = append(out, rest)
		}
		sorted = sorted[n:]
	}
	return out
}
