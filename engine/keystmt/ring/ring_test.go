package ring_test

import (
	"testing"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/keystmt/ring"
	"latchkey/internal/secret"
)

func TestWipe(t *testing.T) {
	var r ring.Ring
	k := &model.SymmetricKey{ID: 256, GUID: [16]byte{1}}
	s := secret.FromString("key")
	if !r.Open(1, k, s, time.Unix(1, 0)) || !r.Has(1, k) || r.Has(2, k) {
		t.Fatal("the key is not open")
	}
	m := protect.Generate()
	row := &model.SymmetricKey{ID: model.DatabaseMasterKeyID, GUID: [16]byte{2}}
	r.OpenMaster(1, row, m)
	if r.Master(1, row) != m || r.Master(1, &model.SymmetricKey{GUID: [16]byte{3}}) != nil || r.Master(2, row) != nil || r.Master(1, nil) != nil {
		t.Error("the master key is taken for another, or not for itself")
	}
	if l := r.List(); len(l) != 1 || l[0].Key != 256 || l[0].Database != 1 {
		t.Errorf("list: %v", l)
	}
	r.Wipe()
	if s.Len() != 0 || r.Has(1, k) || r.Master(1, row) != nil || len(r.List()) != 0 {
		t.Error("something is left")
	}
	if r.Close(1, k) || r.CloseMaster(1) {
		t.Error("what is closed is closed again")
	}
}

func TestOpenAgainDestroysTheOldOne(t *testing.T) {
	var r ring.Ring
	k := &model.SymmetricKey{ID: 256}
	first := secret.FromString("first")
	r.Open(1, k, first, time.Time{})
	r.Open(1, k, secret.FromString("second"), time.Time{})
	if first.Len() != 0 {
		t.Error("the first is still there")
	}
	for id := range ring.Max {
		r.Open(2, &model.SymmetricKey{ID: id}, secret.FromString("x"), time.Time{})
	}
	last := secret.FromString("last")
	if r.Open(3, k, last, time.Time{}) || last.Len() != 0 {
		t.Error("there is no bound")
	}
	r.Wipe()
}
