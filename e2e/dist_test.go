package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is shipped is whole: checksums hold, what Windows runs is signed, and without its signature it is the file that another build of the
// same commit gives.
func TestDist(t *testing.T) {
	if os.Getenv("LATCHKEY_LONG") != "1" {
		t.Skip("builds everything twice, some ten minutes: set LATCHKEY_LONG=1")
	}
	need(t, "git", "make", "gcc", "x86_64-w64-mingw32-gcc", "osslsigncode", "openssl", "sha256sum")
	dir := filepath.Join(t.TempDir(), "dist")
	build := exec.Command(filepath.Join("..", "scripts", "dist"), dir)
	build.Env = append(os.Environ(), "LATCHKEY_VERSION=1.2.3", "LATCHKEY_SIGN_CHAIN=", "LATCHKEY_SIGN_DIR="+t.TempDir())
	said, err := build.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "two builds gave the same bytes") {
		t.Fatalf("scripts/dist: %v\n%s", err, said)
	}
	check := exec.Command("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("checksums: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS.unsigned"))
	if err != nil {
		t.Fatal(err)
	}
	signed := 0
	for line := range strings.Lines(string(b)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		file := filepath.Join(dir, name)
		if strings.HasSuffix(name, ".exe") || strings.HasSuffix(name, ".dll") {
			signed++
			if out, err := exec.Command("osslsigncode", "verify", "-CAfile", filepath.Join(dir, "development-ca.pem"), "-in", file).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			bare := filepath.Join(t.TempDir(), name)
			if out, err := exec.Command("osslsigncode", "remove-signature", "-in", file, "-out", bare).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
				continue
			}
			if !sameButForPadding(t, bare, want) {
				t.Errorf("%s without its signature is not what was built", name)
			}
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what was built", name)
		}
	}
	if signed != 3 {
		t.Errorf("%d files are signed, want the library and two programs", signed)
	}
	out, err := exec.Command(filepath.Join(dir, "latchkey-linux-amd64"), "explain", "5001").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "AgentUnreachable") {
		t.Errorf("the program: %v\n%s", err, out)
	}
}

// sameButForPadding reports whether a file has a checksum. Signing rounds a file's length up to eight and sets the header's checksum, which
// removing the signature leaves.
func sameButForPadding(t *testing.T, file, want string) bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		for _, zero := range []bool{false, true} {
			c := append([]byte(nil), b...)
			if zero {
				pe := int(c[0x3c]) | int(c[0x3d])<<8
				clear(c[pe+24+64 : pe+24+68]) // IMAGE_OPTIONAL_HEADER.CheckSum
			}
			if sum := sha256.Sum256(c); hex.EncodeToString(sum[:]) == want {
				return true
			}
		}
		if n := len(b); n == 0 || b[n-1] != 0 {
			return false
		}
		b = b[:len(b)-1]
	}
	return false
}
