package shimtest_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// work is a directory for what is built, removed at the end.
var work string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve-fake" { // started by TestForeignListener as another user
		serveFake(os.Args[2])
		return
	}
	os.Exit(func() int {
		flag.Parse()
		if err := flag.Set("test.parallel", "8"); err != nil { // they wait more than they compute
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		var err error
		if work, err = os.MkdirTemp("", "latchkey-shim"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(work)
		if err := os.Chmod(work, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// need skips the test when a tool is missing, or fails it when CI=true.
func need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lack(t, tool+" is not installed (make tools installs it)")
		}
	}
}

func lack(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// patience is how long a test waits for what must come, at most. It is no bound of anything: who reaches it hangs, however busy the machine is.
const patience = 5 * time.Minute

// late is by how much a call may take longer than it should: on a machine that does much else, nobody is as fast as the library is. With LATCHKEY_LONG=1 the
// bounds are those of a machine of one's own. It is less than the deadline of calls, so that one that waits for that is found either way.
func late() time.Duration {
	if long() {
		return 0
	}
	return 20 * time.Second
}

// long reports whether the test may take its full size.
func long() bool { return os.Getenv("LATCHKEY_LONG") == "1" }

// makes is what each target of shim/Makefile built, once.
var makes sync.Map // target -> func() error

// build makes a target and gives the path of one of its files.
func build(t testing.TB, target, file string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the library is built on linux/amd64")
	}
	need(t, "gcc", "make")
	if target == "dll" || target == "host-windows" {
		need(t, "x86_64-w64-mingw32-gcc")
	}
	once, _ := makes.LoadOrStore(target, sync.OnceValue(func() error {
		out, err := exec.Command("make", "-C", "..", "OUT="+work, "VERSION=1.2.3", target).CombinedOutput()
		if err != nil {
			return fmt.Errorf("make %s: %w\n%s", target, err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(work, file)
}

// host is a running host program.
type host struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string
	errors *bytes.Buffer
	ended  chan error
	// limit is how long a command may take before the test fails.
	limit time.Duration
}

// result is what a command says.
type result struct {
	name             string
	code, msg, calls int
	ms               float64
	broke            bool
	fields           map[string]string
	text             string
}

// start runs a host program with settings in its environment. It is stopped with the test, which fails if it died.
func start(t testing.TB, env []string, program ...string) *host {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &host{
		t: t, cmd: exec.CommandContext(ctx, program[0], program[1:]...), lines: make(chan string, 1024), errors: new(bytes.Buffer),
		ended: make(chan error, 1), limit: patience,
	}
	h.cmd.Env = append(append(os.Environ(), "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0", "TSAN_OPTIONS=halt_on_error=1"), env...)
	h.cmd.Stderr = h.errors
	h.cmd.WaitDelay = 5 * time.Second
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			h.lines <- strings.TrimRight(s.Text(), "\r")
		}
		close(h.lines)
		h.ended <- h.cmd.Wait()
	}()
	t.Cleanup(func() {
		defer cancel()
		_ = h.in.Close() // its end of input is its end
		for {
			select {
			case _, ok := <-h.lines:
				if ok {
					continue
				}
			case <-time.After(patience):
				t.Errorf("the host did not end")
				return
			}
			break
		}
		if err := <-h.ended; err != nil || h.errors.Len() > 0 {
			t.Errorf("the host ended with %v and said\n%s", err, h.errors)
		}
	})
	return h
}

// send gives a command without waiting for what it says.
func (h *host) send(words ...string) {
	h.t.Helper()
	if _, err := io.WriteString(h.in, strings.Join(words, "\t")+"\n"); err != nil {
		h.t.Fatalf("%s: %v", words[0], err)
	}
}

// read waits for what a command says.
func (h *host) read() result {
	h.t.Helper()
	r := result{fields: map[string]string{}}
	limit := time.After(h.limit)
	for {
		select {
		case line, ok := <-h.lines:
			if !ok {
				err := <-h.ended
				h.ended <- err
				h.t.Fatalf("the host died: %v\n%s", err, h.errors)
			}
			kind, rest, _ := strings.Cut(line, " ")
			r.text += line + "\n"
			for _, field := range strings.Fields(rest) {
				if k, v, ok := strings.Cut(field, "="); ok {
					r.fields[k] = v
				} else {
					r.name = field
				}
			}
			if kind != "=" {
				continue
			}
			r.code, r.msg, r.calls = r.int("code"), r.int("msg"), r.int("calls")
			r.ms, _ = strconv.ParseFloat(r.fields["ms"], 64)
			r.broke = r.fields["broke"] == "1"
			return r
		case <-limit:
			h.t.Fatalf("no answer within %v; so far %q", h.limit, r.text)
		}
	}
}

func (r result) int(field string) int {
	n, err := strconv.Atoi(r.fields[field])
	if err != nil {
		return 0
	}
	return n
}

// codes reads the field that counts codes.
func (r result) codes() map[int]int {
	all := map[int]int{}
	for pair := range strings.SplitSeq(r.fields["codes"], ",") {
		code, times, _ := strings.Cut(pair, ":")
		c, err := strconv.Atoi(code)
		n, err2 := strconv.Atoi(times)
		if err == nil && err2 == nil {
			all[c] += n
		}
	}
	return all
}

// do gives a command and waits; a broken rule of the interface fails the test.
func (h *host) do(words ...string) result {
	h.t.Helper()
	h.send(words...)
	r := h.read()
	if r.broke || r.fields["error"] != "" {
		h.t.Fatalf("%s: %s\n%s", words[0], r.text, h.errors)
	}
	return r
}

// must is do for a command that has to work.
func (h *host) must(words ...string) result {
	h.t.Helper()
	r := h.do(words...)
	if r.code != 0 || r.msg != 0 {
		h.t.Fatalf("%s: %s", words[0], r.text)
	}
	return r
}

// want is do for a command that has to fail with a code, in a time between; what the machine makes late is let pass.
func (h *host) want(code int, least, most time.Duration, words ...string) result {
	h.t.Helper()
	r := h.do(words...)
	took := time.Duration(r.ms * float64(time.Millisecond))
	if r.code != code || took < least || took > most+late() {
		h.t.Errorf("%s: code %d after %v, want %d between %v and %v", words[0], r.code, took, code, least, most)
	}
	return r
}

// within reports whether a call took no longer than it should; what the machine makes late is let pass.
func (r result) within(d time.Duration) bool {
	return time.Duration(r.ms*float64(time.Millisecond)) <= d+late()
}

// native starts the host with the library loaded, before an agent at a socket. Calls have half a minute, unless env says otherwise. kind is "", "asan" or "tsan".
func native(t testing.TB, kind, socket string, env ...string) (*host, string) {
	t.Helper()
	var lib, program string
	if kind == "" {
		lib, program = build(t, "so", "liblatchkey-ekm.so"), build(t, "host", "ekmhost")
	} else {
		lib, program = build(t, kind, kind+"/liblatchkey-ekm.so"), build(t, kind, kind+"/ekmhost")
	}
	h := start(t, append([]string{"LATCHKEY_AGENT=unix:" + socket, "LATCHKEY_AGENT_DEADLINE_MS=30000"}, env...), program)
	h.must("create-provider", lib)
	h.must("init")
	return h, lib
}
