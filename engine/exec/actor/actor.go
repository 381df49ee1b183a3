package actor

import (
	"context"
	"slices"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype/collation"
)

// acting is an entry of the impersonation stack; the first is who logged in.
type acting struct {
	id       Identity
	noRevert bool
	cookie   string
}

// Identity is who the session acts as now.
func (s *Actor) Identity() Identity { return s.acting[len(s.acting)-1].id }

// Caller is who runs the statement.
func (s *Actor) Caller() catalog.Caller {
	id := s.Identity()
	c := catalog.Caller{Login: id.Login, Database: s.DB, Impersonated: len(s.acting) > 1, Session: s.ID}
	if id.User != 0 {
		c.User = id.User
	}
	return c
}

// Impersonate makes the session act as another. With noRevert only a cookie reverts.
func (s *Actor) Impersonate(id Identity, noRevert bool, cookie string) {
	s.acting = append(s.acting, acting{id, noRevert, cookie})
	if id.Login != 0 {
		s.Place.SetLogin(id.Login)
	}
}

// Revert ends the last impersonation that this module or batch began.
func (s *Actor) Revert(f *scope.Frame, cookie string) bool {
	n := len(s.acting) - 1
	if n < 1 || f != nil && f.Parent != nil && n < f.Acting { // a module leaves alone what was there when it began
		return false
	}
	a := s.acting[n]
	if a.cookie != cookie || a.noRevert && cookie == "" {
		return false
	}
	s.TruncateActing(n)
	return true
}

// TruncateActing ends the impersonations above a depth.
func (s *Actor) TruncateActing(n int) {
	if len(s.acting) > n {
		s.acting = s.acting[:max(n, 1)]
		s.Place.SetLogin(s.Identity().Login)
	}
}

// Perm answers what the session may do in its database.
func (s *Actor) Perm() *perm.Eval {
	st, who := s.Catalog.State(), s.Caller()
	if s.eval.state != st || s.eval.who != who {
		s.eval.state, s.eval.who, s.eval.perm = st, who, who.Eval(st)
	}
	return s.eval.perm
}

// PermIn answers what the session may do in a database. A user without a login is nobody in others.
func (s *Actor) PermIn(db int) *perm.Eval {
	if db == s.DB {
		return s.Perm()
	}
	if s.Identity().User != 0 {
		return &perm.Eval{}
	}
	return perm.For(s.Catalog.State(), s.Identity().Login, db)
}

// DefaultSchema is the caller's default schema in the current database.
func (s *Actor) DefaultSchema() string {
	id, ok := s.Perm().User()
	if !ok || id == model.DBO {
		return "dbo"
	}
	if p := s.Catalog.State().Principals.In(s.DB, id); p != nil && p.DefaultSchema != "" {
		return p.DefaultSchema
	}
	return "dbo"
}

// Collation is the current database's.
func (s *Actor) Collation() collation.Collation {
	if d := s.Catalog.State().Databases.Get(s.DB); d != nil && d.Collation != "" {
		if c, err := collation.Parse(d.Collation); err == nil {
			return c
		}
	}
	return collation.Default
}

// Allowed asks for the permissions that a plan needs: message 229. What a procedure or view touches that has the same owner as
// itself is not asked for: the chain of ownership.
//
// What was allowed for a plan's own slices is allowed for them again while permissions and caller are the same.
func (s *Actor) Allowed(f *scope.Frame, uses []plan.Use, objects []*plan.Object) error {
	p := s.Perm()
	if p.Sysadmin() || len(uses)+len(objects) == 0 {
		return nil
	}
	g := grant{perm: p, uses: len(uses), objects: len(objects)}
	if len(uses) > 0 {
		g.use = &uses[0]
	}
	if len(objects) > 0 {
		g.object = &objects[0]
	}
	if f.Proc != "" && f.ProcDB != 0 {
		g.db, g.owner = f.ProcDB, f.Owner
	}
	if slices.Contains(s.granted[:], g) {
		return nil
	}
	if err := s.allowed(f, uses, objects); err != nil {
		return err
	}
	s.granted[s.oldest] = g
	s.oldest = (s.oldest + 1) % len(s.granted)
	return nil
}

// grant is what Allowed was asked and agreed to. It holds what it points to, so no other plan comes to stand there.
type grant struct {
	perm          *perm.Eval // of one state of the catalogue and one caller
	use           *plan.Use
	object        **plan.Object
	uses, objects int
	db, owner     int // of the procedure
}

func (s *Actor) allowed(f *scope.Frame, uses []plan.Use, objects []*plan.Object) error {
	type owned struct{ db, owner int }
	chain := make(map[owned]bool)
	if f.Proc != "" && f.ProcDB != 0 {
		chain[owned{f.ProcDB, f.Owner}] = true
	}
	used := make(map[*plan.Object]bool, len(uses))
	chains := chain
	for _, u := range uses {
		used[u.Object] = true
		ref := binding.Of(u.Object)
		if ref == nil || u.Object.Temporary {
			continue
		}
		sec := known.Securable(ref)
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
		if sec := known.Securable(ref); !chains[owned{o.DatabaseID, sec.Owner}] {
			permission := "SELECT"
			if f, ok := ref.Object.(*schema.Function); ok && f.Form == schema.ScalarFunction {
				permission = "EXECUTE"
			}
			if err := s.object(o, sec, permission); err != nil {
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

func (s *Actor) object(o *plan.Object, sec perm.Securable, permission string) error {
	p := s.PermIn(o.DatabaseID)
	if p.Object(sec, permission) {
		return nil
	}
	if _, in := p.User(); !in {
		return raise.New(916, s.Identity().Name, o.Database)
	}
	return raise.New(229, permission, o.Name, o.Database, o.Schema)
}

// First is who logged in.
func (s *Actor) First() Identity { return s.acting[0].id }

// RevertAll ends all impersonation.
func (s *Actor) RevertAll() {
	s.acting = s.acting[:1]
	s.Place.SetLogin(s.First().Login)
}

// Impersonations is how many identities there are on top of each other.
func (s *Actor) Impersonations() int { return len(s.acting) }

// Enter brings the session into a database without telling the client.
func (s *Actor) Enter(ctx context.Context, name string) error {
	d, err := s.Databases.Use(ctx, s.Place, s.Caller(), name)
	if err != nil {
		return err
	}
	s.DB, s.Database = d.ID, d.Name
	return nil
}

// Identity is who a session acts as.
type Identity struct {
	Login int // server principal; 0 under EXECUTE AS USER
	User  int // database principal of EXECUTE AS USER, else 0
	// Database binds EXECUTE AS USER to its database.
	Database int
	Name     string // of the login or user
}
