package boltstore_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A power cut is simulated from a trace of the child's system calls: the disk is what was synced, and of what was written
// since then an arbitrary part, write by write and sector by sector. A sync that failed has lost for good what it should have
// written, though reading still shows it: that is how Linux behaves.

// step is one traced system call on the data file, or an acknowledgement.
type step struct {
	kind byte // 'w'rite, 't'runcate, 's'ync, 'f'ailed sync, 'a'cknowledged
	off  int64
	data []byte
	line string
}

// The child writes to one file only, by pwrite64; strace shows strings and names in hexadecimal.
var (
	traceWrite = regexp.MustCompile(`^, (\d+), (\d+)(?:\)| <unfinished)`)
	traceTrunc = regexp.MustCompile(`ftruncate\(\d+<[^>]*>, (\d+)`)
	traceSync  = regexp.MustCompile(`(?:fsync|fdatasync)(?:\(\d+<[^>]*>\)| resumed>\)) += (-?\d+)`)
)

// quoted cuts a line at its string: what is before, the bytes, what follows.
func quoted(t *testing.T, line string) (before string, b []byte, after string) {
	t.Helper()
	before, rest, ok := strings.Cut(line, `"`)
	if !ok {
		return line, nil, ""
	}
	text, after, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("a string without an end in the trace: %.80s", line)
	}
	return before, unhex(t, text), after
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseTrace(t *testing.T, name string) (steps []step) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		line := sc.Text()
		before, data, after := quoted(t, line)
		if strings.Contains(before, " pwrite64(") {
			m := traceWrite.FindStringSubmatch(after)
			if m == nil || len(data) != int(atoi(t, m[1])) {
				t.Fatalf("a write that cannot be read: %.80s...%s", line, after)
			}
			steps = append(steps, step{kind: 'w', off: atoi(t, m[2]), data: data})
		} else if strings.Contains(before, " write(1<") {
			steps = append(steps, step{kind: 'a', line: strings.TrimSpace(string(data))})
		} else if m := traceTrunc.FindStringSubmatch(before); m != nil {
			steps = append(steps, step{kind: 't', off: atoi(t, m[1])})
		} else if m := traceSync.FindStringSubmatch(before); m != nil {
			kind := byte('s')
			if m[1] != "0" {
				kind = 'f'
			}
			steps = append(steps, step{kind: kind})
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

func atoi(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// disk is the model: what is stored, and what may yet be.
type disk struct {
	stored  []byte
	pending []step
}

func apply(b []byte, s step) []byte {
	size := s.off + int64(len(s.data))
	if grow := size - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	if s.kind == 't' {
		return b[:s.off]
	}
	copy(b[s.off:], s.data)
	return b
}

func (d *disk) do(s step) {
	switch s.kind {
	case 'w', 't':
		d.pending = append(d.pending, s)
	case 's':
		for _, p := range d.pending {
			d.stored = apply(d.stored, p)
		}
		d.pending = nil
	case 'f':
		for _, p := range d.pending { // sizes are kept by the journal
			if grow := p.off + int64(len(p.data)) - int64(len(d.stored)); grow > 0 {
				d.stored = append(d.stored, make([]byte, grow)...)
			}
		}
		d.pending = nil
	}
}

// cut is the disk after a power cut.
func (d *disk) cut(rng *rand.Rand) []byte {
	b := bytes.Clone(d.stored)
	for _, p := range d.pending {
		switch rng.IntN(3) {
		case 0: // lost
		case 1:
			b = apply(b, p)
		case 2:
			for off := 0; off < len(p.data); off += 512 {
				if rng.IntN(2) == 0 {
					b = apply(b, step{kind: 'w', off: p.off + int64(off), data: p.data[off:min(off+512, len(p.data))]})
				}
			}
		}
	}
	return b
}

// trace runs a child under strace and returns what it did.
func trace(t *testing.T, path string, limit int, inject ...string) []step {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-y", "-xx", "-s", "2000000", "-o", out, "-e", "trace=pwrite64,ftruncate,fsync,fdatasync,write"}, inject...)
	runChild(t, path, limit, strace(t, args...), 0)
	return parseTrace(t, out)
}

// replay cuts the power at random moments of a run and checks each resulting file.
func replay(t *testing.T, base []byte, runs [][]step, cuts int) {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	d := &disk{stored: bytes.Clone(base)}
	o := outcome{acked: map[int]int{}}
	total := 0
	for _, steps := range runs {
		total += len(steps)
	}
	n := 0
	for run, steps := range runs {
		for i, s := range steps {
			if s.kind == 'a' {
				o.take(s.line)
			} else {
				d.do(s)
			}
			if rng.IntN(total) >= cuts {
				continue
			}
			n++
			path := filepath.Join(dir, fmt.Sprint(n, ".db"))
			if err := os.WriteFile(path, d.cut(rng), 0o600); err != nil {
				t.Fatal(err)
			}
			checkFile(t, path, outcome{acked: maps.Clone(o.acked), unsure: run}, fmt.Sprintf("power cut at step %d", i))
			_ = os.Remove(path)
		}
	}
	if n < cuts/3 || o.acks == 0 {
		t.Errorf("only %d power cuts, %d acknowledged commits", n, o.acks)
	}
	t.Logf("%d power cuts over %d steps, %d acknowledged commits", n, total, o.acks)
}

func powerCuts() int {
	if os.Getenv("LATCHKEY_LONG") == "1" {
		return 3000
	}
	return 120
}

func newBase(t *testing.T) (path string, base []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vault.db")
	s := mustOpen(t, path)
	mustPut(t, s, "some/key", string(make([]byte, 9000)))
	mustClose(t, s)
	base, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, base
}

func TestPowerCut(t *testing.T) {
	path, base := newBase(t)
	replay(t, base, [][]step{trace(t, path, 25)}, powerCuts())
}

// TestPowerCutAfterAFailedSync: a sync fails, the process ends, the next one opens the file from what the kernel still
// shows of it, commits, and then the power goes.
func TestPowerCutAfterAFailedSync(t *testing.T) {
	for n := 1; n <= 4; n++ {
		path, base := newBase(t)
		first := trace(t, path, 4, "-e", fmt.Sprintf("inject=fdatasync:error=EIO:when=%d", n))
		second := trace(t, path, 4)
		replay(t, base, [][]step{first, second}, powerCuts()/3)
	}
}
