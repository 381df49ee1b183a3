// Package phrase prints what statements are made of: names, constants, options, data types, expressions, queries. It also
// decides what is a secret and hides it. Package format prints whole statements with it; use that one.
package phrase

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// Printer collects text. The zero value hides secrets.
type Printer struct {
	ShowSecrets bool
	// Statement prints a statement inside a query: a data modification as a table source.
	Statement func(ast.Statement)

	b    strings.Builder
	mask int // over 0: string constants are hidden
}

// Redacted is what hidden values print as, between quotes.
const Redacted = secret.Redacted

// String is what has been printed.
func (p *Printer) String() string { return p.b.String() }

// S prints text as it is.
func (p *Printer) S(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// When prints s if ok.
func (p *Printer) When(ok bool, s string) {
	if ok {
		p.S(s)
	}
}

// Each prints n elements with commas.
func (p *Printer) Each(n int, f func(i int)) {
	for i := range n {
		if i > 0 {
			p.S(", ")
		}
		f(i)
	}
}

// plain reports whether a name needs no brackets anywhere.
func plain(s string) bool {
	return token.IsRegular(s) && !token.IsReserved(s) && !contextual[strings.ToUpper(s)]
}

// Quote is an identifier as printed: in brackets where it could be taken for something else.
func Quote(s string) string {
	if s == "" || plain(s) {
		return s
	}
	return token.Quote(s)
}

// bare reports whether a name needs no brackets where only a name can stand, as behind a point.
func bare(s string) bool { return token.IsRegular(s) && !token.IsReserved(s) }

// member quotes a name that stands behind a point.
func member(s string) string {
	if s == "" || bare(s) {
		return s
	}
	return token.Quote(s)
}

// QuoteOrVar is Quote for the few places where a variable may stand for a name.
func QuoteOrVar(s string) string {
	if strings.HasPrefix(s, "@") {
		return s
	}
	return Quote(s)
}

// Name prints an identifier after some text.
func (p *Printer) Name(before, n string) {
	if n != "" {
		p.S(before, Quote(n))
	}
}

// Names prints identifiers with commas.
func (p *Printer) Names(list []string) {
	p.Each(len(list), func(i int) { p.S(Quote(list[i])) })
}

// ParenNames prints (a, b), or nothing for an empty list.
func (p *Printer) ParenNames(before string, list []string) {
	if len(list) > 0 {
		p.S(before, "(")
		p.Names(list)
		p.S(")")
	}
}

// ObjectName is a name of several parts as printed.
func ObjectName(n ast.ObjectName) string {
	parts := make([]string, len(n.Parts))
	for i, s := range n.Parts {
		if i == 0 {
			parts[i] = Quote(s)
		} else {
			parts[i] = member(s)
		}
	}
	return strings.Join(parts, ".")
}

// Object prints a name of several parts.
func (p *Printer) Object(n ast.ObjectName) { p.S(ObjectName(n)) }

// Objects prints names with commas.
func (p *Printer) Objects(list []ast.ObjectName) {
	p.Each(len(list), func(i int) { p.Object(list[i]) })
}

const hidden = "'" + Redacted + "'"

// StringLit is a string constant: N'...' if it is not ASCII.
func StringLit(s string) string {
	prefix := ""
	for i := range len(s) {
		if s[i] >= 0x80 {
			prefix = "N"
			break
		}
	}
	return prefix + "'" + token.QuoteString(s) + "'"
}

// Text prints a string constant or variable behind some text, or nothing for nil.
func (p *Printer) Text(before string, t *ast.Text) {
	switch {
	case t == nil:
	case t.Variable:
		p.S(before, t.Value)
	default:
		p.S(before, StringLit(t.Value))
	}
}

// OptString prints a string constant behind some text, or nothing for "".
func (p *Printer) OptString(before, s string) {
	if s != "" {
		p.S(before, StringLit(s))
	}
}

// Secret prints a password or its like; nothing for nil.
func (p *Printer) Secret(before string, s *ast.Secret) {
	switch {
	case s == nil:
	case s.Hex && p.ShowSecrets:
		p.S(before, string(s.Value.Expose()))
	case s.Hex:
		p.S(before, "0x00")
	case p.ShowSecrets:
		p.S(before, StringLit(string(s.Value.Expose())))
	default:
		p.S(before, hidden)
	}
}

// Literal prints a constant, hidden if it is or holds a secret.
func (p *Printer) Literal(l *ast.Literal) {
	switch l.Kind {
	case ast.NullLit:
		p.S("NULL")
	case ast.StringLit, ast.NStringLit:
		if !p.ShowSecrets && (p.mask > 0 || holdsSecret(l.Text)) {
			p.S(hidden)
			return
		}
		if l.Kind == ast.NStringLit {
			p.S("N")
		}
		p.S("'", token.QuoteString(l.Text), "'")
	default:
		p.S(l.Text)
	}
}

// Raw prints carried text; its strings are hidden with the secrets.
func (p *Printer) Raw(s string) {
	if p.ShowSecrets {
		p.S(s)
		return
	}
	st := token.Lex(s, token.Limits{})
	if st.Err != nil {
		p.S(hidden)
		return
	}
	for i, t := range st.Tokens {
		switch t.Kind {
		case token.EOF:
			continue
		case token.String, token.NString, token.DoubleQuoted:
			p.S(hidden)
		case token.Binary:
			p.S("0x00")
		default:
			p.S(t.Source(s))
		}
		if i < len(st.Tokens)-2 {
			p.S(" ")
		}
	}
}

// Options prints options with commas.
func (p *Printer) Options(list []*ast.Option) {
	p.Each(len(list), func(i int) { p.Option(list[i]) })
}

// OptionList prints WITH (options), or nothing for none.
func (p *Printer) OptionList(list []*ast.Option) {
	if len(list) > 0 {
		p.S(" WITH (")
		p.Options(list)
		p.S(")")
	}
}

// Option prints NAME, NAME = value, NAME (options).
func (p *Printer) Option(o *ast.Option) {
	p.S(o.Name)
	if o.Secret != nil {
		p.Secret(" = ", o.Secret)
		return
	}
	_, isWord := o.Value.(*ast.Word)
	switch {
	case isWord && o.Paren && o.Value.(*ast.Word).Text == "=":
		p.S(" =")
	case o.Value != nil:
		p.When(o.Name != "", " = ")
		p.OptionValue(o.Value)
	}
	switch {
	case o.Unit == "%":
		p.S("%")
	case strings.HasPrefix(o.Unit, "ON PARTITIONS"):
		p.S(" ")
		p.Raw(o.Unit)
	case o.Unit != "":
		p.S(" ", o.Unit)
	}
	if o.Paren {
		p.S(" (")
		p.Options(o.Args)
		p.S(")")
	}
}

// OptionValue prints the value of an option: names in brackets, so that they are no words.
func (p *Printer) OptionValue(e ast.Expr) {
	if r, ok := e.(*ast.ColumnRef); ok && len(r.Name.Parts) == 1 {
		p.S(token.Quote(r.Name.Parts[0])) // a name where a bare word would be a word
		return
	}
	p.Expr(e)
}
