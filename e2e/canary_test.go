package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

func asResponse(err error, to **azcore.ResponseError) bool { return errors.As(err, to) }

// allTraced reports whether every thread of a process has a tracer.
func allTraced(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil || bytes.Contains(b, []byte("TracerPid:\t0\n")) {
			return false
		}
	}
	return true
}

// forms are the ways in which a secret could lie in a file: pieces of it raw, in hex, and in base64 at every alignment.
func forms(secret []byte) map[string][]byte {
	all := make(map[string][]byte)
	const piece = 18 // short enough to find a part, long enough never to be there by chance
	for at := 0; at+piece <= len(secret); at += piece {
		p := secret[at : at+piece]
		all[fmt.Sprintf("raw at %d", at)] = p
		all[fmt.Sprintf("hex at %d", at)] = []byte(hex.EncodeToString(p))
		all[fmt.Sprintf("HEX at %d", at)] = []byte(strings.ToUpper(hex.EncodeToString(p)))
		for shift := range 3 {
			// Whole groups of three bytes encode alike wherever the group begins.
			aligned := p[shift : shift+(len(p)-shift)/3*3]
			all[fmt.Sprintf("base64 at %d", at+shift)] = []byte(base64.RawStdEncoding.EncodeToString(aligned))
			all[fmt.Sprintf("base64url at %d", at+shift)] = []byte(base64.RawURLEncoding.EncodeToString(aligned))
		}
	}
	return all
}

// search looks for every form of every secret in every file under dir and in the texts.
func search(t *testing.T, dir string, secrets map[string][]byte, texts map[string]string) {
	t.Helper()
	files := 0
	look := func(where string, content []byte) {
		for name, secret := range secrets {
			for form, b := range forms(secret) {
				if bytes.Contains(content, b) {
					t.Errorf("%s holds %s: %s", where, name, form)
				}
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		look(path, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range texts {
		look(where, []byte(text))
	}
	if files < 5 {
		t.Errorf("only %d files were searched", files)
	}
}

// No byte of a private key lies in clear in any file or message, while the server runs, after a crash, and after a stop; nor
// does a client's secret after a stop.
func TestNoPrivateByteInClear(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecD, err := ecKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := ecKey.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	aes := make([]byte, 32)
	rand.Read(aes)
	base := t.TempDir()
	dir := filepath.Join(base, "data")
	sealKey := filepath.Join(base, "seal.key")
	root := make([]byte, 32)
	rand.Read(root)
	if err := os.WriteFile(sealKey, root, 0o600); err != nil {
		t.Fatal(err)
	}
	s := up(t, dir, "--seal", "file:"+sealKey, "--log", "debug")
	c := s.keys(t)
	ctx := t.Context()
	jwk := jwkOf(rsaKey)
	if _, err := c.ImportKey(ctx, "rsa", azkeys.ImportKeyParameters{Key: jwk}, nil); err != nil {
		t.Fatal(err)
	}
	ec := &azkeys.JSONWebKey{Kty: ptr(azkeys.KeyTypeEC), Crv: ptr(azkeys.CurveNameP256), D: ecD, X: point[1:33], Y: point[33:]}
	if _, err := c.ImportKey(ctx, "ec", azkeys.ImportKeyParameters{Key: ec}, nil); err != nil {
		t.Fatal(err)
	}
	r := s.info(t)
	hsm, err := r.Keys(osFS, r.HSMURL)
	if err != nil {
		t.Fatal(err)
	}
	oct := &azkeys.JSONWebKey{Kty: ptr(azkeys.KeyTypeOctHSM), K: aes}
	if _, err := hsm.ImportKey(ctx, "aes", azkeys.ImportKeyParameters{Key: oct, HSM: ptr(true)}, nil); err != nil {
		t.Fatal(err)
	}
	// A failing import may not leave its key in an error or a log either.
	bad := *jwk
	bad.N = jwk.P
	if _, err := c.ImportKey(ctx, "bad", azkeys.ImportKeyParameters{Key: &bad}, nil); err == nil {
		t.Error("an inconsistent key was imported")
	}
	if _, err := c.RotateKey(ctx, "rsa", nil); err != nil {
		t.Fatal(err)
	}
	backup, err := c.BackupKey(ctx, "rsa", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteKey(ctx, "ec", nil); err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"the RSA key's d": jwk.D, "the RSA key's p": jwk.P, "the RSA key's q": jwk.Q, "the RSA key's dp": jwk.DP, "the RSA key's dq": jwk.DQ,
		"the RSA key's qi": jwk.QI, "the EC key's d": ecD, "the AES key": aes, "the seal key": root,
	}
	search(t, dir, secrets, map[string]string{"the log": s.logs.String(), "the backup": string(backup.Value)})
	s.kill(t)
	search(t, dir, secrets, nil)

	again := up(t, dir) // the source of the seal key is noted
	vars, err := readVariables(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.stop(t)
	secrets["a client's secret"] = []byte(vars["AZURE_CLIENT_SECRET"])
	search(t, dir, secrets, map[string]string{"the log": again.logs.String()})

	// The search itself finds what is there.
	if err := os.WriteFile(filepath.Join(dir, "planted"), append([]byte("xx"), jwk.P...), 0o600); err != nil {
		t.Fatal(err)
	}
	planted, err := os.ReadFile(filepath.Join(dir, "planted"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, b := range forms(jwk.P) {
		found = found || bytes.Contains(planted, b)
	}
	if !found {
		t.Error("the search finds nothing")
	}
}

// Whoever edits the audit log is found out.
func TestAuditEditIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir)
	c := s.keys(t)
	for n := range 10 {
		if _, err := makeKey(t.Context(), c, fmt.Sprintf("k%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() (string, error) {
		out, err := exec.Command(program, "vault", "audit", "verify", "--data", dir).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil {
		t.Fatalf("a running server's log: %v\n%s", err, out)
	}
	s.stop(t)
	out, err := verify()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var end string
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "end "); ok {
			end = strings.TrimSpace(rest)
		}
	}
	logs, err := filepath.Glob(filepath.Join(dir, "audit", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var log string
	for _, name := range logs {
		if fi, err := os.Stat(name); err == nil && fi.Size() > 1000 {
			log = name
		}
	}
	original, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(original, []byte("\n"))
	middle := len(lines) / 2
	edits := map[string][]byte{
		"a changed record":  bytes.Replace(original, []byte("KeyCreate"), []byte("KeyCreat3"), 1),
		"a removed record":  bytes.Join(append(append([][]byte{}, lines[:middle]...), lines[middle+1:]...), nil),
		"a repeated record": bytes.Join(append(append(append([][]byte{}, lines[:middle]...), lines[middle-1]), lines[middle:]...), nil),
		"a cut end":         bytes.Join(lines[:len(lines)-3], nil),
	}
	for what, content := range edits {
		if err := os.WriteFile(log, content, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, "vault", "audit", "verify", "--data", dir, "--anchor", end).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		if !bytes.Contains(out, []byte("the audit log is not as it was written")) || !bytes.Contains(out, []byte("record")) {
			t.Errorf("%s is not named:\n%s", what, out)
		}
		if now, err := os.ReadFile(log); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: verifying changed the log", what)
		}
	}
}
