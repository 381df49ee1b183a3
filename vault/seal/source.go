package seal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Bounds of what a source gives.
const (
	// RootKeyLen is the length of a root key in bytes.
	RootKeyLen = 32
	// MinPassphrase is the least length of a passphrase in bytes.
	MinPassphrase = 12

	maxSource = 4096 // bytes read from any source
)

// kind is a kind of source.
type kind string

const (
	fromFile           kind = "file"
	fromEnv            kind = "env"
	fromPassphraseFile kind = "passphrase-file"
	fromPassphraseEnv  kind = "passphrase-env"
	fromPrompt         kind = "prompt"
	fromCredential     kind = "credential"
	development        kind = "dev"
)

// Source says where a root key comes from. The zero value is no source; use [ParseSource].
type Source struct {
	kind kind
	arg  string
}

// ParseSource reads the specification of a source:
//
//	file:/path             an absolute path; 32 bytes, 64 hexadecimal digits, or base64; mode 0600 or less
//	env:NAME               hexadecimal or base64; removed from the environment once read
//	passphrase-file:/path  a passphrase of at least 12 bytes; mode 0600 or less
//	passphrase-env:NAME    removed from the environment once read
//	prompt                 a passphrase asked for at the terminal
//	credential:NAME        a systemd credential, as file: reads it
//	dev                    a key file beside the data, made when missing: development only
func ParseSource(spec string) (Source, error) {
	k, arg, has := strings.Cut(spec, ":")
	s := Source{kind: kind(k), arg: arg}
	var problem string
	switch s.kind {
	case fromFile, fromPassphraseFile:
		if arg == "" {
			problem = "a path is missing"
		} else if !filepath.IsAbs(arg) {
			problem = "the path is not absolute: it must mean the same at the next start, and to a running server"
		}
	case fromEnv, fromPassphraseEnv:
		if arg == "" || strings.ContainsAny(arg, "=\x00") {
			problem = "the name of a variable is missing"
		}
	case fromCredential:
		if arg == "" || arg == "." || arg == ".." || strings.ContainsAny(arg, "/\\\x00") {
			problem = "the name of a credential is missing or has a slash"
		}
	case fromPrompt, development:
		if has {
			problem = "nothing may follow"
		}
	default:
		// The text is not repeated: somebody may have put the key itself here.
		problem = "want file:PATH, env:NAME, passphrase-file:PATH, passphrase-env:NAME, prompt, credential:NAME or dev"
		return Source{}, code.Wrap(code.SealKeyInvalid, "reading the seal key source", "", errors.New(problem))
	}
	if problem != "" {
		return Source{}, code.Wrap(code.SealKeyInvalid, "reading the seal key source", spec, errors.New(problem))
	}
	return s, nil
}

// String is the specification.
func (s Source) String() string {
	if s.kind == fromPrompt || s.kind == development || s.kind == "" {
		return string(s.kind)
	}
	return string(s.kind) + ":" + s.arg
}

// Development reports whether the key lies beside the data in clear. Who starts such an installation warns.
func (s Source) Development() bool { return s.kind == development }

// Environment is what sources read from. The zero value has files alone: no variables, no terminal.
type Environment struct {
	// Dir is the data directory, for the source dev.
	Dir string
	// FS is the file system of Dir; nil means the machine's.
	FS fsys.FS
	// LookupEnv is os.LookupEnv where the program reads its environment; nil means that no variable is set.
	LookupEnv func(name string) (string, bool)
	// Unsetenv defaults to os.Unsetenv.
	Unsetenv func(name string) error
	// Prompt asks for a passphrase at the terminal without echo; nil means that there is none.
	Prompt func(ctx context.Context) (*secret.Bytes, error)
}

// Load reads the root key. Destroy it when the Sealer is open. Errors carry a code: SealKeyMissing, SealKeyExposed,
// SealKeyInvalid; none holds a byte of what was read. For the source dev it calls [LoadInsecureDevelopmentKey].
func (s Source) Load(ctx context.Context, e Environment) (*RootKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the seal key: %w", err)
	}
	if e.LookupEnv == nil {
		e.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if e.Unsetenv == nil {
		e.Unsetenv = os.Unsetenv
	}
	if e.FS == nil {
		e.FS = fsys.OS{}
	}
	switch s.kind {
	case fromFile, fromPassphraseFile:
		if e.Dir != "" && within(s.arg, e.Dir) {
			return nil, code.Wrap(code.SealKeyExposed, "reading the seal key", s.arg,
				errors.New("it lies in the data directory, beside what it seals: who copies one has both; keep it elsewhere"))
		}
		b, err := readPrivate(s.arg, ownerOnly)
		return s.root(b, err)
	case fromCredential:
		dir, ok := e.LookupEnv("CREDENTIALS_DIRECTORY")
		if !ok || dir == "" {
			return nil, s.missing(errors.New("CREDENTIALS_DIRECTORY is not set: not started by systemd with LoadCredential"))
		}
		b, err := readPrivate(filepath.Join(dir, s.arg), notOthers)
		return s.root(b, err)
	case fromEnv, fromPassphraseEnv:
		v, ok := e.LookupEnv(s.arg)
		if !ok || v == "" {
			return nil, s.missing(errors.New("the variable is not set"))
		}
		// The kernel's copy of the initial environment (/proc/self/environ) stays; children and later reads do not get it.
		if err := e.Unsetenv(s.arg); err != nil {
			return nil, s.missing(err)
		}
		if len(v) > maxSource {
			return nil, s.invalid(fmt.Errorf("longer than %d bytes", maxSource))
		}
		return s.root([]byte(v), nil)
	case fromPrompt:
		if e.Prompt == nil {
			return nil, s.missing(errors.New("there is no terminal to ask at"))
		}
		p, err := e.Prompt(ctx)
		if err != nil {
			return nil, s.missing(err)
		}
		defer p.Destroy()
		return s.root(append([]byte(nil), p.Expose()...), nil)
	case development:
		return LoadInsecureDevelopmentKey(e.FS, e.Dir)
	}
	return nil, code.New(code.SealKeyInvalid, "reading the seal key", "no source")
}

// within reports whether a file lies in or below a directory, by whatever names and links. What does not exist lies nowhere.
func within(file, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	at, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false
	}
	if at, err = filepath.Abs(at); err != nil {
		return false
	}
	for {
		up := filepath.Dir(at)
		if up == at {
			return false
		}
		at = up
		if fi, err := os.Stat(at); err == nil && os.SameFile(fi, want) {
			return true
		}
	}
}

func (s Source) missing(err error) error {
	return code.Wrap(code.SealKeyMissing, "reading the seal key", s.String(), err)
}

func (s Source) invalid(err error) error {
	return code.Wrap(code.SealKeyInvalid, "reading the seal key", s.String(), err)
}

// root makes a root key of b, which it wipes.
func (s Source) root(b []byte, err error) (*RootKey, error) {
	defer secret.Wipe(b)
	if code.Of(err) != 0 {
		return nil, err
	}
	if err != nil {
		return nil, s.missing(err)
	}
	var r *RootKey
	if s.kind == fromPassphraseFile || s.kind == fromPassphraseEnv || s.kind == fromPrompt {
		r, err = Passphrase(trimNewline(b))
	} else {
		r, err = ParseRootKey(b)
	}
	if err != nil {
		return nil, s.invalid(err)
	}
	return r, nil
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
