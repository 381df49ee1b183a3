package statement

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"latchkey/engine/backup"
	"latchkey/engine/backup/history"
	"latchkey/engine/backup/media"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases"
	"latchkey/engine/tde"
	"latchkey/engine/tsql/ast"
)

func (r *run) restore(s *ast.Restore) error {
	if r.InTransaction() {
		return msg.New(3021)
	}
	verb := "RESTORE " + s.Kind
	if len(s.Files) > 0 {
		return refuse(verb + " of files and pages")
	}
	o := newOptions(s.Options)
	o.ignore("NOREWIND", "NOUNLOAD", "BLOCKSIZE", "BUFFERCOUNT", "MAXTRANSFERSIZE", "STOP_ON_ERROR", "RESTART", "REWIND", "UNLOAD", "NO_CHECKSUM", "CHECKSUM", "KEEP_REPLICATION")
	every, err := r.every(o)
	if err != nil {
		return err
	}
	switch s.Kind {
	case "DATABASE", "LOG":
		return r.restoreInto(s, o, verb, every)
	case "HEADERONLY", "FILELISTONLY", "LABELONLY", "VERIFYONLY":
	default:
		return refuse(verb)
	}
	if err := r.mayRead(); err != nil { // before the file is looked at: whether it is there is nobody else's
		return err
	}
	path, err := r.device(verb, s.From)
	if err != nil {
		return err
	}
	sets, set, err := r.choose(path, o)
	if err != nil {
		return err
	}
	o.ignore("MOVE", "LOADHISTORY")
	if err := o.rest(verb); err != nil {
		return err
	}
	switch s.Kind {
	case "HEADERONLY":
		if o.has("FILE") {
			sets = []media.Set{set}
		}
		return r.headers(sets)
	case "FILELISTONLY":
		return r.files(set)
	case "LABELONLY":
		return r.label(set)
	}
	if err := backup.Verify(r.ctx, r.cfg.FS, path, set, r.stats(every)); err != nil {
		return r.failed(path, err)
	}
	r.Info(msg.New(3262, set.Position))
	return nil
}

// mayRead asks whether the caller may look into backups: CREATE DATABASE, as documented.
func (r *run) mayRead() error {
	e := r.Caller().Eval(r.Catalog().State())
	if !e.Server("CREATE ANY DATABASE") {
		return msg.New(262, "CREATE DATABASE", "master")
	}
	return nil
}

// mayRestore asks whether the caller may restore over a database or make one, before the file is looked at: messages 262 and 3110.
func (r *run) mayRestore(name string) error {
	st, caller := r.Catalog().State(), r.Caller()
	db := st.FindDatabase(name)
	if db == nil {
		return r.mayRead()
	}
	e := caller.Eval(st)
	if caller.Database = db.ID; !e.Server("CREATE ANY DATABASE") && !caller.Eval(st).Database("CONTROL") {
		return msg.New(3110, name)
	}
	return nil
}

// choose is the sets of a file, and the one that FILE = n names, the first without it.
func (r *run) choose(path string, o *options) ([]media.Set, media.Set, error) {
	sets, err := r.list(path)
	if err != nil {
		return nil, media.Set{}, err
	}
	n := int64(1)
	if f := o.find("FILE"); f != nil {
		v, _, err := r.Eval(r.ctx, f.Value)
		if err != nil {
			return nil, media.Set{}, err
		}
		n = v.Int()
	}
	if n < 1 || n > int64(len(sets)) {
		return nil, media.Set{}, msg.New(4038, n, path)
	}
	return sets, sets[n-1], nil
}

// into is what a RESTORE of a database or a log is to do.
type into struct {
	name       string
	path       string
	set        media.Set
	noRecovery bool
	replace    bool
	stopAt     time.Time
	files      []model.File
	every      int64
}

func (r *run) restoreInto(s *ast.Restore, o *options, verb string, every int64) error {
	name, err := r.Text(r.ctx, &s.Database)
	if err != nil {
		return err
	}
	if len(s.From) == 0 { // RESTORE DATABASE x WITH RECOVERY
		o.ignore("RECOVERY")
		if err := o.rest(verb); err != nil {
			return err
		}
		return r.recover(name)
	}
	if err := r.mayRestore(name); err != nil {
		return err
	}
	path, err := r.device(verb, s.From)
	if err != nil {
		return err
	}
	_, set, err := r.choose(path, o)
	if err != nil {
		return err
	}
	p := into{name: name, path: path, set: set, replace: o.has("REPLACE"), noRecovery: o.has("NORECOVERY"), every: every}
	o.ignore("RECOVERY")
	if at := o.find("STOPAT"); at != nil {
		if p.stopAt, err = r.time(at); err != nil {
			return err
		}
	}
	if p.files, err = r.move(set, o); err != nil {
		return err
	}
	if err := o.rest(verb); err != nil {
		return err
	}
	if err := r.needs(set); err != nil {
		return err
	}
	began := r.cfg.Clock.Now()
	if s.Kind == "LOG" {
		err = r.restoreLog(p)
	} else {
		err = r.restoreFull(p)
	}
	if err != nil {
		return r.failed(path, err)
	}
	r.remember(path, func(ctx context.Context, first media.Set) error {
		done := history.Restored{Database: name, User: r.user(), At: r.cfg.Clock.Now(), Replace: p.replace, Recovery: !p.noRecovery, StopAt: p.stopAt}
		if db := r.Catalog().State().FindDatabase(name); db != nil && s.Kind != "LOG" {
			for _, f := range db.Files {
				done.Files = append(done.Files, f.Physical)
			}
		}
		return r.cfg.History.Restore(ctx, path, first, set, done)
	})
	if len(p.files) > 0 {
		r.Info(msg.New(4035, (set.Raw+8191)/8192, name, p.files[0].Name, set.Position))
	}
	r.done(verb, set.Raw, r.cfg.Clock.Now().Sub(began))
	return nil
}

// move is the files of the set with the places that MOVE gives; message 3234.
func (r *run) move(set media.Set, o *options) ([]model.File, error) {
	var files []model.File
	for _, f := range set.Files {
		files = append(files, model.File{Name: f.Logical, Log: f.Type == "L"})
	}
	for _, x := range o.list {
		if x.Name != "MOVE" {
			continue
		}
		o.used[x] = true
		logical, err := r.text(x)
		if err != nil {
			return nil, err
		}
		to, err := r.text(x.Args[0])
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(to) && filepath.Dir(filepath.Clean(to)) != filepath.Clean(r.cfg.Databases.Folder()) {
			return nil, msg.New(3156, logical, to)
		}
		found := false
		for i := range files {
			if model.SameName(files[i].Name, logical) {
				files[i].Physical, found = to, true
			}
		}
		if !found {
			return nil, msg.New(3234, logical, set.Database)
		}
	}
	return files, nil
}

// needs looks whether the keys that the set names are here, before anything is done: message 33111 names the thumbprint.
func (r *run) needs(set media.Set) error {
	keys := set.Needs()
	if set.Encryption != nil {
		keys = append(keys, set.Encryption.Protector)
	}
	st := r.Catalog().State()
	for _, k := range keys {
		t, err := hex.DecodeString(k.Thumbprint)
		if err != nil {
			return msg.New(3241, set.Name).Because(err)
		}
		if _, err := database.ProtectorOf(st, k.Kind, t); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) restoreFull(p into) error {
	if p.set.Type != media.Database {
		return msg.New(3118, p.name)
	}
	if !p.stopAt.IsZero() && p.stopAt.Before(p.set.Started) {
		return msg.New(4338)
	}
	guid, err := hex.DecodeString(p.set.DatabaseID)
	if err != nil || len(guid) != 16 {
		return msg.New(3241, p.path).Because(err)
	}
	recovery := map[string]int{"FULL": model.RecoveryFull, "BULK_LOGGED": model.RecoveryBulkLogged, "SIMPLE": model.RecoverySimple}[p.set.Recovery]
	o := database.Restore{
		Name: p.name, Replace: p.replace, Files: p.files, LSN: p.set.LastLSN, At: p.set.Started,
		From: database.Original{GUID: [16]byte(guid), Created: p.set.Created, Collation: p.set.Collation, Compatibility: p.set.Compatibility, Recovery: recovery},
	}
	_, err = r.cfg.Databases.Restore(r.ctx, r.Caller(), o, databases.Restored{NoRecovery: p.noRecovery, Make: func(ctx context.Context, cfg tde.Config) error {
		return backup.Restore(ctx, r.cfg.FS, p.path, p.set, engineKeys{r.cfg.Databases.Keys()}, cfg, r.stats(p.every))
	}})
	return err
}

// restoring is a database that is being restored, which the caller may restore: messages 3118, 3110, 3117.
func (r *run) restoring(name string) (*model.Database, error) {
	st := r.Catalog().State()
	db := st.FindDatabase(name)
	if db == nil {
		return nil, msg.New(3118, name)
	}
	caller := r.Caller()
	e := caller.Eval(st)
	caller.Database = db.ID
	switch {
	case !e.Server("CREATE ANY DATABASE") && !caller.Eval(st).Database("CONTROL"):
		return nil, msg.New(3110, name)
	case db.State != model.Restoring:
		return nil, msg.New(3117)
	}
	return db, nil
}

func (r *run) restoreLog(p into) error {
	db, err := r.restoring(p.name)
	if err != nil {
		return err
	}
	if p.set.Type != media.Log {
		return msg.New(3117)
	}
	if hex.EncodeToString(db.GUID[:]) != p.set.DatabaseID {
		return msg.New(3154, p.name)
	}
	has := uint64(0)
	if db.Backup != nil {
		has = db.Backup.Restored
	}
	switch {
	case p.set.FirstLSN > has+1:
		return msg.New(4305, fmt.Sprint(p.set.FirstLSN), fmt.Sprint(has+1))
	case p.set.LastLSN < has:
		return msg.New(4326, fmt.Sprint(p.set.LastLSN), fmt.Sprint(has))
	}
	if !p.stopAt.IsZero() && db.Backup != nil && p.stopAt.Before(db.Backup.RestoredAt) {
		return msg.New(4335)
	}
	return r.cfg.Databases.Roll(r.ctx, db.ID, func(cfg tde.Config) (databases.Rolled, error) {
		failed := func(err error) (databases.Rolled, error) { return databases.Rolled{}, err }
		stream, err := backup.Open(r.ctx, r.cfg.FS, p.path, p.set, engineKeys{r.cfg.Databases.Keys()})
		if err != nil {
			return failed(err)
		}
		defer stream.Close()
		// Every byte is looked at before the first page is written: a damaged set must not leave half of itself.
		if err := backup.Verify(r.ctx, r.cfg.FS, p.path, p.set, r.stats(p.every)); err != nil {
			return failed(err)
		}
		at, err := tde.Roll(r.ctx, cfg, r.cfg.Databases.Keys(), stream, tde.RollOptions{From: has, StopAt: p.stopAt})
		if errors.Is(err, tde.ErrLogGap) {
			return failed(msg.New(4305, fmt.Sprint(p.set.FirstLSN), fmt.Sprint(has+1)).Because(err))
		}
		done := databases.Rolled{LSN: at.LSN, At: at.At, Recover: !p.noRecovery}
		if err != nil {
			return done, err
		}
		if !p.stopAt.IsZero() && !at.Stopped && p.set.Finished.Before(p.stopAt) { // what was committed until then may be in the next log
			done.Recover = false
			r.Info(msg.New(4322))
		}
		r.clear(p, cfg)
		return done, nil
	})
}

// clear warns of a log that was sealed and of a database that is not: what a restore of a full backup from before the encryption ends with.
func (r *run) clear(p into, cfg tde.Config) {
	file, _, err := tde.FileProtectors(r.cfg.FS, cfg.Path)
	if err != nil || len(file) > 0 || len(p.set.Needs()) == 0 {
		return
	}
	r.cfg.Log.Warn("a log that was encrypted was restored into a database that is not", "database", p.name)
	r.Info(&msg.Error{
		Number: 50000, Severity: 10, State: 1,
		Text: fmt.Sprintf("Warning: the log was encrypted, and database '%s' is not: its full backup is from before. What was restored lies in clear. Encrypt it again with CREATE DATABASE ENCRYPTION KEY and ALTER DATABASE ... SET ENCRYPTION ON.", p.name),
	})
}

// recover opens a database that was left restoring.
func (r *run) recover(name string) error {
	db, err := r.restoring(name)
	if err != nil {
		return err
	}
	return r.cfg.Databases.Roll(r.ctx, db.ID, func(tde.Config) (databases.Rolled, error) { return databases.Rolled{Recover: true}, nil })
}
