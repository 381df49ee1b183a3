package seal

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/crypto/argon2"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// RootKey is what opens the ring: 32 random bytes, or a passphrase from which Argon2id makes them. Destroy it after use.
type RootKey struct {
	key        *secret.Bytes
	passphrase *secret.Bytes // instead of key
}

// GenerateRootKey makes a random root key.
func GenerateRootKey() *RootKey { return &RootKey{key: secret.Random(RootKeyLen)} }

// ParseRootKey reads a root key: 32 raw bytes, 64 hexadecimal digits, or the base64 (either alphabet, padded or not) of 32
// bytes, with a newline after it or not. Errors do not show the input.
func ParseRootKey(b []byte) (*RootKey, error) {
	if len(b) == RootKeyLen { // raw, even where it ends in a newline
		return &RootKey{key: secret.NewLocked(append([]byte(nil), b...))}, nil
	}
	b = trimNewline(b)
	var raw [2 * RootKeyLen]byte
	defer secret.Wipe(raw[:])
	switch len(b) {
	case 2 * RootKeyLen:
		if _, err := hex.Decode(raw[:], b); err != nil {
			return nil, errors.New("64 characters that are not all hexadecimal digits")
		}
	case 43, 44:
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if n, err := enc.Strict().Decode(raw[:], b); err == nil && n == RootKeyLen {
				return &RootKey{key: secret.NewLocked(append([]byte(nil), raw[:n]...))}, nil
			}
		}
		return nil, fmt.Errorf("%d characters that are not the base64 of 32 bytes", len(b))
	default:
		return nil, fmt.Errorf("%d bytes: want 32 bytes, 64 hexadecimal digits, or base64 of 32 bytes", len(b))
	}
	return &RootKey{key: secret.NewLocked(append([]byte(nil), raw[:RootKeyLen]...))}, nil
}

// Passphrase makes a root key of a passphrase of at least MinPassphrase bytes. The caller still owns b.
func Passphrase(b []byte) (*RootKey, error) {
	if len(b) < MinPassphrase {
		return nil, fmt.Errorf("a passphrase of %d bytes is too short: want at least %d", len(b), MinPassphrase)
	}
	return &RootKey{passphrase: secret.NewLocked(append([]byte(nil), b...))}, nil
}

// Destroy overwrites the key. It may be called more than once, and on nil.
func (r *RootKey) Destroy() {
	if r != nil {
		r.key.Destroy()
		r.passphrase.Destroy()
	}
}

// DevelopmentKeyFile is the name of the key file of development mode, in the data directory.
const DevelopmentKeyFile = "INSECURE-development-seal.key"

// LoadInsecureDevelopmentKey reads the key file beside the data, or makes it (mode 0600). The data is then as good as not
// sealed: whoever has the directory has the keys. Callers say so at every start.
func LoadInsecureDevelopmentKey(f fsys.FS, dir string) (*RootKey, error) {
	const op = "reading the development seal key"
	name := filepath.Join(dir, DevelopmentKeyFile)
	b, err := fsys.ReadFile(f, name, maxSource)
	if errors.Is(err, fs.ErrNotExist) {
		r := GenerateRootKey()
		b = hex.AppendEncode(nil, r.key.Expose())
		defer secret.Wipe(b)
		if err := f.MkdirAll(dir, 0o700); err == nil {
			err = fsys.WriteFile(f, name, append(b, '\n'), 0o600)
			if err == nil {
				return r, nil
			}
			return nil, code.Wrap(code.SealKeyMissing, "making the development seal key", name, err)
		} else {
			return nil, code.Wrap(code.SealKeyMissing, "making the development seal key", name, err)
		}
	}
	if err != nil {
		return nil, code.Wrap(code.SealKeyMissing, op, name, err)
	}
	defer secret.Wipe(b)
	r, err := ParseRootKey(b)
	if err != nil {
		return nil, code.Wrap(code.SealKeyInvalid, op, name, err)
	}
	return r, nil
}

// argonParams are Argon2id's, kept beside what they protect (RFC 9106).
type argonParams struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memoryKiB"`
	Threads uint8  `json:"threads"`
}

// defaultArgon is the second recommended option of RFC 9106 section 4: 64 MiB, three passes, four lanes.
func defaultArgon() argonParams { return argonParams{Time: 3, Memory: 64 << 10, Threads: 4} }

// check bounds parameters that were read: neither so weak that guessing is cheap, nor so large that they exhaust the machine.
func (p argonParams) check() error {
	if p.Time < 1 || p.Time > 64 || p.Memory < 19<<10 || p.Memory > 1<<20 || p.Threads < 1 || p.Threads > 64 {
		return fmt.Errorf("argon2id parameters out of range: time %d, memory %d KiB, threads %d", p.Time, p.Memory, p.Threads)
	}
	return nil
}

func (p argonParams) derive(passphrase *secret.Bytes, salt []byte) *secret.Bytes {
	k := secret.NewLocked(argon2.IDKey(passphrase.Expose(), salt, p.Time, p.Memory, p.Threads, RootKeyLen))
	debug.FreeOSMemory() // once per start: the working memory goes back, and with it what it held
	return k
}
