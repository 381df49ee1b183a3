package cursor

import (
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// IsName reports whether the current token is an identifier: quoted, or a word that is not reserved.
func (c *Cursor) IsName() bool { return c.IsNameAt(0) }

// IsNameAt is IsName for the token n ahead.
func (c *Cursor) IsNameAt(n int) bool {
	switch c.KindAt(n) {
	case token.Bracketed:
		return true
	case token.Word:
		return c.at(n).Reserved() == ""
	}
	return false
}

// Name passes an identifier, which must follow.
func (c *Cursor) Name() string {
	if !c.IsName() {
		c.Fail()
		return ""
	}
	t := *c.at(0)
	name := t.Value(c.src)
	if name == "" {
		c.FailWith(1038, `An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as "" or [] are not allowed. Change the alias to a valid name.`)
	}
	if t.Kind == token.DoubleQuoted {
		if e := token.CheckName(name, t.Pos()); e != nil {
			c.FailError(e)
		}
	}
	c.Advance()
	return name
}

// NameOrWord passes an identifier or one of some reserved words that stand for a name in a place, such as public.
func (c *Cursor) NameOrWord(words ...string) string {
	if c.IsAny(words...) {
		name := c.Source()
		c.Advance()
		return name
	}
	return c.Name()
}

// AnyWord passes any unquoted word, reserved or not, and returns it in upper case.
func (c *Cursor) AnyWord() string {
	if c.Kind() != token.Word {
		c.Fail()
		return ""
	}
	w := strings.ToUpper(c.Source())
	c.Advance()
	return w
}

// Names passes names separated by commas.
func (c *Cursor) Names() []string {
	list := []string{c.Name()}
	for c.Comma() {
		list = append(list, c.Name())
	}
	return list
}

// ParenNames passes (name, ...).
func (c *Cursor) ParenNames() []string {
	c.ExpectSym(token.LParen)
	list := c.Names()
	c.ExpectSym(token.RParen)
	return list
}

// maxParts is how many parts a name may have: server.database.schema.object.
const maxParts = 4

// Object passes a name of one to four parts, the middle ones possibly empty.
func (c *Cursor) Object() ast.ObjectName { return c.multipart(maxParts) }

// ColumnName passes a name of a column with its table: up to five parts.
func (c *Cursor) ColumnName() ast.ObjectName { return c.multipart(maxParts + 1) }

func (c *Cursor) multipart(limit int) ast.ObjectName {
	n := ast.ObjectName{Pos: c.Pos()}
	if !c.IsSym(token.Dot) {
		n.Parts = append(n.Parts, c.Name())
	} else {
		n.Parts = append(n.Parts, "") // .table is valid: an empty schema
	}
	for c.IsSym(token.Dot) && (c.IsNameAt(1) || c.SymAt(1, token.Dot)) {
		c.Advance()
		if c.IsSym(token.Dot) {
			n.Parts = append(n.Parts, "")
		} else {
			n.Parts = append(n.Parts, c.Name())
		}
		if len(n.Parts) > limit {
			c.FailAt(n.Pos, 117, "The object name '%s' contains more than the maximum number of prefixes. The maximum is %d.", n, limit-1)
		}
	}
	if c.err == nil && n.Name() == "" {
		c.Fail()
	}
	return n
}

// IsString reports whether the current token is a string constant.
func (c *Cursor) IsString() bool { return c.Kind() == token.String || c.Kind() == token.NString }

// Str passes a string constant, which must follow.
func (c *Cursor) Str() string {
	if !c.IsString() {
		c.Fail()
		return ""
	}
	s := c.Value()
	c.Advance()
	return s
}

// Text passes a string constant or a variable.
func (c *Cursor) Text() ast.Text {
	if c.Kind() == token.Variable {
		return ast.Text{Value: c.Var(), Variable: true}
	}
	return ast.Text{Value: c.Str()}
}

// TextPtr is Text where absence is nil.
func (c *Cursor) TextPtr() *ast.Text {
	t := c.Text()
	return &t
}

// Secret passes a string constant whose content must not be shown.
func (c *Cursor) Secret() *ast.Secret {
	return &ast.Secret{Value: secret.FromString(c.Str())}
}

// PasswordIs passes PASSWORD = 'secret'.
func (c *Cursor) PasswordIs() *ast.Secret {
	c.Expect("PASSWORD")
	c.ExpectSym(token.Eq)
	return c.Secret()
}

// Var passes a variable, which must follow, and returns it with its sign.
func (c *Cursor) Var() string {
	if c.Kind() != token.Variable {
		c.Fail()
		return ""
	}
	s := c.Source()
	c.Advance()
	return s
}

// Int passes an integer constant of at most nine digits or the largest int.
func (c *Cursor) Int() int {
	if c.Kind() != token.Int {
		c.Fail()
		return 0
	}
	n, err := strconv.Atoi(c.Source())
	if err != nil {
		c.Fail()
		return 0
	}
	c.Advance()
	return n
}

// OnOff passes ON or OFF.
func (c *Cursor) OnOff() bool { return c.ExpectAny("ON", "OFF") == "ON" }

// Hex passes a binary constant and returns it as written.
func (c *Cursor) Hex() string {
	if c.Kind() != token.Binary {
		c.Fail()
		return ""
	}
	s := c.Source()
	c.Advance()
	return s
}

// maxClass is how many words a class of securables has at most (XML SCHEMA COLLECTION, with some to spare). Without a bound,
// each look ahead could run to the end of a batch that has no punctuation.
const maxClass = 5

// Class parses words:: before a securable and returns the words; "" if none precede a double colon.
func (c *Cursor) Class() string {
	n := 0
	for n < maxClass && c.KindAt(n) == token.Word {
		n++
	}
	if n == 0 || !c.SymAt(n, token.DoubleColon) {
		return ""
	}
	s := c.AnyWord()
	for range n - 1 {
		s += " " + c.AnyWord()
	}
	c.Advance()
	return s
}

// Const passes a string constant as the text of a file name or the like, where the grammar takes no variable.
func (c *Cursor) Const() *ast.Text { return &ast.Text{Value: c.Str()} }

// NameOption passes = name behind an option whose value is a name, a string or a number; case is kept.
func (c *Cursor) NameOption(option string) *ast.Option {
	c.ExpectSym(token.Eq)
	o := &ast.Option{Name: option}
	switch {
	case c.IsLiteral():
		o.Value = c.Literal()
	case c.IsName():
		o.Value = &ast.ColumnRef{Name: ast.ObjectName{Pos: c.Pos(), Parts: []string{c.Name()}}}
	default:
		c.Fail()
	}
	return o
}
