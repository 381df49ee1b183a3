package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// Go's proxy and roots are read from the environment once in a process, so the official client runs in one of its own: this test
// binary again, with the variables of latchkey env, and one of the tests below that are skipped otherwise.
const innerVariable = "LATCHKEY_E2E_INNER"

func inner(t *testing.T) {
	t.Helper()
	if os.Getenv(innerVariable) != "1" {
		t.Skip("runs inside another test")
	}
}

func runInner(t *testing.T, wrap []string, env []string, test string) {
	t.Helper()
	args := append(wrap, os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(env, innerVariable+"=1", "LATCHKEY_E2E_PROGRAM="+program)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+test)) {
		t.Fatalf("%s: %v\n%s", test, err, out)
	}
}

func TestGoClientWithSecret(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "data"))
	runInner(t, nil, s.environ(t), "TestInnerEveryRoute")
}

func TestGoClientWithCertificate(t *testing.T) {
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	cert, both := certificate(t, dir)
	for _, args := range [][]string{
		{"entra", "app", "create", "--name", "by-certificate"},
		{"entra", "cert", "add", "--app", "by-certificate", "--file", cert},
		{"vault", "access", "grant", "--name", "latchkey-dev", "--to", "by-certificate", "--role", "Key Vault Crypto User"},
	} {
		if out, err := exec.Command(program, append(args, "--data", s.dir)...).CombinedOutput(); err != nil {
			t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	env := replaceVariables(s.environ(t), map[string]string{
		"AZURE_CLIENT_ID": clientID(t, s.dir, "by-certificate"), "AZURE_CLIENT_SECRET": "", "AZURE_CLIENT_CERTIFICATE_PATH": both,
	})
	runInner(t, nil, env, "TestInnerWrap")
	runInner(t, nil, append(env, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=true"), "TestInnerWrap")
}

// The managed identity client knows one address, 169.254.169.254, port 80: a network namespace of the test's own has it.
func TestGoClientWithManagedIdentity(t *testing.T) {
	need(t, "unshare", "ip")
	env := append(os.Environ(), innerVariable+"=1", "LATCHKEY_E2E_PROGRAM="+program)
	script := `ip link set lo up && ip addr add 169.254.169.254/32 dev lo && exec "$0" -test.run='^TestInnerNamespace$' -test.v`
	cmd := exec.CommandContext(t.Context(), "unshare", "-n", "sh", "-c", script, os.Args[0])
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("Operation not permitted")) {
		lack(t, "a network namespace cannot be made (root is needed)")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestInnerNamespace")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestInnerNamespace(t *testing.T) {
	inner(t)
	s := up(t, filepath.Join(t.TempDir(), "data"), "--imds", "169.254.169.254:80")
	env := replaceVariables(s.environ(t), map[string]string{"AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": "", "AZURE_TENANT_ID": ""})
	runInner(t, nil, env, "TestInnerManagedIdentity")
}

func TestInnerManagedIdentity(t *testing.T) {
	inner(t)
	cred, err := azidentity.NewManagedIdentityCredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	wrapAndUnwrap(t, cred)
	// The default chain finds it by itself.
	chain, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	wrapAndUnwrap(t, chain)
}

func TestInnerWrap(t *testing.T) {
	inner(t)
	cred, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	wrapAndUnwrap(t, cred)
}

func wrapAndUnwrap(t *testing.T, cred azcore.TokenCredential) {
	t.Helper()
	c, err := azkeys.NewClient(os.Getenv("LATCHKEY_VAULT_URL"), cred, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := azkeys.KeyOperationParameters{Algorithm: ptr(azkeys.EncryptionAlgorithmRSAOAEP256), Value: []byte("0123456789abcdef0123456789abcdef")}
	wrapped, err := c.WrapKey(t.Context(), "ContosoRSAKey0", "", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Value = wrapped.Result
	plain, err := c.UnwrapKey(t.Context(), wrapped.KID.Name(), wrapped.KID.Version(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(plain.Result) != "0123456789abcdef0123456789abcdef" {
		t.Error("unwrapped something else")
	}
	if _, err := c.DeleteKey(t.Context(), "ContosoRSAKey0", nil); !isStatus(err, http.StatusForbidden) {
		t.Errorf("a principal without the right deletes: %v", err)
	}
}

// TestInnerEveryRoute calls every method of azkeys.Client with default options: nothing is switched off.
func TestInnerEveryRoute(t *testing.T) {
	inner(t)
	cred, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := azkeys.NewClient(os.Getenv("LATCHKEY_VAULT_URL"), cred, nil)
	if err != nil {
		t.Fatal(err)
	}
	hsm, err := azkeys.NewClient(os.Getenv("LATCHKEY_HSM_URL"), cred, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("vault", func(t *testing.T) { everyRoute(t, vault, false) })
	t.Run("hsm", func(t *testing.T) { everyRoute(t, hsm, true) })
}

func everyRoute(t *testing.T, c *azkeys.Client, hsm bool) {
	ctx := t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	kty := azkeys.KeyTypeRSA
	if hsm {
		kty = azkeys.KeyTypeRSAHSM
	}
	created, err := c.CreateKey(ctx, "go", azkeys.CreateKeyParameters{Kty: &kty, KeySize: ptr(int32(2048)), Tags: map[string]*string{"a": ptr("b")}}, nil)
	check("create", err)
	first := created.Key.KID.Version()
	_, err = c.UpdateKey(ctx, "go", first, azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Expires: ptr(time.Now().Add(240 * time.Hour))}}, nil)
	check("update", err)
	got, err := c.GetKey(ctx, "go", "", nil)
	check("get", err)
	if *got.Tags["a"] != "b" || got.Attributes.Expires == nil || got.Key.D != nil {
		t.Error("the key is not as it was made")
	}
	_, err = c.UpdateKeyRotationPolicy(ctx, "go", azkeys.KeyRotationPolicy{
		Attributes: &azkeys.KeyRotationPolicyAttributes{ExpiryTime: ptr("P90D")},
		LifetimeActions: []*azkeys.LifetimeAction{{
			Action: &azkeys.LifetimeActionType{Type: ptr(azkeys.KeyRotationPolicyActionRotate)}, Trigger: &azkeys.LifetimeActionTrigger{TimeAfterCreate: ptr("P60D")},
		}},
	}, nil)
	check("set rotation policy", err)
	policy, err := c.GetKeyRotationPolicy(ctx, "go", nil)
	check("get rotation policy", err)
	if *policy.Attributes.ExpiryTime != "P90D" {
		t.Errorf("policy %v", policy)
	}
	rotated, err := c.RotateKey(ctx, "go", nil)
	check("rotate", err)
	if rotated.Key.KID.Version() == first {
		t.Error("rotating made no version")
	}
	for _, alg := range []azkeys.EncryptionAlgorithm{azkeys.EncryptionAlgorithmRSA15, azkeys.EncryptionAlgorithmRSAOAEP, azkeys.EncryptionAlgorithmRSAOAEP256} {
		p := azkeys.KeyOperationParameters{Algorithm: &alg, Value: []byte("plain")}
		sealed, err := c.Encrypt(ctx, "go", first, p, nil)
		check("encrypt", err)
		opened, err := c.Decrypt(ctx, "go", first, azkeys.KeyOperationParameters{Algorithm: &alg, Value: sealed.Result}, nil)
		check("decrypt", err)
		wrapped, err := c.WrapKey(ctx, "go", first, p, nil)
		check("wrap", err)
		unwrapped, err := c.UnwrapKey(ctx, "go", first, azkeys.KeyOperationParameters{Algorithm: &alg, Value: wrapped.Result}, nil)
		check("unwrap", err)
		if string(opened.Result) != "plain" || string(unwrapped.Result) != "plain" {
			t.Errorf("%s does not come back", alg)
		}
	}
	digest := sha256.Sum256([]byte("data"))
	for _, alg := range []azkeys.SignatureAlgorithm{azkeys.SignatureAlgorithmRS256, azkeys.SignatureAlgorithmPS256} {
		signed, err := c.Sign(ctx, "go", "", azkeys.SignParameters{Algorithm: &alg, Value: digest[:]}, nil)
		check("sign", err)
		ok, err := c.Verify(ctx, "go", "", azkeys.VerifyParameters{Algorithm: &alg, Digest: digest[:], Signature: signed.Result}, nil)
		check("verify", err)
		if !*ok.Value {
			t.Errorf("%s does not verify", alg)
		}
	}
	if vs, err := versions(ctx, c, "go"); err != nil || len(vs) != 2 {
		t.Errorf("versions %v, %v", vs, err)
	}
	blob, err := c.BackupKey(ctx, "go", nil)
	check("backup", err)
	_, err = c.DeleteKey(ctx, "go", nil)
	check("delete", err)
	_, err = c.GetDeletedKey(ctx, "go", nil)
	check("get deleted", err)
	_, err = c.RecoverDeletedKey(ctx, "go", nil)
	check("recover", err)
	_, err = c.DeleteKey(ctx, "go", nil)
	check("delete", err)
	found := false
	for p := c.NewListDeletedKeyPropertiesPager(nil); p.More(); {
		page, err := p.NextPage(ctx)
		check("list deleted", err)
		for _, k := range page.Value {
			found = found || k.KID.Name() == "go"
		}
	}
	if !found {
		t.Error("the deleted key is not listed")
	}
	_, err = c.PurgeDeletedKey(ctx, "go", nil)
	check("purge", err)
	restored, err := c.RestoreKey(ctx, azkeys.RestoreKeyParameters{KeyBackup: blob.Value}, nil)
	check("restore", err)
	if restored.Key.KID.Version() != rotated.Key.KID.Version() {
		t.Error("restored another version")
	}
	check("what was restored", works(ctx, c, "go", first))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	check("generate", err)
	_, err = c.ImportKey(ctx, "imported", azkeys.ImportKeyParameters{Key: jwkOf(private)}, nil)
	check("import", err)
	check("what was imported", works(ctx, c, "imported", ""))
	listed := 0
	for p := c.NewListKeyPropertiesPager(nil); p.More(); {
		page, err := p.NextPage(ctx)
		check("list", err)
		listed += len(page.Value)
	}
	if listed < 2 {
		t.Errorf("%d keys are listed", listed)
	}
	if _, err := c.Release(ctx, "go", "", azkeys.ReleaseParameters{TargetAttestationToken: ptr("no.such.token")}, nil); err == nil {
		t.Error("a key that cannot be exported was released")
	}
	onlyHSM(ctx, t, c, hsm)
}

func onlyHSM(ctx context.Context, t *testing.T, c *azkeys.Client, hsm bool) {
	t.Helper()
	random, err := c.GetRandomBytes(ctx, azkeys.GetRandomBytesParameters{Count: ptr(int32(64))}, nil)
	if !hsm {
		if err == nil {
			t.Error("a vault answers a route of Managed HSM")
		}
		return
	}
	if err != nil || len(random.Value) != 64 {
		t.Errorf("random bytes: %v", err)
	}
	attested, err := c.GetKeyAttestation(ctx, "go", "", nil)
	if err != nil || attested.Attributes.Attestation == nil {
		t.Errorf("attestation: %v", err)
	}
	if _, err := c.CreateKey(ctx, "aes", azkeys.CreateKeyParameters{Kty: ptr(azkeys.KeyTypeOctHSM), KeySize: ptr(int32(256))}, nil); err != nil {
		t.Fatal(err)
	}
	alg := azkeys.EncryptionAlgorithmA256GCM
	sealed, err := c.Encrypt(ctx, "aes", "", azkeys.KeyOperationParameters{Algorithm: &alg, Value: []byte("plain"), AdditionalAuthenticatedData: []byte("aad")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := c.Decrypt(ctx, "aes", "", azkeys.KeyOperationParameters{
		Algorithm: &alg, Value: sealed.Result, IV: sealed.IV, AuthenticationTag: sealed.AuthenticationTag, AdditionalAuthenticatedData: []byte("aad"),
	}, nil)
	if err != nil || string(opened.Result) != "plain" {
		t.Errorf("AES-GCM: %v", err)
	}
}

// certificate makes a key and a self-signed certificate, and writes the certificate alone and both together.
func certificate(t *testing.T, dir string) (cert, both string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "latchkey test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	cert, both = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "both.pem")
	if err := errors.Join(os.WriteFile(cert, certPEM, 0o600), os.WriteFile(both, append(keyPEM, certPEM...), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, both
}

func clientID(t *testing.T, dir, name string) string {
	t.Helper()
	out, err := exec.Command(program, "entra", "app", "list", "--format", "json", "--data", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var apps []struct{ ClientID, Name string }
	if err := json.Unmarshal(out, &apps); err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		if a.Name == name {
			return a.ClientID
		}
	}
	t.Fatalf("no application %q", name)
	return ""
}

// replaceVariables sets variables, or removes those that are "".
func replaceVariables(env []string, with map[string]string) []string {
	var out []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if _, ok := with[name]; !ok {
			out = append(out, v)
		}
	}
	for name, value := range with {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}
