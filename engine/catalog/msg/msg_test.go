package msg_test

import (
	"errors"
	"fmt"
	"testing"

	"latchkey/ekm/code"
	"latchkey/engine/catalog/msg"
)

func TestDataParses(t *testing.T) {
	m, err := msg.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(m) < 80 {
		t.Errorf("%d messages, want at least 80", len(m))
	}
	for n, e := range m {
		if e.Severity < 10 || e.Severity > 24 || e.Text == "" {
			t.Errorf("message %d: severity %d, text %q", n, e.Severity, e.Text)
		}
	}
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		err                  *msg.Error
		number, level, state int
		text                 string
	}{
		{msg.New(15025, "a"), 15025, 16, 1, "The server principal 'a' already exists."},
		{msg.New(1801, "x"), 1801, 16, 3, "Database 'x' already exists. Choose a different database name."},
		{
			msg.Provider(33049, code.New(code.FailureInRegistry, "", ""), "name", "ContosoRSAKey0"), 33049, 16, 2,
			"Key with name 'ContosoRSAKey0' does not exist in the provider or access is denied. Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)",
		},
		{
			msg.Provider(33028, errors.New("no code"), "cryptographic provider", "P"), 33028, 16, 1,
			"Cannot open session for cryptographic provider 'P'. Provider error code: 1. (Failure - Consult EKM Provider for details)",
		},
		{msg.New(5060, 100), 5060, 10, 1, "Nonqualified transactions are being rolled back. Estimated rollback completion: 100%."},
		{msg.New(2), 50000, 16, 1, "message 2 has no text: []"},
	} {
		if c.err.Number != c.number || c.err.Severity != c.level || c.err.State != c.state || c.err.Text != c.text {
			t.Errorf("got  %v\nwant Msg %d, Level %d, State %d: %s", c.err, c.number, c.level, c.state, c.text)
		}
	}
}

func TestErrorsAsTheyTravel(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("doing x: %w", msg.New(33047, "credential", "c").Because(cause))
	var e *msg.Error
	if !errors.As(err, &e) || !errors.Is(err, code.Msg(33047)) || !errors.Is(err, cause) {
		t.Errorf("%v is not what it should be", err)
	}
	if errors.Is(err, code.Msg(33046)) {
		t.Error("it is another message too")
	}
}

func TestAllIsSortedWithoutRepetition(t *testing.T) {
	last := 0
	for _, e := range msg.All() {
		if n := e.Code.Number(); n <= last || e.Text == "" {
			t.Fatalf("message %d after %d, text %q", n, last, e.Text)
		} else {
			last = n
		}
	}
}

// What the server says beyond keys is what `latchkey explain` explains, under the same words and severity.
func TestExplained(t *testing.T) {
	m, err := msg.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{3156, 3203, 4030, 4322, 4335, 4338, 17809} {
		e, ok := code.Lookup(code.Msg(n))
		if !ok || e.Text != m[n].Text || e.Severity != m[n].Severity || len(e.Causes) == 0 || e.Remedy == "" {
			t.Errorf("message %d: %q, severity %d; explained: %+v, %v", n, m[n].Text, m[n].Severity, e, ok)
		}
	}
	for _, n := range []int{701, 823, 824, 1105, 7119, 8645} { // raised elsewhere, with words of their own
		if e, ok := code.Lookup(code.Msg(n)); !ok || len(e.Causes) == 0 || e.Remedy == "" || e.Text == "" {
			t.Errorf("message %d: %+v, %v", n, e, ok)
		}
	}
}
