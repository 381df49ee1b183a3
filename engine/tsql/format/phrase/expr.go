package phrase

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

// Operand prints an operand, in parentheses if it binds less tightly than min.
func (p *Printer) Operand(e ast.Expr, min int) {
	if level(e) < min {
		p.S("(")
		p.Expr(e)
		p.S(")")
		return
	}
	p.Expr(e)
}

// Exprs prints expressions with commas.
func (p *Printer) Exprs(list []ast.Expr) {
	p.Each(len(list), func(i int) { p.Expr(list[i]) })
}

// Args prints (a, b).
func (p *Printer) Args(list []ast.Expr) {
	p.S("(")
	p.Exprs(list)
	p.S(")")
}

// OptExpr prints an expression behind some text, or nothing for nil.
func (p *Printer) OptExpr(before string, e ast.Expr) {
	if e != nil {
		p.S(before)
		p.Expr(e)
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

// Expr prints a scalar expression or a condition.
func (p *Printer) Expr(e ast.Expr) {
	switch e := e.(type) {
	case nil:
	case *ast.Literal:
		p.Literal(e)
	case *ast.Word:
		p.S(e.Text)
	case *ast.Default:
		p.S("DEFAULT")
	case *ast.Variable:
		p.S(e.Name)
	case *ast.ColumnRef:
		p.Object(e.Name)
	case *ast.PseudoColumn:
		for _, q := range e.Qualifier {
			p.S(Quote(q), ".")
		}
		p.S(e.Name)
	case *ast.Star:
		if len(e.Qualifier.Parts) > 0 {
			p.Object(e.Qualifier)
			p.S(".")
		}
		p.S("*")
	case *ast.Unary:
		p.S(e.Op)
		p.Operand(e.X, levelPrimary)
	case *ast.Binary:
		p.binary(e)
	case *ast.Collate:
		p.Operand(e.X, levelPrimary)
		p.Name(" COLLATE ", e.Collation)
	case *ast.AtTimeZone:
		p.Operand(e.X, levelPrimary)
		p.S(" AT TIME ZONE ")
		if _, ok := e.Zone.(*ast.AtTimeZone); ok {
			p.Args([]ast.Expr{e.Zone})
			return
		}
		p.Operand(e.Zone, levelPrimary)
	case *ast.Subquery:
		p.Subquery(e.Query)
	case *ast.Case:
		p.caseExpr(e)
	case *ast.FuncCall:
		p.call(e)
	default:
		p.function(e)
	}
}

// binary prints a chain that leans to the left without going deeper for each operator.
func (p *Printer) binary(e *ast.Binary) {
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
	parts := []ast.Expr{last.L}
	for _, b := range chain {
		parts = append(parts, b.R)
	}
	p.Masked(AnyHoldsSecret(parts), func() {
		p.Operand(last.L, level(last))
		for i := len(chain) - 1; i >= 0; i-- {
			p.S(" ", chain[i].Op, " ")
			p.Operand(chain[i].R, level(chain[i])+1)
		}
	})
}

func (p *Printer) caseExpr(e *ast.Case) {
	p.S("CASE")
	p.OptExpr(" ", e.Input)
	for _, w := range e.Whens {
		p.OptExpr(" WHEN ", w.If)
		p.OptExpr(" THEN ", w.Then)
	}
	p.OptExpr(" ELSE ", e.Else)
	p.S(" END")
}

func (p *Printer) call(e *ast.FuncCall) {
	switch n := e.Name.Parts; {
	case len(n) == 2 && n[0] == "$PARTITION":
		p.S(n[0], ".", member(n[1]))
	case len(n) > 1:
		p.Object(e.Name)
	case e.NoParens:
		p.S(n[0])
		return
	default:
		switch up := strings.ToUpper(n[0]); {
		case n[0] == "LEFT", n[0] == "RIGHT", n[0] == "COALESCE", n[0] == "NULLIF", n[0] == "TRIM" && len(e.Args) == 1 && !e.Distinct:
			p.S(n[0])
		case bare(n[0]) && !ownGrammar[up]: // a bracketed name would be no function of the server's
			p.S(n[0])
			if r, ok := firstColumn(e.Args); ok && datePartFunctions[up] && bare(r) {
				p.S("(", r, ", ")
				p.Exprs(e.Args[1:])
				p.S(")")
				return
			}
		default:
			p.S(token.Quote(n[0]))
		}
	}
	p.S("(")
	p.When(e.Distinct, "DISTINCT ")
	p.When(e.Star, "*")
	p.Masked(isSecretFunction(e.Name), func() { p.Exprs(e.Args) })
	p.S(")")
	if e.Within != nil {
		p.S(" WITHIN GROUP (ORDER BY ")
		p.OrderItems(e.Within)
		p.S(")")
	}
	p.When(e.Nulls != "", " "+e.Nulls+" NULLS")
	p.over(e.Over)
}

// ownGrammar are the words that mean more than a function when a parenthesis follows.
var ownGrammar = Words(`CAST TRY_CAST PARSE TRY_PARSE IIF TRIM JSON_OBJECT JSON_ARRAY CHANGETABLE PREDICT ROLLUP CUBE`)

// datePartFunctions take a bare word first.
var datePartFunctions = Words(`DATEADD DATEDIFF DATEDIFF_BIG DATENAME DATEPART DATETRUNC DATE_BUCKET`)

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

func (p *Printer) over(w *ast.Window) {
	if w == nil {
		return
	}
	p.S(" OVER ")
	p.window(w)
}

func (p *Printer) window(w *ast.Window) {
	if w.Bare {
		p.S(Quote(w.Ref))
		return
	}
	p.S("(", Quote(w.Ref))
	sep := ""
	if w.Ref != "" {
		sep = " "
	}
	if w.PartitionBy != nil {
		p.S(sep, "PARTITION BY ")
		p.Exprs(w.PartitionBy)
		sep = " "
	}
	if w.OrderBy != nil {
		p.S(sep, "ORDER BY ")
		p.OrderItems(w.OrderBy)
		sep = " "
	}
	if f := w.Frame; f != nil {
		p.S(sep, f.Unit, " ")
		p.When(f.End != nil, "BETWEEN ")
		p.bound(f.Start)
		if f.End != nil {
			p.S(" AND ")
			p.bound(*f.End)
		}
	}
	p.S(")")
}

func (p *Printer) bound(b ast.Bound) {
	if b.Offset != nil {
		p.Expr(b.Offset)
		p.S(" ")
	}
	p.S(b.Kind)
}

// OrderItems prints the keys of an ORDER BY.
func (p *Printer) OrderItems(list []ast.OrderItem) {
	p.Each(len(list), func(i int) {
		p.Expr(list[i].X)
		p.When(list[i].Desc, " DESC")
	})
}

// function prints the functions with a grammar of their own; conditions are the rest.
func (p *Printer) function(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Cast:
		p.S(try(e.Try, "CAST"), "(")
		p.Expr(e.X)
		p.S(" AS ", DataType(e.Type), ")")
	case *ast.Convert:
		p.S(try(e.Try, "CONVERT"), "(", DataType(e.Type))
		p.OptExpr(", ", e.X)
		p.OptExpr(", ", e.Style)
		p.S(")")
	case *ast.Parse:
		p.S(try(e.Try, "PARSE"), "(")
		p.Expr(e.X)
		p.S(" AS ", DataType(e.Type))
		p.OptExpr(" USING ", e.Culture)
		p.S(")")
	case *ast.IIf:
		p.S("IIF")
		p.Args([]ast.Expr{e.Cond, e.Then, e.Else})
	case *ast.IdentityFunc:
		p.S("IDENTITY(", DataType(e.Type))
		p.OptExpr(", ", e.Seed)
		p.OptExpr(", ", e.Increment)
		p.S(")")
	case *ast.Trim:
		p.S("TRIM(")
		p.When(e.Side != "", e.Side+" ")
		p.OptExpr("", e.Chars)
		p.When(e.Chars != nil, " ")
		p.S("FROM ")
		p.Expr(e.X)
		p.S(")")
	case *ast.JSONConstructor:
		p.json(e)
	case *ast.MethodCall:
		p.method(e)
	case *ast.StaticCall:
		p.Object(e.Type)
		p.S("::", member(e.Name))
		if !e.Property {
			p.Args(e.Args)
		}
	case *ast.NextValue:
		p.S("NEXT VALUE FOR ")
		p.Object(e.Sequence)
		p.over(e.Over)
	case *ast.ODBCFunc:
		f := e.Call.(*ast.FuncCall)
		p.S("{fn ", f.Name.Name())
		p.Args(f.Args)
		p.S("}")
	case *ast.ODBCLiteral:
		p.S("{", e.Kind, " ", StringLit(e.Text), "}")
	default:
		p.condition(e)
	}
}

func (p *Printer) json(e *ast.JSONConstructor) {
	if e.Array {
		p.S("JSON_ARRAY(")
	} else {
		p.S("JSON_OBJECT(")
	}
	p.Each(len(e.Values), func(i int) {
		if !e.Array {
			p.Expr(e.Keys[i])
			p.S(": ")
		}
		p.Expr(e.Values[i])
	})
	p.When(e.Nulls != "" && len(e.Values) > 0, " ")
	p.When(e.Nulls != "", e.Nulls+" ON NULL")
	p.S(")")
}

func (p *Printer) method(e *ast.MethodCall) {
	switch e.X.(type) {
	case *ast.ColumnRef, *ast.Literal, *ast.PseudoColumn:
		p.Args([]ast.Expr{e.X})
	default:
		p.Operand(e.X, levelPrimary)
	}
	p.S(".", member(e.Name))
	if !e.Property {
		p.Args(e.Args)
	}
}

// term prints a condition inside a chain or behind NOT: chains get parentheses.
func (p *Printer) term(e ast.Condition) {
	if _, ok := e.(*ast.Logical); ok {
		p.S("(")
		p.Expr(e)
		p.S(")")
		return
	}
	p.Expr(e)
}

func (p *Printer) condition(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Logical:
		for i, t := range e.Terms {
			if i > 0 {
				p.S(" ", e.Op, " ")
			}
			if l, ok := t.(*ast.Logical); ok && l.Op == "AND" && e.Op == "OR" {
				p.Expr(t)
				continue
			}
			p.term(t)
		}
	case *ast.Not:
		p.S("NOT ")
		p.term(e.X)
	case *ast.Compare:
		p.Masked(comparesSecret(e.L, e.R), func() {
			p.Expr(e.L)
			p.S(" ", e.Op, " ")
			p.Expr(e.R)
		})
	case *ast.Quantified:
		p.Expr(e.X)
		p.S(" ", e.Op, map[bool]string{true: " ALL ", false: " ANY "}[e.All])
		p.Subquery(e.Query)
	case *ast.Between:
		p.Expr(e.X)
		p.S(" ", not(e.Not), "BETWEEN ")
		p.Expr(e.Low)
		p.S(" AND ")
		p.Expr(e.High)
	case *ast.In:
		p.Expr(e.X)
		p.S(" ", not(e.Not), "IN ")
		if e.Query != nil {
			p.Subquery(e.Query)
		} else {
			p.Args(e.List)
		}
	case *ast.Like:
		p.Expr(e.X)
		p.S(" ", not(e.Not), "LIKE ")
		p.Expr(e.Pattern)
		p.OptExpr(" ESCAPE ", e.Escape)
	case *ast.IsNull:
		p.Expr(e.X)
		p.S(" IS ", not(e.Not), "NULL")
	case *ast.IsDistinct:
		p.Expr(e.L)
		p.S(" IS ", not(e.Not), "DISTINCT FROM ")
		p.Expr(e.R)
	case *ast.IsJSON:
		p.Expr(e.X)
		p.S(" IS ", not(e.Not), "JSON")
	case *ast.Exists:
		p.S("EXISTS ")
		p.Subquery(e.Query)
	case *ast.UpdatedColumn:
		p.S("UPDATE(", Quote(e.Column), ")")
	case *ast.CurrentOf:
		p.S("CURRENT OF ", CursorName(e.Cursor))
	case *ast.FullText:
		p.S(e.Function, " (")
		p.Raw(e.Raw)
		p.S(")")
	}
}

// CursorName is the name of a cursor as printed.
func CursorName(n ast.Name) string {
	if n.Global {
		return "GLOBAL " + QuoteOrVar(n.Name)
	}
	return QuoteOrVar(n.Name)
}

// DataType is a type as printed.
func DataType(t *ast.DataType) string {
	var s string
	if n := t.Name.Parts; len(n) == 1 && (bare(n[0]) || n[0] == "cursor") {
		s = n[0]
	} else {
		s = ObjectName(t.Name)
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
