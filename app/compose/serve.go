package compose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"latchkey/app/admin"
	"latchkey/app/install"
	"latchkey/ekm/code"
	"latchkey/entra"
	"latchkey/internal/fsys"
	"latchkey/internal/jwks"
	"latchkey/vault/httpapi"
	"latchkey/vault/token"
)

// Serving is a server that was started from a ServeConfig.
type Serving struct {
	Up
	Addresses []string // "vault 10.0.0.1:443", in the order of the configuration
}

// StartServe runs the parts that c names. It writes no run.json: a service manager knows its process. Stop it with Stop.
func StartServe(ctx context.Context, p install.Process, c *ServeConfig) (_ *Serving, err error) {
	p.Defaults()
	source, err := install.Source(p, c.Data, c.Seal)
	if err != nil {
		return nil, err
	}
	if source.Development() && !c.AllowDevelopmentSeal {
		return nil, code.Wrap(code.ConfigInvalid, "starting", c.Data,
			errors.New("the development seal is no seal: give seal, or set allowDevelopmentSeal if no key of worth will ever be in it"))
	}
	in, err := install.Open(ctx, p, c.Data, c.Seal)
	if err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	s := &Serving{Up: Up{in: in, cancel: cancel, failed: make(chan error, 8)}}
	defer func() {
		if err != nil {
			stopping, done := context.WithTimeout(context.Background(), stopBound)
			defer done()
			err = errors.Join(err, s.Stop(stopping))
		}
	}()
	tlsConfig, err := s.tls(c.TLS)
	if err != nil {
		return nil, err
	}
	if err := s.openServed(ctx, c); err != nil {
		return nil, err
	}
	if c.Vault != nil {
		if err := s.serveVault(c, tlsConfig); err != nil {
			return nil, err
		}
		s.background(background, "the vault's due work", s.service.Run)
	}
	if c.Entra != nil {
		if err := s.serveEntra(c.Entra, tlsConfig); err != nil {
			return nil, err
		}
		s.background(background, "the roll-over of signing keys", in.Entra.Run)
	}
	if s.admin, err = admin.Serve(in, s.service); err != nil {
		p.Log.Warn("no administration while this server runs", "err", err)
	}
	return s, nil
}

// openServed opens authority and vault. The authority is opened even where only the vault is served: administration knows it.
func (s *Serving) openServed(ctx context.Context, c *ServeConfig) (err error) {
	var hosts []string
	resources := entra.DefaultResources()
	if c.Entra != nil {
		hosts = c.Entra.Hosts
		for _, r := range c.Entra.Resources {
			resources = append(resources, entra.Resource{Pattern: r})
		}
	}
	if err := s.in.OpenEntra(ctx, hosts, resources); err != nil {
		return err
	}
	var issuers []token.Issuer
	throttling := ""
	if c.Entra != nil || c.Vault == nil {
		issuers = append(issuers, s.in.OwnIssuer())
	}
	if c.Vault != nil {
		throttling = c.Vault.Throttle
		for _, is := range c.Vault.Issuers {
			remote, err := remoteIssuer(s.in, is)
			if err != nil {
				return fmt.Errorf("issuer %q: %w", is.Issuer+is.EntraTenant, err)
			}
			issuers = append(issuers, remote)
		}
	}
	tokens, err := s.in.NewTokens(issuers...)
	if err != nil {
		return err
	}
	s.service, err = s.in.NewService(install.ServiceConfig{Tokens: tokens, Throttle: throttling})
	return err
}

func (s *Serving) tls(c ServeTLS) (*tls.Config, error) {
	if c.Cert != "" {
		return newCertFiles(s.in.FS, s.in.Clock, c.Cert, c.Key)
	}
	ca, err := openCA(s.in, c.OwnNames)
	if err != nil {
		return nil, err
	}
	s.ca = ca
	return ca.TLSConfig(), nil
}

func (s *Serving) serveVault(c *ServeConfig, tlsConfig *tls.Config) error {
	v := c.Vault
	handler, err := httpapi.New(httpapi.Config{
		Service: s.service, Hosts: v.hosts(), Authority: v.Authority, HSMAuthority: v.Authority, AcceptNewer: v.AcceptNewerVersions, Logger: s.in.Log,
	})
	if err != nil {
		return err
	}
	for _, addr := range v.Listen {
		l, err := bind("vault", addr)
		if err != nil {
			return err
		}
		s.ports = append(s.ports, serve("vault", httpsOnly{l}, handler, tlsConfig, s.in.Log))
		s.Addresses = append(s.Addresses, "vault "+l.Addr().String())
	}
	return nil
}

func (s *Serving) serveEntra(e *ServeEntra, tlsConfig *tls.Config) error {
	for _, addr := range e.Listen {
		l, err := bind("token authority", addr)
		if err != nil {
			return err
		}
		s.ports = append(s.ports, serve("token authority", l, s.in.Entra.Handler(), tlsConfig, s.in.Log))
		s.Addresses = append(s.Addresses, "tokens "+l.Addr().String())
	}
	if e.Arc != "" {
		addr, err := s.serveArc(e.Arc, e.ArcKeys)
		if err != nil {
			return err
		}
		s.Addresses = append(s.Addresses, "arc "+addr)
	}
	if e.IMDS == "" {
		return nil
	}
	l, err := bind("IMDS", e.IMDS)
	if err != nil {
		return err
	}
	remote := !l.Addr().(*net.TCPAddr).IP.IsLoopback()
	s.ports = append(s.ports, serve("IMDS", l, s.imds(remote), nil, s.in.Log))
	s.Addresses = append(s.Addresses, "imds "+l.Addr().String())
	return nil
}

// remoteIssuer makes an issuer whose keys are fetched.
func remoteIssuer(in *install.Installation, c ServeIssuer) (token.Issuer, error) {
	if c.EntraTenant != "" {
		t := strings.ToLower(c.EntraTenant)
		// v1 tokens, which vaults get, name sts.windows.net; the v1 discovery document says so too.
		c.Issuer, c.Tenant = "https://sts.windows.net/"+t+"/", t
		c.MetadataURL = "https://" + loginHost + "/" + t + "/.well-known/openid-configuration"
	}
	if c.MetadataURL == "" && c.KeysURL == "" {
		c.MetadataURL = strings.TrimSuffix(c.Issuer, "/") + "/.well-known/openid-configuration"
	}
	r := jwks.RemoteConfig{Issuer: c.Issuer, MetadataURL: c.MetadataURL, KeysURL: c.KeysURL, Clock: in.Clock}
	if c.KeysURL != "" {
		r.MetadataURL = ""
	}
	if c.CAFile != "" {
		b, err := fsys.ReadFile(in.FS, c.CAFile, 1<<20)
		if err != nil {
			return token.Issuer{}, err
		}
		r.RootCAs = x509.NewCertPool()
		if !r.RootCAs.AppendCertsFromPEM(b) {
			return token.Issuer{}, fmt.Errorf("%q holds no certificate in PEM form", c.CAFile)
		}
	}
	keys, err := jwks.NewRemote(r)
	if err != nil {
		return token.Issuer{}, err
	}
	return token.Issuer{ID: c.Issuer, TenantID: strings.ToLower(c.Tenant), Keys: keys, Foreign: c.Foreign}, nil
}
