// Package format prints trees as T-SQL, in one canonical form: words in upper case, names in brackets only where needed,
// strings in single quotes, one statement per line, each ended by a semicolon. Parsing the result gives the same tree, whatever
// QUOTED_IDENTIFIER is. Comments and layout are not kept: a module's definition is cut from its source instead.
//
// Secrets are not shown unless [Options.ShowSecrets] says so. Hidden are passwords, credential secrets and key sources; the
// strings given to functions and procedures that take passphrases, or to variables and parameters named like passwords; dynamic SQL that
// seems to hold such a clause; and all strings in text that was carried without being understood. What is hidden prints as
// '[redacted]' and still parses. This keeps logs clean; it is no proof against somebody who spells a secret into a harmless place.
package format

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

// Options chooses what printing shows. The zero value is safe for logs.
type Options struct {
	ShowSecrets bool
}

// Batch prints statements, one to a line.
func Batch(b *ast.Batch, o Options) string {
	p := newPrinter(o)
	p.statements(b.Statements)
	return p.String()
}

// Statement prints one statement, without a semicolon but for MERGE, which has to have it.
func Statement(s ast.Statement, o Options) string {
	p := newPrinter(o)
	p.stmt(s)
	if _, ok := s.(*ast.Merge); ok {
		p.S(";")
	}
	return p.String()
}

// Expr prints an expression or condition.
func Expr(e ast.Expr, o Options) string {
	p := newPrinter(o)
	p.Expr(e)
	return p.String()
}

// Query prints a query.
func Query(q *ast.Query, o Options) string {
	p := newPrinter(o)
	p.Query(q)
	return p.String()
}

// Redacted is what hidden values print as, between quotes.
const Redacted = phrase.Redacted

// printer prints statements; what they are made of is printed by package phrase.
type printer struct{ *phrase.Printer }

func newPrinter(o Options) *printer {
	p := &printer{&phrase.Printer{ShowSecrets: o.ShowSecrets}}
	p.Statement = p.stmt
	return p
}
