package tde_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"latchkey/ekm"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// otherKeys unwraps to a key of the right length that is not the database's.
type otherKeys struct{ fakeKeys }

func (k *otherKeys) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	b, err := k.fakeKeys.Unwrap(ctx, t, w)
	if err == nil {
		n := b.Len()
		b.Destroy()
		b = secret.Random(n)
	}
	return b, err
}

// A wrong key, the log of another database and a file cut short are refused, and nothing is written by trying.
func TestForeignParts(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	encrypted(t, m, "/data/e.db", keys)
	good := readAll(t, m, "/data/d.db")
	want, err := sum(t, m, "/data/d.db", keys)
	must(t, err)

	if _, err := tde.Open(ctx, memConfig(m), &otherKeys{}); err == nil {
		t.Fatal("opened with a wrong key")
	}
	if got, err := sum(t, m, "/data/d.db", keys); err != nil || got != want {
		t.Errorf("after a wrong key: %v", err)
	}

	cfg := memConfig(m)
	cfg.Path = "/data/e.db"
	db, err := tde.Open(ctx, cfg, keys)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "UPDATE t SET v='foreign'")
	log := readAll(t, m, "/data/e.db-wal")
	must(t, errors.Join(c.Close(), db.Close()))
	disk := newMem(t)
	writeAll(t, disk, "/data/d.db", good)
	writeAll(t, disk, "/data/d.db-wal", log)
	if got, err := sum(t, disk, "/data/d.db", keys); !errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("the log of another database: %d bytes, %v", len(got), err)
	}

	for _, cut := range []int{1, 4096, 3*4096 + 17, len(good) - 65536} {
		disk := newMem(t)
		writeAll(t, disk, "/data/d.db", good[:len(good)-cut])
		if _, err := sum(t, disk, "/data/d.db", keys); !errors.Is(err, tde.ErrCorrupt) {
			t.Errorf("cut by %d bytes: %v", cut, err)
		}
	}
}

// A full disk ends a scan, a checkpoint or a commit with its error; once there is room the work goes on and nothing is lost.
func TestDiskFull(t *testing.T) {
	steps := map[string]func(ctx context.Context, db *tde.DB, keys tde.Keys) error{
		"encrypt":    func(ctx context.Context, db *tde.DB, _ tde.Keys) error { return db.SetEncryption(ctx, true) },
		"checkpoint": func(ctx context.Context, db *tde.DB, _ tde.Keys) error { return db.Checkpoint(ctx) },
		"re-key": func(ctx context.Context, db *tde.DB, keys tde.Keys) error {
			return errors.Join(db.SetEncryption(ctx, true), db.Wait(ctx), db.ReKey(ctx, tde.AES192, protector2, keys))
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			full := 0
			for room := int64(0); room < 60; room += 7 {
				m := newMem(t)
				s := newStory()
				db, err := tde.Create(ctx, memConfig(m))
				must(t, err)
				c, err := db.Conn(ctx)
				must(t, err)
				must(t, s.load(c))
				must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
				if name != "checkpoint" {
					must(t, db.Checkpoint(ctx))
				}
				m.SetCapacity(used(t, m) + room*4096)
				err = errors.Join(step(ctx, db, s.keys), s.commit(c), db.Wait(ctx))
				if err != nil {
					if full++; !errors.Is(err, syscall.ENOSPC) || errors.Is(err, tde.ErrCorrupt) {
						t.Errorf("room of %d pages: %v", room, err)
					}
				}
				_ = errors.Join(c.Close(), db.Close())
				m.SetCapacity(0)
				all := map[tde.State]bool{tde.Unencrypted: true, tde.Encrypting: true, tde.Encrypted: true, tde.KeyChange: true}
				if err := s.check(ctx, m, s.acked.Load(), s.tried.Load(), all, true); err != nil {
					t.Errorf("room of %d pages, reopened: %v", room, err)
				}
			}
			if full == 0 {
				t.Error("the disk was never full")
			}
		})
	}
}

func used(t *testing.T, m *fsys.Mem) (n int64) {
	entries, err := m.ReadDir("/data")
	must(t, err)
	for _, e := range entries {
		fi, err := m.Stat("/data/" + e.Name())
		must(t, err)
		n += fi.Size()
	}
	return n
}

// Keys are changed again and again without a checkpoint in between, a scan is suspended, the power fails, and it is resumed.
func TestReKeyTwiceSuspendCrashResume(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	s := newStory()
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	must(t, s.load(c))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
	must(t, errors.Join(db.SetEncryption(ctx, true), db.Wait(ctx)))
	for range 3 {
		must(t, s.commit(c))
		must(t, db.ReKey(ctx, tde.AES256, protector2, s.keys))
		must(t, s.commit(c))
		must(t, db.Wait(ctx))
	}
	db.SetScanRate(4096) // stays in its first round
	must(t, db.ReKey(ctx, tde.AES256, protector1, s.keys))
	must(t, s.commit(c))
	suspended := db.Suspend(ctx) == nil
	must(t, s.commit(c))
	disk := m.CrashClone(fsys.Crash{})
	must(t, errors.Join(c.Close(), db.Close()))

	db, err = tde.Open(ctx, memConfig(disk), s.keys)
	must(t, err)
	if suspended {
		if st := db.Status(); st.State != tde.KeyChange || st.Scan != tde.ScanSuspended {
			t.Errorf("after the crash: %+v", st)
		}
		must(t, db.Resume(ctx))
	}
	must(t, errors.Join(db.Wait(ctx), db.Close()))
	if err := s.check(ctx, disk, s.acked.Load(), s.tried.Load(), map[tde.State]bool{tde.Encrypted: true}, true); err != nil {
		t.Error(err)
	}
}

// A provider that fails leaves everything as it was, at each of its calls, and the database works on.
func TestProviderFails(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	s := newStory()
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	must(t, s.load(c))
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, tde.ErrKeys) || !errors.Is(err, errNoVault) {
			t.Errorf("%s without a vault: %v", what, err)
		}
		must(t, s.commit(c))
	}
	s.keys.fail.Store(true)
	refused("creating a key", db.CreateKey(ctx, tde.AES256, protector1, s.keys))
	s.keys.fail.Store(false)
	must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
	must(t, errors.Join(db.SetEncryption(ctx, true), db.Wait(ctx)))
	s.keys.fail.Store(true)
	refused("replacing the key", db.ReKey(ctx, tde.AES256, protector2, s.keys))
	refused("changing the protector", db.ReWrap(ctx, protector2, s.keys))
	if st := db.Status(); st.State != tde.Encrypted || st.Protector != protector1 || st.Generation != 1 {
		t.Errorf("afterwards: %+v", st)
	}
	must(t, errors.Join(c.Close(), db.Close()))
	if _, err := tde.Open(ctx, memConfig(m), s.keys); !errors.Is(err, errNoVault) {
		t.Errorf("opening without a vault: %v", err)
	}
	s.keys.fail.Store(false)
	if err := s.check(ctx, m, s.acked.Load(), s.tried.Load(), map[tde.State]bool{tde.Encrypted: true}, true); err != nil {
		t.Error(err)
	}
}

// A key store that wraps what it does not unwrap is refused before anything depends on it.
func TestWrapIsProved(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	want, err := sum(t, m, "/data/d.db", keys)
	must(t, err)
	db, err := tde.Open(ctx, memConfig(m), keys)
	must(t, err)
	bad := &otherKeys{}
	if err := db.ReWrap(ctx, protector2, bad); !errors.Is(err, tde.ErrKeys) {
		t.Errorf("change of protector: %v", err)
	}
	if err := db.ReKey(ctx, tde.AES256, protector2, bad); !errors.Is(err, tde.ErrKeys) {
		t.Errorf("change of key: %v", err)
	}
	if s := db.Status(); s.State != tde.Encrypted || s.Protector != protector1 || s.Generation != 1 {
		t.Errorf("after refusals: %+v", s)
	}
	must(t, db.Close())
	if got, err := sum(t, m, "/data/d.db", keys); err != nil || got != want {
		t.Errorf("reopened: %v, %v; want %v", got, err, want)
	}
}
