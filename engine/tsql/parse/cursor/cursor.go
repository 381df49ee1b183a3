// Package cursor moves over the tokens of a batch: looking, accepting, failing. It is the ground of the parser family.
//
// The first failure wins and is sticky: it moves the cursor to the end of the batch, where nothing but the end is found, so
// that every parsing function runs out quickly without checks of its own and without panics. What such functions return after
// a failure is to be thrown away. Loops therefore go on only while they accept something.
//
// [Cursor.Enter] bounds the depth of nesting; each function that can call itself uses it.
//
// The grammar is recursive across packages: an expression holds queries, a procedure holds statements. The cursor carries the
// two functions that close the circle ([Grammar]), so that the packages import one another in one direction.
package cursor

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Grammar holds the entry points that packages lower in the family call back.
type Grammar struct {
	Query     func(*Cursor) *ast.Query             // a query without WITH, as in parentheses
	QueryFrom func(*Cursor, *ast.Query) *ast.Query // what goes on behind a query in parentheses: set operators
	Statement func(*Cursor) ast.Statement          // one statement
	// Statements parses statements and the semicolons between them until end is true.
	Statements func(c *Cursor, end func() bool) []ast.Statement
}

// Config is what a cursor needs to know. The zero value suits a batch as SQL clients send it, but for QuotedIdentifier.
type Config struct {
	QuotedIdentifier bool // "x" is a name
	MaxDepth         int  // of nesting; default 1,000
	MaxChain         int  // operands of one chain of operators; default 20,000
	Grammar          Grammar
}

const (
	defaultDepth = 1_000
	defaultChain = 20_000
)

// Cursor is a place in a batch.
type Cursor struct {
	// QuotedIdentifier may change as SET QUOTED_IDENTIFIER is passed.
	QuotedIdentifier bool
	// Scope is what encloses the current statement.
	Scope   Scope
	Grammar Grammar

	src      string
	toks     []token.Token
	lexErr   *token.SyntaxError
	i        int
	depth    int
	maxDepth int
	maxChain int
	err      *token.SyntaxError
}

// Scope is what the rules on the place of statements ask for.
type Scope struct {
	Module string // PROCEDURE, FUNCTION, TRIGGER or "" for a batch
	Later  bool   // not the first statement of the batch
	Loops  int    // enclosing WHILEs
	Blocks int    // enclosing BEGINs: END may follow
	Catch  int    // enclosing CATCH blocks
}

// New makes a cursor at the start of a batch.
func New(s *token.Stream, cfg Config) *Cursor {
	c := &Cursor{
		QuotedIdentifier: cfg.QuotedIdentifier, Grammar: cfg.Grammar,
		src: s.Src, toks: s.Tokens, lexErr: s.Err, maxDepth: cfg.MaxDepth, maxChain: cfg.MaxChain,
	}
	if c.maxDepth <= 0 {
		c.maxDepth = defaultDepth
	}
	if c.maxChain <= 0 {
		c.maxChain = defaultChain
	}
	return c
}

// Err is the first failure, nil for none.
func (c *Cursor) Err() *token.SyntaxError { return c.err }

// Src is the batch.
func (c *Cursor) Src() string { return c.src }

// Kind is the kind of the current token. A "x" is Bracketed or String, by QUOTED_IDENTIFIER.
func (c *Cursor) Kind() token.Kind { return c.KindAt(0) }

// KindAt is the kind of the token n ahead.
func (c *Cursor) KindAt(n int) token.Kind {
	k := c.at(n).Kind
	if k == token.DoubleQuoted {
		if c.QuotedIdentifier {
			return token.Bracketed
		}
		return token.String
	}
	return k
}

func (c *Cursor) at(n int) *token.Token { return &c.toks[min(c.i+n, len(c.toks)-1)] }

// Pos is the place of the current token.
func (c *Cursor) Pos() token.Pos { return c.at(0).Pos() }

// PrevEnd is the offset after the token before the current one.
func (c *Cursor) PrevEnd() int {
	if c.i == 0 {
		return 0
	}
	return int(c.toks[c.i-1].End)
}

// Index is the number of tokens passed: two equal values mean that nothing was consumed.
func (c *Cursor) Index() int { return c.i }

// First reports whether the cursor is at the first token of the batch.
func (c *Cursor) First() bool { return c.i == 0 }

// AtEnd reports whether the batch is over.
func (c *Cursor) AtEnd() bool { return c.i >= len(c.toks)-1 && c.toks[c.i].Kind == token.EOF }

// Value is the decoded text of the current token.
func (c *Cursor) Value() string { return c.at(0).Value(c.src) }

// Source is the current token as written.
func (c *Cursor) Source() string { return c.at(0).Source(c.src) }

// Advance passes the current token. It stays at the end.
func (c *Cursor) Advance() {
	if c.i < len(c.toks)-1 {
		c.i++
	}
}

// Is reports whether the current token is an unquoted word, in any case; w is upper case.
func (c *Cursor) Is(w string) bool { return c.IsAt(0, w) }

// IsAt is Is for the token n ahead.
func (c *Cursor) IsAt(n int, w string) bool {
	t := c.at(n)
	if t.Kind != token.Word {
		return false
	}
	if r := t.Reserved(); r != "" {
		return r == w
	}
	return int(t.End-t.Off) == len(w) && strings.EqualFold(c.src[t.Off:t.End], w)
}

// Keyword is the reserved word at the current token, "" for anything else.
func (c *Cursor) Keyword() string { return c.at(0).Reserved() }

// IsAny reports whether the current token is one of the words.
func (c *Cursor) IsAny(words ...string) bool {
	for _, w := range words {
		if c.Is(w) {
			return true
		}
	}
	return false
}

// IsSeq reports whether the words follow one another from the current token.
func (c *Cursor) IsSeq(words ...string) bool {
	for i, w := range words {
		if !c.IsAt(i, w) {
			return false
		}
	}
	return true
}

// Accept passes the words if all of them follow, and reports whether it did.
func (c *Cursor) Accept(words ...string) bool {
	if !c.IsSeq(words...) {
		return false
	}
	for range words {
		c.Advance()
	}
	return true
}

// AcceptAny passes one of the words and returns it, or "".
func (c *Cursor) AcceptAny(words ...string) string {
	for _, w := range words {
		if c.Is(w) {
			c.Advance()
			return w
		}
	}
	return ""
}

// Expect passes the words, each of which must follow.
func (c *Cursor) Expect(words ...string) {
	for _, w := range words {
		if !c.Accept(w) {
			c.Fail()
			return
		}
	}
}

// ExpectAny passes one of the words and returns it; anything else fails.
func (c *Cursor) ExpectAny(words ...string) string {
	w := c.AcceptAny(words...)
	if w == "" {
		c.Fail()
	}
	return w
}

// IsSym reports whether the current token is of a kind.
func (c *Cursor) IsSym(k token.Kind) bool { return c.at(0).Kind == k }

// SymAt reports whether the token n ahead is of a kind.
func (c *Cursor) SymAt(n int, k token.Kind) bool { return c.at(n).Kind == k }

// Sym passes a token of a kind, and reports whether it did.
func (c *Cursor) Sym(k token.Kind) bool {
	if c.at(0).Kind != k {
		return false
	}
	c.Advance()
	return true
}

// ExpectSym passes a token of a kind, which must follow.
func (c *Cursor) ExpectSym(k token.Kind) {
	if !c.Sym(k) {
		c.Fail()
	}
}

// Comma passes a comma.
func (c *Cursor) Comma() bool { return c.Sym(token.Comma) }

// Enter goes one level deeper; it fails and returns false when that is too deep. Leave undoes it in any case.
func (c *Cursor) Enter() bool {
	c.depth++
	if c.depth > c.maxDepth {
		c.FailWith(191, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.")
	}
	return c.err == nil
}

// Leave ends what Enter began.
func (c *Cursor) Leave() { c.depth-- }

// Chain fails when the n-th operand of a chain is one too many: such trees are as deep as the chain is long.
func (c *Cursor) Chain(n int) {
	if n > c.maxChain {
		c.FailWith(191, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.")
	}
}
