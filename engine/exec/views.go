package exec

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/env"
	"latchkey/engine/exec/feature"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
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

func dateTime(t time.Time) sqltype.Value {
	if t.IsZero() {
		return sqltype.NullValue
	}
	t = t.UTC()
	days := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Sub(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	ms := t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)).Milliseconds()
	return sqltype.NewDateTime(days, (ms*3+5)/10)
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
	tDateTime = sqltype.Of(sqltype.DateTime)
	tName     = sqltype.Sized(sqltype.NVarChar, 128).Collated(collation.Default)
	tText     = sqltype.Sized(sqltype.NVarChar, 4000).Collated(collation.Default)
)

// sessionsSeen are the sessions that the caller may see: its own, or all with VIEW SERVER STATE.
func (c *Context) sessionsSeen() []sessions.View {
	all := c.s.server.cfg.Sessions.List()
	if c.s.perm().Server("VIEW SERVER STATE") {
		return all
	}
	for _, v := range all {
		if v.ID == c.s.id {
			return []sessions.View{v}
		}
	}
	return nil
}

func status(v sessions.View) string {
	if v.Running {
		return "running"
	}
	return "sleeping"
}

// builtinViews are those of the executor itself.
func builtinViews() []*SystemView {
	name := func(c *Context, id int) sqltype.Value {
		if l := c.s.server.cfg.Catalog.State().Logins.Get(id); l != nil {
			return text(l.Name)
		}
		return sqltype.NullValue
	}
	each := func(f func(c *Context, v sessions.View) []sqltype.Value) func(context.Context, *Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
		return func(_ context.Context, c *Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
			var rows [][]sqltype.Value
			for _, v := range c.sessionsSeen() {
				if r := f(c, v); r != nil {
					rows = append(rows, r)
				}
			}
			return rows, nil
		}
	}
	return []*SystemView{
		{
			Name: "sys.dm_exec_sessions",
			Columns: []Column{
				{"session_id", tSmallInt},
				{"login_time", tDateTime},
				{"host_name", tName},
				{"program_name", tName},
				{"host_process_id", tInt},
				{"client_interface_name", tName},
				{"login_name", tName},
				{"nt_domain", tName},
				{"nt_user_name", tName},
				{"status", tName},
				{"cpu_time", tInt},
				{"memory_usage", tInt},
				{"total_elapsed_time", tInt},
				{"last_request_start_time", tDateTime},
				{"last_request_end_time", tDateTime},
				{"reads", sqltype.Of(sqltype.BigInt)},
				{"writes", sqltype.Of(sqltype.BigInt)},
				{"logical_reads", sqltype.Of(sqltype.BigInt)},
				{"is_user_process", tBit},
				{"language", tName},
				{"date_format", tName},
				{"original_login_name", tName},
				{"open_transaction_count", tInt},
				{"database_id", tSmallInt},
				{"authenticating_database_id", tInt},
				{"row_count", sqltype.Of(sqltype.BigInt)},
				{"transaction_isolation_level", tSmallInt},
				{"lock_timeout", tInt},
				{"deadlock_priority", tInt},
			},
			Rows: each(func(c *Context, v sessions.View) []sqltype.Value {
				zero := sqltype.NewInt(sqltype.BigInt, 0)
				iso, lock, dead := 2, int64(-1), 0
				if v.ID == c.s.id {
					iso, lock, dead = int(c.s.set.Isolation), c.s.set.LockTimeout, c.s.set.DeadlockPriority
					v.Transactions = c.s.tx.Count()
				}
				return []sqltype.Value{
					smallint(v.ID), dateTime(v.Connected), orNull(v.Host), orNull(v.Program), integer(v.Process), orNull(v.Library), name(c, v.Login),
					sqltype.NullValue, sqltype.NullValue, text(status(v)), integer(0), integer(2), integer(0), dateTime(v.Began), dateTime(v.Ended), zero, zero,
					zero, bit(true), text("us_english"), text("mdy"), text(v.LoginName), integer(v.Transactions), smallint(v.Database), integer(1), zero,
					smallint(iso), integer(int(lock)), integer(dead),
				}
			}),
		},
		{
			Name: "sys.dm_exec_connections",
			Columns: []Column{
				{"session_id", tInt},
				{"connect_time", tDateTime},
				{"net_transport", tName},
				{"protocol_type", tName},
				{"encrypt_option", tName},
				{"auth_scheme", tName},
				{"node_affinity", tSmallInt},
				{"client_net_address", tName},
				{"client_tcp_port", tInt},
				{"local_net_address", tName},
				{"local_tcp_port", tInt},
				{"last_read", tDateTime},
				{"last_write", tDateTime},
			},
			Rows: each(func(_ *Context, v sessions.View) []sqltype.Value {
				host, port := v.Remote, 0
				if i := strings.LastIndexByte(v.Remote, ':'); i >= 0 {
					host = strings.Trim(v.Remote[:i], "[]")
					port, _ = strconv.Atoi(v.Remote[i+1:])
				}
				enc := "FALSE"
				if v.Encrypted {
					enc = "TRUE"
				}
				return []sqltype.Value{
					integer(v.ID), dateTime(v.Connected), text("TCP"), text("TSQL"), text(enc), text("SQL"), smallint(0), orNull(host), integer(port),
					sqltype.NullValue, sqltype.NullValue, dateTime(v.Began), dateTime(v.Ended),
				}
			}),
		},
		{
			Name: "sys.dm_exec_requests",
			Columns: []Column{
				{"session_id", tSmallInt},
				{"request_id", tInt},
				{"start_time", tDateTime},
				{"status", tName},
				{"command", tName},
				{"database_id", tSmallInt},
				{"user_id", tInt},
				{"blocking_session_id", tSmallInt},
				{"wait_type", tName},
				{"wait_time", tInt},
				{"open_transaction_count", tInt},
				{"percent_complete", sqltype.Of(sqltype.Real)},
				{"total_elapsed_time", tInt},
			},
			Rows: each(func(c *Context, v sessions.View) []sqltype.Value {
				if !v.Running {
					return nil
				}
				return []sqltype.Value{
					smallint(v.ID), integer(0), dateTime(v.Began), text("running"), text(v.Command), smallint(v.Database), integer(1), smallint(0),
					sqltype.NullValue, integer(0), integer(v.Transactions), sqltype.NewFloat(sqltype.Real, 0),
					integer(int(c.s.server.cfg.Clock.Now().Sub(v.Began).Milliseconds())),
				}
			}),
		},
		{
			Name: "sys.sysprocesses",
			Columns: []Column{
				{"spid", tSmallInt},
				{"kpid", tSmallInt},
				{"blocked", tSmallInt},
				{"waittime", sqltype.Of(sqltype.BigInt)},
				{"lastwaittype", tName},
				{"dbid", tSmallInt},
				{"uid", tSmallInt},
				{"cpu", tInt},
				{"physical_io", sqltype.Of(sqltype.BigInt)},
				{"memusage", tInt},
				{"login_time", tDateTime},
				{"last_batch", tDateTime},
				{"open_tran", tSmallInt},
				{"status", tName},
				{"hostname", tName},
				{"program_name", tName},
				{"hostprocess", tName},
				{"cmd", tName},
				{"loginame", tName},
				{"net_address", tName},
				{"net_library", tName},
			},
			Rows: each(func(c *Context, v sessions.View) []sqltype.Value {
				cmd := "AWAITING COMMAND"
				if v.Running {
					cmd = v.Command
				}
				return []sqltype.Value{
					smallint(v.ID), smallint(0), smallint(0), sqltype.NewInt(sqltype.BigInt, 0), text("MISCELLANEOUS"), smallint(v.Database), smallint(1),
					integer(0), sqltype.NewInt(sqltype.BigInt, 0), integer(2), dateTime(v.Connected), dateTime(v.Began), smallint(v.Transactions),
					text(status(v)), text(v.Host), text(v.Program), text(strconv.Itoa(v.Process)), text(cmd), name(c, v.Login), text(""), text("TCP/IP"),
				}
			}),
		},
		{
			Name:    "sys.latchkey_features",
			Columns: []Column{{"name", tName.NotNull()}, {"kind", tName.NotNull()}, {"supported", tBit.NotNull()}, {"remark", tText}},
			Rows: func(context.Context, *Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
				var rows [][]sqltype.Value
				for _, f := range feature.All() {
					rows = append(rows, []sqltype.Value{text(f.Name), text(f.Kind), bit(f.Supported), orNull(f.Remark)})
				}
				return rows, nil
			},
		},
		{
			Name: "sys.dm_os_host_info",
			Columns: []Column{
				{"host_platform", tName},
				{"host_distribution", tName},
				{"host_release", tName},
				{"host_service_pack_level", tName},
				{"host_sku", tInt},
				{"os_language_version", tInt},
				{"host_architecture", tName},
			},
			Rows: func(context.Context, *Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
				return [][]sqltype.Value{{text("Linux"), text("Linux"), text(""), text(""), sqltype.NullValue, integer(0), text("X64")}}, nil
			},
		},
		{
			Name: "sys.dm_os_sys_info",
			Columns: []Column{
				{"cpu_count", tInt},
				{"hyperthread_ratio", tInt},
				{"physical_memory_kb", sqltype.Of(sqltype.BigInt)},
				{"sqlserver_start_time", tDateTime},
				{"virtual_machine_type", tInt},
				{"virtual_machine_type_desc", tName},
			},
			Rows: func(_ context.Context, c *Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
				if !c.s.perm().Server("VIEW SERVER STATE") {
					return nil, msg.List{msg.New(300, "VIEW SERVER STATE", "server", "master"), msg.New(297)}
				}
				return [][]sqltype.Value{{integer(cpus()), integer(1), sqltype.NewInt(sqltype.BigInt, 0), dateTime(c.s.server.started), integer(0), text("NONE")}}, nil
			},
		},
		{
			Name: "sys.servers",
			Columns: []Column{
				{"server_id", tInt},
				{"name", tName},
				{"product", tName},
				{"provider", tName},
				{"data_source", tText},
				{"is_linked", tBit},
				{"is_remote_login_enabled", tBit},
				{"is_data_access_enabled", tBit},
			},
			Rows: func(_ context.Context, c *Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
				n := text(c.s.server.cfg.ServerName)
				return [][]sqltype.Value{{integer(0), n, text("SQL Server"), text("SQLNCLI"), n, bit(false), bit(true), bit(false)}}, nil
			},
		},
		{
			Name: "sys.syslanguages",
			Columns: []Column{
				{"langid", tSmallInt}, {"dateformat", tName}, {"datefirst", sqltype.Of(sqltype.TinyInt)}, {"name", tName}, {"alias", tName}, {"lcid", tInt}, {"msglangid", tSmallInt},
			},
			Rows: func(context.Context, *Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
				return [][]sqltype.Value{
					{smallint(0), text("mdy"), sqltype.NewInt(sqltype.TinyInt, 7), text("us_english"), text("English"), integer(1033), smallint(1033)},
					{smallint(23), text("dmy"), sqltype.NewInt(sqltype.TinyInt, 1), text("British"), text("British English"), integer(2057), smallint(1033)},
				}, nil
			},
		},
	}
}
