package door

import (
	"context"
	"log/slog"

	"latchkey/audit"
	"latchkey/internal/clock"
	"latchkey/vault/keydb"
	"latchkey/vault/rbac"
	"latchkey/vault/throttle"
)

// Auditor makes audit records durable.
type Auditor interface {
	// Append returns once r is durable; an error means that it may not be.
	Append(ctx context.Context, r audit.Record) error
}

// Tokens says who the bearer of a token is; token.Validator is one. A refusal is an *akv.Error with status 401.
type Tokens interface {
	Validate(ctx context.Context, raw, audience string) (rbac.Principal, error)
}

// Config says what a Door works with. All but MayAdminister are required.
type Config struct {
	DB     *keydb.DB
	Audit  Auditor
	Tokens Tokens
	Clock  clock.Clock
	Limits *throttle.Limiter
	Logger *slog.Logger
	// MayAdminister says who may create and change vaults with a token; nil means nobody.
	MayAdminister func(rbac.Principal) bool
}

// Door is the way in. It is safe for concurrent use.
type Door struct {
	db       *keydb.DB
	audit    Auditor
	tokens   Tokens
	clock    clock.Clock
	limits   *throttle.Limiter
	log      *slog.Logger
	mayAdmin func(rbac.Principal) bool
}

// New makes a Door.
func New(c Config) *Door {
	return &Door{
		db: c.DB, audit: c.Audit, tokens: c.Tokens, clock: c.Clock, limits: c.Limits, log: c.Logger, mayAdmin: c.MayAdminister,
	}
}
