package boltstore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"latchkey/vault/store"
	"latchkey/vault/store/boltstore"
)

// The tests in this file run a child process, this test binary again, that commits as fast as it can and prints a line for
// each commit once it is acknowledged. The parent ends it, or makes its system calls fail, and then looks at the file.

const (
	childFile    = "LATCHKEY_BOLTSTORE_CHILD"
	childCommits = "LATCHKEY_BOLTSTORE_COMMITS"
	workers      = 6
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// group is the keys that one commit of a worker writes, all with the same number in front.
func group(w int) []string {
	return []string{fmt.Sprintf("w%d/a", w), fmt.Sprintf("w%d/b", w), fmt.Sprintf("z/%d", w)}
}

func value(i int) []byte {
	return append(fmt.Appendf(nil, "%d ", i), bytes.Repeat([]byte{'v'}, i%7*700)...)
}

func child(path string) int {
	var limit int
	if _, err := fmt.Sscan(os.Getenv(childCommits), &limit); err != nil {
		return 4
	}
	s, err := boltstore.Open(path, boltstore.Options{MaxChanges: 50})
	if err != nil {
		fmt.Printf("open %v\n", err)
		return 3
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { childWork(s, w, limit) })
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		fmt.Printf("close %v\n", err)
	}
	return 0
}

func childWork(s *boltstore.Store, w, limit int) {
	ctx := context.Background()
	it, err := s.Get(ctx, group(w)[0])
	if errors.Is(err, store.ErrUnavailable) { // others got ahead and made the sync fail
		fmt.Printf("unavailable %d\n", w)
		return
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		fmt.Printf("get %d %v\n", w, err)
		return
	}
	i, rev := 0, it.Rev
	if err == nil {
		i = counter(it)
	}
	refused := 0
	for range limit {
		i++
		var ops []store.Op
		for _, k := range group(w) {
			ops = append(ops, store.Op{Key: k, Value: value(i)})
		}
		got, err := s.Commit(ctx, []store.Cond{{Key: group(w)[0], Rev: rev}}, ops)
		switch {
		case err == nil:
			rev = got
			fmt.Printf("ack %d %d\n", w, i)
		case errors.Is(err, store.ErrFull):
			i--
			fmt.Printf("full %d\n", w)
		case errors.Is(err, store.ErrUnavailable):
			i--
			fmt.Printf("unavailable %d\n", w)
			if refused++; refused == 3 {
				return
			}
		default:
			fmt.Printf("error %d %v\n", w, err)
			return
		}
		if it, err := s.Get(ctx, group(w)[0]); err == nil && counter(it) > i {
			fmt.Printf("error %d a read shows commit %d, which was not acknowledged\n", w, counter(it))
		}
	}
}

func counter(it store.Item) int {
	n := 0
	if _, err := fmt.Sscan(string(it.Value), &n); err != nil {
		return -1
	}
	return n
}

// outcome is what a child said.
type outcome struct {
	acked             map[int]int // by worker: the last acknowledged number
	acks              int
	unsure            int // commits that may stand although they were not acknowledged, by worker
	full, unavailable int
	ackAfterFull      int
	other             []string
}

func (o *outcome) take(line string) {
	var w, i int
	switch {
	case strings.HasPrefix(line, "ack "):
		if _, err := fmt.Sscanf(line, "ack %d %d", &w, &i); err != nil {
			o.other = append(o.other, line)
			return
		}
		o.acked[w] = max(o.acked[w], i)
		o.acks++
		if o.full > 0 {
			o.ackAfterFull++
		}
	case strings.HasPrefix(line, "full "):
		o.full++
	case strings.HasPrefix(line, "unavailable "):
		o.unavailable++
	default:
		o.other = append(o.other, line)
	}
}

// runChild runs a child under an optional tracer; onAck may end it by cancelling.
func runChild(t *testing.T, path string, limit int, tracer []string, killAfter int) outcome {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{}, tracer...), exe)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	// The race detector would sleep for a second at the end of each child.
	cmd.Env = append(os.Environ(), childFile+"="+path, fmt.Sprint(childCommits, "=", limit), "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := outcome{acked: map[int]int{}}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		o.take(strings.TrimSpace(line))
		if killAfter > 0 && o.acks == killAfter {
			_ = cmd.Process.Kill() // SIGKILL; what it printed before is still read
		}
	}
	if err := cmd.Wait(); err != nil && killAfter == 0 {
		t.Logf("child: %v %s", err, stderr.String())
	}
	return o
}

// checkFile opens the file and holds it against what was acknowledged.
func checkFile(t *testing.T, path string, o outcome, what string) {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{MaxChanges: 50})
	if err != nil {
		t.Fatalf("%s: opening again: %v", what, err)
	}
	defer mustClose(t, s)
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for w := range workers {
		var first store.Item
		for n, k := range group(w) {
			it, err := s.Get(t.Context(), k)
			if errors.Is(err, store.ErrNotFound) && o.acked[w] == 0 {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %q: %v; commit %d was acknowledged", what, k, err, o.acked[w])
			}
			if n == 0 {
				first = it
			}
			if it.Rev != first.Rev || !bytes.Equal(it.Value, first.Value) || !bytes.Equal(it.Value, value(counter(it))) {
				t.Fatalf("%s: half a commit: %q is %d at %d, %q is %d at %d", what, k, counter(it), it.Rev, first.Key, counter(first), first.Rev)
			}
			if c := counter(it); c < o.acked[w] || c > o.acked[w]+1+o.unsure {
				t.Fatalf("%s: %q is %d; acknowledged was %d", what, k, c, o.acked[w])
			}
		}
	}
	mustPut(t, s, "parent", what) // it takes commits again
}

func TestKilledAtAnyMoment(t *testing.T) {
	rounds := 50
	if os.Getenv("LATCHKEY_LONG") == "1" {
		rounds = 500
	}
	path := filepath.Join(t.TempDir(), "vault.db")
	rng := rand.New(rand.NewPCG(1, 2))
	total := 0
	for i := range rounds {
		o := runChild(t, path, 1<<30, nil, 1+rng.IntN(60))
		if len(o.other) > 0 {
			t.Fatalf("round %d: %q", i, o.other)
		}
		total += o.acks
		for w := range workers { // a later child goes on counting: what an earlier one had reached counts as well
			if o.acked[w] == 0 {
				o.acked[w] = current(t, path, w)
			}
		}
		checkFile(t, path, o, fmt.Sprint("round ", i))
	}
	t.Logf("%d commits acknowledged in %d killed processes", total, rounds)
}

// current is what the file has for a worker.
func current(t *testing.T, path string, w int) int {
	t.Helper()
	s := mustOpen(t, path)
	defer mustClose(t, s)
	it, err := s.Get(t.Context(), group(w)[0])
	if errors.Is(err, store.ErrNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return counter(it)
}

// strace gives the tracer, or ends the test: in CI a missing tool is a failure.
func strace(t *testing.T, args ...string) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("strace is a Linux tool")
	}
	exe, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(exe, "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "true").Run() // tracing may be forbidden
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("strace cannot be used, and it must in CI: %v", err)
		}
		t.Skipf("not tested: strace cannot be used (%v); install the package strace", err)
	}
	// With the filter only the traced calls stop the child; without it all do, and it crawls.
	return append([]string{exe, "-f", "--seccomp-bpf", "-qq"}, args...)
}

// TestFailingSystemCalls makes the n-th sync or write of each thread fail, once or from then on.
func TestFailingSystemCalls(t *testing.T) {
	type fault struct {
		call, err string
		n         int
		sticky    string
	}
	var faults []fault
	steps := []int{1, 2, 3, 5}
	if os.Getenv("LATCHKEY_LONG") == "1" {
		steps = nil
		for n := range 40 {
			steps = append(steps, n+1)
		}
	}
	for _, n := range steps {
		faults = append(faults,
			fault{"fdatasync", "EIO", n, ""}, fault{"fdatasync", "EIO", n, "+"}, fault{"fdatasync", "ENOSPC", n, ""},
			fault{"pwrite64", "ENOSPC", 2 * n, ""}, fault{"pwrite64", "EIO", 2 * n, ""}, fault{"pwrite64", "ENOSPC", 5 * n, "+"})
	}
	seen := map[string]outcome{}
	for _, f := range faults {
		spec := fmt.Sprintf("inject=%s:error=%s:when=%d%s", f.call, f.err, f.n, f.sticky)
		path := filepath.Join(t.TempDir(), "vault.db")
		mustClose(t, mustOpen(t, path))
		o := runChild(t, path, 12, strace(t, "-o", os.DevNull, "-e", "trace="+f.call, "-e", spec), 0)
		for _, line := range o.other {
			if !strings.HasPrefix(line, "open ") && !strings.HasPrefix(line, "close ") {
				t.Errorf("%s: %s", spec, line)
			}
		}
		checkFile(t, path, o, spec)
		kind := f.call + " " + f.err
		sum := seen[kind]
		sum.acks += o.acks
		sum.full += o.full
		sum.unavailable += o.unavailable
		sum.ackAfterFull += o.ackAfterFull
		seen[kind] = sum
		switch {
		case f.call == "fdatasync" && o.full > 0:
			t.Errorf("%s: a failed sync was called a full disk", spec)
		case f.call == "pwrite64" && f.err == "EIO" && o.full > 0:
			t.Errorf("%s: an I/O error was called a full disk", spec)
		}
	}
	for kind, o := range seen {
		t.Logf("%s: %d acknowledged, %d full, %d unavailable, %d acknowledged after full", kind, o.acks, o.full, o.unavailable, o.ackAfterFull)
	}
	if o := seen["fdatasync EIO"]; o.unavailable == 0 {
		t.Error("no failed sync was reported")
	}
	if o := seen["pwrite64 ENOSPC"]; o.full == 0 || o.ackAfterFull == 0 {
		t.Error("no full disk was reported, or none healed")
	}
	if o := seen["fdatasync ENOSPC"]; o.unavailable == 0 {
		t.Error("a sync that failed for want of room was not reported")
	}
}
