package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/akv"
)

// fails runs the program, which must fail with the exit code 1, and returns what it said.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("latchkey %s: %v, want exit code 1\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stderr.String()
}

// dependents waits until the vault's list holds what is wanted.
func dependents(t *testing.T, dir, what string, so func([]akv.Dependent) bool) {
	t.Helper()
	for {
		var l akv.DependentList
		if err := json.Unmarshal([]byte(latchkey(t, "key", "dependents", "--data", dir, "--format", "json")), &l); err != nil {
			t.Fatal(err)
		}
		if so(l.Value) {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("in vain until %s: %+v", what, l)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// The server's own registration keeps its key from being switched off, until the databases are under another version, or somebody has a reason.
func TestVaultKeepsWhatTheServerNeeds(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir, "--demo")
	db := openSQL(t, s)
	if out := latchkey(t, "key", "dependents", "--data", dir); !strings.Contains(out, "no server has registered") {
		t.Errorf("before anything is encrypted: %s", out)
	}
	old := strings.Fields(latchkey(t, "key", "versions", "--data", dir, "--name", "ContosoRSAKey0"))[0]
	_, version, _ := strings.Cut(old, "/")
	execAll(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey; ALTER DATABASE Shop SET ENCRYPTION ON")
	uses := func(version string) func([]akv.Dependent) bool {
		return func(l []akv.Dependent) bool {
			return len(l) == 1 && len(l[0].Uses) == 1 && l[0].Uses[0].Version == version && l[0].Uses[0].Database == "Shop" && l[0].State == akv.DependentCurrent
		}
	}
	dependents(t, dir, "the server has registered", uses(version))
	for _, args := range [][]string{
		{"key", "disable", "--data", dir, "--name", "ContosoRSAKey0", "--version", version},
		{"key", "update", "--data", dir, "--name", "ContosoRSAKey0", "--enabled=false"},
		{"key", "delete", "--data", dir, "--name", "ContosoRSAKey0"},
	} {
		if out := fails(t, args...); !strings.Contains(out, "409 Conflict (KeyStillNeeded)") || !strings.Contains(out, "'Shop'") || !strings.Contains(out, "hint:") {
			t.Errorf("%v: %s", args, out)
		}
	}
	latchkey(t, "key", "rotate", "--data", dir, "--name", "ContosoRSAKey0")
	latchkey(t, "rotate", "--data", dir, "--provider", "AzureKeyVault_EKM", "--apply")
	newest := strings.Fields(latchkey(t, "key", "show", "--data", dir, "--name", "ContosoRSAKey0"))[1]
	dependents(t, dir, "the server needs the new version alone", uses(newest[strings.LastIndex(newest, "/")+1:]))
	latchkey(t, "key", "disable", "--data", dir, "--name", "ContosoRSAKey0", "--version", version)
	latchkey(t, "key", "disable", "--data", dir, "--name", "ContosoRSAKey0", "--force", "--reason", "drill 4711")
	audit := latchkey(t, "vault", "audit", "list", "--data", dir)
	if !strings.Contains(audit, "drill 4711") {
		t.Errorf("the audit log does not have the reason:\n%.2000s", audit)
	}
}
