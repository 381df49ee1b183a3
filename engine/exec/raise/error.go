package raise

import (
	"errors"
	"fmt"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/token"
)

// Error is a message with its place: what a client gets, and what ERROR_NUMBER() and its kin show in a CATCH.
type Error struct {
	Number   int
	Severity uint8
	State    uint8
	Text     string
	Line     int    // from 1 in the batch or module; 0 if not known yet, -1 for none
	Proc     string // the module, "" in a batch
	// Bind says that a statement did not compile: it ends its batch or module, and no TRY of the same one catches it.
	Bind bool
	// Thrown says that THROW raised it: it ends the batch.
	Thrown bool
	// Raised says that RAISERROR did: it ends nothing.
	Raised bool

	// Called says that a function did that the statement calls: the statement's own module compiled.
	Called bool
	// Inner says that a dynamic batch did not parse: what called it goes on.
	Inner bool

	cause error
	disk  bool // 823 or 824: see disk
}

// Error reads "Msg n, Level s, State t: text".
func (e *Error) Error() string {
	return fmt.Sprintf("Msg %d, Level %d, State %d: %s", e.Number, e.Severity, e.State, e.Text)
}

// Unwrap is the error that it was made from, for the log.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, sqltype.Number(1205)) true for an Error of that number.
func (e *Error) Is(target error) bool {
	n, ok := target.(sqltype.Number)
	return ok && int(n) == e.Number
}

// At gives the error its line unless it has one, and its module.
func (e *Error) At(line int, proc string) *Error {
	if e.Line == 0 {
		e.Line = line
		if e.Proc == "" {
			e.Proc = proc
		}
	}
	return e
}

// In says that a module raised the error before its first line: clients see line 0 of it.
func (e *Error) In(proc string) *Error {
	e.Line, e.Proc = -1, proc
	return e
}

// Info reports a message that informs only.
func (e *Error) Info() bool { return e.Severity <= 10 }

// Internal is the text that stands for an error without a number.
const Internal = "An internal error occurred. The server's log says more."

// From lists the messages that an error is made of, in the order in which they are sent. nil gives none. An error that is no
// message becomes number 3624 of severity 16 without its text; [Unknown] tells it apart.
func From(err error) []*Error {
	if err == nil {
		return nil
	}
	var list List // before a single one: what is wrapped in a list with more said about it
	if errors.As(err, &list) {
		return list
	}
	var own *Error
	if errors.As(err, &own) {
		return []*Error{own}
	}
	if ms := msg.Messages(err); ms != nil {
		out := make([]*Error, len(ms))
		for i, m := range ms {
			out[i] = &Error{Number: m.Number, Severity: uint8(m.Severity), State: uint8(m.State), Text: m.Text, cause: m}
		}
		return out
	}
	var v *sqltype.Error
	if errors.As(err, &v) {
		return []*Error{{Number: v.Number, Severity: v.Level, State: v.State, Text: v.Message, cause: err}}
	}
	var s *token.SyntaxError
	if errors.As(err, &s) {
		var out []*Error
		for ; s != nil; s = s.Also {
			out = append(out, &Error{Number: s.Number, Severity: s.Severity, State: s.State, Text: s.Message, Line: s.Line, Bind: true, cause: s})
		}
		return out
	}
	if e := disk(err); e != nil {
		return []*Error{e}
	}
	return []*Error{{Number: 3624, Severity: 16, State: 1, Text: Internal, cause: err}}
}

// Unknown reports an error that is no message of the server, or has more to it than its message: its text belongs into the log.
func Unknown(err error) bool {
	es := From(err)
	return len(es) == 1 && (es[0].Number == 3624 || es[0].disk) && es[0].cause != nil
}

// List is several messages of one failure, in order.
type List []*Error

// Error is the last message.
func (l List) Error() string {
	if len(l) == 0 {
		return "no message"
	}
	return l[len(l)-1].Error()
}
