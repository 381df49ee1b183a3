package shimtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// vault is a running `latchkey up`, for all tests, and what a SQL credential for it holds.
type vault struct {
	identity, secret string // of the connector's principal
	dir, ca, proxy   string
	program          string
}

// program builds latchkey for a system, once.
func program(t testing.TB, goos string) string {
	t.Helper()
	path, given := filepath.Join(work, "latchkey"), os.Getenv("LATCHKEY_E2E_PROGRAM") // of another test, which built it
	if goos == "windows" {
		path, given = path+".exe", given+".exe"
	}
	if _, err := os.Stat(given); err == nil {
		return given
	}
	once, _ := makes.LoadOrStore("latchkey "+goos, sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-pgo=off", "-o", path, "latchkey/cmd/latchkey") // as the end-to-end tests build it
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64")
		if goos == "windows" {
			cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("building latchkey for %s: %w\n%s", goos, err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a program that says on standard error when it is ready.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	mu    sync.Mutex
	text  strings.Builder
	ended chan struct{}
}

// run starts a program and waits for a text on its standard error. The test stops it.
func run(t testing.TB, ready string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	is := make(chan struct{})
	go func() {
		defer close(p.ended)
		told := false
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			p.mu.Lock()
			p.text.WriteString(line)
			p.mu.Unlock()
			if !told && strings.Contains(line, ready) {
				told = true
				close(is)
			}
			if err != nil {
				break
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() { p.kill() })
	select {
	case <-is:
	case <-p.ended:
		t.Fatalf("%s ended before it was ready:\n%s", name, p.said())
	case <-time.After(patience):
		t.Fatalf("%s is not ready:\n%s", name, p.said())
	}
	return p
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("signal %v: %v", s, err)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// wait waits for the program to end by itself.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("the process does not end:\n%s", p.said())
	}
}

// up starts a vault for a test.
func up(t testing.TB) *vault {
	t.Helper()
	v := &vault{program: program(t, "linux"), dir: filepath.Join(t.TempDir(), "data")}
	run(t, "ready in", nil, v.program, "up", "--data", v.dir)
	text, err := exec.Command(v.program, "env", "--data", v.dir, "--format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var env map[string]string
	if err := json.Unmarshal(text, &env); err != nil {
		t.Fatal(err)
	}
	v.identity = "latchkey-dev"
	v.secret = strings.ReplaceAll(env["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + env["LATCHKEY_CONNECTOR_CLIENT_SECRET"]
	v.ca, v.proxy = env["SSL_CERT_FILE"], env["HTTPS_PROXY"]
	return v
}

// agent is how a test runs agents on one socket, with one map.
type agent struct {
	v            *vault
	socket, maps string
}

func newAgent(t testing.TB, v *vault) *agent {
	dir, err := os.MkdirTemp(work, "agent")
	if err != nil {
		t.Fatal(err)
	}
	return &agent{v, filepath.Join(dir, "agent.sock"), filepath.Join(dir, "keymap")}
}

func (a *agent) start(t testing.TB) *process {
	t.Helper()
	return run(t, "agent ready on", nil, a.v.program, "agent", "serve", "--data", a.v.dir, "--listen", "unix:"+a.socket, "--map", a.maps)
}

// TestAgent runs everything through a real agent and a real vault.
func TestAgent(t *testing.T) {
	t.Parallel()
	v := up(t)
	a := newAgent(t, v)
	a.start(t)
	for _, kind := range []string{"", "asan"} {
		t.Run("build="+kind, func(t *testing.T) {
			h, lib := native(t, kind, a.socket, "LATCHKEY_AGENT_DEADLINE_MS=60000")
			rounds := "2"
			if long() {
				rounds = "4"
			}
			thumb := order(t, h, v.identity, v.secret, keyName)
			if r := h.do("open-existing", v.identity, v.secret, "no-such-key"); r.msg != 33049 || r.code != 3112 {
				t.Errorf("a key that is not there: %s", r.text)
			}
			if r := h.do("open-existing", v.identity, v.secret+"x", keyName); r.msg != 33028 || r.code != 3303 {
				t.Errorf("a wrong secret: %s", r.text)
			}
			h.want(2050, 0, 5*time.Second, "open", "1", v.identity, "short")
			for _, command := range []string{"threads", "one-session"} {
				r := h.must(command, "64", rounds, v.identity, v.secret, thumb)
				if codes := r.codes(); len(codes) != 1 || codes[0] == 0 || r.fields["wrong"] != "0" {
					t.Errorf("%s: %s", command, r.text)
				}
			}
			h.must("open", "1", v.identity, v.secret)
			h.must("garbage", "1", "1500", "1", thumb)
			h.must("thumb", "1", thumb)
			h.must("unload")
			h.must("reload", lib, "12", v.identity, v.secret)
			h.must("create-provider", lib)
			h.must("init")
			order(t, h, v.identity, v.secret, keyName)
		})
	}
}

// TestAgentFaults: calls go on while agents are killed, frozen, stopped and replaced; each ends within its deadline, none is wrong, and the
// next after recovery works.
func TestAgentFaults(t *testing.T) {
	t.Parallel()
	v := up(t)
	a := newAgent(t, v)
	p := a.start(t)
	const deadline = 4 * time.Second
	h, _ := native(t, "", a.socket, "LATCHKEY_AGENT_DEADLINE_MS=4000")
	thumb := h.must("open-existing", v.identity, v.secret, keyName).fields["thumb"]
	blob := h.must("dek", v.identity, v.secret, thumb, plainHex).fields["blob"]
	h.must("open", "1", v.identity, v.secret)

	// under runs f while threads unwrap, and looks which codes they got. f says how long there was no agent, or none that answered: a call waits so long for one, and
	// gets one of these codes if it was longer.
	under := func(what string, f func() time.Duration, waits time.Duration, allowed ...int) {
		t.Helper()
		h.must("hammer", "12", v.identity, v.secret, thumb, blob, plainHex)
		h.must("hammer-wait", "24")
		away := f()
		h.must("hammer-wait", "24") // it works again
		r := h.must("hammer-stop")
		t.Logf("%s: %s", what, strings.TrimSpace(r.text))
		codes := r.codes()
		if codes[0] < 24 || r.fields["wrong"] != "0" {
			t.Errorf("%s: %s", what, r.text)
		}
		delete(codes, 0)
		if away > waits-time.Second { // a second to connect, which a busy machine takes
			for _, code := range allowed {
				delete(codes, code)
			}
		}
		if len(codes) > 0 {
			t.Errorf("%s: other codes than %v: %s", what, allowed, r.text)
		}
		if most := deadline + 1500*time.Millisecond; !r.within(most) {
			t.Errorf("%s: a call took %v ms, more than %v", what, r.ms, most)
		}
		if r := h.must("unwrap", "1", thumb, blob); r.fields["plain"] != plainHex {
			t.Errorf("after %s: %s", what, r.text)
		}
	}
	// away is how long something took.
	away := func(f func()) time.Duration {
		began := time.Now()
		f()
		return time.Since(began)
	}
	under("nothing", func() time.Duration { return 0 }, deadline)
	under("kill and restart", func() (longest time.Duration) {
		for range 3 {
			longest = max(longest, away(func() {
				p.kill()
				p = a.start(t)
			}))
			h.must("hammer-wait", "24")
		}
		return longest
	}, deadline, 5001)
	under("stop and restart", func() time.Duration {
		return away(func() {
			p.signal(syscall.SIGTERM)
			p.wait()
			p = a.start(t)
		})
	}, deadline, 5001)
	under("upgrade", func() time.Duration {
		old := p
		p = a.start(t) // takes the socket over
		old.wait()
		return 0
	}, deadline)
	frozen := func(d time.Duration) func() time.Duration {
		return func() time.Duration {
			return away(func() {
				p.signal(syscall.SIGSTOP)
				time.Sleep(d)
				p.signal(syscall.SIGCONT)
			})
		}
	}
	under("a short freeze", frozen(time.Second), deadline, 5002)
	under("a freeze longer than the deadline", frozen(deadline+2*time.Second), deadline, 5002)
	under("a frozen agent that is killed and replaced", func() time.Duration {
		return away(func() {
			p.signal(syscall.SIGSTOP)
			time.Sleep(500 * time.Millisecond)
			p.kill()
			p = a.start(t)
		})
	}, deadline, 5001, 5002)

	// Frozen, then missing: one call each.
	p.signal(syscall.SIGSTOP)
	h.want(5002, deadline, deadline+1500*time.Millisecond, "unwrap", "1", thumb, blob)
	p.signal(syscall.SIGCONT)
	h.must("unwrap", "1", thumb, blob)
	p.kill()
	h.want(5001, deadline-100*time.Millisecond, deadline+1500*time.Millisecond, "unwrap", "1", thumb, blob)
	h.must("info") // the provider can be registered without an agent
	a.start(t)
	h.must("unwrap", "1", thumb, blob)
	h.must("close", "1")
}

// TestAgentOnWindows runs the DLL and the agent's Windows build in Wine, before the same vault.
func TestAgentOnWindows(t *testing.T) {
	t.Parallel()
	runner := wine(t)
	v := up(t)
	exe := program(t, "windows")
	reg := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(runner, append([]string{"reg"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("reg %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	const root = `HKLM\SOFTWARE\Microsoft\SQL Server Cryptographic Provider`
	// Wine gives the group of all users as the owner of a pipe, instead of who made it.
	reg("add", `HKLM\SOFTWARE\Latchkey`, "/v", "AgentOwner", "/d", "S-1-5-21-0-0-0-513", "/f")
	reg("add", `HKLM\SOFTWARE\Latchkey`, "/v", "AgentDeadlineMs", "/t", "REG_DWORD", "/d", "8000", "/f")
	reg("add", root, "/f")
	t.Cleanup(func() {
		reg("delete", root, "/f")
		reg("delete", `HKLM\SOFTWARE\Latchkey`, "/f")
	})

	name := fmt.Sprintf("latchkey-test-%d", os.Getpid())
	serve := func() *process {
		return run(t, "agent ready on", []string{"WINEDEBUG=-all,trace+eventlog,err+eventlog"}, runner, exe, "agent", "serve",
			"--listen", "pipe:"+name, "--ca-file", windowsPath(v.ca), "--proxy", v.proxy)
	}
	p := serve()
	lib := windowsPath(build(t, "dll", "latchkey-ekm.dll"))
	h := start(t, []string{"LATCHKEY_AGENT=pipe:" + name}, runner, build(t, "host-windows", "ekmhost.exe"))
	h.must("create-provider", lib) // the first client of a new pipe hangs in Wine, for the second that this question has
	h.must("init")
	thumb := order(t, h, v.identity, v.secret, keyName)
	if r := h.do("open-existing", v.identity, v.secret+"x", keyName); r.msg != 33028 || r.code != 3303 {
		t.Errorf("a wrong secret: %s", r.text)
	}

	// The map is in the registry, where the documents say.
	entries := reg("query", root, "/s")
	if !strings.Contains(strings.ToLower(entries), `\azure key vault\https://latchkey-dev.vault.azure.net\`+thumb) || !strings.Contains(entries, "/keys/"+keyName+"/") {
		t.Errorf("the registry holds\n%s", entries)
	}

	rounds, pointers := "1", "400"
	if long() {
		rounds, pointers = "16", "20000"
	}
	r := h.must("threads", "64", rounds, v.identity, v.secret, thumb)
	if codes := r.codes(); len(codes) != 1 || codes[0] == 0 || r.fields["wrong"] != "0" {
		t.Errorf("64 threads: %s", r.text)
	}
	h.must("open", "1", v.identity, v.secret)
	h.must("garbage", "1", pointers, "1", thumb)
	blob := h.must("wrap", "1", thumb, plainHex).fields["blob"]

	// Who may listen: the owner of the pipe and the program at its other end are those of the settings, or nothing is sent.
	for _, c := range []struct {
		value, data string
		code        int
	}{
		{"AgentImage", `C:\windows\system32\notepad.exe`, 5004},
		{"AgentImage", strings.ToUpper(windowsPath(exe)), 0},
		{"AgentOwner", "S-1-5-21-1-2-3-4", 5004},
		{"AgentOwner", "no SID", 5001},
		{"AgentOwner", "S-1-5-21-0-0-0-513", 0},
	} {
		reg("add", `HKLM\SOFTWARE\Latchkey`, "/v", c.value, "/d", c.data, "/f")
		h.must("free")
		h.must("init")
		if r := h.want(c.code, 0, 3*time.Second, "open", "4", v.identity, v.secret); r.code != c.code {
			t.Errorf("%s %q: %s", c.value, c.data, r.text)
		}
	}
	h.must("open", "1", v.identity, v.secret)

	// A thread that acts for a client connects as the server all the same, and acts for the client afterwards.
	h.must("impersonate", "1")
	h.must("open", "3", v.identity, v.secret)
	if r := h.must("acting"); r.fields["acting"] != "1" {
		t.Errorf("after a call the thread acts for nobody: %s", r.text)
	}
	h.must("impersonate", "0")
	h.must("close", "3")

	// Missing, then back: the session lives on.
	p.kill()
	h.want(5001, 4*time.Second, 8*time.Second, "unwrap", "1", thumb, blob)
	events := p.said()
	p = serve()
	h.do("open", "2", v.identity, v.secret) // the first client again
	if r := h.must("unwrap", "1", thumb, blob); r.fields["plain"] != plainHex {
		t.Errorf("after a restart: %s", r.text)
	}

	// Frozen. The runner replaced itself by the Windows program, so the signal reaches that.
	p.signal(syscall.SIGSTOP)
	h.want(5002, 7*time.Second, 10*time.Second, "unwrap", "1", thumb, blob)
	p.signal(syscall.SIGCONT)
	h.must("unwrap", "1", thumb, blob)

	h.must("free")
	h.must("unload")
	h.must("reload", lib, "4", v.identity, v.secret)

	for _, want := range []string{
		`trace:eventlog:ReportEventW L"session opened\r\nop: open\r\nvault: https://latchkey-dev.vault.azure.net\r\n`,
		`trace:eventlog:ReportEventW L"key registered\r\n`,
		`err:eventlog:ReportEventW L"call done\r\nop: open\r\n`,
	} {
		if !strings.Contains(events, want) {
			t.Errorf("the event log did not get %s\n%s", want, events)
		}
	}
	if strings.Contains(events, v.secret[32:]) {
		t.Error("the secret is in the event log")
	}
}
