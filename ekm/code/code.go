// Package code is the one catalogue of errors: what each number means, what usually caused it, what to do, and whether a
// retry is safe or waiting helps. Every package may import it; `latchkey explain`, the docs table, the SQL wire and the
// C interface all read it, so a number means one thing everywhere and is never reused.
//
// A [Code] is an error itself: errors.Is(err, code.HTTPResourceNotFound) works at any depth. Return a code through [New] or
// [Wrap], which add what was done and to what; never put a secret into either.
//
// [Lookup] finds what is known of a code, [Find] and [Near] what a user may have meant by a number or symbol, [Together]
// what a message of SQL Server and the provider's code in it say as a pair. Package ekm/code/explain renders them. The texts
// are data, in data/*.txt; only our own codes stand in Go, beside their constants in latchkey.go.
//
// There are three spaces. Provider holds the numbers of the SQL Server connector (0 to 4000), kept with their meaning, and from
// 5001 those that our library adds for the agent behind it.
// SQL holds message numbers of SQL Server that carry or follow from them. Latchkey holds our own, printed "LK1234".
package code

import (
	"errors"
	"fmt"
)

// Space is a range of numbers with one owner.
type Space uint8

// The spaces.
const (
	Provider Space = 1 // the connector's codes
	SQL      Space = 2 // SQL Server's messages ("Msg 33049")
	Latchkey Space = 3 // our own ("LK1001")
)

// Code is a number in a space. The zero Code is no code.
type Code uint32

const spaceShift = 24

// In makes a code. Number must be below 1<<24; others are cut.
func In(s Space, number int) Code { return Code(s)<<spaceShift | Code(number)&(1<<spaceShift-1) }

// Space is the code's space.
func (c Code) Space() Space { return Space(c >> spaceShift) }

// Number is the code's number in its space.
func (c Code) Number() int { return int(c & (1<<spaceShift - 1)) }

// String is the number as users see it: "2058", "Msg 33049", "LK1001".
func (c Code) String() string {
	switch c.Space() {
	case SQL:
		return fmt.Sprintf("Msg %d", c.Number())
	case Latchkey:
		return fmt.Sprintf("LK%04d", c.Number())
	default:
		return fmt.Sprint(c.Number())
	}
}

// Error is the number and, where the catalogue has it, the symbol.
func (c Code) Error() string {
	if e, ok := Lookup(c); ok {
		return c.String() + " " + e.Symbol
	}
	return c.String()
}

// Error is a code with its circumstances.
type Error struct {
	Code Code
	Op   string // what was being done: "getting the key"
	On   string // to what: a host, a key's URI, a file; no secrets
	Err  error  // the cause; may be nil
}

// New makes an error of code c: op is what was being done ("reading the map"), on what it was done to; both may be empty.
func New(c Code, op, on string) *Error { return &Error{Code: c, Op: op, On: on} }

// Wrap is New with a cause.
func Wrap(c Code, op, on string, err error) *Error { return &Error{Code: c, Op: op, On: on, Err: err} }

// Error reads "op on: code symbol: cause".
func (e *Error) Error() string {
	s := e.Code.Error()
	switch {
	case e.Op != "" && e.On != "":
		s = fmt.Sprintf("%s %q: %s", e.Op, e.On, s)
	case e.Op != "":
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the code and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Err}
}

// Of finds the outermost code of err; 0 when it has none.
func Of(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return 0
}
