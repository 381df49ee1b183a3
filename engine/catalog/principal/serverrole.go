package principal

import (
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
)

// CreateServerRole is CREATE SERVER ROLE. Needs CREATE SERVER ROLE.
type CreateServerRole struct {
	Name  string
	Owner string // AUTHORIZATION; the caller if empty
}

// Apply carries the operation out.
func (o *CreateServerRole) Apply(tx *catalog.Tx) error {
	if !tx.Perm.Server("CREATE SERVER ROLE") {
		return catalog.Denied()
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindLogin(o.Name) != nil {
		return msg.New(15025, o.Name)
	}
	owner := tx.Caller.Login
	if o.Owner != "" {
		l := tx.State.FindLogin(o.Owner)
		if l == nil || l.ID != owner && !tx.Perm.OnLogin(perm.Login, l.ID, "IMPERSONATE") {
			return catalog.Missing("find", "server principal", o.Owner)
		}
		owner = l.ID
	}
	id := tx.State.Logins.Next(0, model.FirstLogin)
	tx.State.Logins.Put(0, id, &model.Login{
		ID: id, Name: o.Name, Kind: model.ServerRole, SID: append([]byte{'R'}, model.IDBytes(id)...), Owner: owner, Created: tx.Now, Modified: tx.Now,
	})
	return nil
}

// DropServerRole is DROP SERVER ROLE: messages 15144 for one with members, 15477 for a fixed one.
type DropServerRole struct{ Name string }

// Apply carries the operation out.
func (o *DropServerRole) Apply(tx *catalog.Tx) error {
	r := tx.State.FindLogin(o.Name)
	if r == nil || !r.IsRole() || !tx.Perm.OnLogin(perm.Login, r.ID, "CONTROL") && !tx.Perm.OnLogin(perm.Login, r.ID, "ALTER") {
		return catalog.Missing("drop", "server role", o.Name)
	}
	if r.Fixed {
		return msg.New(15477, "server role")
	}
	if _, m := tx.State.Members.Find(0, func(m *model.Member) bool { return m.Role == r.ID }); m != nil {
		return msg.New(15144)
	}
	removeServerPrincipal(tx, r.ID)
	return nil
}

// ServerMember is ALTER SERVER ROLE ... ADD MEMBER or DROP MEMBER. Needs ALTER on the role, and for a fixed role membership in it.
type ServerMember struct {
	Role   string
	Member string
	Drop   bool
}

// Apply carries the operation out.
func (o *ServerMember) Apply(tx *catalog.Tx) error {
	r := tx.State.FindLogin(o.Role)
	if r == nil || !r.IsRole() {
		return catalog.Missing("alter", "server role", o.Role)
	}
	if r.ID == model.PublicRole {
		return msg.New(15405, r.Name)
	}
	if r.Fixed && !tx.Perm.InServerRole(r.ID) || !r.Fixed && !tx.Perm.OnLogin(perm.Login, r.ID, "ALTER") {
		return catalog.Missing("alter", "server role", o.Role)
	}
	l := tx.State.FindLogin(o.Member)
	verb := "add"
	if o.Drop {
		verb = "drop"
	}
	if l == nil {
		return catalog.Missing(verb, "server principal", o.Member)
	}
	if l.ID == model.SA || l.Fixed {
		return msg.New(15405, l.Name)
	}
	member(tx, 0, r.ID, l.ID, o.Drop)
	if !o.Drop && perm.Reaches(tx.State, 0, r.ID, l.ID) {
		return msg.New(15413)
	}
	return nil
}

// member adds or removes a membership; both do nothing where there is nothing to do.
func member(tx *catalog.Tx, db, role, id int, drop bool) {
	is := func(m *model.Member) bool { return m.Role == role && m.Member == id }
	if drop {
		tx.State.Members.DeleteIf(db, is)
		return
	}
	if _, m := tx.State.Members.Find(db, is); m == nil {
		tx.State.Members.Put(db, tx.State.Members.Next(db, 1), &model.Member{Role: role, Member: id})
	}
}
