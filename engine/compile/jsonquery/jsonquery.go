// Package jsonquery compiles FOR JSON: an aggregate over the rows of a query, which another compiles.
//
// [Compile] does it for a whole query. [Origins] and [IsJSON] are what the compiler of a select list notes for it: the sources of columns, for AUTO, and
// expressions whose text is JSON already.
package jsonquery

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/fn"
	"latchkey/engine/fn/forjson"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// jsonColumn is what SQL Server calls the column of a statement's FOR JSON.
const jsonColumn = "JSON_F52E2B61-18A1-11d1-B105-00805F49916B"

// maxJSON is the most columns that SQLite takes as arguments of one call, less the specification.
const maxJSON = 120

// Place is how a query stands in its statement: as the statement's own, or inside.
type Place struct{ Top, Inside bool }

// compiler is what a statement's queries share.
type compiler struct{ *names.Base }

// Compile compiles a query with FOR JSON; rows compiles it without, its columns called c1, c2 ... in SQLite. Messages 13600 to 13605 and 13620.
func Compile(base *names.Base, q *ast.Query, p Place, rows func(*ast.Query) (*names.Result, error)) (*names.Result, error) {
	c := compiler{base}
	if err := c.may(q, p); err != nil {
		return nil, err
	}
	form, err := c.options(q.For)
	if err != nil {
		return nil, err
	}
	inner := *q
	inner.For = nil
	res, err := rows(&inner)
	if err != nil {
		return nil, err
	}
	if len(res.Items) > maxJSON {
		return nil, plan.Unsupported("FOR JSON OF MORE THAN "+strconv.Itoa(maxJSON)+" COLUMNS", c.Pos)
	}
	auto := q.For.Mode == "AUTO"
	if s, ok := q.Body.(*ast.Select); auto && (!ok || len(s.From) == 0) {
		return nil, plan.Fail(c.Pos, 13600)
	}
	if form.Levels, err = c.levels(res, auto); err == nil {
		err = form.Check()
	}
	if err != nil {
		return nil, plan.At(err, c.Pos)
	}
	args, texts := make([]fn.Arg, len(res.Items)), make([]string, len(res.Items))
	for i, item := range res.Items {
		x := item.X
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		args[i], texts[i] = fn.Arg{Type: x.Type}, "c"+strconv.Itoa(i+1)
	}
	call, err := fn.ForJSON(form, args)
	if err != nil {
		return nil, err
	}
	column := plan.Column{Type: call.Type}
	if p.Top {
		column.Name = jsonColumn
	}
	x := bound.X{SQL: "c1", Type: call.Type, Label: bound.Default, Flags: res.Flags}
	x.Type.Collation = c.Settings.Collation
	column.Type = x.Type
	return &names.Result{
		SQL: "SELECT " + call.SQLText(texts, "") + " AS c1 FROM (" + res.SQL + ")", Items: []names.Item{{X: x, Column: column}}, Single: true, Flags: res.Flags,
		Outer: res.Outer,
	}, nil
}

// may refuses FOR JSON where it cannot stand: 13602.
func (c compiler) may(q *ast.Query, p Place) error {
	s, _ := q.Body.(*ast.Select)
	switch {
	case !p.Top && !p.Inside:
		return plan.Fail(c.Pos, 13602, "INSERT")
	case s != nil && s.Into != nil:
		return plan.Fail(c.Pos, 13602, "SELECT INTO")
	case s != nil && shape.Assigns(s):
		return plan.Fail(c.Pos, 13602, "ASSIGNMENT")
	}
	return nil
}

// options reads what is behind PATH or AUTO.
func (c compiler) options(f *ast.For) (*forjson.Shape, error) {
	form := &forjson.Shape{}
	if f.Element != nil {
		return nil, plan.Fail(c.Pos, 102, "(")
	}
	for _, o := range f.Options {
		switch o.Name {
		case "ROOT":
			name := "root"
			if o.Paren {
				l, ok := ast.Expr(nil), false
				if len(o.Args) == 1 && o.Args[0].Name == "" {
					l = o.Args[0].Value
				}
				lit, ok := l.(*ast.Literal)
				if !ok || lit.Kind != ast.StringLit && lit.Kind != ast.NStringLit {
					return nil, plan.Fail(c.Pos, 102, "ROOT")
				}
				name = lit.Text
			}
			form.Root = &name
		case "INCLUDE_NULL_VALUES":
			form.Nulls = true
		case "WITHOUT_ARRAY_WRAPPER":
			form.Bare = true
		default:
			return nil, plan.Fail(c.Pos, 102, o.Name)
		}
	}
	if form.Bare && form.Root != nil {
		return nil, plan.Fail(c.Pos, 13620)
	}
	return form, nil
}

// levels says what becomes of a query's columns: 13605 for one without a name.
func (c compiler) levels(res *names.Result, auto bool) ([]forjson.Level, error) {
	var levels []forjson.Level
	var of []string // the source of each level
	for i, item := range res.Items {
		name := item.Column.Name
		if name == "" {
			return nil, plan.Fail(c.Pos, 13605)
		}
		path := []string{name}
		if !auto {
			var err error
			if path, err = forjson.Path(name); err != nil {
				return nil, err
			}
		}
		from := ""
		if auto && i < len(res.From) {
			from = res.From[i]
		}
		at := len(levels) - 1 // an expression belongs to the deepest level so far
		switch {
		case len(levels) == 0:
			levels, of, at = append(levels, forjson.Level{}), append(of, from), 0
		case from == "":
		case of[0] == "":
			of[0], at = from, 0
		default:
			if at = slices.IndexFunc(of, func(o string) bool { return c.Same(o, from) }); at < 0 {
				levels, of, at = append(levels, forjson.Level{Name: from}), append(of, from), len(of)
			}
		}
		levels[at].Columns = append(levels[at].Columns, forjson.Column{At: i, Path: path, JSON: item.JSON})
	}
	return levels, nil
}

// IsJSON reports an expression whose text goes into JSON as it is.
func IsJSON(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Subquery:
		f := e.Query.For
		return f != nil && f.Kind == "JSON" && ast.FindOption(f.Options, "WITHOUT_ARRAY_WRAPPER") == nil
	case *ast.FuncCall:
		return len(e.Name.Parts) == 1 && strings.EqualFold(e.Name.Name(), "JSON_QUERY")
	}
	return false
}

// Origins are the sources that the columns of a SELECT are of, "" for expressions.
func Origins(items []names.Item, sources []*names.Source) []string {
	out := make([]string, len(items))
	for i, item := range items {
		if item.X.Column == nil {
			continue
		}
		for _, s := range sources {
			if s.Alias != "" && strings.HasPrefix(item.SQL, s.Alias+".") {
				out[i] = s.Name
			}
		}
	}
	return out
}
