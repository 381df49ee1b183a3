package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/app/compose"
)

// agentProcess is a latchkey agent.
type agentProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  lockedBuffer
	done chan error
}

func startAgent(t *testing.T, args ...string) *agentProcess {
	t.Helper()
	a := &agentProcess{t: t, cmd: exec.Command(program, append([]string{"agent", "serve"}, args...)...), done: make(chan error, 1)}
	a.cmd.Stderr = &a.log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.done <- a.cmd.Wait() }()
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("the agent said:\n%s", a.log.String())
		}
	})
	a.await("agent ready")
	return a
}

func (a *agentProcess) await(line string) {
	a.t.Helper()
	end := time.Now().Add(patience)
	for !strings.Contains(a.log.String(), line) {
		select {
		case err := <-a.done:
			a.done <- err
			a.t.Fatalf("the agent ended (%v):\n%s", err, a.log.String())
		default:
		}
		if time.Now().After(end) {
			a.t.Fatalf("the agent does not say %q:\n%s", line, a.log.String())
		}
		waitALittle()
	}
}

// ended waits for the end, which must be in order.
func (a *agentProcess) ended() {
	a.t.Helper()
	select {
	case err := <-a.done:
		a.done <- err
		if err != nil {
			a.t.Errorf("the agent ended with %v:\n%s", err, a.log.String())
		}
	case <-time.After(patience):
		a.t.Fatal("the agent does not end")
	}
}

func (a *agentProcess) kill() {
	_ = a.cmd.Process.Kill()
	<-a.done
	a.done <- nil
}

// sqlHost is the C program that plays SQL Server, with the library loaded.
type sqlHost struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

// buildLibrary builds the library and the host.
func buildLibrary(t *testing.T) (library, host string) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the library is built on linux/amd64")
	}
	need(t, "gcc", "make")
	dir := t.TempDir()
	if out, err := exec.Command("make", "-C", filepath.Join("..", "shim"), "OUT="+dir, "so", "host").CombinedOutput(); err != nil {
		t.Fatalf("building the library: %v\n%s", err, out)
	}
	return filepath.Join(dir, "liblatchkey-ekm.so"), filepath.Join(dir, "ekmhost")
}

func startHost(t *testing.T, host, socket string) *sqlHost {
	t.Helper()
	cmd := exec.Command(host)
	cmd.Env = append(os.Environ(), "LATCHKEY_AGENT=unix:"+socket)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the host ended with %v", err)
		}
	})
	h := &sqlHost{t: t, in: in, out: bufio.NewScanner(out)}
	h.out.Buffer(nil, 1<<20)
	return h
}

// do gives the host one command and returns its answer; its words are separated by tabs.
func (h *sqlHost) do(words ...string) string {
	h.t.Helper()
	if _, err := fmt.Fprintln(h.in, strings.Join(words, "\t")); err != nil {
		h.t.Fatal(err)
	}
	var said strings.Builder
	for h.out.Scan() {
		said.WriteString(h.out.Text() + "\n")
		if strings.HasPrefix(h.out.Text(), "= ") {
			return said.String()
		}
	}
	h.t.Fatalf("the host died at %q: %v", words[0], h.out.Err())
	return ""
}

// ok is do of a command that must succeed.
func (h *sqlHost) ok(words ...string) string {
	h.t.Helper()
	said := h.do(words...)
	if !strings.Contains(said, "code=0 msg=0") || !strings.Contains(said, "broke=0") {
		h.t.Fatalf("%s: %s", words[0], said)
	}
	return said
}

func field(t *testing.T, said, name string) string {
	t.Helper()
	m := regexp.MustCompile(name + `=(\S+)`).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no %s in %q", name, said)
	}
	return m[1]
}

// The library in a host that plays SQL Server, a real agent, a vault: register, open a key, wrap, unwrap, and all that while the agent is
// killed, restarted, upgraded, reconfigured. The host never dies, and the call after each works.
func TestLibraryAgentVault(t *testing.T) {
	library, host := buildLibrary(t)
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	vars, err := readVariables(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.ReplaceAll(vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + vars["LATCHKEY_CONNECTOR_CLIENT_SECRET"]
	const vault = compose.VaultName
	socket := filepath.Join(dir, "agent.sock")
	settings := filepath.Join(dir, "agent.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"limits": {"graceSeconds": 1}}`)
	args := []string{"--data", s.dir, "--config", settings, "--listen", "unix:" + socket, "--map", filepath.Join(dir, "keymap")}

	h := startHost(t, host, socket)
	a := startAgent(t, args...)
	h.ok("create-provider", library)
	h.do("unload")
	h.ok("load", library)
	h.ok("init")
	thumb := field(t, h.ok("open-existing", vault, password, compose.KeyName), "thumb")
	const dek = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	blob := field(t, h.ok("dek", vault, password, thumb, dek), "blob")
	startup := func(when string) {
		t.Helper()
		if got := field(t, h.ok("startup", vault, password, thumb, blob), "plain"); got != dek {
			t.Errorf("%s: another key came back", when)
		}
	}
	startup("at first")
	h.ok("open", "0", vault, password) // a session that stays open through it all
	unwrap := func(when string) {
		t.Helper()
		if got := field(t, h.ok("unwrap", "0", thumb, blob), "plain"); got != dek {
			t.Errorf("%s: another key came back", when)
		}
	}
	unwrap("at first")

	// What the database server shows when something is wrong.
	if said := h.do("open-existing", vault, password, "no-such-key"); !strings.Contains(said, "msg=33049") || !strings.Contains(said, "code=3112") {
		t.Errorf("a missing key: %s", said)
	}
	if said := h.do("startup", vault, strings.Repeat("0", 32)+"wrong", thumb, blob); !strings.Contains(said, "msg=33028") || !strings.Contains(said, "code=3303") {
		t.Errorf("a wrong secret: %s", said)
	}

	a.kill()
	if said := h.do("unwrap", "0", thumb, blob); !strings.Contains(said, "code=5001") {
		t.Errorf("without an agent: %s", said)
	}
	a = startAgent(t, args...)
	unwrap("after a kill")

	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.ended()
	a = startAgent(t, args...)
	unwrap("after a restart")

	// Under load from 16 threads: two upgrades and changed settings, and no call fails.
	h.ok("hammer", "16", vault, password, thumb, blob, dek)
	for range 2 {
		next := startAgent(t, args...)
		a.ended()
		a = next
	}
	write(`{"algorithm": "RSA-OAEP", "limits": {"graceSeconds": 1}}`)
	if err := a.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	a.await("sessions move to them")
	write(`{"algorithm": "ROT13"}`)
	a.await("the old ones go on")
	said := h.do("hammer-stop")
	if !strings.Contains(said, "wrong=0") || !regexp.MustCompile(`codes=0:\d+\s`).MatchString(said) {
		t.Errorf("under load: %s", said)
	}
	t.Logf("under load: %s", said)
	unwrap("after upgrades")
	startup("with the old blob under other settings")
	h.ok("close", "0")
	h.ok("free")

	for _, leak := range []string{password, password[32:], dek} {
		if strings.Contains(a.log.String(), leak) {
			t.Errorf("the agent's log holds a secret")
		}
	}
}

// systemd keeps the socket while the agent is exchanged; its units are sound.
func TestSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	need(t, "systemd-analyze", "systemd-socket-activate")
	dir := t.TempDir()
	for _, name := range []string{"latchkey-agent.service", "latchkey-agent.socket"} {
		b, err := os.ReadFile(filepath.Join("..", "packaging", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "/usr/bin/latchkey", program)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	service := filepath.Join(dir, "latchkey-agent.service")
	if out, err := exec.Command("systemd-analyze", "verify", service, filepath.Join(dir, "latchkey-agent.socket")).CombinedOutput(); err != nil || strings.Contains(string(out), "latchkey-agent") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", service).CombinedOutput(); err != nil {
		t.Errorf("the unit is exposed more than it was: %v\n%s", err, out)
	}

	socket := filepath.Join(dir, "agent.sock")
	activate := exec.Command("systemd-socket-activate", "--listen="+socket, program, "agent", "serve", "--map", filepath.Join(dir, "keymap"))
	var log lockedBuffer
	activate.Stderr = &log
	if err := activate.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = activate.Process.Signal(syscall.SIGTERM)
		if err := activate.Wait(); err != nil {
			t.Errorf("the agent ended with %v:\n%s", err, log.String())
		}
	}()
	await(t, "systemd-socket-activate listens", func() bool { _, err := os.Stat(socket); return err == nil })
	for range 2 {
		out, err := exec.Command(program, "agent", "status", "--listen", "unix:"+socket).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "state        serving") {
			t.Errorf("status: %v\n%s\n%s", err, out, log.String())
		}
		if err := activate.Process.Signal(syscall.SIGHUP); err != nil { // without a file of settings it changes nothing
			t.Error(err)
		}
	}
}
