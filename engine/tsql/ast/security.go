package ast

// Provider is CREATE or ALTER CRYPTOGRAPHIC PROVIDER. ALTER has a file, a state or both.
type Provider struct {
	Head
	Mode  Mode
	Name  string
	File  *Text
	State string // ENABLE, DISABLE or ""; SET ENABLED = ON|OFF is the same
}

// Credential is CREATE or ALTER [DATABASE SCOPED] CREDENTIAL.
type Credential struct {
	Head
	Mode           Mode
	DatabaseScoped bool
	Name           string
	Identity       string
	Secret         *Secret
	Provider       string // FOR CRYPTOGRAPHIC PROVIDER
}

// Password is a password with its flags.
type Password struct {
	Secret     *Secret
	Hashed     bool
	MustChange bool
	Unlock     bool
	Old        *Secret // OLD_PASSWORD
}

// CreateLogin is CREATE LOGIN: WITH PASSWORD, or From WINDOWS, EXTERNAL PROVIDER, CERTIFICATE or ASYMMETRIC KEY.
type CreateLogin struct {
	Head
	Name     string
	Password *Password
	From     string
	FromName string    // of the certificate or key
	Options  []*Option // SID, DEFAULT_DATABASE, DEFAULT_LANGUAGE, CHECK_EXPIRATION, CHECK_POLICY, CREDENTIAL
}

// AlterLogin is ALTER LOGIN. Exactly one of State, AddCredential, DropCredential or the rest is set.
type AlterLogin struct {
	Head
	Name           string
	State          string // ENABLE, DISABLE
	AddCredential  string
	DropCredential string
	Password       *Password
	Options        []*Option // NAME, DEFAULT_DATABASE, CHECK_POLICY, CREDENTIAL, NO CREDENTIAL, ...
}

// User is CREATE or ALTER USER. For is LOGIN, CERTIFICATE, ASYMMETRIC KEY, EXTERNAL PROVIDER, WITHOUT LOGIN or "".
type User struct {
	Head
	Mode     Mode
	Name     string
	For      string
	ForName  string
	Password *Password
	Options  []*Option // DEFAULT_SCHEMA, NAME, LOGIN, DEFAULT_LANGUAGE, SID, ...
}

// Role is CREATE or ALTER ROLE, SERVER ROLE or APPLICATION ROLE; Kind holds those words.
type Role struct {
	Head
	Mode       Mode
	Kind       string
	Name       string
	Owner      string
	AddMember  string
	DropMember string
	Rename     string
	Password   *Secret   // of an application role
	Options    []*Option // of an application role: DEFAULT_SCHEMA, NAME
}

// AsymmetricKey is CREATE ASYMMETRIC KEY.
type AsymmetricKey struct {
	Head
	Name      string
	Owner     string
	Provider  string
	Source    string // FILE, EXECUTABLE FILE, ASSEMBLY or "": where not from a provider
	SourceArg string
	Algorithm string // RSA_2048 ...
	KeyName   *Text  // PROVIDER_KEY_NAME
	Creation  string // CREATION_DISPOSITION: CREATE_NEW, OPEN_EXISTING or ""
	Password  *Secret
}

// AlterAsymmetricKey is ALTER ASYMMETRIC KEY.
type AlterAsymmetricKey struct {
	Head
	Name               string
	RemovePrivateKey   bool
	Decrypt, Encrypt   *Secret
	AttestedBy         *Text
	RemoveAttestedFlag bool
}

// Encryptor is what a key is encrypted or decrypted by. Kind is CERTIFICATE, ASYMMETRIC KEY, SYMMETRIC KEY or
// PASSWORD.
type Encryptor struct {
	Kind     string
	Name     string
	Password *Secret // of PASSWORD, or WITH PASSWORD
}

// SymmetricKey is CREATE SYMMETRIC KEY.
type SymmetricKey struct {
	Head
	Name          string
	Owner         string
	Provider      string
	Algorithm     string
	KeySource     *Secret
	IdentityValue *Secret
	KeyName       *Text
	Creation      string
	Encryptors    []*Encryptor
}

// AlterSymmetricKey is ALTER SYMMETRIC KEY k ADD|DROP ENCRYPTION BY.
type AlterSymmetricKey struct {
	Head
	Name       string
	Drop       bool
	Encryptors []*Encryptor
}

// OpenKey is OPEN SYMMETRIC KEY, or OPEN MASTER KEY with Master set.
type OpenKey struct {
	Head
	Master bool
	Name   string
	By     *Encryptor
}

// CloseKey is CLOSE SYMMETRIC KEY, CLOSE ALL SYMMETRIC KEYS or CLOSE MASTER KEY.
type CloseKey struct {
	Head
	Master bool
	All    bool
	Name   string
}

// MasterKey is a statement on the database's or the service's master key. Action is CREATE, REGENERATE, FORCE REGENERATE,
// ADD ENCRYPTION, DROP ENCRYPTION, BACKUP, RESTORE, or for the service's key WITH OLD ACCOUNT and WITH NEW ACCOUNT.
type MasterKey struct {
	Head
	Service     bool
	Action      string
	File        *Text
	ByService   bool // ENCRYPTION BY SERVICE MASTER KEY
	Encrypt     *Secret
	Decrypt     *Secret
	Force       bool // RESTORE ... FORCE
	Account     string
	AccountPass *Secret
}

// PrivateKey is WITH PRIVATE KEY (...) of a certificate.
type PrivateKey struct {
	File             *Text
	Binary           string // 0x...
	Encrypt, Decrypt *Secret
	Algorithm        *Text
}

// CreateCertificate is CREATE CERTIFICATE. Source is FILE, EXECUTABLE FILE, ASSEMBLY, BINARY or "" for a new one.
type CreateCertificate struct {
	Head
	Name       string
	Owner      string
	Source     string
	SourceArg  string
	PrivateKey *PrivateKey
	Password   *Secret // ENCRYPTION BY PASSWORD
	Subject    string
	StartDate  string
	ExpiryDate string
	Format     string    // FORMAT = 'PFX'
	Options    []*Option // ACTIVE FOR BEGIN_DIALOG
}

// AlterCertificate is ALTER CERTIFICATE.
type AlterCertificate struct {
	Head
	Name             string
	RemovePrivateKey bool
	PrivateKey       *PrivateKey
	AttestedBy       *Text
	Options          []*Option
}

// BackupCertificate is BACKUP CERTIFICATE.
type BackupCertificate struct {
	Head
	Name       string
	File       *Text
	Format     string
	PrivateKey *PrivateKey
}

// BackupSymmetricKey is BACKUP or RESTORE SYMMETRIC KEY. It is recognised, not supported.
type BackupSymmetricKey struct {
	Head
	Restore          bool
	Name             string
	File             *Text
	URL              bool
	Encrypt, Decrypt *Secret
}

// DatabaseKey is CREATE or ALTER DATABASE ENCRYPTION KEY.
type DatabaseKey struct {
	Head
	Mode       Mode
	Regenerate bool
	Algorithm  string
	By         *Encryptor // nil, or a server CERTIFICATE or ASYMMETRIC KEY
}

// Permission is GRANT, DENY or REVOKE; Verb is that word.
type Permission struct {
	Head
	Verb           string
	GrantOptionFor bool
	Permissions    []PermissionItem // empty with All
	All            bool
	Class          string // OBJECT, LOGIN, ASYMMETRIC KEY ...; "" without ::
	Securable      *ObjectName
	Columns        []string
	Principals     []string
	GrantOption    bool
	Cascade        bool
	As             string
}

// PermissionItem is one permission, in upper case, with the columns it is limited to.
type PermissionItem struct {
	Name    string
	Columns []string
}

// ExecuteAs is EXECUTE AS as a statement. Kind is LOGIN, USER or CALLER.
type ExecuteAs struct {
	Head
	Kind     string
	Name     Expr
	NoRevert bool
	Cookie   string // @variable of WITH COOKIE INTO
}

// Revert is REVERT [WITH COOKIE = @v].
type Revert struct {
	Head
	Cookie string
}

// AlterAuthorization is ALTER AUTHORIZATION ON [class::]name TO owner.
type AlterAuthorization struct {
	Head
	Class string
	Name  ObjectName
	Owner string // "" with SchemaOwner
}
