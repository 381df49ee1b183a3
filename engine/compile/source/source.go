// Package source compiles what stands in FROM: tables, views, derived tables, functions, joins, PIVOT and UNPIVOT.
//
// Queries inside of it, and APPLY, which takes queries apart, are [Selects]': package query.
package source

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
)

// maxNested bounds views in views and queries in queries.
const maxNested = 64

// Selects compiles what is more than a source.
type Selects interface {
	// Nested compiles a query whose columns are called c1, c2 ... in SQLite.
	Nested(q *ast.Query, parent *names.Rows) (*names.Result, error)
	// Apply compiles CROSS and OUTER APPLY: left is the text of its left side, whose sources are those of r from first on.
	Apply(j *ast.Join, left string, first int, r *names.Rows) (string, error)
	// With takes common table expressions into scope and leave takes them out again.
	With(w *ast.With) (leave func(), err error)
}

// Compiler compiles the sources of one statement.
type Compiler struct {
	*names.Base
	Selects Selects

	nested int
	ctes   *CTE // those that can be named, newest first
}

// Deeper counts one level of nesting and refuses too many: 191.
func (c *Compiler) Deeper() (leave func(), err error) {
	if c.nested++; c.nested > maxNested {
		c.nested--
		return nil, plan.Fail(c.Pos, 191)
	}
	return func() { c.nested-- }, nil
}

// Enter goes into the text of a view or function: other names, other settings. The result leaves it.
func (c *Compiler) Enter(sc plan.Scope, args map[string]bound.X) (leave func(), err error) {
	up, err := c.Deeper()
	if err != nil {
		return nil, plan.Fail(c.Pos, 217, maxNested/2)
	}
	scope, settings, vars, ctes, used := c.Scope, c.Settings, c.Arguments, c.ctes, len(c.Used)
	if sc != nil {
		c.Scope = sc
		c.Settings = sc.Settings()
	}
	c.Arguments, c.ctes = args, nil
	c.InView++
	return func() {
		c.Scope, c.Settings, c.Arguments, c.ctes = scope, settings, vars, ctes
		if c.InView--; c.InView == 0 {
			c.Inside(used)
		}
		up()
	}, nil
}

// CTE is a common table expression that can be named.
type CTE struct {
	Name    string
	SQL     string // its name in SQLite
	Items   []names.Item
	Columns []string
	// Open is set while its own recursive part is compiled: Seen counts the references, Alias is that of the last one.
	Open  bool
	Seen  int
	Alias string

	next *CTE
}

// Define brings a common table expression into scope.
func (c *Compiler) Define(w *CTE) { w.next, c.ctes = c.ctes, w }

// Mark remembers which common table expressions are in scope; the result brings that back.
func (c *Compiler) Mark() (restore func()) {
	before := c.ctes
	return func() { c.ctes = before }
}

func (c *Compiler) findCTE(name string) *CTE {
	for w := c.ctes; w != nil; w = w.next {
		if c.Same(w.Name, name) {
			return w
		}
	}
	return nil
}

// useCTE is the text of a common table expression in FROM.
func (c *Compiler) useCTE(w *CTE, name string, r *names.Rows) (string, error) {
	s := c.Of(&names.Result{Items: w.Items}, name, w.Columns)
	if w.Open {
		if w.Seen++; w.Seen > 1 {
			return "", plan.Fail(c.Pos, 253, w.Name)
		}
		w.Alias = s.Alias
	}
	r.Add(s)
	return w.SQL + " AS " + s.Alias, nil
}

// ColumnList is (c1, c2, ...), with one more name behind if it is not "".
func ColumnList(n int, more string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "c" + strconv.Itoa(i+1)
	}
	if more != "" {
		list = append(list, more)
	}
	return "(" + strings.Join(list, ", ") + ")"
}
