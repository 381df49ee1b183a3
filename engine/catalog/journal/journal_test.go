package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/fsys"
)

func change(id int, value string) []model.Change {
	c := model.Change{Record: model.Record{Table: "credential", ID: id}}
	if value != "" {
		c.Value = fmt.Appendf(nil, `{"ID":%d,"Name":%q}`, id, value)
	}
	return []model.Change{c}
}

func open(t *testing.T, fs fsys.FS, key *protect.Key) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func names(t *testing.T, j *journal.Journal) map[int]string {
	t.Helper()
	r, err := j.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := model.Load(r)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]string{}
	for id, c := range s.Credentials.All(0) {
		out[id] = c.Name
	}
	return out
}

func TestWhatWasCommittedIsThere(t *testing.T) {
	fs, key := fsys.NewMem(), protect.Generate()
	j := open(t, fs, key)
	for i := range 20 {
		if err := j.Commit(t.Context(), change(i%7, fmt.Sprintf("canary-%d", i))); err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			r := []model.Record{{Table: "credential", ID: 3, Value: change(3, "compacted")[0].Value}}
			if err := j.Compact(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Commit(t.Context(), change(4, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key}); !errors.Is(err, fsys.ErrLocked) {
		t.Errorf("a second opening: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{journal.SnapshotName, journal.JournalName} {
		b, err := fsys.ReadFile(fs, "/data/"+name, 0)
		if err != nil || bytes.Contains(b, []byte("canary")) || bytes.Contains(b, []byte("credential")) {
			t.Errorf("%s is in clear (%v)", name, err)
		}
	}
	got := names(t, open(t, fs, key))
	want := map[int]string{0: "canary-14", 1: "canary-15", 2: "canary-16", 3: "canary-17", 5: "canary-19", 6: "canary-13"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnotherKey(t *testing.T) {
	fs := fsys.NewMem()
	if err := open(t, fs, protect.Generate()).Close(); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: protect.Generate()})
	if !errors.Is(err, journal.ErrKey) {
		t.Errorf("%v, want ErrKey", err)
	}
}

// script commits numbered changes with a compaction in the middle until something fails, and gives the last acknowledged number.
func script(t *testing.T, fs fsys.FS, key *protect.Key, acked func(int)) (attempted int) {
	j, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key})
	if err != nil {
		return 0
	}
	defer j.Close()
	for i := 1; i <= 8; i++ {
		attempted = i
		if err := j.Commit(t.Context(), change(1, fmt.Sprint(i))); err != nil {
			return attempted
		}
		acked(i)
		if i == 4 {
			if err := j.Compact(t.Context(), []model.Record{change(1, "4")[0].Record}); err != nil {
				return attempted
			}
		}
	}
	return attempted
}

// A power cut at every operation leaves what was acknowledged, or that and the one change that was on its way.
func TestPowerCutAtEveryOperation(t *testing.T) {
	key := protect.Generate()
	count := &fsys.Nth{Kinds: fsys.OpChange}
	script(t, fsys.NewFaulty(fsys.NewMem(), count.Hook), key, func(int) {})
	if count.Seen() < 25 {
		t.Fatalf("only %d operations", count.Seen())
	}
	failure := errors.New("power")
	for n := 1; n <= count.Seen(); n++ {
		for seed := range uint64(6) {
			mem := fsys.NewMem()
			nth := &fsys.Nth{Kinds: fsys.OpChange, N: n, Sticky: true, Err: failure}
			last := 0
			attempted := script(t, fsys.NewFaulty(mem, nth.Hook), key, func(i int) { last = i })
			crash := fsys.Crash{Rand: rand.New(rand.NewPCG(seed, uint64(n))), Keep: 0.5, Torn: 0.5}
			if seed == 0 {
				crash = fsys.Crash{}
			}
			disk := mem.CrashClone(crash)
			j, err := journal.Open(t.Context(), journal.Config{FS: disk, Dir: "/data", Key: key})
			if err != nil {
				t.Fatalf("operation %d, seed %d: %v", n, seed, err)
			}
			got := names(t, j)[1]
			if got != fmt.Sprint(last) && got != fmt.Sprint(attempted) && (last != 0 || got != "") {
				t.Fatalf("operation %d, seed %d: %q is there; acknowledged %d, attempted %d", n, seed, got, last, attempted)
			}
			if err := j.Commit(t.Context(), change(2, "after")); err != nil {
				t.Fatalf("operation %d: writing after the crash: %v", n, err)
			}
			_ = j.Close()
			if got := names(t, open(t, disk, key)); got[2] != "after" {
				t.Fatalf("operation %d: the change after the crash is lost", n)
			}
		}
	}
}

// One failing operation makes an error, never a wrong state; what was acknowledged stays.
func TestEachOperationFailsOnce(t *testing.T) {
	key := protect.Generate()
	count := &fsys.Nth{Kinds: fsys.OpChange | fsys.OpOpen | fsys.OpRead}
	script(t, fsys.NewFaulty(fsys.NewMem(), count.Hook), key, func(int) {})
	for n := 1; n <= count.Seen(); n++ {
		mem := fsys.NewMem()
		nth := &fsys.Nth{Kinds: count.Kinds, N: n, Err: errors.New("fault")}
		last := 0
		attempted := script(t, fsys.NewFaulty(mem, nth.Hook), key, func(i int) { last = i })
		got := names(t, open(t, mem, key))[1]
		if got != fmt.Sprint(last) && got != fmt.Sprint(attempted) && (last != 0 || got != "") {
			t.Fatalf("operation %d: %q is there; acknowledged %d", n, got, last)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	fs, key := fsys.NewMem(), protect.Generate()
	j := open(t, fs, key)
	for i := range 3 {
		if err := j.Commit(t.Context(), change(i, "x")); err != nil {
			t.Fatal(err)
		}
	}
	_ = j.Close()
	for _, name := range []string{journal.SnapshotName, journal.JournalName} {
		good, err := fsys.ReadFile(fs, "/data/"+name, 0)
		if err != nil {
			t.Fatal(err)
		}
		end := len(good)
		if name == journal.JournalName {
			end = len(good) * 2 / 3 // the last frame may be taken for torn
		}
		for i := range end {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			put(t, fs, name, bad)
			j, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key})
			if err == nil {
				t.Fatalf("%s with byte %d changed opens", name, i)
			}
			if !errors.Is(err, journal.ErrCorrupt) && !errors.Is(err, journal.ErrVersion) && !errors.Is(err, journal.ErrKey) {
				t.Fatalf("%s with byte %d changed: %v", name, i, err)
			}
			_ = j
		}
		put(t, fs, name, good)
	}
	_ = fs.Remove("/data/" + journal.SnapshotName)
	if _, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key}); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("without a snapshot: %v", err)
	}
}

func put(t *testing.T, fs fsys.FS, name string, b []byte) {
	t.Helper()
	if err := fsys.WriteFile(fs, "/data/"+name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFullDisk(t *testing.T) {
	fs, key := fsys.NewMem(), protect.Generate()
	j := open(t, fs, key)
	if err := j.Commit(t.Context(), change(1, "kept")); err != nil {
		t.Fatal(err)
	}
	fs.SetCapacity(700)
	err := j.Commit(t.Context(), change(2, string(bytes.Repeat([]byte("x"), 2000))))
	if err == nil {
		t.Fatal("a change larger than the disk was stored")
	}
	fs.SetCapacity(0)
	if err := j.Commit(t.Context(), change(3, "later")); err != nil {
		t.Fatalf("after room was made: %v", err)
	}
	_ = j.Close()
	if got := fmt.Sprint(names(t, open(t, fs, key))); got != "map[1:kept 3:later]" {
		t.Errorf("got %s", got)
	}
}

func FuzzOpen(f *testing.F) {
	mem, key := fsys.NewMem(), protect.Generate()
	j, err := journal.Open(f.Context(), journal.Config{FS: mem, Dir: "/data", Key: key})
	if err != nil {
		f.Fatal(err)
	}
	for i := range 2 {
		if err := j.Commit(f.Context(), change(i, "x")); err != nil {
			f.Fatal(err)
		}
	}
	_ = j.Close()
	snap, _ := fsys.ReadFile(mem, "/data/"+journal.SnapshotName, 0)
	log, _ := fsys.ReadFile(mem, "/data/"+journal.JournalName, 0)
	f.Add(snap, log)
	f.Add([]byte("LKCATS\x01\x00"), []byte{})
	f.Add(snap, log[:20])
	f.Fuzz(func(t *testing.T, s, l []byte) {
		fs := fsys.NewMem()
		_ = fs.MkdirAll("/data", 0o700)
		for name, b := range map[string][]byte{journal.SnapshotName: s, journal.JournalName: l} {
			w, err := fs.OpenFile("/data/"+name, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.WriteAt(b, 0)
			_ = w.Close()
		}
		j, err := journal.Open(t.Context(), journal.Config{FS: fs, Dir: "/data", Key: key})
		if err != nil {
			return
		}
		r, _ := j.Load(t.Context())
		if len(r) > 2 {
			t.Errorf("%d records out of nowhere", len(r))
		}
		_ = j.Close()
	})
}
