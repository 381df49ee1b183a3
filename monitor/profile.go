package monitor

import (
	"errors"
	"fmt"
	"time"
)

// Profile says how often to look and when to act.
type Profile struct {
	Name string
	// Poll is the time between checks while all is well; Retry while a refusal waits for confirmation, while there is no answer and while the database is inaccessible.
	Poll, Retry time.Duration
	// Jitter is the share by which each wait is shortened or lengthened at random, 0 to 0.5.
	Jitter float64
	// Tries and Over confirm a refusal: so many in a row, the last at least so long after the first.
	Tries int
	Over  time.Duration
	// Window is how long an inaccessible database heals by itself; 0 is for ever.
	Window time.Duration
}

// Profiles are the known ones, the default first.
func Profiles() []Profile {
	return []Profile{
		// Nobody has to be awake for a database to come back.
		{Name: "latchkey", Poll: time.Minute, Retry: 2 * time.Second, Jitter: 0.2, Tries: 5, Over: 30 * time.Second},
		// As documented since 2020: refused within ten minutes, healing for thirty.
		{Name: "azure", Poll: 5 * time.Minute, Retry: 30 * time.Second, Jitter: 0.2, Tries: 4, Over: 90 * time.Second, Window: 30 * time.Minute},
		// As documented in 2019.
		{Name: "azure-2019", Poll: 5 * time.Minute, Retry: 30 * time.Second, Jitter: 0.2, Tries: 4, Over: 90 * time.Second, Window: 8 * time.Hour},
	}
}

// Find is the profile of a name.
func Find(name string) (Profile, error) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("no profile %q: known are latchkey, azure, azure-2019", name)
}

// Check says what is wrong with a profile that somebody wrote.
func (p Profile) Check() error {
	switch {
	case p.Poll < time.Second || p.Retry < 100*time.Millisecond:
		return errors.New("poll is at least 1s, retry at least 100ms")
	case p.Retry > p.Poll:
		return fmt.Errorf("retry (%s) is longer than poll (%s)", p.Retry, p.Poll)
	case p.Jitter < 0 || p.Jitter > 0.5:
		return fmt.Errorf("jitter is 0 to 0.5, not %g", p.Jitter)
	case p.Tries < 1:
		return errors.New("tries is at least 1")
	case p.Over < 0 || p.Window < 0:
		return errors.New("over and window are not negative")
	}
	return nil
}

// Bound is how long a confirmed refusal takes at most, from the moment the key store begins to refuse to the moment the database is closed,
// when a check takes at most so long.
func (p Profile) Bound(check time.Duration) time.Duration {
	longer := func(d time.Duration) time.Duration { return d + time.Duration(float64(d)*p.Jitter) }
	confirm := time.Duration(p.Tries-1) * (longer(p.Retry) + check)
	if p.Over > confirm {
		confirm = p.Over + longer(p.Retry) + check
	}
	return longer(p.Poll) + check + confirm
}
