package exec

import (
	"context"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// tableType finds a table type by the name of a declaration; nil for any other type.
func (s *Session) tableType(w *work, t *ast.DataType) (*schema.Table, error) {
	if t == nil || len(t.Name.Parts) == 1 {
		if t == nil {
			return nil, nil
		}
		if _, ok := sqltype.KindByName(t.Name.Name()); ok || strings.EqualFold(t.Name.Name(), "sysname") {
			return nil, nil
		}
	}
	d, err := w.database(t.Name.Database())
	if err != nil {
		return nil, err
	}
	snap, err := w.snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	if x := snap.Type(t.Name.Schema(), t.Name.Name()); x != nil && x.Table != nil {
		return x.Table, nil
	}
	return nil, nil
}

// makeTypedTable makes the table of DECLARE @t table_type.
func (s *Session) makeTypedTable(ctx context.Context, f *frame, v *variable, t *schema.Table) error {
	def, err := definition(t)
	if err != nil {
		return err
	}
	return s.makeTableVariable(ctx, f, v, def)
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
	return &ast.Literal{Kind: kind, Text: itoa(n)}
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

// tableParameter gives a table-valued parameter of a procedure its table.
func (s *Session) tableParameter(ctx context.Context, in *frame, x *schema.Param, a *arg, p *procedure) error {
	var shape *schema.Table
	for _, t := range p.snap.Types() {
		if t.Table != nil && t.Table.ID == x.TableType {
			shape = t.Table
		}
	}
	if shape == nil {
		return raise.New(2715, x.ID, x.Name)
	}
	v := in.define(x.Name, sqltype.Type{}, sqltype.NullValue)
	return s.fillTable(ctx, in, v, shape, a)
}

// dynamicTable gives a table-valued parameter of a dynamic batch its table.
func (s *Session) dynamicTable(ctx context.Context, w *work, in *frame, p *ast.Param, a *arg) error {
	shape, err := s.tableType(w, p.Type)
	if err != nil {
		return err
	}
	if shape == nil {
		return raise.New(2715, a.ordinal, p.Type.Name.String())
	}
	if err := w.finish(nil); err != nil {
		return err
	}
	v := in.define(p.Name, sqltype.Type{}, sqltype.NullValue)
	return s.fillTable(ctx, in, v, shape, a)
}

// fillTable makes a parameter's table: a table variable of the caller is taken as it is, rows of a client are put into a new one.
func (s *Session) fillTable(ctx context.Context, in *frame, v *variable, shape *schema.Table, a *arg) error {
	if a != nil && a.table != nil {
		v.table, v.readOnly = a.table, true
		return nil
	}
	if err := s.makeTypedTable(ctx, in, v, shape); err != nil {
		return err
	}
	v.readOnly = true
	if a == nil || a.rows == nil || a.rows.Count == 0 {
		return nil
	}
	return s.insertRows(ctx, in, v, shape, a.rows)
}

func (s *Session) insertRows(ctx context.Context, in *frame, v *variable, shape *schema.Table, rows *tds.Table) error {
	var cols []write.BulkColumn
	var at []int
	if len(rows.Columns) != len(shape.Columns) {
		return raise.New(500, len(rows.Columns), len(shape.Columns))
	}
	for i, c := range rows.Columns {
		if c.IsDefault() || !shape.Columns[i].Writable() || shape.Columns[i].Identity != nil {
			continue
		}
		t, err := sqlval.TypeOf(c.Type, s.collation())
		if err != nil {
			return err
		}
		cols, at = append(cols, write.BulkColumn{Name: shape.Columns[i].Name, Type: t}), append(at, i)
	}
	var values [][]sqltype.Value
	var bad error
	rows.Rows(func(cells [][]byte) bool {
		row := make([]sqltype.Value, len(at))
		for k, i := range at {
			if row[k], bad = sqlval.Decode(cols[k].Type, cells[i]); bad != nil {
				return false
			}
		}
		values = append(values, row)
		return true
	})
	if bad != nil {
		return bad
	}
	w := s.work(ctx, in)
	if err := w.writing(w.main, true); err != nil {
		return w.finish(err)
	}
	n := 0
	_, err := write.Bulk(ctx, write.Config{Scope: w}, s.writeRun(w, nil), ast.ObjectName{Parts: []string{v.name}}, cols,
		write.BulkOptions{CheckConstraints: true, KeepNulls: true}, func() ([]sqltype.Value, bool, error) {
			if n == len(values) {
				return nil, false, nil
			}
			n++
			return values[n-1], true, nil
		})
	return w.finish(err)
}

// kept rows of table variables through a rollback.
type keptRows struct {
	v    *variable
	cols []write.BulkColumn
	rows [][]sqltype.Value
}

// keep reads the rows of all table variables that are alive, since a rollback does not undo their changes.
func (t *temporary) keep(ctx context.Context, s *Session) ([]keptRows, error) {
	if t.t == nil || s.tx.Database() == 0 || s.tx.Lost() {
		return nil, nil
	}
	var out []keptRows
	for f := s.frame; f != nil; f = f.parent {
		for _, v := range f.vars {
			if v.table == nil || v.readOnly {
				continue
			}
			k := keptRows{v: v}
			w := s.work(ctx, f)
			star := &ast.SelectStmt{Query: &ast.Query{Body: &ast.Select{
				Items: []*ast.SelectItem{{X: &ast.Star{}}}, From: []ast.TableSource{&ast.TableVariable{Name: v.name}},
			}}}
			p, err := s.plan(w, star)
			if err == nil {
				for _, c := range p.p.Columns {
					if !c.Computed {
						k.cols = append(k.cols, write.BulkColumn{Name: c.Name, Type: c.Type})
					}
				}
				err = s.run(w, p.p, func(row []sqltype.Value) error {
					var keep []sqltype.Value
					for i, c := range p.p.Columns {
						if !c.Computed {
							keep = append(keep, row[i])
						}
					}
					k.rows = append(k.rows, keep)
					return nil
				})
			}
			if err := w.finish(err); err != nil {
				return nil, err
			}
			out = append(out, k)
		}
	}
	return out, nil
}

// restore puts the rows of table variables back behind a rollback, making the tables anew where their making was undone.
func (t *temporary) restore(ctx context.Context, s *Session, list []keptRows) error {
	for _, k := range list {
		f := s.frame
		for f != nil && f.find(k.v.name) != k.v {
			f = f.parent
		}
		if f == nil {
			continue
		}
		if k.v.decl != nil && k.v.decl.Table != nil { // a new table: whether the old one is there depends on when it was made
			if err := s.makeTableVariable(ctx, f, k.v, k.v.decl.Table); err != nil {
				return err
			}
		}
		w := s.work(ctx, f)
		if err := w.writing(w.main, true); err != nil {
			return w.finish(err)
		}
		n := 0
		_, err := write.Bulk(ctx, write.Config{Scope: w}, s.writeRun(w, nil), ast.ObjectName{Parts: []string{k.v.name}}, k.cols,
			write.BulkOptions{KeepNulls: true, KeepIdentity: true}, func() ([]sqltype.Value, bool, error) {
				if n == len(k.rows) {
					return nil, false, nil
				}
				n++
				return k.rows[n-1], true, nil
			})
		if err := w.finish(err); err != nil {
			return err
		}
	}
	return nil
}
