package define

import (
	"context"
	"strings"

	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/owner"
	"latchkey/engine/schema/property"
	"latchkey/engine/sqltype"
)

// PropertyChange is a call of sp_addextendedproperty, sp_updateextendedproperty or sp_dropextendedproperty.
type PropertyChange struct {
	Procedure string // its name, for message 15600
	Add, Drop bool   // neither: update
	Levels    owner.Way
	Name      string
	Value     sqltype.Value
}

// maxProperty is the size of a value in bytes.
const maxProperty = 7500

// Property changes an extended property of the current database. Messages: 15600 for levels that are no way to anything, 15135 for a way to
// nothing (or to what the caller may not alter), 15233 for one that is there already, 15217 for one that is not there, 15097.
func (s *Definer) Property(ctx context.Context, f *scope.Frame, c PropertyChange) error {
	if c.Name == "" || len([]rune(c.Name)) > 128 {
		return raise.New(15600, c.Procedure)
	}
	size := len(c.Value.Text())
	if k := c.Value.Kind(); k.IsText() && k.IsNational() {
		size = 2 * len([]rune(c.Value.Text()))
	}
	if size > maxProperty {
		return raise.New(15097)
	}
	w := s.Work.Begin(ctx, f)
	if err := w.Write(s.Actor.DB, false); err != nil {
		return w.Finish(err)
	}
	s.Work.Defining(w.Main)
	defer s.Work.SettleAlone()
	sh, err := s.Work.Known.Shared(w.Main)
	if err == nil {
		err = w.Hold.Savepoint()
	}
	if err == nil {
		var e *schema.Edit
		if e, err = sh.Edit(ctx, w.Hold.Conn); err == nil {
			err = s.property(e, w.Main, c)
		}
	}
	return w.Finish(err)
}

func (s *Definer) property(e *schema.Edit, db int, c PropertyChange) error {
	found, ok := owner.Find(e.Snapshot, c.Levels)
	if !ok {
		return raise.New(15600, c.Procedure)
	}
	var names []string
	for _, l := range c.Levels {
		if l.Type != "" {
			names = append(names, l.Name)
		}
	}
	full := strings.Join(names, ".")
	if full == "" {
		full = "object specified"
	}
	if len(found) != 1 || !s.mayHave(e.Snapshot, db, found[0]) {
		return raise.New(15135, full)
	}
	o := found[0].Owner
	old := e.Property(o, c.Name)
	switch {
	case c.Add && old != nil:
		return raise.New(15233, c.Name, full)
	case !c.Add && old == nil:
		return raise.New(15217, c.Name, full)
	case c.Drop:
		return e.DropProperty(old)
	}
	return e.SetProperty(&property.Property{Owner: o, Name: c.Name, Value: c.Value})
}

// mayHave reports whether the caller may alter what a property is of.
func (s *Definer) mayHave(snap *schema.Snapshot, db int, n owner.Named) bool {
	p := s.Actor.PermIn(db)
	switch {
	case p.Sysadmin(), p.DBO(), p.Database("ALTER"):
		return true
	case n.Of != nil:
		return p.Object(known.Securable(&binding.Ref{Snapshot: snap, Object: n.Of}), "ALTER")
	case n.Class == property.OfSchema:
		x := snap.Schema(n.Name)
		return x != nil && p.Object(perm.Securable{Class: perm.Schema, ID: x.ID, Owner: x.Owner}, "ALTER")
	}
	return false
}
