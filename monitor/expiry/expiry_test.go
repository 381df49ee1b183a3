package expiry_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
	"latchkey/monitor/expiry"
)

const day = 24 * time.Hour

var end = time.Date(2027, 6, 1, 3, 0, 0, 0, time.UTC)

type rig struct {
	t     *testing.T
	fs    *fsys.Mem
	clock *clock.Fake
	*expiry.Tracker
	told []string
}

func newRig(t *testing.T, start time.Time) *rig {
	r := &rig{t: t, fs: fsys.NewMem(), clock: clock.NewFake(start)}
	if err := r.fs.MkdirAll("/m", 0o700); err != nil {
		t.Fatal(err)
	}
	r.open()
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	r.Tracker, err = expiry.Open(expiry.Config{Path: "/m/expiry.json", FS: r.fs, Clock: r.clock, Tell: func(a activity.Record) {
		r.told = append(r.told, fmt.Sprintf("%s %s %s", a.Time.Format("01-02 15:04"), a.Event, a.Status))
	}})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) take() []string {
	t := r.told
	r.told = nil
	return t
}

var secret = expiry.Item{Kind: "secret", Object: "client secret of the connector", NotAfter: end}

// Each stage is told once, at its time, whatever restarts come between; renewal is told, and begins anew.
func TestStages(t *testing.T) {
	r := newRig(t, end.Add(-100*day))
	for now := r.clock.Now(); now.Before(end.Add(2 * day)); now = r.clock.Now() {
		r.See(secret)
		next := r.Tell()
		if r.clock.Now().Hour() == 7 { // a crash every day
			r.fs = r.fs.CrashClone(fsys.Crash{})
			r.open()
		}
		r.clock.Advance(min(next, time.Hour))
	}
	want := []string{
		"03-03 03:00 CredentialExpiring 90 days", "04-02 03:00 CredentialExpiring 60 days", "05-02 03:00 CredentialExpiring 30 days", "05-18 03:00 CredentialExpiring 14 days",
		"05-25 03:00 CredentialExpiring 7 days", "05-29 03:00 CredentialExpiring 3 days", "05-31 03:00 CredentialExpiring 1 day", "05-31 15:00 CredentialExpiring 12 hours",
		"06-01 02:00 CredentialExpiring 1 hour", "06-01 03:00 CredentialExpired Failed",
	}
	if d := cmp.Diff(want, r.take()); d != "" {
		t.Error(d)
	}
	renewed := secret
	renewed.NotAfter = end.Add(365 * day)
	r.See(renewed)
	r.Tell()
	r.open()
	r.Tell()
	if d := cmp.Diff([]string{"06-03 03:00 CredentialRenewed Succeeded"}, r.take()); d != "" {
		t.Error(d)
	}
	if all := r.All(); len(all) != 1 || !strings.HasPrefix(all[0].Sentence(r.clock.Now()), "secret ends in 363 days, at 2028-05-31 03:00 UTC: client") || all[0].Warned() != "" {
		t.Errorf("%+v", all)
	}
}

// Of what passed unseen the last is told alone; another certificate of one owner takes the first one's place; a key that has no end any more is renewed.
func TestSightings(t *testing.T) {
	r := newRig(t, end.Add(-20*day))
	old := expiry.Item{Kind: "certificate", Object: "CN=old", Owner: "app", NotAfter: end}
	key := expiry.Item{Kind: "key", Object: "https://v/keys/k/1", NotAfter: end.Add(time.Minute)}
	future := expiry.Item{Kind: "key", Object: "https://v/keys/k/2", NotBefore: end, NotAfter: end.Add(1000 * day)}
	r.See(old)
	r.See(key)
	r.See(future)
	r.Tell()
	r.Tell()
	want := []string{"05-12 03:00 CredentialExpiring 30 days", "05-12 03:00 CredentialExpiring 30 days", "05-12 03:00 CredentialNotYetValid Failed"}
	if d := cmp.Diff(want, r.take()); d != "" {
		t.Error(d)
	}
	r.See(expiry.Item{Kind: "certificate", Object: "CN=new", Owner: "app", NotAfter: end.Add(400 * day)})
	r.See(expiry.Item{Kind: "key", Object: key.Object})
	r.Tell()
	for range 2 {
		r.clock.Advance(21 * day)
		r.Tell()
	}
	if d := cmp.Diff([]string{"05-12 03:00 CredentialRenewed Succeeded"}, r.take()[:1]); d != "" {
		t.Error(d)
	}
	for _, s := range r.take() {
		if !strings.HasSuffix(s, "Renewed Succeeded") {
			t.Error(s)
		}
	}
	if n := len(r.All()); n != 2 {
		t.Errorf("%d end", n)
	}
}

// Run tells when the time comes, by the clock alone.
func TestRun(t *testing.T) {
	fs, c := fsys.NewMem(), clock.NewFake(end.Add(-30*day-time.Minute))
	told := make(chan activity.Record, 10)
	tr, err := expiry.Open(expiry.Config{Path: "/expiry.json", FS: fs, Clock: c, Stages: []time.Duration{30 * day, time.Hour}, Tell: func(r activity.Record) { told <- r }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); tr.Run(t.Context()) }()
	tr.See(secret)
	for len(told) == 0 {
		if err := c.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Minute)
	}
	if r := <-told; r.Status != "30 days" || !r.Ends.Equal(end) {
		t.Errorf("%+v", r)
	}
}

func TestDamagedFile(t *testing.T) {
	r := newRig(t, end.Add(-day))
	if err := fsys.WriteFile(r.fs, "/m/expiry.json", []byte(`{"version":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.See(secret)
	r.Tell()
	if len(r.take()) != 1 {
		t.Error("not told again")
	}
	if _, err := r.fs.Stat("/m/expiry.json.damaged"); err != nil {
		t.Error(err)
	}
	faulty := fsys.NewFaulty(r.fs, func(fsys.Op) error { return os.ErrPermission })
	if _, err := expiry.Open(expiry.Config{Path: "/m/expiry.json", FS: faulty, Tell: func(activity.Record) {}}); err == nil {
		t.Error("a file that cannot be read was taken for none")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"items":[{"kind":"key","object":"o","notAfter":"2027-01-01T00:00:00Z","seen":"2026-01-01T00:00:00Z","told":-1},{"kind":"key","object":"p","seen":"2026-01-01T00:00:00Z","told":86400}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := expiry.Decode(b)
		if err != nil {
			return
		}
		for _, i := range items {
			_, _ = i.Sentence(end), i.Warned()
			if i.Told < 0 {
				t.Error(i)
			}
		}
	})
}
