package keydb_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/keywrap"
	"latchkey/vault/keydb"
	"latchkey/vault/seal"
	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
)

func open(t *testing.T) (*keydb.DB, store.Store, *seal.Sealer) {
	t.Helper()
	st := storetest.NewMem()
	s, err := seal.Open(t.Context(), seal.Config{Store: st, Root: seal.GenerateRootKey()})
	if err != nil {
		t.Fatal(err)
	}
	return keydb.New(keydb.Config{Store: st, Sealer: s}), st, s
}

func put(t *testing.T, db *keydb.DB, name, key, version string) *keydb.Version {
	t.Helper()
	k, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.EC})
	if err != nil {
		t.Fatal(err)
	}
	v := &keydb.Version{ID: version, Kty: "EC"}
	v.SetPublic(k)
	b := db.Batch()
	b.PutHead("kv", &keydb.Head{Name: name, Key: key, Current: version, Due: 77}, 0, 0)
	b.PutVersion("kv", key, v, 0)
	b.PutPrivate("kv", key, version, k)
	if _, err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// A sealed private key under another name, or beside another public half, does not act.
func TestMixedUpRecords(t *testing.T) {
	db, st, _ := open(t)
	a, b := put(t, db, "a", "k1", "v1"), put(t, db, "b", "k2", "v2")
	item, err := st.Get(t.Context(), "s/kv/k1/v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Commit(t.Context(), nil, []store.Op{{Key: "s/kv/k2/v2", Value: item.Value}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Private(t.Context(), "kv", "k2", b); err == nil {
		t.Error("a private key moved to another name opens")
	}
	if _, err := db.Private(t.Context(), "kv", "k1", &keydb.Version{ID: "v1", Kty: "EC", Bits: 256, Crv: "P-256", X: b.X, Y: b.Y}); !errors.Is(err, keydb.ErrCorrupt) {
		t.Errorf("a private key acts under another public half: %v", err)
	}
	if _, err := db.Private(t.Context(), "kv", "k1", a); err != nil {
		t.Error(err)
	}
}

func TestNewerAndCorruptRecords(t *testing.T) {
	db, st, _ := open(t)
	for value, want := range map[string]error{`{"schema":2}`: keydb.ErrNewer, `{`: keydb.ErrCorrupt, `{}`: keydb.ErrCorrupt, `[]`: keydb.ErrCorrupt} {
		if _, err := st.Commit(t.Context(), nil, []store.Op{{Key: "v/x", Value: []byte(value)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Vault(t.Context(), "x"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", value, err, want)
		}
	}
}

// Reseal moves every private key and installation secret to the new data key; they still open.
func TestReseal(t *testing.T) {
	db, st, s := open(t)
	v := put(t, db, "a", "k1", "v1")
	before, _ := st.Get(t.Context(), "s/kv/k1/v1")
	if _, err := s.NewDataKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reseal(t.Context(), keydb.Walk(s)); err != nil {
		t.Fatal(err)
	}
	if err := s.DropOldKeys(t.Context(), keydb.Walk(s)); err != nil {
		t.Fatal(err)
	}
	after, _ := st.Get(t.Context(), "s/kv/k1/v1")
	if string(before.Value) == string(after.Value) {
		t.Error("not resealed")
	}
	fresh := keydb.New(keydb.Config{Store: st, Sealer: s})
	if _, err := fresh.Private(t.Context(), "kv", "k1", v); err != nil {
		t.Error(err)
	}
}

func TestDueIndex(t *testing.T) {
	db, _, _ := open(t)
	put(t, db, "a", "k1", "v1")
	now := time.Unix(77, 0)
	due, err := db.DueBefore(t.Context(), now, keydb.Due{}, 10)
	if err != nil || len(due) != 1 || due[0].Name != "a" {
		t.Fatalf("%v, %v", due, err)
	}
	if next, err := db.NextDue(t.Context(), now); err != nil || !next.IsZero() {
		t.Errorf("next after it: %v, %v", next, err)
	}
	if next, err := db.NextDue(t.Context(), time.Unix(5, 0)); err != nil || next.Unix() != 77 {
		t.Errorf("next before it: %v, %v", next, err)
	}
	h, err := db.Head(t.Context(), "kv", "A", false)
	if err != nil {
		t.Fatal(err)
	}
	b := db.Batch()
	b.DeleteHead("kv", h.Val, h.Rev)
	b.Garbage("kv", "k1", now)
	if _, err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due, _ := db.DueBefore(t.Context(), now, keydb.Due{}, 10); len(due) != 0 {
		t.Errorf("due after the head went: %v", due)
	}
	if n, err := db.Sweep(t.Context(), time.Unix(76, 0)); n != 0 || err != nil {
		t.Errorf("swept before its time: %d, %v", n, err)
	}
	if n, err := db.Sweep(t.Context(), now); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

func FuzzRecords(f *testing.F) {
	for _, seed := range []string{`{"schema":1}`, `{"schema":1,"key":"k","deleted":{"at":1}}`, `{"schema":1,"n":"AQAB","ops":["sign"]}`, `[]`, `{"schema":1,"id":"i","server":"s","lease":600,"uses":[{"key":"k","version":"v","kind":"database"}]}`, `{"schema":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		st := storetest.NewMem()
		db := keydb.New(keydb.Config{Store: st})
		ops := []store.Op{{Key: "v/x", Value: b}, {Key: "a/x", Value: b}, {Key: "k/x/k", Value: b}, {Key: "n/x/k/v", Value: b}, {Key: "g/x/k", Value: b}, {Key: "i/x", Value: b}, {Key: "r/x/i", Value: b}, {Key: "e/x", Value: b}, {Key: "t/" + string(b[:min(len(b), 40)]), Value: b}}
		if _, err := st.Commit(t.Context(), nil, ops); err != nil {
			return
		}
		_, _ = db.Vault(t.Context(), "x")
		_, _ = db.Access(t.Context(), "x")
		_, _ = db.Head(t.Context(), "x", "k", false)
		_, _ = db.Version(t.Context(), "x", "k", "v")
		if list, _, err := db.Dependents(t.Context(), "x"); err == nil && (len(list) != 1 || list[0].Schema != 1) {
			t.Errorf("%q: dependents %v", b, list)
		}
		if e, err := db.Dependent(t.Context(), "x", "I"); err == nil && (e.Val == nil || e.Val.Schema != 1) {
			t.Errorf("%q: dependent %v", b, e.Val)
		}
		_, _ = db.DueBefore(t.Context(), time.Unix(1, 0), keydb.Due{}, 5)
		_, _ = db.Sweep(t.Context(), time.Unix(1<<40, 0))
	})
}
