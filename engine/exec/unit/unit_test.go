package unit_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql"
)

func TestUnits(t *testing.T) {
	c := unit.NewCache(10, tsql.Limits{})
	k := unit.Key{Text: "SELECT @a", Params: "@a int, @b nvarchar(10) = N'x' OUTPUT", QuotedIdentifier: true}
	u, err := c.Get(k)
	if err != nil || len(u.Params) != 2 || !u.Params[1].Output || u.Params[1].Default == nil || len(u.Declared) != 0 {
		t.Fatalf("%+v, %v", u, err)
	}
	if again, _ := c.Get(k); again != u {
		t.Error("the text was parsed twice")
	}
	if other, _ := c.Get(unit.Key{Text: k.Text, Params: "@a bigint", QuotedIdentifier: true}); other == u {
		t.Error("another declaration has the same plans")
	}
	secret := unit.Key{Text: "CREATE LOGIN l WITH PASSWORD = 'x'"}
	first, err := c.Get(secret)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := c.Get(secret); second == first {
		t.Error("a text with a password was kept")
	}
	for _, bad := range []struct {
		key    unit.Key
		number int
	}{
		{unit.Key{Text: "DECLARE @a int; IF 1 = 1 DECLARE @A int"}, 134},
		{unit.Key{Text: "DECLARE @a int", Params: "@a int"}, 134},
		{unit.Key{Text: "SELECT 1", Params: "@a int, @A int"}, 134},
		{unit.Key{Text: "SELECT 1", Params: "@a int WITH RECOMPILE"}, 214},
	} {
		if _, err := c.Get(bad.key); !errors.Is(err, sqltype.Number(bad.number)) {
			t.Errorf("%+v: %v, want %d", bad.key, err, bad.number)
		}
	}
	for _, k := range []unit.Key{{Text: "SELECT FROM"}, {Text: "SELECT 1", Params: "@a int AS SELECT 1 --"}} {
		var syntax *tsql.SyntaxError
		if _, err := c.Get(k); !errors.As(err, &syntax) {
			t.Errorf("%+v: %v", k, err)
		}
	}
	for i := range 20 {
		if _, err := c.Get(unit.Key{Text: fmt.Sprint("SELECT ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := c.Get(k); again == u {
		t.Error("the cache keeps more than it may")
	}
}

// What is used stays while other texts come and go, and all find the same unit.
func TestUsedUnitsStay(t *testing.T) {
	c := unit.NewCache(10, tsql.Limits{})
	k := unit.Key{Text: "SELECT @a", Params: "@a int"}
	u, err := c.Get(k)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			for range 100 {
				if _, err := c.Get(unit.Key{Text: fmt.Sprint("SELECT ", i)}); err != nil {
					t.Error(err)
				}
				if again, err := c.Get(k); again != u || err != nil {
					t.Errorf("another unit, %v", err)
				}
			}
		})
	}
	wait.Wait()
	for i := range 100 {
		if _, err := c.Get(unit.Key{Text: fmt.Sprint("SELECT ", i)}); err != nil {
			t.Fatal(err)
		}
		if again, _ := c.Get(k); again != u {
			t.Fatalf("what was used went after %d others", i)
		}
	}
}

// A unit has a bounded number of plans, and finds those of the last settings.
func TestPlansAreBounded(t *testing.T) {
	u, err := unit.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i := range 3000 {
		u.Keep(i, -i)
		u.Keep(i, i)
		if u.Plan(i) != i {
			t.Fatalf("plan %d is %v", i, u.Plan(i))
		}
		n := 0
		for j := range i {
			if i%100 == 0 && u.Plan(j) != nil {
				n++
			}
		}
		most = max(most, n)
	}
	if most == 0 || most > 512 || u.Plan("none") != nil {
		t.Errorf("up to %d plans", most)
	}
}
