package perm_test

import (
	"testing"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/seed"
)

func TestTableIsConsistent(t *testing.T) {
	codes := 0
	for _, class := range []perm.Class{perm.Server, perm.Login, perm.Credential, perm.Database, perm.Schema, perm.Object, perm.Principal, perm.AsymmetricKey, perm.SymmetricKey, perm.Certificate} {
		seen := map[string]bool{}
		for _, i := range perm.All(class) {
			codes++
			if len(i.Code) < 2 || len(i.Code) > 4 || seen[i.Name] {
				t.Errorf("class %d: %+v", class, i)
			}
			seen[i.Name] = true
			for _, by := range i.By {
				if _, ok := perm.Lookup(class, by); !ok {
					t.Errorf("class %d: %s is covered by %q, which is no permission", class, i.Name, by)
				}
			}
			if i.Parent == "" {
				continue
			}
			if _, ok := perm.Lookup(class.ParentClass(), i.Parent); !ok {
				t.Errorf("class %d: %s has the parent %q, which is no permission of class %d", class, i.Name, i.Parent, class.ParentClass())
			}
		}
	}
	if codes < 100 {
		t.Errorf("%d permissions", codes)
	}
	for code, name := range map[string]string{"CL": "CONTROL SERVER", "ALST": "ALTER SETTINGS", "ALCD": "ALTER ANY CREDENTIAL", "ALLG": "ALTER ANY LOGIN", "COSQ": "CONNECT SQL", "VWSS": "VIEW SERVER STATE"} {
		if i, _ := perm.Lookup(perm.Server, name); i.Code != code {
			t.Errorf("%s has the code %q", name, i.Code)
		}
	}
}

// world is a server with a database 5 of which bob is a user, alice the owner.
func world() *model.State {
	s := (&model.State{}).Draft()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seed.Server(s, now)
	for id, name := range map[int]string{256: "alice", 257: "bob", 258: "carol"} {
		s.Logins.Put(0, id, &model.Login{ID: id, Name: name, SID: []byte(name), Kind: model.SQLLogin})
	}
	s.Databases.Put(0, 5, seed.New(5, "db", []byte("alice"), now))
	seed.Database(s, 5, []byte("alice"), now)
	s.Principals.Put(5, 5, &model.Principal{ID: 5, Name: "bob", Kind: model.SQLLogin, SID: []byte("bob")})
	give(s, 5, perm.Database, 0, 5, "CONNECT", "G")
	return s
}

func give(s *model.State, db int, class perm.Class, major, grantee int, name, state string) {
	s.Permissions.Put(db, s.Permissions.Next(db, 1), &model.Permission{Class: int(class), Major: major, Grantee: grantee, Name: name, State: state})
}

func TestEvaluation(t *testing.T) {
	const alice, bob, carol = 256, 257, 258
	object := perm.Securable{Class: perm.Object, ID: 77, Owner: 0, Schema: 1}
	keyOf := perm.Securable{Class: perm.AsymmetricKey, ID: 256, Owner: model.DBO}
	for _, c := range []struct {
		what  string
		setup func(*model.State)
		ask   func(*model.State) bool
		want  bool
	}{
		{"nobody may nothing", nil, func(s *model.State) bool { return perm.For(s, 999, 5).Server("CONNECT SQL") }, false},
		{"sa may all", nil, func(s *model.State) bool { return perm.For(s, model.SA, 5).Object(keyOf, "CONTROL") }, true},
		{"the zero value may nothing", nil, func(*model.State) bool { return new(perm.Eval).Database("SELECT") }, false},
		{"the owner is dbo", nil, func(s *model.State) bool { return perm.For(s, alice, 5).Database("CONTROL") }, true},
		{"a user may not what it was not given", nil, func(s *model.State) bool { return perm.For(s, bob, 5).Database("SELECT") }, false},
		{"public sees databases", nil, func(s *model.State) bool { return perm.For(s, bob, 0).Server("VIEW ANY DATABASE") }, true},
		{"CONTROL SERVER covers a key", func(s *model.State) { give(s, 0, perm.Server, 0, carol, "CONTROL SERVER", "G") }, func(s *model.State) bool { return perm.For(s, carol, 5).Object(keyOf, "CONTROL") }, true},
		{"DENY beside CONTROL SERVER", func(s *model.State) {
			give(s, 0, perm.Server, 0, carol, "CONTROL SERVER", "G")
			give(s, 0, perm.Server, 0, carol, "ALTER SETTINGS", "D")
		}, func(s *model.State) bool { return perm.For(s, carol, 0).Server("ALTER SETTINGS") }, false},
		{"DENY of what covers", func(s *model.State) {
			give(s, 0, perm.Server, 0, carol, "ALTER ANY LOGIN", "D")
			give(s, 0, perm.Server, 0, carol, "CREATE LOGIN", "G")
		}, func(s *model.State) bool { return perm.For(s, carol, 0).Server("CREATE LOGIN") }, false},
		{"DENY to public", func(s *model.State) {
			give(s, 0, perm.Server, 0, bob, "ALTER SETTINGS", "G")
			give(s, 0, perm.Server, 0, model.PublicRole, "ALTER SETTINGS", "D")
		}, func(s *model.State) bool { return perm.For(s, bob, 0).Server("ALTER SETTINGS") }, false},
		{"sysadmin cannot be denied", func(s *model.State) { give(s, 0, perm.Server, 0, model.SA, "ALTER SETTINGS", "D") }, func(s *model.State) bool { return perm.For(s, model.SA, 0).Server("ALTER SETTINGS") }, true},
		{"a role within a role", func(s *model.State) {
			s.Logins.Put(0, 300, &model.Login{ID: 300, Name: "r", Kind: model.ServerRole})
			s.Members.Put(0, 50, &model.Member{Role: 300, Member: bob})
			s.Members.Put(0, 51, &model.Member{Role: model.ServerAdmin, Member: 300})
		}, func(s *model.State) bool { return perm.For(s, bob, 0).Server("ALTER SETTINGS") }, true},
		{"roles in a circle end", func(s *model.State) {
			s.Members.Put(0, 50, &model.Member{Role: 300, Member: bob})
			s.Members.Put(0, 51, &model.Member{Role: 301, Member: 300})
			s.Members.Put(0, 52, &model.Member{Role: 300, Member: 301})
		}, func(s *model.State) bool { return perm.For(s, bob, 0).Server("ALTER SETTINGS") }, false},
		{"no user, no guest", nil, func(s *model.State) bool { _, in := perm.For(s, carol, 5).User(); return in }, false},
		{"guest in master", nil, func(s *model.State) bool {
			id, in := perm.For(s, carol, model.Master).User()
			return in && id == model.Guest
		}, true},
		{"DENY CONNECT keeps out", func(s *model.State) { give(s, 5, perm.Database, 0, 5, "CONNECT", "D") }, func(s *model.State) bool { _, in := perm.For(s, bob, 5).User(); return in }, false},
		{"CONNECT ANY DATABASE lets in", func(s *model.State) { give(s, 0, perm.Server, 0, carol, "CONNECT ANY DATABASE", "G") }, func(s *model.State) bool { _, in := perm.For(s, carol, 5).User(); return in }, true},
		{"SELECT on the schema", func(s *model.State) { give(s, 5, perm.Schema, 1, 5, "SELECT", "G") }, func(s *model.State) bool { return perm.For(s, bob, 5).Object(object, "SELECT") }, true},
		{"but not on the object denied", func(s *model.State) {
			give(s, 5, perm.Schema, 1, 5, "SELECT", "G")
			give(s, 5, perm.Object, 77, 5, "SELECT", "D")
		}, func(s *model.State) bool { return perm.For(s, bob, 5).Object(object, "SELECT") }, false},
		{"db_datareader reads", func(s *model.State) { s.Members.Put(5, 50, &model.Member{Role: model.DBDataReader, Member: 5}) }, func(s *model.State) bool { return perm.For(s, bob, 5).Object(object, "SELECT") }, true},
		{"db_denydatareader does not", func(s *model.State) {
			s.Members.Put(5, 50, &model.Member{Role: model.DBDataReader, Member: 5})
			s.Members.Put(5, 51, &model.Member{Role: model.DBDenyDataReader, Member: 5})
		}, func(s *model.State) bool { return perm.For(s, bob, 5).Object(object, "SELECT") }, false},
		{"db_backupoperator backs up", func(s *model.State) { s.Members.Put(5, 50, &model.Member{Role: model.DBBackupOperator, Member: 5}) }, func(s *model.State) bool { return perm.For(s, bob, 5).Database("BACKUP LOG") }, true},
		{"db_owner can be denied", func(s *model.State) {
			s.Members.Put(5, 50, &model.Member{Role: model.DBOwner, Member: 5})
			give(s, 5, perm.Database, 0, 5, "BACKUP LOG", "D")
		}, func(s *model.State) bool { return perm.For(s, bob, 5).Database("BACKUP LOG") }, false},
		{"EXECUTE AS USER has no rights on the server", func(s *model.State) { give(s, 0, perm.Server, 0, bob, "CONTROL SERVER", "G") }, func(s *model.State) bool { return perm.ForUser(s, 5, 5).Server("CONNECT SQL") }, false},
		{"an unknown permission", nil, func(s *model.State) bool { return perm.For(s, bob, 5).Database("NO SUCH") }, false},
	} {
		s := world()
		if c.setup != nil {
			c.setup(s)
		}
		if got := c.ask(s); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
