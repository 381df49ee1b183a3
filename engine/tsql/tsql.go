// Package tsql parses and prints Transact-SQL: what a client sends becomes a tree or one error that is the server's own.
//
// [Parse] takes one batch (GO is the client's and never arrives) and gives an [latchkey/engine/tsql/ast.Batch], or a
// [SyntaxError] with number, severity, state, line and text. A batch with a syntax error gives nothing else. [Print] is the way back, in a
// canonical form that hides secrets unless told otherwise.
//
// The parts: token (lexer), ast (trees), parse (a family of packages: cursor, expr, query, ddl, security, database), format
// (printer). Import this package and ast; the others are for those who need a part. DESIGN.md has the decisions.
//
// Input is hostile: sizes, tokens, nesting and chains are bounded by [Options], parsing takes time in proportion to the
// input, and nothing panics. What is recognised but not supported is a named node, never a near match.
package tsql

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
	"latchkey/engine/tsql/parse"
	"latchkey/engine/tsql/token"
)

// SyntaxError is why a batch was refused.
type SyntaxError = token.SyntaxError

// Options is what parsing depends on. The zero value has the default limits and QUOTED_IDENTIFIER off.
type Options = parse.Config

// Limits bounds the size of a batch.
type Limits = token.Limits

// Parse parses a batch. The error is a *SyntaxError.
func Parse(batch string, o Options) (*ast.Batch, error) {
	b, err := parse.Batch(batch, o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Print prints a batch for logs: secrets are hidden. Package format has more choices.
func Print(b *ast.Batch) string { return format.Batch(b, format.Options{}) }
