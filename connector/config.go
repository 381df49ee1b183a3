package connector

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// Vault is one identity's way to the keys of one key store. Its methods are one request each, answered or failed; errors carry
// a *code.Error and, but for replies that cannot be read, a keystore.Failure.
type Vault interface {
	Finder
	Crypter
	Archive
	// URL is the store's; Identity who asks, without secrets. Vaults of equal URL and Identity are allowed the same.
	URL() string
	Identity() string
}

// Finder reads what is public of keys.
type Finder interface {
	// GetKey reads a version of a key, or the newest with version "".
	GetKey(ctx context.Context, name, version string) (keystore.Key, error)
	// Keys lists the keys without versions, Versions the versions of one.
	Keys(ctx context.Context) ([]keystore.Version, error)
	Versions(ctx context.Context, name string) ([]keystore.Version, error)
}

// Crypter uses a key's private half where it is.
type Crypter interface {
	Wrap(ctx context.Context, name, version, alg string, plain *secret.Bytes) ([]byte, error)
	Unwrap(ctx context.Context, name, version, alg string, blob []byte) (*secret.Bytes, error)
}

// Archive backs keys up and brings them back.
type Archive interface {
	Backup(ctx context.Context, name string) ([]byte, error)
	Restore(ctx context.Context, blob []byte) (keystore.Key, error)
}

// Map is the map from thumbprints to key URIs; see package keymap.
type Map interface {
	Get(ctx context.Context, vault string, t ekm.Thumbprint) (string, error)
	Put(ctx context.Context, e keymap.Entry) error
	Check(ctx context.Context) error
}

// LogLevel filters the log as the documented registry value does.
type LogLevel uint8

// The levels.
const (
	LogInfo  LogLevel = 0
	LogError LogLevel = 1
	LogNone  LogLevel = 2
)

// Config makes a Provider. Open and Map are required; the zero values of all others are right.
type Config struct {
	// Open authenticates with a credential.
	Open func(ctx context.Context, cred *ekm.Credential) (Vault, error)
	// Watch asks the vaults' client to tell what it sees ending; nil if it does not.
	Watch func(func(keystore.Expiry))
	// Map keeps thumbprints.
	Map Map

	// Algorithm wraps: keywrap.RSAOAEP256 if "", or RSAOAEP or RSA15.
	Algorithm keywrap.Algorithm
	// LocalWrap wraps with the public key, without asking the vault, where the key allows it. Off, the vault wraps, which also
	// shows that it lets this identity: a wrong right is found when a database is encrypted, not when it is opened.
	LocalWrap bool
	// StrictNames keeps the documented limit of 26 characters for key names (code 2049).
	StrictNames bool
	// Symmetric is what ProviderInfo says of symmetric keys; none are served.
	Symmetric ekm.Support

	// Budget bounds a call with all its tries: 30 s if 0. TryTimeout bounds one try: 10 s if 0. Tries is how many: 7 if 0.
	Budget, TryTimeout time.Duration
	Tries              int

	// Log gets structured records of LogLevel; nil for none. They hold names, URIs and codes, no secrets.
	Log      *slog.Logger
	LogLevel LogLevel
	// Metrics is where Prometheus metrics are registered; nil for none.
	Metrics prometheus.Registerer
	// OnEvent gets every event; nil for none. It must be quick and safe for concurrent use.
	OnEvent func(Event)

	// Clock is the system's if nil. Rand gives numbers in [0, 1) for jitter: math/rand/v2 if nil.
	Clock clock.Clock
	Rand  func() float64
}

// Defaults of Config.
const (
	defaultBudget     = 30 * time.Second
	defaultTryTimeout = 10 * time.Second
	defaultTries      = 7
)

func (c *Config) check() error {
	bad := func(format string, args ...any) error {
		return code.Wrap(code.ConfigInvalid, "making the connector", "", fmt.Errorf(format, args...))
	}
	switch c.Algorithm {
	case "":
		c.Algorithm = keywrap.RSAOAEP256
	case keywrap.RSAOAEP256, keywrap.RSAOAEP, keywrap.RSA15:
	default:
		return bad("wrap algorithm %q is not RSA-OAEP-256, RSA-OAEP or RSA1_5", c.Algorithm)
	}
	if c.Open == nil || c.Map == nil {
		return bad("Open and Map are required")
	}
	if c.LogLevel > LogNone {
		return bad("log level %d is not 0 (info), 1 (error) or 2 (none)", c.LogLevel)
	}
	if c.Budget < 0 || c.TryTimeout < 0 || c.Tries < 0 {
		return bad("budget, timeout and tries must not be negative")
	}
	if c.Budget == 0 {
		c.Budget = defaultBudget
	}
	if c.TryTimeout == 0 {
		c.TryTimeout = defaultTryTimeout
	}
	if c.Tries == 0 {
		c.Tries = defaultTries
	}
	c.TryTimeout = min(c.TryTimeout, c.Budget) // what a silent vault means is judged by the parts of a try
	return nil
}
