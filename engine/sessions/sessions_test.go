package sessions_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"latchkey/engine/sessions"
	"latchkey/internal/clock"
)

func open(t *testing.T, r *sessions.Registry, login int) (*sessions.Session, context.Context) {
	t.Helper()
	id, release, err := r.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := r.Open(id, sessions.Who{Login: login}, cancel)
	t.Cleanup(func() { s.Close(); release() })
	return s, ctx
}

// What a session does is seen whole by others while it works.
func TestActivity(t *testing.T) {
	c := clock.NewFake(time.Now())
	r := sessions.New(c)
	busy, _ := open(t, r, 1)
	idle, _ := open(t, r, 2)
	var wait sync.WaitGroup
	wait.Go(func() {
		for range 1000 {
			busy.Begin("SELECT")
			busy.SetLogin(2)
			busy.SetLogin(1)
			busy.End(1)
		}
	})
	for range 100 {
		l := r.List()
		if len(l) != 2 || l[0].ID != busy.ID || l[1].ID != idle.ID || l[1].Running || l[1].Command != "" {
			t.Fatalf("%+v", l)
		}
		if n := r.LoginSessions(2); n != 1 && n != 2 {
			t.Fatalf("%d sessions of login 2", n)
		}
	}
	wait.Wait()
	c.Advance(time.Minute)
	busy.Begin("UPDATE")
	if v := r.List()[0]; !v.Running || v.Command != "UPDATE" || v.Transactions != 1 || !v.Began.Equal(c.Now()) || v.Ended.Equal(c.Now()) {
		t.Errorf("%+v", v)
	}
}

func TestKill(t *testing.T) {
	r := sessions.New(nil)
	one, ended := open(t, r, 1)
	two, lives := open(t, r, 1)
	one.Enter(7, false)
	two.Enter(7, false)
	if n := r.KillOthers(7, two.ID); n != 1 || !one.Killed() || two.Killed() {
		t.Errorf("%d killed", n)
	}
	if !errors.Is(context.Cause(ended), sessions.ErrKilled) || lives.Err() != nil {
		t.Errorf("%v, %v", context.Cause(ended), lives.Err())
	}
	if two.Enter(7, true) {
		t.Error("a session entered alone where another one is")
	}
	one.Close()
	if err := r.WaitAlone(t.Context(), 7, two.ID); err != nil || !two.Enter(7, true) {
		t.Errorf("alone: %v", err)
	}
}
