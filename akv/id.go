package akv

import (
	"fmt"
	"net/url"
	"strings"
)

// Bounds of names and members.
const (
	MaxKeyName  = 127 // characters
	VersionLen  = 32  // lower-case hexadecimal characters of a key version
	MaxTags     = 15
	MaxTagName  = 256 // characters
	MaxTagValue = 256 // characters
	MaxPage     = 25  // items of a list page, also the default
	MaxRandom   = 128 // bytes of one rng call
)

// The collections in which keys live.
const (
	Keys        = "keys"
	DeletedKeys = "deletedkeys"
)

// KeyID is a key's identifier: https://host[:port]/keys/name[/version].
type KeyID struct {
	Base       string // "https://host[:port]"
	Collection string // Keys or DeletedKeys
	Name       string
	Version    string // "" for the key as such
}

// String is the identifier as a URL.
func (id KeyID) String() string {
	s := id.Base + "/" + id.Collection + "/" + id.Name
	if id.Version != "" {
		s += "/" + id.Version
	}
	return s
}

// ParseKeyID reads an identifier of a key or deleted key. The collection may be in any case, a trailing slash is allowed.
func ParseKeyID(s string) (KeyID, error) {
	u, err := url.Parse(s)
	if err != nil {
		return KeyID{}, fmt.Errorf("reading key identifier %q: %w", s, err)
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return KeyID{}, fmt.Errorf("key identifier %q is not of the form https://host/keys/name/version", s)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return KeyID{}, fmt.Errorf("key identifier %q is not of the form https://host/keys/name/version", s)
	}
	id := KeyID{Base: "https://" + u.Host, Collection: strings.ToLower(parts[0]), Name: parts[1]}
	if len(parts) == 3 {
		id.Version = strings.ToLower(parts[2])
	}
	switch {
	case id.Collection != Keys && id.Collection != DeletedKeys:
		return KeyID{}, fmt.Errorf("key identifier %q names the collection %q, want %q", s, parts[0], Keys)
	case !ValidKeyName(id.Name):
		return KeyID{}, fmt.Errorf("key identifier %q has the invalid key name %q", s, id.Name)
	case id.Version != "" && !ValidVersion(id.Version):
		return KeyID{}, fmt.Errorf("key identifier %q has the invalid version %q", s, id.Version)
	}
	return id, nil
}

// ValidKeyName reports whether s is 1 to 127 letters, digits and hyphens.
func ValidKeyName(s string) bool {
	if len(s) == 0 || len(s) > MaxKeyName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '-' {
			return false
		}
	}
	return true
}

// ValidVersion reports whether s is 32 lower-case hexadecimal characters.
func ValidVersion(s string) bool {
	if len(s) != VersionLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ValidVaultName reports whether s is a vault's name: 3 to 24 letters, digits and hyphens, a letter first, a letter or
// digit last, no two hyphens together.
func ValidVaultName(s string) bool {
	if len(s) < 3 || len(s) > 24 || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '-' {
			return false
		}
	}
	first, last := s[0], s[len(s)-1]
	return isAlnum(first) && (first < '0' || first > '9') && last != '-'
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
