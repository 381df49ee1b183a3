package rotation_test

import (
	"testing"
	"time"

	"latchkey/vault/keydb"
	"latchkey/vault/rotation"
)

func TestNextAndDue(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(days int) int64 { return created.AddDate(0, 0, days).Unix() }
	exp := at(100)
	for _, c := range []struct {
		name   string
		head   keydb.Head
		v      keydb.Version
		next   int64 // days
		now    int
		rotate bool
		events int
		purge  bool
	}{
		{name: "nothing", v: keydb.Version{Enabled: true}, now: 1000},
		{name: "expiry alone", v: keydb.Version{Enabled: true, Expires: &exp}, next: at(70), now: 69},
		{name: "near expiry", v: keydb.Version{Enabled: true, Expires: &exp}, next: at(70), now: 70, events: 1},
		{name: "expired, nothing told", v: keydb.Version{Enabled: true, Expires: &exp}, next: at(70), now: 101, events: 2},
		{name: "expired, near told", head: keydb.Head{Notified: []string{rotation.NearExpiry}}, v: keydb.Version{Enabled: true, Expires: &exp}, next: at(100), now: 101, events: 1},
		{name: "all told", head: keydb.Head{Notified: []string{rotation.NearExpiry, rotation.Expired}}, v: keydb.Version{Enabled: true, Expires: &exp}, now: 1000},
		{name: "rotate after", head: keydb.Head{Policy: &keydb.Policy{RotateAfterCreate: "P30D"}}, v: keydb.Version{Enabled: true}, next: at(30), now: 30, rotate: true},
		{name: "rotate before", head: keydb.Head{Policy: &keydb.Policy{RotateBeforeExpiry: "P40D"}}, v: keydb.Version{Enabled: true, Expires: &exp}, next: at(60), now: 60, rotate: true},
		{name: "disabled", head: keydb.Head{Policy: &keydb.Policy{RotateAfterCreate: "P30D"}}, v: keydb.Version{}, now: 1000},
		{name: "deleted", head: keydb.Head{Deleted: &keydb.Deletion{Purge: at(90)}, Policy: &keydb.Policy{RotateAfterCreate: "P30D"}}, v: keydb.Version{Enabled: true}, next: at(90), now: 90, purge: true},
	} {
		c.v.Created = created.Unix()
		if got := rotation.Next(&c.head, &c.v); got != c.next {
			t.Errorf("%s: next at %d, want %d", c.name, got, c.next)
		}
		got := rotation.Due(&c.head, &c.v, created.AddDate(0, 0, c.now))
		if got.Rotate != c.rotate || len(got.Events) != c.events || got.Purge != c.purge {
			t.Errorf("%s: due %+v", c.name, got)
		}
	}
}
