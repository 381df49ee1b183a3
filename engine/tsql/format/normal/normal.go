// Package normal writes an expression as SQL Server keeps it in its catalogue: names in brackets, numbers in parentheses, IN as a chain of OR
// from the last value to the first, BETWEEN as two comparisons, CAST as CONVERT, names of functions in lower case, no blanks around operators.
//
// Tools compare such texts with what they know to be the form of a default or a check: TypeORM reads the values of an enumeration out of
// ([kind]='b' OR [kind]='a'). [Text] is for that alone; what runs is the expression as it was written.
package normal

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
)

// Text is an expression or condition in parentheses; ok is false for one that has no form here, such as one with a subquery.
func Text(e ast.Expr) (text string, ok bool) {
	p := &printer{ok: true}
	p.expr(e, 0)
	return "(" + p.b.String() + ")", p.ok
}

type printer struct {
	b  strings.Builder
	ok bool
}

func (p *printer) s(list ...string) {
	for _, s := range list {
		p.b.WriteString(s)
	}
}

// The precedences of operators; what binds less than its place asks for stands in parentheses.
const (
	orLevel = iota + 1
	andLevel
	notLevel
	compareLevel
	addLevel
	mulLevel
	unaryLevel
)

func (p *printer) at(place, own int, write func()) {
	if own < place {
		p.s("(")
		write()
		p.s(")")
		return
	}
	write()
}

func (p *printer) list(list []ast.Expr) {
	for i, e := range list {
		if i > 0 {
			p.s(",")
		}
		p.expr(e, 0)
	}
}

func bracket(s string) string { return "[" + strings.ReplaceAll(s, "]", "]]") + "]" }

func (p *printer) expr(e ast.Expr, place int) {
	switch e := e.(type) {
	case *ast.Literal:
		p.literal(e)
	case *ast.ColumnRef:
		for i, n := range e.Name.Parts {
			if i > 0 {
				p.s(".")
			}
			p.s(bracket(n))
		}
	case *ast.Unary:
		if l, ok := e.X.(*ast.Literal); ok && e.Op == "-" && number(l) {
			p.s("(-", l.Text, ")")
			return
		}
		p.at(place, unaryLevel, func() {
			p.s(e.Op)
			p.expr(e.X, unaryLevel)
		})
	case *ast.Binary:
		own := addLevel
		if e.Op == "*" || e.Op == "/" || e.Op == "%" {
			own = mulLevel
		}
		p.at(place, own, func() {
			p.expr(e.L, own)
			p.s(e.Op)
			p.expr(e.R, own+1)
		})
	case *ast.Collate:
		p.expr(e.X, unaryLevel)
		p.s(" collate ", e.Collation)
	case *ast.Cast:
		p.convert(e.Try, e.Type, e.X, nil)
	case *ast.Convert:
		p.convert(e.Try, e.Type, e.X, e.Style)
	case *ast.Case:
		p.choice(e)
	case *ast.IIf:
		p.choice(&ast.Case{Whens: []ast.When{{If: e.Cond, Then: e.Then}}, Else: e.Else})
	case *ast.FuncCall:
		p.call(e)
	default:
		if c, ok := e.(ast.Condition); ok {
			p.condition(c, place)
			return
		}
		p.ok = false
	}
}

func number(l *ast.Literal) bool {
	return l.Kind == ast.IntLit || l.Kind == ast.DecimalLit || l.Kind == ast.FloatLit || l.Kind == ast.MoneyLit
}

func (p *printer) literal(l *ast.Literal) {
	switch {
	case number(l):
		p.s("(", l.Text, ")")
	case l.Kind == ast.NullLit:
		p.s("NULL")
	case l.Kind == ast.StringLit:
		p.s("'", strings.ReplaceAll(l.Text, "'", "''"), "'")
	case l.Kind == ast.NStringLit:
		p.s("N'", strings.ReplaceAll(l.Text, "'", "''"), "'")
	default:
		p.s(l.Text)
	}
}

func (p *printer) convert(try bool, t *ast.DataType, x, style ast.Expr) {
	if try {
		p.s("TRY_CAST(")
		p.expr(x, 0)
		p.s(" AS ")
		p.dataType(t)
		p.s(")")
		p.ok = p.ok && style == nil
		return
	}
	p.s("CONVERT(")
	p.dataType(t)
	p.s(",")
	p.expr(x, 0)
	if style != nil {
		p.s(",")
		p.expr(style, 0)
	}
	p.s(")")
}

func (p *printer) dataType(t *ast.DataType) {
	for i, n := range t.Name.Parts {
		if i > 0 {
			p.s(".")
		}
		p.s(bracket(n))
	}
	if t.Max {
		p.s("(max)")
	}
	for i, n := range t.Args {
		if i == 0 {
			p.s("(")
		} else {
			p.s(",")
		}
		p.s(strconv.Itoa(n))
		if i == len(t.Args)-1 {
			p.s(")")
		}
	}
	p.ok = p.ok && t.Schema == ""
}

func (p *printer) choice(e *ast.Case) {
	p.s("case")
	if e.Input != nil {
		p.s(" ")
		p.expr(e.Input, 0)
	}
	for _, w := range e.Whens {
		p.s(" when ")
		p.expr(w.If, 0)
		p.s(" then ")
		p.expr(w.Then, 0)
	}
	if e.Else != nil {
		p.s(" else ")
		p.expr(e.Else, 0)
	}
	p.s(" end")
}

// parted are the functions whose first argument is a part of a date.
var parted = []string{"dateadd", "datediff", "datediff_big", "datename", "datepart", "datetrunc", "date_bucket"}

func (p *printer) call(e *ast.FuncCall) {
	if e.Distinct || e.Star || e.Over != nil || len(e.Within) > 0 || e.Nulls != "" {
		p.ok = false
		return
	}
	name := strings.ToLower(e.Name.Name())
	switch {
	case len(e.Name.Parts) > 1:
		for i, n := range e.Name.Parts {
			if i > 0 {
				p.s(".")
			}
			p.s(bracket(n))
		}
	case e.NoParens && name == "current_timestamp":
		p.s("getdate")
	case e.NoParens && (name == "user" || name == "current_user" || name == "session_user"):
		p.s("user_name")
	case e.NoParens && name == "system_user":
		p.s("suser_sname")
	default:
		p.s(name)
	}
	p.s("(")
	args := e.Args
	if len(args) > 1 && slices.Contains(parted, name) {
		if c, ok := args[0].(*ast.ColumnRef); ok && len(c.Name.Parts) == 1 {
			p.s(strings.ToLower(c.Name.Name()), ",")
			args = args[1:]
		}
	}
	p.list(args)
	p.s(")")
}

func (p *printer) condition(c ast.Condition, place int) {
	switch c := c.(type) {
	case *ast.Compare:
		p.at(place, compareLevel, func() {
			p.expr(c.L, addLevel)
			p.s(c.Op)
			p.expr(c.R, addLevel)
		})
	case *ast.Logical:
		own, word := orLevel, " OR "
		if c.Op == "AND" {
			own, word = andLevel, " AND "
		}
		p.at(place, own, func() {
			for i, t := range c.Terms {
				if i > 0 {
					p.s(word)
				}
				p.expr(t, own)
			}
		})
	case *ast.Not:
		p.not(c.X, place)
	case *ast.Between:
		both := &ast.Logical{Op: "AND", Terms: []ast.Condition{&ast.Compare{Op: ">=", L: c.X, R: c.Low}, &ast.Compare{Op: "<=", L: c.X, R: c.High}}}
		p.maybe(c.Not, both, place)
	case *ast.In:
		if c.Query != nil || len(c.List) == 0 {
			p.ok = false
			return
		}
		var any []ast.Condition
		for _, x := range slices.Backward(c.List) {
			any = append(any, &ast.Compare{Op: "=", L: c.X, R: x})
		}
		var all ast.Condition = &ast.Logical{Op: "OR", Terms: any}
		if len(any) == 1 {
			all = any[0]
		}
		p.maybe(c.Not, all, place)
	case *ast.Like:
		if c.Not {
			l := *c
			l.Not = false
			p.not(&l, place)
			return
		}
		p.at(place, compareLevel, func() {
			p.expr(c.X, addLevel)
			p.s(" like ")
			p.expr(c.Pattern, addLevel)
			if c.Escape != nil {
				p.s(" escape ")
				p.expr(c.Escape, addLevel)
			}
		})
	case *ast.IsNull:
		p.at(place, compareLevel, func() {
			p.expr(c.X, addLevel)
			if c.Not {
				p.s(" IS NOT NULL")
			} else {
				p.s(" IS NULL")
			}
		})
	default:
		p.ok = false
	}
}

func (p *printer) maybe(not bool, c ast.Condition, place int) {
	if not {
		p.not(c, place)
		return
	}
	p.expr(c, place)
}

func (p *printer) not(c ast.Condition, place int) {
	p.at(place, notLevel, func() {
		p.s("NOT ")
		p.expr(c, notLevel)
	})
}
