package keydb

import (
	"fmt"
	"strconv"
	"strings"
)

// Record names. vault is a vault's id (lower case, "name" or "name.hsm"), name a key's name, key an incarnation.

const (
	prefixVault   = "v/"
	prefixAccess  = "a/"
	prefixDue     = "t/"
	prefixGarbage = "g/"
	prefixInstall = "i/"
	prefixPrivate = "s/"
)

func vaultName(vault string) string  { return prefixVault + vault }
func accessName(vault string) string { return prefixAccess + vault }

func headPrefix(vault string, deleted bool) string {
	if deleted {
		return "d/" + vault + "/"
	}
	return "k/" + vault + "/"
}

func headName(vault, name string, deleted bool) string {
	return headPrefix(vault, deleted) + strings.ToLower(name)
}

func versionPrefix(vault, key string) string        { return "n/" + vault + "/" + key + "/" }
func versionName(vault, key, version string) string { return versionPrefix(vault, key) + version }
func privatePrefix(vault, key string) string        { return prefixPrivate + vault + "/" + key + "/" }
func privateName(vault, key, version string) string { return privatePrefix(vault, key) + version }
func garbageName(vault, key string) string          { return prefixGarbage + vault + "/" + key }
func dueTime(at int64) string                       { return fmt.Sprintf("%s%016x", prefixDue, at) }
func dueName(at int64, vault, name string) string {
	return dueTime(at) + "/" + vault + "/" + strings.ToLower(name)
}
func installName(what string) string { return prefixInstall + what }

// Due is an entry of the index of keys that want attention at a time.
type Due struct {
	At    int64 // Unix seconds
	Vault string
	Name  string // lower case
}

func parseDue(key string) (Due, error) {
	parts := strings.Split(strings.TrimPrefix(key, prefixDue), "/")
	if len(parts) != 3 {
		return Due{}, fmt.Errorf("%w: due entry %q", ErrCorrupt, key)
	}
	at, err := strconv.ParseInt(parts[0], 16, 64)
	if err != nil {
		return Due{}, fmt.Errorf("%w: due entry %q", ErrCorrupt, key)
	}
	return Due{At: at, Vault: parts[1], Name: parts[2]}, nil
}
