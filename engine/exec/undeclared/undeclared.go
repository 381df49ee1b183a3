// Package undeclared deduces the types of parameters that a batch uses and does not declare: sp_describe_undeclared_parameters.
//
// A parameter has a type where it stands alone on one side of a comparison (also IN, BETWEEN, LIKE), as a value of INSERT, of SET in an UPDATE, of a variable, as an
// argument of a user's procedure or function, in CAST and CONVERT, in TOP, OFFSET and FETCH. The type of what stands on the other side is that of a query made for it over the same sources, so
// all rules are the compiler's. For <, >, <=, >=, BETWEEN and LIKE the length is the largest, as SQL Server documents for its general deduction.
//
// Anything else is message 11502 (arithmetic with a parameter, one in a select list or as an argument of a built-in function), 11503 (two in one comparison), 11508 (one that is used twice), or 40517 with the
// statement's name. What the batch reads and writes is asked for as if it ran. Nothing runs.
package undeclared

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Procedure is the name of the procedure, which refusals have.
const Procedure = "sp_describe_undeclared_parameters"

// Parameter is a parameter whose type was deduced.
type Parameter struct {
	Name          string // with @
	Type          sqltype.Type
	Formal        string // the parameter of the procedure or function that it is an argument of
	Input, Output bool

	pos token.Pos
}

// Deducer is the session's. All fields are to be set.
type Deducer struct {
	Actor *actor.Actor
	Work  *work.Session
	Query *query.Runner
}

// Deduce gives the undeclared parameters of a unit, in the order of its text.
func (d Deducer) Deduce(ctx context.Context, f *scope.Frame, u *unit.Unit) ([]Parameter, error) {
	in := d.Work.NewFrame(f, u)
	w := d.Work.Begin(ctx, in)
	x := &deduction{Deducer: d, w: w, found: make(map[string]*Parameter)}
	var err error
	for _, p := range u.Params {
		if err = d.Query.DeclareParameter(ctx, w, in, p); err != nil {
			break
		}
	}
	if err == nil {
		err = x.statements(u.Statements)
	}
	if err = w.Finish(err); err != nil {
		return nil, err
	}
	return x.inOrder(), nil
}

// deduction is one batch under way. It is the scope in which its pieces are compiled.
type deduction struct {
	Deducer
	w     *work.Statement
	with  *ast.With // of the statement, as far as it may be named
	found map[string]*Parameter
}

// names are those of the statement with the parameters that have types already.
type names struct {
	*work.Statement
	found map[string]*Parameter
}

// Variable is the type of a variable or of a parameter whose type was deduced.
func (n names) Variable(name string) (sqltype.Type, bool) {
	if p := n.found[strings.ToLower(name)]; p != nil {
		return p.Type, true
	}
	return n.Statement.Variable(name)
}

func (x *deduction) scope() plan.Scope { return names{x.w, x.found} }

func (x *deduction) inOrder() []Parameter {
	var out []Parameter
	for _, p := range x.found {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Parameter) int { return int(a.pos.Off) - int(b.pos.Off) })
	return out
}

// param reports that an expression is an undeclared parameter and nothing else.
func (x *deduction) param(e ast.Expr) *ast.Variable {
	if v, ok := e.(*ast.Variable); ok && x.undeclared(v.Name) {
		return v
	}
	return nil
}

func (x *deduction) undeclared(name string) bool {
	return name != "" && !strings.HasPrefix(name, "@@") && x.w.Frame.Find(name) == nil
}

// is notes the type of a parameter.
func (x *deduction) is(v *ast.Variable, t sqltype.Type) error {
	return x.add(Parameter{Name: v.Name, Type: t, Input: true, pos: v.Pos})
}

func (x *deduction) add(p Parameter) error {
	key := strings.ToLower(p.Name)
	if x.found[key] != nil {
		return raise.New(11508, p.Name)
	}
	p.Type.Nullable = true
	x.found[key] = &p
	return nil
}

// env is what column names mean: sources, and those of the queries around.
type env struct {
	from  []ast.TableSource
	outer *env
}

// typeOf is the type that an expression has over sources.
func (x *deduction) typeOf(e ast.Expr, at *env) (sqltype.Type, error) {
	cols, err := x.columns(e, at, true)
	if err != nil {
		return sqltype.Type{}, err
	}
	return cols[0].Type, nil
}

// columns are those that a select item has over sources.
func (x *deduction) columns(e ast.Expr, at *env, ask bool) ([]plan.Column, error) {
	q := &ast.Query{Body: &ast.Select{Items: []*ast.SelectItem{{X: e}}}}
	for ; at != nil; at = at.outer {
		q.Body.(*ast.Select).From = at.from
		if at.outer != nil {
			q = &ast.Query{Body: &ast.Select{Items: []*ast.SelectItem{{X: &ast.Subquery{Query: q}}}}}
		}
	}
	p, err := x.compile(&ast.SelectStmt{With: x.with, Query: q}, ask)
	if err != nil {
		return nil, err
	}
	cols := p.Columns[:query.Visible(p.Columns)]
	if len(cols) == 0 {
		return nil, raise.Unsupported(Procedure + " OF SUCH AN EXPRESSION")
	}
	return cols, nil
}

// compile compiles a query; ask asks for the permissions that it needs.
func (x *deduction) compile(st *ast.SelectStmt, ask bool) (*plan.Plan, error) {
	if err := x.w.Ctx.Err(); err != nil {
		return nil, context.Cause(x.w.Ctx)
	}
	p, err := compile.Query(x.scope(), st)
	if err != nil {
		return nil, invalid(err)
	}
	if ask {
		err = x.Actor.Allowed(x.w.Frame, p.Uses, p.Objects)
	}
	return p, err
}

// invalid is an error of compiling, and 11501 behind it.
func invalid(err error) error {
	err = raise.Bind(err)
	if raise.Unknown(err) {
		return err
	}
	return append(raise.List(raise.From(err)), raise.New(11501))
}

// visit looks for parameters in a part of a tree: those of queries and conditions get their types, any other is message 11502.
func (x *deduction) visit(n any, at *env) error { return x.value(reflect.ValueOf(n), at) }

func (x *deduction) value(v reflect.Value, at *env) error {
	switch v.Kind() {
	case reflect.Interface:
		return x.value(v.Elem(), at)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if done, err := x.node(v.Interface(), at); done || err != nil {
			return err
		}
		return x.value(v.Elem(), at)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if err := x.value(v.Field(i), at); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := x.value(v.Index(i), at); err != nil {
				return err
			}
		}
	}
	return nil
}

// node is what is known of one node; done says that nothing in it is left to look at.
func (x *deduction) node(n any, at *env) (done bool, err error) {
	switch n := n.(type) {
	case *ast.Variable:
		if x.undeclared(n.Name) && x.found[strings.ToLower(n.Name)] == nil {
			return true, raise.New(11502, n.Name)
		} else if x.undeclared(n.Name) {
			return true, raise.New(11508, n.Name)
		}
	case *ast.Query:
		return true, x.query(n, at, nil)
	case *ast.SelectItem:
		if x.undeclared(n.Variable) {
			return true, raise.New(11502, n.Variable)
		}
		if n.Variable != "" {
			return true, x.toVariable(n.Variable, n.X, at)
		}
	case *ast.Top:
		return true, x.count(n.Count, at)
	case *ast.Compare:
		return true, x.pair(n.L, n.R, at, n.Op != "=" && n.Op != "<>")
	case *ast.IsDistinct:
		return true, x.pair(n.L, n.R, at, false)
	case *ast.Between:
		return true, x.against(n.X, []ast.Expr{n.Low, n.High}, at, true)
	case *ast.Like:
		if err := x.pair(n.X, n.Pattern, at, true); err != nil || n.Escape == nil {
			return true, err
		}
		return true, x.visit(n.Escape, at)
	case *ast.In:
		if n.Query != nil {
			return true, x.pair(n.X, &ast.Subquery{Query: n.Query}, at, false)
		}
		return true, x.against(n.X, n.List, at, false)
	case *ast.Quantified:
		return true, x.pair(n.X, &ast.Subquery{Query: n.Query}, at, n.Op != "=" && n.Op != "<>")
	case *ast.Cast:
		if v := x.param(n.X); v != nil {
			return true, x.cast(v, &ast.Cast{X: &ast.Literal{Kind: ast.NullLit}, Type: n.Type})
		}
	case *ast.Convert:
		if v := x.param(n.X); v != nil {
			if err := x.cast(v, &ast.Cast{X: &ast.Literal{Kind: ast.NullLit}, Type: n.Type}); err != nil || n.Style == nil {
				return true, err
			}
			return true, x.visit(n.Style, at)
		}
	case *ast.FuncCall:
		return x.function(n, at)
	}
	return false, nil
}

func (x *deduction) cast(v *ast.Variable, e *ast.Cast) error {
	t, err := x.typeOf(e, nil)
	if err != nil {
		return err
	}
	return x.is(v, t)
}

// count is a number of rows.
func (x *deduction) count(e ast.Expr, at *env) error {
	if v := x.param(e); v != nil {
		return x.is(v, sqltype.Of(sqltype.BigInt))
	}
	return x.visit(e, at)
}

// pair is a comparison.
func (x *deduction) pair(l, r ast.Expr, at *env, general bool) error {
	return x.against(l, []ast.Expr{r}, at, general)
}

// against compares one expression with others.
func (x *deduction) against(one ast.Expr, others []ast.Expr, at *env, general bool) error {
	v := x.param(one)
	var known ast.Expr
	for _, o := range others {
		p := x.param(o)
		switch {
		case p == nil:
			if err := x.visit(o, at); err != nil {
				return err
			}
			if known == nil {
				known = o
			}
		case v != nil:
			return raise.New(11503, v.Name, p.Name)
		}
	}
	if v != nil {
		t, err := x.compared(known, at, general)
		if err != nil {
			return err
		}
		return x.is(v, t)
	}
	if err := x.visit(one, at); err != nil {
		return err
	}
	var t *sqltype.Type // found once
	for _, o := range others {
		p := x.param(o)
		if p == nil {
			continue
		}
		if t == nil {
			is, err := x.compared(one, at, general)
			if err != nil {
				return err
			}
			t = &is
		}
		if err := x.is(p, *t); err != nil {
			return err
		}
	}
	return nil
}

// compared is the type of what is compared with an expression.
func (x *deduction) compared(e ast.Expr, at *env, general bool) (sqltype.Type, error) {
	t, err := x.typeOf(e, at)
	if err == nil && general {
		t = candidate(t)
	}
	return t, err
}

// candidate is the type among those of the general deduction that is nearest to a type.
func candidate(t sqltype.Type) sqltype.Type {
	sized := func(k sqltype.Kind, n int) sqltype.Type {
		if t.IsMax() {
			n = sqltype.Max
		}
		return sqltype.Sized(k, n).Collated(t.Collation)
	}
	switch t.Kind {
	case sqltype.Char, sqltype.VarChar:
		return sized(sqltype.VarChar, 8000)
	case sqltype.NChar, sqltype.NVarChar:
		return sized(sqltype.NVarChar, 4000)
	case sqltype.Binary, sqltype.VarBinary:
		return sized(sqltype.VarBinary, 8000)
	case sqltype.Decimal:
		t.Precision, t.Scale = 38, 19
	case sqltype.Time, sqltype.DateTime2, sqltype.DateTimeOffset:
		t.Scale = 7
	}
	return t
}

// function is a call: arguments of a user's function have its parameters' types.
func (x *deduction) function(n *ast.FuncCall, at *env) (done bool, err error) {
	if len(n.Name.Parts) < 2 {
		return false, nil
	}
	fn, err := x.w.ScalarFunction(n.Name)
	if err != nil {
		return true, invalid(err)
	}
	if fn == nil {
		return false, nil
	}
	return true, x.arguments(n.Args, fn.Params, at)
}

func (x *deduction) arguments(args []ast.Expr, params []plan.FunctionParam, at *env) error {
	for i, a := range args {
		v := x.param(a)
		if v == nil || i >= len(params) || params[i].Type.Kind == sqltype.Null {
			if err := x.visit(a, at); err != nil {
				return err
			}
			continue
		}
		if err := x.add(Parameter{Name: v.Name, Type: params[i].Type, Formal: params[i].Name, Input: true, pos: v.Pos}); err != nil {
			return err
		}
	}
	return nil
}

// toVariable is an assignment to a declared variable.
func (x *deduction) toVariable(name string, e ast.Expr, at *env) error {
	v := x.param(e)
	if v == nil {
		return x.visit(e, at)
	}
	t, ok := x.w.Variable(name)
	if !ok {
		return raise.New(11502, v.Name)
	}
	return x.is(v, t)
}

// folded compares names without regard to case.
type folded struct{}

func (folded) Same(a, b string) bool { return strings.EqualFold(a, b) }

// ctes looks at common table expressions; each sees those before it.
func (x *deduction) ctes(w *ast.With) error {
	x.with = nil
	if w == nil {
		return nil
	}
	for i, c := range w.CTEs {
		if i > 0 {
			x.with = &ast.With{CTEs: w.CTEs[:i], Namespaces: w.Namespaces}
		}
		if err := x.query(c.Query, nil, nil); err != nil {
			if shape.Mentions(c.Query, c.Name, folded{}) {
				return raise.Unsupported(Procedure + " OF A RECURSIVE QUERY")
			}
			return err
		}
	}
	x.with = w
	return nil
}
