// Package keyname reads the two ways a key is named: PROVIDER_KEY_NAME of a SQL statement, and the pinned URI that the thumbprint
// map keeps. It knows no network.
package keyname

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"

	"latchkey/ekm"
	"latchkey/ekm/code"
)

// Limits of key names in characters.
const (
	maxKeyName    = 127 // of the vault
	strictKeyName = 26  // of the documents
	versionLen    = 32  // hex digits
)

// Parse reads PROVIDER_KEY_NAME: "name" or "name/version". Errors are codes 6 and 2049.
func Parse(s string, strict bool) (name, version string, err error) {
	const op = "reading the key name"
	shown := s
	if len(shown) > 160 {
		shown = shown[:160] + "..."
	}
	bad := func(c code.Code, format string, args ...any) (string, string, error) {
		return "", "", code.Wrap(c, op, shown, fmt.Errorf(format, args...))
	}
	if n := 2 * len(utf16.Encode([]rune(s))); n > ekm.MaxNameLen {
		return bad(code.InvalidArgument, "it has %d bytes as UTF-16, at most %d are allowed", n, ekm.MaxNameLen)
	}
	name, version, versioned := strings.Cut(s, "/")
	switch {
	case name == "":
		return bad(code.InvalidArgument, "it is empty")
	case !all(name, isNameByte):
		return bad(code.InvalidArgument, "only letters, digits and hyphens are allowed, then at most one slash and a version")
	case versioned && (len(version) != versionLen || !all(version, isHex)):
		return bad(code.InvalidArgument, "the version after the slash must be %d hex digits", versionLen)
	case strict && len(name) > strictKeyName:
		return bad(code.KeyNameDoesNotFitThumbprint, "the name has %d characters, at most %d are allowed while strict names are on", len(name), strictKeyName)
	case len(name) > maxKeyName:
		return bad(code.InvalidArgument, "the name has %d characters, a vault takes at most %d", len(name), maxKeyName)
	}
	return name, strings.ToLower(version), nil
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// ParseURI takes a pinned key URI of the vault apart: vault/keys/name/version. Errors are code 3104, as for any address that
// no request can be made of.
func ParseURI(vault, uri string) (name, version string, err error) {
	fail := func(format string, args ...any) (string, string, error) {
		return "", "", code.Wrap(code.HTTPOpenRequest, "reading the key URI", uri, fmt.Errorf(format, args...))
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fail("it is not a key URI")
	}
	if !strings.EqualFold("https://"+strings.TrimSuffix(u.Host, ":443"), vault) {
		return fail("it does not belong to the vault %q", vault)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) != 3 || !strings.EqualFold(parts[0], "keys") {
		return fail("it does not name a key and a version")
	}
	if name, version, err = Parse(parts[1]+"/"+parts[2], false); err != nil {
		return fail("%w", err)
	}
	return name, version, nil
}
