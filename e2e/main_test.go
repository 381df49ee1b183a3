package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the path of the built latchkey.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if program = os.Getenv("LATCHKEY_E2E_PROGRAM"); program != "" {
		return m.Run() // inside another test, which built it
	}
	dir, err := os.MkdirTemp("", "latchkey-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "latchkey")
	args := []string{"build", "-o", program}
	if os.Getenv("LATCHKEY_LONG") == "1" {
		args = append(args, "-pgo=auto") // as it is shipped
	} else {
		args = append(args, "-pgo=off") // see scripts/test
	}
	if os.Getenv("LATCHKEY_RACE") == "1" {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "latchkey/cmd/latchkey")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// need skips the test when a tool is missing, or fails it when CI=true.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lack(t, tool+" is not installed (make tools installs it)")
		}
	}
}

// lack skips the test for a reason, or fails it when CI=true.
func lack(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
