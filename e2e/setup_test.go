package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/app/compose"
)

// latchkey setup installs the library, and sets our own server up over what it installed: not the connector that is built in.
func TestSetupOverTheLibrary(t *testing.T) {
	library, _ := buildLibrary(t)
	from, dir := filepath.Dir(library), t.TempDir()
	if out, err := exec.Command("make", "-C", filepath.Join("..", "shim"), "OUT="+from, "loader").CombinedOutput(); err != nil {
		t.Fatalf("building the loader: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(from, "systemd"), os.DirFS(filepath.Join("..", "packaging", "systemd"))); err != nil {
		t.Fatal(err)
	}
	vault := up(t, filepath.Join(dir, "vault"))
	vars, err := readVariables(vault.dir)
	if err != nil {
		t.Fatal(err)
	}
	socket, root, data := filepath.Join(dir, "agent.sock"), filepath.Join(dir, "root"), filepath.Join(dir, "engine")
	setup := func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command(program, append([]string{"setup"}, args...)...)
		secret := strings.ReplaceAll(vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + vars["LATCHKEY_CONNECTOR_CLIENT_SECRET"]
		cmd.Env = append(os.Environ(), "LATCHKEY_EKM_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), secret) {
			t.Error("setup shows the secret")
		}
		return string(out), err
	}
	put := []string{"--install", from, "--root", root, "--allow", "root"}

	// A dry run changes nothing.
	out, err := setup(append(put, "--only-install")...)
	if err != nil || !strings.Contains(out, "liblatchkey-ekm.so (0755") {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("a dry run made files")
	}
	if out, err := setup(append(put, "--only-install", "--apply")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := setup(append(put, "--only-install")...); err != nil || !strings.Contains(out, "latchkey: 0 of ") {
		t.Errorf("again: %v\n%s", err, out)
	}
	startAgent(t, "--data", vault.dir, "--listen", "unix:"+socket, "--map", filepath.Join(dir, "keymap"))
	b, err := json.Marshal(compose.EngineConfig{
		Data: data, Listen: []string{"127.0.0.1:0"}, TLS: compose.ServeTLS{OwnNames: []string{"127.0.0.1"}},
		Provider: compose.EngineProvider{Loader: filepath.Join(root, "usr/lib/latchkey/latchkey-ekm-loader")},
	})
	config := filepath.Join(dir, "engine.json")
	if err == nil {
		err = os.WriteFile(config, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "engine", "--config", config)
	server.Env = append(os.Environ(), "LATCHKEY_AGENT=unix:"+socket)
	log := &lockedBuffer{}
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the database server said:\n%s", log.String())
		}
	})
	await(t, "the database server is ready", func() bool { return strings.Contains(log.String(), readyLine) })
	addr := regexp.MustCompile(`sql (127\.0\.0\.1:\d+)`).FindStringSubmatch(log.String())
	password, err := os.ReadFile(filepath.Join(data, "dba.password"))
	if err != nil || addr == nil {
		t.Fatalf("%v %v", err, addr)
	}
	q := url.Values{"encrypt": {"true"}, "certificate": {filepath.Join(data, "tls", "ca.pem")}}
	dsn := (&url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", strings.TrimSpace(string(password))), Host: addr[1], RawQuery: q.Encode()}).String()

	// A key that is not there: the statements are taken back, and what was installed before stays.
	sql := append(put, "--vault", compose.VaultName, "--provider", "Latchkey")
	if out, err := setup(append(sql, "--key", "no-such-key", "--apply", dsn)...); err == nil || !strings.Contains(out, "taken back") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = setup(append(sql, "--key", compose.KeyName, "--apply", dsn)...)
	if err != nil || !strings.Contains(out, "set up and verified") {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err = setup(append(sql, "--key", compose.KeyName, dsn)...); err != nil || !strings.Contains(out, "latchkey: 0 of ") {
		t.Errorf("again: %v\n%s", err, out)
	}
	out, err = runSQL(dsn, "SELECT dll_path FROM sys.cryptographic_providers")
	if want := filepath.Join(root, "usr/lib/latchkey/liblatchkey-ekm.so"); err != nil || !strings.Contains(out, want) {
		t.Errorf("the provider is not %s: %v\n%s", want, err, out)
	}
}

func runSQL(dsn, statement string) (string, error) {
	out, err := exec.Command(program, "sql", "-q", statement, dsn).CombinedOutput()
	return string(out), err
}

// After eval "$(latchkey env)" the runbooks still know which vault the server's keys are in.
func TestRunbooksFindTheVaultOfTheEnvironment(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "data"), "--demo")
	for _, c := range []struct{ command, data, want string }{
		{"setup", s.dir, "steps are left"},
		{"rotate", s.dir, "steps are left"},
		{"setup", t.TempDir(), "the vault is missing"}, // who runs that server is not known
	} {
		cmd := exec.CommandContext(t.Context(), program, c.command)
		cmd.Env = append(s.environ(t), "LATCHKEY_DATA="+c.data)
		if out, err := cmd.CombinedOutput(); (err == nil) != (c.data == s.dir) || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", c.command, err, out)
		}
	}
}
