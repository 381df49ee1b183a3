package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/monitor"
)

// Every code of the catalogue is an outage, but for those of this table.
func TestCauseOfEveryCode(t *testing.T) {
	refusals := map[string]monitor.Cause{
		"401": monitor.NoIdentity, "2050": monitor.NoIdentity, "3010": monitor.NoIdentity, "3108": monitor.NoIdentity, "3128": monitor.NoIdentity,
		"3303": monitor.NoIdentity, "3305": monitor.NoIdentity, "Msg 33046": monitor.NoIdentity, "Msg 33121": monitor.NoIdentity,
		"4": monitor.KeyNotFound, "404": monitor.KeyNotFound, "3076": monitor.KeyNotFound, "3112": monitor.KeyNotFound, "Msg 33111": monitor.KeyNotFound,
		"3077": monitor.MissingPermissions, "3113": monitor.MissingPermissions,
	}
	n := 0
	for _, e := range code.All() {
		n++
		want, refusal := refusals[e.Code.String()]
		if !refusal {
			want = monitor.NoAnswer
		}
		if got := monitor.CauseOf(e.Code); got != want {
			t.Errorf("%v %s: %q, want %q", e.Code, e.Symbol, got.Name(), want.Name())
		}
		delete(refusals, e.Code.String())
		if e.Twin != 0 && monitor.CauseOf(e.Twin) != monitor.CauseOf(e.Code) {
			t.Errorf("%v and its twin %v differ", e.Code, e.Twin)
		}
		if e.Retry && e.Code.Space() == code.Provider && want.Refusal() {
			t.Errorf("%v goes away by itself, and is a refusal", e.Code)
		}
	}
	if len(refusals) != 0 || n < 150 {
		t.Errorf("%d codes; not in the catalogue: %v", n, refusals)
	}
}

func TestOf(t *testing.T) {
	wrap := func(err error) error {
		return fmt.Errorf("checking: %w", code.Wrap(code.DatabaseKey, "unwrapping", "x", err))
	}
	refused := func(reason string) error {
		return wrap(code.Wrap(code.HTTPOperationForbidden, "unwrapping with", "key", &keystore.Failure{Class: keystore.Refused, Status: 403, Reason: reason, Detail: "d"}))
	}
	type got struct {
		Cause monitor.Cause
		Code  int32
	}
	for name, c := range map[string]struct {
		err  error
		want got
	}{
		"nil":                  {nil, got{monitor.Granted, 0}},
		"no code":              {errors.New("x"), got{monitor.NoAnswer, 0}},
		"a deadline":           {wrap(errors.Join(context.DeadlineExceeded, code.HTTPOperationForbidden)), got{monitor.NoAnswer, 0}},
		"success as an error":  {wrap(code.Success), got{monitor.NoAnswer, 0}},
		"a vault that is down": {wrap(code.New(code.HTTPConnectSession, "a", "b")), got{monitor.NoAnswer, 3102}},
		"a secret that ended":  {wrap(code.New(code.GetTokenBadCredentials, "a", "b")), got{monitor.NoIdentity, 3303}},
		"no credential":        {wrap(code.Msg(33046)), got{monitor.NoIdentity, 0}},
		"gone":                 {wrap(errors.Join(code.Msg(33049), code.HTTPResourceNotFound)), got{monitor.KeyNotFound, 3112}},
		"forbidden":            {refused("ForbiddenByRbac"), got{monitor.MissingPermissions, 3113}},
		"disabled":             {refused("KeyDisabled"), got{monitor.KeyUnusable, 3113}},
		"expired":              {refused("KeyExpired"), got{monitor.KeyUnusable, 3113}},
		"a firewall":           {refused("ForbiddenByFirewall"), got{monitor.NoAnswer, 3113}},
	} {
		r := monitor.Of(c.err)
		if d := cmp.Diff(c.want, got{r.Cause, r.Code}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
