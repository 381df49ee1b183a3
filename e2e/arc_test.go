package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The identity endpoint of an Azure Arc machine, by its protocol: a challenge names a file, its text buys one token.
func TestArcEndpoint(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "tokens")
	s := up(t, filepath.Join(t.TempDir(), "data"), "--arc", "127.0.0.1:0", "--arc-keys", keys)
	endpoint := "http://" + s.info(t).Addresses.Arc + "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=" + url.QueryEscape("https://vault.azure.net")
	client := &http.Client{Transport: &http.Transport{Proxy: nil}}
	ask := func(authorization string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Metadata", "true")
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	resp, _ := ask("")
	name, ok := strings.CutPrefix(resp.Header.Get("WWW-Authenticate"), "Basic realm=")
	if resp.StatusCode != http.StatusUnauthorized || !ok || filepath.Dir(name) != keys {
		t.Fatalf("%d %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
	key, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := ask("Basic wrong"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d", resp.StatusCode)
	}
	resp, body := ask("Basic " + string(key))
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &token); err != nil || resp.StatusCode != http.StatusOK || strings.Count(token.Token, ".") != 2 {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	if resp, _ := ask("Basic " + string(key)); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a key was good twice: %d", resp.StatusCode)
	}
	s.stop(t)
	if left, err := os.ReadDir(keys); err != nil || len(left) != 0 {
		t.Errorf("key files are left: %v, %v", left, err)
	}
}

// Microsoft's client accepts key files in one directory alone, which is the machine's: a mount namespace has one of its own.
func TestGoClientOnArc(t *testing.T) {
	need(t, "unshare", "mount")
	script := `mkdir -p /var/opt && mount -t tmpfs none /var/opt && exec "$0" -test.run='^TestInnerArc$' -test.v`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), innerVariable+"=1", "LATCHKEY_E2E_PROGRAM="+program)
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("Operation not permitted")) || bytes.Contains(out, []byte("permission denied")) {
		lack(t, "a mount namespace cannot be made (root is needed)")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestInnerArc")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestInnerArc(t *testing.T) {
	inner(t)
	s := up(t, filepath.Join(t.TempDir(), "data"), "--imds", "none", "--arc", "127.0.0.1:0")
	at := "http://" + s.info(t).Addresses.Arc
	env := replaceVariables(s.environ(t), map[string]string{
		"AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": "", "AZURE_TENANT_ID": "",
		"IDENTITY_ENDPOINT": at + "/metadata/identity/oauth2/token", "IMDS_ENDPOINT": at,
	})
	runInner(t, nil, env, "TestInnerManagedIdentity")
}
