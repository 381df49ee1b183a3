package cli

import "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

// ReadPrivateKeyForTesting is readPrivateKey.
func ReadPrivateKeyForTesting(b []byte) (*azkeys.JSONWebKey, error) { return readPrivateKey(b) }
