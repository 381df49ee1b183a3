package azure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/secret"

	"latchkey/azure/challenge"
	"latchkey/azure/sqlcred"
)

// Config makes an Opener. The zero value works against Azure's public cloud.
type Config struct {
	// Clock; nil is the system's.
	Clock clock.Clock
	// Suffix completes a bare vault name: PublicCloud if "".
	Suffix string
	// Settings gives the settings of a vault by its host ("host" or "host:port"). It is asked at every Open, and a change
	// takes effect with that Open, also for sessions that are open already. nil: no settings. It must not block.
	Settings func(host string) Settings
	// Env is where workload identity finds AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE: os.Getenv of
	// the program; nil finds nothing.
	Env func(string) string
	// Rand gives numbers in [0, 1) for jitter; math/rand/v2 if nil. It must be safe for concurrent use.
	Rand func() float64
}

// Settings are what one vault may need besides its credential. The zero value is right for Azure.
type Settings struct {
	// Authority is the only token authority to be trusted, as "https://host[:port]". "": Entra ID's well-known hosts.
	Authority string
	// CAFile holds the authorities, in PEM, that the vault's and the authority's certificates are checked against. "": the
	// system's. It is read again at every Open.
	CAFile string
	// Proxy is the URL of an HTTP proxy (http or https, CONNECT), "direct" for none, "" for what HTTPS_PROXY and NO_PROXY say.
	// A user and password in it are sent to the proxy.
	Proxy string
	// Addresses are tried in order, as "host:port", in place of what the vault's name resolves to. The certificate is still
	// checked against the vault's name.
	Addresses []string
	// APIVersion is the api-version to speak; "7.4" if "".
	APIVersion string
	// ManagedIdentityHost replaces http://169.254.169.254, for tests and for metadata proxies: "http://host:port".
	ManagedIdentityHost string
	// SecretExpires is when the client secret ends, if you know: no API tells, and knowing it brings a warning early.
	SecretExpires time.Time
	// DialTimeout bounds a TCP connection, TLSTimeout the handshake; 5 s and 10 s if 0.
	DialTimeout, TLSTimeout time.Duration
	// Resolver is a DNS server "host:port" to ask instead of the system's; "" for the system's.
	Resolver string
}

const defaultAPIVersion = "7.4"

func (s Settings) apiVersion() string {
	if s.APIVersion == "" {
		return defaultAPIVersion
	}
	return s.APIVersion
}

// key tells settings apart as far as connections go, with the content of the CA file.
func (s Settings) key(ca []byte) string {
	return fmt.Sprintf("%q", []any{
		s.Authority, s.CAFile, string(ca), s.Proxy, s.Addresses, s.APIVersion,
		s.ManagedIdentityHost, s.DialTimeout, s.TLSTimeout, s.Resolver,
	})
}

// authority is the trusted authority in the form that Challenge.Authority has.
func (s Settings) authority() (string, error) {
	if s.Authority == "" {
		return "", nil
	}
	u, err := url.Parse(s.Authority)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return "", code.Wrap(code.HTTPOpenSession, "reading the settings", "authority", fmt.Errorf("%q is not https://host[:port]", s.Authority))
	}
	return challenge.Origin(u), nil
}

// readCA reads the CA bundle; nil for the system's.
func (s Settings) readCA() ([]byte, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	b, err := readFile(s.CAFile, sqlcred.MaxCertificate)
	if err != nil {
		return nil, code.Wrap(code.HTTPOpenSession, "reading the CA bundle", s.CAFile, err)
	}
	return b, nil
}

func (s Settings) tlsConfig(ca []byte) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, code.Wrap(code.HTTPOpenSession, "reading the CA bundle", s.CAFile, errors.New("it holds no certificate in PEM form"))
		}
	}
	return c, nil
}

// proxy is the function that http.Transport asks.
func (s Settings) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch s.Proxy {
	case "":
		return http.ProxyFromEnvironment, nil
	case "direct":
		return nil, nil
	}
	u, err := url.Parse(s.Proxy)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		// the URL may hold a password: it is not shown
		return nil, code.Wrap(code.HTTPOpenSession, "reading the settings", "proxy", errors.New("the proxy is not an http or https URL"))
	}
	return http.ProxyURL(u), nil
}

// Route tells how the vault is reached, for diagnosis: the TLS configuration, and the proxy's URL or nil. Errors carry code 3101.
func (s Settings) Route(t sqlcred.Target) (*tls.Config, *url.URL, error) {
	ca, err := s.readCA()
	if err != nil {
		return nil, nil, err
	}
	c, err := s.tlsConfig(ca)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := s.proxy()
	if err != nil || proxy == nil {
		return c, nil, err
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, nil, code.Wrap(code.HTTPOpenRequest, "reading the vault's URL", t.URL, err)
	}
	p, err := proxy(&http.Request{URL: u})
	if err != nil {
		return nil, nil, code.Wrap(code.HTTPOpenSession, "reading the settings", "proxy", errors.New("the proxy of the environment is not a URL"))
	}
	return c, p, nil
}

// readFile reads a regular file of at most limit bytes. Credentials are read where the operating system has them, not through
// internal/fsys: nothing here is written.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		secret.Wipe(b)
		return nil, err
	}
	if int64(len(b)) > limit {
		secret.Wipe(b)
		return nil, fmt.Errorf("reading %q: more than %d bytes", name, limit)
	}
	return b, nil
}
