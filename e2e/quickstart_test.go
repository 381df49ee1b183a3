package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The main job, from nothing: every proof is printed, nothing is left behind without --keep, and with it up goes on.
func TestQuickstart(t *testing.T) {
	run := func(t *testing.T, temp string, code int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"quickstart"}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp, "XDG_DATA_HOME=", "LATCHKEY_DATA=", "SQLSERVER_DSN=")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
			t.Fatalf("%v\n%s", err, out)
		}
		if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) != 0 {
			t.Errorf("left where it was started: %v, %v", left, err)
		}
		return string(out)
	}
	proofs := regexp.MustCompile(`(?m)^ *(\d+)  (\S.{11}) `)
	check := func(t *testing.T, out string) {
		t.Helper()
		var got []string
		for _, m := range proofs.FindAllStringSubmatch(out, -1) {
			got = append(got, strings.TrimSpace(m[2]))
		}
		const want = "set up,write,before,encrypt,after,same key,rotate,back up,restore,restart"
		if strings.Join(got, ",") != want || !strings.Contains(out, "all proved in") {
			t.Errorf("proved %v\n%s", got, out)
		}
		if strings.Contains(out, "lk1~") {
			t.Error("a secret is in the output")
		}
	}
	empty := func(t *testing.T, dir string) {
		t.Helper()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	temp := t.TempDir()
	check(t, run(t, temp, 0))
	empty(t, temp)

	data := filepath.Join(t.TempDir(), "kept")
	check(t, run(t, temp, 0, "--keep", "--data", data))
	empty(t, temp)
	run(t, temp, 2, "--data", data)
	run(t, temp, 2, "more")
	s := up(t, data)
	if out := goBatches(t, s, "SELECT COUNT(*) FROM TestTDE.sys.tables; SELECT encryption_state_desc FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('TestTDE')"); len(out) != 2 || out[1] != "ENCRYPTED" {
		t.Errorf("after up: %v", out)
	}
	s.stop(t)

	fresh := filepath.Join(t.TempDir(), "fresh")
	check(t, run(t, temp, 0, "--data", fresh))
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("the directory of --data is still there: %v", err)
	}
	empty(t, temp)
}
