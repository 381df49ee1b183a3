package database

import (
	"context"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/seed"
)

// MaxDatabases bounds the ids of databases, as on a real server.
const MaxDatabases = 32767

// Create is CREATE DATABASE. Needs CREATE ANY DATABASE. After it, ID is the new database's.
type Create struct {
	Name      string
	Collation string // "" means the server's
	Files     []model.File
	// Act makes the files of the database with this id; nil makes none.
	Act func(ctx context.Context, id int) error
	ID  int
}

func (o *Create) check(tx *catalog.Tx) error {
	if !tx.Perm.Server("CREATE ANY DATABASE") && !tx.PermIn(model.Master).Database("CREATE DATABASE") {
		return msg.New(262, "CREATE DATABASE", "master")
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindDatabase(o.Name) != nil {
		return msg.New(1801, o.Name)
	}
	for i, f := range o.Files {
		for _, g := range o.Files[:i] {
			if model.SameName(f.Name, g.Name) {
				return msg.New(1828, f.Name)
			}
		}
		for _, d := range tx.State.Databases.All(0) {
			for _, g := range d.Files {
				if strings.EqualFold(f.Physical, g.Physical) {
					return msg.New(1834, f.Physical, d.Name)
				}
			}
		}
	}
	id := tx.State.Databases.Free(0, model.FirstUser)
	if id > MaxDatabases {
		return msg.New(1807, "model")
	}
	if o.ID == 0 {
		o.ID = id
	}
	return nil
}

// Prepare makes the files.
func (o *Create) Prepare(ctx context.Context, tx *catalog.Tx) error {
	o.ID = 0
	if err := o.check(tx); err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, o.ID)
}

// Apply carries the operation out.
func (o *Create) Apply(tx *catalog.Tx) error {
	if err := o.check(tx); err != nil {
		return err
	}
	if tx.State.Databases.Get(o.ID) != nil {
		return msg.New(1807, "model") // somebody else took the id meanwhile
	}
	owner := seed.SA()
	if l := tx.State.Logins.Get(tx.Caller.Login); l != nil {
		owner = l.SID
	}
	d := seed.New(o.ID, o.Name, owner, tx.Now)
	if m := tx.State.Databases.Get(model.ModelDB); m != nil {
		d.Recovery, d.Compatibility, d.Options, d.PageVerify = m.Recovery, m.Compatibility, m.Options, m.PageVerify
	}
	if o.Collation != "" {
		d.Collation = o.Collation
	}
	d.Files = o.Files
	tx.State.Databases.Put(0, o.ID, d)
	seed.Database(tx.State, o.ID, owner, tx.Now)
	return nil
}

// Drop is DROP DATABASE: messages 3701, 3702, 3708.
type Drop struct {
	Name string
	// Act closes the database and removes its files once the metadata is gone; its error is not the operation's.
	Act func(ctx context.Context, id int)

	id int
}

// Apply carries the operation out.
func (o *Drop) Apply(tx *catalog.Tx) error {
	d := tx.State.FindDatabase(o.Name)
	if d == nil || !tx.PermIn(d.ID).Database("CONTROL") && !tx.Perm.Server("ALTER ANY DATABASE") {
		return msg.New(3701, "drop", "database", o.Name)
	}
	if d.IsSystem() {
		return msg.New(3708, "drop", "database", d.Name, "database")
	}
	scan, protector := tx.Runtime().Scanning(d.ID)
	if tx.Caller.Database == d.ID || tx.Runtime().DatabaseSessions(d.ID, tx.Caller.Session) > 0 || scan || protector {
		return msg.New(3702, d.Name)
	}
	o.id = d.ID
	tx.State.DropDatabase(d.ID)
	tx.State.Databases.Delete(0, d.ID)
	return nil
}

// Follow removes the files.
func (o *Drop) Follow(ctx context.Context, _ *catalog.Tx) {
	if o.Act != nil && o.id != 0 {
		o.Act(ctx, o.id)
	}
}

// failed adds message 5069 behind the reason.
func failed(m *msg.Error) error { return msg.List{m, msg.New(5069)} }

// alter is the database of a name if the caller may alter it; messages 5011 and 5069 otherwise.
func alter(tx *catalog.Tx, name string) (*model.Database, error) {
	d := tx.State.FindDatabase(name)
	if d == nil || !tx.PermIn(d.ID).Database("ALTER") {
		return nil, failed(msg.New(5011, name))
	}
	return d, nil
}

// alone refuses a change that needs the database for itself: message 5030 or 5070.
func alone(tx *catalog.Tx, d *model.Database, number int) error {
	if tx.Runtime().DatabaseSessions(d.ID, tx.Caller.Session) == 0 {
		return nil
	}
	return failed(msg.New(number, d.Name))
}

// Rename is ALTER DATABASE ... MODIFY NAME.
type Rename struct{ Name, NewName string }

// Apply carries the operation out.
func (o *Rename) Apply(tx *catalog.Tx) error {
	d, err := alter(tx, o.Name)
	if err != nil {
		return err
	}
	if d.IsSystem() {
		return msg.New(3708, "rename", "database", d.Name, "database")
	}
	if err := catalog.CheckName(o.NewName); err != nil {
		return err
	}
	if other := tx.State.FindDatabase(o.NewName); other != nil && other.ID != d.ID {
		return msg.New(1801, o.NewName)
	}
	if err := alone(tx, d, 5030); err != nil {
		return err
	}
	tx.State.Databases.Edit(0, d.ID).Name = o.NewName
	return nil
}

// Option is one option of SET: a name in upper case and a value, such as RECOVERY and FULL; SINGLE_USER has none.
type Option struct {
	Name  string
	Value string
	Int   int // COMPATIBILITY_LEVEL, TARGET_RECOVERY_TIME in seconds
}

// switches maps options with ON and OFF to their columns in sys.databases.
var switches = map[string]string{
	"ANSI_NULL_DEFAULT": "is_ansi_null_default_on", "ANSI_NULLS": "is_ansi_nulls_on", "ANSI_PADDING": "is_ansi_padding_on",
	"ANSI_WARNINGS": "is_ansi_warnings_on", "ARITHABORT": "is_arithabort_on", "AUTO_CLOSE": "is_auto_close_on",
	"AUTO_CREATE_STATISTICS": "is_auto_create_stats_on", "AUTO_SHRINK": "is_auto_shrink_on",
	"AUTO_UPDATE_STATISTICS": "is_auto_update_stats_on", "AUTO_UPDATE_STATISTICS_ASYNC": "is_auto_update_stats_async_on",
	"CONCAT_NULL_YIELDS_NULL": "is_concat_null_yields_null_on", "CURSOR_CLOSE_ON_COMMIT": "is_cursor_close_on_commit_on",
	"DATE_CORRELATION_OPTIMIZATION": "is_date_correlation_on", "DB_CHAINING": "is_db_chaining_on",
	"NUMERIC_ROUNDABORT": "is_numeric_roundabort_on", "QUOTED_IDENTIFIER": "is_quoted_identifier_on",
	"READ_COMMITTED_SNAPSHOT": "is_read_committed_snapshot_on", "RECURSIVE_TRIGGERS": "is_recursive_triggers_on",
	"TRUSTWORTHY": "is_trustworthy_on", "HONOR_BROKER_PRIORITY": "is_honor_broker_priority_on",
}

// stateNames are the names of states, by number.
var stateNames = map[int]string{
	model.Online: "ONLINE", model.Restoring: "RESTORING", model.Recovering: "RECOVERING", model.RecoveryPending: "RECOVERY_PENDING",
	model.Suspect: "SUSPECT", model.Emergency: "EMERGENCY", model.Offline: "OFFLINE",
}

// StateName is state_desc of a state.
func StateName(state int) string { return stateNames[state] }

// Set is ALTER DATABASE ... SET options, but for ENCRYPTION. The executor has ended or waited for other sessions where the statement
// says so; those that are left are message 5070.
type Set struct {
	Name    string
	Options []Option
	// Act opens, closes or switches the database as the options ask; nil for none.
	Act func(ctx context.Context, d *model.Database) error
}

// Prepare checks, and acts.
func (o *Set) Prepare(ctx context.Context, tx *catalog.Tx) error {
	if err := o.Apply(tx); err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, tx.State.FindDatabase(o.Name))
}

// Apply carries the operation out.
func (o *Set) Apply(tx *catalog.Tx) error {
	d, err := alter(tx, o.Name)
	if err != nil {
		return err
	}
	d = tx.State.Databases.Edit(0, d.ID)
	for _, opt := range o.Options {
		if err := set(tx, d, opt); err != nil {
			return err
		}
	}
	return nil
}

// system lists what may not be set in which system databases.
func system(d *model.Database, o Option) bool {
	switch o.Name {
	case "SINGLE_USER", "RESTRICTED_USER", "ONLINE", "OFFLINE", "EMERGENCY", "READ_ONLY":
		return d.IsSystem() && !(d.ID == model.MSDB && o.Name != "OFFLINE" && o.Name != "READ_ONLY") && !(d.ID == model.ModelDB && strings.HasSuffix(o.Name, "_USER"))
	case "RECOVERY", "READ_COMMITTED_SNAPSHOT", "AUTO_CLOSE", "AUTO_SHRINK":
		return d.ID == model.TempDB || d.ID == model.Master && o.Name != "RECOVERY" && o.Name != "AUTO_SHRINK"
	}
	return false
}

func set(tx *catalog.Tx, d *model.Database, o Option) error {
	if system(d, o) {
		return failed(msg.New(5058, o.Name, d.Name))
	}
	scan, protector := tx.Runtime().Scanning(d.ID)
	busy := func() error {
		if scan || protector {
			return failed(msg.New(5061, d.Name))
		}
		return alone(tx, d, 5070)
	}
	if d.State == model.Offline && o.Name != "ONLINE" && o.Name != "OFFLINE" && o.Name != "EMERGENCY" {
		return failed(msg.New(5052, "ALTER DATABASE", StateName(d.State)))
	}
	switch o.Name {
	case "SINGLE_USER", "RESTRICTED_USER", "MULTI_USER":
		to := map[string]int{"SINGLE_USER": model.SingleUser, "RESTRICTED_USER": model.RestrictedUser, "MULTI_USER": model.MultiUser}[o.Name]
		if d.UserAccess == model.SingleUser && tx.Caller.Database != d.ID && tx.Runtime().DatabaseSessions(d.ID, tx.Caller.Session) > 0 {
			return failed(msg.New(5064, d.Name))
		}
		if to != model.MultiUser {
			if err := alone(tx, d, 5070); err != nil {
				return err
			}
		}
		d.UserAccess = to
	case "ONLINE":
		d.State = model.Online
	case "OFFLINE", "EMERGENCY":
		if err := busy(); err != nil {
			return err
		}
		d.State = map[string]int{"OFFLINE": model.Offline, "EMERGENCY": model.Emergency}[o.Name]
		if o.Name == "OFFLINE" && tx.Caller.Database == d.ID {
			tx.Note(msg.New(5068))
		}
	case "READ_ONLY", "READ_WRITE":
		if err := busy(); err != nil {
			return err
		}
		d.ReadOnly = o.Name == "READ_ONLY"
	case "RECOVERY":
		d.Recovery = map[string]int{"FULL": model.RecoveryFull, "BULK_LOGGED": model.RecoveryBulkLogged, "SIMPLE": model.RecoverySimple}[o.Value]
		if d.Recovery == 0 {
			return failed(msg.New(5058, o.Name, d.Name))
		}
		if d.Recovery == model.RecoverySimple && d.Backup != nil { // the log ends; another model begins one with the next full backup
			b := *d.Backup
			b.FullLSN, b.LogLSN = 0, 0
			d.Backup = &b
		}
	case "PAGE_VERIFY":
		v, ok := map[string]int{"NONE": 0, "TORN_PAGE_DETECTION": 1, "CHECKSUM": 2}[o.Value]
		if !ok {
			return failed(msg.New(5058, o.Name, d.Name))
		}
		d.PageVerify = v
	case "COMPATIBILITY_LEVEL":
		if o.Int < 100 || o.Int > seed.Compatibility || o.Int%10 != 0 {
			return failed(msg.New(15048))
		}
		d.Compatibility = o.Int
	case "TARGET_RECOVERY_TIME":
		d.TargetRecovery = o.Int
	default:
		column, ok := switches[o.Name]
		if !ok || o.Value != "ON" && o.Value != "OFF" {
			return failed(msg.New(5058, o.Name, d.Name))
		}
		options := make(map[string]bool, len(d.Options)+1)
		for k, v := range d.Options {
			options[k] = v
		}
		options[column] = o.Value == "ON"
		d.Options = options
	}
	return nil
}

// Observe records what the executor found when it opened, lost or backed up a database. It is the server's own: no permission is
// asked, and no statement reaches it.
type Observe struct {
	ID        int
	State     *int
	Encrypted *bool
	Key       *model.EncryptionKey
	NoKey     bool
	LogBackup bool // the log was backed up
}

// Apply carries the operation out.
func (o *Observe) Apply(tx *catalog.Tx) error {
	d := tx.State.Databases.Edit(0, o.ID)
	if d == nil {
		return msg.New(911, "")
	}
	if o.State != nil {
		d.State = *o.State
	}
	if o.Encrypted != nil {
		d.Encrypted = *o.Encrypted
	}
	switch {
	case o.NoKey:
		d.Key = nil
	case o.Key != nil:
		k := *o.Key
		d.Key = &k
	}
	if o.LogBackup && d.Key != nil {
		k := *d.Key
		k.Unlogged = 0
		d.Key = &k
	}
	return nil
}
