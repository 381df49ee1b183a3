package keyspec

import (
	"slices"

	"latchkey/akv"
	"latchkey/vault/keydb"
)

// Release is the name that [Usable] takes for the release of a key, which key_ops does not govern.
const Release = "release"

// Usable tells whether a version may be used for a key operation at a time in Unix seconds; nil if so. Protecting new data
// (encrypt, sign, wrap) needs the time to be inside nbf..exp; reading old data does not.
func Usable(v *keydb.Version, op string, now int64) *akv.Error {
	if !v.Enabled {
		return Forbidden(akv.InnerKeyDisabled, "Operation %s is not allowed on a disabled key.", op)
	}
	switch op {
	case akv.OpEncrypt, akv.OpSign, akv.OpWrapKey:
		if v.NotBefore != nil && now < *v.NotBefore {
			return Forbidden(akv.InnerKeyNotYetValid, "Operation %s is not allowed on a key that is not yet valid.", op)
		}
		if v.Expires != nil && now >= *v.Expires {
			return Forbidden(akv.InnerKeyExpired, "Operation %s is not allowed on an expired key.", op)
		}
	case Release:
		return nil
	}
	if !slices.Contains(v.Ops, op) {
		return Forbidden(akv.InnerKeyOperationForbidden, "Operation %s is not permitted on this key.", op)
	}
	return nil
}
