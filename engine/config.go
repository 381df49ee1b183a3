package engine

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"latchkey/engine/keystmt/provider"
	"latchkey/engine/server"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Config says what a server is made of. Dir is required.
type Config struct {
	Dir string // the data folder; made if it is not there
	// ServiceKeyDir is where the service master key lies; "" means service-key in Dir, which is convenient and no protection from who
	// gets hold of the whole folder.
	ServiceKeyDir string
	FS            fsys.FS      // nil means the machine's
	Clock         clock.Clock  // nil means the machine's
	Log           *slog.Logger // besides the error log; nil for that alone
	PID           int          // of this process, for who finds the folder locked; 0 means os.Getpid

	// Name is @@SERVERNAME; "" means the machine's name.
	Name string
	// Admin is a login with all rights that a new server gets; nil makes none. A server that has logins keeps them.
	Admin *Admin
	// Providers are those that are part of the program. The caller closes them, after Close.
	Providers []provider.Builtin
	// Loader loads providers from shared libraries; nil means that only Providers can be had.
	Loader provider.Loader
	// SharedCredentials lets one credential serve several logins.
	SharedCredentials bool

	TLS             *tls.Config // nil: the server cannot encrypt connections
	ForceEncryption bool
	Limits          server.Limits
	Databases       Databases
	// Memory bounds the process's memory, in bytes, as far as large values go: see package room. 0 is half of the machine's.
	Memory  int64
	Monitor Monitor
	// RegisterWithin is how soon key stores that keep a list of who needs their keys hear of a change; 0 means 5 s.
	RegisterWithin time.Duration
}

// Admin is a login and its password, which Open destroys.
type Admin struct {
	Name     string
	Password *secret.Bytes
	// Make gives the password when it is needed and Password is nil.
	Make func() (*secret.Bytes, error)
	// Reset gives a login of this name the password also if it is there already.
	Reset bool
}

// Databases bounds what databases may take; see databases.Config for the fields and their defaults.
type Databases struct {
	Connections, Unwraps, Opens               int
	CacheBytes, TempBytes, ScanRate           int64
	SpillBytes                                int64
	RetryFirst, RetryMost, StartWait, BarWait time.Duration
}

// The folder.
const (
	catalogDir = "catalog"
	systemDir  = "system"
	dataDir    = "data"
	backupDir  = "backup"
	fileDir    = "files" // of certificates and their keys, which statements write and read
	logDir     = "log"
	keyDir     = "service-key"
	lockFile   = "server.lock"
	ownerFile  = "server.pid"
)

var (
	// ErrInUse means that another server has the data folder.
	ErrInUse = errors.New("the data folder is in use by another server")
	// ErrLost means that a part of the folder is missing that the rest needs.
	ErrLost = errors.New("a part of the data folder is missing")
)

func (c *Config) defaults() error {
	if c.Dir == "" {
		return errors.New("no data folder was named")
	}
	if c.ForceEncryption && c.TLS == nil {
		return errors.New("connections must be encrypted, and there is no certificate to do it with")
	}
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.PID == 0 {
		c.PID = os.Getpid()
	}
	if c.ServiceKeyDir == "" {
		c.ServiceKeyDir = filepath.Join(c.Dir, keyDir)
	}
	if c.Name == "" {
		c.Name = machineName()
	}
	if c.RegisterWithin <= 0 {
		c.RegisterWithin = 5 * time.Second
	}
	return nil
}
