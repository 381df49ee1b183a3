package e2e

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// taken are the ports that freePort gave.
var taken sync.Map

// freePort finds a port for a server that comes back on it after it was away. It is none of those that the system gives to others meanwhile, who connect or
// listen on port 0: these begin at 32768.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		if _, given := taken.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// latchkey runs the program and returns its standard output.
func latchkey(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("latchkey %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
	}
	return string(out)
}

// A vault of its own names, with its own token authority, from a configuration file, administered while it runs and while it does
// not: what docs/vault.md describes.
func TestVaultServe(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	seal := filepath.Join(dir, "seal")
	root := make([]byte, 32)
	crand.Read(root)
	if err := os.WriteFile(seal, []byte(hex.EncodeToString(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	vaultPort, entraPort := freePort(t), freePort(t)
	config := filepath.Join(dir, "vault.json")
	content, err := json.Marshal(map[string]any{
		"data": data, "seal": "file:" + seal,
		"tls": map[string]any{"ownNames": []string{"*.vault.example.org", "login.example.org"}},
		"vault": map[string]any{
			"listen": []string{"127.0.0.1:" + vaultPort}, "vaultHosts": []string{"vault.example.org"}, "authority": "https://login.example.org:" + entraPort,
		},
		"entra": map[string]any{
			"listen": []string{"127.0.0.1:" + entraPort}, "hosts": []string{"login.example.org:" + entraPort}, "resources": []string{"https://vault.example.org:" + vaultPort},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := latchkey(t, "vault", "serve", "--config", config, "--check"); !strings.Contains(out, "sound") {
		t.Error(out)
	}
	start := func() *server {
		s, err := startCommandUntil(exec.Command(program, "vault", "serve", "--config", config))
		if err != nil {
			t.Fatal(err)
		}
		s.dir = data
		t.Cleanup(func() {
			_ = s.cmd.Process.Kill()
			<-s.done
		})
		return s
	}
	s := start()
	latchkey(t, "entra", "app", "create", "--name", "sql1", "--data", data)
	latchkey(t, "vault", "create", "--name", "payroll", "--purge-protection", "--data", data)
	var secret struct{ ClientID, Secret string }
	if err := json.Unmarshal([]byte(latchkey(t, "entra", "secret", "add", "--app", "sql1", "--data", data, "--format", "json")), &secret); err != nil {
		t.Fatal(err)
	}
	c := privateClient(t, data, vaultPort, entraPort, tenantOf(t, data), secret.ClientID, secret.Secret)
	if _, err := c.GetKey(t.Context(), "k", "", nil); !isStatus(err, http.StatusForbidden) {
		t.Errorf("nobody was let in yet: %v", err)
	}
	latchkey(t, "vault", "access", "grant", "--name", "payroll", "--to", "sql1", "--role", "Key Vault Crypto Officer", "--data", data)
	version, err := makeKey(t.Context(), c, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := works(t.Context(), c, "k", version); err != nil {
		t.Fatal(err)
	}
	// The firewall counts at once; a role that is taken away too.
	latchkey(t, "vault", "access", "firewall", "--name", "payroll", "--deny", "--allow", "10.0.0.0/8", "--data", data)
	if _, err := c.GetKey(t.Context(), "k", "", nil); !isStatus(err, http.StatusForbidden) {
		t.Errorf("the firewall lets in: %v", err)
	}
	latchkey(t, "vault", "access", "firewall", "--name", "payroll", "--data", data)
	if _, err := c.GetKey(t.Context(), "k", "", nil); err != nil {
		t.Errorf("the firewall is open: %v", err)
	}
	// Purge protection holds against an officer.
	if _, err := c.DeleteKey(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PurgeDeletedKey(t.Context(), "k", nil); !isStatus(err, http.StatusForbidden) {
		t.Errorf("purged in spite of purge protection: %v", err)
	}
	if _, err := c.RecoverDeletedKey(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	// Reseal: first beside operation, then, stopped, to a passphrase. The old seal key no longer opens anything.
	if out := latchkey(t, "vault", "reseal", "--data-key", "--data", data); !strings.Contains(out, "resealed") {
		t.Error(out)
	}
	if err := works(t.Context(), c, "k", version); err != nil {
		t.Errorf("after a reseal: %v", err)
	}
	s.stop(t)
	pass := filepath.Join(dir, "pass")
	if err := os.WriteFile(pass, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	latchkey(t, "vault", "reseal", "--to", "passphrase-file:"+pass, "--data", data)
	if out, err := exec.Command(program, "vault", "serve", "--config", config).CombinedOutput(); err == nil || !strings.Contains(string(out), "seal") {
		t.Errorf("the old seal key still opens: %v\n%s", err, out)
	}
	content = []byte(strings.ReplaceAll(string(content), "file:"+seal, "passphrase-file:"+pass))
	if err := os.WriteFile(config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s = start()
	if err := works(t.Context(), c, "k", version); err != nil {
		t.Errorf("after a change of the seal key: %v", err)
	}
	s.stop(t)
	if out := latchkey(t, "vault", "audit", "verify", "--data", data); !strings.Contains(out, "sound") {
		t.Error(out)
	}
}

// A restart does not move the ports that the server chose by itself, so the variables of an earlier latchkey env still hold. No other test runs beside this one,
// which could take them in between.
func TestPortsStay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var before string
	for range 2 {
		s, err := startCommand(dir, exec.Command(program, "up", "--data", dir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.done })
		now := latchkey(t, "env", "--data", dir)
		if before != "" && now != before {
			t.Errorf("before a restart:\n%s\nafter it:\n%s", before, now)
		}
		before = now
		s.stop(t)
	}
}

// startCommandUntil starts a server that writes no run.json.
func startCommandUntil(cmd *exec.Cmd) (*server, error) { return startCommand("", cmd) }

func tenantOf(t *testing.T, data string) string {
	t.Helper()
	var apps []struct{ TenantID string }
	if err := json.Unmarshal([]byte(latchkey(t, "entra", "app", "list", "--format", "json", "--data", data)), &apps); err != nil || len(apps) == 0 {
		t.Fatalf("%v", err)
	}
	return apps[0].TenantID
}

// privateClient uses a private authority as its documentation says: its host, and no instance discovery. Names resolve to this machine.
func privateClient(t *testing.T, data, vaultPort, entraPort, tenant, id, secret string) *azkeys.Client {
	t.Helper()
	bundle, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundle)
	o := azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.example.org:" + entraPort},
		Transport: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool},
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
			},
		}},
	}
	cred, err := azidentity.NewClientSecretCredential(tenant, id, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := azkeys.NewClient(fmt.Sprintf("https://payroll.vault.example.org:%s", vaultPort), cred, &azkeys.ClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
