package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"latchkey/engine/backup/history"
	"latchkey/engine/backup/statement"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/authn"
	"latchkey/engine/exec"
	"latchkey/engine/exec/handler"
	"latchkey/engine/keystmt"
	"latchkey/engine/keystmt/keyfile"
	"latchkey/engine/keystmt/keyview"
	"latchkey/engine/keystmt/plug"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/server"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/login"
	"latchkey/engine/tsql/ast"
)

// objects finds tables for permissions on them.
type objects struct{ s *exec.Server }

// FindObject finds an object of the caller's database by name.
func (o *objects) FindObject(ctx context.Context, caller catalog.Caller, name ast.ObjectName) (keystmt.Object, bool, error) {
	id, owner, schema, ok, err := o.s.FindObject(ctx, caller, name)
	return keystmt.Object{ID: id, Owner: owner, Schema: schema}, ok, err
}

// FindSchema finds a schema of the caller's database by name.
func (o *objects) FindSchema(ctx context.Context, caller catalog.Caller, name string) (keystmt.Object, bool, error) {
	id, owner, ok, err := o.s.FindSchema(ctx, caller, name)
	return keystmt.Object{ID: id, Owner: owner}, ok, err
}

// opener makes what runs statements, and gives what opens its sessions.
func (e *Engine) opener(ctx context.Context, gate *authn.Gate) (func(context.Context, server.Login) (*conn.Accepted, error), error) {
	c := &e.cfg
	found := &objects{} // the server is made behind the dialect that asks it
	access := provider.Access{Catalog: e.catalog, Set: e.providers}
	dialect := keystmt.New(keystmt.Config{
		Catalog: e.catalog, Databases: plug.Databases{Manager: e.databases}, Providers: e.providers, Locks: gate, Objects: found,
		Files: keyfile.Dir{FS: c.FS, Path: filepath.Join(c.Dir, fileDir)}, Clock: c.Clock, Retry: e.Retry, Log: e.log,
	})
	past := &history.Log{Run: func(ctx context.Context, batch string) error {
		defer e.recorded.Add(1)
		return found.s.Run(ctx, "msdb", batch)
	}}
	sessions := exec.New(exec.Config{
		Catalog: e.catalog, Databases: e.databases, Sessions: e.sessions,
		Handlers: []handler.Handler{plug.Handler(dialect), statement.New(statement.Config{
			FS: e.cfg.FS, Clock: e.cfg.Clock, Databases: e.databases, Folder: filepath.Join(e.cfg.Dir, backupDir), Home: e.cfg.Dir, Server: e.cfg.Name, Version: "Latchkey",
			History: past, Log: e.log,
		})},
		Procedures: append(plug.Procedures(dialect), e.procedures()...), Keys: plug.Keys(e.catalog, access), Properties: e.property,
		Views: append(plug.Views(&keyview.Views{Catalog: e.catalog, Server: e.runtime, Access: access}), append(e.monitorViews(), e.references(), e.logInfo())...),
		Clock: c.Clock, Log: e.log, ServerName: c.Name,
	})
	found.s = sessions
	e.own = sessions
	if err := past.Prepare(ctx); err != nil {
		e.log.Error("backups will not be in the history of msdb", "err", err) // a damaged msdb must not keep users from their databases
	}
	return func(ctx context.Context, l server.Login) (*conn.Accepted, error) {
		s, err := sessions.Open(ctx, exec.Login{
			Session: l.Session, Database: l.Database, ODBC: l.Request.Option2&login.Option2ODBC != 0, Language: l.Language,
		})
		if err != nil {
			return nil, err
		}
		a := &conn.Accepted{Session: s, Database: s.Database(), Language: l.Language}
		if d := e.catalog.State().FindDatabase(s.Database()); d != nil {
			if col, err := collation.Parse(d.Collation); err == nil {
				a.Collation = col.Wire()
			}
		}
		return a, nil
	}, nil
}

// property answers SERVERPROPERTY for what only the composer knows.
func (e *Engine) property(name string) (string, bool) {
	switch name {
	case "ErrorLogFileName":
		return e.errors.Path(), true
	case "InstanceDefaultDataPath", "InstanceDefaultLogPath":
		return filepath.Join(e.cfg.Dir, dataDir) + string(filepath.Separator), true
	case "InstanceDefaultBackupPath":
		return filepath.Join(e.cfg.Dir, backupDir), true
	case "ProcessID":
		return fmt.Sprint(e.cfg.PID), true
	}
	return "", false
}
