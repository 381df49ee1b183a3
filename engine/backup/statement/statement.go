package statement

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"latchkey/engine/backup/history"
	"latchkey/engine/backup/media"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// Config says what a Statements is made of. All but Clock and FS are required.
type Config struct {
	FS        fsys.FS
	Clock     clock.Clock
	Databases *databases.Manager
	Folder    string // of backups whose name has no directory
	Home      string // the server's own folder: nothing is backed up into it but into Folder; "" for none
	Server    string // @@SERVERNAME
	Version   string // of this program
	// History is told what was done; nil keeps none.
	History History
	Log     *slog.Logger // nil for none
}

// History keeps what was backed up and restored; a *history.Log is one.
type History interface {
	Backup(ctx context.Context, path string, first, s media.Set) error
	Restore(ctx context.Context, path string, first, s media.Set, r history.Restored) error
}

// Statements carries out statements. It is safe for concurrent use.
type Statements struct {
	cfg   Config
	mu    sync.Mutex
	turns map[int]chan struct{} // one backup of a database at a time
}

// New makes a Statements.
func New(cfg Config) *Statements {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	return &Statements{cfg: cfg, turns: make(map[int]chan struct{})}
}

// turn waits until no other backup of the database is under way.
func (s *Statements) turn(ctx context.Context, id int) (done func(), err error) {
	s.mu.Lock()
	c := s.turns[id]
	if c == nil {
		c = make(chan struct{}, 1)
		s.turns[id] = c
	}
	s.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Statement takes BACKUP and RESTORE.
func (s *Statements) Statement(ctx context.Context, c *handler.Context, st ast.Statement) (bool, error) {
	r := &run{Statements: s, Context: c, ctx: ctx}
	switch t := st.(type) {
	case *ast.Backup:
		verb := "BACKUP DATABASE"
		if t.Log {
			verb = "BACKUP LOG"
		}
		return true, r.ended(verb, r.backup(t))
	case *ast.Restore:
		return true, r.ended("RESTORE "+t.Kind, r.restore(t))
	}
	return false, nil
}

func refuse(what string) error { return raise.Unsupported(what) }

// run is one statement under way.
type run struct {
	*Statements
	*handler.Context
	ctx context.Context
}

// ended adds message 3013 to what went wrong, but for a statement that was refused by name.
func (r *run) ended(verb string, err error) error {
	if err == nil || r.ctx.Err() != nil {
		return err
	}
	if e, ok := errors.AsType[*raise.Error](err); ok {
		return e
	}
	var list msg.List
	var one *msg.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = msg.List{one}
	case errors.Is(err, media.ErrDamaged):
		list = msg.List{msg.New(3189).Because(err)}
	default:
		return err
	}
	return append(list[:len(list):len(list)], msg.New(3013, verb))
}

// option is one that was given, and takes it out of what is left.
type options struct {
	list []*ast.Option
	used map[*ast.Option]bool
}

func (o *options) find(name string) *ast.Option {
	for _, x := range o.list {
		if x.Name == name {
			o.used[x] = true
			return x
		}
	}
	return nil
}

func (o *options) has(name string) bool { return o.find(name) != nil }

// ignore takes options that have no effect here.
func (o *options) ignore(names ...string) {
	for _, n := range names {
		o.find(n)
	}
}

// rest refuses what nobody has asked for.
func (o *options) rest(statement string) error {
	for _, x := range o.list {
		if !o.used[x] {
			return refuse(statement + " WITH " + x.Name)
		}
	}
	return nil
}

func newOptions(list []*ast.Option) *options {
	return &options{list, make(map[*ast.Option]bool, len(list))}
}

// text is the value of an option; "" without it.
func (r *run) text(o *ast.Option) (string, error) {
	if o == nil || o.Value == nil {
		return "", nil
	}
	if w, ok := o.Value.(*ast.Word); ok {
		return w.Text, nil
	}
	v, _, err := r.Eval(r.ctx, o.Value)
	return v.Text(), err
}

// name is the value of an option that is a name.
func (r *run) name(o *ast.Option) (string, error) {
	if c, ok := o.Value.(*ast.ColumnRef); ok && len(c.Name.Parts) == 1 {
		return c.Name.Parts[0], nil
	}
	return r.text(o)
}

// device is the one file of a statement.
func (r *run) device(statement string, list []ast.Device) (string, error) {
	if len(list) != 1 {
		return "", refuse(statement + " with several devices")
	}
	d := list[0]
	if d.Kind != "DISK" {
		kind := d.Kind
		if kind == "" {
			kind = "logical device"
		}
		return "", refuse(statement + " with " + kind)
	}
	name, err := r.Text(r.ctx, &d.Name)
	if err != nil {
		return "", err
	}
	return r.path(name)
}

// path is where a backup file lies: a name without a directory in the folder of backups, and so a path of Windows where this is none.
func (r *run) path(name string) (string, error) {
	if name == "" || len(name) > 4096 || strings.ContainsRune(name, 0) {
		return "", msg.New(3201, name, "123(The filename, directory name, or volume label syntax is incorrect.)")
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name), nil
	}
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if name == "" || name == "." || name == ".." {
		return "", msg.New(3201, name, "123(The filename, directory name, or volume label syntax is incorrect.)")
	}
	if err := r.cfg.FS.MkdirAll(r.cfg.Folder, 0o700); err != nil {
		return "", msg.New(3201, r.cfg.Folder, reason(err)).Because(err)
	}
	return filepath.Join(r.cfg.Folder, name), nil
}

// reason is an error of a file in the form that people know: "2(The system cannot find the file specified.)".
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "2(The system cannot find the file specified.)"
	case errors.Is(err, fs.ErrPermission):
		return "5(Access is denied.)"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Sprintf("112(%v)", err)
}

// list is the sets of a file: messages 3201 and 3241.
func (r *run) list(path string) ([]media.Set, error) {
	sets, err := media.List(r.ctx, r.cfg.FS, path)
	var p *fs.PathError
	switch {
	case err == nil:
		return sets, nil
	case errors.Is(err, media.ErrDamaged), errors.Is(err, media.ErrNoMedia):
		return nil, msg.New(3241, path).Because(err)
	case errors.As(err, &p):
		return nil, msg.New(3201, path, reason(err)).Because(err)
	}
	return nil, err
}

// stats tells how far it is: every n percent.
func (r *run) stats(n int64) func(done, of int64) {
	told := int64(0)
	return func(done, of int64) {
		if n <= 0 || of <= 0 {
			return
		}
		percent := min(100, done*100/of)
		for told+n <= percent {
			told += n
			r.Info(msg.New(3211, told))
			r.Flush()
		}
	}
}

// every is STATS: 10 without a number, 0 without the option.
func (r *run) every(o *options) (int64, error) {
	s := o.find("STATS")
	if s == nil {
		return 0, nil
	}
	if s.Value == nil {
		return 10, nil
	}
	v, _, err := r.Eval(r.ctx, s.Value)
	return max(1, v.Int()), err
}

// may asks for a permission in a database: message 262.
func (r *run) may(db *model.Database, permission string) error {
	caller := r.Caller()
	caller.Database = db.ID
	if !caller.Eval(r.Catalog().State()).Database(permission) {
		return msg.New(262, permission, db.Name)
	}
	return nil
}

// remember tells the history of what is done and cannot be undone: message 3009 if it cannot be told.
func (r *run) remember(path string, tell func(ctx context.Context, first media.Set) error) {
	if r.cfg.History == nil {
		return
	}
	ctx := context.WithoutCancel(r.ctx)
	sets, err := media.List(ctx, r.cfg.FS, path)
	if err == nil && len(sets) > 0 {
		err = tell(ctx, sets[0])
	}
	if err != nil {
		r.cfg.Log.Error("the history of backups in msdb was not told of a backup or restore, which is done", "file", path, "err", err)
		r.Info(msg.New(3009))
	}
}

// user is the caller's login.
func (r *run) user() string {
	if l := r.Catalog().State().Logins.Get(r.Caller().Login); l != nil {
		return l.Name
	}
	return ""
}

// done is message 3014 with the pages, the time and the rate.
func (r *run) done(verb string, bytes int64, took time.Duration) {
	pages := (bytes + 8191) / 8192
	ms := max(1, took.Milliseconds())
	rate := bytes * 1000 / ms * 1000 >> 20 // thousandths of MB a second
	r.Info(msg.New(3014, verb, pages, ms/1000, ms%1000, rate/1000, rate%1000))
}
