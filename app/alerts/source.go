package alerts

import (
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// maxSecretFile bounds a file with a secret, bytes.
const maxSecretFile = 64 << 10

// CheckSource says what is wrong with where a secret comes from, without reading it.
func CheckSource(spec string) error {
	_, _, err := parseSource(spec)
	return err
}

// parseSource reads file:/PATH, env:NAME or credential:NAME. Errors do not repeat the text: somebody may have put the secret itself there.
func parseSource(spec string) (kind, arg string, err error) {
	kind, arg, _ = strings.Cut(spec, ":")
	switch {
	case kind == "file" && filepath.IsAbs(arg):
	case kind == "file":
		return "", "", errors.New("file: wants an absolute path")
	case kind == "env" && arg != "" && !strings.ContainsAny(arg, "=\x00"):
	case kind == "credential" && arg != "" && arg != "." && arg != ".." && !strings.ContainsAny(arg, "/\\\x00"):
	default:
		return "", "", errors.New("a secret comes from file:/PATH, env:NAME or credential:NAME; it does not stand here itself")
	}
	return kind, arg, nil
}

// Sources is where secrets are read from.
type Sources struct {
	FS        fsys.FS
	LookupEnv func(string) (string, bool)
	Unsetenv  func(string) error // nil leaves variables
}

// Read reads a secret, without a line end after it. Errors hold no byte of it.
func (s Sources) Read(spec string) (*secret.Bytes, error) {
	kind, arg, err := parseSource(spec)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "env":
		v, ok := s.LookupEnv(arg)
		if !ok || v == "" {
			return nil, fmt.Errorf("the variable %s is not set", arg)
		}
		if s.Unsetenv != nil {
			_ = s.Unsetenv(arg) // it stays readable for this process alone otherwise
		}
		return secret.FromString(v), nil
	case "credential":
		dir, ok := s.LookupEnv("CREDENTIALS_DIRECTORY")
		if !ok || dir == "" {
			return nil, errors.New("CREDENTIALS_DIRECTORY is not set: not started by systemd with LoadCredential")
		}
		arg = filepath.Join(dir, arg)
	}
	info, err := s.FS.Stat(arg)
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	if kind == "file" && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("reading a secret: others may read %q (mode %04o); chmod 600 it", arg, info.Mode().Perm())
	}
	b, err := fsys.ReadFile(s.FS, arg, maxSecretFile)
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	defer secret.Wipe(b)
	t := b
	for len(t) > 0 && (t[len(t)-1] == '\n' || t[len(t)-1] == '\r') {
		t = t[:len(t)-1]
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("reading a secret: %q is empty", arg)
	}
	return secret.New(t), nil
}

// roots reads a file of authorities; nil for the system's.
func roots(f fsys.FS, name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	b, err := fsys.ReadFile(f, name, 1<<20)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%q holds no certificate in PEM form", name)
	}
	return p, nil
}
