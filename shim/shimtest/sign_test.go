package shimtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignature: a valid signature, none, one of a file that was changed, and a stranger's are told apart. Wine's WinVerifyTrust, behind the host's
// gate, knows all but the stranger; the chain is checked by osslsigncode, as Windows checks it against the machine's trusted roots.
func TestSignature(t *testing.T) {
	need(t, "osslsigncode", "openssl")
	plain := build(t, "dll", "latchkey-ekm.dll")
	dir := t.TempDir()
	sign := func(who string) string {
		t.Helper()
		out := filepath.Join(dir, who+".dll")
		cmd := exec.Command("../../scripts/sign", plain, out)
		cmd.Env = append(os.Environ(), "LATCHKEY_SIGN_CHAIN=", "LATCHKEY_SIGN_DIR="+filepath.Join(dir, who))
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("signing: %v\n%s", err, text)
		}
		return out
	}
	ours, stranger := sign("ours"), sign("stranger")
	whole, err := os.ReadFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(dir, "changed.dll")
	whole[0x600] ^= 1 // in the code
	if err := os.WriteFile(changed, whole, 0o600); err != nil {
		t.Fatal(err)
	}

	h := start(t, nil, wine(t), build(t, "host-windows", "ekmhost.exe"))
	for _, c := range []struct {
		name, path    string
		chain         bool   // osslsigncode trusts it
		trust, reason string // Wine's answer; what osslsigncode says
	}{
		{"valid", ours, true, "0x00000000", "Signature verification: ok"},
		{"unsigned", plain, false, "0x800b0100", "No signature found"},
		{"changed", changed, false, "0x80096010", "MISMATCH"},
		{"stranger", stranger, false, "0x00000000", "failed"},
	} {
		out, err := exec.Command("osslsigncode", "verify", "-CAfile", filepath.Join(dir, "ours", "ca.pem"), "-in", c.path).CombinedOutput()
		if (err == nil) != c.chain || !strings.Contains(string(out), c.reason) {
			t.Errorf("%s: osslsigncode: %v, want %q in\n%s", c.name, err, c.reason, out)
		}
		if r := h.do("gate", windowsPath(c.path)); r.fields["trust"] != c.trust {
			t.Errorf("%s: WinVerifyTrust %s, want %s", c.name, r.fields["trust"], c.trust)
		}
		r := h.do("create-signed-provider", windowsPath(c.path))
		want := 0
		if c.trust != "0x00000000" {
			want = 33081
		}
		if r.msg != want {
			t.Errorf("%s: CREATE CRYPTOGRAPHIC PROVIDER: %s", c.name, r.text)
		}
		if r.msg == 0 {
			h.do("unload")
		}
	}
}
