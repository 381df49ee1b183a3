package install

import (
	"context"
	"fmt"
	"time"

	"latchkey/ekm/code"
	"latchkey/vault"
	"latchkey/vault/keydb"
	"latchkey/vault/release"
	"latchkey/vault/throttle"
	"latchkey/vault/token"
)

// NewService makes the vault service over the open installation, which believes the tokens of these issuers.
func (in *Installation) NewService(issuers []token.Issuer, throttling string, delay time.Duration) (*vault.Service, error) {
	profile, err := ThrottleProfile(throttling)
	if err != nil {
		return nil, err
	}
	tokens, err := token.New(token.Config{Clock: in.Clock, Issuers: issuers})
	if err != nil {
		return nil, err
	}
	return vault.New(vault.Config{
		Store: in.store, Sealer: in.Seal, Audit: in.Audit, Tokens: tokens, Clock: in.Clock, Throttle: profile, DeleteDelay: delay,
		Backups: in.Backups, Logger: in.Log,
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
