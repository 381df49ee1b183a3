package shimtest_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"testing"
	"time"
)

// found counts how often bytes are in the memory of a process.
func found(t *testing.T, pid int, what []byte) int {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	n := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || rights[0] != 'r' || to-from > 1<<30 {
			continue
		}
		b := make([]byte, to-from)
		if _, err := mem.ReadAt(b, int64(from)); err == nil { // not all can be read
			n += bytes.Count(b, what)
		}
	}
	return n
}

// TestNothingIsLeft: a credential is in memory while its session is open and once only, and gone afterwards, however it ended; a secret that was
// wrapped or unwrapped is gone after the call.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path)
	pid := h.cmd.Process.Pid
	password := "EF5C8E094D2A4A769998D93440D8115Dqq-" + fmt.Sprint(pid) + "-canary"
	wide := utf16le(password)
	const dek = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77"
	raw, err := hex.DecodeString(dek)
	if err != nil {
		t.Fatal(err)
	}
	use := func() {
		t.Helper()
		h.must("open", "1", identity, password)
		blob := h.must("wrap", "1", thumbHex, dek).fields["blob"]
		if got := h.must("unwrap", "1", thumbHex, blob).fields["plain"]; got != dek {
			t.Fatalf("unwrapped %s", got)
		}
		f.kill() // a second copy would be that of another opening
		f.listen()
		h.must("unwrap", "1", thumbHex, blob)
	}
	for name, end := range map[string]func(){
		"close": func() { h.must("close", "1") },
		"abort": func() { h.must("close", "1", "abort") },
		"free":  func() { h.must("free"); h.must("init") },
	} {
		use()
		if n := found(t, pid, wide); n != 1 {
			t.Errorf("%s: the credential of the open session is in memory %d times, want 1", name, n)
		}
		if n := found(t, pid, raw); n != 0 {
			t.Errorf("%s: what was wrapped and unwrapped is in memory %d times", name, n)
		}
		end()
		if n := found(t, pid, wide); n != 0 {
			t.Errorf("%s: the credential is in memory %d times afterwards", name, n)
		}
	}
	f.do(func(r request) *reply { return on(r, opOpen, &reply{code: 3303, body: failed("no")}) })
	h.want(3303, 0, time.Second, "open", "1", identity, password)
	if n := found(t, pid, wide); n != 0 {
		t.Errorf("after a refused opening the credential is in memory %d times", n)
	}
	f.do(nil)
	use()
	h.must("unload")
	if n := found(t, pid, wide); n != 0 {
		t.Errorf("after unloading the credential is in memory %d times", n)
	}
}
