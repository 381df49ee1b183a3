// Package grant has GRANT, DENY and REVOKE as one operation, [Change].
//
// Who may grant: members of sysadmin, who holds CONTROL on the securable (CONTROL SERVER on the server), its owner, and who
// holds the permission with the grant option. Permissions on the server can be changed in master alone (message 4621); sa, dbo, the
// fixed roles and oneself cannot be granted to (4624, 4617). A securable or grantee that is not there, or not to be seen, is
// message 15151. A permission that the class does not have is message 102 with its words, as the parser of a real server says it.
package grant

import (
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
)

// Change is GRANT, DENY or REVOKE of permissions on one securable.
type Change struct {
	Verb        string   // GRANT, DENY, REVOKE
	Permissions []string // in upper case
	// Class is the class of the securable; Server and Database (of the caller) have no name.
	Class perm.Class
	Words string // the class as the statement has it, for messages: ASYMMETRIC KEY, LOGIN ...
	Name  string // of the securable
	// Object, Owner and Schema identify an object, which the executor has found: Class perm.Object. Object and Owner do that for a schema
	// too, unless Object is 0: then it is looked for by its name.
	Object, Owner, Schema int
	Principals            []string
	GrantOption           bool // WITH GRANT OPTION
	OptionFor             bool // REVOKE GRANT OPTION FOR
	Cascade               bool
}

// Apply carries the operation out.
func (o *Change) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if o.Class.OfServer() {
		if db != model.Master {
			return msg.New(4621)
		}
		db = 0
	}
	major, sec, err := o.securable(tx)
	if err != nil {
		return err
	}
	for _, name := range o.Permissions {
		if _, ok := perm.Lookup(o.Class, name); !ok {
			return msg.New(102, name)
		}
		option, err := o.may(tx, db, major, sec, name)
		if err != nil {
			return err
		}
		for _, p := range o.Principals {
			grantee, err := o.grantee(tx, db, p)
			if err != nil {
				return err
			}
			if err := o.change(tx, db, major, name, grantee, option); err != nil {
				return err
			}
		}
	}
	return nil
}

// securable finds what the permission is on.
func (o *Change) securable(tx *catalog.Tx) (major int, sec perm.Securable, err error) {
	s, db := tx.State, tx.Caller.Database
	sec.Class = o.Class
	found := true
	switch o.Class {
	case perm.Server, perm.Database:
		return 0, sec, nil
	case perm.Object:
		return o.Object, perm.Securable{Class: o.Class, ID: o.Object, Owner: o.Owner, Schema: o.Schema}, nil
	case perm.Login:
		l := s.FindLogin(o.Name)
		if found = l != nil && l.IsRole() == (o.Words == "SERVER ROLE"); found {
			sec.ID = l.ID
		}
	case perm.Credential:
		c := s.FindCredential(o.Name)
		if found = c != nil; found {
			sec.ID = c.ID
		}
	case perm.Schema:
		if o.Object != 0 {
			sec.ID, sec.Owner = o.Object, o.Owner
			break
		}
		x := s.FindSchema(db, o.Name)
		if found = x != nil; found {
			sec.ID, sec.Owner = x.ID, x.Owner
		}
	case perm.Principal:
		p := s.FindPrincipal(db, o.Name)
		if found = p != nil && p.IsRole() == (o.Words == "ROLE"); found {
			sec.ID, sec.Owner = p.ID, p.Owner
		}
	case perm.AsymmetricKey:
		k := s.FindAsymmetricKey(db, o.Name)
		if found = k != nil; found {
			sec.ID, sec.Owner = k.ID, k.Owner
		}
	case perm.SymmetricKey:
		k := s.FindSymmetricKey(db, o.Name)
		if found = k != nil; found {
			sec.ID, sec.Owner = k.ID, k.Owner
		}
	case perm.Certificate:
		c := s.FindCertificate(db, o.Name)
		if found = c != nil; found {
			sec.ID, sec.Owner = c.ID, c.Owner
		}
	default:
		found = false
	}
	visible := found
	if found && o.Class.OfServer() {
		visible = tx.Perm.OnLogin(o.Class, sec.ID, "VIEW DEFINITION")
	} else if found {
		visible = tx.Perm.Any(sec)
	}
	if !visible {
		return 0, sec, catalog.Missing("find", strings.ToLower(o.Words), o.Name)
	}
	return sec.ID, sec, nil
}

// may reports whether the caller may change a permission, and whether it does so by a grant option of its own.
func (o *Change) may(tx *catalog.Tx, db, major int, sec perm.Securable, name string) (byOption bool, err error) {
	full := false
	switch o.Class {
	case perm.Server:
		full = tx.Perm.Server("CONTROL SERVER")
	case perm.Login, perm.Credential:
		full = tx.Perm.OnLogin(o.Class, sec.ID, "CONTROL")
	case perm.Database:
		full = tx.Perm.Database("CONTROL") || tx.Perm.InRole(model.DBSecurityAdmin)
	default:
		full = tx.Perm.Object(sec, "CONTROL")
	}
	// securityadmin grants on the server what it could take anyway, but for CONTROL SERVER and impersonation.
	if !full && o.Class == perm.Server && tx.Perm.InServerRole(model.SecurityAdmin) && name != "CONTROL SERVER" && !strings.HasPrefix(name, "IMPERSONATE") && tx.Perm.Server(name) {
		full = true
	}
	if full {
		return false, nil
	}
	_, with := tx.State.Permissions.Find(db, func(p *model.Permission) bool {
		return p.Class == int(o.Class) && p.Major == major && p.Name == name && p.State == "W" && o.isCaller(tx, db, p.Grantee)
	})
	if with != nil {
		return true, nil
	}
	return false, msg.New(4613)
}

func (o *Change) isCaller(tx *catalog.Tx, db, grantee int) bool {
	if db == 0 {
		return grantee == tx.Perm.Login() || tx.Perm.InServerRole(grantee) && !tx.Perm.Sysadmin()
	}
	id, in := tx.Perm.User()
	return in && (grantee == id || tx.Perm.InRole(grantee))
}

// grantee is the id of a principal that permissions may be given to.
func (o *Change) grantee(tx *catalog.Tx, db int, name string) (int, error) {
	if db == 0 {
		l := tx.State.FindLogin(name)
		switch {
		case l == nil:
			return 0, catalog.Missing("find", "login", name)
		case l.ID == model.SA || l.ID == tx.Perm.Login():
			return 0, msg.New(4624)
		case l.Fixed && l.ID != model.PublicRole:
			return 0, msg.New(4617)
		}
		return l.ID, nil
	}
	p := tx.State.FindPrincipal(db, name)
	self, in := tx.Perm.User()
	switch {
	case p == nil:
		return 0, catalog.Missing("find", "user", name)
	case p.ID == model.DBO || p.ID == model.Sys || p.ID == model.InformationSchema || in && p.ID == self && p.ID != model.DBPublic:
		return 0, msg.New(4624)
	case p.Fixed:
		return 0, msg.New(4617)
	}
	return p.ID, nil
}

func (o *Change) change(tx *catalog.Tx, db, major int, name string, grantee int, byOption bool) error {
	s := tx.State
	same := func(p *model.Permission) bool {
		return p.Class == int(o.Class) && p.Major == major && p.Name == name
	}
	id, row := s.Permissions.Find(db, func(p *model.Permission) bool { return same(p) && p.Grantee == grantee })
	grantor := tx.Perm.Login()
	if db != 0 {
		if grantor, _ = tx.Perm.User(); !byOption {
			grantor = model.DBO
		}
	} else if !byOption {
		grantor = model.SA
	}
	dependents := func(p *model.Permission) bool { return same(p) && p.Grantor == grantee && p.Grantee != grantee }
	losesOption := row != nil && row.State == "W" && (o.Verb == "DENY" || o.Verb == "REVOKE")
	if losesOption {
		if !o.Cascade {
			return msg.New(4611)
		}
		s.Permissions.DeleteIf(db, dependents)
	}
	switch o.Verb {
	case "GRANT":
		state := "G"
		if o.GrantOption || row != nil && row.State == "W" {
			state = "W"
		}
		o.put(tx, db, id, row, model.Permission{Class: int(o.Class), Major: major, Grantee: grantee, Grantor: grantor, Name: name, State: state})
	case "DENY":
		o.put(tx, db, id, row, model.Permission{Class: int(o.Class), Major: major, Grantee: grantee, Grantor: grantor, Name: name, State: "D"})
	case "REVOKE":
		switch {
		case row == nil:
		case o.OptionFor && row.State == "W":
			s.Permissions.Edit(db, id).State = "G"
		case o.OptionFor:
		default:
			s.Permissions.Delete(db, id)
		}
	default:
		return msg.New(102, o.Verb)
	}
	return nil
}

func (o *Change) put(tx *catalog.Tx, db, id int, old *model.Permission, p model.Permission) {
	if old == nil {
		id = tx.State.Permissions.Next(db, 1)
	}
	tx.State.Permissions.Put(db, id, &p)
}
