package tde_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"

	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

// FuzzRollNote opens a database with any note of rolling forward beside it: it opens only when the note says that all was done, and then the
// note is gone; otherwise note and database stay, and the error says what is wrong.
func FuzzRollNote(f *testing.F) {
	ctx := f.Context()
	m := fsys.NewMem()
	must(f, m.MkdirAll("/data", 0o700))
	db, err := tde.Create(ctx, memConfig(m))
	must(f, err)
	must(f, db.Close())
	for _, seed := range []string{
		`{"Format":1,"To":9,"Done":true}`, `{"Format":1,"To":9}`, `{"Format":2,"To":9,"Done":true}`, `{"Done":true}`, ``, `null`, `[]`, `{"Format":1,"Done":true} x`,
		`{"Format":1,"To":-1,"Done":true}`, `{"format":1,"done":true}`, "{\"Format\":1,\"Done\":true}\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		disk := m.CrashClone(fsys.Crash{})
		must(t, fsys.WriteFile(disk, "/data/d.db-roll", b, 0o600))
		var note struct {
			Format int
			To     uint64
			Done   bool
		}
		done := json.Unmarshal(b, &note) == nil && note.Format == 1 && note.Done && len(b) <= 4096
		db, err := tde.Open(t.Context(), memConfig(disk), nil)
		if err == nil {
			must(t, db.Close())
		}
		_, serr := disk.Stat("/data/d.db-roll")
		switch gone := errors.Is(serr, fs.ErrNotExist); {
		case done && (err != nil || !gone):
			t.Errorf("%q: %v; the note is gone: %v", b, err, gone)
		case !done && (err == nil || gone):
			t.Errorf("%q: %v; the note is gone: %v", b, err, gone)
		case !done && len(b) <= 4096 && !errors.Is(err, tde.ErrRolling):
			t.Errorf("%q: %v is not ErrRolling", b, err)
		}
	})
}
