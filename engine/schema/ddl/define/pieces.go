package define

import (
	"context"
	"fmt"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Pieces compiles values for the rows of a table that is rebuilt. A nil *pieces has none.
type Pieces struct {
	c    *Change
	t    *schema.Table // as it was
	st   *compile.Statement
	open *compile.Source
}

// oldAlias is the table that is rebuilt in the text that copies its rows.
const OldAlias = "was"

// Pieces begins to compile values for the rows of a table as it is.
func (c *Change) Pieces(old *schema.Table) *Pieces {
	p := &Pieces{c: c, t: old, st: compile.NewStatement(c.Scope, token.Pos{})}
	p.open = p.st.Open(c.object(old), old.Name, OldAlias)
	return p
}

func (p *Pieces) alias() string { return " AS " + OldAlias }

func (p *Pieces) target(col *schema.Column) compile.Target {
	return compile.Target{Type: col.Type, Table: p.c.full(&p.t.Head), Column: col.Name}
}

// Value is an expression without columns as a value of a column.
func (p *Pieces) Value(e *schema.Expr, col *schema.Column) (string, error) {
	tree, err := e.Tree()
	if err != nil {
		return "", err
	}
	return p.assign(tree, col)
}

// Converted is a column of the old table as a value of a column.
func (p *Pieces) Converted(old, col *schema.Column) (string, error) {
	return p.assign(&ast.ColumnRef{Name: ast.ObjectName{Parts: []string{old.Name}}}, col)
}

func (p *Pieces) assign(e ast.Expr, col *schema.Column) (string, error) {
	x, err := p.st.Expr(e)
	if err != nil {
		return "", err
	}
	to := p.target(col)
	to.Type.Nullable = true
	y, err := p.st.Assign(x, to)
	if err != nil {
		return "", err
	}
	return y.SQL, nil
}

// any reports whether a query has a row.
func (c *Change) any(ctx context.Context, q *plan.Plan) (bool, error) {
	st, err := c.open(ctx, q)
	if err != nil {
		return false, err
	}
	defer st.Release()
	return st.Step(), st.Err()
}

// open prepares a plan's statement with its parameters.
func (c *Change) open(ctx context.Context, q *plan.Plan) (*lite.Stmt, error) {
	values, err := q.Bind(&plan.Frame{Context: ctx, Env: c.Conn.Env()})
	if err != nil {
		return nil, err
	}
	st, err := c.Conn.Prepare(q.SQL)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if err := st.Bind(i+1, q.Params[i].Type, v); err != nil {
			st.Release()
			return nil, fmt.Errorf("binding a value: %w", err)
		}
	}
	return st, nil
}

// copyRows runs a statement with the parameters of its pieces.
func (c *Change) copyRows(ctx context.Context, sql string, p *Pieces) error {
	if p == nil {
		return c.Conn.Exec(sql)
	}
	q, err := p.st.Plan(sql, nil)
	if err != nil {
		return err
	}
	st, err := c.open(ctx, q)
	if err != nil {
		return err
	}
	defer st.Release()
	return st.Exec()
}
