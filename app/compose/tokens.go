package compose

import (
	"latchkey/vault/token"
)

// ownTokens validates the tokens of the installation's own authority, of every tenant in it.
func (in *Installation) ownTokens() (*token.Validator, error) {
	return token.New(token.Config{
		Clock:   in.Clock,
		Issuers: []token.Issuer{{ID: "https://sts.windows.net/{tenantid}/", Keys: in.Entra.Keys()}},
	})
}
