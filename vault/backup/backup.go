// Package backup encodes key backups: everything of a key, all versions with their private halves, sealed so that only an
// installation that holds the backup key can restore it.
//
// A blob is "&LatchkeyKeyBackup", a version byte and what the [Sealer] (seal.BackupKeys) made of the JSON inside. See
// docs/formats/key-backup.md. [Seal] and [Open] are all there is; they bound sizes and answer what is no blob with [ErrMalformed].
// Errors of the Sealer pass through: a blob under a key that is not known, or an altered one.
//
// Not protected: a blob tells the size of the key inside and which backup key sealed it. It does not expire: to make old
// blobs useless, destroy the backup key.
package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/internal/secret"
	"latchkey/vault/keydb"
)

// MaxBlob bounds a blob in bytes: some 1,500 versions of RSA-2048.
const MaxBlob = 6 << 20

const (
	magic   = "&LatchkeyKeyBackup"
	version = 1
	header  = len(magic) + 1
	context = "latchkey key backup v1"
)

// Errors.
var (
	ErrMalformed = errors.New("malformed backup blob")
	// ErrTooLarge means that a key has too many versions for one blob.
	ErrTooLarge = errors.New("backup too large")
)

// Sealer seals and opens backups under keys of the installation, or imported ones.
type Sealer interface {
	Seal(context string, plaintext []byte) ([]byte, error)
	Open(context string, sealed []byte) (*secret.Bytes, error)
}

// Content is what a blob holds.
type Content struct {
	Name     string        `json:"name"`
	HSM      bool          `json:"hsm,omitempty"` // of a Managed HSM
	Current  string        `json:"current"`
	Policy   *keydb.Policy `json:"policy,omitempty"`
	Versions []Version     `json:"versions"`
}

// Version is one version with its private half in the form of keywrap.MarshalPrivate.
type Version struct {
	Public  *keydb.Version `json:"public"`
	Private []byte         `json:"private"`
}

// Wipe overwrites the private halves.
func (c *Content) Wipe() {
	for i := range c.Versions {
		secret.Wipe(c.Versions[i].Private)
	}
}

// Seal makes a blob of c.
func Seal(s Sealer, c *Content) ([]byte, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding a backup: %w", err)
	}
	defer secret.Wipe(plain)
	sealed, err := s.Seal(context, plain)
	if err != nil {
		return nil, err
	}
	if size := header + len(sealed); size > MaxBlob {
		return nil, fmt.Errorf("%w: %d versions need %d bytes, at most %d", ErrTooLarge, len(c.Versions), size, MaxBlob)
	}
	blob := make([]byte, 0, header+len(sealed))
	blob = append(blob, magic...)
	blob = append(blob, version)
	return append(blob, sealed...), nil
}

// Open reads a blob. The caller wipes the content.
func Open(s Sealer, blob []byte) (*Content, error) {
	switch {
	case len(blob) > MaxBlob:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(blob), MaxBlob)
	case len(blob) < header || !bytes.HasPrefix(blob, []byte(magic)):
		return nil, fmt.Errorf("%w: not a backup of this product", ErrMalformed)
	case blob[len(magic)] != version:
		return nil, fmt.Errorf("%w: format version %d, this program reads %d", ErrMalformed, blob[len(magic)], version)
	}
	plain, err := s.Open(context, blob[header:])
	if err != nil {
		return nil, err
	}
	defer plain.Destroy()
	var c Content
	if err := json.Unmarshal(plain.Expose(), &c); err != nil {
		c.Wipe()
		return nil, fmt.Errorf("%w: its content does not read", ErrMalformed)
	}
	return &c, nil
}
