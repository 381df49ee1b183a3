// Package document compiles FOR JSON and FOR XML: an aggregate over the rows of a query, which another compiles.
//
// [Compile] does it for a whole query. [Origins] and [IsJSON] are what the compiler of a select list notes for it: the sources of columns, for AUTO, and
// expressions whose text is JSON already.
package document

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/fn"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// maxColumns is the most columns that SQLite takes as arguments of one call, less the specification.
const maxColumns = 120

// Place is how a query stands in its statement: as the statement's own, or inside.
type Place struct{ Top, Inside bool }

// compiler is what a statement's queries share.
type compiler struct{ *names.Base }

// form is a kind of document on its way to the aggregate.
type form interface {
	// arrange says what becomes of the columns.
	arrange(c compiler, res *names.Result) error
	// Spec is the call.
	Spec(types []sqltype.Type) (def.Spec, error)
}

// kind is what differs between the two.
type kind struct {
	name    string // FOR JSON
	column  string // what SQL Server calls the column of a statement's own
	refused int    // the message where it may not stand
	sources int    // the message for AUTO over no table
}

// Compile compiles a query with FOR JSON or FOR XML; rows compiles it without, its columns called c1, c2 ... in SQLite. Messages 13600 to 13605 and
// 13620; 6800 to 6864.
func Compile(base *names.Base, q *ast.Query, p Place, rows func(*ast.Query) (*names.Result, error)) (*names.Result, error) {
	c := compiler{base}
	k, options := kind{"FOR JSON", "JSON_F52E2B61-18A1-11d1-B105-00805F49916B", 13602, 13600}, c.json
	switch {
	case q.For.Kind == "XML":
		k, options = kind{"FOR XML", "XML_F52E2B61-18A1-11d1-B105-00805F49916B", 6819, 6800}, c.xml
	case q.For.Kind != "JSON":
		return nil, plan.Unsupported(strings.TrimSpace("FOR "+q.For.Kind+" "+q.For.Mode), c.Pos)
	}
	if err := c.may(k, q, p); err != nil {
		return nil, err
	}
	f, err := options(q.For)
	if err != nil {
		return nil, plan.At(err, c.Pos)
	}
	inner := *q
	inner.For = nil
	res, err := rows(&inner)
	if err != nil {
		return nil, err
	}
	if len(res.Items) > maxColumns {
		return nil, plan.Unsupported(k.name+" OF MORE THAN "+strconv.Itoa(maxColumns)+" COLUMNS", c.Pos)
	}
	if s, ok := q.Body.(*ast.Select); q.For.Mode == "AUTO" && (!ok || len(s.From) == 0) {
		return nil, plan.Fail(c.Pos, k.sources)
	}
	if err := f.arrange(c, res); err != nil {
		return nil, plan.At(err, c.Pos)
	}
	types, texts := make([]sqltype.Type, len(res.Items)), make([]string, len(res.Items))
	for i, item := range res.Items {
		if types[i] = item.Type; item.Type.Kind == sqltype.Null {
			types[i] = sqltype.Of(sqltype.Int)
		}
		texts[i] = "c" + strconv.Itoa(i+1)
	}
	call, err := fn.Document(f, types)
	if err != nil {
		return nil, err
	}
	column := plan.Column{Type: call.Type}
	if p.Top {
		column.Name = k.column
	}
	x := bound.X{SQL: "c1", Type: call.Type, Label: bound.Default, Flags: res.Flags}
	x.Type.Collation = c.Settings.Collation
	column.Type = x.Type
	return &names.Result{
		SQL: "SELECT " + call.SQLText(texts, "") + " AS c1 FROM (" + res.SQL + ")", Items: []names.Item{{X: x, Column: column}}, Single: true, Flags: res.Flags,
		Outer: res.Outer,
	}, nil
}

// may refuses a document where it cannot stand.
func (c compiler) may(k kind, q *ast.Query, p Place) error {
	s, _ := q.Body.(*ast.Select)
	switch {
	case !p.Top && !p.Inside:
		return plan.Fail(c.Pos, k.refused, "INSERT")
	case s != nil && s.Into != nil:
		return plan.Fail(c.Pos, k.refused, "SELECT INTO")
	case s != nil && shape.Assigns(s):
		return plan.Fail(c.Pos, k.refused, "ASSIGNMENT")
	}
	return nil
}

// root is the name that ROOT gives, or otherwise.
func (c compiler) root(o *ast.Option, otherwise string) (*string, error) {
	if !o.Paren {
		return &otherwise, nil
	}
	if len(o.Args) == 1 && o.Args[0].Name == "" {
		if l, ok := o.Args[0].Value.(*ast.Literal); ok && (l.Kind == ast.StringLit || l.Kind == ast.NStringLit) {
			return &l.Text, nil
		}
	}
	return nil, plan.Fail(c.Pos, 102, "ROOT")
}

// group is the columns that stand in one depth of a document, by their places, and the source that they are of; "" for none.
type group struct {
	source  string
	columns []int
}

// groups puts the columns of a query into depths: with AUTO one for each source, in the order in which the columns name them.
func (c compiler) groups(res *names.Result, auto bool) []group {
	var out []group
	for i := range res.Items {
		from := ""
		if auto && i < len(res.From) {
			from = res.From[i]
		}
		at := len(out) - 1 // an expression belongs to the deepest so far
		switch {
		case len(out) == 0:
			out, at = append(out, group{source: from}), 0
		case from == "":
		case out[0].source == "":
			out[0].source, at = from, 0
		default:
			if at = slices.IndexFunc(out, func(g group) bool { return c.Same(g.source, from) }); at < 0 {
				out, at = append(out, group{source: from}), len(out)
			}
		}
		out[at].columns = append(out[at].columns, i)
	}
	return out
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
