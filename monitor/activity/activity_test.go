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
