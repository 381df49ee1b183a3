package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// maxNested bounds views in views and queries in queries.
const maxNested = 64

// Compiler compiles the queries of one statement.
type Compiler struct {
	*expr.Compiler

	aliases int
	nested  int
	work    int // SELECTs compiled so far: APPLY compiles some more than once
	objects []*plan.Object
	uses    []*use
	ctes    *cte // those that can be named, newest first
	with    []string
	inView  int // inside a view or function: objects need no permission of the caller
	// MaxRecursion is that of OPTION (MAXRECURSION n); 0 is no limit.
	MaxRecursion int
}

// maxWork bounds the SELECTs of one statement.
const maxWork = 5000

// use is an object with the columns that were named.
type use struct {
	object     *plan.Object
	permission string
	columns    map[string]bool
}

// New begins a statement.
func New(sc plan.Scope, pos token.Pos) *Compiler {
	c := &Compiler{MaxRecursion: 100}
	c.Compiler = &expr.Compiler{Builder: &bound.Builder{Settings: sc.Settings()}, Scope: sc, Queries: c, Pos: pos}
	return c
}

// Alias is a new alias for a source.
func (c *Compiler) Alias() string {
	c.aliases++
	return "t" + strconv.Itoa(c.aliases)
}

// Same compares names as the database does.
func (c *Compiler) Same(a, b string) bool {
	return a == b || c.Settings.Collation.Compare(a, b, true) == 0
}

// Need notes that an object is used with a permission.
func (c *Compiler) Need(o *plan.Object, permission string, columns ...string) {
	c.read(o)
	if o.Temporary || c.inView > 0 {
		return
	}
	u := c.useOf(o, permission)
	for _, name := range columns {
		u.columns[name] = true
	}
}

func (c *Compiler) useOf(o *plan.Object, permission string) *use {
	for _, u := range c.uses {
		if same(u.object, o) && u.permission == permission {
			return u
		}
	}
	u := &use{object: o, permission: permission, columns: map[string]bool{}}
	c.uses = append(c.uses, u)
	return u
}

// same reports one object, which a scope may describe anew each time.
func same(a, b *plan.Object) bool {
	return a == b || a.ID != 0 && a.ID == b.ID && a.DatabaseID == b.DatabaseID && a.Kind == b.Kind && a.Source == b.Source
}

// read notes that the text reads an object.
func (c *Compiler) read(o *plan.Object) {
	for _, have := range c.objects {
		if same(have, o) {
			return
		}
	}
	c.objects = append(c.objects, o)
}

// Plan makes the plan of a whole text.
func (c *Compiler) Plan(sql string, cols []plan.Column) (*plan.Plan, error) {
	if c.TooMany() {
		return nil, plan.Fail(c.Pos, 8623)
	}
	p := &plan.Plan{SQL: c.WithText() + sql, Params: c.Params(), Columns: cols, Objects: c.objects}
	for _, u := range c.uses {
		out := plan.Use{Object: u.object, Permission: u.permission}
		for _, col := range u.object.Columns {
			if u.columns[col.Name] {
				out.Columns = append(out.Columns, col.Name)
			}
		}
		p.Uses = append(p.Uses, out)
	}
	for _, u := range c.Used {
		p.Uses = append(p.Uses, u)
		p.Objects = append(p.Objects, u.Object)
	}
	if len(p.SQL) > maxSQL {
		return nil, plan.Fail(c.Pos, 8623)
	}
	return p, nil
}

// maxSQL bounds a statement's text, in bytes.
const maxSQL = 16 << 20

// WithText is what stands in front of the statement's text.
func (c *Compiler) WithText() string {
	if len(c.with) == 0 {
		return ""
	}
	return "WITH RECURSIVE " + strings.Join(c.with, ", ") + " "
}

// enter goes into the text of a view or function: other names, other settings. The result leaves it.
func (c *Compiler) enter(sc plan.Scope, args map[string]bound.X) (leave func(), err error) {
	if c.nested++; c.nested > maxNested {
		c.nested--
		return nil, plan.Fail(c.Pos, 217, maxNested/2)
	}
	scope, settings, vars, ctes := c.Scope, c.Settings, c.Arguments, c.ctes
	if sc != nil {
		c.Scope = sc
		c.Settings = sc.Settings()
	}
	c.Arguments, c.ctes = args, nil
	c.inView++
	return func() {
		c.Scope, c.Settings, c.Arguments, c.ctes = scope, settings, vars, ctes
		c.nested--
		c.inView--
	}, nil
}

// Hints refuses the query hints that would change what a query means and that are not known; those that only advise are taken. It
// applies MAXRECURSION.
func (c *Compiler) Hints(hints []*ast.Hint) error {
	for _, h := range hints {
		switch {
		case h.Name == "MAXRECURSION":
			lit, ok := h.Value.(*ast.Literal)
			if !ok || lit.Kind != ast.IntLit {
				return plan.Fail(c.Pos, 102, "MAXRECURSION")
			}
			n, err := strconv.Atoi(lit.Text)
			if err != nil || n > 32767 {
				return plan.Fail(c.Pos, 310, lit.Text)
			}
			c.MaxRecursion = n
		case advice[h.Name]:
		default:
			return plan.Unsupported("OPTION ("+h.Name+")", c.Pos)
		}
	}
	return nil
}

// advice are the query hints that only tell an optimiser how.
var advice = map[string]bool{
	"RECOMPILE": true, "MAXDOP": true, "OPTIMIZE FOR": true, "OPTIMIZE FOR UNKNOWN": true, "FAST": true, "HASH JOIN": true, "LOOP JOIN": true,
	"MERGE JOIN": true, "FORCE ORDER": true, "KEEP PLAN": true, "KEEPFIXED PLAN": true, "EXPAND VIEWS": true, "ROBUST PLAN": true, "HASH GROUP": true,
	"ORDER GROUP": true, "CONCAT UNION": true, "HASH UNION": true, "MERGE UNION": true, "NO_PERFORMANCE_SPOOL": true, "MIN_GRANT_PERCENT": true,
	"MAX_GRANT_PERCENT": true, "PARAMETERIZATION SIMPLE": true, "PARAMETERIZATION FORCED": true, "USE HINT": true, "LABEL": true,
	"IGNORE_NONCLUSTERED_COLUMNSTORE_INDEX": true, "FORCE EXTERNALPUSHDOWN": true, "DISABLE EXTERNALPUSHDOWN": true,
}

// refusedTableHints change results or have nothing to act on here.
var refusedTableHints = map[string]bool{"SPATIAL_WINDOW_MAX_CELLS": true, "SNAPSHOT": true}

func (c *Compiler) tableHints(hints []*ast.Hint) error {
	for _, h := range hints {
		if refusedTableHints[h.Name] {
			return plan.Unsupported("WITH ("+h.Name+")", c.Pos)
		}
	}
	return nil
}
