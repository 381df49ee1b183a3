package principal

import (
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/seed"
)

// WithoutLogin is the source of a user that no login has.
const WithoutLogin = "WITHOUT LOGIN"

// FromLogin is the source of a user of a login.
const FromLogin = "LOGIN"

// CreateUser is CREATE USER in the caller's database. Needs ALTER ANY USER.
type CreateUser struct {
	Name          string
	From          string // FromLogin, FromKey, FromCertificate, WithoutLogin; "" means the login of the same name
	FromName      string
	DefaultSchema string // "" means dbo
}

// Apply carries the operation out.
func (o *CreateUser) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if !tx.Perm.Database("CREATE USER") {
		return catalog.Denied()
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindPrincipal(db, o.Name) != nil {
		return msg.New(15023, o.Name)
	}
	p := &model.Principal{Name: o.Name, Kind: model.SQLLogin, DefaultSchema: o.DefaultSchema, Created: tx.Now, Modified: tx.Now}
	if p.DefaultSchema == "" {
		p.DefaultSchema = "dbo"
	}
	switch o.From {
	case "", FromLogin:
		name := o.FromName
		if name == "" {
			name = o.Name
		}
		l := tx.State.FindLogin(name)
		if l == nil || l.IsRole() {
			return msg.New(15007, name)
		}
		if l.ID == model.SA {
			return msg.New(15405, l.Name)
		}
		p.SID, p.Kind = l.SID, l.Kind
	case FromKey:
		k := tx.State.FindAsymmetricKey(db, o.FromName)
		if k == nil || !tx.Perm.Any(perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}) {
			return catalog.Missing("find", "asymmetric key", o.FromName)
		}
		p.SID, p.Kind, p.DefaultSchema = k.SID, model.KeyLogin, ""
	case FromCertificate:
		c := tx.State.FindCertificate(db, o.FromName)
		if c == nil || !tx.Perm.Any(perm.Securable{Class: perm.Certificate, ID: c.ID, Owner: c.Owner}) {
			return catalog.Missing("find", "certificate", o.FromName)
		}
		p.SID, p.Kind, p.DefaultSchema = c.SID, model.CertificateLogin, ""
	case WithoutLogin:
		g := seed.GUID()
		p.SID = append([]byte{1, 5, 0, 0, 0, 0, 0, 9, 3, 0, 0, 0}, g[:]...)
	default:
		return msg.New(15401, o.Name)
	}
	if _, other := tx.State.Principals.Find(db, func(x *model.Principal) bool { return !x.IsRole() && string(x.SID) == string(p.SID) }); other != nil {
		return msg.New(15063)
	}
	p.ID = nextPrincipal(tx.State, db)
	tx.State.Principals.Put(db, p.ID, p)
	tx.State.Permissions.Put(db, tx.State.Permissions.Next(db, 1), &model.Permission{
		Class: int(perm.Database), Grantee: p.ID, Grantor: model.DBO, Name: "CONNECT", State: "G",
	})
	return nil
}

// nextPrincipal is a free id below the fixed roles.
func nextPrincipal(s *model.State, db int) int { return s.Principals.Free(db, model.FirstUserID) }

// AlterUser is ALTER USER: another name, default schema or login. Needs ALTER ANY USER, for another login CONTROL on the database.
type AlterUser struct {
	Name          string
	NewName       string
	DefaultSchema string
	Login         string
}

// Apply carries the operation out.
func (o *AlterUser) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	p := tx.State.FindPrincipal(db, o.Name)
	if p == nil || p.IsRole() || !tx.Perm.Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, "ALTER") {
		return catalog.Missing("alter", "user", o.Name)
	}
	if p.ID < model.FirstUserID && (o.NewName != "" || o.Login != "") {
		return msg.New(15150, "alter", "user", p.Name)
	}
	if o.NewName != "" {
		if err := catalog.CheckName(o.NewName); err != nil {
			return err
		}
		if other := tx.State.FindPrincipal(db, o.NewName); other != nil && other.ID != p.ID {
			return msg.New(15023, o.NewName)
		}
	}
	p = tx.State.Principals.Edit(db, p.ID)
	p.Modified = tx.Now
	if o.NewName != "" {
		p.Name = o.NewName
	}
	if o.DefaultSchema != "" {
		p.DefaultSchema = o.DefaultSchema
	}
	if o.Login != "" {
		l := tx.State.FindLogin(o.Login)
		if l == nil || l.IsRole() || !tx.Perm.Database("CONTROL") {
			return msg.New(15007, o.Login)
		}
		if _, other := tx.State.Principals.Find(db, func(x *model.Principal) bool { return x.ID != p.ID && string(x.SID) == string(l.SID) }); other != nil {
			return msg.New(15063)
		}
		p.SID, p.Kind = l.SID, l.Kind
	}
	return nil
}

// DropUser is DROP USER. Needs ALTER ANY USER. A user that owns something stays (message 15138).
type DropUser struct{ Name string }

// Apply carries the operation out.
func (o *DropUser) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	p := tx.State.FindPrincipal(db, o.Name)
	if p == nil || p.IsRole() || !tx.Perm.Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, "ALTER") {
		return catalog.Missing("drop", "user", o.Name)
	}
	if p.ID < model.FirstUserID {
		return msg.New(15150, "drop", "user", p.Name)
	}
	return removePrincipal(tx, p)
}

// removePrincipal removes a user or role that owns nothing.
func removePrincipal(tx *catalog.Tx, p *model.Principal) error {
	db, s := tx.Caller.Database, tx.State
	owns := func(kind string, found bool) error {
		if found {
			return msg.New(15138, kind)
		}
		return nil
	}
	_, schema := s.Schemas.Find(db, func(x *model.Schema) bool { return x.Owner == p.ID })
	_, akey := s.AsymmetricKeys.Find(db, func(x *model.AsymmetricKey) bool { return x.Owner == p.ID })
	_, skey := s.SymmetricKeys.Find(db, func(x *model.SymmetricKey) bool { return x.Owner == p.ID })
	_, cert := s.Certificates.Find(db, func(x *model.Certificate) bool { return x.Owner == p.ID })
	for _, err := range []error{owns("schema", schema != nil), owns("asymmetric key", akey != nil), owns("symmetric key", skey != nil), owns("certificate", cert != nil)} {
		if err != nil {
			return err
		}
	}
	if _, r := s.Principals.Find(db, func(x *model.Principal) bool { return x.IsRole() && x.Owner == p.ID }); r != nil {
		return msg.New(15421)
	}
	s.Permissions.DeleteIf(db, func(x *model.Permission) bool {
		return x.Grantee == p.ID || perm.Class(x.Class) == perm.Principal && x.Major == p.ID
	})
	s.Members.DeleteIf(db, func(m *model.Member) bool { return m.Member == p.ID || m.Role == p.ID })
	s.Principals.Delete(db, p.ID)
	return nil
}

// CreateRole is CREATE ROLE. Needs CREATE ROLE.
type CreateRole struct {
	Name  string
	Owner string
}

// Apply carries the operation out.
func (o *CreateRole) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if !tx.Perm.Database("CREATE ROLE") {
		return catalog.Denied()
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindPrincipal(db, o.Name) != nil {
		return msg.New(15023, o.Name)
	}
	owner, err := tx.OwnerID(o.Owner)
	if err != nil {
		return err
	}
	id := nextPrincipal(tx.State, db)
	tx.State.Principals.Put(db, id, &model.Principal{ID: id, Name: o.Name, Kind: model.DatabaseRole, Owner: owner, Created: tx.Now, Modified: tx.Now})
	return nil
}

// role is the role of a name if the caller holds a permission on it; message 15151 otherwise.
func role(tx *catalog.Tx, verb, name, permission string) (*model.Principal, error) {
	p := tx.State.FindPrincipal(tx.Caller.Database, name)
	if p == nil || !p.IsRole() || !tx.Perm.Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, permission) {
		return nil, catalog.Missing(verb, "role", name)
	}
	return p, nil
}

// DropRole is DROP ROLE: message 15144 for one with members.
type DropRole struct{ Name string }

// Apply carries the operation out.
func (o *DropRole) Apply(tx *catalog.Tx) error {
	p, err := role(tx, "drop", o.Name, "ALTER")
	if err != nil {
		return err
	}
	if p.Fixed || p.ID == model.DBPublic {
		return msg.New(15150, "drop", "role", p.Name)
	}
	if _, m := tx.State.Members.Find(tx.Caller.Database, func(m *model.Member) bool { return m.Role == p.ID }); m != nil {
		return msg.New(15144)
	}
	return removePrincipal(tx, p)
}

// RoleMember is ALTER ROLE ... ADD MEMBER or DROP MEMBER. Needs ALTER on the role, for a fixed one membership in db_owner.
type RoleMember struct {
	Role   string
	Member string
	Drop   bool
}

// Apply carries the operation out.
func (o *RoleMember) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	r, err := role(tx, "alter", o.Role, "ALTER")
	if err != nil {
		return err
	}
	if r.ID == model.DBPublic {
		return msg.New(15150, "alter", "role", r.Name)
	}
	if r.Fixed && !tx.Perm.Database("CONTROL") {
		return catalog.Missing("alter", "role", o.Role)
	}
	p := tx.State.FindPrincipal(db, o.Member)
	if p == nil {
		return msg.New(15410, o.Member)
	}
	if p.ID < model.FirstUserID || p.Fixed {
		return msg.New(15405, p.Name)
	}
	member(tx, db, r.ID, p.ID, o.Drop)
	if !o.Drop && perm.Reaches(tx.State, db, r.ID, p.ID) {
		return msg.New(15413)
	}
	return nil
}

// CreateSchema is CREATE SCHEMA. Needs CREATE SCHEMA.
type CreateSchema struct {
	Name  string
	Owner string
}

// Apply carries the operation out.
func (o *CreateSchema) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if err := tx.NeedDatabase("CREATE SCHEMA", "CREATE SCHEMA"); err != nil {
		return err
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindSchema(db, o.Name) != nil {
		return msg.New(2714, o.Name)
	}
	owner, err := tx.OwnerID(o.Owner)
	if err != nil {
		return err
	}
	id := tx.State.Schemas.Free(db, 5)
	tx.State.Schemas.Put(db, id, &model.Schema{ID: id, Name: o.Name, Owner: owner})
	return nil
}

// DropSchema is DROP SCHEMA. The executor has checked that it is empty (message 3729).
type DropSchema struct{ Name string }

// Apply carries the operation out.
func (o *DropSchema) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	s := tx.State.FindSchema(db, o.Name)
	if s == nil || !tx.Perm.Object(perm.Securable{Class: perm.Schema, ID: s.ID, Owner: s.Owner}, "CONTROL") && !tx.Perm.Database("ALTER ANY SCHEMA") {
		return catalog.Missing("drop", "schema", o.Name)
	}
	if s.ID < 5 || s.ID >= model.DBOwner {
		return msg.New(15150, "drop", "schema", s.Name)
	}
	tx.DropSecurable(db, perm.Schema, s.ID)
	tx.State.Schemas.Delete(db, s.ID)
	return nil
}

// Authorize is ALTER AUTHORIZATION ON DATABASE::name TO login. Needs TAKE OWNERSHIP on the database and IMPERSONATE on the login.
type Authorize struct {
	Database string
	Login    string
}

// Apply carries the operation out.
func (o *Authorize) Apply(tx *catalog.Tx) error {
	d := tx.State.FindDatabase(o.Database)
	if d == nil || !tx.PermIn(d.ID).Database("TAKE OWNERSHIP") {
		return catalog.Missing("find", "database", o.Database)
	}
	l := tx.State.FindLogin(o.Login)
	if l == nil || l.IsRole() || l.ID != tx.Caller.Login && !tx.Perm.OnLogin(perm.Login, l.ID, "IMPERSONATE") {
		return catalog.Missing("find", "principal", o.Login)
	}
	if d.IsSystem() {
		return msg.New(15150, "change the owner of", "database", d.Name)
	}
	if _, p := tx.State.Principals.Find(d.ID, func(p *model.Principal) bool { return p.ID != model.DBO && string(p.SID) == string(l.SID) }); p != nil {
		return msg.New(15063)
	}
	tx.State.Databases.Edit(0, d.ID).OwnerSID = l.SID
	if dbo := tx.State.Principals.Edit(d.ID, model.DBO); dbo != nil {
		dbo.SID = l.SID
	}
	return nil
}
