package define

import (
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
)

// Expr keeps an expression of a definition by its text, as catalogue views show it: in parentheses, numbers in two pairs.
func Expr(e ast.Expr) *schema.Expr {
	if f, ok := e.(*ast.FuncCall); ok && len(f.Name.Parts) == 1 {
		g := *f
		g.Name.Parts = []string{strings.ToLower(f.Name.Parts[0])}
		e = &g
	}
	text := format.Expr(e, format.Options{ShowSecrets: true})
	switch l := e.(type) {
	case *ast.Literal:
		switch l.Kind {
		case ast.IntLit, ast.DecimalLit, ast.FloatLit, ast.MoneyLit:
			text = "(" + text + ")"
		}
	case *ast.Unary:
		if _, ok := l.X.(*ast.Literal); ok {
			text = "(" + text + ")"
		}
	}
	_, condition := e.(ast.Condition)
	return &schema.Expr{Text: "(" + text + ")", Condition: condition}
}

// object shows a table to the compiler. It may be one that is not stored yet.
func (c *Change) object(t *schema.Table) *plan.Object {
	return binding.Object(binding.Database{Name: c.Database}, c.Snapshot, t)
}

// Define compiles an expression of a table's definition, for SQLite's schema.
func (c *Change) Define(t *schema.Table, e *schema.Expr) (bound.X, error) {
	tree, err := e.Tree()
	if err != nil {
		return bound.X{}, err
	}
	var o *plan.Object // a default names no columns
	if t != nil {
		o = c.object(t)
	}
	return compile.Definition(c.Scope, o, tree)
}

// storable reports whether SQLite takes an expression into its schema: nothing in it depends on more than the row.
func storable(x bound.X) bool {
	return x.Flags&(bound.HasVolatile|bound.HasSubquery) == 0 && !strings.Contains(x.SQL, "lkv(") && !strings.Contains(x.SQL, "(SELECT ")
}

// columnType is the type that a column is declared with: messages 2715, 243 and those of the type.
func (c *Change) columnType(d *ast.ColumnDef, number int) (t sqltype.Type, userType int, err error) {
	decl, err := compile.TypeOf(c.Scope, d.Type, d.Name)
	if err != nil {
		return t, 0, MissingType(err, number, d.Type)
	}
	t = decl.Type
	if decl.SysName {
		userType = SysNameID
	}
	if decl.Alias != "" {
		u := c.TypeByName(d.Type.Name)
		if u == nil || u.Table != nil {
			return t, 0, MissingType(errNoType, number, d.Type)
		}
		userType = u.ID
	}
	if t.Kind == sqltype.Null {
		return t, 0, MissingType(errNoType, number, d.Type)
	}
	if t.Kind.IsText() {
		t.Collation = c.Edit.Collation()
		if d.Collation != "" && !strings.EqualFold(d.Collation, "database_default") {
			x, err := collation.Parse(d.Collation)
			if err != nil {
				return t, 0, sqltype.NewError(448, d.Collation)
			}
			t.Collation = x
		}
	}
	return t, userType, nil
}

// sysNameID is sys.types.user_type_id of sysname.
const SysNameID = 256
