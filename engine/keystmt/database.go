package keystmt

import (
	"context"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
)

// Termination is what ALTER DATABASE ... SET does about other sessions in the database. The zero value waits for them to leave.
type Termination struct {
	NoWait   bool          // do not wait: message 5070
	Rollback bool          // end them
	After    time.Duration // after so long
}

// Databases are the databases of the server; package plug makes them of a *databases.Manager. Each method changes the catalogue and the files and gives what the
// client is to be told.
type Databases interface {
	Statements
	EncryptionKeys
	Scans
}

// Statements are those on databases.
type Statements interface {
	Create(ctx context.Context, caller catalog.Caller, o database.Create) (catalog.Result, error)
	Drop(ctx context.Context, caller catalog.Caller, name string) (catalog.Result, error)
	Rename(ctx context.Context, caller catalog.Caller, o database.Rename) (catalog.Result, error)
	Set(ctx context.Context, caller catalog.Caller, o database.Set, t Termination) (catalog.Result, error)
}

// EncryptionKeys are the statements on the encryption of a database.
type EncryptionKeys interface {
	CreateKey(ctx context.Context, caller catalog.Caller, o database.CreateKey) (catalog.Result, error)
	AlterKey(ctx context.Context, caller catalog.Caller, o database.AlterKey) (catalog.Result, error)
	DropKey(ctx context.Context, caller catalog.Caller, o database.DropKey) (catalog.Result, error)
	SetEncryption(ctx context.Context, caller catalog.Caller, o database.SetEncryption) (catalog.Result, error)
}

// Scans suspends and resumes a database's encryption scan.
type Scans interface {
	SuspendScan(ctx context.Context, caller catalog.Caller, name string) error
	ResumeScan(ctx context.Context, caller catalog.Caller, name string) error
}

// told passes on what a change of a database is to tell.
func (r *run) told(res catalog.Result, err error) error {
	r.tell(res.Notes)
	return err
}

func (r *run) databaseKey(s *ast.DatabaseKey) error {
	what := s.Mode + " DATABASE ENCRYPTION KEY"
	if err := r.outside(string(what)); err != nil {
		return err
	}
	if s.Algorithm == "TRIPLE_DES_3KEY" {
		return raise.Unsupported("TRIPLE_DES_3KEY")
	}
	c := r.Caller()
	if s.Mode == "CREATE" {
		return r.told(r.cfg.Databases.CreateKey(r.ctx, c, database.CreateKey{Algorithm: s.Algorithm, Kind: s.By.Kind, Name: s.By.Name}))
	}
	o := database.AlterKey{Algorithm: s.Algorithm}
	if s.By != nil {
		o.Kind, o.Name = s.By.Kind, s.By.Name
	}
	return r.told(r.cfg.Databases.AlterKey(r.ctx, c, o))
}

func (r *run) createDatabase(s *ast.CreateDatabase) error {
	if err := r.outside("CREATE DATABASE"); err != nil {
		return err
	}
	switch {
	case s.For != "":
		return raise.Unsupported("CREATE DATABASE FOR " + s.For)
	case s.SnapshotOf != "":
		return raise.Unsupported("CREATE DATABASE AS SNAPSHOT OF")
	case s.CopyOf != nil:
		return raise.Unsupported("CREATE DATABASE AS COPY OF")
	case s.Service != nil:
		return raise.Unsupported("CREATE DATABASE (EDITION)")
	case s.Containment == "PARTIAL":
		return raise.Unsupported("CONTAINMENT = PARTIAL")
	}
	files, err := r.files(s)
	if err != nil {
		return err
	}
	if s.Collation != "" {
		if _, err := collation.Parse(s.Collation); err != nil {
			return sqltype.NewError(448, s.Collation)
		}
	}
	var opts []database.Option
	for _, o := range s.Options {
		switch o.Name {
		case "DB_CHAINING", "TRUSTWORTHY":
			opts = append(opts, database.Option{Name: o.Name, Value: onOff(o)})
		default:
			return raise.Unsupported("CREATE DATABASE WITH " + o.Name)
		}
	}
	err = r.told(r.cfg.Databases.Create(r.ctx, r.Caller(), database.Create{Name: s.Name, Collation: s.Collation, Files: files}))
	if err != nil || opts == nil {
		return err
	}
	return r.told(r.cfg.Databases.Set(r.ctx, r.Caller(), database.Set{Name: s.Name, Options: opts}, Termination{}))
}

func onOff(o *ast.Option) string {
	if o.On() {
		return "ON"
	}
	return "OFF"
}

// files reads the clauses on files: one for data and one for the log, as there are no more.
func (r *run) files(s *ast.CreateDatabase) ([]model.File, error) {
	var out []model.File
	for _, g := range s.Groups {
		if g.Name != "PRIMARY" || g.Contains != "" {
			return nil, raise.Unsupported("FILEGROUP")
		}
		if len(g.Files) > 1 {
			return nil, raise.Unsupported("more than one data file")
		}
		for _, f := range g.Files {
			file, err := r.file(f, s.Name, false)
			if err != nil {
				return nil, err
			}
			out = append(out, file)
		}
	}
	if len(s.Log) > 1 {
		return nil, raise.Unsupported("more than one log file")
	}
	for _, f := range s.Log {
		file, err := r.file(f, s.Name+"_log", true)
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}

const pageBytes = 8192

func (r *run) file(f *ast.FileSpec, name string, log bool) (model.File, error) {
	out := model.File{Name: name, Log: log}
	for _, o := range f.Options {
		var err error
		switch o.Name {
		case "NAME":
			out.Name = nameOf(o)
		case "FILENAME":
			var v sqltype.Value
			v, err = r.Eval(r.ctx, o.Value)
			out.Physical = v.Text()
		case "SIZE":
			out.Pages, _, err = r.size(o)
		case "MAXSIZE":
			out.MaxPages, _, err = r.size(o)
		case "FILEGROWTH":
			out.Growth, out.Percent, err = r.size(o)
		default:
			err = raise.Unsupported(o.Name)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// size reads a size in KB, MB (the default), GB or TB as pages, or a part of a hundred.
func (r *run) size(o *ast.Option) (pages int, percent bool, err error) {
	if w, ok := o.Value.(*ast.Word); ok {
		if w.Text == "UNLIMITED" {
			return -1, false, nil
		}
		return 0, false, msg.New(102, w.Text)
	}
	v, err := r.Eval(r.ctx, o.Value)
	if err != nil {
		return 0, false, err
	}
	n, max := v.Int(), int64(1<<31-1)
	if o.Unit == "%" || o.Unit == "PERCENT" {
		return int(min(n, max)), true, nil
	}
	kb := map[string]int64{"KB": 1, "": 1 << 10, "MB": 1 << 10, "GB": 1 << 20, "TB": 1 << 30}[o.Unit]
	if kb == 0 || n < 0 || n > 1<<31 {
		return 0, false, msg.New(102, strconv.FormatInt(n, 10))
	}
	return int(min((n*kb*1024+pageBytes-1)/pageBytes, max)), false, nil
}

func (r *run) alterDatabase(s *ast.AlterDatabase) error {
	if err := r.outside("ALTER DATABASE"); err != nil {
		return err
	}
	name := s.Name
	if s.Current {
		if d := r.state().Databases.Get(r.Caller().Database); d != nil {
			name = d.Name
		}
	}
	switch a := s.Action.(type) {
	case *ast.SetDatabase:
		return r.setDatabase(name, a)
	case *ast.RenameDatabase:
		return r.told(r.cfg.Databases.Rename(r.ctx, r.Caller(), database.Rename{Name: name, NewName: a.Name}))
	case *ast.CollateDatabase:
		return raise.Unsupported("ALTER DATABASE COLLATE")
	case *ast.DatabaseFiles:
		return raise.Unsupported("ALTER DATABASE " + a.Verb)
	case *ast.DatabaseFileGroup:
		return raise.Unsupported("ALTER DATABASE " + a.Verb)
	case *ast.OtherDatabaseAction:
		return raise.Unsupported("ALTER DATABASE " + a.Verb)
	}
	return raise.Unsupported("ALTER DATABASE")
}

func (r *run) setDatabase(name string, s *ast.SetDatabase) error {
	c := r.Caller()
	if e := s.Encryption(); e != "" {
		if len(s.Options) > 1 {
			return raise.Unsupported("ENCRYPTION with other options in one statement")
		}
		switch e {
		case "SUSPEND":
			return r.cfg.Databases.SuspendScan(r.ctx, c, name)
		case "RESUME":
			return r.cfg.Databases.ResumeScan(r.ctx, c, name)
		}
		return r.told(r.cfg.Databases.SetEncryption(r.ctx, c, database.SetEncryption{Name: name, On: e == "ON"}))
	}
	op := database.Set{Name: name}
	own := false
	for _, o := range s.Options {
		own = own || o.Name == "OFFLINE"
		if settled(o) {
			continue
		}
		opt, err := r.option(o)
		if err != nil {
			return err
		}
		op.Options = append(op.Options, opt)
	}
	t, err := r.termination(s.Termination)
	if err != nil {
		return err
	}
	d := r.state().FindDatabase(name)
	if err := r.told(r.cfg.Databases.Set(r.ctx, c, op, t)); err != nil {
		return err
	}
	if own && d != nil && d.ID == c.Database {
		return r.Use(r.ctx, "master") // message 5068 has said so
	}
	return nil
}

// settled reports an option that asks for what is so anyway: scripts that tools write set every option there is.
func settled(o *ast.Option) bool {
	word := ""
	if w, ok := o.Value.(*ast.Word); ok {
		word = w.Text
	}
	switch o.Name {
	case "ALLOW_SNAPSHOT_ISOLATION", "QUERY_STORE", "ACCELERATED_DATABASE_RECOVERY", "MIXED_PAGE_ALLOCATION", "TEMPORAL_HISTORY_RETENTION",
		"MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT", "CHANGE_TRACKING", "REMOTE_DATA_ARCHIVE", "SUPPLEMENTAL_LOGGING", "LEDGER", "OPTIMIZED_LOCKING",
		"STALE_PAGE_DETECTION", "PERSISTENT_LOG_BUFFER":
		return word == "OFF"
	case "PARAMETERIZATION":
		return word == "SIMPLE"
	case "CURSOR_DEFAULT":
		return word == "GLOBAL"
	case "DELAYED_DURABILITY":
		return word == "DISABLED"
	case "CONTAINMENT":
		return word == "NONE"
	case "DISABLE_BROKER":
		return true
	case "FILESTREAM":
		if a := ast.FindOption(o.Args, "NON_TRANSACTED_ACCESS"); a != nil && len(o.Args) == 1 {
			w, ok := a.Value.(*ast.Word)
			return ok && w.Text == "OFF"
		}
	}
	return false
}

// option reads one option of SET.
func (r *run) option(o *ast.Option) (database.Option, error) {
	out := database.Option{Name: o.Name}
	switch v := o.Value.(type) {
	case nil:
	case *ast.Word:
		out.Value = v.Text
	case *ast.ColumnRef:
		out.Value = strings.ToUpper(v.Name.Name())
	default:
		x, err := r.Eval(r.ctx, v)
		if err != nil {
			return out, err
		}
		out.Int = int(max(min(x.Int(), 1<<30), -1))
	}
	if o.Unit == "MINUTES" || o.Unit == "MINUTE" {
		out.Int *= 60
	}
	return out, nil
}

func (r *run) termination(t *ast.Termination) (Termination, error) {
	if t == nil {
		return Termination{}, nil
	}
	switch t.Kind {
	case "NO_WAIT":
		return Termination{NoWait: true}, nil
	case "ROLLBACK IMMEDIATE":
		return Termination{Rollback: true}, nil
	}
	v, err := r.Eval(r.ctx, t.After)
	if err != nil {
		return Termination{}, err
	}
	seconds := max(0, min(v.Int(), 1<<31-1))
	return Termination{Rollback: true, After: time.Duration(seconds) * time.Second}, nil
}
