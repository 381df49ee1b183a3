package rbac

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

// Role is a role definition.
type Role struct {
	ID               string        `json:"id"` // GUID
	Name             string        `json:"roleName"`
	Type             string        `json:"type"` // "BuiltInRole", "AKVBuiltInRole" (HSM), "CustomRole"
	Description      string        `json:"description"`
	Permissions      []Permissions `json:"permissions"`
	AssignableScopes []string      `json:"assignableScopes"`
}

// Permissions is one permission set of a role: what DataActions match and NotDataActions do not. Patterns are compared
// without regard to case; "*" stands for any run of characters, slashes included. Actions and NotActions belong to the
// control plane; they are kept for display and decide nothing here.
type Permissions struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
}

// Allows reports whether the role's data actions hold a.
func (r *Role) Allows(a Action) bool {
	for i := range r.Permissions {
		p := &r.Permissions[i]
		if matchAny(p.DataActions, string(a)) && !matchAny(p.NotDataActions, string(a)) {
			return true
		}
	}
	return false
}

func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if match(p, s) {
			return true
		}
	}
	return false
}

// match compares without regard to (ASCII) case; "*" in the pattern stands for any run of characters. Linear in practice,
// len(pattern)*len(s) at worst, and both are bounded.
func match(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && lower(pattern[i]) == lower(s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

//go:embed roles.json
var rolesJSON []byte

// builtIn is roles.json with, for each role, the known actions that it allows as bits, so that a decision needs no
// pattern. It never changes after it was read.
type builtIn struct {
	vault, hsm kindRoles
}

type kindRoles struct {
	roles []Role
	allow map[string]uint64 // by role id, lower case
	bit   map[Action]uint64
}

func (k *builtIn) of(kind Kind) *kindRoles {
	switch kind {
	case Vault:
		return &k.vault
	case HSM:
		return &k.hsm
	}
	return nil
}

var builtIns = sync.OnceValue(func() *builtIn {
	var file struct {
		Vault []Role `json:"vault"`
		HSM   []Role `json:"hsm"`
	}
	// The file is part of the program and read by every test. Were it broken, there would be no roles: everything is denied.
	_ = json.Unmarshal(rolesJSON, &file)
	return &builtIn{vault: index(Vault, file.Vault), hsm: index(HSM, file.HSM)}
})

func index(kind Kind, roles []Role) kindRoles {
	k := kindRoles{roles: roles, allow: make(map[string]uint64, len(roles)), bit: map[Action]uint64{}}
	for i, a := range Actions(kind) { // at most 64: a test holds it
		k.bit[a] = 1 << i
	}
	for i := range roles {
		var bits uint64
		for a, bit := range k.bit {
			if roles[i].Allows(a) {
				bits |= bit
			}
		}
		k.allow[roles[i].ID] = bits
	}
	return k
}

// BuiltIn lists the built-in roles of a kind. The result is the caller's.
func BuiltIn(kind Kind) []Role {
	k := builtIns().of(kind)
	if k == nil {
		return nil
	}
	out := make([]Role, len(k.roles))
	for i, r := range k.roles {
		out[i] = r.clone()
	}
	return out
}

func (r *Role) clone() Role {
	c := *r
	c.AssignableScopes = append([]string(nil), r.AssignableScopes...)
	c.Permissions = make([]Permissions, len(r.Permissions))
	for i, p := range r.Permissions {
		c.Permissions[i] = Permissions{
			Actions: append([]string{}, p.Actions...), NotActions: append([]string{}, p.NotActions...),
			DataActions: append([]string{}, p.DataActions...), NotDataActions: append([]string{}, p.NotDataActions...),
		}
	}
	return c
}

// roleGUID cuts a role definition id to its last part: the GUID stands at the end of every spelling.
func roleGUID(id string) string {
	return id[strings.LastIndexByte(id, '/')+1:]
}
