package databases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases/pool"
	"latchkey/engine/tde"
)

// server is who the manager is to the catalogue.
func server() catalog.Caller { return catalog.Caller{Login: model.SA, Database: model.Master} }

// openAll opens databases side by side, with one call to the key store for each wrapped key, and says how many came up.
func (m *Manager) openAll(ctx context.Context, list []*entry) (opened int) {
	m.keys.Begin()
	defer m.keys.End()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, e := range list {
		select {
		case m.opens <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return opened
		}
		wg.Go(func() {
			defer func() { <-m.opens }()
			if m.open(ctx, e) == nil {
				mu.Lock()
				opened++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return opened
}

// open opens a database, unless it is open, and records what came of it. The error is what a client of SET ONLINE hears.
func (m *Manager) open(ctx context.Context, e *entry) error {
	give, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	return m.openHeld(ctx, e)
}

func (m *Manager) openHeld(ctx context.Context, e *entry) error {
	if p, _ := e.use(0); p != nil {
		e.release(0)
		return nil
	}
	d := m.cfg.Catalog.State().Databases.Get(e.id)
	if d == nil {
		return msg.New(911, fmt.Sprint(e.id))
	}
	was := e.info()
	if e.isBarred() {
		return msg.New(945, d.Name).Because(was.Reason)
	}
	before, emergency := was.Reason, d.State == model.Emergency
	e.begin()
	began := m.cfg.Clock.Now()
	db, seen, err := m.openFile(ctx, e, d)
	if err != nil {
		if ctx.Err() != nil { // the server goes down, or the statement was cancelled: nothing was found out
			if was.State == model.Recovering {
				was.State = model.RecoveryPending
			}
			e.settle(was.State, before)
			return context.Cause(ctx)
		}
		state, list := diagnose(e, d.Name, err)
		if emergency {
			state = model.Emergency
		}
		e.settle(state, err)
		if before == nil || before.Error() != err.Error() {
			m.logFailure(d, list, err)
		}
		m.observe(ctx, d, &database.Observe{ID: e.id, State: &state})
		return list
	}
	state := model.Online
	if emergency { // until SET ONLINE
		state = model.Emergency
	}
	if err := dropUnused(ctx, db, d); err != nil {
		m.cfg.Log.Error("the kept log of a database, which no backup continues, stays", "database", d.Name, "err", err)
	}
	e.opened(pool.New(db, m.cfg.Connections, m.cfg.Room), state)
	seen.State = &state
	m.observe(ctx, d, seen)
	if before != nil {
		took := m.cfg.Clock.Now().Sub(began)
		m.log(slog.LevelInfo, d.Name, msg.New(3421, d.Name, d.ID, int64(took.Seconds()), int64(0), took.Milliseconds(), int64(0)))
	}
	return nil
}

// openFile opens the file and says where the catalogue differs from it.
func (m *Manager) openFile(ctx context.Context, e *entry, d *model.Database) (*tde.DB, *database.Observe, error) {
	cfg := m.config(e, d.Name)
	if e.sealed {
		cfg.RequireEncrypted = true
		db, err := tde.Open(ctx, cfg, e.keys)
		return db, &database.Observe{ID: e.id}, err
	}
	cfg.RequireEncrypted = d.Encrypted
	db, err := tde.Open(ctx, cfg, m.keys)
	if errors.Is(err, tde.ErrNotEncrypted) {
		// Either somebody put a plain file in its place, or the server died between switching the file and recording it. Only the
		// server itself, with the key, makes a file that is being decrypted.
		cfg.RequireEncrypted = false
		again, aerr := tde.Open(ctx, cfg, m.keys)
		if aerr != nil {
			return nil, nil, aerr
		}
		if again.Status().State != tde.Decrypting {
			return nil, nil, errors.Join(err, again.Close())
		}
		db, err = again, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return db, m.compare(d, db.Status()), nil
}

// compare says what the catalogue must learn of a file that was opened.
func (m *Manager) compare(d *model.Database, s tde.Status) *database.Observe {
	o := &database.Observe{ID: d.ID}
	if on := s.Encrypted(); on != d.Encrypted {
		o.Encrypted = &on
	}
	has := s.Algorithm != 0
	switch {
	case !has && d.Key != nil:
		o.NoKey = true
	case has && (d.Key == nil || string(d.Key.Thumbprint) != string(s.Protector.Thumbprint) || d.Key.Algorithm != algorithmName(s.Algorithm)):
		k := model.EncryptionKey{Encryptor: database.ByCertificate}
		if d.Key != nil {
			k = *d.Key
		}
		k.Algorithm, k.Thumbprint = algorithmName(s.Algorithm), []byte(s.Protector.Thumbprint)
		k.Created, k.Regenerated, k.Modified, k.Set = s.Created, s.Regenerated, s.Modified, s.Set
		k.Encryptor = database.ByCertificate
		if _, a := m.cfg.Catalog.State().AsymmetricKeys.Find(model.Master, func(a *model.AsymmetricKey) bool { return string(a.Thumbprint) == string(k.Thumbprint) }); a != nil {
			k.Encryptor = database.ByAsymmetricKey
		}
		o.Key = &k
	}
	return o
}

// observe records what was found, if it is news.
func (m *Manager) observe(ctx context.Context, d *model.Database, o *database.Observe) {
	if o.State != nil && *o.State == d.State {
		o.State = nil
	}
	if o.State == nil && o.Encrypted == nil && o.Key == nil && !o.NoKey && !o.LogBackup {
		return
	}
	if _, err := m.cfg.Catalog.Do(context.WithoutCancel(ctx), server(), o); err != nil && code.Of(err) != code.Msg(911) {
		m.cfg.Log.Error("the catalogue did not take what was found of a database", "database", d.Name, "err", err)
	}
}

// config is how a database is opened.
func (m *Manager) config(e *entry, name string) tde.Config {
	n := len(m.entries.all())
	const least, most = 2 << 20, 64 << 20
	return tde.Config{
		FS: m.files, Path: e.path, Clock: m.cfg.Clock, ScanRate: m.cfg.ScanRate, Notify: m.notify(e, name),
		CacheBytes: max(least, min(most, m.cfg.CacheBytes/int64(max(n, 1)))),
	}
}

// notify writes the course of scans to the log.
func (m *Manager) notify(e *entry, name string) func(tde.Status) {
	var mu sync.Mutex
	running := false
	return func(s tde.Status) {
		mu.Lock()
		defer mu.Unlock()
		if d := m.cfg.Catalog.State().Databases.Get(e.id); d != nil {
			name = d.Name
		}
		switch {
		case s.Scan == tde.ScanRunning && !running:
			running = true
			m.log(slog.LevelInfo, name, msg.New(33112, name))
		case s.Scan == tde.ScanComplete && running:
			running = false
			m.log(slog.LevelInfo, name, msg.New(33113, name))
		case s.Scan == tde.ScanAborted && running:
			running = false
			m.log(slog.LevelError, name, msg.New(33114, name), "err", s.ScanError)
		case s.Scan == tde.ScanSuspended || s.Scan == tde.ScanNone:
			running = false
		}
	}
}

// diagnose says in which state a database is that did not open, and what to tell: the reason first.
func diagnose(e *entry, name string, err error) (state int, list msg.List) {
	list = append(list, msg.Messages(err)...)
	switch {
	case errors.Is(err, tde.ErrCorrupt):
		var c *tde.CorruptError
		page := uint64(0)
		if errors.As(err, &c) {
			page = c.Page
		}
		return model.Suspect, append(list, msg.New(824, "incorrect checksum", "read", fmt.Sprintf("(1:%d)", page), e.id, int64(page)*tde.PageSize, e.path), msg.New(926, name))
	case errors.Is(err, tde.ErrNotEncrypted), errors.Is(err, code.DatabaseNotOurs):
		return model.Suspect, append(list, msg.New(926, name))
	case errors.Is(err, fs.ErrNotExist):
		list = append(list, msg.New(5120, e.path, 2, "The system cannot find the file specified."))
	case errors.Is(err, tde.ErrInUse):
		list = append(list, msg.New(5120, e.path, 32, "The process cannot access the file because it is being used by another process."))
	case errors.Is(err, fs.ErrPermission):
		list = append(list, msg.New(5120, e.path, 5, "Access is denied."))
	}
	return model.RecoveryPending, append(list, msg.New(945, name))
}

// logFailure writes why a database did not open.
func (m *Manager) logFailure(d *model.Database, list msg.List, err error) {
	for _, one := range list {
		m.log(slog.LevelError, d.Name, one)
	}
	m.log(slog.LevelError, d.Name, msg.New(3414, d.Name, d.ID, 0), "err", err)
}

// log writes a message of the server to the error log.
func (m *Manager) log(level slog.Level, name string, e *msg.Error, args ...any) {
	args = append([]any{"database", name, "msg", e.Number, "severity", e.Severity, "state", e.State}, args...)
	m.cfg.Log.Log(context.Background(), level, e.Text, args...)
}

// Report says that a connection met an error, so that what concerns the whole database is logged and seen to: one that can write no
// more after an error of its disk is closed, once its users are gone, and opened anew. Other errors are ignored, and nil is allowed.
func (m *Manager) Report(id int, err error) {
	e := m.entry(id)
	if err == nil || e == nil {
		return
	}
	name := m.name(id)
	switch {
	case errors.Is(err, tde.ErrCorrupt):
		_, list := diagnose(e, name, err)
		m.log(slog.LevelError, name, list[0], "err", err)
	case errors.Is(err, code.DatabaseIO):
		m.cfg.Log.Error("an error of the disk", "database", name, "msg", 823, "severity", 24, "state", 2, "err", err)
		m.renew(e, err)
	}
}

// renew closes a database that can write no more and opens it anew, behind the caller, once at a time.
func (m *Manager) renew(e *entry, reason error) {
	e.mu.Lock()
	if e.pool == nil || e.pool.DB.Failed() == nil || e.renewing {
		e.mu.Unlock()
		return
	}
	e.renewing = true
	e.mu.Unlock()
	m.mu.Lock()
	closed := m.closed
	if !closed {
		m.work.Add(1)
	}
	m.mu.Unlock()
	if closed {
		return
	}
	go func() {
		defer m.work.Done()
		name := m.name(e.id)
		m.log(slog.LevelError, name, msg.New(3422, name, 823, "Latchkey"))
		closed := m.restart(m.ctx, e, reason)
		e.mu.Lock()
		e.renewing = false
		e.mu.Unlock()
		if closed {
			m.Retry()
		}
	}()
}
