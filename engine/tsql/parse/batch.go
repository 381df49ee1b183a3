// Package parse turns a batch of T-SQL into a tree.
//
// It is a recursive descent by hand over a family of packages: cursor moves over tokens, expr parses expressions, query SELECT
// and the changes of rows, ddl objects, security keys and principals, database databases and backups; this package has the
// dispatch, control flow, EXEC, DECLARE, SET and the rest. DESIGN.md in engine/tsql has the rules of the grammar that are
// easily got wrong.
//
// [Batch] either gives the whole tree or the first error; a batch with an error has no tree, so nothing of it can run.
package parse

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/query"
	"latchkey/engine/tsql/token"
)

// Config is what parsing depends on. The zero value has the default limits and QUOTED_IDENTIFIER off.
type Config struct {
	// QuotedIdentifier is the session's setting: "x" is a name, not a string. SET QUOTED_IDENTIFIER in the batch changes it
	// from there on.
	QuotedIdentifier bool
	Limits           token.Limits
	MaxDepth         int // of nesting; default 1,000. Beyond it, message 191
	MaxChain         int // operands in one chain like a + b + c; default 20,000
}

// Batch parses what a client sent at once, without GO.
func Batch(src string, cfg Config) (*ast.Batch, *token.SyntaxError) {
	c := cursor.New(token.Lex(src, cfg.Limits), cursor.Config{
		QuotedIdentifier: cfg.QuotedIdentifier, MaxDepth: cfg.MaxDepth, MaxChain: cfg.MaxChain,
		Grammar: cursor.Grammar{
			Query: query.Inner, QueryFrom: query.From, Statement: statement, Statements: statements,
		},
	})
	b := &ast.Batch{Statements: statements(c, c.AtEnd)}
	if err := c.Err(); err != nil {
		return nil, err
	}
	if err := checkLabels(b.Statements); err != nil {
		return nil, err
	}
	return b, nil
}

// statements parses statements until end is true. A WITH needs a semicolon before it, as it could belong to the statement
// that precedes.
func statements(c *cursor.Cursor, end func() bool) []ast.Statement {
	var list []ast.Statement
	terminated := true
	for {
		for c.Sym(token.Semicolon) {
			terminated = true
		}
		if end() || c.Err() != nil {
			return list
		}
		if !terminated && c.Is("WITH") {
			c.Fail()
			return list
		}
		list = append(list, statement(c))
		terminated = false
	}
}

// statement parses one statement, without a semicolon behind it.
func statement(c *cursor.Cursor) ast.Statement {
	defer c.Leave()
	if !c.Enter() {
		return &ast.Break{}
	}
	at := c.Pos()
	s := dispatch(c)
	if s == nil {
		c.Fail()
		s = &ast.Break{}
	}
	s.SetRange(at, c.PrevEnd())
	c.Scope.Later = true
	if _, ok := s.(*ast.Merge); ok && !c.IsSym(token.Semicolon) && !c.IsSym(token.RParen) {
		c.FailAt(at, 10713, "A MERGE statement must be terminated by a semi-colon (;).")
	}
	return s
}

// nested parses a statement inside another.
func nested(c *cursor.Cursor) ast.Statement {
	c.Scope.Later = true
	return statement(c)
}
