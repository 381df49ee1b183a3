// Package dmv has the system views about the running server: sys.dm_exec_sessions, dm_exec_connections, dm_exec_requests,
// sysprocesses, the host, servers, languages, and sys.latchkey_features.
//
// [All] lists them; a [View]'s Rows makes its rows of an [Env], which says what the caller's session is and which sessions it may see.
// Nothing here is looked up twice or stored.
package dmv

import (
	"runtime"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// Column is a column of a view.
type Column struct {
	Name string
	Type sqltype.Type
}

// View is a system view.
type View struct {
	Name    string // in lower case with its schema
	Columns []Column
	// Rows are its rows; values are NULL or of their column's kind.
	Rows func(e *Env) ([][]sqltype.Value, error)
}

// Env is what a view is shown with.
type Env struct {
	State *model.State
	// Sessions are those that the caller may see; Self is the number of its own.
	Sessions []sessions.View
	Self     int
	Settings *setting.Settings // of the caller's session
	Open     int               // transactions of the caller's session
	// ServerState says that the caller holds VIEW SERVER STATE.
	ServerState  bool
	Now, Started time.Time
	ServerName   string
}

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }

func dateTime(t time.Time) sqltype.Value {
	if t.IsZero() {
		return sqltype.NullValue
	}
	const epoch = 719162 // days from 0001-01-01 to 1970-01-01
	ms := t.UnixMilli()
	days := ms / 86_400_000
	return sqltype.NewDateTime(int(days)+epoch, ((ms-days*86_400_000)*3+5)/10)
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

func status(v sessions.View) string {
	if v.Running {
		return "running"
	}
	return "sleeping"
}

// All lists the views.
func All() []*View {
	name := func(e *Env, id int) sqltype.Value {
		if l := e.State.Logins.Get(id); l != nil {
			return text(l.Name)
		}
		return sqltype.NullValue
	}
	each := func(f func(e *Env, v sessions.View) []sqltype.Value) func(*Env) ([][]sqltype.Value, error) {
		return func(e *Env) ([][]sqltype.Value, error) {
			var rows [][]sqltype.Value
			for _, v := range e.Sessions {
				if r := f(e, v); r != nil {
					rows = append(rows, r)
				}
			}
			return rows, nil
		}
	}
	return []*View{
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
			Rows: each(func(e *Env, v sessions.View) []sqltype.Value {
				zero := sqltype.NewInt(sqltype.BigInt, 0)
				iso, lock, dead := 2, int64(-1), 0
				if v.ID == e.Self {
					iso, lock, dead = int(e.Settings.Isolation), e.Settings.LockTimeout, e.Settings.DeadlockPriority
					v.Transactions = e.Open
				}
				return []sqltype.Value{
					smallint(v.ID), dateTime(v.Connected), orNull(v.Host), orNull(v.Program), integer(v.Process), orNull(v.Library), name(e, v.Login),
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
			Rows: each(func(_ *Env, v sessions.View) []sqltype.Value {
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
			Rows: each(func(e *Env, v sessions.View) []sqltype.Value {
				if !v.Running {
					return nil
				}
				return []sqltype.Value{
					smallint(v.ID), integer(0), dateTime(v.Began), text("running"), text(v.Command), smallint(v.Database), integer(1), smallint(0),
					sqltype.NullValue, integer(0), integer(v.Transactions), sqltype.NewFloat(sqltype.Real, 0),
					integer(int(e.Now.Sub(v.Began).Milliseconds())),
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
			Rows: each(func(e *Env, v sessions.View) []sqltype.Value {
				cmd := "AWAITING COMMAND"
				if v.Running {
					cmd = v.Command
				}
				return []sqltype.Value{
					smallint(v.ID), smallint(0), smallint(0), sqltype.NewInt(sqltype.BigInt, 0), text("MISCELLANEOUS"), smallint(v.Database), smallint(1),
					integer(0), sqltype.NewInt(sqltype.BigInt, 0), integer(2), dateTime(v.Connected), dateTime(v.Began), smallint(v.Transactions),
					text(status(v)), text(v.Host), text(v.Program), text(strconv.Itoa(v.Process)), text(cmd), name(e, v.Login), text(""), text("TCP/IP"),
				}
			}),
		},
		{
			Name: "sys.sysdatabases",
			Columns: []Column{
				{"name", tName},
				{"dbid", tSmallInt},
				{"sid", sqltype.Sized(sqltype.VarBinary, 85)},
				{"mode", tSmallInt},
				{"status", tInt},
				{"status2", tInt},
				{"crdate", tDateTime},
				{"category", tInt},
				{"cmptlevel", sqltype.Of(sqltype.TinyInt)},
				{"filename", tText},
				{"version", tSmallInt},
			},
			Rows: func(e *Env) ([][]sqltype.Value, error) {
				var rows [][]sqltype.Value
				for id, d := range e.State.Databases.All(0) {
					file := ""
					if len(d.Files) > 0 {
						file = d.Files[0].Physical
					}
					rows = append(rows, []sqltype.Value{
						text(d.Name), smallint(id), sqltype.NewBytes(sqltype.VarBinary, string(d.OwnerSID)), smallint(0), integer(65536), integer(0),
						dateTime(d.Created), integer(0), sqltype.NewInt(sqltype.TinyInt, int64(d.Compatibility)), orNull(file), smallint(957),
					})
				}
				return rows, nil
			},
		},
		{
			Name:    "sys.latchkey_features",
			Columns: []Column{{"name", tName.NotNull()}, {"kind", tName.NotNull()}, {"supported", tBit.NotNull()}, {"remark", tText}},
			Rows: func(*Env) ([][]sqltype.Value, error) {
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
			Rows: func(*Env) ([][]sqltype.Value, error) {
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
			Rows: func(e *Env) ([][]sqltype.Value, error) {
				if !e.ServerState {
					return nil, msg.List{msg.New(300, "VIEW SERVER STATE", "server", "master"), msg.New(297)}
				}
				return [][]sqltype.Value{{integer(runtime.NumCPU()), integer(1), sqltype.NewInt(sqltype.BigInt, 0), dateTime(e.Started), integer(0), text("NONE")}}, nil
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
			Rows: func(e *Env) ([][]sqltype.Value, error) {
				n := text(e.ServerName)
				return [][]sqltype.Value{{integer(0), n, text("SQL Server"), text("SQLNCLI"), n, bit(false), bit(true), bit(false)}}, nil
			},
		},
		{
			Name: "dbo.spt_values", // of master
			Columns: []Column{
				{"name", sqltype.Sized(sqltype.NVarChar, 35).Collated(collation.Default)},
				{"number", tInt.NotNull()},
				{"type", sqltype.Sized(sqltype.NChar, 3).Collated(collation.Default).NotNull()},
				{"low", tInt},
				{"high", tInt},
				{"status", tInt},
			},
			Rows: func(*Env) ([][]sqltype.Value, error) {
				numbers := make([][]sqltype.Value, 2048)
				for i := range numbers { // as a bit of a bitmap: its byte from 1, its value there
					numbers[i] = []sqltype.Value{sqltype.NullValue, integer(i), sqltype.NewText(sqltype.NChar, "P  "), integer(i/8 + 1), integer(1 << (i % 8)), integer(0)}
				}
				return numbers, nil
			},
		},
		{
			Name: "sys.syslanguages",
			Columns: []Column{
				{"langid", tSmallInt}, {"dateformat", tName}, {"datefirst", sqltype.Of(sqltype.TinyInt)}, {"name", tName}, {"alias", tName}, {"lcid", tInt}, {"msglangid", tSmallInt},
			},
			Rows: func(*Env) ([][]sqltype.Value, error) {
				return [][]sqltype.Value{
					{smallint(0), text("mdy"), sqltype.NewInt(sqltype.TinyInt, 7), text("us_english"), text("English"), integer(1033), smallint(1033)},
					{smallint(23), text("dmy"), sqltype.NewInt(sqltype.TinyInt, 1), text("British"), text("British English"), integer(2057), smallint(1033)},
				}, nil
			},
		},
	}
}
