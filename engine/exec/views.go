package exec

import (
	"context"
	"slices"
	"strings"

	"latchkey/engine/exec/dmv"
	"latchkey/engine/exec/env"
	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// systemViews finds the views that this package shows beside those of the schema and of Config.Views.
func (s *Server) systemView(name string) *handler.View {
	if v := s.views[name]; v != nil {
		return v
	}
	if cols := sysview.Columns(name); cols != nil {
		v := &handler.View{Name: name, Args: sysview.Arguments(name), Rows: schemaRows(name, s.system)}
		for _, c := range cols {
			v.Columns = append(v.Columns, handler.Column{Name: c.Name, Type: c.Type})
		}
		return v
	}
	if f, ok := fn.LookupTable(name); ok {
		v := &handler.View{Name: "sys." + strings.TrimPrefix(name, "sys."), Table: f}
		for _, c := range f.Columns {
			v.Columns = append(v.Columns, handler.Column{Name: c.Name, Type: c.Type})
		}
		return v
	}
	return nil
}

// schemaRows shows what package sysview knows.
func schemaRows(name string, system *sysview.System) func(context.Context, *handler.Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
	return func(ctx context.Context, c *handler.Context, db int, args []sqltype.Value) (rows [][]sqltype.Value, err error) {
		s := c.Parts
		st := s.Actor.Catalog.State()
		d := st.Databases.Get(db)
		if d == nil {
			return nil, nil
		}
		p := s.Actor.PermIn(db)
		h := work.Host{Session: s.Work}
		err = h.Look(ctx, db, func(w *work.Statement) error {
			snap, err := h.Snapshot(ctx, db)
			if err != nil {
				return err
			}
			if snap == nil { // tempdb, of which the session has nothing yet
				snap = schema.Empty(schema.NewShared(schema.Config{Temporary: true}))
			}
			conn, err := w.Conn()
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
						source = work.TempName
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
				System:       system,
				Arguments:    args,
				LastValue:    func(_ context.Context, q *schema.Sequence) (int64, bool, error) { return sh.Last(conn, q) },
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

// builtinViews are those of package dmv.
func (s *Server) builtinViews() []*handler.View {
	var out []*handler.View
	for _, v := range dmv.All() {
		n := &handler.View{Name: v.Name}
		for _, c := range v.Columns {
			n.Columns = append(n.Columns, handler.Column(c))
		}
		n.Rows = func(_ context.Context, c *handler.Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
			return v.Rows(s.running(c))
		}
		out = append(out, n)
	}
	return out
}

// running is what package dmv shows to the session.
func (s *Server) running(c *handler.Context) *dmv.Env {
	cfg := &s.cfg
	e := &dmv.Env{
		State: cfg.Catalog.State(), Sessions: cfg.Sessions.List(), Self: c.Parts.Actor.ID, Settings: &c.Parts.Work.Set, Open: c.Parts.Work.Tx.Count(),
		ServerState: c.Parts.Actor.Perm().Server("VIEW SERVER STATE"), Now: cfg.Clock.Now(), Started: s.started, ServerName: cfg.ServerName,
	}
	if !e.ServerState { // its own alone
		e.Sessions = slices.DeleteFunc(e.Sessions, func(v sessions.View) bool { return v.ID != c.Parts.Actor.ID })
	}
	return e
}

// shown are the system views of a server as one session sees them.
type shown struct{ s *Session }

// Refused looks a name up in package feature; all of sys.dm_... that is not there is refused.
func (v shown) Refused(name ast.ObjectName) bool {
	in, plain := strings.ToLower(name.Schema()), strings.ToLower(name.Name())
	switch in {
	case "information_schema":
		plain = in + "." + plain
	case "sys":
		if strings.HasPrefix(plain, "dm_") {
			return true
		}
	case "", "dbo":
	default:
		return false
	}
	return feature.Refused(plain)
}

// Find finds a view.
func (v shown) Find(name string) *work.View {
	x := v.s.server.systemView(name)
	if x == nil {
		return nil
	}
	n := &work.View{Name: x.Name, Params: x.Params, Args: x.Args, Table: x.Table}
	for _, c := range x.Columns {
		n.Columns = append(n.Columns, lite.ViewColumn{Name: c.Name, Type: c.Type})
	}
	return n
}

// Rows makes the rows of a view.
func (v shown) Rows(ctx context.Context, f *scope.Frame, x *work.View, db int, args []sqltype.Value) ([][]sqltype.Value, error) {
	return v.s.server.systemView(x.Name).Rows(ctx, &handler.Context{Parts: v.s.parts, Frame: f}, db, args)
}
