package model

import (
	"encoding/binary"
	"strings"
	"time"
)

// The fixed server principals. Roles of 2022 (##MS_...##) are 11 and up and do not exist here.
const (
	SA            = 1
	PublicRole    = 2
	SysAdmin      = 3
	SecurityAdmin = 4
	ServerAdmin   = 5
	SetupAdmin    = 6
	ProcessAdmin  = 7
	DiskAdmin     = 8
	DBCreator     = 9
	BulkAdmin     = 10
	FirstLogin    = 256
)

// Kinds of server principals, as sys.server_principals.type has them.
const (
	SQLLogin         = "S"
	WindowsLogin     = "U"
	ServerRole       = "R"
	CertificateLogin = "C"
	KeyLogin         = "K"
)

// Login is a login or a server role.
type Login struct {
	ID                int
	Name              string
	SID               []byte
	Kind              string
	Disabled          bool `json:",omitempty"`
	Created, Modified time.Time
	DefaultDatabase   string `json:",omitempty"`
	DefaultLanguage   string `json:",omitempty"`
	// Credential is the one of WITH CREDENTIAL; Credentials those of ADD CREDENTIAL, at most one for each provider.
	Credential  int   `json:",omitempty"`
	Credentials []int `json:",omitempty"`
	Owner       int   `json:",omitempty"` // of a role
	Fixed       bool  `json:",omitempty"`

	// Of SQL logins.
	Hash              []byte    `json:",omitempty"` // see package password
	HashSet           time.Time `json:",omitzero"`
	PolicyChecked     bool      `json:",omitempty"`
	ExpirationChecked bool      `json:",omitempty"`
	MustChange        bool      `json:",omitempty"`
}

// IsRole reports a server role.
func (l *Login) IsRole() bool { return l.Kind == ServerRole }

// Credential is a server credential. Secret is sealed under the service master key; nil if there is none.
type Credential struct {
	ID                int
	Name              string
	Identity          string
	Secret            []byte `json:",omitempty"`
	Provider          int    `json:",omitempty"`
	Created, Modified time.Time
}

// Provider is a cryptographic provider.
type Provider struct {
	ID      int
	Name    string
	GUID    [16]byte // in RFC 4122 byte order
	Version string   // aa.bb.cccc.dd
	API     string   // of the interface
	Path    string   // as given in FROM FILE
	Enabled bool

	Friendly   string
	Auth       int32 // ekm.Auth
	Symmetric  uint32
	Asymmetric uint32
	Algorithms []Algorithm
	// NamesAccepted: keys are made under a name of the caller's choice.
	NamesAccepted bool
}

// Algorithm is a kind of key that a provider serves.
type Algorithm struct {
	ID         uint32
	Tag        string
	Bits       int
	Asymmetric bool
}

// Config is the state of a server option, by configuration id.
type Config struct {
	ID    int
	Value int // as set by sp_configure
	InUse int // since the last RECONFIGURE
}

// Member says that a principal is a member of a role, on the server (database 0) or in a database.
type Member struct {
	Role   int
	Member int
}

// Permission is one row of sys.server_permissions or sys.database_permissions.
type Permission struct {
	Class   int
	Major   int `json:",omitempty"`
	Minor   int `json:",omitempty"`
	Grantee int
	Grantor int
	Name    string
	State   string // G, W (with grant option), D or R (REVOKE GRANT OPTION left a column-level row)
}

// SameName reports whether two names are one to the server: case and trailing blanks do not count.
func SameName(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, " "), strings.TrimRight(b, " "))
}

// FindLogin finds a login or server role by name.
func (s *State) FindLogin(name string) *Login {
	_, l := s.Logins.Find(0, func(l *Login) bool { return SameName(l.Name, name) })
	return l
}

// LoginBySID finds a login by its sid.
func (s *State) LoginBySID(sid []byte) *Login {
	_, l := s.Logins.Find(0, func(l *Login) bool { return string(l.SID) == string(sid) })
	return l
}

// FindCredential finds a credential by name.
func (s *State) FindCredential(name string) *Credential {
	_, c := s.Credentials.Find(0, func(c *Credential) bool { return SameName(c.Name, name) })
	return c
}

// FindProvider finds a cryptographic provider by name.
func (s *State) FindProvider(name string) *Provider {
	_, p := s.Providers.Find(0, func(p *Provider) bool { return SameName(p.Name, name) })
	return p
}

// ProviderByGUID finds a cryptographic provider by its GUID.
func (s *State) ProviderByGUID(guid [16]byte) *Provider {
	_, p := s.Providers.Find(0, func(p *Provider) bool { return p.GUID == guid })
	return p
}

// FindDatabase finds a database by name.
func (s *State) FindDatabase(name string) *Database {
	_, d := s.Databases.Find(0, func(d *Database) bool { return SameName(d.Name, name) })
	return d
}

// MappedTo lists the logins that hold a credential, by id.
func (s *State) MappedTo(credential int) []int {
	var out []int
	for id, l := range s.Logins.All(0) {
		if l.Credential == credential && credential != 0 {
			out = append(out, id)
			continue
		}
		for _, c := range l.Credentials {
			if c == credential {
				out = append(out, id)
			}
		}
	}
	return out
}

// IDBytes is an id as the server's fixed sids have it: least byte first, without zeros at the end.
func IDBytes(id int) []byte {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(id))
	return []byte(strings.TrimRight(string(b[:]), "\x00"))
}
