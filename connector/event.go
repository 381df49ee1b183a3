package connector

import (
	"context"
	"log/slog"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// EventKind is what happened.
type EventKind uint8

// The kinds of events, and what of an Event they fill besides Kind, Time and Vault.
const (
	// CallDone is every call's end: Op, Code and Err if it failed, Duration, Tries, Key.
	CallDone EventKind = iota + 1
	// Retried is a try that failed and is repeated: Op, Code, Err, Class, Duration (of the wait), Tries.
	Retried
	// Coalesced is an unwrap that used the request of another.
	Coalesced
	// SessionOpened and CredentialChanged: Identity.
	SessionOpened
	CredentialChanged
	// KeyRegistered is a key that KeyByName put into the map: Key, Thumbprint.
	KeyRegistered
	// MapFailed is a map that could not be used while the call went on without it: Code, Err.
	MapFailed
	// MapRebuilding and MapRebuilt are the refilling of a lost map: Count is the number of key versions found.
	MapRebuilding
	MapRebuilt
	// MapConflict is a thumbprint that the rebuilding found under another URI than the map: Key, Thumbprint, Err.
	MapConflict
	// OtherAlgorithm is a blob that did not open with the algorithm recorded for it but with another: Key, Text.
	OtherAlgorithm
	// Refused is a 403 with a known reason, Suspected one without: Op, Code, Err, Key.
	Refused
	Suspected
	// VaultDown and VaultUp are the beginning and the end of an outage: Err; Duration of the outage.
	VaultDown
	VaultUp
	// Expiring is something that ends in at most Days days; Expired something that has; NotYetValid something that has not
	// begun: Expiry.
	Expiring
	Expired
	NotYetValid
	// RenewalFailed is a token that could not be renewed early; the old one is used to its end: Expiry.
	RenewalFailed
	// Hedged is a try that has no answer yet, beside which another one begins: Op, Key, Duration (of the silence).
	Hedged
)

// String is the kind as a log's message.
func (k EventKind) String() string {
	names := [...]string{
		CallDone: "call done", Retried: "try failed, repeating", Coalesced: "call shared", SessionOpened: "session opened",
		CredentialChanged: "credential changed", KeyRegistered: "key registered", MapFailed: "thumbprint map failed",
		MapRebuilding: "thumbprint map is being rebuilt", MapRebuilt: "thumbprint map rebuilt", MapConflict: "thumbprint has another key in the map",
		OtherAlgorithm: "opened with another algorithm than recorded", Refused: "vault refused", Suspected: "vault refused without a known reason",
		VaultDown: "vault does not answer", VaultUp: "vault answers again", Expiring: "ends soon", Expired: "has ended",
		NotYetValid: "is not valid yet", RenewalFailed: "token could not be renewed early",
		Hedged: "no answer yet, trying beside",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return "event"
}

// bad reports whether the kind belongs into a log that is for errors only.
func (k EventKind) bad(e *Event) bool {
	switch k {
	case CallDone:
		return e.Err != nil
	case MapFailed, MapRebuilding, MapConflict, Refused, Suspected, VaultDown, Expired, NotYetValid, RenewalFailed:
		return true
	case Expiring:
		return e.Days <= 14
	}
	return false
}

// Event is something worth knowing. It holds no secret.
type Event struct {
	Kind       EventKind
	Time       time.Time
	Op         string // "open", "find", "export", "wrap", "unwrap", "backup", "restore"
	Vault      string // its URL
	Identity   string // who asks
	Key        string // its URI or name
	Thumbprint ekm.Thumbprint
	Code       code.Code
	Class      keystore.Class
	Err        error
	Duration   time.Duration
	Tries      int
	Count      int
	Expiry     keystore.Expiry
	Days       int
	Text       string
}

// emit tells all observers. Callers that build an Event at a cost ask p.observed first; with no observers nothing is built.
func (p *Provider) emit(e Event) {
	if e.Time.IsZero() {
		e.Time = p.clock.Now()
	}
	for _, f := range p.observers {
		f(e)
	}
}

// logTo makes an observer that writes to a structured log, what repeats itself now and then only.
func logTo(log *slog.Logger, level LogLevel) func(Event) {
	var r repeats
	return func(e Event) {
		between, write := r.write(&e)
		if !write {
			return
		}
		bad := e.Kind.bad(&e)
		if level == LogError && !bad {
			return
		}
		l := slog.LevelInfo
		if bad {
			l = slog.LevelError
		}
		if !log.Enabled(context.Background(), l) {
			return
		}
		attrs := e.attrs()
		if between > 0 {
			attrs = append(attrs, slog.Int("repeated", between))
		}
		log.LogAttrs(context.Background(), l, e.Kind.String(), attrs...)
	}
}

func (e *Event) attrs() []slog.Attr {
	var a []slog.Attr
	str := func(k, v string) {
		if v != "" {
			a = append(a, slog.String(k, v))
		}
	}
	str("op", e.Op)
	str("vault", e.Vault)
	str("identity", e.Identity)
	str("key", e.Key)
	if e.Thumbprint != "" {
		str("thumbprint", e.Thumbprint.String())
	}
	if e.Code != 0 {
		str("code", e.Code.String())
	}
	if f := keystore.FailureOf(e.Err); f != nil {
		a = append(a, slog.Int("status", f.Status))
		str("reason", f.Reason)
		str("request_id", f.RequestID)
		str("region", f.Region)
		str("class", f.Class.String())
	}
	if e.Err != nil {
		str("error", e.Err.Error())
	}
	if e.Duration != 0 {
		a = append(a, slog.Duration("duration", e.Duration))
	}
	if e.Tries > 1 {
		a = append(a, slog.Int("tries", e.Tries))
	}
	if e.Count != 0 {
		a = append(a, slog.Int("count", e.Count))
	}
	if e.Expiry.Object != "" {
		str("kind", e.Expiry.Kind)
		str("object", e.Expiry.Object)
		if !e.Expiry.NotAfter.IsZero() {
			a = append(a, slog.Time("not_after", e.Expiry.NotAfter))
		}
		if e.Kind == Expiring {
			a = append(a, slog.Int("days", e.Days))
		}
	}
	str("text", e.Text)
	return a
}
