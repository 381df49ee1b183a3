package expiry

import (
	"fmt"
	"time"
)

// words is a stage for people: "30 days", "1 hour".
func words(d time.Duration) string {
	unit := func(n int64, w string) string {
		if n == 1 {
			return "1 " + w
		}
		return fmt.Sprintf("%d %ss", n, w)
	}
	switch {
	case d%day == 0:
		return unit(int64(d/day), "day")
	case d%time.Hour == 0:
		return unit(int64(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return unit(int64(d/time.Minute), "minute")
	}
	return d.String()
}

// remaining is what is left, in the largest unit of which there are two: "29 days", "36 hours".
func remaining(d time.Duration) string {
	switch {
	case d >= 2*day:
		return words(d.Truncate(day))
	case d >= 2*time.Hour:
		return words(d.Truncate(time.Hour))
	case d >= time.Minute:
		return words(d.Truncate(time.Minute))
	}
	return "less than a minute"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func until(t time.Time) string {
	if t.IsZero() {
		return ", without an end"
	}
	return ", until " + stamp(t)
}

// advice is what to do before it ends, a sentence.
func advice(kind string) string {
	switch kind {
	case "secret":
		return "Make a new client secret, then ALTER CREDENTIAL; databases keep running while both are valid, and close once the vault refuses the old one."
	case "certificate":
		return "Put a new certificate where the credential names it, or ALTER CREDENTIAL, and register it with the directory."
	case "key":
		return "Move its end (latchkey key update --expires), or rotate to a new version (latchkey rotate): a key that ended is refused, and its databases close."
	}
	return "Renew it."
}

// Sentence says what i's state means in one sentence, for a person who looks at now.
func (i Info) Sentence(now time.Time) string {
	left := i.NotAfter.Sub(now)
	if left <= 0 {
		return fmt.Sprintf("%s ended at %s: %s", i.Kind, stamp(i.NotAfter), i.Object)
	}
	return fmt.Sprintf("%s ends in %s, at %s: %s", i.Kind, remaining(left), stamp(i.NotAfter), i.Object)
}

// Warned is the warning that was told last: "30 days", "ended"; "" for none.
func (i Info) Warned() string {
	switch {
	case i.Told == 0:
		return "ended"
	case i.Told >= early:
		return ""
	}
	return words(i.Told)
}
