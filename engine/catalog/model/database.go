package model

import "time"

// States of a database, as sys.databases.state has them.
const (
	Online          = 0
	Restoring       = 1
	Recovering      = 2
	RecoveryPending = 3
	Suspect         = 4
	Emergency       = 5
	Offline         = 6
)

// Access to a database, as sys.databases.user_access has it.
const (
	MultiUser      = 0
	SingleUser     = 1
	RestrictedUser = 2
)

// Recovery models.
const (
	RecoveryFull       = 1
	RecoveryBulkLogged = 2
	RecoverySimple     = 3
)

// Database is a database.
type Database struct {
	ID            int
	Name          string
	GUID          [16]byte
	OwnerSID      []byte
	Created       time.Time
	Compatibility int
	Collation     string
	State         int `json:",omitempty"`
	UserAccess    int `json:",omitempty"`
	ReadOnly      bool
	Recovery      int
	PageVerify    int // 0 NONE, 1 TORN_PAGE_DETECTION, 2 CHECKSUM
	Containment   int `json:",omitempty"`
	// Encrypted is as SET ENCRYPTION left it.
	Encrypted bool `json:",omitempty"`
	// Options are the other switches of sys.databases by column name, present where they are on.
	Options map[string]bool `json:",omitempty"`
	// TargetRecovery is target_recovery_time_in_seconds.
	TargetRecovery int    `json:",omitempty"`
	Files          []File `json:",omitempty"`
	// Key is the database encryption key; nil without one.
	Key *EncryptionKey `json:",omitempty"`
	// Backup is nil before the first backup or restore.
	Backup *Backup `json:",omitempty"`
}

// Backup is how far a database's backups and its restore have come; LSNs of its kept log.
type Backup struct {
	FullLSN  uint64    `json:",omitempty"` // of the last full backup; 0 if the log does not continue one
	FullAt   time.Time `json:",omitzero"`
	LogLSN   uint64    `json:",omitempty"` // the log is backed up to here
	Restored uint64    `json:",omitempty"` // what a database that is being restored has
	// RestoredAt is the time of it: the end of the full backup, or the last commit that was rolled forward.
	RestoredAt time.Time `json:",omitzero"`
}

// IsSystem reports one of the four system databases.
func (d *Database) IsSystem() bool { return d.ID < FirstUser }

// File is a file of a database as its definition shows it.
type File struct {
	ID       int
	GUID     [16]byte
	Log      bool
	Name     string
	Physical string
	Pages    int // size in pages of 8 KB
	MaxPages int // -1 unlimited
	Growth   int
	Percent  bool
}

// EncryptionKey is what the catalogue knows of a database encryption key. The key itself, wrapped, is in the database's header.
type EncryptionKey struct {
	Algorithm   string // AES_256
	Encryptor   string // CERTIFICATE or ASYMMETRIC KEY
	Thumbprint  []byte
	Created     time.Time
	Regenerated time.Time
	Modified    time.Time
	Set         time.Time `json:",omitzero"`
	// Unlogged counts the regenerations since the last log backup: two are the most (message 33122).
	Unlogged int `json:",omitempty"`
}

// The fixed database principals.
const (
	DBPublic          = 0
	DBO               = 1
	Guest             = 2
	InformationSchema = 3
	Sys               = 4
	FirstUserID       = 5
	DBOwner           = 16384
	DBAccessAdmin     = 16385
	DBSecurityAdmin   = 16386
	DBDDLAdmin        = 16387
	DBBackupOperator  = 16389
	DBDataReader      = 16390
	DBDataWriter      = 16391
	DBDenyDataReader  = 16392
	DBDenyDataWriter  = 16393
)

// Kinds of database principals beyond those of logins.
const (
	DatabaseRole    = "R"
	ApplicationRole = "A"
)

// Principal is a user or role of a database.
type Principal struct {
	ID                int
	Name              string
	Kind              string // S, U, C, K, R
	SID               []byte `json:",omitempty"`
	DefaultSchema     string `json:",omitempty"`
	Owner             int    `json:",omitempty"`
	Fixed             bool   `json:",omitempty"`
	Created, Modified time.Time
}

// IsRole reports a role.
func (p *Principal) IsRole() bool { return p.Kind == DatabaseRole }

// Schema is a schema.
type Schema struct {
	ID    int
	Name  string
	Owner int
}

// How a private key is protected, as pvt_key_encryption_type.
const (
	NoPrivateKey       = "NA"
	ByMasterKey        = "MK"
	ByPassword         = "PW"
	ByServiceMasterKey = "SK"
	ByProvider         = "CP"
)

// AsymmetricKey is an asymmetric key, native or of a provider.
type AsymmetricKey struct {
	ID         int
	Name       string
	Owner      int
	Protection string
	Thumbprint []byte
	Algorithm  string // RSA_2048
	Bits       int
	SID        []byte
	Public     []byte // as sys.asymmetric_keys.public_key shows it
	// Private is the private key sealed under the master key or a password; nil for a key of a provider.
	Private []byte `json:",omitempty"`

	// Of a provider's key.
	ProviderGUID [16]byte `json:",omitzero"`
	AlgorithmID  uint32   `json:",omitempty"`
	KeyName      string   `json:",omitempty"` // PROVIDER_KEY_NAME
	URI          string   `json:",omitempty"`
}

// FromProvider reports a key that lives in a provider.
func (k *AsymmetricKey) FromProvider() bool { return k.Protection == ByProvider }

// The fixed symmetric keys.
const (
	DatabaseMasterKeyID   = 101
	ServiceMasterKeyID    = 102
	DatabaseMasterKeyName = "##MS_DatabaseMasterKey##"
	ServiceMasterKeyName  = "##MS_ServiceMasterKey##"
	FirstKeyID            = 256
)

// SymmetricKey is a symmetric key, native or of a provider, or the database master key. The key itself is in its KeyEncryptions.
type SymmetricKey struct {
	ID                int
	Name              string
	Owner             int
	Bits              int
	Algorithm         string // AES_256
	GUID              [16]byte
	Created, Modified time.Time

	Thumbprint   []byte   `json:",omitempty"` // of a provider's key
	ProviderGUID [16]byte `json:",omitzero"`
	AlgorithmID  uint32   `json:",omitempty"`
	KeyName      string   `json:",omitempty"`
	URI          string   `json:",omitempty"`
}

// FromProvider reports a key that lives in a provider.
func (k *SymmetricKey) FromProvider() bool { return len(k.Thumbprint) > 0 }

// Kinds of key encryptions, as sys.key_encryptions.crypt_type.
const (
	ByAsymmetricKey = "EPUA"
	ByCertificate   = "EPUC"
	BySymmetricKey  = "ESKS"
	ByPasswordAES   = "ESP3"
	ByServiceKey    = "ESKM"
)

// KeyEncryption is one encryption of a symmetric key.
type KeyEncryption struct {
	Key        int
	Kind       string
	Encryptor  int    `json:",omitempty"` // id of the certificate or key
	Thumbprint []byte `json:",omitempty"`
	Property   []byte // the key, encrypted
}

// Certificate is a certificate with or without its private key.
type Certificate struct {
	ID         int
	Name       string
	Owner      int
	Protection string
	DER        []byte
	Private    []byte    `json:",omitempty"`
	SID        []byte    `json:",omitempty"`
	BackedUp   time.Time `json:",omitzero"` // when the private key was last backed up
	Active     bool      // for BEGIN DIALOG
}

// FindPrincipal finds a user or role of a database by name.
func (s *State) FindPrincipal(db int, name string) *Principal {
	_, p := s.Principals.Find(db, func(p *Principal) bool { return SameName(p.Name, name) })
	return p
}

// FindSchema finds a schema of a database by name.
func (s *State) FindSchema(db int, name string) *Schema {
	_, x := s.Schemas.Find(db, func(x *Schema) bool { return SameName(x.Name, name) })
	return x
}

// FindAsymmetricKey finds an asymmetric key of a database by name.
func (s *State) FindAsymmetricKey(db int, name string) *AsymmetricKey {
	_, k := s.AsymmetricKeys.Find(db, func(k *AsymmetricKey) bool { return SameName(k.Name, name) })
	return k
}

// FindSymmetricKey finds a symmetric key of a database by name.
func (s *State) FindSymmetricKey(db int, name string) *SymmetricKey {
	_, k := s.SymmetricKeys.Find(db, func(k *SymmetricKey) bool { return SameName(k.Name, name) })
	return k
}

// FindCertificate finds a certificate of a database by name.
func (s *State) FindCertificate(db int, name string) *Certificate {
	_, c := s.Certificates.Find(db, func(c *Certificate) bool { return SameName(c.Name, name) })
	return c
}
