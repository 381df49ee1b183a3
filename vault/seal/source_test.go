package seal_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
	"latchkey/vault/seal"
	"latchkey/vault/store/storetest"
)

func TestSources(t *testing.T) {
	dir := t.TempDir()
	const hexKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	const b64Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i)
	}
	file := func(name, content string, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	stores := map[string]*storetest.Mem{}
	const words = "seven words that nobody would guess"
	env := map[string]string{
		"HEX": hexKey, "B64": b64Key, "SHORT": "abc", "WORDS": words, "CREDENTIALS_DIRECTORY": dir,
	}
	e := seal.Environment{
		Dir:       filepath.Join(dir, "data"),
		LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok },
		Unsetenv:  func(n string) error { delete(env, n); return nil },
	}
	prompting := e
	prompting.Prompt = func(context.Context) (*secret.Bytes, error) { return secret.FromString(words), nil }
	file("cred", hexKey+"\n", 0o440)
	if err := os.Mkdir(e.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// A key in the data directory is the development mode by another name, also by way of a link.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file("data/linked", hexKey, 0o600), link); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		spec string
		env  seal.Environment
		code code.Code // 0: it loads
		same string    // equal specs give equal keys
	}{
		{"file:" + file("hex", hexKey+"\n", 0o600), e, 0, "key"},
		{"file:" + file("raw", string(raw), 0o400), e, 0, "key"},
		{"file:" + file("b64", b64Key, 0o600), e, 0, "key"},
		{"file:" + file("b64url", strings.TrimRight(b64Key, "=")+"\r\n", 0o600), e, 0, "key"},
		{"env:HEX", e, 0, "key"},
		{"env:B64", e, 0, "key"},
		{"credential:cred", e, 0, "key"},
		{"passphrase-file:" + file("words", words+"\n", 0o600), e, 0, "words"},
		{"passphrase-env:WORDS", e, 0, "words"},
		{"prompt", prompting, 0, "words"},
		{"dev", e, 0, "dev"},
		{"dev", e, 0, "dev"},
		{"prompt", e, code.SealKeyMissing, ""},
		{"env:HEX", e, code.SealKeyMissing, ""}, // it was unset
		{"env:SHORT", e, code.SealKeyInvalid, ""},
		{"file:" + filepath.Join(dir, "none"), e, code.SealKeyMissing, ""},
		{"file:" + dir, e, code.SealKeyInvalid, ""},
		{"file:" + file("group", hexKey, 0o640), e, code.SealKeyExposed, ""},
		{"file:" + file("other", hexKey, 0o604), e, code.SealKeyExposed, ""},
		{"credential:other", e, code.SealKeyExposed, ""},
		{"file:" + file("data/beside", hexKey, 0o600), e, code.SealKeyExposed, ""},
		{"passphrase-file:" + file("data/words", words, 0o600), e, code.SealKeyExposed, ""},
		{"file:" + link, e, code.SealKeyExposed, ""},
		{"passphrase-file:" + file("short", "qwerty", 0o600), e, code.SealKeyInvalid, ""},
		{"file:" + file("long", strings.Repeat("a", 5000), 0o600), e, code.SealKeyInvalid, ""},
		{"file:" + file("nothex", strings.Repeat("z", 64), 0o600), e, code.SealKeyInvalid, ""},
		{"credential:none", e, code.SealKeyMissing, ""},
	} {
		t.Run(tc.spec, func(t *testing.T) {
			s, err := seal.ParseSource(tc.spec)
			if err != nil {
				t.Fatal(err)
			}
			if s.String() != tc.spec || s.Development() != (tc.spec == "dev") {
				t.Errorf("spec %q, development %v", s, s.Development())
			}
			r, err := s.Load(t.Context(), tc.env)
			if code.Of(err) != tc.code || (err == nil) != (tc.code == 0) {
				t.Fatalf("load: %v, want %v", err, tc.code)
			}
			if err != nil {
				for _, leak := range []string{hexKey, b64Key, words, "zzzz", "qwerty"} {
					if strings.Contains(err.Error(), leak) {
						t.Errorf("the error shows what was read: %v", err)
					}
				}
				return
			}
			st := stores[tc.same]
			if st == nil {
				st = storetest.NewMem()
				stores[tc.same] = st
			}
			if _, err := seal.Open(t.Context(), seal.Config{Store: st, Root: r}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, bad := range []string{"", "file", "file:", "file:seal.key", "passphrase-file:./seal", "env:", "env:A=B", "credential:../x", "credential:", "prompt:", "dev:x", hexKey} {
		if _, err := seal.ParseSource(bad); !errors.Is(err, code.SealKeyInvalid) || strings.Contains(err.Error(), hexKey) {
			t.Errorf("source %q: %v", bad, err)
		}
	}
	if fi, err := os.Stat(filepath.Join(e.Dir, seal.DevelopmentKeyFile)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("development key: %v", err)
	}
}
