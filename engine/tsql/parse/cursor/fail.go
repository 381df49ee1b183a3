package cursor

import (
	"fmt"

	"latchkey/engine/tsql/token"
)

// Fail refuses the current token, with the number and text the server uses for it: 102, 156 for keywords, 319 for WITH, or
// the lexical error found there. At the end of the batch the last token is named.
func (c *Cursor) Fail() { c.fail(0) }

// FailAhead is Fail for the token n ahead.
func (c *Cursor) FailAhead(n int) { c.fail(n) }

// FailBack is Fail for the token n before the current one.
func (c *Cursor) FailBack(n int) { c.fail(-min(n, c.i)) }

func (c *Cursor) fail(n int) {
	if c.err != nil {
		return
	}
	i := min(c.i+n, len(c.toks)-1)
	t := c.toks[i]
	switch t.Kind {
	case token.Bad:
		c.set(c.lexErr)
		return
	case token.EOF:
		if i > 0 {
			t = c.toks[i-1]
		}
		c.set(c.near(t))
		return
	}
	switch w := t.Reserved(); {
	case w == "WITH":
		c.set(token.Errorf(319, t.Pos(), "Incorrect syntax near the keyword '%s'. If this statement is a common table expression, an xmlnamespaces clause or a change tracking context clause, the previous statement must be terminated with a semicolon.", t.Source(c.src)))
	case w != "":
		c.set(token.Errorf(156, t.Pos(), "Incorrect syntax near the keyword '%s'.", t.Source(c.src)))
	default:
		c.set(c.near(t))
	}
}

func (c *Cursor) near(t token.Token) *token.SyntaxError {
	e := token.Near(t.Value(c.src), t.Pos())
	switch t.Kind {
	case token.String, token.NString, token.DoubleQuoted, token.Binary:
		e.Literal = true
	}
	return e
}

// FailWith refuses the batch at the current token with a message of its own, severity 15.
func (c *Cursor) FailWith(number int, format string, args ...any) {
	c.FailAt(c.Pos(), number, format, args...)
}

// FailAt is FailWith for another place. A lexical error that begins at the current token wins.
func (c *Cursor) FailAt(at token.Pos, number int, format string, args ...any) {
	if c.err != nil {
		return
	}
	if c.at(0).Kind == token.Bad && c.lexErr != nil && at == c.Pos() {
		c.set(c.lexErr)
		return
	}
	c.set(token.Errorf(number, at, "%s", fmt.Sprintf(format, args...)))
}

// FailError refuses the batch with a ready error.
func (c *Cursor) FailError(e *token.SyntaxError) {
	if c.err == nil {
		c.set(e)
	}
}

// set keeps the first error and moves to the end, where nothing is found.
func (c *Cursor) set(e *token.SyntaxError) {
	c.err = e
	c.i = len(c.toks) - 1
	c.toks[c.i].Kind = token.EOF
}

// Near is the current token as messages quote it; at the end of the batch, the last one.
func (c *Cursor) Near() string {
	t := *c.at(0)
	if t.Kind == token.EOF && c.i > 0 {
		t = c.toks[c.i-1]
	}
	return t.Value(c.src)
}
