package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// commands are what scripts can say besides testscript's own:
//
//	status N PROGRAM ARGS...   runs a program that must exit with N
//	up [ARGS...]               starts latchkey up on free ports, waits until it is ready; ends with the script
//	down                       asks it to stop and waits
//	crash                      kills it without warning and waits
//	variables                  puts the variables of latchkey env into the script's environment
//	mode PERM FILE             the file's permissions are PERM
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"status": cmdStatus, "up": cmdUp, "down": cmdDown, "crash": cmdKill, "variables": cmdEnv, "mode": cmdMode,
	}
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serverKey is where a script keeps its running server.
const serverKey = "SERVER_PID"

func cmdUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("up cannot be negated; use: status 1 latchkey up")
	}
	s, err := startServer(ts.Getenv("LATCHKEY_DATA"), args...)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Setenv(serverKey, strconv.Itoa(s.cmd.Process.Pid))
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
	})
}

func cmdDown(ts *testscript.TestScript, neg bool, _ []string) { stopScriptServer(ts, syscall.SIGTERM) }

func cmdKill(ts *testscript.TestScript, neg bool, _ []string) { stopScriptServer(ts, syscall.SIGKILL) }

func stopScriptServer(ts *testscript.TestScript, sig syscall.Signal) {
	pid, err := strconv.Atoi(ts.Getenv(serverKey))
	if err != nil {
		ts.Fatalf("no server was started")
	}
	p, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(p.Signal(sig))
	deadline := time.Now().Add(patience)
	for p.Signal(syscall.Signal(0)) == nil {
		if time.Now().After(deadline) {
			ts.Fatalf("the server does not stop")
		}
		waitALittle()
	}
}

func cmdEnv(ts *testscript.TestScript, neg bool, _ []string) {
	r, err := readVariables(ts.Getenv("LATCHKEY_DATA"))
	if err != nil {
		ts.Fatalf("%v", err)
	}
	for name, value := range r {
		ts.Setenv(name, value)
	}
}

func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode PERM FILE")
	}
	fi, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", fi.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}

// server is a running latchkey up.
type server struct {
	cmd   *exec.Cmd
	dir   string
	done  chan struct{} // closed when the process has ended and err is set
	err   error
	ready time.Duration
	logs  *lockedBuffer
}

// startServer runs latchkey up on free ports and waits until it is ready.
func startServer(dir string, args ...string) (*server, error) {
	return startCommand(dir, exec.Command(program, append([]string{"up", "--data", dir, "--vault", "127.0.0.1:0", "--entra", "127.0.0.1:0", "--proxy", "127.0.0.1:0", "--imds", "127.0.0.1:0", "--sql", "127.0.0.1:0"}, args...)...))
}

func startCommand(dir string, cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, dir: dir, done: make(chan struct{}), logs: &lockedBuffer{}}
	s.cmd.Stdout = s.logs
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan time.Duration, 1)
	go func() {
		lines := bufio.NewReader(io.TeeReader(stderr, s.logs))
		for {
			line, err := lines.ReadString('\n')
			if strings.Contains(line, readyLine) {
				ready <- time.Since(start)
			}
			if err != nil {
				break
			}
		}
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case s.ready = <-ready:
	case <-s.done:
		return nil, fmt.Errorf("the server ended: %w\n%s", s.err, s.logs)
	case <-timeout.C:
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("the server does not become ready:\n%s", s.logs)
	}
	if dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "run.json")); err != nil {
			return nil, err
		}
	}
	return s, nil
}
