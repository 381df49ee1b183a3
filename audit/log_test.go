package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

const dir = "a"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func record(i int) audit.Record {
	return audit.Record{
		Time: start.Add(time.Duration(i) * time.Second), Operation: "KeyUnwrap", Result: audit.Success, Status: 200,
		Resource: "https://contoso.vault.azure.net", Object: "https://contoso.vault.azure.net/keys/k/1",
		RequestID: fmt.Sprint("r", i), Client: `curl <"&> é`, Reason: strings.Repeat("x", i*7%5*90),
	}
}

func testKey() *secret.Bytes {
	return secret.New([]byte("test data: an audit chain key, 32 bytes or more"))
}

func mustOpen(t *testing.T, f fsys.FS, o audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.Open(f, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAppend(t *testing.T, l *audit.Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := l.Append(t.Context(), record(i)); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

func mustClose(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// ids reads the request identifiers of all records.
func ids(t *testing.T, f fsys.FS) map[string]int {
	t.Helper()
	out := map[string]int{}
	var seq uint64
	for e, err := range audit.Read(t.Context(), f, dir, audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seq++; e.Seq != seq {
			t.Fatalf("record %d stands where %d was expected", e.Seq, seq)
		}
		out[e.RequestID]++
	}
	return out
}

func TestAppendReadVerifyAcrossFilesAndRestarts(t *testing.T) {
	for _, key := range []*secret.Bytes{nil, testKey()} {
		f := fsys.NewMem()
		o := audit.Options{Key: key, MaxFileBytes: 4000, Clock: clock.NewFake(start)}
		const rounds, each = 4, 25
		for r := range rounds {
			l := mustOpen(t, f, o)
			mustAppend(t, l, r*each, (r+1)*each)
			if got := l.Head().Seq; got != uint64((r+1)*each) {
				t.Errorf("head at %d", got)
			}
			if l.Cut() != 0 {
				t.Errorf("a clean log was cut by %d", l.Cut())
			}
			mustClose(t, l)
			mustClose(t, l)
		}
		rep, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Key: key})
		if err != nil {
			t.Fatalf("%v: %+v", err, rep)
		}
		if rep.Records != rounds*each || rep.First != 1 || rep.End.Seq != rounds*each || rep.Files < 5 || rep.Keyed != (key != nil) {
			t.Errorf("report %+v", rep)
		}
		if got := ids(t, f); len(got) != rounds*each {
			t.Errorf("%d records read", len(got))
		}
		n := 0
		for e, err := range audit.Read(t.Context(), f, dir, audit.ReadOptions{From: 60}) {
			if err != nil || e.Seq != uint64(60+n) || e.Client != record(0).Client || !e.Time.Equal(record(59+n).Time) {
				t.Fatalf("%+v, %v", e, err)
			}
			n++
		}
		if n != rounds*each-59 {
			t.Errorf("%d records from 60 on", n)
		}
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	f := fsys.NewMem()
	l := mustOpen(t, f, audit.Options{})
	if _, err := audit.Open(f, dir, audit.Options{}); !errors.Is(err, code.AuditLocked) {
		t.Errorf("second open: %v", err)
	}
	mustClose(t, l)
	if err := l.Append(t.Context(), record(0)); !errors.Is(err, code.AuditUnavailable) || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	mustClose(t, mustOpen(t, f, audit.Options{}))
}

func TestBadRecordsAndContexts(t *testing.T) {
	l := mustOpen(t, fsys.NewMem(), audit.Options{})
	defer mustClose(t, l)
	r := record(1)
	r.Client = strings.Repeat("x", audit.MaxRecordBytes)
	if err := l.Append(t.Context(), r); !errors.Is(err, code.AuditRecordInvalid) {
		t.Errorf("giant record: %v", err)
	}
	r = record(1)
	r.Time = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := l.Append(t.Context(), r); !errors.Is(err, code.AuditRecordInvalid) {
		t.Errorf("a year that JSON cannot hold: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, record(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if l.Head().Seq != 0 {
		t.Error("a refused record was written")
	}
}

func TestKeysMustFit(t *testing.T) {
	other := secret.New([]byte("test data: some other key of 32 bytes or more"))
	for _, made := range []*secret.Bytes{nil, testKey()} {
		f := fsys.NewMem()
		l := mustOpen(t, f, audit.Options{Key: made})
		mustAppend(t, l, 0, 3)
		mustClose(t, l)
		for _, given := range []*secret.Bytes{nil, testKey(), other} {
			fits := made == nil && given == nil || made != nil && given.Equal(made.Expose())
			l, err := audit.Open(f, dir, audit.Options{Key: given})
			if fits != (err == nil) || !fits && !errors.Is(err, code.AuditKey) {
				t.Errorf("open: %v", err)
			}
			if err == nil {
				mustClose(t, l)
			}
			if _, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Key: given}); fits != (err == nil) || !fits && !errors.Is(err, code.AuditKey) {
				t.Errorf("verify: %v", err)
			}
		}
	}
	if _, err := audit.Open(fsys.NewMem(), dir, audit.Options{Key: secret.FromString("short")}); !errors.Is(err, code.AuditKey) {
		t.Errorf("short key: %v", err)
	}
}

// TestEveryFaultAndEveryCrash fails each operation once or from then on, appends until the end, and pulls the plug: what
// was acknowledged is there, and the chain is whole.
func TestEveryFaultAndEveryCrash(t *testing.T) {
	const records = 12
	o := audit.Options{Key: testKey(), MaxFileBytes: 1500}
	run := func(base *fsys.Mem, hook func(fsys.Op) error, acked map[string]bool, each func(i int)) {
		f := fsys.NewFaulty(base, hook)
		l, err := audit.Open(f, dir, o)
		if err != nil {
			return
		}
		for i := range records {
			if l.Append(t.Context(), record(i)) == nil {
				acked[record(i).RequestID] = true
			}
			each(i)
		}
		_ = l.Close()
	}
	kinds := fsys.OpChange | fsys.OpOpen | fsys.OpRead
	count := &fsys.Nth{Kinds: kinds}
	all := map[string]bool{}
	run(fsys.NewMem(), count.Hook, all, func(int) {})
	if len(all) != records {
		t.Fatalf("without a fault %d of %d were acknowledged", len(all), records)
	}
	errs := []error{syscall.EIO, &fsys.Torn{N: 100, Err: syscall.ENOSPC}, &fsys.Torn{N: 700, Err: syscall.EIO}}
	for n := 1; n <= count.Seen()+1; n++ {
		for _, sticky := range []bool{false, true} {
			for _, fault := range errs {
				base, acked := fsys.NewMem(), map[string]bool{}
				nth := &fsys.Nth{Kinds: kinds, N: n, Sticky: sticky, Err: fault}
				what := fmt.Sprintf("n=%d sticky=%v %v", n, sticky, fault)
				crash := func(seed uint64) fsys.Crash {
					return fsys.Crash{Rand: rand.New(rand.NewPCG(seed, uint64(n))), Keep: 0.5, Torn: 0.5}
				}
				run(base, nth.Hook, acked, func(i int) { // in the middle, and losing all that was not synced
					if nth.Seen() >= n && nth.Seen() < n+8 {
						checkDisk(t, base.CrashClone(fsys.Crash{}), o, acked, fmt.Sprint(what, " after record ", i))
					}
				})
				if !sticky && n > 12 && len(acked) < records-2 {
					t.Errorf("n=%d %v: one fault cost %d records", n, fault, records-len(acked))
				}
				for seed := range uint64(3) {
					checkDisk(t, base.CrashClone(crash(seed)), o, acked, fmt.Sprint(what, " seed ", seed))
				}
				checkDisk(t, base, o, acked, what)
			}
		}
	}
}

// checkDisk reopens a disk, appends once more and checks everything.
func checkDisk(t *testing.T, disk *fsys.Mem, o audit.Options, acked map[string]bool, what string) {
	t.Helper()
	l, err := audit.Open(disk, dir, o)
	if err != nil {
		t.Fatalf("%s: reopening: %v", what, err)
	}
	last := record(1 << 20)
	if err := l.Append(t.Context(), last); err != nil {
		t.Fatalf("%s: appending after a crash: %v", what, err)
	}
	head := l.Head()
	mustClose(t, l)
	got := ids(t, disk)
	for id := range acked {
		if got[id] == 0 {
			t.Fatalf("%s: record %s was acknowledged and is gone", what, id)
		}
		if got[id] > 1 {
			t.Fatalf("%s: record %s is there %d times", what, id, got[id])
		}
	}
	if got[last.RequestID] != 1 {
		t.Fatalf("%s: the record after the crash is not there", what)
	}
	if rep, err := audit.Verify(t.Context(), disk, dir, audit.VerifyOptions{Key: o.Key, Anchor: head}); err != nil {
		t.Fatalf("%s: %v %+v", what, err, rep)
	}
}

func TestCrashAtAnyMomentUnderLoad(t *testing.T) {
	base := fsys.NewMem()
	o := audit.Options{MaxFileBytes: 20_000, HeadEvery: time.Millisecond}
	l := mustOpen(t, base, o)
	var mu sync.Mutex
	acked := map[string]bool{}
	const workers, each, crashes = 8, 300, 16
	due := make(chan struct{}, workers*each)
	var wg sync.WaitGroup
	for g := range workers {
		wg.Go(func() {
			for i := range each {
				r := record(0)
				r.RequestID = fmt.Sprintf("g%d-%d", g, i)
				if err := l.Append(t.Context(), r); err != nil {
					t.Errorf("append: %v", err)
				}
				mu.Lock()
				acked[r.RequestID] = true
				mu.Unlock()
				due <- struct{}{}
			}
		})
	}
	for seed := range uint64(crashes) {
		for range workers * each / crashes {
			<-due
		}
		mu.Lock()
		before := maps.Clone(acked)
		mu.Unlock()
		disk := base.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(seed, 7)), Keep: 0.6, Torn: 0.3})
		checkDisk(t, disk, o, before, fmt.Sprint("crash ", seed))
	}
	wg.Wait()
	mustClose(t, l)
	if _, err := audit.Verify(t.Context(), base, dir, audit.VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFullDiskHeals(t *testing.T) {
	f := fsys.NewMem()
	l := mustOpen(t, f, audit.Options{})
	defer mustClose(t, l)
	mustAppend(t, l, 0, 3)
	f.SetCapacity(1)
	for i := 3; i < 6; i++ {
		if err := l.Append(t.Context(), record(i)); !errors.Is(err, code.AuditFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full disk: %v", err)
		}
	}
	if !errors.Is(l.Err(), code.AuditFull) {
		t.Errorf("Err = %v", l.Err())
	}
	f.SetCapacity(0)
	mustAppend(t, l, 6, 9)
	if l.Err() != nil {
		t.Errorf("Err after healing = %v", l.Err())
	}
	if got := ids(t, f); len(got) != 6 || got["r3"]+got["r4"]+got["r5"] != 0 {
		t.Errorf("records %v", got)
	}
}

func TestUnfinishedEndIsCutAndNoted(t *testing.T) {
	f := fsys.NewMem()
	l := mustOpen(t, f, audit.Options{})
	mustAppend(t, l, 0, 3)
	mustClose(t, l)
	name := filepath.Join(dir, "audit-00000001.log")
	b := read(t, f, name)
	write(t, f, name, append(b, `{"seq":4,"prev":"00`...))
	rep, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{})
	if err != nil || rep.Torn != 19 {
		t.Errorf("verify before: %v %+v", err, rep)
	}
	l = mustOpen(t, f, audit.Options{})
	if l.Cut() != 19 {
		t.Errorf("cut %d", l.Cut())
	}
	mustClose(t, l)
	var last audit.Entry
	for e, err := range audit.Read(t.Context(), f, dir, audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if last.Seq != 4 || last.Operation != audit.OpRecovered || !strings.Contains(last.Reason, "19 bytes") {
		t.Errorf("last record %+v", last)
	}
}

// TestHeadFollowsByTheClock: the head file catches up once its interval is over, without further appends.
func TestHeadFollowsByTheClock(t *testing.T) {
	f, c := fsys.NewMem(), clock.NewFake(start)
	l := mustOpen(t, f, audit.Options{Clock: c})
	defer mustClose(t, l)
	headName := filepath.Join(dir, "head")
	before := string(read(t, f, headName))
	mustAppend(t, l, 0, 2)
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(audit.DefaultHeadEvery)
	for string(read(t, f, headName)) == before {
		if t.Context().Err() != nil {
			t.Fatal("the head file never followed")
		}
	}
}

func read(t *testing.T, f fsys.FS, name string) []byte {
	t.Helper()
	b, err := fsys.ReadFile(f, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, f fsys.FS, name string, b []byte) {
	t.Helper()
	if err := fsys.WriteFile(f, name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
