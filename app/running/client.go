package running

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/internal/fsys"
)

// Answers looks whether the server that wrote the file still listens: one that was killed left its file behind. ErrNotRunning if not.
func (r *Info) Answers(ctx context.Context) error {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp", r.Addresses.Proxy)
	if err != nil {
		return fmt.Errorf("looking for the server of %q: %w (%w)", filepath.Join(r.DataDir, runFile), ErrNotRunning, err)
	}
	return c.Close()
}

// HTTPClient reaches a running server as its clients do: real host names, through its proxy, trusting its authority alone.
func (r *Info) HTTPClient(f fsys.FS) (*http.Client, error) {
	bundle, err := fsys.ReadFile(f, r.CAFile, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the authority to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("reading %q: no certificate in it", r.CAFile)
	}
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			Proxy:               http.ProxyURL(&url.URL{Scheme: "http", Host: r.Addresses.Proxy}),
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     30 * time.Second,
		},
	}, nil
}

// Keys is a client for a vault of the running server (r.VaultURL, r.HSMURL or another's URL), as the principal ClientID.
func (r *Info) Keys(f fsys.FS, vaultURL string) (*azkeys.Client, error) {
	secrets, err := r.ReadSecrets(f)
	if err != nil {
		return nil, err
	}
	return r.KeysWith(f, vaultURL, secrets)
}

// KeysWith is Keys before the secrets are in their file.
func (r *Info) KeysWith(f fsys.FS, vaultURL string, secrets *Secrets) (*azkeys.Client, error) {
	cred, transport, err := r.Credential(f, secrets)
	if err != nil {
		return nil, err
	}
	return azkeys.NewClient(vaultURL, cred, &azkeys.ClientOptions{ClientOptions: options(transport)})
}

// options are those of SDK clients over a transport.
func options(transport *http.Client) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: transport,
		// A server on this machine answers or is gone: the defaults would make a person wait for half a minute.
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second},
	}
}

// Credential is that of the principal ClientID, and the HTTP client that reaches the running server.
func (r *Info) Credential(f fsys.FS, secrets *Secrets) (azcore.TokenCredential, *http.Client, error) {
	transport, err := r.HTTPClient(f)
	if err != nil {
		return nil, nil, err
	}
	cred, err := azidentity.NewClientSecretCredential(r.TenantID, r.ClientID, string(secrets.ClientSecret.Expose()),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options(transport)})
	if err != nil {
		return nil, nil, fmt.Errorf("making the credential: %w", err)
	}
	return cred, transport, nil
}
