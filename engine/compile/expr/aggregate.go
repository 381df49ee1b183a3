package expr

import (
	"slices"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// aggregate is a call of an aggregate or of a window function.
func (c *Compiler) aggregate(f *fn.Function, e *ast.FuncCall, at Place) (bound.X, error) {
	name := strings.ToUpper(e.Name.Name())
	if e.Nulls != "" {
		return bound.X{}, plan.Unsupported(e.Nulls+" NULLS", e.Name.Pos)
	}
	if err := c.mayAggregate(f, e, at); err != nil {
		return bound.X{}, err
	}
	inner := at
	inner.Input = nil
	if e.Over == nil {
		inner.InAggregate = true
	} else {
		inner.InWindow = true
	}
	xs, err := c.Exprs(e.Args, inner)
	if err != nil {
		return bound.X{}, err
	}
	var call fn.Call
	if f.Kind == fn.WindowFunc {
		call, err = f.Resolve(bound.ArgsOf(xs))
	} else {
		call, err = fn.Aggregate(name, bound.ArgsOf(xs), e.Distinct)
	}
	if err != nil {
		return bound.X{}, c.refused(err)
	}
	x := bound.X{Type: call.Type, Flags: bound.HasAggregate}
	var inArgs bound.Flags
	texts := make([]string, len(xs))
	for i, a := range xs {
		if i < len(call.Params) && call.Params[i].Kind != sqltype.Null && a.Type.Kind != sqltype.Null {
			if a, err = c.Convert(a, call.Params[i], e.Name.Pos); err != nil {
				return bound.X{}, err
			}
		}
		inArgs |= a.Flags
		if e.Distinct || name == "MIN" || name == "MAX" {
			if err := bound.Resolved(a, name+" aggregate", e.Name.Pos); err != nil {
				return a, err
			}
		}
		texts[i] = a.SQL
		if i == 0 && c.warns(name, a, at) {
			texts[i] = "(coalesce(" + a.SQL + ", (SELECT lk_eliminated()))" + cell.CollateClause(a.Type) + ")"
		}
		if a.Type.Kind.IsText() && x.Type.Kind.IsText() && a.Label > x.Label {
			x.Label, x.Other = a.Label, a.Other
		}
	}
	if inArgs&bound.HasAggregate != 0 && e.Over == nil || inArgs&bound.HasWindow != 0 {
		return x, plan.Fail(e.Name.Pos, 130)
	}
	if inArgs&bound.HasOuter != 0 && inArgs&bound.HasColumn == 0 && e.Over == nil {
		return x, plan.Unsupported("AGGREGATE OF AN OUTER COLUMN", e.Name.Pos)
	}
	x.Flags |= inArgs & (bound.HasOuter | bound.HasVariable | bound.HasVolatile | bound.HasSubquery)
	switch {
	case e.Over != nil:
		over, err := c.over(name, f, e.Over, at)
		if err != nil {
			return x, err
		}
		x.Flags = x.Flags&^bound.HasAggregate | bound.HasWindow | inArgs&(bound.HasColumn|bound.HasAggregate)
		x.SQL = call.SQLText(texts, over)
	case len(e.Within) > 0:
		order, err := c.order(e.Within, inner)
		if err != nil {
			return x, err
		}
		x.SQL = call.SQLOrdered(texts, order)
	default:
		x.SQL = call.SQLText(texts, "")
	}
	if call.Native && !simpleCall(x.SQL) {
		x.SQL = "(" + x.SQL + ")"
	}
	if x.Type.Kind.IsText() && x.Label == bound.NoLabel {
		x.Label = bound.Default
	}
	return at.input(x), nil
}

// simpleCall reports a text that is one call from beginning to end.
func simpleCall(s string) bool {
	return strings.HasSuffix(s, ")") && strings.Count(s, "(") == strings.Count(s, ")") && !strings.ContainsAny(s[:strings.IndexByte(s, '(')], " +-*/")
}

// warns reports an aggregate that tells of NULLs that it skips (8153). The subquery that does it runs once in a statement. MIN and MAX of a column
// do not: they are to be read from an index, where SQL Server meets no NULL either.
func (c *Compiler) warns(name string, x bound.X, at Place) bool {
	if !x.Type.Nullable || c.Settings.AnsiWarningsOff || c.Inline || at.Quiet {
		return false
	}
	switch name {
	case "SUM", "AVG", "COUNT", "COUNT_BIG", "STDEV", "STDEVP", "VAR", "VARP":
		return true
	case "MIN", "MAX":
		return x.Column == nil
	}
	return false
}

// mayAggregate refuses an aggregate or window function where it must not stand.
func (c *Compiler) mayAggregate(f *fn.Function, e *ast.FuncCall, at Place) error {
	pos := e.Name.Pos
	if e.Over != nil {
		switch {
		case at.InAggregate || at.InWindow:
			return plan.Fail(pos, 4109)
		case !at.Windows:
			return plan.Fail(pos, 4108)
		case e.Distinct:
			return plan.Fail(pos, 10759)
		case len(e.Within) > 0:
			return plan.Unsupported("WITHIN GROUP WITH OVER", pos)
		}
		return nil
	}
	switch {
	case f.Kind == fn.WindowFunc:
		return plan.Fail(pos, 10753, e.Name.Name())
	case at.InAggregate:
		return plan.Fail(pos, 130)
	case at.Aggregates && at.Rows != nil:
		return nil
	}
	switch at.Clause {
	case "ON":
		return plan.Fail(pos, 1015)
	case "GROUP BY":
		return plan.Fail(pos, 144)
	case "SET":
		return plan.Fail(pos, 157)
	case "OUTPUT":
		return plan.Fail(pos, 158)
	}
	return plan.Fail(pos, 147)
}

// ordered are the window functions that need ORDER BY, and whether they may have a frame.
func ordered(name string) (needs, frame bool) {
	switch name {
	case "ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "LAG", "LEAD", "PERCENT_RANK", "CUME_DIST":
		return true, false
	case "FIRST_VALUE", "LAST_VALUE":
		return true, true
	}
	return false, true
}

// over is the text OVER (...).
func (c *Compiler) over(name string, f *fn.Function, w *ast.Window, at Place) (string, error) {
	w, err := c.window(w, at)
	if err != nil {
		return "", err
	}
	needs, frame := ordered(name)
	if needs && len(w.OrderBy) == 0 {
		return "", plan.Fail(c.Pos, 4112, name)
	}
	if w.Frame != nil {
		switch {
		case !frame:
			return "", plan.Fail(c.Pos, 10752, name)
		case len(w.OrderBy) == 0:
			return "", plan.Fail(c.Pos, 10756)
		}
	}
	inner := at
	inner.InWindow, inner.Input, inner.Clause = true, nil, "OVER"
	var parts []string
	if len(w.PartitionBy) > 0 {
		keys := make([]string, len(w.PartitionBy))
		for i, e := range w.PartitionBy {
			x, err := c.Expr(e, inner)
			if err != nil {
				return "", err
			}
			if err := sortable(x, c, "PARTITION BY"); err != nil {
				return "", err
			}
			keys[i] = bound.Key(x)
		}
		parts = append(parts, "PARTITION BY "+strings.Join(keys, ", "))
	}
	if len(w.OrderBy) > 0 {
		order, err := c.order(w.OrderBy, inner)
		if err != nil {
			return "", err
		}
		if order != "" {
			parts = append(parts, order)
		}
	}
	if w.Frame != nil {
		text, err := c.frame(w.Frame)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	return "OVER (" + strings.Join(parts, " ") + ")", nil
}

// window follows the reference to a named window.
func (c *Compiler) window(w *ast.Window, at Place) (*ast.Window, error) {
	for range 10 {
		if w.Ref == "" {
			return w, nil
		}
		if at.Rows == nil {
			return nil, plan.Fail(c.Pos, 5362, w.Ref)
		}
		base, err := at.Rows.Window(w.Ref)
		if err != nil {
			return nil, err
		}
		merged := *w
		merged.Ref = base.Ref
		if len(base.PartitionBy) > 0 {
			merged.PartitionBy = base.PartitionBy
		}
		if len(merged.OrderBy) == 0 {
			merged.OrderBy = base.OrderBy
		}
		if merged.Frame == nil {
			merged.Frame = base.Frame
		}
		w = &merged
	}
	return nil, plan.Fail(c.Pos, 5362, w.Ref)
}

// order is the text ORDER BY ... of a window or of WITHIN GROUP, "" if the order is any.
func (c *Compiler) order(items []ast.OrderItem, at Place) (string, error) {
	var keys []string
	for _, item := range items {
		if Unordered(item.X) {
			continue
		}
		x, err := c.Expr(item.X, at)
		if err != nil {
			return "", err
		}
		if lit, ok := item.X.(*ast.Literal); ok || x.Const {
			if ok && lit.Kind == ast.IntLit {
				return "", plan.Fail(c.Pos, 5308)
			}
			return "", plan.Fail(c.Pos, 5309)
		}
		if err := sortable(x, c, "ORDER BY"); err != nil {
			return "", err
		}
		key := bound.Key(x)
		if item.Desc {
			key += " DESC"
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return "", nil
	}
	return "ORDER BY " + strings.Join(keys, ", "), nil
}

// Unordered reports a key of ORDER BY that is one value for all rows, which need not be sorted then: (SELECT NULL), as ROW_NUMBER() is given
// where any order will do.
func Unordered(e ast.Expr) bool {
	sub, ok := e.(*ast.Subquery)
	if !ok || len(sub.Query.OrderBy) > 0 || sub.Query.Offset != nil || sub.Query.For != nil {
		return false
	}
	s, ok := sub.Query.Body.(*ast.Select)
	if !ok || len(s.Items) != 1 || s.Items[0].Variable != "" || s.Top != nil || s.Into != nil || len(s.From) > 0 || s.Where != nil || s.GroupBy != nil || s.Having != nil {
		return false
	}
	_, ok = s.Items[0].X.(*ast.Literal)
	return ok
}

// sortable refuses what has no order: 306 and 468.
func sortable(x bound.X, c *Compiler, op string) error {
	if x.Type.Kind.IsLegacyLOB() || x.Type.Kind == sqltype.XML {
		return plan.Fail(c.Pos, 306)
	}
	return bound.Resolved(x, op, c.Pos)
}

func (c *Compiler) frame(f *ast.Frame) (string, error) {
	start, err := c.bound(f, f.Start)
	if err != nil || f.End == nil {
		return f.Unit + " " + start, err
	}
	end, err := c.bound(f, *f.End)
	if err != nil {
		return "", err
	}
	rank := []string{"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"}
	if s, e := slices.Index(rank, f.Start.Kind), slices.Index(rank, f.End.Kind); s > e || s == 4 || e == 0 {
		return "", plan.Fail(c.Pos, 4193, f.Start.Kind, f.End.Kind)
	}
	return f.Unit + " BETWEEN " + start + " AND " + end, nil
}

func (c *Compiler) bound(f *ast.Frame, b ast.Bound) (string, error) {
	if b.Offset == nil {
		return b.Kind, nil
	}
	lit, ok := b.Offset.(*ast.Literal)
	if !ok || lit.Kind != ast.IntLit {
		return "", plan.Fail(c.Pos, 102, "PRECEDING")
	}
	if f.Unit == "RANGE" {
		return "", plan.Fail(c.Pos, 4194)
	}
	x, err := c.literal(lit)
	return x.SQL + " " + b.Kind, err
}
