package shimtest_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	identity = "ContosoVault"
	secret   = "EF5C8E094D2A4A769998D93440D8115Dsecret"
	keyName  = "ContosoRSAKey0"
)

// kinds are the builds that the tests of this file run with.
func kinds(t *testing.T, run func(t *testing.T, kind string)) {
	for _, kind := range []string{"", "asan"} {
		t.Run("build="+kind, func(t *testing.T) {
			t.Parallel()
			run(t, kind)
		})
	}
}

// TestGoldenFrames holds what the library sends against the protocol's vectors, and that it understands the answers there.
func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, kind string) {
		f := newFake(t)
		h, _ := native(t, kind, f.path, "LATCHKEY_AGENT_DEADLINE_MS=35000")
		f.do(nil)
		h.must("open", "1", identity, secret)
		name := h.must("name", "1", keyName)
		if name.fields["thumb"] != thumbHex || name.fields["alg"] != "1" || name.fields["flags"] != "1" || name.int("name_bytes") != 2*len(keyName) {
			t.Errorf("key by name: %s", name.text)
		}
		h.must("thumb", "1", thumbHex)
		export := h.must("export", "1", thumbHex)
		if want := hex.EncodeToString(f.golden["< public-key"][20:]); export.fields["public"] != want {
			t.Errorf("public key %s, want %s", export.fields["public"], want)
		}
		h.want(3, 0, time.Second, "create", "1", keyName)
		h.want(3, 0, time.Second, "drop", "1", thumbHex)
		h.must("keys", "1")

		wrapped, _ := next(f.golden["> wrap"][16:])
		_, rest := next(f.golden["> wrap"][16:])
		plain, _ := next(rest)
		h.must("wrap", "1", hex.EncodeToString(wrapped), hex.EncodeToString(plain))

		for op, vector := range map[uint16]string{
			opOpen: "open", opKeyByName: "key-by-name", opKeyByThumb: "key-by-thumb", opPublicKey: "public-key", opWrap: "wrap",
		} {
			got := f.requests(op)
			if len(got) != 1 {
				t.Errorf("%s: %d requests, want 1: the second call of two is answered from the first", vector, len(got))
				continue
			}
			want := f.golden["> "+vector]
			if diff := cmp.Diff(hex.EncodeToString(want[16:]), hex.EncodeToString(got[0].body)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", vector, diff)
			}
			if d := time.Duration(got[0].deadline) * time.Millisecond; d < 30*time.Second-late() || d > 35*time.Second {
				t.Errorf("%s: deadline %v, want nearly 35 s", vector, d)
			}
		}
		hello := f.requests(opHello)
		if len(hello) == 0 || !bytes.HasPrefix(hello[0].body, f.golden["> hello"][16:16+16]) || !bytes.Contains(hello[0].body, []byte("latchkey-ekm 1.2.3")) {
			t.Errorf("hello: %+v", hello)
		}
		last := map[int]uint32{}
		for _, r := range f.requests(0) {
			if last[r.conn]++; r.id != last[r.conn] {
				t.Errorf("request %d of a connection has id %d: ids count up", last[r.conn], r.id)
			}
		}
		h.must("close", "1")
	})
}

// TestBuiltIn: what the library says of the provider without an agent is what the agent says.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	with, _ := native(t, "", f.path)
	without, _ := native(t, "", f.path+".none", "LATCHKEY_AGENT_DEADLINE_MS=1000")
	for _, command := range []string{"info", "algorithms"} {
		a, b := with.must(command), without.must(command)
		if a.text[:strings.Index(a.text, "\n")] != b.text[:strings.Index(b.text, "\n")] {
			t.Errorf("%s: with an agent\n%swithout\n%s", command, a.text, b.text)
		}
	}
	with.must("info")
	if n, m := len(f.requests(opInfo)), len(f.requests(opAlgorithms)); n != 2 || m != 2 {
		t.Errorf("the agent was asked %d and %d times, want once each time the provider was initialised", n, m)
	}
}

// TestOrder is the engine's whole order of calls.
func TestOrder(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, kind string) {
		f := newFake(t)
		h, _ := native(t, kind, f.path)
		order(t, h, identity, secret, keyName)
	})
}

// order runs everything that the engine does with a key, and gives its thumbprint.
func order(t *testing.T, h *host, identity, secret, key string) string {
	t.Helper()
	made := h.must("open-existing", identity, secret, key)
	thumb := made.fields["thumb"]
	if len(thumb) != 40 || !strings.HasPrefix(made.fields["public"], "52534131") {
		t.Fatalf("OPEN_EXISTING: %s", made.text)
	}
	dek := h.must("dek", identity, secret, thumb, plainHex)
	if len(dek.fields["blob"]) < 512 {
		t.Fatalf("CREATE DATABASE ENCRYPTION KEY: %s", dek.text)
	}
	if start := h.must("startup", identity, secret, thumb, dek.fields["blob"]); start.fields["plain"] != plainHex {
		t.Fatalf("start-up: %s", start.text)
	}
	h.must("info") // the views
	h.must("algorithms")
	h.must("open", "7", identity, secret)
	if r := h.must("keys", "7"); r.fields["count"] != "0" {
		t.Errorf("dm_cryptographic_provider_keys: %s", r.text)
	}
	h.must("thumb", "7", thumb)
	h.want(3, 0, 5*time.Second, "create", "7", "another")
	h.want(3, 0, 5*time.Second, "drop", "7", thumb)
	h.want(3, 0, 5*time.Second, "import", "7", "another")
	h.must("close", "7")
	h.want(6, 0, time.Second, "close", "7")
	h.must("free")
	h.must("init")
	return thumb
}

// TestSizes: probes are answered without the agent where that can be.
func TestSizes(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path)
	h.must("open", "1", identity, secret)
	for range 3 {
		h.must("wrap", "1", thumbHex, plainHex)
		h.must("unwrap", "1", thumbHex, blobHex())
	}
	h.must("close", "1")
	h.must("open", "2", identity, secret)
	h.must("wrap", "2", thumbHex, plainHex)
	if n := len(f.requests(opKeyByThumb)); n != 1 {
		t.Errorf("the size was asked for %d times, want once for ever", n)
	}
	if w, u := len(f.requests(opWrap)), len(f.requests(opUnwrap)); w != 4 || u != 3 {
		t.Errorf("%d wraps, %d unwraps, want 4 and 3", w, u)
	}
	// A question for a size that is repeated is asked of the agent anew once it has been answered.
	h.must("name", "2", keyName)
	h.must("name", "2", keyName)
	if n := len(f.requests(opKeyByName)); n != 2 {
		t.Errorf("%d questions for the key, want 2", n)
	}
}

// TestErrorsPass: the provider's own numbers arrive as they are.
func TestErrorsPass(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "", f.path)
	f.do(func(r request) *reply {
		switch r.op {
		case opOpen:
			return &reply{code: 3303, body: f.golden["< open-failed"][16:]}
		case opHello, opInfo, opAlgorithms:
			return nil
		}
		t.Errorf("operation %d without a session", r.op)
		return nil
	})
	h.want(3303, 0, time.Second, "open", "1", identity, secret)
	h.want(6, 0, time.Second, "name", "1", keyName) // the slot was left without a session
	f.do(func(r request) *reply {
		if r.op == opKeyByName {
			return &reply{code: 3112, body: f.golden["< key-missing"][16:]}
		}
		return nil
	})
	if r := h.do("open-existing", identity, secret, "nokey"); r.msg != 33049 || r.code != 3112 {
		t.Errorf("a key that is not there: %s", r.text)
	}
	h.must("open", "1", identity, secret)
	h.want(3112, 0, time.Second, "name", "1", keyName)
	h.want(4, 0, time.Second, "thumb", "1", "aa"+thumbHex[2:])
	h.want(3110, 0, time.Second, "unwrap", "1", thumbHex, "aa"+blobHex()[2:])
	h.want(6, 0, time.Second, "name", "1", strings.Repeat("k", 257)) // over the bound: not sent
	h.want(6, 0, time.Second, "thumb", "1", strings.Repeat("ab", 33))
	h.want(6, 0, time.Second, "wrap", "1", thumbHex, strings.Repeat("ab", 2049))
}

// TestThreads: 64 threads with sessions that come and go, and 16 in one session, with and without the thread sanitizer.
func TestThreads(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "tsan", "asan"} {
		t.Run("build="+kind, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			h, _ := native(t, kind, f.path, "LATCHKEY_AGENT_DEADLINE_MS=60000")
			threads := "64"
			if kind != "" && !long() {
				threads = "24"
			}
			for _, command := range [][]string{{"threads", threads, "16"}, {"one-session", "16", "8"}} {
				r := h.must(append(command, identity, secret, thumbHex)...)
				if codes := r.codes(); len(codes) != 1 || codes[0] == 0 || r.fields["wrong"] != "0" {
					t.Errorf("%v: %s", command, r.text)
				}
			}
		})
	}
}

// TestReload: the library can be unloaded and loaded again and again, with sessions open, and leaves the process each time.
func TestReload(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "asan"} {
		t.Run("build="+kind, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			h, lib := native(t, kind, f.path)
			h.must("unload")
			times := "50"
			if kind != "" && !long() { // each load of that build takes ten times as long
				times = "15"
			}
			h.must("reload", lib, times, identity, secret)
			h.must("create-provider", lib)
			h.must("init")
			order(t, h, identity, secret, keyName)
		})
	}
}

// TestGarbage: wrong pointers and sizes give a code each.
func TestGarbage(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, kind string) {
		f := newFake(t)
		env := "LATCHKEY_AGENT_DEADLINE_MS=3000"
		if kind == "asan" {
			env = "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1"
		}
		h, _ := native(t, kind, f.path, env)
		h.must("open", "1", identity, secret)
		rounds := 30000
		switch {
		case long():
			rounds = 1000000
		case kind != "":
			rounds = 8000
		}
		for seed := range 3 {
			r := h.do("garbage", fmt.Sprint(seed+1), fmt.Sprint(rounds), "1", thumbHex)
			if r.int("argument") < rounds/4 || r.int("small") == 0 || r.int("zero") == 0 {
				t.Errorf("the garbage did not reach what it should: %s", r.text)
			}
		}
		h.must("unwrap", "1", thumbHex, blobHex()) // the session lives
		h.must("close", "1")
	})
}
