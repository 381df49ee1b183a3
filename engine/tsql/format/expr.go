package format

import (
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Levels of binding of scalar expressions: what is below the level asked for goes into parentheses.
const (
	levelAdd = iota
	levelMul
	levelUnary
	levelPrimary
)

func level(e ast.Expr) int {
	switch e := e.(type) {
	case *ast.Binary:
		switch e.Op {
		case "*", "/", "%":
			return levelMul
		}
		return levelAdd
	case *ast.Unary:
		return levelUnary
	}
	return levelPrimary
}

func (p *printer) operand(e ast.Expr, min int) {
	if level(e) < min {
		p.s("(")
		p.expr(e)
		p.s(")")
		return
	}
	p.expr(e)
}

func (p *printer) exprs(list []ast.Expr) {
	p.each(len(list), func(i int) { p.expr(list[i]) })
}

func (p *printer) args(list []ast.Expr) {
	p.s("(")
	p.exprs(list)
	p.s(")")
}

func (p *printer) optExpr(before string, e ast.Expr) {
	if e != nil {
		p.s(before)
		p.expr(e)
	}
}

func try(is bool, name string) string {
	if is {
		return "TRY_" + name
	}
	return name
}

func not(is bool) string {
	if is {
		return "NOT "
	}
	return ""
}

// expr prints a scalar expression or a condition.
func (p *printer) expr(e ast.Expr) {
	switch e := e.(type) {
	case nil:
	case *ast.Literal:
		p.literal(e)
	case *ast.Word:
		p.s(e.Text)
	case *ast.Default:
		p.s("DEFAULT")
	case *ast.Variable:
		p.s(e.Name)
	case *ast.ColumnRef:
		p.object(e.Name)
	case *ast.PseudoColumn:
		for _, q := range e.Qualifier {
			p.s(quote(q), ".")
		}
		p.s(e.Name)
	case *ast.Star:
		if len(e.Qualifier.Parts) > 0 {
			p.object(e.Qualifier)
			p.s(".")
		}
		p.s("*")
	case *ast.Unary:
		p.s(e.Op)
		p.operand(e.X, levelPrimary)
	case *ast.Binary:
		p.binary(e)
	case *ast.Collate:
		p.operand(e.X, levelPrimary)
		p.name(" COLLATE ", e.Collation)
	case *ast.AtTimeZone:
		p.operand(e.X, levelPrimary)
		p.s(" AT TIME ZONE ")
		if _, ok := e.Zone.(*ast.AtTimeZone); ok {
			p.args([]ast.Expr{e.Zone})
			return
		}
		p.operand(e.Zone, levelPrimary)
	case *ast.Subquery:
		p.subquery(e.Query)
	case *ast.Case:
		p.caseExpr(e)
	case *ast.FuncCall:
		p.call(e)
	default:
		p.function(e)
	}
}

// binary prints a chain that leans to the left without going deeper for each operator.
func (p *printer) binary(e *ast.Binary) {
	own := level(e)
	chain := []*ast.Binary{e}
	for {
		l, ok := chain[len(chain)-1].L.(*ast.Binary)
		if !ok || level(l) < own {
			break
		}
		chain = append(chain, l)
		own = level(l)
	}
	last := chain[len(chain)-1]
	p.operand(last.L, level(last))
	for i := len(chain) - 1; i >= 0; i-- {
		p.s(" ", chain[i].Op, " ")
		p.operand(chain[i].R, level(chain[i])+1)
	}
}

func (p *printer) caseExpr(e *ast.Case) {
	p.s("CASE")
	p.optExpr(" ", e.Input)
	for _, w := range e.Whens {
		p.optExpr(" WHEN ", w.If)
		p.optExpr(" THEN ", w.Then)
	}
	p.optExpr(" ELSE ", e.Else)
	p.s(" END")
}

func (p *printer) call(e *ast.FuncCall) {
	switch n := e.Name.Parts; {
	case len(n) == 2 && n[0] == "$PARTITION":
		p.s(n[0], ".", member(n[1]))
	case len(n) > 1:
		p.object(e.Name)
	case e.NoParens:
		p.s(n[0])
		return
	default:
		switch up := strings.ToUpper(n[0]); {
		case n[0] == "LEFT", n[0] == "RIGHT", n[0] == "COALESCE", n[0] == "NULLIF", n[0] == "TRIM" && len(e.Args) == 1 && !e.Distinct:
			p.s(n[0])
		case bare(n[0]) && !ownGrammar[up]: // a bracketed name would be no function of the server's
			p.s(n[0])
			if r, ok := firstColumn(e.Args); ok && datePartFunctions[up] && bare(r) {
				p.s("(", r, ", ")
				p.exprs(e.Args[1:])
				p.s(")")
				return
			}
		default:
			p.s(token.Quote(n[0]))
		}
	}
	p.s("(")
	p.when(e.Distinct, "DISTINCT ")
	p.when(e.Star, "*")
	p.masked(isSecretFunction(e.Name), func() { p.exprs(e.Args) })
	p.s(")")
	if e.Within != nil {
		p.s(" WITHIN GROUP (ORDER BY ")
		p.orderItems(e.Within)
		p.s(")")
	}
	p.when(e.Nulls != "", " "+e.Nulls+" NULLS")
	p.over(e.Over)
}

// ownGrammar are the words that mean more than a function when a parenthesis follows.
var ownGrammar = set(`CAST TRY_CAST PARSE TRY_PARSE IIF TRIM JSON_OBJECT JSON_ARRAY CHANGETABLE PREDICT ROLLUP CUBE`)

// datePartFunctions take a bare word first.
var datePartFunctions = set(`DATEADD DATEDIFF DATEDIFF_BIG DATENAME DATEPART DATETRUNC DATE_BUCKET`)

// firstColumn is the name of the first of several arguments if it is a single word.
func firstColumn(args []ast.Expr) (string, bool) {
	if len(args) < 2 {
		return "", false
	}
	r, ok := args[0].(*ast.ColumnRef)
	if !ok || len(r.Name.Parts) != 1 {
		return "", false
	}
	return r.Name.Parts[0], true
}

func (p *printer) over(w *ast.Window) {
	if w == nil {
		return
	}
	p.s(" OVER ")
	p.window(w)
}

func (p *printer) window(w *ast.Window) {
	if w.Bare {
		p.s(quote(w.Ref))
		return
	}
	p.s("(", quote(w.Ref))
	sep := ""
	if w.Ref != "" {
		sep = " "
	}
	if w.PartitionBy != nil {
		p.s(sep, "PARTITION BY ")
		p.exprs(w.PartitionBy)
		sep = " "
	}
	if w.OrderBy != nil {
		p.s(sep, "ORDER BY ")
		p.orderItems(w.OrderBy)
		sep = " "
	}
	if f := w.Frame; f != nil {
		p.s(sep, f.Unit, " ")
		p.when(f.End != nil, "BETWEEN ")
		p.bound(f.Start)
		if f.End != nil {
			p.s(" AND ")
			p.bound(*f.End)
		}
	}
	p.s(")")
}

func (p *printer) bound(b ast.Bound) {
	if b.Offset != nil {
		p.expr(b.Offset)
		p.s(" ")
	}
	p.s(b.Kind)
}

func (p *printer) orderItems(list []ast.OrderItem) {
	p.each(len(list), func(i int) {
		p.expr(list[i].X)
		p.when(list[i].Desc, " DESC")
	})
}

// function prints the functions with a grammar of their own; conditions are the rest.
func (p *printer) function(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Cast:
		p.s(try(e.Try, "CAST"), "(")
		p.expr(e.X)
		p.s(" AS ", dataType(e.Type), ")")
	case *ast.Convert:
		p.s(try(e.Try, "CONVERT"), "(", dataType(e.Type))
		p.optExpr(", ", e.X)
		p.optExpr(", ", e.Style)
		p.s(")")
	case *ast.Parse:
		p.s(try(e.Try, "PARSE"), "(")
		p.expr(e.X)
		p.s(" AS ", dataType(e.Type))
		p.optExpr(" USING ", e.Culture)
		p.s(")")
	case *ast.IIf:
		p.s("IIF")
		p.args([]ast.Expr{e.Cond, e.Then, e.Else})
	case *ast.IdentityFunc:
		p.s("IDENTITY(", dataType(e.Type))
		p.optExpr(", ", e.Seed)
		p.optExpr(", ", e.Increment)
		p.s(")")
	case *ast.Trim:
		p.s("TRIM(")
		p.when(e.Side != "", e.Side+" ")
		p.optExpr("", e.Chars)
		p.when(e.Chars != nil, " ")
		p.s("FROM ")
		p.expr(e.X)
		p.s(")")
	case *ast.JSONConstructor:
		p.json(e)
	case *ast.MethodCall:
		p.method(e)
	case *ast.StaticCall:
		p.object(e.Type)
		p.s("::", member(e.Name))
		if !e.Property {
			p.args(e.Args)
		}
	case *ast.NextValue:
		p.s("NEXT VALUE FOR ")
		p.object(e.Sequence)
		p.over(e.Over)
	case *ast.ODBCFunc:
		f := e.Call.(*ast.FuncCall)
		p.s("{fn ", f.Name.Name())
		p.args(f.Args)
		p.s("}")
	case *ast.ODBCLiteral:
		p.s("{", e.Kind, " ", stringLit(e.Text), "}")
	default:
		p.condition(e)
	}
}

func (p *printer) json(e *ast.JSONConstructor) {
	if e.Array {
		p.s("JSON_ARRAY(")
	} else {
		p.s("JSON_OBJECT(")
	}
	p.each(len(e.Values), func(i int) {
		if !e.Array {
			p.expr(e.Keys[i])
			p.s(": ")
		}
		p.expr(e.Values[i])
	})
	p.when(e.Nulls != "" && len(e.Values) > 0, " ")
	p.when(e.Nulls != "", e.Nulls+" ON NULL")
	p.s(")")
}

func (p *printer) method(e *ast.MethodCall) {
	switch e.X.(type) {
	case *ast.ColumnRef, *ast.Literal, *ast.PseudoColumn:
		p.args([]ast.Expr{e.X})
	default:
		p.operand(e.X, levelPrimary)
	}
	p.s(".", member(e.Name))
	if !e.Property {
		p.args(e.Args)
	}
}

// term prints a condition inside a chain or behind NOT: chains get parentheses.
func (p *printer) term(e ast.Condition) {
	if _, ok := e.(*ast.Logical); ok {
		p.s("(")
		p.expr(e)
		p.s(")")
		return
	}
	p.expr(e)
}

func (p *printer) condition(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Logical:
		for i, t := range e.Terms {
			if i > 0 {
				p.s(" ", e.Op, " ")
			}
			if l, ok := t.(*ast.Logical); ok && l.Op == "AND" && e.Op == "OR" {
				p.expr(t)
				continue
			}
			p.term(t)
		}
	case *ast.Not:
		p.s("NOT ")
		p.term(e.X)
	case *ast.Compare:
		p.masked(comparesSecret(e.L, e.R), func() {
			p.expr(e.L)
			p.s(" ", e.Op, " ")
			p.expr(e.R)
		})
	case *ast.Quantified:
		p.expr(e.X)
		p.s(" ", e.Op, map[bool]string{true: " ALL ", false: " ANY "}[e.All])
		p.subquery(e.Query)
	case *ast.Between:
		p.expr(e.X)
		p.s(" ", not(e.Not), "BETWEEN ")
		p.expr(e.Low)
		p.s(" AND ")
		p.expr(e.High)
	case *ast.In:
		p.expr(e.X)
		p.s(" ", not(e.Not), "IN ")
		if e.Query != nil {
			p.subquery(e.Query)
		} else {
			p.args(e.List)
		}
	case *ast.Like:
		p.expr(e.X)
		p.s(" ", not(e.Not), "LIKE ")
		p.expr(e.Pattern)
		p.optExpr(" ESCAPE ", e.Escape)
	case *ast.IsNull:
		p.expr(e.X)
		p.s(" IS ", not(e.Not), "NULL")
	case *ast.IsDistinct:
		p.expr(e.L)
		p.s(" IS ", not(e.Not), "DISTINCT FROM ")
		p.expr(e.R)
	case *ast.IsJSON:
		p.expr(e.X)
		p.s(" IS ", not(e.Not), "JSON")
	case *ast.Exists:
		p.s("EXISTS ")
		p.subquery(e.Query)
	case *ast.UpdatedColumn:
		p.s("UPDATE(", quote(e.Column), ")")
	case *ast.CurrentOf:
		p.s("CURRENT OF ", cursorName(e.Cursor))
	case *ast.FullText:
		p.s(e.Function, " (")
		p.raw(e.Raw)
		p.s(")")
	}
}

func cursorName(n ast.Name) string {
	if n.Global {
		return "GLOBAL " + quoteOrVar(n.Name)
	}
	return quoteOrVar(n.Name)
}

func dataType(t *ast.DataType) string {
	var s string
	if n := t.Name.Parts; len(n) == 1 && (bare(n[0]) || n[0] == "cursor") {
		s = n[0]
	} else {
		s = object(t.Name)
	}
	switch {
	case t.Max:
		s += "(max)"
	case t.Schema != "":
		s += "(" + t.Schema + ")"
	case t.Args != nil:
		args := make([]string, len(t.Args))
		for i, n := range t.Args {
			args[i] = strconv.Itoa(n)
		}
		s += "(" + strings.Join(args, ", ") + ")"
	}
	return s
}
