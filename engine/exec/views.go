package exec

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/dmv"
	"latchkey/engine/exec/env"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// SystemView is a system view or function of another package.
type SystemView struct {
	Name    string // in lower case with its schema: sys.asymmetric_keys
	Columns []Column
	Params  int // arguments of a function, integers
	// Table is a function that needs nothing but its arguments, in place of Params and Rows.
	Table *fn.Table
	// Rows makes the rows as the session may see them, in a database: that of the name, or the session's. Values are of the columns' kinds.
	Rows func(ctx context.Context, c *Context, db int, args []sqltype.Value) ([][]sqltype.Value, error)
}

// viewUse is a system view that a plan reads, in a database.
type viewUse struct {
	name string // in SQLite
	db   *model.Database
	v    *SystemView
}

// systemViews finds the views that this package shows beside those of the schema and of Config.Views.
func (s *Server) systemView(name string) *SystemView {
	if v := s.views[name]; v != nil {
		return v
	}
	if cols := sysview.Columns(name); cols != nil {
		v := &SystemView{Name: name, Rows: schemaRows(name)}
		for _, c := range cols {
			v.Columns = append(v.Columns, Column{c.Name, c.Type})
		}
		return v
	}
	if f, ok := fn.LookupTable(name); ok {
		v := &SystemView{Name: "sys." + strings.TrimPrefix(name, "sys."), Table: f}
		for _, c := range f.Columns {
			v.Columns = append(v.Columns, Column{c.Name, c.Type})
		}
		return v
	}
	return nil
}

// systemView finds sys.x, INFORMATION_SCHEMA.x and the old names like sysobjects.
func (w *work) systemView(d *model.Database, n ast.ObjectName) *plan.Object {
	sn := fold(n.Schema())
	name := fold(n.Name())
	switch sn {
	case "sys", "information_schema":
		name = sn + "." + name
	case "", "dbo":
		switch {
		case strings.HasPrefix(name, "sys"):
			name = "sys." + name
		case sn != "":
			return nil
		}
	default:
		return nil
	}
	v := w.s.server.systemView(name)
	if v == nil || sn != "sys" && sn != "information_schema" && !oldName(v.Name) && v.Table == nil {
		return nil
	}
	u := &viewUse{name: v.Name + "." + strconv.Itoa(d.ID), db: d, v: v}
	known := false
	for _, x := range w.views {
		known = known || x.name == u.name
	}
	if !known {
		w.views = append(w.views, u)
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
	if v.Params > 0 {
		o.Kind = plan.TableFunction
		for range v.Params {
			o.Params = append(o.Params, plan.FunctionParam{Type: sqltype.Of(sqltype.Int)})
		}
	}
	return o
}

// oldName reports the views that are found without sys in front, as in version 2000.
func oldName(name string) bool {
	switch strings.TrimPrefix(name, "sys.") {
	case "sysobjects", "syscolumns", "systypes", "sysindexes", "sysindexkeys", "sysusers", "sysdatabases", "syslogins", "sysprocesses", "sysfiles",
		"syscomments", "sysconstraints", "sysforeignkeys", "sysmessages", "sysconfigures", "syscurconfigs", "sysservers", "syscharsets", "syspermissions":
		return true
	}
	return false
}

// register makes a view on the connection, with rows for this session.
func (w *work) register(u *viewUse) error {
	cols := make([]lite.ViewColumn, 0, len(u.v.Columns)+u.v.Params)
	for _, c := range u.v.Columns {
		cols = append(cols, lite.ViewColumn{Name: c.Name, Type: c.Type})
	}
	for i := range u.v.Params {
		cols = append(cols, lite.ViewColumn{Name: fmt.Sprintf("argument %d", i+1), Type: sqltype.Of(sqltype.Int), Hidden: true})
	}
	if t := u.v.Table; t != nil {
		for i, p := range t.Params {
			cols = append(cols, lite.ViewColumn{Name: fmt.Sprintf("argument %d", i+1), Type: p, Hidden: true})
		}
		return w.hold.Conn.View(u.name, cols, func(ctx context.Context, _ *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
			return t.Rows(ctx, args)
		})
	}
	s, f := w.s, w.f
	return w.hold.Conn.View(u.name, cols, func(ctx context.Context, _ *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
		return func(yield func([]sqltype.Value, error) bool) {
			rows, err := u.v.Rows(ctx, &Context{s: s, f: f}, u.db.ID, args)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}
	})
}

// schemaRows shows what package sysview knows.
func schemaRows(name string) func(context.Context, *Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
	return func(ctx context.Context, c *Context, db int, _ []sqltype.Value) (rows [][]sqltype.Value, err error) {
		s := c.s
		snapDB := db
		st := s.server.cfg.Catalog.State()
		d := st.Databases.Get(db)
		if d == nil {
			return nil, nil
		}
		p := s.permIn(db)
		err = (host{s}).look(ctx, snapDB, func(w *work) error {
			snap, err := host{s}.Snapshot(ctx, db)
			if err != nil || snap == nil {
				return err
			}
			conn, err := w.conn()
			if err != nil {
				return err
			}
			sh := snap.Shared
			rows, err = sysview.Rows(ctx, name, sysview.Env{
				Snapshot: snap, DatabaseID: db, Database: d.Name,
				Visible: func(o schema.Object) bool { return snap.Temporary() || env.Visible(p, snap, o) },
				Count: func(_ context.Context, t *schema.Table) (int64, error) {
					source := "main"
					if snap.Temporary() {
						source = tmpName
					}
					q, err := conn.Prepare("SELECT count(*) FROM " + t.SQL(source))
					if err != nil {
						return 0, err
					}
					defer q.Release()
					if q.Step() {
						return q.ColumnInt64(0), nil
					}
					return 0, q.Err()
				},
				LastIdentity: func(_ context.Context, t *schema.Table) (int64, bool, error) { return sh.Identity(conn, t) },
				Owner: func(id int) string {
					if x := st.Principals.In(db, id); x != nil {
						return x.Name
					}
					return ""
				},
			})
			return err
		})
		return rows, err
	}
}

func smallint(n int) sqltype.Value { return sqltype.NewInt(sqltype.SmallInt, int64(n)) }
func integer(n int) sqltype.Value  { return sqltype.NewInt(sqltype.Int, int64(n)) }
func bit(b bool) sqltype.Value     { return sqltype.NewBit(b) }
func orNull(s string) sqltype.Value {
	if s == "" {
		return sqltype.NullValue
	}
	return text(s)
}

var (
	tInt      = sqltype.Of(sqltype.Int)
	tSmallInt = sqltype.Of(sqltype.SmallInt)
	tBit      = sqltype.Of(sqltype.Bit)
	tName     = sqltype.Sized(sqltype.NVarChar, 128)
	tText     = sqltype.Sized(sqltype.NVarChar, 4000)
)

// builtinViews are those of package dmv.
func builtinViews() []*SystemView {
	var out []*SystemView
	for _, v := range dmv.All() {
		n := &SystemView{Name: v.Name}
		for _, c := range v.Columns {
			n.Columns = append(n.Columns, Column(c))
		}
		n.Rows = func(_ context.Context, c *Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
			return v.Rows(c.s.running())
		}
		out = append(out, n)
	}
	return out
}

// running is what package dmv shows to the session.
func (s *Session) running() *dmv.Env {
	cfg := &s.server.cfg
	e := &dmv.Env{
		State: cfg.Catalog.State(), Sessions: cfg.Sessions.List(), Self: s.id, Settings: &s.set, Open: s.tx.Count(),
		ServerState: s.perm().Server("VIEW SERVER STATE"), Now: cfg.Clock.Now(), Started: s.server.started, ServerName: cfg.ServerName,
	}
	if !e.ServerState { // its own alone
		e.Sessions = slices.DeleteFunc(e.Sessions, func(v sessions.View) bool { return v.ID != s.id })
	}
	return e
}
