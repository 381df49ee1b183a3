package def

import (
	"context"
	"time"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Env is what functions may ask of the session whose statement runs. A part that is nil is not there: functions that need it
// fail with message 40517. The zero Env will do for what depends on its arguments alone.
type Env struct {
	// Now is the time of the statement, the same for all its rows.
	Now time.Time
	// Zone is the server's; nil means UTC.
	Zone     *time.Location
	Settings Settings

	Session   Session
	Databases Databases
	Names     Names
	Objects   Objects
	Security  Security
	Keys      Keys
	Sequences Sequences
	Functions Functions

	// Eliminated is set when an aggregate of the statement has skipped a NULL, for message 8153.
	Eliminated bool
}

// Settings are those of SET that change results.
type Settings struct {
	DateFirst  int    // first day of the week, 1 for Monday; 0 means 7
	Language   string // "" means us_english
	DateFormat convert.DateFormat
	// Collation of the database, for text that has none: the result of system functions.
	TextSize int // @@TEXTSIZE; 0 means -1, unlimited
	Options  int // @@OPTIONS
	// NoArithAbort makes overflow (8115), division by zero (8134) and out-of-range mathematics (3623) NULL: ARITHABORT and ANSI_WARNINGS OFF.
	NoArithAbort bool
}

// Session tells what belongs to the session or its server, by name in upper case: variables (@@ROWCOUNT, @@ERROR, @@IDENTITY,
// @@TRANCOUNT, @@SPID, @@FETCH_STATUS, @@NESTLEVEL, @@PROCID, @@LOCK_TIMEOUT, @@DBTS, @@CURSOR_ROWS, @@SERVERNAME, @@SERVICENAME,
// @@VERSION, @@LANGUAGE ...) and functions without arguments (SCOPE_IDENTITY, XACT_STATE, ERROR_NUMBER, ERROR_MESSAGE,
// ERROR_SEVERITY, ERROR_STATE, ERROR_LINE, ERROR_PROCEDURE, APP_NAME, HOST_NAME, HOST_ID, CONTEXT_INFO, ROWCOUNT_BIG). The value is
// converted to the declared type of that name.
type Session interface {
	Value(ctx context.Context, name string) (sqltype.Value, error)
	// Property answers SERVERPROPERTY, CONNECTIONPROPERTY, SESSIONPROPERTY and SESSION_CONTEXT (function in upper case) as the base
	// value of a sql_variant; NULL for a name that is not known.
	Property(ctx context.Context, function, name string) (sqltype.Value, error)
}

// Databases tells of databases that the caller may see.
type Databases interface {
	// Database finds a database by name, or by id if name is ""; id 0 is the current one. False: there is none.
	Database(ctx context.Context, name string, id int) (Database, bool, error)
	// Property answers DATABASEPROPERTYEX and DATABASEPROPERTY (the property as written) as the base value of a sql_variant.
	Property(ctx context.Context, database, property string) (sqltype.Value, error)
}

// Database is a database by name and id.
type Database struct {
	ID   int
	Name string
	// Accessible is HAS_DBACCESS.
	Accessible bool
}

// Names tells of logins and users.
type Names interface {
	// Principal finds who is asked for. False: there is none, or the caller may not see it.
	Principal(ctx context.Context, q Who) (Principal, bool, error)
}

// Who is a question for a principal: Current or Original, else a Name, else a SID, else an ID.
type Who struct {
	Server            bool // a login, otherwise a user of the current database
	Current, Original bool // Original: as which the session was opened (ORIGINAL_LOGIN)
	Name              string
	SID               string // its bytes
	ID                int
}

// Principal is a login or a user.
type Principal struct {
	ID   int
	Name string
	SID  string // its bytes
}

// Objects tells of what is in databases, as far as the caller may see it. Names are matched as the database's collation does.
type Objects interface {
	// Object finds an object by name, or by id if Name is "".
	Object(ctx context.Context, q ObjectQuery) (Object, bool, error)
	// Column finds a column of an object by name, or by number (from 1) if name is "".
	Column(ctx context.Context, object Object, name string, number int) (Column, bool, error)
	// Scope finds a schema or a user-defined type of the current database by name, or by id if name is ""; the schema with id 0 is the
	// caller's default.
	Scope(ctx context.Context, kind ScopeKind, name string, id int) (Scope, bool, error)
	// Property answers OBJECTPROPERTY, OBJECTPROPERTYEX, COLUMNPROPERTY, INDEXPROPERTY, TYPEPROPERTY, IDENT_CURRENT, IDENT_SEED, IDENT_INCR,
	// INDEX_COL and OBJECT_DEFINITION: function in upper case, and its arguments as they are. Result types are those of the functions.
	Property(ctx context.Context, function string, args []sqltype.Value) (sqltype.Value, error)
}

// ObjectQuery asks for an object: by up to three parts of a name, or by id. Database "" is the current one.
type ObjectQuery struct {
	Database, Schema, Name string
	DatabaseID             int // 0: as Database says
	ID                     int
	Type                   string // of sys.objects in upper case, or ""
}

// Object is a row of sys.objects.
type Object struct {
	DatabaseID   int
	ID, SchemaID int
	Name, Schema string
	Type         string // as in sys.objects, without blanks
}

// Column is a row of sys.columns.
type Column struct {
	ID   int
	Name string
	Type sqltype.Type
}

// ScopeKind is what Objects.Scope looks for.
type ScopeKind uint8

// The kinds of Scope.
const (
	SchemaScope ScopeKind = iota
	TypeScope
)

// Scope is a schema or type by name and id.
type Scope struct {
	ID   int
	Name string
}

// Security answers questions about permissions. Results are 1, 0 or NULL (-1: nobody of that name).
type Security interface {
	// HasPermission is HAS_PERMS_BY_NAME: Securable "" stands for the server or the current database, Class "" for the securable of the
	// caller.
	HasPermission(ctx context.Context, q PermissionQuery) (sqltype.Value, error)
	// IsMember is IS_SRVROLEMEMBER (server), IS_ROLEMEMBER and IS_MEMBER: principal "" is the caller.
	IsMember(ctx context.Context, server bool, role, principal string) (sqltype.Value, error)
}

// PermissionQuery holds the arguments of HAS_PERMS_BY_NAME; NULL pointers are NULLs.
type PermissionQuery struct {
	Securable, Class, Permission *string
	Sub, SubClass                *string
}

// Keys does the cryptographic functions, which need open keys, providers and the catalogue: name in upper case (KEY_GUID, KEY_ID,
// KEY_NAME, ENCRYPTBYKEY, DECRYPTBYKEY, ASYMKEY_ID, ENCRYPTBYASYMKEY, DECRYPTBYASYMKEY, DECRYPTBYKEYAUTOASYMKEY, DECRYPTBYKEYAUTOCERT,
// CERT_ID, ENCRYPTBYCERT, DECRYPTBYCERT, SIGNBYASYMKEY, SIGNBYCERT, VERIFYSIGNEDBYASYMKEY, VERIFYSIGNEDBYCERT, ASYMKEYPROPERTY,
// SYMKEYPROPERTY, CERTPROPERTY, CERTENCODED, CERTPRIVATEKEY, ENCRYPTBYPASSPHRASE, DECRYPTBYPASSPHRASE, PWDCOMPARE, PWDENCRYPT), with the
// arguments in number as written, NULL included: names and passwords are nvarchar, and what is encrypted, signed or used as
// authenticator is varbinary, with text as the bytes that DATALENGTH counts. The result is of the function's type. A *Refusal says that there is no such function.
type Keys interface {
	Call(ctx context.Context, name string, args []sqltype.Value) (sqltype.Value, error)
}

// Functions runs functions written in T-SQL.
type Functions interface {
	// Call runs a scalar function of a database with values of its parameters' types and gives one of its result's type. It keeps no argument.
	// It may run SQL on the connection that calls it.
	Call(ctx context.Context, database, id int, args []sqltype.Value) (sqltype.Value, error)
}

// Sequences gives values of sequences: NEXT VALUE FOR.
type Sequences interface {
	// Next gives the next value of a sequence, or again the one that its row has. The error is message 11728 at its end.
	Next(ctx context.Context, t Taken) (int64, error)
}

// Taken is a call of NEXT VALUE FOR.
type Taken struct {
	Database, Sequence int
	Version            int64 // of its definition
	// Row is a list of the statement whose values are always computed together, 0 for a call of its own. Nth says which of the calls in it this
	// is, below 64: one that comes again begins the next row.
	Row, Nth int
}
