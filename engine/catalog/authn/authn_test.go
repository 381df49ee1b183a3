package authn_test

import (
	"errors"
	"testing"

	"latchkey/ekm/code"
	"latchkey/engine/catalog/authn"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/grant"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/principal"
)

func TestLogin(t *testing.T) {
	const strong = "Correct-Horse-1"
	f := catalogtest.New(t, nil)
	yes := true
	f.MustDo(1,
		&principal.CreateLogin{Name: "dba", Password: &principal.Password{Text: catalogtest.Secret(strong)}},
		&principal.CreateLogin{Name: "off", Password: &principal.Password{Text: catalogtest.Secret(strong)}},
		&principal.CreateLogin{Name: "nocosq", Password: &principal.Password{Text: catalogtest.Secret(strong)}},
		&principal.CreateLogin{Name: "must", Password: &principal.Password{Text: catalogtest.Secret(strong), MustChange: true}, Options: principal.LoginOptions{CheckExpiration: &yes}},
	)
	f.MustDo(1, &principal.AlterLogin{Name: "off", State: "DISABLE"},
		&grant.Change{Verb: "REVOKE", Permissions: []string{"CONNECT SQL"}, Class: perm.Server, Principals: []string{"nocosq"}})
	g := authn.New(f.Catalog)
	try := func(name, pw string) error {
		_, err := g.Login(t.Context(), authn.Attempt{Name: name, Password: catalogtest.Secret(pw)})
		return err
	}
	if err := try("DBA", strong); err != nil {
		t.Fatal(err)
	}
	const text = "Login failed for user '"
	for _, c := range []struct{ name, pw, reason string }{
		{"nobody", strong, "Could not find a login matching the name provided."},
		{"dba", "wrong", "Password did not match that for the login provided."},
		{"sa", "", "The account is disabled."},
		{"sysadmin", "", "Could not find a login matching the name provided."},
		{"off", strong, "The account is disabled."},
		{"nocosq", strong, "Login-based server access validation failed: CONNECT SQL is not granted."},
	} {
		err := try(c.name, c.pw)
		var m *msg.Error
		if !errors.As(err, &m) || m.Number != 18456 || m.Severity != 14 || m.State != 1 || m.Text != text+c.name+"'." {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := authn.Reason(err); got != c.reason {
			t.Errorf("%s: the log says %q", c.name, got)
		}
	}

	// A password that must be changed: only who knows it hears so, and may change it on the way in.
	if err := try("must", "wrong"); !errors.Is(err, code.Msg(18456)) {
		t.Error(err)
	}
	if err := try("must", strong); !errors.Is(err, code.Msg(18488)) {
		t.Errorf("%v, want 18488", err)
	}
	if _, err := g.Login(t.Context(), authn.Attempt{Name: "must", Password: catalogtest.Secret(strong), NewPassword: catalogtest.Secret("Correct-Horse-2")}); err != nil {
		t.Errorf("changing it: %v", err)
	}
	if err := try("must", "Correct-Horse-2"); err != nil {
		t.Error(err)
	}
	f.Clock.Advance(principal.PasswordAge + 1)
	if err := try("must", "Correct-Horse-2"); !errors.Is(err, code.Msg(18487)) {
		t.Errorf("%v, want 18487", err)
	}

	// Lock-out, for the right password too, until the time has passed or it is unlocked.
	for range authn.Threshold {
		_ = try("dba", "wrong")
	}
	if err := try("dba", strong); authn.Reason(err) != "The account is currently locked out." || !errors.Is(err, code.Msg(18456)) {
		t.Errorf("locked out: %v", err)
	}
	id := f.State().FindLogin("dba").ID
	if n, _, locked := g.Failures(id); n != authn.Threshold || !locked {
		t.Errorf("%d failures, locked %v", n, locked)
	}
	f.Clock.Advance(authn.Window + 1)
	if _, _, locked := g.Failures(id); locked {
		t.Error("locked out for longer than the window")
	}
	if err := try("dba", strong); err != nil {
		t.Errorf("after the lock-out: %v", err)
	}
	if n, _, _ := g.Failures(id); n != 0 {
		t.Errorf("%d failures after a success", n)
	}
}

// Every login costs one computation of a hash of a password, whatever its outcome, so that time tells nobody which names exist.
func TestCostOfALogin(t *testing.T) {
	const strong = "Correct-Horse-1"
	f := catalogtest.New(t, nil)
	f.MustDo(1,
		&principal.CreateLogin{Name: "dba", Password: &principal.Password{Text: catalogtest.Secret(strong)}},
		&principal.CreateLogin{Name: "off", Password: &principal.Password{Text: catalogtest.Secret(strong)}},
		&principal.CreateLogin{Name: "locked", Password: &principal.Password{Text: catalogtest.Secret(strong)}})
	f.MustDo(1, &principal.AlterLogin{Name: "off", State: "DISABLE"})
	g := authn.New(f.Catalog)
	n := 0
	g.Count(func() { n++ })
	try := func(name, pw string) (cost int, state int) {
		n = 0
		_, err := g.Login(t.Context(), authn.Attempt{Name: name, Password: catalogtest.Secret(pw)})
		return n, authn.State(err)
	}
	for range authn.Threshold {
		_, _ = g.Login(t.Context(), authn.Attempt{Name: "locked", Password: catalogtest.Secret("wrong")})
	}
	for _, c := range []struct {
		name, pw string
		state    int
	}{{"nobody", strong, 5}, {"sysadmin", "", 5}, {"dba", "wrong", 8}, {"dba", "", 8}, {"sa", "", 7}, {"off", strong, 7}, {"off", "wrong", 8}, {"locked", strong, 10}, {"dba", strong, 1}} {
		if cost, state := try(c.name, c.pw); cost != 1 || state != c.state {
			t.Errorf("%s: %d computations, state %d; want 1 and %d", c.name, cost, state, c.state)
		}
	}
}
