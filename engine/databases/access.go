package databases

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/sessions"
)

// Use lets a session into a database: USE, and the database of a login. It waits for one that is being opened. Messages: 911 without
// such a database, those of [Manager.Lease] for one that is not open, 916 without access, 923 and 924 in restricted and single-user
// mode. On an error the session is where it was. caller is who the session is now, in the database where it is.
func (m *Manager) Use(ctx context.Context, s *sessions.Session, caller catalog.Caller, name string) (*model.Database, error) {
	d := m.cfg.Catalog.State().FindDatabase(name)
	if d == nil {
		return nil, msg.New(911, name)
	}
	id := d.ID
	e := m.entry(id)
	if e == nil {
		return nil, msg.New(911, name)
	}
	if err := m.await(ctx, e); err != nil {
		return nil, err
	}
	if i := e.info(); i.State != model.Online && i.State != model.Emergency {
		return nil, unavailable(i.State, m.name(id))
	}
	state := m.cfg.Catalog.State()
	if d = state.Databases.Get(id); d == nil {
		return nil, msg.New(911, m.name(id))
	}
	in := catalog.Caller{Login: caller.Login, Database: id}
	if caller.User != 0 {
		in.User = caller.User
		if id != caller.Database { // a user without a login is nobody elsewhere
			return nil, msg.New(916, userName(state, caller), d.Name)
		}
	}
	pm := in.Eval(state)
	if _, access := pm.User(); !access {
		return nil, msg.New(916, loginName(state, caller.Login), d.Name)
	}
	if d.State == model.Emergency && !pm.Sysadmin() {
		return nil, msg.New(945, d.Name)
	}
	if d.UserAccess == model.RestrictedUser && !pm.DBO() && !pm.InServerRole(model.DBCreator) {
		return nil, msg.New(923, d.Name)
	}
	if !s.Enter(id, d.UserAccess == model.SingleUser) {
		return nil, msg.New(924, d.Name)
	}
	return d, nil
}

func loginName(s *model.State, id int) string {
	if l := s.Logins.Get(id); l != nil {
		return l.Name
	}
	return ""
}

func userName(s *model.State, c catalog.Caller) string {
	if p := s.Principals.In(c.Database, c.User); p != nil {
		return p.Name
	}
	return ""
}
