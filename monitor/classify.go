package monitor

import (
	"context"
	"errors"
	"strings"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// Of says what an error of a check means; nil is granted. What is not known to be an answer of the key store, or of the authority that
// gives it tokens, is no answer: a fault of this machine, of its network or of its settings closes no database.
func Of(err error) Result {
	if err == nil {
		return Result{}
	}
	r := Result{Cause: NoAnswer, Text: oneLine(err.Error())}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return r
	}
	c := deepest(err)
	if c.Space() == code.Provider {
		r.Code = int32(c.Number()) //nolint:gosec // less than 1<<24
	}
	r.Cause = CauseOf(c)
	f := keystore.FailureOf(err)
	if f == nil {
		return r
	}
	if text := f.Reason; text != "" {
		r.Text = oneLine(text + ": " + f.Detail)
	}
	if r.Cause == MissingPermissions {
		switch f.Reason {
		case "KeyDisabled", "KeyExpired", "KeyNotYetValid", "KeyOperationForbidden":
			r.Cause = KeyUnusable
		case "ForbiddenByFirewall", "ForbiddenByConnection": // documented as a vault that cannot be reached
			r.Cause = NoAnswer
		}
	}
	return r
}

// CauseOf is what a code says of a key, where it says something; NoAnswer for all others.
//
// Identity: 401, 2050, 3010, 3108, 3128, 3303, 3305, and messages 33046 and 33121 (the engine has no credential for the key). Not
// found: 4, 404, 3076, 3112, and message 33111. Permissions: 3077, 3113, which the key store also gives for a key that is disabled or expired:
// [Of] tells these apart by its reason. Code 5 is no answer, since providers also give it when the network is broken.
func CauseOf(c code.Code) Cause {
	switch c {
	case code.AcquireToken, code.PasswordTooShort, code.OldHTTPResponseCodeUnauthorized, code.HTTPResponseCodeUnauthorized, code.HTTPBadRequest,
		code.GetTokenBadCredentials, code.GetTokenRejected, code.Msg(33046), code.Msg(33121):
		return NoIdentity
	case code.NotFound, code.GetKeyByName, code.OldHTTPResourceNotFound, code.HTTPResourceNotFound, code.Msg(33111):
		return KeyNotFound
	case code.OldHTTPOperationForbidden, code.HTTPOperationForbidden:
		return MissingPermissions
	}
	return NoAnswer
}

// deepest is the first code of a provider in err; else the first message's.
func deepest(err error) (found code.Code) {
	queue := []error{err}
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		var c code.Code
		switch e := e.(type) { //nolint:errorlint // every link is looked at
		case code.Code:
			c = e
		case *code.Error:
			c = e.Code
		}
		switch {
		case c.Space() == code.Provider:
			return c
		case found == 0 || found.Space() != code.SQL && c.Space() == code.SQL:
			found = c
		}
		switch e := e.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			if u := e.Unwrap(); u != nil {
				queue = append(queue, u)
			}
		case interface{ Unwrap() []error }:
			queue = append(queue, e.Unwrap()...)
		}
	}
	return found
}

// maxText bounds a message for people.
const maxText = 500

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}
