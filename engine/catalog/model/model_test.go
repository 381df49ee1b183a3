package model_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/catalog/model"
)

func TestDraftsShareNothingThatChanges(t *testing.T) {
	a := (&model.State{}).Draft()
	a.Credentials.Put(0, 1, &model.Credential{ID: 1, Name: "one"})
	a.Principals.Put(5, 1, &model.Principal{ID: 1, Name: "dbo"})
	a.Principals.Put(6, 1, &model.Principal{ID: 1, Name: "dbo"})
	b := a.Draft()
	b.Credentials.Edit(0, 1).Name = "changed"
	b.Credentials.Put(0, 2, &model.Credential{ID: 2})
	b.DropDatabase(5)
	if a.Credentials.Get(1).Name != "one" || a.Credentials.Get(2) != nil || a.Principals.In(5, 1) == nil {
		t.Error("a change of the draft shows in what it was made from")
	}
	changes, err := b.Changes(a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		v := "gone"
		if c.Value != nil {
			v = "there"
		}
		got = append(got, c.Table+" "+v)
	}
	if d := cmp.Diff([]string{"credential there", "credential there", "principal gone"}, got); d != "" {
		t.Error(d)
	}
	// A dropped database's place can be filled again.
	b.Principals.Put(5, 9, &model.Principal{ID: 9})
	if b.Principals.Len(5) != 1 {
		t.Errorf("%d rows", b.Principals.Len(5))
	}
	// What Changes lists makes the draft of the original.
	changes, err = b.Changes(a)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Draft()
	for _, x := range changes {
		if err := c.Apply([]model.Record{x.Record}); err != nil {
			t.Fatal(err)
		}
	}
	rb, _ := b.Records()
	rc, _ := c.Records()
	if d := cmp.Diff(rb, rc); d != "" {
		t.Error(d)
	}
}

func TestBadRecords(t *testing.T) {
	for _, r := range []model.Record{
		{Table: "nope", Value: []byte("{}")}, {Table: "login", DB: -1, Value: []byte("{}")}, {Table: "login", Value: []byte("{")},
	} {
		if _, err := model.Load([]model.Record{r}); !errors.Is(err, model.ErrRecord) {
			t.Errorf("%v: %v", r, err)
		}
	}
}

func TestNames(t *testing.T) {
	if !model.SameName("Key ", "KEY") || model.SameName("a", "b") || model.SameName(" a", "a") {
		t.Error("names compare wrongly")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("login", 0, 1, []byte(`{"ID":1,"Name":"sa"}`))
	f.Add("permission", 5, 2, []byte(`{"Class":100}`))
	f.Fuzz(func(t *testing.T, table string, db, id int, value []byte) {
		s, err := model.Load([]model.Record{{Table: table, DB: db, ID: id, Value: value}})
		if err != nil {
			return
		}
		if _, err := s.Records(); err != nil {
			t.Errorf("what was loaded cannot be stored: %v", err)
		}
	})
}
