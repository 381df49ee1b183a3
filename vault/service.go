package vault

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"latchkey/internal/clock"
	"latchkey/vault/backup"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/rbac"
	"latchkey/vault/store"
	"latchkey/vault/throttle"
)

// Events hears what happens to keys. It is called after the fact was recorded and must not block for long.
type Events interface {
	KeyEvent(ctx context.Context, e Event)
}

// Event is something that happened to a key: "KeyNewVersionCreated", "KeyNearExpiry", "KeyExpired".
type Event struct {
	Type     string
	Time     time.Time
	Vault    string // resource id of the vault
	Key      string
	Version  string
	NotBefor *int64 // Unix seconds
	Expires  *int64
}

// Config says what a Service works with. Store, Sealer, Audit and Tokens are required.
type Config struct {
	Store  store.Store
	Sealer keydb.Sealer
	Audit  door.Auditor
	Tokens door.Tokens
	// Clock is the source of time; nil means the system's.
	Clock clock.Clock
	// Throttle limits calls per vault; the zero Profile does not.
	Throttle throttle.Profile
	// DeleteDelay is how long a deletion or recovery takes to show, as in the real service (some seconds there). 0 is at
	// once, which every client accepts; set it to test a client's waiting.
	DeleteDelay time.Duration
	// Events hears of new versions and expiry; nil means nobody, audit records are written in any case.
	Events Events
	// Backups seals key backups, usually a seal.BackupKeys; nil refuses backup and restore.
	Backups backup.Sealer
	// Releases checks attestation tokens; nil refuses every release.
	Releases Releases
	// MakeSigner makes the signer of releases and attestations from sealed installation data, when first needed; nil means that
	// both are refused.
	MakeSigner func(ctx context.Context, db *keydb.DB) (Signer, error)
	// MayAdminister says who may create and change vaults through [Service.Admin] with a token; nil means nobody. The
	// process itself always may, see [Operator].
	MayAdminister func(rbac.Principal) bool
	// Logger gets what replies do not tell: causes of 5xx replies with their request id. nil discards.
	Logger *slog.Logger
	// PrivateKeys and Records bound the caches, see keydb.Config.
	PrivateKeys, Records int
}

// Service is the vaults of one installation. It is safe for concurrent use.
type Service struct {
	*door.Door
	db      *keydb.DB
	clock   clock.Clock
	delay   time.Duration
	events  Events
	release Releases
	backups backup.Sealer
	signer  lazySigner
	log     *slog.Logger
	// generate holds back key generation to half of the processors, so that it does not starve unwraps.
	generate chan struct{}
}

// Tx is an operation on keys behind the door.
type Tx struct {
	*door.Tx
	s *Service
}

// Do is the one door: it lets act do op for the caller, or refuses. The error is an *akv.Error.
func (s *Service) Do(ctx context.Context, op door.Op, c *door.Call, act func(*Tx) error) error {
	return s.Door.Do(ctx, op, c, func(tx *door.Tx) error { return act(&Tx{tx, s}) })
}

// New makes a Service. It reads nothing: start-up does not depend on how many keys there are.
func New(c Config) (*Service, error) {
	switch {
	case c.Store == nil:
		return nil, errors.New("vault: no store")
	case c.Sealer == nil:
		return nil, errors.New("vault: no sealer: private keys would lie in clear")
	case c.Audit == nil:
		return nil, errors.New("vault: no audit log: nothing could be done")
	case c.Tokens == nil:
		return nil, errors.New("vault: no token validator: nobody could be let in")
	}
	s := &Service{
		db:    keydb.New(keydb.Config{Store: c.Store, Sealer: c.Sealer, PrivateKeys: c.PrivateKeys, Records: c.Records}),
		clock: c.Clock, delay: c.DeleteDelay, events: c.Events, release: c.Releases, backups: c.Backups, log: c.Logger,
		generate: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	s.signer.make = c.MakeSigner
	if s.clock == nil {
		s.clock = clock.System{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.Door = door.New(door.Config{
		DB: s.db, Audit: c.Audit, Tokens: c.Tokens, Clock: s.clock, Limits: throttle.New(c.Throttle, s.clock), Logger: s.log,
		MayAdminister: c.MayAdminister,
	})
	return s, nil
}

// Now is the service's time.
func (s *Service) Now() time.Time { return s.clock.Now() }

// What callers of a Service need of package door.
type (
	// Hosts maps host names to vaults.
	Hosts = door.Hosts
	// Actor is who administers vaults.
	Actor = door.Actor
	// Properties are what a vault is.
	Properties = door.Properties
	// Vault is a vault as the management plane shows it.
	Vault = door.Vault
	// Changes are the parts of a vault that can change.
	Changes = door.Changes
)

// DefaultHosts has the public cloud's suffixes and those of this product's own names.
func DefaultHosts() Hosts { return door.DefaultHosts() }

// ID is the id of a vault or Managed HSM by name.
func ID(name string, hsm bool) string { return door.ID(name, hsm) }

// Operator is the process that runs the service, as an administrator.
func Operator() Actor { return door.Operator() }

// Caller is somebody with a token for the management plane, as an administrator.
func Caller(p rbac.Principal) Actor { return door.Caller(p) }

// IsVaultExists reports whether err says that a vault's name is taken.
func IsVaultExists(err error) bool { return door.IsVaultExists(err) }
