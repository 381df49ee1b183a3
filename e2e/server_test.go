package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/fsys"
)

// readyLine is what `latchkey up` says on standard error when every port answers.
const readyLine = "ready in"

// waitALittle is the pause of a loop that waits for another process, of which the machine sends no word.
func waitALittle() { <-time.After(5 * time.Millisecond) }

// patience is how long a test waits for what must come, at most. It is no bound of anything: who reaches it hangs, however busy the machine is, and its log is
// worth more than the stacks of all goroutines.
const patience = 5 * time.Minute

// lockedBuffer collects a process's output while tests read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// readVariables runs latchkey env.
func readVariables(dir string) (map[string]string, error) {
	out, err := exec.Command(program, "env", "--data", dir, "--format", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("latchkey env: %w", err)
	}
	vars := make(map[string]string)
	return vars, json.Unmarshal(out, &vars)
}

// up starts a server for the length of a test.
func up(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s, err := startServer(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("the server said:\n%s", s.logs)
		}
	})
	return s
}

// stop asks the server to stop and checks that it did so in order.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("the server does not stop")
	}
	if s.err != nil {
		t.Errorf("the server ended: %v\n%s", s.err, s.logs)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "run.json")); err == nil {
		t.Error("run.json is still there after a stop")
	}
}

// kill ends the server as a crash does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
}

// environ is this process's environment with the variables of latchkey env on top.
func (s *server) environ(t *testing.T) []string {
	t.Helper()
	vars, err := readVariables(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	env := os.Environ()
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	return env
}

// osFS is the machine's file system.
var osFS = fsys.OS{}
