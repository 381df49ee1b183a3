package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"latchkey/app/cli"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// run runs one command in this process and returns its exit code and both outputs.
func run(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{
		Args: args, Stdout: &out, Stderr: &errs, Clock: clock.System{}, FS: fsys.OS{},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return code, out.String(), errs.String()
}

func TestFlagsStandAnywhere(t *testing.T) {
	for _, args := range [][]string{
		{"explain", "--format", "json", "2058"},
		{"explain", "2058", "--format", "json"},
		{"explain", "2058", "--format=json"},
		{"explain", "--format=json", "--", "2058"},
	} {
		code, out, errs := run(t, nil, args...)
		if code != 0 || !strings.HasPrefix(out, "{") {
			t.Errorf("%q: exit %d\n%s%s", args, code, out, errs)
		}
	}
	// Behind "--" everything is an argument.
	if code, _, errs := run(t, nil, "explain", "--", "--format=json"); code != 1 || !strings.Contains(errs, "--format=json") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestNearMatches(t *testing.T) {
	for typo, want := range map[string]string{"exlpain": "explain", "vaul": "vault", "versoin": "version", "en": "env", "entr": "entra"} {
		code, _, errs := run(t, nil, typo)
		if code != 2 || !strings.Contains(errs, "did you mean latchkey "+want+"?") {
			t.Errorf("%s: exit %d: %s", typo, code, errs)
		}
	}
	if code, _, errs := run(t, nil, "frobnicate"); code != 2 || !strings.Contains(errs, "latchkey help lists the commands") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestHelpForEveryCommand(t *testing.T) {
	reference := cli.Reference()
	for line := range strings.Lines(reference) {
		name, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " latchkey ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(name)
		for _, args := range [][]string{append([]string{"help"}, words...), append(words, "--help")} {
			code, out, errs := run(t, nil, args...)
			if code != 0 || !strings.Contains(out, "latchkey "+strings.TrimSpace(name)) || errs != "" {
				t.Errorf("%q: exit %d\n%s%s", args, code, out, errs)
			}
		}
	}
	if strings.Count(reference, "\n### ") < 30 {
		t.Error("the reference lacks commands")
	}
}

// Argument lists are public: no flag takes a secret, and no error repeats what stands in a secret's place.
func TestNoSecretInArguments(t *testing.T) {
	for line := range strings.Lines(cli.Reference()) {
		flag, _, _ := strings.Cut(strings.TrimPrefix(line, "| `--"), " ")
		if !strings.HasPrefix(line, "| `--") || strings.HasSuffix(flag, "-file") {
			continue
		}
		for _, word := range []string{"secret", "password", "passphrase", "token", "private"} {
			if strings.Contains(flag, word) {
				t.Errorf("--%s", flag)
			}
		}
	}
	code, _, errs := run(t, nil, "up", "--data", t.TempDir(), "--seal", "hunter2hunter2")
	if code != 1 || strings.Contains(errs, "hunter2") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestDataDirectory(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"/a/run.json":                       {"LATCHKEY_DATA": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"},
		"/b/latchkey/run.json":              {"XDG_DATA_HOME": "/b", "HOME": "/c"},
		"/c/.local/share/latchkey/run.json": {"HOME": "/c"},
		"neither --data nor $HOME is set":   {},
	} {
		if _, _, errs := run(t, env, "env"); !strings.Contains(errs, want) {
			t.Errorf("%v: %s", env, errs)
		}
	}
}

func TestErrorsStayOnOneLine(t *testing.T) {
	code, _, errs := run(t, nil, "key", "show", "--name", "a\nlatchkey: error: forged\x1b[31m")
	if code != 2 {
		t.Errorf("exit %d", code)
	}
	for line := range strings.Lines(errs) {
		if !strings.HasPrefix(line, "latchkey: error: ") && !strings.HasPrefix(line, "latchkey: hint: ") || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	if strings.Count(errs, "\n") > 2 {
		t.Errorf("%q", errs)
	}
}

func FuzzReadPrivateKey(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	f.Add([]byte(`{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}`))
	f.Add([]byte(`{"kty":"EC","crv":"P-256","d":"AA"}`))
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := cli.ReadPrivateKeyForTesting(bytes.Clone(b))
		if err == nil && len(k.D) == 0 && len(k.K) == 0 {
			t.Error("a key without a private half was read")
		}
	})
}
