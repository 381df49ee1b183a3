package names

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/token"
)

// maxSQL bounds a statement's text, in bytes.
const maxSQL = 16 << 20

// Base is what all queries of a statement share.
type Base struct {
	*expr.Compiler

	// InView is above 0 inside a view or function: objects need no permission of the caller.
	InView int
	// MaxRecursion is that of OPTION (MAXRECURSION n); 0 is no limit.
	MaxRecursion int

	aliases int
	objects []*plan.Object
	uses    []*Use
	with    []string
}

// Use is an object with the columns that were named.
type Use struct {
	Object     *plan.Object
	Permission string
	Columns    map[string]bool
}

// New begins a statement.
func New(sc plan.Scope, pos token.Pos) *Base {
	return &Base{
		Compiler:     &expr.Compiler{Builder: &bound.Builder{Settings: sc.Settings()}, Scope: sc, Pos: pos},
		MaxRecursion: 100,
	}
}

// Number is a number that no alias of the statement has yet.
func (c *Base) Number() string {
	c.aliases++
	return strconv.Itoa(c.aliases)
}

// Alias is a new alias for a source.
func (c *Base) Alias() string { return "t" + c.Number() }

// Same compares names as the database does.
func (c *Base) Same(a, b string) bool {
	return a == b || c.Settings.Collation.Compare(a, b, true) == 0
}

// Need notes that an object is used with a permission.
func (c *Base) Need(o *plan.Object, permission string, columns ...string) {
	c.read(o)
	if o.Temporary || c.InView > 0 {
		return
	}
	u := c.UseOf(o, permission)
	for _, name := range columns {
		u.Columns[name] = true
	}
}

// UseOf is the use of an object with a permission.
func (c *Base) UseOf(o *plan.Object, permission string) *Use {
	for _, u := range c.uses {
		if same(u.Object, o) && u.Permission == permission {
			return u
		}
	}
	u := &Use{Object: o, Permission: permission, Columns: map[string]bool{}}
	c.uses = append(c.uses, u)
	return u
}

// Watch notes that a source reads an object, and from then on which of its columns are named.
func (c *Base) Watch(s *Source, o *plan.Object) {
	c.Need(o, "SELECT")
	if !o.Temporary && c.InView == 0 {
		s.Use = c.UseOf(o, "SELECT")
	}
}

// same reports one object, which a scope may describe anew each time.
func same(a, b *plan.Object) bool {
	return a == b || a.ID != 0 && a.ID == b.ID && a.DatabaseID == b.DatabaseID && a.Kind == b.Kind && a.Source == b.Source
}

// read notes that the text reads an object.
func (c *Base) read(o *plan.Object) {
	for _, have := range c.objects {
		if same(have, o) {
			return
		}
	}
	c.objects = append(c.objects, o)
}

// Inside makes the functions called since the n-th those of a view's text: the caller needs no permission on them, its owner does.
func (c *Base) Inside(n int) {
	for _, u := range c.Used[n:] {
		c.read(u.Object)
	}
	c.Used = c.Used[:n]
}

// Plan makes the plan of a whole text.
func (c *Base) Plan(sql string, cols []plan.Column) (*plan.Plan, error) {
	if c.TooMany() {
		return nil, plan.Fail(c.Pos, 8623)
	}
	p := &plan.Plan{SQL: c.WithText() + sql, Params: c.Params(), Columns: cols, Objects: c.objects}
	for _, u := range c.uses {
		out := plan.Use{Object: u.Object, Permission: u.Permission}
		for _, col := range u.Object.Columns {
			if u.Columns[col.Name] {
				out.Columns = append(out.Columns, col.Name)
			}
		}
		p.Uses = append(p.Uses, out)
	}
	for _, u := range c.Used {
		p.Uses = append(p.Uses, u)
		p.Objects = append(p.Objects, u.Object)
	}
	switch {
	case len(p.SQL) > maxSQL:
		return nil, plan.Fail(c.Pos, 8623)
	case bound.TooDeep(p.SQL, len(c.with)): // one common table expression may be in another
		return nil, plan.Fail(c.Pos, 191)
	}
	return p, nil
}

// AddWith adds a common table expression to the statement's text.
func (c *Base) AddWith(text string) { c.with = append(c.with, text) }

// WithText is what stands in front of the statement's text.
func (c *Base) WithText() string {
	if len(c.with) == 0 {
		return ""
	}
	return "WITH RECURSIVE " + strings.Join(c.with, ", ") + " "
}
