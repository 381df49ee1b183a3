package exec

import (
	"context"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
)

// acting is an entry of the impersonation stack; the first is who logged in.
type acting struct {
	id       Identity
	noRevert bool
	cookie   string
	frame    *frame // the module that impersonated; nil in a batch
}

func (s *Session) identity() Identity { return s.acting[len(s.acting)-1].id }

// caller is who runs the statement.
func (s *Session) caller() catalog.Caller {
	id := s.identity()
	c := catalog.Caller{Login: id.Login, Database: s.db, Impersonated: len(s.acting) > 1, Session: s.id}
	if id.User != 0 {
		c.User = id.User
	}
	return c
}

func (s *Session) impersonate(f *frame, id Identity, noRevert bool, cookie string) {
	s.acting = append(s.acting, acting{id, noRevert, cookie, f})
	if id.Login != 0 {
		s.place.SetLogin(id.Login)
	}
}

// revert ends the last impersonation that this module or batch began.
func (s *Session) revert(f *frame, cookie string) bool {
	n := len(s.acting) - 1
	if n < 1 || f != nil && f.parent != nil && n < f.acting { // a module leaves alone what was there when it began
		return false
	}
	a := s.acting[n]
	if a.cookie != cookie || a.noRevert && cookie == "" {
		return false
	}
	s.truncateActing(n)
	return true
}

func (s *Session) truncateActing(n int) {
	if len(s.acting) > n {
		s.acting = s.acting[:max(n, 1)]
		s.place.SetLogin(s.identity().Login)
	}
}

// perm answers what the session may do in its database.
func (s *Session) perm() *perm.Eval {
	st, who := s.server.cfg.Catalog.State(), s.caller()
	if s.eval_.state != st || s.eval_.who != who {
		s.eval_.state, s.eval_.who, s.eval_.perm = st, who, who.Eval(st)
	}
	return s.eval_.perm
}

// permIn answers what the session may do in a database. A user without a login is nobody in others.
func (s *Session) permIn(db int) *perm.Eval {
	if db == s.db {
		return s.perm()
	}
	if s.identity().User != 0 {
		return &perm.Eval{}
	}
	return perm.For(s.server.cfg.Catalog.State(), s.identity().Login, db)
}

// defaultSchema is the caller's default schema in the current database.
func (s *Session) defaultSchema() string {
	id, ok := s.perm().User()
	if !ok || id == model.DBO {
		return "dbo"
	}
	if p := s.server.cfg.Catalog.State().Principals.In(s.db, id); p != nil && p.DefaultSchema != "" {
		return p.DefaultSchema
	}
	return "dbo"
}

// collation is the current database's.
func (s *Session) collation() collation.Collation {
	if d := s.server.cfg.Catalog.State().Databases.Get(s.db); d != nil && d.Collation != "" {
		if c, err := collation.Parse(d.Collation); err == nil {
			return c
		}
	}
	return collation.Default
}

// allowed asks for the permissions that a plan needs: message 229. What a procedure or view touches that has the same owner as
// itself is not asked for: the chain of ownership.
func (s *Session) allowed(w *work, uses []plan.Use, objects []*plan.Object) error {
	if s.perm().Sysadmin() {
		return nil
	}
	type owned struct{ db, owner int }
	chain := make(map[owned]bool)
	if w.f.proc != "" && w.f.procDB != 0 {
		chain[owned{w.f.procDB, w.f.owner}] = true
	}
	used := make(map[*plan.Object]bool, len(uses))
	chains := chain
	for _, u := range uses {
		used[u.Object] = true
		ref := binding.Of(u.Object)
		if ref == nil || u.Object.Temporary {
			continue
		}
		sec := securable(ref)
		if u.Object.Kind == plan.View || u.Object.Kind == plan.Function {
			chains = with(chains, owned{u.Object.DatabaseID, sec.Owner})
		}
		if chain[owned{u.Object.DatabaseID, sec.Owner}] {
			continue
		}
		if err := s.object(u.Object, sec, u.Permission); err != nil {
			return err
		}
	}
	for _, o := range objects {
		ref := binding.Of(o)
		if ref == nil || used[o] || o.Temporary {
			continue
		}
		if sec := securable(ref); !chains[owned{o.DatabaseID, sec.Owner}] {
			if err := s.object(o, sec, "SELECT"); err != nil {
				return err
			}
		}
	}
	return nil
}

func with[K comparable](m map[K]bool, k K) map[K]bool {
	n := make(map[K]bool, len(m)+1)
	for x := range m {
		n[x] = true
	}
	n[k] = true
	return n
}

func (s *Session) object(o *plan.Object, sec perm.Securable, permission string) error {
	p := s.permIn(o.DatabaseID)
	if p.Object(sec, permission) {
		return nil
	}
	if _, in := p.User(); !in {
		return raise.New(916, s.identity().Name, o.Database)
	}
	return raise.New(229, permission, o.Name, o.Database, o.Schema)
}

// mayDefine asks for what a definition needs: messages 262, 2760, 1088, 3701.
func (s *Session) mayDefine(w *work, st ast.Statement, db int) error {
	p := s.permIn(db)
	if p.Sysadmin() || p.DBO() {
		return nil
	}
	name := ""
	if d := s.server.cfg.Catalog.State().Databases.Get(db); d != nil {
		name = d.Name
	}
	create, what := "", ""
	switch st := st.(type) {
	case *ast.CreateTable:
		create = "CREATE TABLE"
	case *ast.CreateView:
		create = "CREATE VIEW"
	case *ast.CreateProc:
		create = "CREATE PROCEDURE"
	case *ast.CreateFunction:
		create = "CREATE FUNCTION"
	case *ast.CreateSchema:
		create = "CREATE SCHEMA"
	case *ast.CreateSynonym:
		create = "CREATE SYNONYM"
	case *ast.CreateType:
		create = "CREATE TYPE"
	case *ast.Sequence:
		create = "CREATE SEQUENCE"
	case *ast.Drop:
		what = st.Kind
	}
	snap, err := w.snapshot(db)
	if err != nil {
		return err
	}
	for _, n := range ddl.Targets(st) {
		o := w.lookup(snap, db, n.Schema(), n.Name())
		if o == nil {
			if create == "" {
				continue // the statement says itself that there is none
			}
			if create == "CREATE SCHEMA" || create == "CREATE SEQUENCE" {
				if !p.Database("CREATE SCHEMA") && (create == "CREATE SCHEMA" || !p.Database("ALTER")) {
					return raise.New(262, create, name)
				}
				continue
			}
			if !p.Database(create) {
				return raise.New(262, create, name)
			}
			sn := n.Schema()
			if sn == "" {
				sn = s.defaultSchema()
			}
			if sc := snap.Schema(sn); sc != nil && !p.Object(perm.Securable{Class: perm.Schema, ID: sc.ID, Owner: sc.Owner}, "ALTER") {
				return raise.New(2760, sn)
			}
			continue
		}
		if !p.Object(securable(&binding.Ref{Snapshot: snap, Object: o}), "ALTER") {
			if what != "" {
				return raise.New(3701, "drop", strings.ToLower(what), n.String())
			}
			return raise.New(1088, n.String())
		}
	}
	if create == "" && what == "SCHEMA" && !p.Database("ALTER ANY SCHEMA") {
		return raise.New(15151, "drop", "schema", ddl.Targets(st)[0].Name())
	}
	return nil
}

// forget removes permissions on objects that are gone.
type forget struct {
	db  int
	ids []int
}

// Apply removes the rows.
func (o *forget) Apply(tx *catalog.Tx) error {
	for _, id := range o.ids {
		tx.DropSecurable(o.db, perm.Object, id)
	}
	return nil
}

func (s *Server) forgetObjects(ctx context.Context, c catalog.Caller, db int, ids []int) error {
	st := s.cfg.Catalog.State()
	for _, p := range st.Permissions.All(db) {
		for _, id := range ids {
			if perm.Class(p.Class) == perm.Object && p.Major == id {
				_, err := s.cfg.Catalog.Do(ctx, c, &forget{db, ids})
				return err
			}
		}
	}
	return nil
}

// FindObject finds an object by its name in the caller's database, for permissions on it; false if there is none.
func (s *Server) FindObject(ctx context.Context, c catalog.Caller, name ast.ObjectName) (id, owner, schemaID int, ok bool, err error) {
	sh, err := s.shared(c.Database)
	if err != nil {
		return 0, 0, 0, false, err
	}
	l, err := s.cfg.Databases.Lease(ctx, c.Database)
	if err != nil {
		return 0, 0, 0, false, err
	}
	defer l.Release()
	snap, err := sh.Snapshot(ctx, l.Conn)
	if err != nil {
		return 0, 0, 0, false, err
	}
	var o schema.Object
	if o = snap.Lookup(name.Schema(), name.Name()); o == nil {
		return 0, 0, 0, false, nil
	}
	sec := securable(&binding.Ref{Snapshot: snap, Object: o})
	return sec.ID, sec.Owner, sec.Schema, true, nil
}
