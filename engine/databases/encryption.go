package databases

import (
	"context"
	"errors"
	"fmt"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/sessions"
	"latchkey/engine/tde"
)

func algorithms() map[string]tde.Algorithm {
	return map[string]tde.Algorithm{"AES_128": tde.AES128, "AES_192": tde.AES192, "AES_256": tde.AES256}
}

// algorithmName is an algorithm as statements have it.
func algorithmName(a tde.Algorithm) string {
	for name, alg := range algorithms() {
		if alg == a {
			return name
		}
	}
	return fmt.Sprintf("algorithm %d", a)
}

func protector(p database.Protector) tde.Protector {
	out := tde.Protector{Thumbprint: ekm.Thumbprint(p.Thumbprint)}
	if p.Key != nil {
		out.URI = p.Key.URI
	}
	return out
}

// with runs f on an open database.
func (m *Manager) with(ctx context.Context, id int, f func(*tde.DB) error) error {
	e, p, err := m.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer e.release(sessions.Of(ctx))
	err = f(p.DB)
	m.Report(id, err)
	return err
}

// CreateKey is CREATE DATABASE ENCRYPTION KEY in the caller's database.
func (m *Manager) CreateKey(ctx context.Context, caller catalog.Caller, o database.CreateKey) (catalog.Result, error) {
	o.Act = func(ctx context.Context, id int, algorithm string, p database.Protector) error {
		return keyFailed(m.with(ctx, id, func(db *tde.DB) error {
			return db.CreateKey(ctx, algorithms()[algorithm], protector(p), m.keys)
		}))
	}
	return m.cfg.Catalog.Do(ctx, caller, &o)
}

// AlterKey is ALTER DATABASE ENCRYPTION KEY in the caller's database: another key, which a scan brings to the pages, another
// protector, or both.
func (m *Manager) AlterKey(ctx context.Context, caller catalog.Caller, o database.AlterKey) (catalog.Result, error) {
	o.Act = func(ctx context.Context, id int, algorithm string, p database.Protector) error {
		return keyFailed(m.with(ctx, id, func(db *tde.DB) error {
			to := protector(p)
			if p.Kind == "" {
				to = db.Status().Protector
			}
			if algorithm != "" {
				return db.ReKey(ctx, algorithms()[algorithm], to, m.keys)
			}
			return db.ReWrap(ctx, to, m.keys)
		}))
	}
	return m.cfg.Catalog.Do(ctx, caller, &o)
}

// DropKey is DROP DATABASE ENCRYPTION KEY in the caller's database.
func (m *Manager) DropKey(ctx context.Context, caller catalog.Caller, o database.DropKey) (catalog.Result, error) {
	o.Act = func(ctx context.Context, id int) error {
		return keyFailed(m.with(ctx, id, func(db *tde.DB) error { return db.DropKey(ctx) }))
	}
	return m.cfg.Catalog.Do(ctx, caller, &o)
}

// SetEncryption is ALTER DATABASE ... SET ENCRYPTION ON or OFF. It returns when the scan has begun.
func (m *Manager) SetEncryption(ctx context.Context, caller catalog.Caller, o database.SetEncryption) (catalog.Result, error) {
	o.Act = func(ctx context.Context, id int, on bool) error {
		err := m.with(ctx, id, func(db *tde.DB) error { return db.SetEncryption(ctx, on) })
		if err == nil {
			return nil
		}
		if errors.Is(err, tde.ErrState) {
			return msg.List{msg.New(33109, map[bool]string{true: "enable", false: "disable"}[on]).Because(err), msg.New(5069)}
		}
		return append(msg.List{asMessage(keyFailed(err))}, msg.New(5069))
	}
	return m.cfg.Catalog.Do(ctx, caller, &o)
}

// SuspendScan is ALTER DATABASE ... SET ENCRYPTION SUSPEND. The scan stays where it is, also over a restart.
func (m *Manager) SuspendScan(ctx context.Context, caller catalog.Caller, name string) error {
	return m.scan(ctx, caller, name, (*tde.DB).Suspend)
}

// ResumeScan is ALTER DATABASE ... SET ENCRYPTION RESUME.
func (m *Manager) ResumeScan(ctx context.Context, caller catalog.Caller, name string) error {
	return m.scan(ctx, caller, name, (*tde.DB).Resume)
}

// scan does something about a scan: messages 5011 without ALTER on the database, 33106 without a key, each with 5069.
func (m *Manager) scan(ctx context.Context, caller catalog.Caller, name string, f func(*tde.DB, context.Context) error) error {
	d := m.cfg.Catalog.State().FindDatabase(name)
	err := m.cfg.Catalog.Look(ctx, caller, func(tx *catalog.Tx) error {
		switch {
		case d == nil || !tx.PermIn(d.ID).Database("ALTER"):
			return msg.New(5011, name)
		case d.IsSystem():
			return msg.New(33102)
		case d.Key == nil:
			return msg.New(33106)
		}
		return nil
	})
	if err == nil {
		err = m.with(ctx, d.ID, func(db *tde.DB) error { return f(db, ctx) })
		if errors.Is(err, tde.ErrState) {
			err = msg.New(5058, "ENCRYPTION", d.Name).Because(err) // there is no scan
		}
	}
	if err != nil {
		return append(msg.List{asMessage(keyFailed(err))}, msg.New(5069))
	}
	return nil
}

// keyFailed gives a failure with a key the message that a client gets: the key store's own where there is one.
func keyFailed(err error) error {
	if err == nil || len(msg.Messages(err)) > 0 {
		return err
	}
	if errors.Is(err, tde.ErrState) {
		return msg.New(33110).Because(err)
	}
	if errors.Is(err, tde.ErrKeys) {
		return msg.Provider(33028, err, "cryptographic provider", "").Because(err)
	}
	return msg.New(15468, "database encryption key").Because(err)
}
