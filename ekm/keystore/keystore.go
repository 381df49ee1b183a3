// Package keystore holds what a provider of keys and the client of one kind of key store say to each other: a key's public
// side, what is known of its versions, when something ends, and why a call failed. The connector works with these alone, so
// that another kind of store is one more client package and nothing else.
//
// A client of a store returns errors that are *code.Error of package ekm/code and carry a [Failure] in their chain. The
// Failure is what decides about waiting, repeating and suspecting; the code is what users see. See [FailureOf].
package keystore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/ekm"
)

// Key is the public side of one version of an RSA key.
type Key struct {
	Name    string // as the store spells it
	Version string
	URI     string // full: it names the version
	Public  ekm.PublicKey
	Bits    int  // of the modulus
	HSM     bool // the private half is in hardware
	State
	Wrap, Unwrap bool // the key's own list of operations allows them
}

// State is what may change of a key while its material stays.
type State struct {
	Enabled   bool
	NotBefore time.Time // zero if unset
	Expires   time.Time // zero if unset
}

// Version is one version of a key in a listing.
type Version struct {
	Name, Version string
	URI           string
	Created       time.Time // zero if the store does not say
	State
}

// Expiry says when something that was seen ends, or that it has not begun.
type Expiry struct {
	Kind      string // "certificate", "secret", "key", "token"
	Object    string // which: a certificate's subject and thumbprint, a key's URI; never a secret
	Owner     string // whose, where another Object of the same Kind takes this one's place: of certificates the identity; "" else
	NotBefore time.Time
	NotAfter  time.Time // zero: no end
}

// Class is why a call failed, as far as waiting and repeating go.
type Class uint8

// The classes.
const (
	// Unknown is a failure that says nothing of the store's state: a reply that cannot be read.
	Unknown Class = iota
	// Outage is a store that could not be reached or did not do its work: network, TLS, 5xx, a timeout.
	Outage
	// Throttled is a store that works and asked to come later. The call was not carried out.
	Throttled
	// Refused is a store that works and said no for a reason that it named: a right, a firewall, a disabled key.
	Refused
	// Suspect is a refusal without a reason that is known. It is not a proof that access was taken away.
	Suspect
	// Unauthenticated is a caller that the store or the token authority does not accept.
	Unauthenticated
	// Missing is an object that is not there.
	Missing
	// Invalid is a request that the store cannot carry out as it stands: a wrong parameter, a blob that does not open.
	Invalid
	// Conflict is an object that is there already or in a state that does not allow the call.
	Conflict
	// Canceled is a call that its caller ended.
	Canceled
)

// String is the class in lower case.
func (c Class) String() string {
	switch c {
	case Outage:
		return "outage"
	case Throttled:
		return "throttled"
	case Refused:
		return "refused"
	case Suspect:
		return "suspect"
	case Unauthenticated:
		return "unauthenticated"
	case Missing:
		return "missing"
	case Invalid:
		return "invalid"
	case Conflict:
		return "conflict"
	case Canceled:
		return "canceled"
	default:
		return "unknown"
	}
}

// Failure is the circumstances of a failed call to a key store.
type Failure struct {
	Class      Class
	Status     int           // of the reply; 0 without one
	Reason     string        // the store's own word for it ("ForbiddenByRbac", "AADSTS7000222"); "" if none
	Detail     string        // one line for a person; never a secret
	RequestID  string        // for the store's support
	Region     string        // where the store says it runs
	RetryAfter time.Duration // what the store asked for; 0 if nothing
	Sent       bool          // the request may have been carried out
	Err        error         // the cause; may be nil
}

// Error names status, reason, detail and the request's id.
func (f *Failure) Error() string {
	s := f.Class.String()
	if f.Status != 0 {
		s = fmt.Sprintf("%s, status %d", s, f.Status)
	}
	if f.Reason != "" {
		s += " " + f.Reason
	}
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	if f.RequestID != "" {
		s += fmt.Sprintf(" (request %s)", f.RequestID)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// FailureOf finds the Failure in err's chain; nil if there is none.
func FailureOf(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// ClassOf is the class of err: that of its Failure, or Unknown.
func ClassOf(err error) Class {
	if f := FailureOf(err); f != nil {
		return f.Class
	}
	return Unknown
}

// Clip makes one line of at most some 300 bytes of what a server sent, for an error's text, without what a terminal would obey.
func Clip(s string) string {
	const limit = 300
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > limit {
		cut := limit
		for cut > 0 && s[cut]&0xC0 == 0x80 {
			cut--
		}
		s = s[:cut] + "..."
	}
	return strings.Join(strings.Fields(s), " ")
}

type anew struct{}

// Anew makes a context that asks the client of a store for new connections: those that it has may be lost without its knowing.
func Anew(ctx context.Context) context.Context { return context.WithValue(ctx, anew{}, true) }

// WantsAnew reports whether ctx is of Anew.
func WantsAnew(ctx context.Context) bool { return ctx.Value(anew{}) != nil }
