package cli

import (
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	mssql "github.com/microsoft/go-mssqldb"
)

// ReadPrivateKeyForTesting is readPrivateKey.
func ReadPrivateKeyForTesting(b []byte) (*azkeys.JSONWebKey, error) { return readPrivateKey(b) }

// ExplainedForTesting is the hint of explained; "" for none.
func ExplainedForTesting(m mssql.Error) string {
	if h, ok := errors.AsType[*hinted](explained(errors.New("failed"), m)); ok {
		return h.hint
	}
	return ""
}
