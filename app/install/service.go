package install

import (
	"context"
	"fmt"
	"time"

	"latchkey/ekm/code"
	"latchkey/vault"
	"latchkey/vault/keydb"
	"latchkey/vault/rbac"
	"latchkey/vault/release"
	"latchkey/vault/throttle"
	"latchkey/vault/token"
)

// ServiceConfig says what vault service to make. Tokens is required.
type ServiceConfig struct {
	Tokens   *token.Validator
	Throttle string        // a name of ThrottleProfile
	Delay    time.Duration // until a deletion or recovery shows
	// MayAdminister says who may make and change vaults with a token of the management plane; nil means nobody.
	MayAdminister func(rbac.Principal) bool
}

// NewTokens makes a validator that believes these issuers.
func (in *Installation) NewTokens(issuers ...token.Issuer) (*token.Validator, error) {
	return token.New(token.Config{Clock: in.Clock, Issuers: issuers})
}

// NewService makes the vault service over the open installation.
func (in *Installation) NewService(c ServiceConfig) (*vault.Service, error) {
	profile, err := ThrottleProfile(c.Throttle)
	if err != nil {
		return nil, err
	}
	return vault.New(vault.Config{
		Store: in.store, Sealer: in.Seal, Audit: in.Audit, Tokens: c.Tokens, Clock: in.Clock, Throttle: profile, DeleteDelay: c.Delay,
		Backups: in.Backups, Logger: in.Log, MayAdminister: c.MayAdminister,
		MakeSigner: func(ctx context.Context, db *keydb.DB) (vault.Signer, error) {
			return release.OpenAuthority(ctx, db, in.Clock)
		},
	})
}

// ThrottleProfile is the profile of a name: "off" (also "") or "real".
func ThrottleProfile(name string) (throttle.Profile, error) {
	switch name {
	case "", "off":
		return throttle.Off(), nil
	case "real":
		return throttle.Real(), nil
	}
	return throttle.Profile{}, code.Wrap(code.ConfigInvalid, "reading the settings", "throttle", fmt.Errorf("%q is neither off nor real", name))
}

// OwnIssuer is the installation's own authority, with every tenant in it.
func (in *Installation) OwnIssuer() token.Issuer {
	return token.Issuer{ID: "https://sts.windows.net/{tenantid}/", Keys: in.Entra.Keys()}
}
