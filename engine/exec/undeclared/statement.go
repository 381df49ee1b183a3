package undeclared

import (
	"reflect"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

func (x *deduction) statements(list []ast.Statement) error {
	for _, st := range list {
		if err := x.statement(st); err != nil {
			return err
		}
	}
	return nil
}

func (x *deduction) statement(st ast.Statement) error {
	x.with = nil
	switch st := st.(type) {
	case *ast.SelectStmt:
		return x.selects(st)
	case *ast.Insert:
		return x.insert(st)
	case *ast.Update:
		return x.update(st)
	case *ast.Delete:
		return x.delete(st)
	case *ast.Exec:
		return x.exec(st)
	case *ast.SetVariable:
		if x.undeclared(st.Name) {
			return raise.New(11502, st.Name)
		}
		if st.Method == nil && st.Cursor == nil {
			return x.toVariable(st.Name, st.Value, nil)
		}
	case *ast.Declare:
		for _, v := range st.Variables {
			if v.Value == nil {
				continue
			}
			if err := x.toVariable(v.Name, v.Value, nil); err != nil {
				return err
			}
		}
		return nil
	case *ast.Block:
		return x.statements(st.Body)
	case *ast.If:
		if err := x.visit(st.Cond, nil); err != nil {
			return err
		}
		if err := x.statement(st.Then); err != nil || st.Else == nil {
			return err
		}
		return x.statement(st.Else)
	case *ast.SetOption:
		return x.visit(st.Value, nil)
	}
	return raise.Unsupported(Procedure + " OF " + strings.ToUpper(strings.TrimSuffix(reflect.TypeOf(st).Elem().Name(), "Stmt")))
}

func (x *deduction) selects(st *ast.SelectStmt) error {
	if err := x.ctes(st.With); err != nil {
		return err
	}
	if err := x.query(st.Query, nil, nil); err != nil {
		return err
	}
	if query.Into(st.Query.Body) != nil {
		return nil
	}
	_, err := x.compile(st, true)
	return err
}

// target finds the object that a statement changes, as a source by its own name, and asks for the permission.
func (x *deduction) target(ts ast.TableSource, from []ast.TableSource, permission string, pos token.Pos) (ast.TableSource, error) {
	var name ast.ObjectName
	switch t := ts.(type) {
	case *ast.Table:
		name = t.Name
		if len(name.Parts) == 1 {
			for _, f := range from {
				if o := aliased(f, name.Name()); o != nil {
					name = o.Name
				}
			}
		}
		ts = &ast.Table{Name: name}
		if x.with != nil && len(name.Parts) == 1 {
			for _, c := range x.with.CTEs {
				if strings.EqualFold(c.Name, name.Name()) {
					return nil, raise.Unsupported(Procedure + " OF A CHANGE THROUGH A COMMON TABLE EXPRESSION")
				}
			}
		}
	case *ast.TableVariable:
		return &ast.TableVariable{Name: t.Name}, nil
	default:
		return nil, raise.Unsupported(Procedure + " OF SUCH A TARGET")
	}
	o, err := x.scope().Object(name)
	if err == nil && o == nil {
		err = plan.Fail(pos, 208, name.String())
	}
	if err != nil {
		return nil, invalid(err)
	}
	return ts, x.Actor.Allowed(x.w.Frame, []plan.Use{{Object: o, Permission: permission}}, []*plan.Object{o})
}

// aliased finds the table with an alias.
func aliased(ts ast.TableSource, name string) *ast.Table {
	switch ts := ts.(type) {
	case *ast.Table:
		if strings.EqualFold(ts.Alias, name) {
			return ts
		}
	case *ast.Join:
		if t := aliased(ts.L, name); t != nil {
			return t
		}
		return aliased(ts.R, name)
	}
	return nil
}

// table are the columns of what a statement changes.
func (x *deduction) table(ts ast.TableSource) ([]plan.Column, error) {
	with := x.with
	x.with = nil
	defer func() { x.with = with }()
	return x.columns(&ast.Star{}, &env{from: []ast.TableSource{ts}}, false)
}

func column(list []plan.Column, name string, pos token.Pos) (plan.Column, error) {
	found := -1
	for i, c := range list {
		if c.Name == name {
			return c, nil
		}
		if found < 0 && strings.EqualFold(c.Name, name) {
			found = i
		}
	}
	if found < 0 {
		return plan.Column{}, invalid(plan.Fail(pos, 207, name))
	}
	return list[found], nil
}

func (x *deduction) insert(st *ast.Insert) error {
	if err := x.ctes(st.With); err != nil {
		return err
	}
	ts, err := x.target(st.Target, nil, "INSERT", st.Pos)
	if err != nil {
		return err
	}
	all, err := x.table(ts)
	if err != nil {
		return err
	}
	var cols []plan.Column
	for _, n := range st.Columns {
		c, err := column(all, n, st.Pos)
		if err != nil {
			return err
		}
		cols = append(cols, c)
	}
	if len(st.Columns) == 0 {
		for _, c := range all {
			if !c.Identity && (!c.Computed || c.Type.Kind == sqltype.RowVersion) {
				cols = append(cols, c)
			}
		}
	}
	if st.Top != nil {
		if err := x.visit(st.Top, nil); err != nil {
			return err
		}
	}
	if st.Output != nil {
		if err := x.visit(st.Output, &env{from: []ast.TableSource{ts}}); err != nil {
			return err
		}
	}
	switch {
	case st.Exec != nil:
		return x.exec(st.Exec)
	case st.Query != nil:
		if err := x.query(st.Query, nil, cols); err != nil {
			return err
		}
		_, err := x.compile(&ast.SelectStmt{With: x.with, Query: st.Query}, true)
		return err
	}
	for _, row := range st.Rows {
		if err := x.row(row, cols, st); err != nil {
			return err
		}
	}
	return nil
}

func (x *deduction) row(row []ast.Expr, cols []plan.Column, st *ast.Insert) error {
	switch n := len(row) - len(cols); {
	case n != 0 && len(st.Columns) == 0:
		return invalid(raise.New(213))
	case n < 0:
		return invalid(plan.Fail(st.Pos, 109))
	case n > 0:
		return invalid(plan.Fail(st.Pos, 110))
	}
	for i, e := range row {
		err := error(nil)
		if v := x.param(e); v != nil {
			err = x.is(v, cols[i].Type)
		} else {
			err = x.visit(e, nil)
		}
		if err != nil {
			return err
		}
	}
	return x.valid(row, nil, nil)
}

func (x *deduction) update(st *ast.Update) error {
	if err := x.ctes(st.With); err != nil {
		return err
	}
	ts, err := x.target(st.Target, st.From, "UPDATE", st.Pos)
	if err != nil {
		return err
	}
	all, err := x.table(ts)
	if err != nil {
		return err
	}
	from := st.From
	if len(from) == 0 {
		from = []ast.TableSource{ts}
	}
	at, err := x.sources(from, nil)
	if err != nil {
		return err
	}
	if err := x.visit(st.Top, at); err != nil {
		return err
	}
	var list []ast.Expr
	for _, a := range st.Set {
		switch v := x.param(a.Value); {
		case x.undeclared(a.Variable):
			return raise.New(11502, a.Variable)
		case a.Method != nil:
			err = x.visit(a.Method, at)
		case v != nil && a.Column == nil:
			err = x.toVariable(a.Variable, v, at)
		case v != nil:
			var c plan.Column
			if c, err = column(all, a.Column.Name(), st.Pos); err == nil {
				err = x.is(v, c.Type)
			}
		default:
			list = append(list, a.Value)
			err = x.visit(a.Value, at)
		}
		if err != nil {
			return err
		}
	}
	return x.rest(list, from, at, st.Where, st.Output)
}

func (x *deduction) delete(st *ast.Delete) error {
	if err := x.ctes(st.With); err != nil {
		return err
	}
	ts, err := x.target(st.Target, st.From, "DELETE", st.Pos)
	if err != nil {
		return err
	}
	from := st.From
	if len(from) == 0 {
		from = []ast.TableSource{ts}
	}
	at, err := x.sources(from, nil)
	if err != nil {
		return err
	}
	if err := x.visit(st.Top, at); err != nil {
		return err
	}
	return x.rest(nil, from, at, st.Where, st.Output)
}

// rest is what UPDATE and DELETE have in common.
func (x *deduction) rest(list []ast.Expr, from []ast.TableSource, at *env, where ast.Condition, out *ast.Output) error {
	if where != nil {
		if err := x.visit(where, at); err != nil {
			return err
		}
	}
	if out != nil {
		if err := x.visit(out, at); err != nil {
			return err
		}
	}
	return x.valid(list, from, where)
}

// exec is a call of a user's procedure.
func (x *deduction) exec(st *ast.Exec) error {
	switch {
	case st.Strings != nil:
		return raise.Unsupported(Procedure + " OF A STRING THAT IS EXECUTED")
	case st.ProcVariable != "":
		return raise.Unsupported(Procedure + " OF A PROCEDURE THAT IS NAMED BY A VARIABLE")
	}
	if x.undeclared(st.Return) {
		if err := x.add(Parameter{Name: st.Return, Type: sqltype.Of(sqltype.Int), Output: true, pos: st.Pos}); err != nil {
			return err
		}
	}
	any := false
	for _, a := range st.Args {
		any = any || x.param(a.Value) != nil
	}
	if !any {
		return nil
	}
	if n := strings.ToLower(st.Proc.Name()); strings.HasPrefix(n, "sp_") || strings.HasPrefix(n, "xp_") || strings.EqualFold(st.Proc.Schema(), "sys") {
		return raise.Unsupported(Procedure + " OF A SYSTEM PROCEDURE")
	}
	params, err := x.w.Procedure(st.Proc)
	if err != nil {
		return err
	}
	for i, a := range st.Args {
		v := x.param(a.Value)
		if v == nil {
			continue
		}
		at := i
		if a.Name != "" {
			at = -1
			for j, p := range params {
				if strings.EqualFold(p.Name, a.Name) {
					at = j
				}
			}
			if at < 0 {
				return raise.New(8145, a.Name, st.Proc.Name())
			}
		}
		switch {
		case at >= len(params):
			return raise.New(8144, st.Proc.Name())
		case params[at].Table:
			return raise.New(11502, v.Name)
		case a.Output && !params[at].Output:
			return raise.New(8162, params[at].Name)
		}
		p := params[at]
		if err := x.add(Parameter{Name: v.Name, Type: p.Type, Formal: p.Name, Input: true, Output: a.Output, pos: v.Pos}); err != nil {
			return err
		}
	}
	return nil
}
