package keystmt

import (
	"context"
	"log/slog"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/keystmt/ring"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// Session is what a statement sees of the session that runs it.
type Session interface {
	Actor
	Client
	Values
}

// Actor is who the session acts as.
type Actor interface {
	// Caller is who runs the statement, in which database.
	Caller() catalog.Caller
	// Ring is the keys that the session has open.
	Ring() *ring.Ring
	// Impersonate makes the session act as another until Revert; with noRevert only a cookie ends it.
	Impersonate(id Identity, noRevert bool, cookie string)
	// Revert ends the last Impersonate. false: there is none, or the cookie is wrong.
	Revert(cookie string) bool
}

// Identity is who a session acts as: a login, or a user of a database.
type Identity struct {
	Login    int // 0 for a user
	User     int // 0 for a login
	Database int // of the user
	Name     string
}

// Client is where a statement's messages go.
type Client interface {
	// Info tells a message that informs.
	Info(m *msg.Error)
	// Message tells a message that informs and has a place of its own.
	Message(e *raise.Error)
	// Print tells a text, as PRINT does.
	Print(text string)
}

// Values are expressions and variables.
type Values interface {
	// Eval computes a constant, a variable or another expression without rows.
	Eval(ctx context.Context, x ast.Expr) (sqltype.Value, error)
	// SetVariable sets a declared variable.
	SetVariable(name string, v sqltype.Value, t sqltype.Type) error
	// InTransaction reports whether the user has a transaction open.
	InTransaction() bool
	// Use changes the session's database.
	Use(ctx context.Context, database string) error
}

// Providers is what a Dialect asks of package provider's Set.
type Providers interface {
	// Builtin finds the provider that a path is a name for.
	Builtin(path string) (p ekm.Provider, name string, ok bool)
	// Forget ends shared sessions under a credential that was changed; now is the credential as it is, or nil.
	Forget(ctx context.Context, credential int, now *ekm.Credential)
}

// Locks forgets the failed logins of a login: ALTER LOGIN ... UNLOCK. Package authn's Gate does.
type Locks interface{ Unlock(login int) }

// Objects finds tables and the like for permissions on them.
type Objects interface {
	// FindObject finds an object by its name in the caller's database; false if there is none.
	FindObject(ctx context.Context, caller catalog.Caller, name ast.ObjectName) (o Object, ok bool, err error)
}

// Schemas is an Objects that knows of schemas beside those of the catalogue.
type Schemas interface {
	// FindSchema finds a schema of the caller's database.
	FindSchema(ctx context.Context, caller catalog.Caller, name string) (s Object, ok bool, err error)
}

// Object is a table, view, procedure or schema.
type Object struct{ ID, Owner, Schema int }

// Files are those of certificates and their keys.
type Files interface {
	Read(name string) ([]byte, error)
	// Write makes a file, which must not be there.
	Write(name string, content []byte) error
	Remove(name string)
}

// Config says what a Dialect is made of.
type Config struct {
	Catalog   *catalog.Catalog
	Databases Databases
	Providers Providers   // nil: there are none
	Locks     Locks       // nil: nobody is locked out
	Objects   Objects     // nil: permissions on objects are refused by name
	Files     Files       // nil: files are refused by name
	Clock     clock.Clock // nil means the machine's
	// Retry is called after a statement that may let a database open whose key could not be had. It must not block. May be nil.
	Retry func()
	Log   *slog.Logger // nil means none
}

// Dialect carries out the dialect's statements. It is safe for concurrent use; a Session is for one statement at a time.
type Dialect struct{ cfg Config }

// New makes a Dialect.
func New(cfg Config) *Dialect {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Retry == nil {
		cfg.Retry = func() {}
	}
	return &Dialect{cfg}
}

// run is one statement under way.
type run struct {
	*Dialect
	Session
	ctx context.Context
}

// Run carries out a statement. handled is false for one that is not of the dialect. Errors are *msg.Error, msg.List, *raise.Error,
// *sqltype.Error, or a context's; others are internal.
func (d *Dialect) Run(ctx context.Context, s Session, stmt ast.Statement) (handled bool, err error) {
	r := &run{d, s, ctx}
	switch t := stmt.(type) {
	case *ast.Provider:
		err = r.provider(t)
	case *ast.Credential:
		err = r.credential(t)
	case *ast.CreateLogin:
		err = r.createLogin(t)
	case *ast.AlterLogin:
		err = r.alterLogin(t)
	case *ast.User:
		err = r.user(t)
	case *ast.Role:
		err = r.role(t)
	case *ast.AsymmetricKey:
		err = r.asymmetricKey(t)
	case *ast.AlterAsymmetricKey:
		err = r.alterAsymmetricKey(t)
	case *ast.SymmetricKey:
		err = r.symmetricKey(t)
	case *ast.AlterSymmetricKey:
		err = r.alterSymmetricKey(t)
	case *ast.OpenKey:
		err = r.openKey(t)
	case *ast.CloseKey:
		err = r.closeKey(t)
	case *ast.MasterKey:
		err = r.masterKey(t)
	case *ast.CreateCertificate:
		err = r.createCertificate(t)
	case *ast.AlterCertificate:
		err = r.alterCertificate(t)
	case *ast.BackupCertificate:
		err = r.backupCertificate(t)
	case *ast.BackupSymmetricKey:
		err = raise.Unsupported("BACKUP SYMMETRIC KEY")
	case *ast.DatabaseKey:
		err = r.databaseKey(t)
	case *ast.Permission:
		err = r.permission(t)
	case *ast.ExecuteAs:
		err = r.executeAs(t)
	case *ast.Revert:
		err = r.revert(t)
	case *ast.AlterAuthorization:
		err = r.authorization(t)
	case *ast.Reconfigure:
		err = r.reconfigure(t)
	case *ast.CreateDatabase:
		err = r.createDatabase(t)
	case *ast.AlterDatabase:
		err = r.alterDatabase(t)
	case *ast.ScopedConfig:
		err = raise.Unsupported("ALTER DATABASE SCOPED CONFIGURATION")
	case *ast.Drop:
		return r.drop(t)
	default:
		return false, nil
	}
	return true, err
}

// do carries out operations for the caller and passes on what they note: to the log what belongs there, the rest to the client.
func (r *run) do(ops ...catalog.Operation) (*model.State, error) {
	res, err := r.cfg.Catalog.Do(r.ctx, r.Caller(), ops...)
	r.tell(res.Notes)
	return res.State, err
}

func (r *run) tell(notes []*msg.Error) {
	for _, n := range notes {
		if n.Log {
			r.cfg.Log.Info(n.Text, "number", n.Number)
			continue
		}
		r.Info(n)
	}
}

func (r *run) state() *model.State { return r.cfg.Catalog.State() }

// outside is message 226 inside a transaction.
func (r *run) outside(statement string) error {
	if r.InTransaction() {
		return raise.New(226, statement)
	}
	return nil
}

// copyOf is a copy of a secret of the tree, nil for nil: operations destroy what they get.
func copyOf(s *ast.Secret) *secret.Bytes {
	if s == nil {
		return nil
	}
	return s.Value.Clone()
}

// text is a constant outside of expressions, or a variable in its place.
func (r *run) text(t *ast.Text) (string, error) {
	if t == nil {
		return "", nil
	}
	if !t.Variable {
		return t.Value, nil
	}
	v, err := r.Eval(r.ctx, &ast.Variable{Name: t.Value})
	return v.Text(), err
}

// nameOf is the value of an option that is a name, word or constant.
func nameOf(o *ast.Option) string {
	switch v := o.Value.(type) {
	case *ast.ColumnRef:
		return v.Name.Name()
	case *ast.Literal:
		return v.Text
	case *ast.Word:
		return v.Text
	}
	return ""
}
