package ekm

import (
	"context"
	"errors"
	"time"
)

// ErrNoRegister means that the key store keeps no list of who needs its keys. Azure's vaults do not.
var ErrNoRegister = errors.New("the key store keeps no list of who needs its keys")

// Registrar is a Provider that can tell key stores what a server needs of them, so that they do not let go of it. No function of SQL Server's interface does that: a Provider that is
// not one leaves it.
type Registrar interface {
	// Register tells the key store of a credential what a server needs of it now, in place of what it said before; it is to be repeated before the lease is over. Without needs it ends
	// the registration. ErrNoRegister if the store keeps no such list; it is then not asked for anything. problems are needs that the store cannot serve.
	Register(ctx context.Context, cred *Credential, r Registration) (problems []string, err error)
}

// Registration is what a server needs of one key store.
type Registration struct {
	ID     string // stays the same; no two servers have the same
	Server string // for people
	Lease  time.Duration
	Needs  []Need // those of other stores are left out by whoever sends it
}

// Need is one thing that needs a version of a key.
type Need struct {
	URI        string // full: it names the version
	Thumbprint Thumbprint
	Database   string // or what else it is called
	Kind       string // "database", "kept log", "backup", ...
}
