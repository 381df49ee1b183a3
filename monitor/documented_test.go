package monitor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/monitor"
)

// Every line of the section "Getting TDE status from the Activity log", in the order in which it can come about, for every error message of the page: what
// the service loses, the eight hours, a person who asks in vain, then not in vain; and the way back within the eight hours.
func TestDocumentedEvents(t *testing.T) {
	messages := map[monitor.Cause]string{
		monitor.NoIdentity:         "401 AzureKeyVaultNoServerIdentity - The server identity is not correctly configured on server. Please contact support.",
		monitor.KeyNotFound:        "404 ServerKeyNotFound - The requested server key was not found on the current subscription.",
		monitor.KeyUnusable:        "409 ServerKeyDoesNotExists - The server key does not exist.",
		monitor.MissingPermissions: "401 AzureKeyVaultMissingPermissions - The server is missing required permissions on the Azure Key Vault.",
	}
	const (
		lost    = "MakeDatabaseInaccessible|Started|Database has lost access to Azure key vault key and is now inaccessible: "
		waiting = "MakeDatabaseInaccessible|InProgress|Database is waiting for Azure key vault key access to be reestablished by user within "
		wants   = "MakeDatabaseInaccessible|Succeeded|Database is inaccessible and requires user to resolve Azure key vault errors and reestablish access to Azure key vault key using Re-validate key."
		begun   = "MakeDatabaseAccessible|Started|Restoring database access to Azure key vault key has started."
		failed  = "MakeDatabaseAccessible|Failed|Restoring database access to Azure key vault key has failed."
		online  = "MakeDatabaseAccessible|Succeeded|Database access to Azure key vault key has been reestablished and database is now online."
	)
	for _, profile := range []struct{ name, window string }{{"azure-2019", "8 hours."}, {"azure", "30 minutes."}} {
		p, err := monitor.Find(profile.name)
		if err != nil {
			t.Fatal(err)
		}
		for cause, message := range messages {
			t.Run(fmt.Sprint(profile.name, " ", cause.Name()), func(t *testing.T) {
				now, r := start, monitor.Result{Cause: cause}
				m := monitor.New(p, now)
				var got []string
				take := func(events []monitor.Event) {
					t.Helper()
					for _, e := range events {
						if !e.Time.Equal(now) || e.State != m.Status().State || e.Cause.Cause != cause {
							t.Errorf("%s %s at %s in %s because of %q; it is %s in %s", e.Name, e.Status, e.Time, e.State, e.Cause.Cause.Name(), now, m.Status().State)
						}
						got = append(got, e.Name+"|"+e.Status+"|"+e.Description)
					}
				}
				refuse := func() {
					for began := now; m.Status().State.Serves(); now = now.Add(m.Wait(0.5)) {
						take(m.Check(now, r))
						if !m.Status().State.Serves() {
							break
						}
						if now.Sub(began) > 10*time.Minute {
							t.Fatal("it is open after ten minutes")
						}
					}
				}
				want := []string{lost + message, waiting + profile.window}
				refuse()
				now = now.Add(p.Window) // the last moment
				take(m.Check(now, r))
				take(m.Check(now, monitor.Result{}))
				want = append(want, online)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatal(d)
				}
				now = now.Add(time.Hour)
				got, want = nil, []string{lost + message, waiting + profile.window, wants, begun, failed, begun, online}
				refuse()
				now = now.Add(p.Window + time.Second)
				take(m.Check(now, r))
				now = now.Add(time.Hour)
				take(m.Check(now, monitor.Result{})) // the key is back: a person has to ask
				if s := m.Status().State; s != monitor.NeedsRevalidation {
					t.Errorf("after the window, with the key back, it is %s", s)
				}
				for _, answer := range []monitor.Result{r, {}} {
					events, possible := m.Revalidate(now)
					if !possible || m.Status().State != monitor.Revalidating {
						t.Fatalf("it cannot be asked for, %s", m.Status().State)
					}
					take(events)
					take(m.Check(now, answer))
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				if s := m.Status(); s.State != monitor.Online || s.Closed.Cause != monitor.Granted || !s.ClosedAt.IsZero() || s.Refusals != 0 {
					t.Errorf("something is left: %+v", s)
				}
			})
		}
	}
}

// 503 is an outage: a database that is open survives it, one that could not be opened for it says so and comes back whenever the vault does.
func TestDocumentedOutage(t *testing.T) {
	p, err := monitor.Find("azure-2019")
	if err != nil {
		t.Fatal(err)
	}
	out := monitor.Result{Cause: monitor.NoAnswer}
	m := monitor.New(p, start)
	for i := range 10_000 {
		if events := m.Check(start.Add(time.Duration(i)*time.Minute), out); len(events) != 0 || !m.Status().State.Serves() {
			t.Fatalf("after %d minutes: %v", i, events)
		}
	}
	m = monitor.New(p, start)
	events := m.Failed(start, out)
	const want = "Database has lost access to Azure key vault key and is now inaccessible: 503 AzureKeyVaultConnectionFailed - The operation could not be completed on the server because attempts to connect to Azure Key Vault have failed."
	if len(events) != 2 || events[0].Description != want {
		t.Errorf("%v", events)
	}
	if events = m.Check(start.Add(30*24*time.Hour), monitor.Result{}); len(events) != 1 || m.Status().State != monitor.Online {
		t.Errorf("a month later: %v", events)
	}
}
