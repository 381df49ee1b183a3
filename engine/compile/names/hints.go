package names

import (
	"strconv"

	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
)

// Hints refuses the query hints that would change what a query means and that are not known; those that only advise are taken. It
// applies MAXRECURSION.
func (c *Base) Hints(hints []*ast.Hint) error {
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

// TableHints refuses hints of a table that change results or have nothing to act on.
func (c *Base) TableHints(hints []*ast.Hint) error {
	for _, h := range hints {
		if refusedTableHints[h.Name] {
			return plan.Unsupported("WITH ("+h.Name+")", c.Pos)
		}
	}
	return nil
}
