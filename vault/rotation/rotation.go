// Package rotation holds the rules of rotation policies and of everything else that happens to a key by the calendar. It is
// pure: (key, policy, time) in, what is due out.
//
// [Read] checks a policy of the wire and gives the stored form, [View] gives it back; [Next] says when a key wants attention
// next, [Due] what is to be done at a time. A policy acts once however late it is looked at: a server that was
// down for a year rotates once, not for each period missed.
package rotation

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/vault/keydb"
)

// Limits in days.
const (
	MinExpiry      = 28 // of expiryTime
	MinRotate      = 7  // of a rotate trigger, vault
	MinRotateHSM   = 28 // of a rotate trigger, Managed HSM
	NotifyDefault  = "P30D"
	maxCalendarDay = 100 * 366
)

// Events that a key gives by the calendar.
const (
	NearExpiry = "KeyNearExpiry"
	Expired    = "KeyExpired"
)

func bad(format string, args ...any) *akv.Error {
	return &akv.Error{Status: http.StatusBadRequest, Code: akv.CodeBadParameter, Message: fmt.Sprintf(format, args...)}
}

// Read checks a policy. now and the earlier policy (nil if none) give its times; nil is returned for a policy that says nothing.
func Read(p *akv.RotationPolicy, hsm bool, earlier *keydb.Policy, now time.Time) (*keydb.Policy, *akv.Error) {
	out := &keydb.Policy{Created: now.Unix(), Updated: now.Unix()}
	if earlier != nil {
		out.Created = earlier.Created
	}
	if a := p.Attributes; a != nil && a.ExpiryTime != "" {
		d, err := duration("attributes.expiryTime", a.ExpiryTime)
		if err != nil {
			return nil, err
		}
		if !d.AtLeast(MinExpiry) {
			return nil, bad("attributes.expiryTime %q is too short: at least %d days.", a.ExpiryTime, MinExpiry)
		}
		out.Expiry = a.ExpiryTime
	}
	if len(p.LifetimeActions) > 2 {
		return nil, bad("lifetimeActions has %d entries, at most 2 are allowed: one Rotate, one Notify.", len(p.LifetimeActions))
	}
	seen := ""
	for _, a := range p.LifetimeActions {
		kind := strings.ToLower(a.Action.Type)
		if kind != "rotate" && kind != "notify" {
			return nil, bad("lifetimeActions: action type %q is neither Rotate nor Notify.", clip(a.Action.Type))
		}
		if kind == "notify" && hsm {
			return nil, bad("lifetimeActions: a Managed HSM has Rotate only.")
		}
		if kind == seen {
			return nil, bad("lifetimeActions: %s appears twice.", a.Action.Type)
		}
		seen = kind
		if err := trigger(out, kind, a.Trigger, hsm); err != nil {
			return nil, err
		}
	}
	if out.RotateBeforeExpiry != "" && out.Expiry == "" {
		return nil, bad("lifetimeActions: a rotation before expiry needs attributes.expiryTime.")
	}
	if out.Expiry == "" && out.RotateAfterCreate == "" && out.NotifyBeforeExpiry == "" && out.NotifyAfterCreate == "" {
		return nil, nil
	}
	return out, nil
}

func trigger(out *keydb.Policy, kind string, t akv.LifetimeTrigger, hsm bool) *akv.Error {
	if (t.TimeAfterCreate == "") == (t.TimeBeforeExpiry == "") {
		return bad("lifetimeActions: a trigger is either timeAfterCreate or timeBeforeExpiry.")
	}
	text := t.TimeAfterCreate + t.TimeBeforeExpiry
	d, err := duration("lifetimeActions: trigger", text)
	if err != nil {
		return err
	}
	if kind == "notify" {
		if !d.AtLeast(1) {
			return bad("lifetimeActions: notify trigger %q is too short: at least a day.", text)
		}
		out.NotifyAfterCreate, out.NotifyBeforeExpiry = t.TimeAfterCreate, t.TimeBeforeExpiry
		return nil
	}
	least := MinRotate
	if hsm {
		least = MinRotateHSM
	}
	if !d.AtLeast(least) {
		return bad("lifetimeActions: rotate trigger %q is too short: at least %d days.", text, least)
	}
	if out.Expiry != "" {
		whole, _ := akv.ParseDuration(out.Expiry)
		if days(whole)-days(d) < least {
			return bad("lifetimeActions: rotate trigger %q must leave %d days of expiryTime %q.", text, least, out.Expiry)
		}
	}
	out.RotateAfterCreate, out.RotateBeforeExpiry = t.TimeAfterCreate, t.TimeBeforeExpiry
	return nil
}

func days(d akv.Duration) int { return d.Years*365 + d.Months*30 + d.Days }

func duration(what, s string) (akv.Duration, *akv.Error) {
	d, err := akv.ParseDuration(s)
	if err != nil || d.AtLeast(maxCalendarDay) {
		return d, bad("%s %q is not a duration of days, months or years such as P90D.", what, clip(s))
	}
	return d, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

// View gives a policy as the wire has it. id is what the reply names the policy; a nil policy gives the service's default.
func View(p *keydb.Policy, id string, hsm bool, level akv.Level) *akv.RotationPolicy {
	if p == nil {
		if hsm || level < akv.V74 {
			return &akv.RotationPolicy{}
		}
		return &akv.RotationPolicy{LifetimeActions: []akv.LifetimeAction{action("Notify", "", NotifyDefault)}}
	}
	out := &akv.RotationPolicy{ID: id, Attributes: &akv.RotationPolicyAttributes{
		ExpiryTime: p.Expiry, Created: &p.Created, Updated: &p.Updated,
	}}
	rotate := "Rotate"
	if hsm {
		rotate = "rotate"
	}
	if p.RotateAfterCreate != "" || p.RotateBeforeExpiry != "" {
		out.LifetimeActions = append(out.LifetimeActions, action(rotate, p.RotateAfterCreate, p.RotateBeforeExpiry))
	}
	if !hsm {
		before := p.NotifyBeforeExpiry
		if p.NotifyAfterCreate == "" && before == "" {
			before = NotifyDefault
		}
		out.LifetimeActions = append(out.LifetimeActions, action("Notify", p.NotifyAfterCreate, before))
	}
	return out
}

func action(kind, after, before string) akv.LifetimeAction {
	return akv.LifetimeAction{
		Action:  akv.LifetimeVerb{Type: kind},
		Trigger: akv.LifetimeTrigger{TimeAfterCreate: after, TimeBeforeExpiry: before},
	}
}

// Expiry is when a version made now by this policy expires; nil if it does not.
func Expiry(p *keydb.Policy, now time.Time) *int64 {
	if p == nil || p.Expiry == "" {
		return nil
	}
	d, err := akv.ParseDuration(p.Expiry)
	if err != nil {
		return nil
	}
	at := d.After(now).Unix()
	return &at
}

// Actions is what is due.
type Actions struct {
	Purge  bool
	Rotate bool
	Events []string // NearExpiry, Expired: not yet told
}

type step struct {
	at     int64
	rotate bool
	event  string
}

// Next is the Unix time at which a key wants attention next; 0 for never. current is the newest version.
func Next(h *keydb.Head, current *keydb.Version) int64 {
	if h.Deleted != nil {
		return h.Deleted.Purge
	}
	var next int64
	for _, s := range steps(h, current) {
		if next == 0 || s.at < next {
			next = s.at
		}
	}
	return next
}

// Due is what is to be done with a key at a time.
func Due(h *keydb.Head, current *keydb.Version, now time.Time) Actions {
	var a Actions
	if h.Deleted != nil {
		a.Purge = now.Unix() >= h.Deleted.Purge
		return a
	}
	for _, s := range steps(h, current) {
		switch {
		case s.at > now.Unix():
		case s.rotate:
			a.Rotate = true
		default:
			a.Events = append(a.Events, s.event)
		}
	}
	return a
}

func steps(h *keydb.Head, v *keydb.Version) []step {
	if v == nil {
		return nil
	}
	var all []step
	p := h.Policy
	if p == nil {
		p = &keydb.Policy{}
	}
	after := func(text string, s step) {
		if d, err := akv.ParseDuration(text); err == nil {
			s.at = max(1, d.After(time.Unix(v.Created, 0)).Unix())
			all = append(all, s)
		}
	}
	before := func(text string, s step) {
		if v.Expires == nil {
			return
		}
		if d, err := akv.ParseDuration(text); err == nil {
			s.at = max(1, d.Before(time.Unix(*v.Expires, 0)).Unix())
			all = append(all, s)
		}
	}
	if v.Enabled { // a disabled key is out of use on purpose
		after(p.RotateAfterCreate, step{rotate: true})
		before(p.RotateBeforeExpiry, step{rotate: true})
	}
	if !slices.Contains(h.Notified, NearExpiry) {
		notify := p.NotifyBeforeExpiry
		if notify == "" && p.NotifyAfterCreate == "" {
			notify = NotifyDefault
		}
		after(p.NotifyAfterCreate, step{event: NearExpiry})
		before(notify, step{event: NearExpiry})
	}
	if v.Expires != nil && !slices.Contains(h.Notified, Expired) {
		all = append(all, step{at: max(1, *v.Expires), event: Expired})
	}
	return all
}
