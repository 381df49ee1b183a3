package row

import (
	"fmt"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// checkAlias is the row in the query that asks the checks that SQLite does not have.
const checkAlias = "latchkey_row"

// checks are conditions that depend on more than the row, such as on GETDATE: asked of each row after it is written.
type checks struct {
	list []*schema.Check
	plan *plan.Plan // one column for each, of the row whose id is the last parameter
}

// HasChecks reports checks that are asked after a row is written: then a statement must be inside a savepoint.
func (t *Target) HasChecks() bool {
	for _, k := range t.Table.Checks {
		if k.Volatile && !k.Disabled {
			return true
		}
	}
	return false
}

// compileChecks compiles them, once for a target.
func (t *Target) compileChecks(c Config) error {
	if !t.HasChecks() || t.checks.plan != nil {
		return nil
	}
	s := compile.NewStatement(c.Scope, token.Pos{})
	s.Open(t.Object, t.Table.Name, checkAlias)
	var texts []string
	for _, k := range t.Table.Checks {
		if !k.Volatile || k.Disabled {
			continue
		}
		tree, err := k.Tree()
		if err != nil {
			return err
		}
		cond, ok := tree.(ast.Condition)
		if !ok {
			return fmt.Errorf("check %q is no condition", k.Name)
		}
		x, err := s.Condition(cond)
		if err != nil {
			return err
		}
		t.checks.list = append(t.checks.list, k)
		texts = append(texts, x.SQL)
	}
	p, err := s.Plan("", nil)
	if err != nil {
		return err
	}
	t.checks.plan, err = s.Plan(fmt.Sprintf("SELECT %s FROM %s AS %s WHERE %s.rowid=?%d", strings.Join(texts, ","), t.Object.Source, checkAlias, checkAlias, len(p.Params)+1), nil)
	return err
}

// check asks the checks of a row that was written: message 547.
func (x *Execution) check(t *Target, verb string, rowid int64) error {
	if t.checks.plan == nil {
		return nil
	}
	st, err := x.Open(t.checks.plan)
	if err != nil {
		return err
	}
	defer st.Release()
	if err := st.BindInt64(len(t.checks.plan.Params)+1, rowid); err != nil {
		return err
	}
	if st.Step() {
		for i, k := range t.checks.list {
			if st.ColumnType(i) == integerType && st.ColumnInt64(i) == 0 {
				return t.conflict(verb, "CHECK", k.Name, t.Table, k.Column)
			}
		}
	}
	return st.Err()
}
