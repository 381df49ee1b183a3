package tde_test

import (
	"errors"
	"runtime"
	"testing"

	"latchkey/engine/tde"
)

// A key is replaced, or dropped, the moment the header says that a scan is over: what the scan still forgets then is the old key alone.
func TestReKeyAtAScansEnd(t *testing.T) {
	keys := killKeys()
	db, err := tde.Create(t.Context(), memConfig(newMem(t)))
	must(t, err)
	c, err := db.Conn(t.Context())
	must(t, err)
	defer func() { must(t, errors.Join(c.Close(), db.Close())) }()
	must(t, c.Exec("CREATE TABLE t(x INTEGER) STRICT"))
	must(t, db.CreateKey(t.Context(), tde.AES256, protector1, keys))
	reach := func(want tde.State) {
		for db.Status().State != want {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
	}
	write := func() { must(t, c.Exec("INSERT INTO t VALUES(1)")) }
	for range 15 {
		must(t, db.SetEncryption(t.Context(), true))
		reach(tde.Encrypted)
		for range 3 {
			must(t, db.ReKey(t.Context(), tde.AES256, protector1, keys))
			write()
			reach(tde.Encrypted)
		}
		write()
		must(t, db.SetEncryption(t.Context(), false))
		reach(tde.Unencrypted)
		must(t, errors.Join(db.DropKey(t.Context()), db.CreateKey(t.Context(), tde.AES256, protector1, keys)))
		write()
	}
}
