package shimtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// prefix is the Wine prefix, made once for all tests of this machine.
var prefix = sync.OnceValues(func() (string, error) {
	runner, err := filepath.Abs("../../scripts/wine")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(runner).CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return runner, nil
})

// wine gives the program that runs Windows programs.
func wine(t testing.TB) string {
	t.Helper()
	need(t, "wine", "x86_64-w64-mingw32-gcc", "flock")
	runner, err := prefix()
	if err != nil {
		t.Fatalf("making the Wine prefix: %v\n%s", err, runner)
	}
	return runner
}

func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// TestWindowsPackages runs the tests of what only Windows has.
func TestWindowsPackages(t *testing.T) { // not parallel: the registry's branch is one for all
	runner := wine(t)
	for _, c := range []struct{ pkg, run string }{
		{"latchkey/connector/keymap", "^TestRegistry$"},
		{"latchkey/agent/peer", "^TestPipe"},
		{"latchkey/app/agentd", "^(TestProtectDirectory|TestGrantKeymap|TestMessageFile)$"},
		{"latchkey/internal/secret", "."},
	} {
		cmd := exec.Command("go", "test", "-count=1", "-v", "-exec", runner, "-run", c.run, c.pkg)
		cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") || strings.Contains(string(out), "--- SKIP") {
			t.Errorf("%s: %v\n%s", c.pkg, err, out)
		}
	}
}

// TestEventLog: the text of an event as Windows gets it. Wine drops the record but tells of it.
func TestEventLog(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-count=1", "-v", "-exec", wine(t), "-run", "^TestSystemLog$", "latchkey/connector")
	cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0", "WINEDEBUG=-all,trace+eventlog,err+eventlog")
	b, err := cmd.CombinedOutput()
	out := string(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`trace:eventlog:ReportEventW L"session opened\r\nop: open\r\nvault: https://info-opened.example\r\nidentity: somebody"`,
		`err:eventlog:ReportEventW L"call done\r\nop: unwrap\r\nvault: https://info-failed.example\r\nkey: key\r\ncode: 3113\r\nerror: refused"`,
		`vault: https://error-failed.example\r\n`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the event log did not get %q:\n%s", want, out)
		}
	}
	for _, not := range []string{"error-opened", "none-opened", "none-failed"} {
		if strings.Contains(out, not) {
			t.Errorf("the event log got %q, which its level leaves out:\n%s", not, out)
		}
	}
}

// TestResources: Windows finds the version, and a text for every event of connector and agent.
func TestResources(t *testing.T) {
	t.Parallel()
	lib := windowsPath(build(t, "dll", "latchkey-ekm.dll"))
	h := start(t, nil, wine(t), build(t, "host-windows", "ekmhost.exe"))
	for _, event := range []string{"1", "19", "31", "100", "101", "102"} {
		r := h.do("resources", lib, event)
		if r.fields["version"] != "1.2.3.0" || r.fields["message"] != "the-event's-text" {
			t.Errorf("event %s: %s", event, r.text)
		}
	}
	if r := h.do("resources", lib, "999"); r.fields["message"] != "" {
		t.Errorf("an event that there is not: %s", r.text)
	}
}
