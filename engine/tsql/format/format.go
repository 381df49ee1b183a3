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
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// Options chooses what printing shows. The zero value is safe for logs.
type Options struct {
	ShowSecrets bool
}

// Batch prints statements, one to a line.
func Batch(b *ast.Batch, o Options) string {
	p := &printer{show: o.ShowSecrets}
	p.statements(b.Statements)
	return p.b.String()
}

// Statement prints one statement, without a semicolon but for MERGE, which has to have it.
func Statement(s ast.Statement, o Options) string {
	p := &printer{show: o.ShowSecrets}
	p.stmt(s)
	if _, ok := s.(*ast.Merge); ok {
		p.s(";")
	}
	return p.b.String()
}

// Expr prints an expression or condition.
func Expr(e ast.Expr, o Options) string {
	p := &printer{show: o.ShowSecrets}
	p.expr(e)
	return p.b.String()
}

// Query prints a query.
func Query(q *ast.Query, o Options) string {
	p := &printer{show: o.ShowSecrets}
	p.query(q)
	return p.b.String()
}

type printer struct {
	b    strings.Builder
	show bool
	mask int // over 0: string constants are hidden
}

func (p *printer) s(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// when prints s if ok.
func (p *printer) when(ok bool, s string) {
	if ok {
		p.s(s)
	}
}

// each prints n elements with commas.
func (p *printer) each(n int, f func(i int)) {
	for i := range n {
		if i > 0 {
			p.s(", ")
		}
		f(i)
	}
}

// plain reports whether a name needs no brackets anywhere.
func plain(s string) bool {
	return token.IsRegular(s) && !token.IsReserved(s) && !contextual[strings.ToUpper(s)]
}

func quote(s string) string {
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

// quoteOrVar is quote for the few places where a variable may stand for a name.
func quoteOrVar(s string) string {
	if strings.HasPrefix(s, "@") {
		return s
	}
	return quote(s)
}

// name prints an identifier after some text.
func (p *printer) name(before, n string) {
	if n != "" {
		p.s(before, quote(n))
	}
}

func (p *printer) names(list []string) {
	p.each(len(list), func(i int) { p.s(quote(list[i])) })
}

// parenNames prints (a, b), or nothing for an empty list.
func (p *printer) parenNames(before string, list []string) {
	if len(list) > 0 {
		p.s(before, "(")
		p.names(list)
		p.s(")")
	}
}

func object(n ast.ObjectName) string {
	parts := make([]string, len(n.Parts))
	for i, s := range n.Parts {
		if i == 0 {
			parts[i] = quote(s)
		} else {
			parts[i] = member(s)
		}
	}
	return strings.Join(parts, ".")
}

func (p *printer) object(n ast.ObjectName) { p.s(object(n)) }

func (p *printer) objects(list []ast.ObjectName) {
	p.each(len(list), func(i int) { p.object(list[i]) })
}

const hidden = "'[redacted]'"

func stringLit(s string) string {
	prefix := ""
	for i := range len(s) {
		if s[i] >= 0x80 {
			prefix = "N"
			break
		}
	}
	return prefix + "'" + token.QuoteString(s) + "'"
}

func (p *printer) text(before string, t *ast.Text) {
	switch {
	case t == nil:
	case t.Variable:
		p.s(before, t.Value)
	default:
		p.s(before, stringLit(t.Value))
	}
}

func (p *printer) optString(before, s string) {
	if s != "" {
		p.s(before, stringLit(s))
	}
}

// secret prints a password or its like; nothing for nil.
func (p *printer) secret(before string, s *ast.Secret) {
	switch {
	case s == nil:
	case s.Hex && p.show:
		p.s(before, string(s.Value.Expose()))
	case s.Hex:
		p.s(before, "0x00")
	case p.show:
		p.s(before, stringLit(string(s.Value.Expose())))
	default:
		p.s(before, hidden)
	}
}

func (p *printer) literal(l *ast.Literal) {
	switch l.Kind {
	case ast.NullLit:
		p.s("NULL")
	case ast.StringLit, ast.NStringLit:
		if !p.show && (p.mask > 0 || holdsSecret(l.Text)) {
			p.s(hidden)
			return
		}
		if l.Kind == ast.NStringLit {
			p.s("N")
		}
		p.s("'", token.QuoteString(l.Text), "'")
	default:
		p.s(l.Text)
	}
}

// raw prints carried text; its strings are hidden with the secrets.
func (p *printer) raw(s string) {
	if p.show {
		p.s(s)
		return
	}
	st := token.Lex(s, token.Limits{})
	if st.Err != nil {
		p.s(hidden)
		return
	}
	for i, t := range st.Tokens {
		switch t.Kind {
		case token.EOF:
			continue
		case token.String, token.NString, token.DoubleQuoted:
			p.s(hidden)
		case token.Binary:
			p.s("0x00")
		default:
			p.s(t.Source(s))
		}
		if i < len(st.Tokens)-2 {
			p.s(" ")
		}
	}
}

func (p *printer) options(list []*ast.Option) {
	p.each(len(list), func(i int) { p.option(list[i]) })
}

// optionList prints WITH (options), or nothing for none.
func (p *printer) optionList(list []*ast.Option) {
	if len(list) > 0 {
		p.s(" WITH (")
		p.options(list)
		p.s(")")
	}
}

func (p *printer) option(o *ast.Option) {
	p.s(o.Name)
	if o.Secret != nil {
		p.secret(" = ", o.Secret)
		return
	}
	_, isWord := o.Value.(*ast.Word)
	switch {
	case isWord && o.Paren && o.Value.(*ast.Word).Text == "=":
		p.s(" =")
	case o.Value != nil:
		p.when(o.Name != "", " = ")
		p.optionValue(o.Value)
	}
	switch {
	case o.Unit == "%":
		p.s("%")
	case strings.HasPrefix(o.Unit, "ON PARTITIONS"):
		p.s(" ")
		p.raw(o.Unit)
	case o.Unit != "":
		p.s(" ", o.Unit)
	}
	if o.Paren {
		p.s(" (")
		p.options(o.Args)
		p.s(")")
	}
}

func (p *printer) optionValue(e ast.Expr) {
	if r, ok := e.(*ast.ColumnRef); ok && len(r.Name.Parts) == 1 {
		p.s(token.Quote(r.Name.Parts[0])) // a name where a bare word would be a word
		return
	}
	p.expr(e)
}

// Redacted is what hidden values print as, between quotes.
const Redacted = secret.Redacted
