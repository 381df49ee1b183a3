package shimtest_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMutatedAnswers feeds the library, built with sanitizers, answers that were changed at random: bytes, lengths, cuts, additions,
// answers of other operations. It must not fault, hang or leak, and work again with the next honest answer. A seed that ever found
// something is kept in testdata/seeds, one a line.
func TestMutatedAnswers(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	h, _ := native(t, "asan", f.path, "LATCHKEY_AGENT_DEADLINE_MS=1000")
	h.must("open", "1", identity, secret)
	h.must("wrap", "1", thumbHex, plainHex)

	seeds := []uint64{uint64(time.Now().UnixNano())}
	kept, err := os.ReadFile(filepath.Join("testdata", "seeds"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(kept)) {
		seed, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	rounds := 250
	if long() {
		rounds = 6000
	}
	commands := [][]string{
		{"open", "2", identity, secret},
		{"name", "1", keyName},
		{"thumb", "1", thumbHex},
		{"export", "1", thumbHex},
		{"wrap", "1", thumbHex, plainHex},
		{"unwrap", "1", thumbHex, blobHex()},
		{"keys", "1"},
		{"create", "1", "new"},
		{"open-existing", identity, secret, keyName},
	}
	for _, seed := range seeds {
		t.Logf("seed %d", seed)
		var mu sync.Mutex
		r := rand.New(rand.NewPCG(seed, 1))
		f.do(func(q request) *reply {
			mu.Lock()
			defer mu.Unlock()
			// A broken greeting or opening is tried again until the deadline: few of them, or nothing else is reached.
			if r.IntN(4) == 0 || q.op <= opOpen && r.IntN(12) > 0 {
				return nil
			}
			return f.mutated(r, q)
		})
		for range rounds {
			mu.Lock()
			command := commands[r.IntN(len(commands))]
			mu.Unlock()
			h.send(command...)
			got := h.read() // the host's rules of the interface may be broken by answers such as a thumbprint of one byte; memory may not
			if !got.within((2*2100 + 6000) * time.Millisecond) {
				t.Errorf("seed %d, %s: %v ms", seed, command[0], got.ms)
			}
			if command[0] == "open" && got.code == 0 {
				h.do("close", "2")
			}
		}
		f.do(nil)
		h.must("unwrap", "1", thumbHex, blobHex())
	}
	h.must("free")
}

// mutated is an answer that was changed. It never leaves out bytes that it announces without closing the connection, which would only
// cost the deadline.
func (f *fake) mutated(r *rand.Rand, q request) *reply {
	if r.IntN(8) == 0 {
		q.op = uint16(1 + r.IntN(17))
		if q.op == opWrap || q.op == opUnwrap || q.op == opKeyByThumb {
			q.op = opInfo
		}
	}
	a := f.ordinary(q)
	b := response(q, a.code, a.flags, a.body)
	if r.IntN(4) == 0 {
		b = response(q, a.code, uint16(r.IntN(4)), a.body)
	}
	for range 1 + r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			b[r.IntN(len(b))] = byte(r.Uint32())
		case 1: // a length, or what may be one
			at := r.IntN(max(1, len(b)-4))
			if at+4 <= len(b) {
				values := []uint32{0, 1, 2, 33, 513, 2049, 8192, 32768, 32769, 0x7fffffff, 0x80000000, 0xffffffff}
				binary.LittleEndian.PutUint32(b[at:], values[r.IntN(len(values))])
			}
		case 2:
			b = b[:r.IntN(len(b))+1]
		case 3:
			b = append(b, make([]byte, r.IntN(9000))...)
			if len(b) >= 16 {
				binary.LittleEndian.PutUint32(b, uint32(len(b)-16))
			}
		case 4:
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	}
	return &reply{raw: b, drop: true}
}
