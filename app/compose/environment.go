package compose

import "latchkey/internal/fsys"

// Variable is one environment variable. Value may be a secret.
type Variable struct{ Name, Value string }

// Environment lists what clients of a running server need, in a fixed order. Names are a contract with scripts.
func (r *RunInfo) Environment(f fsys.FS) ([]Variable, error) {
	s, err := r.ReadSecrets(f)
	if err != nil {
		return nil, err
	}
	proxy := "http://" + r.Addresses.Proxy
	return []Variable{
		{"AZURE_TENANT_ID", r.TenantID},
		{"AZURE_CLIENT_ID", r.ClientID},
		{"AZURE_CLIENT_SECRET", string(s.ClientSecret.Expose())},
		{"AZURE_AUTHORITY_HOST", r.AuthorityHost},
		{"HTTPS_PROXY", proxy},
		{"SSL_CERT_FILE", r.CAFile},
		{"NODE_EXTRA_CA_CERTS", r.CAFile},
		{"REQUESTS_CA_BUNDLE", r.CAFile},
		{"LATCHKEY_VAULT_URL", r.VaultURL},
		{"LATCHKEY_HSM_URL", r.HSMURL},
		{"LATCHKEY_CONNECTOR_CLIENT_ID", r.ConnectorClientID},
		{"LATCHKEY_CONNECTOR_CLIENT_SECRET", string(s.ConnectorClientSecret.Expose())},
	}, nil
}
