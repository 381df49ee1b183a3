package perm

import (
	"slices"

	"latchkey/engine/catalog/model"
)

// Eval answers for one principal. Its zero value may do nothing.
type Eval struct {
	state  *model.State
	login  int
	server []int // identities on the server
	sys    bool

	db    int
	user  int   // the user in db, 0 without access as anyone (public has 0 too; see access)
	ids   []int // identities in db
	inDB  bool  // the login has a user in db, guest included
	owner bool  // it is dbo
}

// fixedServer is what fixed server roles may do.
var fixedServer = map[int][]string{
	model.SecurityAdmin: {"ALTER ANY LOGIN"},
	model.ServerAdmin:   {"ALTER ANY ENDPOINT", "ALTER RESOURCES", "ALTER SERVER STATE", "ALTER SETTINGS", "SHUTDOWN"},
	model.SetupAdmin:    {"ALTER ANY LINKED SERVER"},
	model.ProcessAdmin:  {"ALTER ANY CONNECTION", "ALTER SERVER STATE"},
	model.DiskAdmin:     {"ALTER RESOURCES"},
	model.DBCreator:     {"ALTER ANY DATABASE"},
	model.BulkAdmin:     {"ADMINISTER BULK OPERATIONS"},
}

// fixedDatabase is what fixed database roles may do.
var fixedDatabase = map[int][]string{
	model.DBOwner:         {"CONTROL"},
	model.DBAccessAdmin:   {"ALTER ANY USER", "CREATE SCHEMA", "CONNECT"},
	model.DBSecurityAdmin: {"ALTER ANY APPLICATION ROLE", "ALTER ANY ROLE", "CREATE SCHEMA", "VIEW DEFINITION"},
	model.DBDDLAdmin: {
		"ALTER ANY ASSEMBLY", "ALTER ANY ASYMMETRIC KEY", "ALTER ANY CERTIFICATE", "ALTER ANY DATABASE DDL TRIGGER", "ALTER ANY SCHEMA",
		"ALTER ANY SYMMETRIC KEY", "CHECKPOINT", "CREATE DEFAULT", "CREATE FUNCTION", "CREATE PROCEDURE", "CREATE RULE", "CREATE SYNONYM",
		"CREATE TABLE", "CREATE TYPE", "CREATE VIEW", "REFERENCES",
	},
	model.DBBackupOperator: {"BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT"},
	model.DBDataReader:     {"SELECT"},
	model.DBDataWriter:     {"DELETE", "INSERT", "UPDATE"},
}

// deniedDatabase is what fixed database roles may not do.
var deniedDatabase = map[int][]string{
	model.DBDenyDataReader: {"SELECT"},
	model.DBDenyDataWriter: {"DELETE", "INSERT", "UPDATE"},
}

// For makes the Eval of a login in a database; db 0 is the server alone. A login that does not exist may do nothing.
func For(s *model.State, login, db int) *Eval {
	e := &Eval{state: s, login: login, db: db}
	l := s.Logins.Get(login)
	if l == nil {
		return e
	}
	e.server = identities(s, 0, login, model.PublicRole)
	e.sys = slices.Contains(e.server, model.SysAdmin)
	e.enter(l)
	return e
}

// ForUser makes the Eval of a database user as EXECUTE AS USER has it: with no identity on the server.
func ForUser(s *model.State, db, user int) *Eval {
	e := &Eval{state: s, db: db}
	if p := s.Principals.In(db, user); p != nil {
		e.become(user)
	}
	return e
}

// enter finds who the login is in the database.
func (e *Eval) enter(l *model.Login) {
	d := e.state.Databases.Get(e.db)
	if d == nil {
		return
	}
	if e.sys || string(d.OwnerSID) == string(l.SID) {
		e.become(model.DBO)
		return
	}
	id, p := e.state.Principals.Find(e.db, func(p *model.Principal) bool {
		return !p.IsRole() && len(p.SID) > 0 && string(p.SID) == string(l.SID)
	})
	if p != nil {
		e.become(id)
		if e.holdsDB("CONNECT") {
			return
		}
		e.inDB, e.ids, e.user = false, nil, 0
		return
	}
	// Without a user of its own: guest, if it may connect, or a right to enter any database.
	if e.state.Principals.In(e.db, model.Guest) != nil {
		e.become(model.Guest)
		if e.holdsDB("CONNECT") {
			return
		}
		e.inDB, e.ids, e.user = false, nil, 0
	}
	if e.Server("CONNECT ANY DATABASE") {
		e.inDB, e.ids, e.user = true, []int{model.DBPublic}, model.DBPublic
	}
}

func (e *Eval) become(user int) {
	e.inDB, e.user, e.owner = true, user, user == model.DBO
	e.ids = identities(e.state, e.db, user, model.DBPublic)
}

// identities are a principal, the roles that it is in directly or through other roles, and public.
func identities(s *model.State, db, id, public int) []int {
	out := []int{id, public}
	for i := 0; i < len(out); i++ {
		for _, m := range s.Members.All(db) {
			if m.Member == out[i] && !slices.Contains(out, m.Role) {
				out = append(out, m.Role)
			}
		}
	}
	return out
}

// Login is the login's id, 0 under EXECUTE AS USER.
func (e *Eval) Login() int { return e.login }

// User is the id of the user in the database and whether the principal has access to it at all.
func (e *Eval) User() (id int, access bool) { return e.user, e.inDB }

// Sysadmin reports membership in sysadmin.
func (e *Eval) Sysadmin() bool { return e.sys }

// DBO reports whether the principal is dbo in its database.
func (e *Eval) DBO() bool { return e.owner }

// InServerRole reports membership in a server role, direct or not. A member of sysadmin is in every role.
func (e *Eval) InServerRole(role int) bool { return e.sys || slices.Contains(e.server, role) }

// InRole reports membership in a role of the database. dbo is in every fixed role but the denying ones.
func (e *Eval) InRole(role int) bool {
	return slices.Contains(e.ids, role) || e.owner && role >= model.DBOwner && deniedDatabase[role] == nil
}

// verdict of rows: denied wins.
type verdict int8

const (
	none verdict = iota
	granted
	denied
)

// rows looks through the permission rows of a securable for any of names and identities.
func (e *Eval) rows(db int, class Class, major int, ids []int, names []string) verdict {
	v := none
	for _, p := range e.state.Permissions.All(db) {
		if Class(p.Class) != class || p.Major != major || p.Minor != 0 || !slices.Contains(names, p.Name) || !slices.Contains(ids, p.Grantee) {
			continue
		}
		switch p.State {
		case "D":
			return denied
		case "G", "W":
			v = granted
		}
	}
	return v
}

// Server reports whether the principal holds a permission on the server.
func (e *Eval) Server(name string) bool { return e.server0(name) == granted }

func (e *Eval) server0(name string) verdict {
	if e.sys {
		return granted
	}
	if len(e.server) == 0 {
		return none
	}
	names := covering(Server, name)
	v := e.rows(0, Server, 0, e.server, names)
	if v == denied {
		return denied
	}
	for role, held := range fixedServer {
		if slices.Contains(e.server, role) && slices.ContainsFunc(held, func(h string) bool { return slices.Contains(names, h) }) {
			return granted
		}
	}
	return v
}

// OnLogin reports whether the principal holds a permission on a login, server role or credential.
func (e *Eval) OnLogin(class Class, id int, name string) bool {
	if e.sys || class == Login && id == e.login && name == "VIEW DEFINITION" {
		return true
	}
	names := covering(class, name)
	v := e.rows(0, class, id, e.server, names)
	if v == denied {
		return false
	}
	if class == Login {
		if r := e.state.Logins.Get(id); r != nil && r.IsRole() && r.Owner != 0 && slices.Contains(e.server, r.Owner) {
			return true
		}
	}
	for _, n := range names {
		info, _ := Lookup(class, n)
		if info.Parent == "" {
			continue
		}
		parent := info.Parent
		if r := e.state.Logins.Get(id); class == Login && r != nil && r.IsRole() && parent == "ALTER ANY LOGIN" {
			parent = "ALTER ANY SERVER ROLE"
		}
		switch e.server0(parent) {
		case denied:
			return false
		case granted:
			v = granted
		}
	}
	return v == granted
}

// Database reports whether the principal holds a permission on its database.
func (e *Eval) Database(name string) bool {
	return e.db != 0 && e.database(name) == granted
}

func (e *Eval) holdsDB(name string) bool { return e.database(name) == granted }

func (e *Eval) database(name string) verdict {
	if e.sys || e.owner {
		return granted
	}
	names := covering(Database, name)
	v := none
	if e.inDB {
		v = e.rows(e.db, Database, 0, e.ids, names)
		if v == denied {
			return denied
		}
		for role, not := range deniedDatabase {
			if slices.Contains(e.ids, role) && slices.Contains(not, name) {
				return denied
			}
		}
		for role, held := range fixedDatabase {
			if slices.Contains(e.ids, role) && slices.ContainsFunc(held, func(h string) bool { return slices.Contains(names, h) }) {
				v = granted
			}
		}
	}
	for _, n := range names {
		if info, _ := Lookup(Database, n); info.Parent != "" {
			switch e.server0(info.Parent) {
			case denied:
				return denied
			case granted:
				v = granted
			}
		}
	}
	return v
}

// Securable is something in a database.
type Securable struct {
	Class  Class
	ID     int
	Owner  int // its owner, or that of its schema
	Schema int // of an object
}

// Object reports whether the principal holds a permission on something in its database.
func (e *Eval) Object(s Securable, name string) bool { return e.object(s, name) == granted }

func (e *Eval) object(s Securable, name string) verdict {
	if e.sys || e.owner {
		return granted
	}
	names := covering(s.Class, name)
	v := none
	if e.inDB {
		if s.Owner != 0 && slices.Contains(e.ids, s.Owner) || s.Class == Principal && s.ID == e.user && name == "VIEW DEFINITION" {
			return granted
		}
		if v = e.rows(e.db, s.Class, s.ID, e.ids, names); v == denied {
			return denied
		}
	}
	for _, n := range names {
		info, _ := Lookup(s.Class, n)
		if info.Parent == "" {
			continue
		}
		var up verdict
		if s.Class == Object && s.Schema != 0 {
			sc := Securable{Class: Schema, ID: s.Schema}
			if row := e.state.Schemas.In(e.db, s.Schema); row != nil {
				sc.Owner = row.Owner
			}
			up = e.object(sc, info.Parent)
		} else {
			up = e.database(e.parentName(s, info.Parent))
		}
		switch up {
		case denied:
			return denied
		case granted:
			v = granted
		}
	}
	return v
}

// parentName corrects the covering permission for roles, which share their class with users.
func (e *Eval) parentName(s Securable, parent string) string {
	if s.Class == Principal && parent == "ALTER ANY USER" {
		if p := e.state.Principals.In(e.db, s.ID); p != nil && p.IsRole() {
			return "ALTER ANY ROLE"
		}
	}
	return parent
}

// Any reports whether the principal holds any permission on something in its database: then it may see it in views.
func (e *Eval) Any(s Securable) bool {
	for _, i := range infos[s.Class] {
		if e.object(s, i.Name) == granted {
			return true
		}
	}
	return false
}

// DeniedOn reports a DENY, to any identity, of name on something in the database itself, not on what is above it.
func (e *Eval) DeniedOn(s Securable, name string) bool {
	return !e.sys && !e.owner && e.rows(e.db, s.Class, s.ID, e.ids, []string{name}) == denied
}

// Reaches reports whether a principal is in a role, directly or through other roles, or is the role itself.
func Reaches(s *model.State, db, id, role int) bool {
	seen := []int{id}
	for i := 0; i < len(seen); i++ {
		if seen[i] == role {
			return true
		}
		for _, m := range s.Members.All(db) {
			if m.Member == seen[i] && !slices.Contains(seen, m.Role) {
				seen = append(seen, m.Role)
			}
		}
	}
	return false
}
