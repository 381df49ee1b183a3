package cursor

import (
	"strings"

	"latchkey/engine/tsql/token"
)

// Raw collects tokens as text that lexes to the same tokens again. It serves clauses that are recognised and carried, not
// understood. It stops before a token for which stop is true, outside of parentheses, or before an unbalanced one.
func (c *Cursor) Raw(stop func() bool) string {
	var b strings.Builder
	depth := 0
	for c.Kind() != token.EOF && c.Kind() != token.Bad {
		if depth == 0 && (c.IsSym(token.RParen) || stop()) {
			break
		}
		switch c.Kind() {
		case token.LParen:
			depth++
		case token.RParen:
			depth--
		}
		c.rawToken(&b)
	}
	if depth > 0 || c.Kind() == token.Bad {
		c.Fail()
	}
	return b.String()
}

// RawParens is Raw for what stands in the parentheses that follow, without them.
func (c *Cursor) RawParens() string {
	c.ExpectSym(token.LParen)
	s := c.Raw(func() bool { return false })
	c.ExpectSym(token.RParen)
	return s
}

func (c *Cursor) rawToken(b *strings.Builder) {
	t := c.at(0)
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	switch v := t.Value(c.src); {
	case t.Kind == token.DoubleQuoted && c.QuotedIdentifier:
		b.WriteString(token.Quote(v))
	case t.Kind == token.DoubleQuoted:
		b.WriteString("'" + token.QuoteString(v) + "'")
	default:
		b.WriteString(t.Source(c.src))
	}
	c.Advance()
}

// EndOfStatement reports whether a statement that runs to its end by force is over: at a semicolon, the end of the batch or
// the END of an enclosing block.
func (c *Cursor) EndOfStatement() bool {
	return c.IsSym(token.Semicolon) || c.Scope.Blocks > 0 && c.Is("END")
}
