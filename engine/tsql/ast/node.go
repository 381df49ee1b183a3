package ast

import (
	"strings"

	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// Batch is what a client sends at once.
type Batch struct {
	Statements []Statement
}

// Statement is one statement. At is where it begins, for the line numbers that clients see.
type Statement interface {
	At() token.Pos
	Range() (start, end int)
	SetRange(at token.Pos, end int)
	stmt()
}

// Head is embedded in every statement.
type Head struct {
	Pos token.Pos
	End int32 // offset after the last token, without a semicolon
}

// At is where the statement begins.
func (h *Head) At() token.Pos { return h.Pos }

// Range delimits the statement in the source, in bytes: what a module's definition is cut from.
func (h *Head) Range() (start, end int) { return int(h.Pos.Off), int(h.End) }

// SetRange places the statement; the parser calls it.
func (h *Head) SetRange(at token.Pos, end int) { h.Pos, h.End = at, int32(end) }

func (*Head) stmt() {}

// ObjectName is a name of one to four parts: server, database, schema, object. Middle parts may be empty.
type ObjectName struct {
	Parts []string
	Pos   token.Pos
}

// Name is the last part.
func (n ObjectName) Name() string { return n.part(1) }

// Schema is the part before the name, "" if absent.
func (n ObjectName) Schema() string { return n.part(2) }

// Database is the part before the schema, "" if absent.
func (n ObjectName) Database() string { return n.part(3) }

// Server is the first of four parts, "" if absent.
func (n ObjectName) Server() string { return n.part(4) }

func (n ObjectName) part(fromEnd int) string {
	if i := len(n.Parts) - fromEnd; i >= 0 {
		return n.Parts[i]
	}
	return ""
}

// String joins the parts with points, unquoted: for messages.
func (n ObjectName) String() string { return strings.Join(n.Parts, ".") }

// Secret is a password, a credential's secret or a key's source. It prints as [redacted]; package format shows it only when
// told to.
type Secret struct {
	Value *secret.Bytes // UTF-8, or the bytes of a 0x literal
	Hex   bool          // written as 0x...: a password hash
}

// Text is a string constant outside of expressions, such as a file name, or a variable in its place.
type Text struct {
	Value    string
	Variable bool // Value is @name
}

// Option is one element of an open list of options: NAME, NAME = value or NAME (options). Names are upper case.
type Option struct {
	Name  string
	Value Expr      // nil if none; bare words are *Word
	Unit  string    // KB, MB, GB, TB, %, SECONDS, DAYS ... after the value
	Args  []*Option // in parentheses; an element without a name holds only a value
	Paren bool      // parentheses were present, so that () stays

	Secret *Secret // in place of Value where that is a password
}

// FindOption is the first option of a name in upper case, nil if there is none.
func FindOption(opts []*Option, name string) *Option {
	for _, o := range opts {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// On reports whether an option is switched on: it stands alone or its value is ON. It is false for nil.
func (o *Option) On() bool {
	if o == nil {
		return false
	}
	w, ok := o.Value.(*Word)
	return o.Value == nil || ok && w.Text == "ON"
}

// Unsupported is a statement that is recognised and refused by name. Text runs to the next semicolon or the end of the
// block or batch, so nothing behind it is taken for something else.
type Unsupported struct {
	Head
	Feature string // such as CREATE ASSEMBLY
	Text    string // normalised tokens
}
