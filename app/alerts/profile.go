package alerts

import (
	"fmt"
	"time"

	"latchkey/monitor"
)

// Monitor says how keys are watched: a profile, and what differs from it. 0 leaves the profile's value.
type Monitor struct {
	Profile        string `json:"profile"`        // "latchkey" (also ""), "azure", "azure-2019"
	PollSeconds    int    `json:"pollSeconds"`    // between checks while all is well
	RetrySeconds   int    `json:"retrySeconds"`   // between checks otherwise
	Tries          int    `json:"tries"`          // refusals in a row that close a database
	OverSeconds    int    `json:"overSeconds"`    // the time that these take at least
	WindowSeconds  int    `json:"windowSeconds"`  // in which a closed database heals by itself; -1 is for ever
	TimeoutSeconds int    `json:"timeoutSeconds"` // of a check: 30
}

// Check makes the profile, or says what is wrong.
func (m Monitor) Check() (monitor.Profile, error) {
	name := m.Profile
	if name == "" {
		name = monitor.Profiles()[0].Name
	}
	p, err := monitor.Find(name)
	if err != nil {
		return p, err
	}
	for n, v := range map[string]int{"pollSeconds": m.PollSeconds, "retrySeconds": m.RetrySeconds, "tries": m.Tries, "overSeconds": m.OverSeconds, "timeoutSeconds": m.TimeoutSeconds} {
		if v < 0 || v > 1<<20 {
			return p, fmt.Errorf("%s: %d is not 0 to %d", n, v, 1<<20)
		}
	}
	if m.WindowSeconds < -1 || m.WindowSeconds > 1<<30 {
		return p, fmt.Errorf("windowSeconds: %d is not -1 to %d", m.WindowSeconds, 1<<30)
	}
	set := func(d *time.Duration, seconds int) {
		if seconds != 0 {
			*d = time.Duration(seconds) * time.Second
		}
	}
	set(&p.Poll, m.PollSeconds)
	set(&p.Retry, m.RetrySeconds)
	set(&p.Over, m.OverSeconds)
	set(&p.Window, m.WindowSeconds)
	if m.WindowSeconds == -1 {
		p.Window = 0
	}
	if m.Tries != 0 {
		p.Tries = m.Tries
	}
	return p, p.Check()
}
