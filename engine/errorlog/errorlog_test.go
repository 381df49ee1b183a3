package errorlog_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/engine/errorlog"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

func open(t *testing.T, f fsys.FS) *errorlog.Log {
	t.Helper()
	l, err := errorlog.Open(f, "/log", clock.NewFake(time.Date(2026, 3, 1, 12, 30, 5, 120e6, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// A record is one line, whatever is in it, and reads back.
func TestLines(t *testing.T) {
	f := fsys.NewMem()
	l := open(t, f)
	log := slog.New(l.Handler(nil)).With("database", "Shop")
	log.Info("plain")
	log.Error("Login failed for user 'a\n2026-03-01 12:30:05.12 server      forged'.", "msg", 18456, "severity", 14, "state", 1, "session", 51)
	log.Warn("quoted", "err", errors.New(`a "b" c`), "empty", "", "secret", secret.FromString("hush"))
	log.WithGroup("g").Info("in a group", "k", "v")
	log.Debug("too fine")
	log.Info(strings.Repeat("x", 100_000))
	got, err := l.Entries(0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, want := range []errorlog.Entry{
		{Process: "server", Text: "plain database=Shop"},
		{Process: "spid51", Text: `Login failed for user 'a\n2026-03-01 12:30:05.12 server      forged'. [Error: 18456, Severity: 14, State: 1] database=Shop`},
		{Process: "server", Text: `quoted database=Shop err="a \"b\" c" empty="" secret=[redacted]`},
	} {
		want.Time = time.Date(2026, 3, 1, 12, 30, 5, 120e6, time.UTC)
		if got[i] != want {
			t.Errorf("got  %+v\nwant %+v", got[i], want)
		}
	}
	if len(got[4].Text) > 40_000 {
		t.Errorf("a line of %d bytes", len(got[4].Text))
	}
}

// Each start begins a file and keeps six older ones; a file that grows too long is followed by another.
func TestFiles(t *testing.T) {
	f := fsys.NewMem()
	for n := range errorlog.Kept + 3 {
		l := open(t, f)
		slog.New(l.Handler()).Info("start", "n", n)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, f)
	for n := 1; n <= errorlog.Kept; n++ {
		e, err := l.Entries(n)
		if err != nil || len(e) != 1 {
			t.Errorf("archive %d: %+v, %v", n, e, err)
		}
	}
	for _, n := range []int{-1, errorlog.Kept + 1} {
		if _, err := l.Entries(n); !errors.Is(err, errorlog.ErrArchive) {
			t.Errorf("archive %d: %v", n, err)
		}
	}
	log := slog.New(l.Handler())
	long := strings.Repeat("y", 30_000)
	for range errorlog.MaxBytes/len(long) + 10 {
		log.Info(long)
	}
	if e, err := l.Entries(0); err != nil || len(e) > 100 {
		t.Errorf("%d lines are in the present file (%v)", len(e), err)
	}
}

// A new file can be asked for; one that cannot be made takes no line from the present one.
func TestCycle(t *testing.T) {
	f := &stuck{FS: fsys.NewMem()}
	l := open(t, f)
	log := slog.New(l.Handler())
	log.Info("one")
	if err := l.Cycle(); err != nil {
		t.Fatal(err)
	}
	log.Info("two")
	f.on = true
	if err := l.Cycle(); err == nil {
		t.Error("it was made although it could not be")
	}
	log.Info("three")
	f.on = false
	for archive, want := range [][]string{{"two", "three"}, {"one"}} {
		e, err := l.Entries(archive)
		if err != nil || len(e) != len(want) || e[0].Text != want[0] || e[len(e)-1].Text != want[len(want)-1] {
			t.Errorf("log %d: %+v, %v", archive, e, err)
		}
	}
}

// stuck is a file system on which nothing can be renamed.
type stuck struct {
	fsys.FS
	on bool
}

func (s *stuck) Rename(from, to string) error {
	if s.on {
		return errors.New("no")
	}
	return s.FS.Rename(from, to)
}
