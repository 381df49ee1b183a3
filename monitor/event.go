package monitor

import (
	"fmt"
	"time"
)

// Event is one line of the activity log.
type Event struct {
	Time        time.Time
	Name        string // MakeDatabaseInaccessible or MakeDatabaseAccessible
	Status      string // Started, InProgress, Succeeded, Failed
	Description string
	Cause       Result // what lies behind it; the cause that is over for "now online"
	State       State  // after the event
}

// The names and statuses of events.
const (
	MakeInaccessible = "MakeDatabaseInaccessible"
	MakeAccessible   = "MakeDatabaseAccessible"

	Started    = "Started"
	InProgress = "InProgress"
	Succeeded  = "Succeeded"
	Failed     = "Failed"
)

const (
	lostText     = "Database has lost access to Azure key vault key and is now inaccessible: "
	onlineText   = "Database access to Azure key vault key has been reestablished and database is now online."
	wantsText    = "Database is inaccessible and requires user to resolve Azure key vault errors and reestablish access to Azure key vault key using Re-validate key."
	startedText  = "Restoring database access to Azure key vault key has started."
	failedText   = "Restoring database access to Azure key vault key has failed."
	waitingText  = "Database is waiting for Azure key vault key access to be reestablished by user"
	withinFormat = " within %s."
)

type eventKind uint8

const (
	lost eventKind = iota
	waiting
	wantsRevalidation
	online
	restoring
	restoreFailed
)

func (m *Machine) event(now time.Time, k eventKind, r Result) Event {
	e := Event{Time: now, Cause: r, State: m.s.State}
	switch k {
	case lost:
		e.Name, e.Status, e.Description = MakeInaccessible, Started, lostText+Message(r)
	case waiting:
		e.Name, e.Status, e.Description = MakeInaccessible, InProgress, waitingText+within(m.profile.Window)
	case wantsRevalidation:
		e.Name, e.Status, e.Description = MakeInaccessible, Succeeded, wantsText
	case online:
		e.Name, e.Status, e.Description = MakeAccessible, Succeeded, onlineText
	case restoring:
		e.Name, e.Status, e.Description = MakeAccessible, Started, startedText
	case restoreFailed:
		e.Name, e.Status, e.Description = MakeAccessible, Failed, failedText
	}
	return e
}

// Message is a result as the activity log words it: "401 AzureKeyVaultMissingPermissions - The server is missing ...", with the provider's own words behind it.
func Message(r Result) string {
	if r.Cause == Granted {
		return ""
	}
	s := fmt.Sprintf("%d %s - %s", r.Cause.HTTPStatus(), r.Cause.Name(), r.Cause.Text())
	if r.Text != "" {
		s += " (" + r.Text + ")"
	}
	return s
}

// within is the end of the sentence about waiting: " within 8 hours."
func within(window time.Duration) string {
	unit := func(n int64, word string) string {
		if n == 1 {
			return fmt.Sprintf(withinFormat, "1 "+word)
		}
		return fmt.Sprintf(withinFormat, fmt.Sprintf("%d %ss", n, word))
	}
	switch {
	case window <= 0:
		return "."
	case window%time.Hour == 0:
		return unit(int64(window/time.Hour), "hour")
	case window%time.Minute == 0:
		return unit(int64(window/time.Minute), "minute")
	}
	return fmt.Sprintf(withinFormat, window.String())
}
