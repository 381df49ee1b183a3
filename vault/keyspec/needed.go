package keyspec

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/vault/keydb"
)

// DependentState is what a silent dependent counts for at a time in Unix seconds.
func DependentState(d *keydb.Dependent, now int64) string {
	switch late := now - d.Renewed - d.Lease; {
	case late < 0:
		return akv.DependentCurrent
	case late < int64(akv.DependentGrace/time.Second):
		return akv.DependentStale
	}
	return akv.DependentLapsed
}

// Needed refuses to take versions of keys from servers that need them: 409, with who needs what and how to do it all the same. of says which versions go. nil if nobody needs them.
func Needed(list []*keydb.Dependent, now int64, of func(akv.Use) bool) *akv.Error {
	return needed(list, now, of, "Rotate the databases first", "latchkey key disable --force --reason TEXT")
}

// NeededVault is Needed for a whole vault.
func NeededVault(list []*keydb.Dependent, now int64) *akv.Error {
	return needed(list, now, func(akv.Use) bool { return true }, "Put the databases under keys of another vault first", "latchkey vault delete --force --reason TEXT")
}

func needed(list []*keydb.Dependent, now int64, of func(akv.Use) bool, before, forced string) *akv.Error {
	var first string
	servers, more := 0, 0
	for _, d := range list {
		state := DependentState(d, now)
		if state == akv.DependentLapsed {
			continue
		}
		counted := false
		for _, u := range d.Uses {
			if !of(u) {
				continue
			}
			if !counted {
				counted = true
				servers++
			}
			if first != "" {
				more++
				continue
			}
			first = fmt.Sprintf("Key version '%s/%s' is still needed by server '%s'%s", u.Key, u.Version, d.Server, what(u))
			if state == akv.DependentStale {
				first += fmt.Sprintf(", which was last heard of on %s", time.Unix(d.Renewed, 0).UTC().Format(time.RFC3339))
			}
		}
	}
	if first == "" {
		return nil
	}
	if more > 0 {
		first += fmt.Sprintf("; %d other things on %d server(s) need what this call takes away", more, servers)
	}
	return &akv.Error{
		Status: http.StatusConflict, Code: akv.CodeConflict, Inner: akv.InnerKeyStillNeeded,
		Message: first + ". Nothing was changed. " + before + " and let 'latchkey retire' show that nothing needs it; to do it all the same, repeat the call with the header '" +
			akv.HeaderForceReason + "' and a reason (" + forced + "), which is audited.",
	}
}

func what(u akv.Use) string {
	var parts []string
	if u.Kind != "" && u.Database != "" {
		parts = append(parts, u.Kind+" '"+u.Database+"'")
	} else if u.Kind != "" {
		parts = append(parts, u.Kind)
	}
	if u.Thumbprint != "" {
		parts = append(parts, "thumbprint "+u.Thumbprint)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Opens reports whether a version can unwrap, now or ever after: what a dependent needs it for.
func Opens(v *keydb.Version, now int64) bool { return Usable(v, akv.OpUnwrapKey, now) == nil }
