package msg

import (
	"errors"
	"fmt"
	"strings"

	"latchkey/ekm/code"
)

// Error is a message of SQL Server.
type Error struct {
	Number   int
	Severity int // class on the wire
	State    int
	Text     string
	Log      bool // it belongs in the error log, not on the wire

	// cause is for the log alone.
	cause error
}

// New makes message number with its blanks filled from args, in order. A number that no table has gives message 50000 that names
// it, so that a slip shows in tests and never hides that something failed.
func New(number int, args ...any) *Error {
	e, ok := find(number)
	if !ok {
		return &Error{Number: 50000, Severity: 16, State: 1, Text: fmt.Sprintf("message %d has no text: %v", number, args)}
	}
	return &Error{Number: number, Severity: e.Severity, State: e.State, Text: e.Message(clean(args)...), Log: e.Log}
}

// maxArg is the longest name that SQL Server inserts into a message, in characters.
const maxArg = 2048

// clean bounds what an insert may bring into a text.
func clean(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if s, ok := a.(string); ok && len(s) > maxArg {
			a = strings.ToValidUTF8(s[:maxArg], "")
		}
		out[i] = a
	}
	return out
}

// At sets the state and returns e.
func (e *Error) At(state int) *Error { e.State = state; return e }

// Because attaches a cause for the log and returns e.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// Info reports whether the message informs only: nothing failed.
func (e *Error) Info() bool { return e.Severity <= 10 }

// Error reads "Msg n, Level s, State t: text".
func (e *Error) Error() string {
	return fmt.Sprintf("Msg %d, Level %d, State %d: %s", e.Number, e.Severity, e.State, e.Text)
}

// Unwrap gives the message's code and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{code.Msg(e.Number)}
	}
	return []error{code.Msg(e.Number), e.cause}
}

// Provider makes message number for a failure of a provider: args, then the provider's number and the words for it. An
// error without a provider's code counts as code.Failure.
func Provider(number int, err error, args ...any) *Error {
	c := code.Of(err)
	if c.Space() != code.Provider {
		c = code.Failure
	}
	return New(number, append(args, c, code.Words(c))...).Because(err)
}

// List is a failure of several messages, in the order in which they are sent, such as 33107 and 5069.
type List []*Error

// Error joins the messages.
func (l List) Error() string {
	s := make([]string, len(l))
	for i, e := range l {
		s[i] = e.Error()
	}
	return strings.Join(s, "; ")
}

// Unwrap gives the messages.
func (l List) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

// Messages lists the messages that an error is made of, in order; an error without any gives nil.
func Messages(err error) []*Error {
	var l List
	if errors.As(err, &l) {
		return l
	}
	var e *Error
	if errors.As(err, &e) {
		return []*Error{e}
	}
	return nil
}
