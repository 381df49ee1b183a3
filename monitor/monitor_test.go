package monitor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/monitor"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// profile confirms with 3 refusals over 20 seconds and heals for 30 minutes.
var profile = monitor.Profile{Name: "test", Poll: time.Minute, Retry: 10 * time.Second, Tries: 3, Over: 20 * time.Second, Window: 30 * time.Minute}

const (
	lostText     = "Database has lost access to Azure key vault key and is now inaccessible: "
	missing      = "401 AzureKeyVaultMissingPermissions - The server is missing required permissions on the Azure Key Vault."
	connection   = "503 AzureKeyVaultConnectionFailed - The operation could not be completed on the server because attempts to connect to Azure Key Vault have failed."
	waitingText  = "Database is waiting for Azure key vault key access to be reestablished by user within 30 minutes."
	onlineText   = "Database access to Azure key vault key has been reestablished and database is now online."
	wantsText    = "Database is inaccessible and requires user to resolve Azure key vault errors and reestablish access to Azure key vault key using Re-validate key."
	startedText  = "Restoring database access to Azure key vault key has started."
	failedText   = "Restoring database access to Azure key vault key has failed."
	closedEvents = "MakeDatabaseInaccessible Started " + lostText + missing + "\nMakeDatabaseInaccessible InProgress " + waitingText
)

// step is one thing that happens: at so long after start, a check or "revoke", "failed", "revalidate".
type step struct {
	at     time.Duration
	what   string
	cause  monitor.Cause
	state  monitor.State
	events string
}

func TestMachine(t *testing.T) {
	const m, s, h = time.Minute, time.Second, time.Hour
	check := func(at time.Duration, c monitor.Cause, want monitor.State, events string) step {
		return step{at, "check", c, want, events}
	}
	ok, no, out := monitor.Granted, monitor.MissingPermissions, monitor.NoAnswer
	closed := func() []step {
		return []step{
			check(0, no, monitor.Suspect, ""),
			check(10*s, no, monitor.Suspect, ""),
			check(20*s, no, monitor.Inaccessible, closedEvents),
		}
	}
	tests := map[string][]step{
		"all is well": {check(0, ok, monitor.Online, ""), check(m, ok, monitor.Online, "")},
		"a false refusal for a moment": {
			check(0, no, monitor.Suspect, ""), check(10*s, no, monitor.Suspect, ""), check(15*s, ok, monitor.Online, ""),
			check(30*s, no, monitor.Suspect, ""), check(60*s, no, monitor.Suspect, ""), check(70*s, ok, monitor.Online, ""),
		},
		"enough tries, too short a time": {
			check(0, no, monitor.Suspect, ""), check(1*s, no, monitor.Suspect, ""), check(2*s, no, monitor.Suspect, ""), check(19*s, no, monitor.Suspect, ""),
			check(20*s, no, monitor.Inaccessible, closedEvents),
		},
		"long enough, too few tries": {
			check(0, no, monitor.Suspect, ""), check(10*m, no, monitor.Suspect, ""), check(11*m, no, monitor.Inaccessible, closedEvents),
		},
		"an outage closes nothing": {check(0, out, monitor.Online, ""), check(24*h, out, monitor.Online, ""), check(240*h, ok, monitor.Online, "")},
		"an outage neither confirms nor clears a refusal": {
			check(0, no, monitor.Suspect, ""), check(10*s, out, monitor.Suspect, ""), check(20*s, out, monitor.Suspect, ""), check(30*s, no, monitor.Suspect, ""),
			check(40*s, no, monitor.Inaccessible, closedEvents),
		},
		"heals in the window": append(closed(),
			check(30*m, no, monitor.Inaccessible, ""), check(30*m+20*s, ok, monitor.Online, "MakeDatabaseAccessible Succeeded "+onlineText), check(31*m, ok, monitor.Online, "")),
		"window over, then a person": append(closed(),
			check(31*m, no, monitor.NeedsRevalidation, "MakeDatabaseInaccessible Succeeded "+wantsText),
			check(32*m, no, monitor.NeedsRevalidation, ""),
			check(33*m, ok, monitor.NeedsRevalidation, ""),
			step{34 * m, "revalidate", 0, monitor.Revalidating, "MakeDatabaseAccessible Started " + startedText},
			check(34*m, no, monitor.NeedsRevalidation, "MakeDatabaseAccessible Failed "+failedText),
			step{35 * m, "revalidate", 0, monitor.Revalidating, "MakeDatabaseAccessible Started " + startedText},
			check(35*m, ok, monitor.Online, "MakeDatabaseAccessible Succeeded "+onlineText)),
		"granted only after the window": append(closed(),
			check(31*m, ok, monitor.NeedsRevalidation, "MakeDatabaseInaccessible Succeeded "+wantsText),
			step{32 * m, "revalidate", 0, monitor.Revalidating, "MakeDatabaseAccessible Started " + startedText},
			check(32*m, out, monitor.NeedsRevalidation, "MakeDatabaseAccessible Failed "+failedText)),
		"an outage uses up no window": append(closed(),
			check(10*m+20*s, out, monitor.Inaccessible, ""), check(24*h, out, monitor.Inaccessible, ""), check(24*h+20*s, no, monitor.Inaccessible, ""),
			check(24*h+10*m, ok, monitor.Online, "MakeDatabaseAccessible Succeeded "+onlineText)),
		"a person does not wait for the poll": append(closed(),
			step{m, "revalidate", 0, monitor.Revalidating, "MakeDatabaseAccessible Started " + startedText},
			check(m, no, monitor.Inaccessible, "MakeDatabaseAccessible Failed "+failedText),
			check(20*m, ok, monitor.Online, "MakeDatabaseAccessible Succeeded "+onlineText)),
		"revoked": {
			{0, "revoke", no, monitor.Inaccessible, closedEvents},
			{0, "revoke", no, monitor.Inaccessible, ""},
		},
		"an outage at start-up heals for ever": {
			{0, "failed", out, monitor.Inaccessible, "MakeDatabaseInaccessible Started " + lostText + connection + "\nMakeDatabaseInaccessible InProgress " + waitingText},
			check(24*h, out, monitor.Inaccessible, ""),
			check(48*h, ok, monitor.Online, "MakeDatabaseAccessible Succeeded "+onlineText),
		},
		"an outage at start-up that turns out a refusal": {
			{0, "failed", out, monitor.Inaccessible, "MakeDatabaseInaccessible Started " + lostText + connection + "\nMakeDatabaseInaccessible InProgress " + waitingText},
			check(24*h, no, monitor.Inaccessible, ""),
			check(24*h+31*m, no, monitor.NeedsRevalidation, "MakeDatabaseInaccessible Succeeded "+wantsText),
		},
		"nothing to re-validate": {{0, "revalidate", 0, monitor.Online, "refused"}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			machine := monitor.New(profile, start)
			for i, st := range steps {
				// What was stored is all that there is to know.
				machine = monitor.Resume(profile, machine.Status())
				now := start.Add(st.at)
				var events []monitor.Event
				r := monitor.Result{Cause: st.cause}
				switch st.what {
				case "check":
					events = machine.Check(now, r)
				case "revoke":
					events = machine.Revoke(now, r)
				case "failed":
					events = machine.Failed(now, r)
				case "revalidate":
					var possible bool
					if events, possible = machine.Revalidate(now); !possible {
						if st.events != "refused" {
							t.Fatalf("step %d: refused", i)
						}
						st.events = ""
					}
				}
				if d := cmp.Diff(st.events, lines(events)); d != "" {
					t.Errorf("step %d at %s: events (-want +got):\n%s", i, st.at, d)
				}
				if got := machine.Status().State; got != st.state {
					t.Fatalf("step %d at %s: state %s, want %s", i, st.at, got, st.state)
				}
			}
		})
	}
}

func lines(events []monitor.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s %s", e.Name, e.Status, e.Description))
	}
	return strings.Join(out, "\n")
}

func TestMessage(t *testing.T) {
	for cause, want := range map[monitor.Cause]string{
		monitor.NoAnswer:           "503 AzureKeyVaultConnectionFailed - The operation could not be completed on the server because attempts to connect to Azure Key Vault have failed.",
		monitor.NoIdentity:         "401 AzureKeyVaultNoServerIdentity - The server identity is not correctly configured on server. Please contact support.",
		monitor.KeyNotFound:        "404 ServerKeyNotFound - The requested server key was not found on the current subscription.",
		monitor.KeyUnusable:        "409 ServerKeyDoesNotExists - The server key does not exist.",
		monitor.MissingPermissions: missing,
		monitor.Granted:            "",
	} {
		if got := monitor.Message(monitor.Result{Cause: cause}); got != want {
			t.Errorf("%d: %q, want %q", cause, got, want)
		}
	}
	if got := monitor.Message(monitor.Result{Cause: monitor.KeyUnusable, Text: "the key is disabled"}); !strings.HasSuffix(got, "does not exist. (the key is disabled)") {
		t.Errorf("with the provider's words: %q", got)
	}
}

func TestWindowInWords(t *testing.T) {
	for window, want := range map[time.Duration]string{
		8 * time.Hour: " within 8 hours.", time.Hour: " within 1 hour.", 30 * time.Minute: " within 30 minutes.", 90 * time.Second: " within 1m30s.", 0: " by user.",
	} {
		p := profile
		p.Window = window
		events := monitor.New(p, start).Revoke(start, monitor.Result{Cause: monitor.KeyNotFound})
		if got := events[1].Description; !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want it to end in %q", window, got, want)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, p := range monitor.Profiles() {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if found, err := monitor.Find(p.Name); err != nil || found != p {
			t.Errorf("%s: found %v, %v", p.Name, found, err)
		}
	}
	azure, _ := monitor.Find("azure")
	if b := azure.Bound(10 * time.Second); b > 10*time.Minute {
		t.Errorf("azure closes within %s, documented are ten minutes", b)
	}
	if _, err := monitor.Find("x"); err == nil || !strings.Contains(err.Error(), "known are latchkey, azure, azure-2019") {
		t.Errorf("unknown profile: %v", err)
	}
	for _, bad := range []monitor.Profile{
		{},
		{Poll: time.Second, Retry: time.Minute, Tries: 1},
		{Poll: time.Minute, Retry: time.Second},
		{Poll: time.Minute, Retry: time.Second, Tries: 1, Jitter: 0.6},
		{Poll: time.Minute, Retry: time.Second, Tries: 1, Window: -1},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// The bound holds: whatever the jitter, a refusal that lasts closes the database no later.
func TestBoundHolds(t *testing.T) {
	const check = 3 * time.Second
	for _, p := range append(monitor.Profiles(), profile) {
		for _, random := range []float64{0, 0.3, 0.999999} {
			machine := monitor.New(p, start)
			now := start
			machine.Check(now, monitor.Result{}) // just before the key store begins to refuse
			for machine.Status().State.Serves() {
				now = now.Add(machine.Wait(random) + check)
				machine.Check(now, monitor.Result{Cause: monitor.KeyNotFound})
			}
			if took := now.Sub(start); took > p.Bound(check) {
				t.Errorf("%s with random %g: closed after %s, bound %s", p.Name, random, took, p.Bound(check))
			}
		}
	}
}

// Without a window a database heals for ever, also one that another profile had given up.
func TestNoWindowHealsForEver(t *testing.T) {
	machine := monitor.New(profile, start)
	machine.Revoke(start, monitor.Result{Cause: monitor.KeyNotFound})
	machine.Check(start.Add(time.Hour), monitor.Result{Cause: monitor.KeyNotFound})
	if s := machine.Status().State; s != monitor.NeedsRevalidation {
		t.Fatalf("state %s", s)
	}
	forever := profile
	forever.Window = 0
	machine.SetProfile(forever)
	if events := machine.Check(start.Add(1000*time.Hour), monitor.Result{}); len(events) != 1 || machine.Status().State != monitor.Online {
		t.Errorf("state %s, events %v", machine.Status().State, events)
	}
}

// A clock that is set back, or forward, as after a suspended machine's resume, delays no close and makes none: it takes as many refusals as ever.
func TestClockJumps(t *testing.T) {
	no := monitor.Result{Cause: monitor.MissingPermissions}
	t.Run("back while suspected", func(t *testing.T) {
		m := monitor.New(profile, start)
		m.Check(start, no)
		now := start.Add(-9 * time.Hour)
		for i := range 4 {
			m.Check(now.Add(time.Duration(i)*profile.Retry), no)
		}
		if s := m.Status().State; s != monitor.Inaccessible {
			t.Errorf("after %d refusals over %s it is %s", 5, 3*profile.Retry, s)
		}
	})
	t.Run("nine hours at once while online", func(t *testing.T) {
		m := monitor.New(profile, start)
		m.Check(start, monitor.Result{})
		if events := m.Check(start.Add(9*time.Hour), no); len(events) != 0 || m.Status().State != monitor.Suspect {
			t.Errorf("%s after the first refusal", m.Status().State)
		}
	})
	t.Run("nine hours at once while suspected", func(t *testing.T) {
		m := monitor.New(profile, start)
		m.Check(start, no)
		m.Check(start.Add(9*time.Hour), no) // the second of three
		if s := m.Status().State; s != monitor.Suspect {
			t.Errorf("%s after %d refusals", s, 2)
		}
		if m.Check(start.Add(9*time.Hour+profile.Retry), monitor.Result{}); m.Status().State != monitor.Online {
			t.Error(m.Status().State)
		}
	})
	t.Run("nine hours at once in the window", func(t *testing.T) {
		p, err := monitor.Find("azure-2019")
		if err != nil {
			t.Fatal(err)
		}
		m := monitor.New(p, start)
		m.Revoke(start, no)
		// The eight hours are hours of the clock, as documented: nobody's key was there in time. One event tells it.
		events := m.Check(start.Add(9*time.Hour), monitor.Result{})
		if len(events) != 1 || m.Status().State != monitor.NeedsRevalidation {
			t.Errorf("%s, %d events", m.Status().State, len(events))
		}
	})
	t.Run("nine hours at once in an outage", func(t *testing.T) {
		p, _ := monitor.Find("azure-2019")
		m := monitor.New(p, start)
		m.Failed(start, monitor.Result{Cause: monitor.NoAnswer})
		if events := m.Check(start.Add(9*time.Hour), monitor.Result{}); len(events) != 1 || m.Status().State != monitor.Online {
			t.Errorf("%s, %v", m.Status().State, events)
		}
	})
	t.Run("back in the window", func(t *testing.T) {
		m := monitor.New(profile, start)
		m.Revoke(start, no)
		m.Check(start.Add(-9*time.Hour), no)
		m.Check(start.Add(-9*time.Hour).Add(profile.Window+time.Second), no)
		if s := m.Status().State; s != monitor.NeedsRevalidation {
			t.Errorf("%s: the window does not end", s)
		}
	})
}
