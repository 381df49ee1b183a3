package change

import (
	"context"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// DynamicTable gives a table-valued parameter of a dynamic batch its table.
func (s *Changer) DynamicTable(ctx context.Context, w *work.Statement, in *scope.Frame, p *ast.Param, a *argument.Arg) error {
	shape, err := s.Define.TableType(w, p.Type)
	if err != nil {
		return err
	}
	if shape == nil {
		return raise.New(2715, a.Ordinal, p.Type.Name.String())
	}
	if err := w.Finish(nil); err != nil {
		return err
	}
	v := in.Define(p.Name, sqltype.Type{}, sqltype.NullValue)
	return s.FillTable(ctx, in, v, shape, a)
}

// FillTable makes a parameter's table: a table variable of the caller is taken as it is, rows of a client are put into a new one.
func (s *Changer) FillTable(ctx context.Context, in *scope.Frame, v *scope.Variable, shape *schema.Table, a *argument.Arg) error {
	if a != nil && a.Table != nil {
		v.Table, v.ReadOnly = a.Table, true
		return nil
	}
	if err := s.Define.MakeTypedTable(ctx, in, v, shape); err != nil {
		return err
	}
	v.ReadOnly = true
	if a == nil || a.Rows == nil || a.Rows.Count == 0 {
		return nil
	}
	return s.insertRows(ctx, in, v, shape, a.Rows)
}

func (s *Changer) insertRows(ctx context.Context, in *scope.Frame, v *scope.Variable, shape *schema.Table, rows *tds.Table) error {
	var cols []write.BulkColumn
	var at []int
	if len(rows.Columns) != len(shape.Columns) {
		return raise.New(500, len(rows.Columns), len(shape.Columns))
	}
	for i, c := range rows.Columns {
		if c.IsDefault() || !shape.Columns[i].Writable() || shape.Columns[i].Identity != nil {
			continue
		}
		t, err := sqlval.TypeOf(c.Type, s.Actor.Collation())
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
	w := s.Work.Begin(ctx, in)
	if err := w.Write(w.Main, true); err != nil {
		return w.Finish(err)
	}
	n := 0
	_, err := write.Bulk(ctx, write.Config{Scope: w}, s.writeRun(w, nil), ast.ObjectName{Parts: []string{v.Name}}, cols,
		write.BulkOptions{CheckConstraints: true, KeepNulls: true}, func() ([]sqltype.Value, bool, error) {
			if n == len(values) {
				return nil, false, nil
			}
			n++
			return values[n-1], true, nil
		})
	return w.Finish(err)
}

// Saved are the rows of table variables through a rollback.
type Saved struct {
	v    *scope.Variable
	cols []write.BulkColumn
	rows [][]sqltype.Value
}

// Keep reads the rows of all table variables that are alive, since a rollback does not undo their changes.
func (s *Changer) Keep(ctx context.Context, f *scope.Frame) ([]Saved, error) {
	if s.Work.Temp.DB == nil || s.Work.Tx.Database() == 0 || s.Work.Tx.Lost() {
		return nil, nil
	}
	var out []Saved
	for ; f != nil; f = f.Parent {
		for _, v := range f.Vars {
			if v.Table == nil || v.ReadOnly {
				continue
			}
			k := Saved{v: v}
			w := s.Work.Begin(ctx, f)
			star := &ast.SelectStmt{Query: &ast.Query{Body: &ast.Select{
				Items: []*ast.SelectItem{{X: &ast.Star{}}}, From: []ast.TableSource{&ast.TableVariable{Name: v.Name}},
			}}}
			p, err := s.Query.Plan(w, star)
			if err == nil {
				for _, c := range p.Plan.Columns {
					if !c.Computed {
						k.cols = append(k.cols, write.BulkColumn{Name: c.Name, Type: c.Type})
					}
				}
				err = s.Query.Run(w, p.Plan, func(row []sqltype.Value) error {
					var keep []sqltype.Value
					for i, c := range p.Plan.Columns {
						if !c.Computed {
							keep = append(keep, row[i])
						}
					}
					k.rows = append(k.rows, keep)
					return nil
				})
			}
			if err := w.Finish(err); err != nil {
				return nil, err
			}
			out = append(out, k)
		}
	}
	return out, nil
}

// Restore puts the rows of table variables back behind a rollback, making the tables anew where their making was undone.
func (s *Changer) Restore(ctx context.Context, inner *scope.Frame, list []Saved) error {
	for _, k := range list {
		f := inner
		for f != nil && f.Find(k.v.Name) != k.v {
			f = f.Parent
		}
		if f == nil {
			continue
		}
		if k.v.Decl != nil && k.v.Decl.Table != nil { // a new table: whether the old one is there depends on when it was made
			if err := s.Define.TableVariable(ctx, f, k.v, k.v.Decl.Table); err != nil {
				return err
			}
		}
		w := s.Work.Begin(ctx, f)
		if err := w.Write(w.Main, true); err != nil {
			return w.Finish(err)
		}
		n := 0
		_, err := write.Bulk(ctx, write.Config{Scope: w}, s.writeRun(w, nil), ast.ObjectName{Parts: []string{k.v.Name}}, k.cols,
			write.BulkOptions{KeepNulls: true, KeepIdentity: true}, func() ([]sqltype.Value, bool, error) {
				if n == len(k.rows) {
					return nil, false, nil
				}
				n++
				return k.rows[n-1], true, nil
			})
		if err := w.Finish(err); err != nil {
			return err
		}
	}
	return nil
}
