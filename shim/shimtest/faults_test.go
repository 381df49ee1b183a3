package shimtest_test

import (
	"bufio"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestAbsent: without an agent a call waits for one for 5 s at most; one that comes within that time is used.
func TestAbsent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.kill()
	h, _ := native(t, "", f.path, "LATCHKEY_AGENT_DEADLINE_MS=20000")
	h.want(5001, 4900*time.Millisecond, 7*time.Second, "open", "1", identity, secret)
	h.send("open", "1", identity, secret)
	time.AfterFunc(300*time.Millisecond, f.listen)
	if r := h.read(); r.code != 0 || !r.within(2*time.Second) {
		t.Errorf("an agent that came after a while: %s", r.text)
	}
	h.must("unwrap", "1", thumbHex, blobHex())
}

// TestBadAddress: an address that cannot be used fails at once and is not replaced by another.
func TestBadAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"tcp:127.0.0.1:1", "unix:relative", "unix:/" + strings.Repeat("x", 200), "nonsense"} {
		h, _ := native(t, "", "/nowhere", "LATCHKEY_AGENT="+address)
		h.want(5001, 0, time.Second, "open", "1", identity, secret)
	}
}

// TestFrozen: an agent that does not answer costs the deadline and no more, wherever it stops, and the next call works.
func TestFrozen(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path, "LATCHKEY_AGENT_DEADLINE_MS=2000")
	for _, op := range []uint16{opHello, opOpen} {
		f.do(func(r request) *reply { return on(r, op, &reply{hang: true}) })
		h.want(5002, 2900*time.Millisecond, 5*time.Second, "open", "1", identity, secret)
	}
	f.do(nil)
	h.must("open", "1", identity, secret)
	h.must("wrap", "1", thumbHex, plainHex) // so that the size is known
	for _, part := range [][]byte{nil, {1}, make([]byte, 15)} {
		f.do(func(r request) *reply {
			if r.op == opUnwrap {
				return &reply{hang: part == nil, raw: part}
			}
			return nil
		})
		h.want(5002, 2900*time.Millisecond, 5*time.Second, "unwrap", "1", thumbHex, blobHex())
		f.do(nil)
		h.must("unwrap", "1", thumbHex, blobHex())
		if open := f.requests(opOpen); len(open) != 1 || binary.LittleEndian.Uint32(open[0].body)&2 == 0 {
			t.Errorf("the session was not opened again with REOPEN: %v", open)
		}
	}
	// Slow is not frozen.
	f.do(func(r request) *reply { return on(r, opUnwrap, &reply{slow: true, body: f.ordinary(r).body}) })
	h.must("unwrap", "1", thumbHex, blobHex())
}

func on(r request, op uint16, a *reply) *reply {
	if r.op == op {
		return a
	}
	return nil
}

// TestRestart: a session lives on when the agent ends and another starts, idle or in the middle of a call.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path)
	h.must("open", "1", identity, secret)
	h.must("unwrap", "1", thumbHex, blobHex())
	for range 3 {
		f.kill()
		f.listen()
		h.must("unwrap", "1", thumbHex, blobHex())
	}
	var broken atomic.Int32
	f.do(func(r request) *reply {
		if r.op == opUnwrap && broken.Add(1) == 1 {
			return &reply{drop: true}
		}
		return nil
	})
	h.must("unwrap", "1", thumbHex, blobHex())
	if u := f.requests(opUnwrap); len(u) != 2 || u[0].flags != 0 || u[1].flags != 1 {
		t.Errorf("unwraps %+v, want a second one with REPEAT", u)
	}
	// An agent whose connections all break is given up.
	f.do(func(r request) *reply { return on(r, opUnwrap, &reply{drop: true}) })
	h.want(5001, 0, 2*time.Second, "unwrap", "1", thumbHex, blobHex())
	if u := f.requests(opUnwrap); len(u) != 2 {
		t.Errorf("%d unwraps, want 2", len(u))
	}
	// The credential was changed meanwhile: the code of the opening is the call's.
	f.do(func(r request) *reply { return on(r, opOpen, &reply{code: 3303, body: failed("changed")}) })
	f.kill()
	f.listen()
	h.want(3303, 0, 2*time.Second, "unwrap", "1", thumbHex, blobHex())
	f.do(nil)
	h.must("unwrap", "1", thumbHex, blobHex())
}

// TestNeverTwice: what creates, drops or imports is sent once; a break means that its outcome is unknown.
func TestNeverTwice(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path, "LATCHKEY_AGENT_DEADLINE_MS=3000")
	h.must("open", "1", identity, secret)
	for _, how := range []*reply{{drop: true}, {hang: true}, {raw: []byte{1, 2, 3}, drop: true}, {raw: make([]byte, 16)}} {
		for _, command := range [][]string{{"create", "1", "new"}, {"drop", "1", thumbHex}, {"import", "1", "new"}} {
			f.do(func(r request) *reply {
				if r.op >= opCreateKey {
					return how
				}
				return nil
			})
			h.want(5003, 0, 6*time.Second, command...)
			sent := 0
			for _, r := range f.requests(0) {
				if r.op >= opCreateKey {
					sent++
				}
			}
			if sent != 1 {
				t.Errorf("%s was sent %d times", command[0], sent)
			}
		}
	}
	// A connection that ended before is noticed before anything is sent.
	f.do(nil)
	f.kill()
	f.listen()
	h.want(3, 0, 2*time.Second, "create", "1", "new")
	// So is an answer that says that nothing was done.
	var first atomic.Bool
	f.do(func(r request) *reply {
		if r.op == opCreateKey && first.CompareAndSwap(false, true) {
			return &reply{code: 5006, flags: flagNotDone | flagGoing, body: failed("leaving")}
		}
		return nil
	})
	h.want(3, 0, 2*time.Second, "create", "1", "new")
}

// TestLeaving: an agent that says that it leaves is left, its answers used.
func TestLeaving(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path)
	h.must("open", "1", identity, secret)
	f.do(func(r request) *reply {
		if r.op != opUnwrap {
			return nil
		}
		a := f.ordinary(r)
		a.flags = flagGoing
		return a
	})
	for range 3 {
		h.must("unwrap", "1", thumbHex, blobHex())
	}
	if n := len(f.requests(opOpen)); n != 2 {
		t.Errorf("%d openings for three calls, of which the first had a connection; want 2", n)
	}
	// It may say so as soon as to HELLO or OPEN.
	for _, op := range []uint16{opHello, opOpen} {
		var times atomic.Int32
		f.do(func(r request) *reply {
			if r.op == op && times.Add(1) <= 2 {
				a := f.ordinary(r)
				a.flags = flagGoing
				return a
			}
			return nil
		})
		h.must("open", "2", identity, secret)
		h.must("unwrap", "2", thumbHex, blobHex())
		h.must("close", "2")
	}
}

// TestNonsense: answers that are none end the connection with 5005; the next call works.
func TestNonsense(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "asan", f.path)
	h.must("open", "1", identity, secret)
	h.must("wrap", "1", thumbHex, plainHex)
	le := binary.LittleEndian
	change := func(at int, b ...byte) func(r request) []byte {
		return func(r request) []byte {
			whole := response(r, 0, 0, f.ordinary(r).body)
			copy(whole[at:], b)
			return whole
		}
	}
	for name, make := range map[string]func(request) []byte{
		"another operation":  change(4, opWrap),
		"a request":          change(5, 0),
		"another id":         change(8, 0xff),
		"too long":           change(0, 1, 0x80),
		"much too long":      change(0, 0xff, 0xff, 0xff, 0xff),
		"a field too long":   change(16, 0xff, 0xff, 0xff, 0xff),
		"more than the body": change(16, 200, 0),
		"a field over bound": func(r request) []byte { return response(r, 0, 0, field(append([]byte(nil), make3000()...))) },
		"an empty plaintext": func(r request) []byte { return response(r, 0, 0, le.AppendUint32(nil, 0)) },
		"no body":            func(r request) []byte { return response(r, 0, 0, nil) },
		"part of a header":   func(r request) []byte { return response(r, 0, 0, nil)[:7] },
	} {
		f.do(func(r request) *reply {
			if r.op == opUnwrap {
				return &reply{raw: make(r), drop: true}
			}
			return nil
		})
		if r := h.want(5005, 0, 3*time.Second, "unwrap", "1", thumbHex, blobHex()); r.code != 5005 {
			t.Errorf("%s: %s", name, r.text)
		}
		f.do(nil)
		h.must("unwrap", "1", thumbHex, blobHex())
	}
	// More than is known, of a newer agent, is ignored, however long.
	for _, extra := range []int{17, 3000, 8192, 32768 - 20} {
		f.do(func(r request) *reply {
			return on(r, opUnwrap, &reply{body: append(field([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}), make([]byte, extra-16)...)})
		})
		for range 2 {
			if r := h.must("unwrap", "1", thumbHex, blobHex()); r.fields["plain"] != "0102030405060708090a0b0c0d0e0f10" {
				t.Errorf("with %d bytes more: %s", extra, r.text)
			}
		}
		if len(f.requests(opHello)) > 0 {
			t.Errorf("with %d bytes more the connection was given up", extra)
		}
	}
	// An agent that speaks another version, refuses, or is something else.
	for name, a := range map[string]*reply{
		"version": {code: 5005, body: failed("no version in common")}, "magic": {body: append([]byte("LATCHKEX\x01"), make([]byte, 60)...)},
		"chosen version": {body: append([]byte("LATCHKEY\x02"), make([]byte, 60)...)}, "text": {raw: []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), drop: true},
	} {
		f.do(func(r request) *reply { return on(r, opHello, a) })
		if r := h.want(5005, 0, 3*time.Second, "open", "2", identity, secret); r.code != 5005 {
			t.Errorf("%s: %s", name, r.text)
		}
	}
	f.do(func(r request) *reply {
		return on(r, opHello, &reply{code: 5007, body: f.golden["< hello-refused"][16:]})
	})
	h.want(5007, 0, time.Second, "open", "2", identity, secret)
	f.do(func(r request) *reply {
		return on(r, opOpen, &reply{code: 5006, flags: flagNotDone, body: f.golden["< open-busy"][16:]})
	})
	h.want(5006, 0, time.Second, "open", "2", identity, secret)
}

func make3000() []byte { return make([]byte, 3000) }

// TestAbort: a session that is closed with abort ends the call that runs in it; without, the call finishes.
func TestAbort(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "tsan", "asan"} {
		t.Run("build="+kind, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			h, _ := native(t, kind, f.path, "LATCHKEY_AGENT_DEADLINE_MS=60000")
			for _, abort := range []bool{true, false} {
				h.must("open", "1", identity, secret)
				arrived := make(chan bool, 4)
				f.do(func(r request) *reply {
					if r.op != opUnwrap {
						return nil
					}
					arrived <- true
					if abort {
						return &reply{hang: true}
					}
					a := f.ordinary(r)
					a.delay = 300 * time.Millisecond
					return a
				})
				h.must("& unwrap 1 " + thumbHex + " " + blobHex())
				h.must("& unwrap 1 " + thumbHex + " " + blobHex()) // waits for the first
				<-arrived
				want := 0
				if abort {
					h.must("close", "1", "abort")
					want = 1
				} else {
					h.must("close", "1")
				}
				h.send("join")
				first, second := h.read(), h.read()
				h.read()                // of join itself
				if first.code != want { // which of the two came first is not said
					first, second = second, first
				}
				ended := second.code == 1 || second.code == 6 // 6 if it came after the close
				if !abort && len(f.requests(opUnwrap)) == 2 {
					ended = second.code == 0 // the first was over when the close came
				}
				if first.code != want || !ended || !first.within(2*time.Second) || !second.within(2*time.Second) {
					t.Errorf("abort %v: %s%s", abort, first.text, second.text)
				}
			}
		})
	}
}

// TestFreeWithCalls: freeing the provider ends calls that run, and unloading after it is safe.
func TestFreeWithCalls(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, lib := native(t, "asan", f.path, "LATCHKEY_AGENT_DEADLINE_MS=60000")
	for range 3 {
		h.must("open", "1", identity, secret)
		arrived := make(chan bool, 8)
		f.do(func(r request) *reply {
			if r.op == opUnwrap {
				arrived <- true
				return &reply{hang: true}
			}
			return nil
		})
		for range 4 {
			h.must("& unwrap 1 " + thumbHex + " " + blobHex())
		}
		<-arrived
		if r := h.must("free"); !r.within(1500 * time.Millisecond) {
			t.Errorf("freeing took %v ms", r.ms)
		}
		h.must("unload")
		h.send("join")
		for range 4 {
			if r := h.read(); r.code != 1 && r.code != 6 {
				t.Errorf("a call whose provider was freed: %s", r.text)
			}
		}
		h.read()
		f.do(nil)
		h.must("create-provider", lib)
		h.must("init")
	}
}

// TestForeignListener: a listener of another account is refused before a byte is sent, unless it owns the directory.
func TestForeignListener(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a listener of another account")
	}
	const stranger = 65533
	dir := filepath.Join(work, "foreign")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent.sock")
	listen := func() {
		t.Helper()
		if err := os.Chown(dir, stranger, stranger); err != nil {
			t.Fatal(err)
		}
		self := filepath.Join(work, "stranger")
		program, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(self, program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "serve-fake", socket)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("the listener said %q, %v", line, err)
		}
	}
	listen()
	h, _ := native(t, "", socket)
	h.want(5, 0, time.Second, "open", "1", identity, secret) // its directory, so it is trusted and answers
	for _, c := range []struct {
		owner int
		mode  os.FileMode
		code  int
	}{{0, 0o755, 5004}, {1, 0o755, 5004}, {stranger, 0o777, 5004}, {stranger, 0o775, 5004}, {stranger, 0o755, 5}} {
		if err := os.Chown(dir, c.owner, c.owner); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		if r := h.want(c.code, 0, time.Second, "open", "1", identity, secret); r.code != c.code {
			t.Errorf("owner %d, mode %s: %s", c.owner, strconv.FormatUint(uint64(c.mode), 8), r.text)
		}
	}
}

// TestStartsAreCounted: a registration that comes and goes leaves the sessions of another alone; the last one ends them.
func TestStartsAreCounted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, lib := native(t, "", f.path)
	h.must("open", "1", identity, secret)
	h.must("create-provider", lib) // initialises and frees
	h.must("unwrap", "1", thumbHex, blobHex())
	h.must("free")
	h.want(6, 0, time.Second, "unwrap", "1", thumbHex, blobHex())
	h.must("free")
	h.must("init")
	h.must("open", "1", identity, secret)
	h.must("unwrap", "1", thumbHex, blobHex())
}
