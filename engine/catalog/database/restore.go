package database

import (
	"context"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/seed"
)

// Restore is RESTORE DATABASE: a new database, or another content for one that is there. A new one needs CREATE ANY DATABASE, one that is there CONTROL of it (message
// 3110). Messages 3101 and 3102 if it is in use, 3108 for a system database.
type Restore struct {
	Name    string
	Replace bool // WITH REPLACE: also a database that the backup is not of (3154 otherwise)
	Files   []model.File
	From    Original
	State   int // Online or Restoring
	LSN     uint64
	At      time.Time // what the backup holds is of this time
	// Act makes the files of the database with this id.
	Act func(ctx context.Context, id int) error
	ID  int
}

// Original is the database that a backup is of.
type Original struct {
	GUID          [16]byte
	Created       time.Time
	Collation     string
	Compatibility int
	Recovery      int
}

func (o *Restore) check(tx *catalog.Tx) (there *model.Database, err error) {
	there = tx.State.FindDatabase(o.Name)
	if there == nil {
		if !tx.Perm.Server("CREATE ANY DATABASE") && !tx.PermIn(model.Master).Database("CREATE DATABASE") {
			return nil, msg.New(262, "CREATE DATABASE", "master")
		}
		return nil, catalog.CheckName(o.Name)
	}
	switch {
	case there.IsSystem():
		return nil, msg.New(3108)
	case !tx.Perm.Server("CREATE ANY DATABASE") && !tx.PermIn(there.ID).Database("CONTROL"):
		return nil, msg.New(3110, o.Name)
	case tx.Caller.Database == there.ID:
		return nil, msg.New(3102, "RESTORE", o.Name)
	case tx.Runtime().DatabaseSessions(there.ID, tx.Caller.Session) > 0:
		return nil, msg.New(3101)
	case !o.Replace && there.GUID != o.From.GUID:
		return nil, msg.New(3154, o.Name)
	}
	if scan, protector := tx.Runtime().Scanning(there.ID); scan || protector {
		return nil, msg.New(3101)
	}
	return there, nil
}

// Prepare makes the files.
func (o *Restore) Prepare(ctx context.Context, tx *catalog.Tx) error {
	there, err := o.check(tx)
	if err != nil {
		return err
	}
	o.ID = tx.State.Databases.Free(0, model.FirstUser)
	if there != nil {
		o.ID = there.ID
	}
	if o.ID > MaxDatabases {
		return msg.New(1807, "model")
	}
	return o.Act(ctx, o.ID)
}

// Apply carries the operation out.
func (o *Restore) Apply(tx *catalog.Tx) error {
	there, err := o.check(tx)
	if err != nil {
		return err
	}
	if d := tx.State.Databases.Get(o.ID); d != there {
		return msg.New(1807, "model") // somebody else took the id, or the database, meanwhile
	}
	owner := seed.SA()
	if l := tx.State.Logins.Get(tx.Caller.Login); l != nil {
		owner = l.SID
	}
	var d *model.Database
	if there == nil {
		d = seed.New(o.ID, o.Name, owner, tx.Now)
		tx.State.Databases.Put(0, o.ID, d)
		seed.Database(tx.State, o.ID, owner, tx.Now)
	} else {
		d = tx.State.Databases.Edit(0, o.ID)
	}
	d.GUID, d.Created, d.Collation, d.Compatibility, d.Recovery = o.From.GUID, o.From.Created, o.From.Collation, o.From.Compatibility, o.From.Recovery
	d.Files, d.State, d.ReadOnly, d.Key, d.Encrypted = o.Files, o.State, false, nil, false
	d.Backup = &model.Backup{Restored: o.LSN, RestoredAt: o.At}
	return nil
}

// Progress records what a backup or a log that was rolled forward has changed. It is the engine's own: who may is asked elsewhere.
type Progress struct {
	ID     int
	State  *int
	Change func(*model.Backup)
	// Logged says that the log was backed up: the key's regenerations are in it.
	Logged bool
}

// Apply carries the operation out.
func (o *Progress) Apply(tx *catalog.Tx) error {
	d := tx.State.Databases.Edit(0, o.ID)
	if d == nil {
		return msg.New(911, "")
	}
	if o.State != nil {
		d.State = *o.State
	}
	if o.Logged && d.Key != nil {
		k := *d.Key
		k.Unlogged = 0
		d.Key = &k
	}
	b := model.Backup{}
	if d.Backup != nil {
		b = *d.Backup
	}
	o.Change(&b)
	d.Backup = &b
	return nil
}
