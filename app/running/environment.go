package running

import (
	"net/url"
	"strings"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Variable is one environment variable. Value may be a secret.
type Variable struct{ Name, Value string }

// noProxy is what clients must not send through the proxy: some take HTTPS_PROXY for plain http too, and the metadata service and
// everything else on this machine is no business of the proxy.
const noProxy = "localhost,127.0.0.1,::1,169.254.169.254"

// Environment lists what clients of a running server need, in a fixed order. Names are a contract with scripts. known is the
// NO_PROXY of the caller, which is kept.
func (r *Info) Environment(f fsys.FS, known string) ([]Variable, error) {
	s, err := r.ReadSecrets(f)
	if err != nil {
		return nil, err
	}
	direct := noProxy
	if known != "" && known != noProxy {
		direct = known + "," + noProxy
		if strings.HasSuffix(known, ","+noProxy) {
			direct = known // these variables were set before
		}
	}
	proxy := "http://" + r.Addresses.Proxy
	vars := []Variable{
		{"AZURE_TENANT_ID", r.TenantID},
		{"AZURE_CLIENT_ID", r.ClientID},
		{"AZURE_CLIENT_SECRET", string(s.ClientSecret.Expose())},
		{"AZURE_AUTHORITY_HOST", r.AuthorityHost},
		{"HTTPS_PROXY", proxy},
		{"NO_PROXY", direct},
		{"SSL_CERT_FILE", r.CAFile},
		{"NODE_EXTRA_CA_CERTS", r.CAFile},
		{"REQUESTS_CA_BUNDLE", r.CAFile},
		{"LATCHKEY_VAULT_URL", r.VaultURL},
		{"LATCHKEY_HSM_URL", r.HSMURL},
		{"LATCHKEY_CONNECTOR_CLIENT_ID", r.ConnectorClientID},
		{"LATCHKEY_CONNECTOR_CLIENT_SECRET", string(s.ConnectorClientSecret.Expose())},
	}
	if r.Addresses.SQL != "" {
		credential := r.CredentialSecret(s)
		defer credential.Destroy()
		vars = append(vars, Variable{"LATCHKEY_SQL_LOGIN", r.SQLLogin}, Variable{"SQLSERVER_DSN", r.DSN(s)},
			Variable{"LATCHKEY_EKM_SECRET", string(credential.Expose())})
	}
	return vars, nil
}

// CredentialSecret is SECRET of a SQL credential for the connector's principal: its client id as 32 digits, and the client secret behind it. The
// caller destroys it.
func (r *Info) CredentialSecret(s *Secrets) *secret.Bytes {
	return secret.Take(append([]byte(strings.ReplaceAll(r.ConnectorClientID, "-", "")), s.ConnectorClientSecret.Expose()...))
}

// DSN is how a Go program (go-mssqldb) reaches the database server as SQLLogin: with everything encrypted and the server's
// certificate checked. It holds the password.
func (r *Info) DSN(s *Secrets) string {
	u := url.URL{
		Scheme: "sqlserver", User: url.UserPassword(r.SQLLogin, string(s.SQLPassword.Expose())), Host: r.Addresses.SQL,
		RawQuery: url.Values{"certificate": {r.CAFile}, "database": {"master"}, "encrypt": {"true"}}.Encode(),
	}
	return u.String()
}
