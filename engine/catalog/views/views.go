package views

import (
	"errors"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/sqltype"
)

// ErrNoView means that there is no such view here.
var ErrNoView = errors.New("no such view")

// Runtime tells what only the running server knows. Slices may be nil.
type Runtime interface {
	// Encryption is the state of a database's encryption; false if the database has no key or is not open.
	Encryption(db int) (Encryption, bool)
	// DatabaseState is the state that a database is in, as model has them; false if only the catalogue knows.
	DatabaseState(db int) (int, bool)
	// ProviderSessions are the open sessions with providers.
	ProviderSessions() []ProviderSession
	// OpenKeys are the symmetric keys that the caller's session has open.
	OpenKeys() []OpenKey
}

// Encryption is what sys.dm_database_encryption_keys shows; numbers are the view's.
type Encryption struct {
	State    int // 0 to 6
	Scan     int // 0 to 4
	Percent  float32
	Opened   time.Time
	Set      time.Time
	ScanTime time.Time
	Bits     int // of the key; 0 takes them from the catalogue
}

// ProviderSession is an open session with a provider.
type ProviderSession struct {
	Provider int
	Handle   []byte
	Identity string
	Session  int // spid
}

// OpenKey is a symmetric key that a session has open.
type OpenKey struct {
	Database int
	Key      int
	Opened   time.Time
}

// Env is what a view is shown with.
type Env struct {
	State   *model.State
	Caller  catalog.Caller
	Runtime Runtime // nil means a server without sessions
	// Arg is the argument of a table-valued function: a provider's id, or 0 or 1 of sys.dm_cryptographic_provider_sessions.
	Arg int
	// Now is the time; the age of nothing is decided by it.
	Now time.Time
}

// ctx is an Env with the caller's permissions.
type ctx struct {
	Env
	perm *perm.Eval
}

// Rows is the rows of a view, sorted by id, as the caller may see them: a *msg.Error or msg.List if it may not see the view at all,
// ErrNoView for a name that is none.
func Rows(view string, env Env) ([][]sqltype.Value, error) {
	make, ok := makers[view]
	if !ok {
		return nil, ErrNoView
	}
	if env.Runtime == nil {
		env.Runtime = idle{}
	}
	rows, err := make(&ctx{env, env.Caller.Eval(env.State)})
	if err != nil {
		return nil, err
	}
	return table(view, rows)
}

// makers are the views.
var makers = map[string]func(*ctx) ([]row, error){
	"sys.cryptographic_providers":              (*ctx).providers,
	"sys.dm_cryptographic_provider_properties": (*ctx).providerProperties,
	"sys.dm_cryptographic_provider_sessions":   (*ctx).providerSessions,
	"sys.dm_cryptographic_provider_algorithms": (*ctx).providerAlgorithms,
	"sys.dm_cryptographic_provider_keys":       (*ctx).providerKeys,
	"sys.asymmetric_keys":                      (*ctx).asymmetricKeys,
	"sys.symmetric_keys":                       (*ctx).symmetricKeys,
	"sys.key_encryptions":                      (*ctx).keyEncryptions,
	"sys.openkeys":                             (*ctx).openKeys,
	"sys.certificates":                         (*ctx).certificates,
	"sys.credentials":                          (*ctx).credentials,
	"sys.server_principal_credentials":         (*ctx).principalCredentials,
	"sys.server_principals":                    (*ctx).serverPrincipals,
	"sys.sql_logins":                           (*ctx).sqlLogins,
	"sys.server_permissions":                   (*ctx).serverPermissions,
	"sys.server_role_members":                  (*ctx).serverRoleMembers,
	"sys.database_permissions":                 (*ctx).databasePermissions,
	"sys.database_principals":                  (*ctx).databasePrincipals,
	"sys.database_role_members":                (*ctx).databaseRoleMembers,
	"sys.schemas":                              (*ctx).schemas,
	"sys.configurations":                       (*ctx).configurations,
	"sys.messages":                             (*ctx).messages,
	"sys.databases":                            (*ctx).databases,
	"sys.dm_database_encryption_keys":          (*ctx).encryptionKeys,
	"sys.database_files":                       (*ctx).databaseFiles,
	"sys.master_files":                         (*ctx).masterFiles,
}

// need refuses a DMV as a real server does: messages 300 and 297.
func (c *ctx) need(permission string) error {
	if c.perm.Server(permission) {
		return nil
	}
	return msg.List{msg.New(300, permission, "server", "master"), msg.New(297)}
}

type idle struct{}

func (idle) Encryption(int) (Encryption, bool)   { return Encryption{}, false }
func (idle) DatabaseState(int) (int, bool)       { return 0, false }
func (idle) ProviderSessions() []ProviderSession { return nil }
func (idle) OpenKeys() []OpenKey                 { return nil }
