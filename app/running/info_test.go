package running_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/app/running"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

func TestKilledServerIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	info := &running.Info{DataDir: t.TempDir()}
	info.Addresses.Proxy = l.Addr().String()
	if err := info.Answers(t.Context()); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := info.Answers(t.Context()); !errors.Is(err, running.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// Scripts read run.json: its members keep their names, and no secret is among them.
func TestRunFileIsAContract(t *testing.T) {
	dir := t.TempDir()
	info := &running.Info{
		Version: running.Version, PID: os.Getpid(), DataDir: dir, CAFile: "ca", SecretsFile: filepath.Join(dir, running.SecretsFileName),
		VaultURL: "https://v/", HSMURL: "https://h/",
	}
	info.Addresses.IMDS = "x"
	secrets := &running.Secrets{ClientSecret: secret.FromString("one"), ConnectorClientSecret: secret.FromString("two")}
	if err := info.Write(fsys.OS{}, secrets); err != nil {
		t.Fatal(err)
	}
	members := func(name string) []string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		var all []string
		for k := range m {
			all = append(all, k)
		}
		slices.Sort(all)
		return all
	}
	want := []string{
		"addresses", "authorityHost", "caFile", "clientId", "connectorClientId", "dataDir", "hsmUrl", "pid", "secretsFile", "started", "tenantId",
		"vaultName", "vaultUrl", "version",
	}
	if d := cmp.Diff(want, members("run.json")); d != "" {
		t.Errorf("run.json (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"clientSecret", "connectorClientSecret"}, members(running.SecretsFileName)); d != "" {
		t.Errorf("secrets (-want +got):\n%s", d)
	}
	if fi, err := os.Stat(filepath.Join(dir, running.SecretsFileName)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the secrets' file: %v, %v", fi.Mode(), err)
	}
}
