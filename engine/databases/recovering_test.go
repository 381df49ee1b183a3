package databases_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/databases"
	"latchkey/engine/sessions"
)

// A database that is being opened at the start is RECOVERING, and who wants it hears 922 after a while.
func TestRecovering(t *testing.T) {
	k := newKit(t, func(c *databases.Config) { c.StartWait = time.Second })
	id := k.encrypted("A")
	k.stop()
	slow := make(chan struct{})
	k.vault.slow = slow
	if err := k.open(); err != nil {
		t.Fatal(err)
	}
	if s, ok := k.State(id); !ok || s != model.Recovering {
		t.Errorf("state %d, %v", s, ok)
	}
	failed := make(chan error, 1)
	s := k.sessions.Open(sessions.First, sessions.Who{Login: model.SA}, func(error) {})
	go func() {
		_, err := k.Use(t.Context(), s, sa(model.Master), "A")
		failed <- err
	}()
	var err error
	for waiting := true; waiting; { // also the connections' trimmer has a timer: the clock is moved until the wait is over
		k.clock.Advance(time.Second)
		select {
		case err = <-failed:
			waiting = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	if numbers(err) != "922" || err.Error() != "Msg 922, Level 14, State 1: Database 'A' is being recovered. Waiting until recovery is finished." {
		t.Errorf("while it is opened: %v", err)
	}
	close(slow)
	<-k.Started()
	if s, _ := k.State(id); s != model.Online || !k.holds(id, "A") {
		t.Errorf("afterwards: state %d", s)
	}
}

// Barring a database ends the sessions that use it, in whatever database they are, and no others.
func TestBarEndsItsUsersAlone(t *testing.T) {
	k := newKit(t, func(c *databases.Config) { c.BarWait = time.Millisecond })
	id, other := k.encrypted("A"), k.create("B")
	ended := make(chan int, 10)
	session := func(n, in int) *sessions.Session {
		s := k.sessions.Open(n, sessions.Who{Login: model.SA}, func(error) { ended <- n })
		s.Enter(in, false)
		return s
	}
	user, bystander := session(51, other), session(52, other)
	bystander.Begin("SELECT") // under way, but elsewhere
	user.Begin("SELECT")
	l, err := k.Lease(sessions.With(t.Context(), 51), id)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := k.Lease(sessions.With(t.Context(), 52), other)
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Release()
	done := make(chan error, 1)
	go func() { done <- k.Bar(t.Context(), id, errors.New("refused")) }()
	if n := <-ended; n != 51 {
		t.Errorf("session %d was ended", n)
	}
	l.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	select {
	case n := <-ended:
		t.Errorf("session %d was ended too", n)
	default:
	}
	if s, _ := k.State(id); s != model.RecoveryPending {
		t.Errorf("state %d", s)
	}
	if _, err := k.Set(t.Context(), sa(model.Master), database.Set{Name: "A", Options: []database.Option{{Name: "ONLINE"}}}, databases.Termination{}); numbers(err) != "945 5069" {
		t.Errorf("set online: %v", err)
	}
}
