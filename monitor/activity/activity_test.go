package activity_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/fsys"
	"latchkey/monitor"
	"latchkey/monitor/activity"
)

var at = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func open(t *testing.T, fs fsys.FS) *activity.Log {
	t.Helper()
	l, err := activity.Open(activity.Config{FS: fs, Dir: "/log", MaxBytes: 1000, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Records survive a crash, files are moved on and bounded in number, and sequence numbers go on.
func TestLog(t *testing.T) {
	mem := fsys.NewMem()
	l := open(t, mem)
	for i := range 40 {
		r := activity.Of("s", fmt.Sprint("db", i), "0xAB", monitor.Event{Time: at, Name: "N", Status: "S", Description: "D", Cause: monitor.Result{Cause: monitor.KeyNotFound, Code: 3112}})
		if _, err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	mem = mem.CrashClone(fsys.Crash{})
	l = open(t, mem)
	got := l.Recent()
	want := activity.Record{
		Version: 1, Seq: 40, Time: at, Server: "s", Resource: "db39", Event: "N", Status: "S", Description: "D", State: "ONLINE",
		Cause: "ServerKeyNotFound", Code: 3112, Key: "0xAB",
	}
	if d := cmp.Diff(want, got[len(got)-1]); d != "" {
		t.Error(d)
	}
	files, err := mem.ReadDir("/log")
	if err != nil || len(files) != 3 {
		t.Error(files, err)
	}
	if r, err := l.Add(activity.Record{Time: at}); err != nil || r.Seq != 41 {
		t.Error(r.Seq, err)
	}
}

// Who follows the log gets every record once, in order, from memory or from the files; where some are gone, the first number shows it.
func TestAfter(t *testing.T) {
	mem := fsys.NewMem()
	l, err := activity.Open(activity.Config{FS: mem, Dir: "/log", MaxBytes: 1500, Files: 3, Recent: 5})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.After(0, 10); err != nil || len(got) != 0 || l.Last() != 0 {
		t.Error(got, err)
	}
	for range 100 {
		if _, err := l.Add(activity.Record{Time: at, Event: "e"}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := l.After(0, 1)
	if err != nil || len(first) != 1 || first[0].Seq < 2 {
		t.Fatal(first, err)
	}
	for seq := first[0].Seq; seq < 100; {
		got, err := l.After(seq, 7)
		if err != nil || len(got) == 0 || len(got) > 7 {
			t.Fatal(seq, got, err)
		}
		for _, r := range got {
			if seq++; r.Seq != seq {
				t.Fatalf("%d, want %d", r.Seq, seq)
			}
		}
	}
	if got, err := l.After(100, 7); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := l.After(1000, 7); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	again := open(t, mem)
	if again.Opened() != 100 || again.Last() != 100 {
		t.Error(again.Opened(), again.Last())
	}
}

// A line that a crash cut off goes; others that do not read are not shown.
func TestTornLine(t *testing.T) {
	mem := fsys.NewMem()
	l := open(t, mem)
	if _, err := l.Add(activity.Record{Time: at, Event: "first"}); err != nil {
		t.Fatal(err)
	}
	f, err := mem.OpenFile("/log/activity.jsonl", os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := f.Size()
	if _, err := f.WriteAt([]byte("{\"v\":9}\n{\"v\":1,\"seq\":2,\"ev"), n); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	l = open(t, mem)
	if _, err := l.Add(activity.Record{Time: at, Event: "second"}); err != nil {
		t.Fatal(err)
	}
	got := open(t, mem).Recent()
	if len(got) != 2 || got[1].Event != "second" || got[1].Seq != 2 {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"seq":2,"time":"2026-03-01T03:00:00Z","eventName":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := activity.Decode(b); err == nil && r.Version != activity.Version {
			t.Error(r)
		}
	})
}
