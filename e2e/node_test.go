package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Microsoft's JavaScript clients, through HTTPS_PROXY and NODE_EXTRA_CA_CERTS of latchkey env alone.
func TestJavaScriptClients(t *testing.T) {
	need(t, "node")
	if _, err := os.Stat("node/node_modules/@azure/keyvault-keys"); err != nil {
		lack(t, "the npm packages of e2e/node are not installed (make tools installs them)")
	}
	s := up(t, filepath.Join(t.TempDir(), "data"))
	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "keys.mjs")
	cmd.Dir = "node"
	cmd.Env = append(s.environ(t), "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://"+s.info(t).Addresses.IMDS)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
