package cursor

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Options passes options separated by commas: NAME, NAME = value [unit], NAME (options). It understands every WITH list of
// the grammar that has no keywords inside values.
func (c *Cursor) Options() []*ast.Option {
	list := []*ast.Option{c.Option()}
	for c.Comma() {
		list = append(list, c.Option())
	}
	return list
}

// ParenOptions passes (option, ...); the list may be empty.
func (c *Cursor) ParenOptions() []*ast.Option {
	c.ExpectSym(token.LParen)
	var list []*ast.Option
	if !c.IsSym(token.RParen) {
		list = c.Options()
	}
	c.ExpectSym(token.RParen)
	return list
}

// Option passes one option.
func (c *Cursor) Option() *ast.Option {
	o := &ast.Option{}
	if !c.Enter() {
		c.Leave()
		return o
	}
	defer c.Leave()
	if c.Kind() != token.Word {
		o.Value, o.Unit = c.OptionValue()
		if o.Unit == "" {
			o.Unit = c.AcceptAny("ASC", "DESC") // of a key in ORDER (...)
		}
		return o
	}
	o.Name = c.AnyWord()
	c.optionTail(o)
	return o
}

// NamedOption passes what follows an option's name, which the caller has consumed.
func (c *Cursor) NamedOption(name string) *ast.Option {
	o := &ast.Option{Name: name}
	c.optionTail(o)
	return o
}

func (c *Cursor) optionTail(o *ast.Option) {
	if c.Sym(token.Eq) {
		if c.IsSym(token.LParen) {
			o.Args, o.Paren = c.ParenOptions(), true
			o.Value = &ast.Word{Text: "="}
			return
		}
		o.Value, o.Unit = c.OptionValue()
	}
	if c.IsSym(token.LParen) {
		o.Args, o.Paren = c.ParenOptions(), true
	}
	if c.Accept("ON", "PARTITIONS") {
		o.Unit = "ON PARTITIONS (" + c.RawParens() + ")"
	}
	if o.Value == nil && !o.Paren {
		o.Unit = c.AcceptAny("ASC", "DESC")
	}
}

// units that may follow a number in an option.
var units = []string{"KB", "MB", "GB", "TB", "SECONDS", "SECOND", "MINUTES", "MINUTE", "HOURS", "DAYS", "DAY", "PERCENT", "WEEKS", "MONTHS", "YEARS", "WEEK", "MONTH", "YEAR"}

// OptionValue passes a constant, a variable, a signed number or a word, with a unit after a number.
func (c *Cursor) OptionValue() (ast.Expr, string) {
	switch c.Kind() {
	case token.Word:
		if c.SymAt(1, token.Dot) {
			return &ast.ColumnRef{Name: c.Object()}, ""
		}
		return &ast.Word{Text: c.AnyWord()}, ""
	case token.Bracketed:
		return &ast.ColumnRef{Name: c.Object()}, ""
	case token.Variable, token.GlobalVar:
		v := &ast.Variable{Name: c.Source(), Pos: c.Pos()}
		c.Advance()
		return v, c.unit()
	case token.Minus, token.Plus:
		op := c.Source()
		c.Advance()
		return &ast.Unary{Op: op, X: c.Literal()}, ""
	default:
		lit := c.Literal()
		switch lit.Kind {
		case ast.IntLit, ast.DecimalLit, ast.FloatLit:
			return lit, c.unit()
		}
		return lit, ""
	}
}

func (c *Cursor) unit() string {
	if c.Sym(token.Percent) {
		return "%"
	}
	return c.AcceptAny(units...)
}

// literals maps the tokens that are constants.
var literals = map[token.Kind]ast.LiteralKind{
	token.Int: ast.IntLit, token.Decimal: ast.DecimalLit, token.Float: ast.FloatLit, token.Money: ast.MoneyLit,
	token.String: ast.StringLit, token.NString: ast.NStringLit, token.Binary: ast.BinaryLit,
}

// IsLiteral reports whether the current token is a constant; NULL is one.
func (c *Cursor) IsLiteral() bool {
	_, ok := literals[c.Kind()]
	return ok || c.Is("NULL")
}

// Literal passes a constant, which must follow.
func (c *Cursor) Literal() *ast.Literal {
	if c.Accept("NULL") {
		return &ast.Literal{Kind: ast.NullLit}
	}
	kind, ok := literals[c.Kind()]
	if !ok {
		c.Fail()
		return &ast.Literal{}
	}
	lit := &ast.Literal{Kind: kind, Text: c.Value()}
	c.Advance()
	return lit
}
