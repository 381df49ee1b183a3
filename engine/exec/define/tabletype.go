package define

import (
	"context"
	"strconv"
	"strings"

	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// TableType finds a table type by the name of a declaration; nil for any other type.
func (s *Definer) TableType(w *work.Statement, t *ast.DataType) (*schema.Table, error) {
	if t == nil || len(t.Name.Parts) == 1 {
		if t == nil {
			return nil, nil
		}
		if _, ok := sqltype.KindByName(t.Name.Name()); ok || strings.EqualFold(t.Name.Name(), "sysname") {
			return nil, nil
		}
	}
	d, err := w.Database(t.Name.Database())
	if err != nil {
		return nil, err
	}
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	if x := snap.Type(t.Name.Schema(), t.Name.Name()); x != nil && x.Table != nil {
		return x.Table, nil
	}
	return nil, nil
}

// MakeTypedTable makes the table of DECLARE @t table_type.
func (s *Definer) MakeTypedTable(ctx context.Context, f *scope.Frame, v *scope.Variable, t *schema.Table) error {
	def, err := definition(t)
	if err != nil {
		return err
	}
	return s.TableVariable(ctx, f, v, def)
}

// definition is a table as a declaration has it: what DECLARE @t TABLE (...) would say.
func definition(t *schema.Table) (*ast.TableDef, error) {
	def := &ast.TableDef{}
	names := make(map[int]string, len(t.Columns))
	for _, c := range t.Columns {
		names[c.ID] = c.Name
		d := &ast.ColumnDef{Name: c.Name, RowGUID: c.RowGUID, Nullable: "NOT NULL"}
		if c.Type.Nullable {
			d.Nullable = "NULL"
		}
		if c.Computed != nil {
			x, err := c.Computed.Tree()
			if err != nil {
				return nil, err
			}
			d.Computed, d.Persisted, d.Nullable = x, c.Computed.Persisted, ""
			def.Columns = append(def.Columns, d)
			continue
		}
		d.Type = dataType(c.Type)
		if c.Type.Kind.IsText() {
			d.Collation = c.Type.Collation.String()
		}
		if c.Identity != nil {
			d.Identity = &ast.Identity{Seed: intLit(c.Identity.Seed), Increment: intLit(c.Identity.Increment)}
		}
		if c.Default != nil {
			x, err := c.Default.Tree()
			if err != nil {
				return nil, err
			}
			d.Constraints = append(d.Constraints, &ast.Constraint{Kind: "DEFAULT", Default: x})
		}
		def.Columns = append(def.Columns, d)
	}
	for _, k := range t.Keys() {
		c := &ast.Constraint{Kind: "UNIQUE"}
		if k.Primary {
			c.Kind = "PRIMARY KEY"
		}
		for _, x := range k.Columns {
			c.Columns = append(c.Columns, ast.IndexColumn{Name: names[x.Column], Desc: x.Desc})
		}
		def.Constraints = append(def.Constraints, c)
	}
	for _, k := range t.Checks {
		x, err := k.Tree()
		if err != nil {
			return nil, err
		}
		if c, ok := x.(ast.Condition); ok {
			def.Constraints = append(def.Constraints, &ast.Constraint{Kind: "CHECK", Check: c})
		}
	}
	return def, nil
}

func intLit(n int64) ast.Expr {
	if n < 0 {
		return &ast.Unary{Op: "-", X: intLit(-n)}
	}
	kind := ast.IntLit
	if n > 1<<31-1 {
		kind = ast.DecimalLit
	}
	return &ast.Literal{Kind: kind, Text: strconv.FormatInt(n, 10)}
}

// dataType is a type as a declaration has it.
func dataType(t sqltype.Type) *ast.DataType {
	d := &ast.DataType{Name: ast.ObjectName{Parts: []string{t.Kind.String()}}}
	switch k := t.Kind; {
	case t.Length == sqltype.Max && k != sqltype.XML:
		d.Max = true
	case k == sqltype.Decimal:
		d.Args = []int{int(t.Precision), int(t.Scale)}
	case k == sqltype.Time, k == sqltype.DateTime2, k == sqltype.DateTimeOffset:
		d.Args = []int{int(t.Scale)}
	case t.Length > 0:
		d.Args = []int{t.Length}
	}
	return d
}
