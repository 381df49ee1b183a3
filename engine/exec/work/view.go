package work

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/scope"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// View is a system view or function as a query sees it.
type View struct {
	Name    string // in lower case with its schema: sys.asymmetric_keys
	Columns []lite.ViewColumn
	Params  int            // arguments of a function, integers
	Args    []sqltype.Type // arguments of a function of other types, in place of Params; those left out are NULL
	// Table is a function that needs nothing but its arguments, in place of Params and [Views].
	Table *fn.Table
}

// Views knows the system views.
type Views interface {
	// Refused reports a name of a view or function of SQL Server's that there is not.
	Refused(name ast.ObjectName) bool
	// Find finds a view by its name in lower case with its schema, nil for none.
	Find(name string) *View
	// Rows makes its rows in a database as the session may see them. Values are of the columns' kinds.
	Rows(ctx context.Context, f *scope.Frame, v *View, db int, args []sqltype.Value) ([][]sqltype.Value, error)
}

// ViewUse is a system view that a plan reads, in a database.
type ViewUse struct {
	name string // in SQLite
	db   *model.Database
	v    *View
}

// systemView finds sys.x, INFORMATION_SCHEMA.x and the old names like sysobjects.
func (w *Statement) systemView(d *model.Database, n ast.ObjectName) *plan.Object {
	sn := strings.ToLower(n.Schema())
	name := strings.ToLower(n.Name())
	switch sn {
	case "sys", "information_schema":
		name = sn + "." + name
	case "", "dbo":
		switch {
		case name == "spt_values" && d.ID == model.Master:
			name = "dbo." + name
		case strings.HasPrefix(name, "sys"), strings.HasPrefix(name, "fn_"):
			name = "sys." + name
		case sn != "":
			return nil
		}
	default:
		return nil
	}
	v := w.s.Views.Find(name)
	if v == nil || sn != "sys" && sn != "information_schema" && !oldName(v.Name) && v.Table == nil && v.Args == nil {
		return nil
	}
	u := &ViewUse{name: v.Name + "." + strconv.Itoa(d.ID), db: d, v: v}
	known := false
	for _, x := range w.Views {
		known = known || x.name == u.name
	}
	if !known {
		w.Views = append(w.Views, u)
	}
	schemaName, plain, _ := strings.Cut(v.Name, ".")
	if schemaName == "information_schema" {
		schemaName = "INFORMATION_SCHEMA"
	}
	o := &plan.Object{Kind: plan.Virtual, DatabaseID: d.ID, Database: d.Name, Schema: schemaName, Name: plain, Source: schema.Quote(u.name), Temporary: false}
	for _, c := range v.Columns {
		o.Columns = append(o.Columns, plan.ObjectColumn{Name: c.Name, SQL: schema.Quote(c.Name), Type: c.Type})
	}
	if v.Table != nil {
		o.Kind = plan.TableFunction
		for i, c := range v.Table.Columns {
			o.Columns[i].Hidden = c.Hidden
		}
		for _, t := range v.Table.Params {
			o.Params = append(o.Params, plan.FunctionParam{Type: t})
		}
	}
	if v.Args != nil {
		o.Kind = plan.TableFunction
		for _, t := range v.Args {
			o.Params = append(o.Params, plan.FunctionParam{Type: t, Default: &ast.Literal{Kind: ast.NullLit}})
		}
	}
	if v.Params > 0 {
		o.Kind = plan.TableFunction
		for range v.Params {
			o.Params = append(o.Params, plan.FunctionParam{Type: sqltype.Of(sqltype.Int), Default: &ast.Literal{Kind: ast.NullLit}})
		}
	}
	return o
}

// oldName reports the views that are found without sys in front, as in version 2000.
func oldName(name string) bool {
	switch strings.TrimPrefix(name, "sys.") {
	case "dbo.spt_values", "sysobjects", "syscolumns", "systypes", "sysindexes", "sysindexkeys", "sysusers", "sysdatabases", "syslogins", "sysprocesses", "sysfiles",
		"syscomments", "sysconstraints", "sysforeignkeys", "sysmessages", "sysconfigures", "syscurconfigs", "sysservers", "syscharsets", "syspermissions":
		return true
	}
	return false
}

// register makes a view on the connection, with rows for this session.
func (w *Statement) register(u *ViewUse) error {
	cols := slices.Clone(u.v.Columns)
	for i := range u.v.Params {
		cols = append(cols, lite.ViewColumn{Name: fmt.Sprintf("argument %d", i+1), Type: sqltype.Of(sqltype.Int), Hidden: true})
	}
	for i, t := range u.v.Args {
		cols = append(cols, lite.ViewColumn{Name: fmt.Sprintf("argument %d", i+1), Type: t, Hidden: true})
	}
	if t := u.v.Table; t != nil {
		for i, p := range t.Params {
			cols = append(cols, lite.ViewColumn{Name: fmt.Sprintf("argument %d", i+1), Type: p, Hidden: true})
		}
		return w.Hold.Conn.View(u.name, cols, func(ctx context.Context, _ *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
			return t.Rows(ctx, args)
		})
	}
	s, f := w.s, w.Frame
	return w.Hold.Conn.ViewOfAll(u.name, cols, func(ctx context.Context, _ *fn.Env, args []sqltype.Value) ([][]sqltype.Value, error) {
		return s.Views.Rows(ctx, f, u.v, u.db.ID, args)
	})
}
