// Package keymap keeps the map from a key's thumbprint to its full URI, per vault: what SQL Server's connector keeps in the
// Windows registry. [File] is a file with a checksum that is replaced as a whole; on Windows OpenRegistry gives the documented
// registry branch. Both answer alike: [ErrNotFound] for what they do not have, code 2057 for a thumbprint that stands for
// another URI already, code 2058 for everything that the system refuses.
//
// The map is no secret and holds none, but whoever changes it decides which key version a database is opened with. Keep its
// file writable for the service account alone. A lost map is no loss of data: it can be filled again from the vault.
package keymap

import (
	"errors"
	"fmt"
	"strings"

	"latchkey/ekm"
	"latchkey/ekm/code"
)

// ErrNotFound means that the map has no such thumbprint.
var ErrNotFound = errors.New("not in the thumbprint map")

// Entry is one line of the map.
type Entry struct {
	Vault      string // its URL
	Thumbprint ekm.Thumbprint
	URI        string // of the key, with its version
}

// same reports whether two entries say the same. A vault tells apart no letter case in names, and may write a name either way.
func (e Entry) same(o Entry) bool {
	return e.Vault == o.Vault && e.Thumbprint == o.Thumbprint && strings.EqualFold(e.URI, o.URI)
}

// conflict is the error for a thumbprint that is there with another URI.
func conflict(have, want Entry) error {
	return code.Wrap(code.ThumbprintExistedInRegistry, "registering the key", want.URI,
		fmt.Errorf("thumbprint %s of vault %q stands for %q", want.Thumbprint, want.Vault, have.URI))
}

func failure(op, on string, err error) error { return code.Wrap(code.FailureInRegistry, op, on, err) }
