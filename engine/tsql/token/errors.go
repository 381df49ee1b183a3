package token

import "fmt"

// SyntaxError is a refused batch, with the number and the text that SQL Server raises. Nothing of such a batch may run.
//
// Message quotes the batch and belongs to the client that sent it. Where what it quotes is a literal, which may be a
// password, Error leaves the quotation out, so that a log of the error is safe.
type SyntaxError struct {
	Number   int   // of sys.messages: 102, 156, 105, ...
	Severity uint8 // 15, but for a few
	State    uint8
	Line     int // from 1, in the batch
	Column   int // from 1, in bytes; not on the wire, for tools
	Message  string
	Literal  bool         // Message quotes a literal
	Also     *SyntaxError // a second message that follows this one on the wire, nil for none
}

// Error gives number, place and text, without quoted literals.
func (e *SyntaxError) Error() string {
	text := e.Message
	if e.Literal {
		text = "near a literal"
	}
	return fmt.Sprintf("syntax error %d at line %d, column %d: %s", e.Number, e.Line, e.Column, text)
}

// Errorf makes a syntax error of severity 15, state 1.
func Errorf(number int, at Pos, format string, args ...any) *SyntaxError {
	return &SyntaxError{
		Number: number, Severity: 15, State: 1,
		Line: int(at.Line), Column: int(at.Col),
		Message: fmt.Sprintf(format, args...),
	}
}

// clip bounds what a message quotes, in characters: a message holds 2,047.
func clip(s string, max int) string {
	n := 0
	for i := range s {
		if n == max {
			return s[:i]
		}
		n++
	}
	return s
}

// Near is message 102 for the text s.
func Near(s string, at Pos) *SyntaxError {
	return Errorf(102, at, "Incorrect syntax near '%s'.", clip(s, 1000))
}
