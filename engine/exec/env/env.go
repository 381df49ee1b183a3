// Package env answers what functions ask of a session: databases, principals, objects and permissions by name and id, as far as the
// caller may see them.
//
// [New] makes the parts of an fn.Env over a [Host], which is the session. Values of the session itself (@@ROWCOUNT, ERROR_NUMBER())
// are the executor's own; SERVERPROPERTY and its kin are here.
package env

import (
	"context"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/fn/def"
	"latchkey/engine/schema"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sqltype"
)

// Host is the session.
type Host interface {
	Actor
	States
	Definitions
}

// Actor is who asks.
type Actor interface {
	Catalog() *catalog.Catalog
	Caller() catalog.Caller
	// Login is who logged in.
	Login() int
	// Perm answers what the caller may do in a database.
	Perm(db int) *perm.Eval
}

// States tells of databases that are being opened or wait for their key.
type States interface {
	// DatabaseState is the state that a database is in now, as model has them; false if only the catalogue knows.
	DatabaseState(db int) (int, bool)
}

// Definitions are what databases hold.
type Definitions interface {
	// Snapshot is what a database holds; the session's temporary database for tempdb's id. It may be nil for the latter.
	Snapshot(ctx context.Context, db int) (*schema.Snapshot, error)
	// Identity is the last value of a table's identity, false if it gave none.
	Identity(ctx context.Context, db int, t *schema.Table) (int64, bool, error)
}

// Databases answers DB_ID and its kin.
type Databases struct{ Host Host }

// Names answers for logins and users.
type Names struct{ Host Host }

// Objects answers for what is in databases.
type Objects struct {
	Host   Host
	System *sysview.System // what the server brings along; may be nil
}

// Security answers questions about permissions.
type Security struct{ Host Host }

var (
	_ def.Databases = Databases{}
	_ def.Names     = Names{}
	_ def.Objects   = Objects{}
	_ def.Security  = Security{}
)

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
func number(n int) sqltype.Value  { return sqltype.NewInt(sqltype.Int, int64(n)) }

func truth(b bool) sqltype.Value {
	if b {
		return number(1)
	}
	return number(0)
}

// Database finds a database.
func (d Databases) Database(_ context.Context, name string, id int) (def.Database, bool, error) {
	st := d.Host.Catalog().State()
	var x *model.Database
	switch {
	case name != "":
		x = st.FindDatabase(name)
	case id != 0:
		x = st.Databases.Get(id)
	default:
		x = st.Databases.Get(d.Host.Caller().Database)
	}
	if x == nil {
		return def.Database{}, false, nil
	}
	_, access := d.Host.Perm(x.ID).User()
	state := d.state(x)
	return def.Database{ID: x.ID, Name: x.Name, Accessible: access && (state == model.Online || state == model.Emergency)}, true, nil
}

// state is what a database is in now, as sys.databases has it.
func (d Databases) state(x *model.Database) int {
	if s, ok := d.Host.DatabaseState(x.ID); ok {
		return s
	}
	return x.State
}

var (
	recoveryNames = map[int]string{model.RecoveryFull: "FULL", model.RecoveryBulkLogged: "BULK_LOGGED", model.RecoverySimple: "SIMPLE"}
	stateNames    = []string{"ONLINE", "RESTORING", "RECOVERING", "RECOVERY_PENDING", "SUSPECT", "EMERGENCY", "OFFLINE"}
	accessNames   = []string{"MULTI_USER", "SINGLE_USER", "RESTRICTED_USER"}
)

// Property answers DATABASEPROPERTYEX.
func (d Databases) Property(_ context.Context, database, property string) (sqltype.Value, error) {
	x := d.Host.Catalog().State().FindDatabase(database)
	if x == nil {
		return sqltype.NullValue, nil
	}
	at := func(list []string, i int) string {
		if i >= 0 && i < len(list) {
			return list[i]
		}
		return ""
	}
	option := func(name string) sqltype.Value { return truth(x.Options[name]) }
	switch strings.ToUpper(property) {
	case "COLLATION":
		if d.state(x) != model.Online {
			return sqltype.NullValue, nil
		}
		return text(x.Collation), nil
	case "EDITION", "SERVICEOBJECTIVE", "ELASTICPOOLNAME":
		return sqltype.NullValue, nil
	case "ISANSINULLDEFAULT":
		return option("is_ansi_null_default_on"), nil
	case "ISANSINULLSENABLED":
		return option("is_ansi_nulls_on"), nil
	case "ISANSIPADDINGENABLED":
		return option("is_ansi_padding_on"), nil
	case "ISANSIWARNINGSENABLED":
		return option("is_ansi_warnings_on"), nil
	case "ISARITHMETICABORTENABLED":
		return option("is_arithabort_on"), nil
	case "ISAUTOCLOSE":
		return option("is_auto_close_on"), nil
	case "ISAUTOCREATESTATISTICS":
		return option("is_auto_create_stats_on"), nil
	case "ISAUTOSHRINK":
		return option("is_auto_shrink_on"), nil
	case "ISAUTOUPDATESTATISTICS":
		return option("is_auto_update_stats_on"), nil
	case "ISCLOSECURSORSONCOMMITENABLED":
		return option("is_cursor_close_on_commit_on"), nil
	case "ISQUOTEDIDENTIFIERSENABLED":
		return option("is_quoted_identifier_on"), nil
	case "ISRECURSIVETRIGGERSENABLED":
		return option("is_recursive_triggers_on"), nil
	case "ISNULLCONCAT":
		return option("is_concat_null_yields_null_on"), nil
	case "ISFULLTEXTENABLED", "ISINSTANDBY", "ISMERGEPUBLISHED", "ISPUBLISHED", "ISSUBSCRIBED", "ISSYNCWITHBACKUP", "ISXTPSUPPORTED",
		"ISMEMORYOPTIMIZEDELEVATETOSNAPSHOTENABLED":
		return number(0), nil
	case "ISPARAMETERIZATIONFORCED":
		return option("is_parameterization_forced"), nil
	case "RECOVERY":
		return text(recoveryNames[x.Recovery]), nil
	case "STATUS":
		return text(at(stateNames, d.state(x))), nil
	case "UPDATEABILITY":
		if x.ReadOnly {
			return text("READ_ONLY"), nil
		}
		return text("READ_WRITE"), nil
	case "USERACCESS":
		return text(at(accessNames, x.UserAccess)), nil
	case "VERSION":
		if d.state(x) != model.Online {
			return sqltype.NullValue, nil
		}
		return number(957), nil
	case "LCID":
		return number(1033), nil
	case "SQLSORTORDER":
		return number(52), nil
	case "COMPARISONSTYLE":
		return number(196609), nil
	}
	return sqltype.NullValue, nil
}

// Principal finds a login or user.
func (n Names) Principal(_ context.Context, q def.Who) (def.Principal, bool, error) {
	st, c := n.Host.Catalog().State(), n.Host.Caller()
	if q.Server {
		var l *model.Login
		switch {
		case q.Original:
			l = st.Logins.Get(n.Host.Login())
		case q.Current:
			if l = st.Logins.Get(c.Login); l == nil && c.User != 0 {
				if p := st.Principals.In(c.Database, c.User); p != nil && len(p.SID) > 0 {
					l = st.LoginBySID(p.SID)
				}
			}
		case q.Name != "":
			l = st.FindLogin(q.Name)
		case q.SID != "":
			l = st.LoginBySID([]byte(q.SID))
		default:
			l = st.Logins.Get(q.ID)
		}
		if l == nil {
			return def.Principal{}, false, nil
		}
		return def.Principal{ID: l.ID, Name: l.Name, SID: string(l.SID)}, true, nil
	}
	var p *model.Principal
	switch {
	case q.Current, q.Original:
		id, _ := n.Host.Perm(c.Database).User()
		p = st.Principals.In(c.Database, id)
	case q.Name != "":
		p = st.FindPrincipal(c.Database, q.Name)
	case q.SID != "":
		_, p = st.Principals.Find(c.Database, func(x *model.Principal) bool { return string(x.SID) == q.SID })
	default:
		p = st.Principals.In(c.Database, q.ID)
	}
	if p == nil {
		return def.Principal{}, false, nil
	}
	return def.Principal{ID: p.ID, Name: p.Name, SID: string(p.SID)}, true, nil
}
