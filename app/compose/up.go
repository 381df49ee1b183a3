package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"latchkey/app/admin"
	"latchkey/app/alerts"
	"latchkey/app/install"
	"latchkey/app/running"
	"latchkey/entra"
	"latchkey/internal/connectproxy"
	"latchkey/internal/localca"
	"latchkey/vault"
	"latchkey/vault/armapi"
	"latchkey/vault/httpapi"
	"latchkey/vault/rbac"
	"latchkey/vault/token"
)

// What the first start makes.
const (
	VaultName = "latchkey-dev"
	HSMName   = "latchkey-hsm"
	KeyName   = "ContosoRSAKey0"
)

const (
	loginHost      = "login.microsoftonline.com"
	otherLoginHost = "login.windows.net"
	managementHost = "management.azure.com"
)

// UpConfig says how to run everything in one process. Zero values are usable, but for Dir. Addresses are those of the
// last start if "", or free ports on 127.0.0.1.
type UpConfig struct {
	install.Process
	Dir  string // data directory, absolute
	Seal string // where the seal key comes from; "" as the directory was made with, dev for a new one

	VaultAddr string // https, loopback only: the certificate is for this machine
	EntraAddr string // https, loopback only
	ProxyAddr string // CONNECT, loopback only
	IMDSAddr  string // http: loopback or 169.254.169.254; "none" for none

	SQLAddr string // TDS, loopback only; "none" for no database server
	// Demo runs the documented set-up once: provider, credential, asymmetric key and its login.
	Demo bool

	MonitorProfile string        // "" is the default one; see EngineMonitor
	Notify         alerts.Config // who is told of keys; Metrics on loopback only

	ArcAddr string // http, loopback only: the identity endpoint of an Azure Arc machine; "" for none
	ArcKeys string // directory of its key files; "" means where SDKs on Linux want them, /var/opt/azcmagent/tokens

	Throttle string        // "off" (also "") or "real"
	Delay    time.Duration // how long deletions and recoveries take to show, as the real service's do
}

// Up is a running server.
type Up struct {
	Info *running.Info

	in      *install.Installation
	service *vault.Service
	ca      *localca.CA
	apps    map[string]entra.App // the installation's own principals, by name
	ports   []*port              // in the order of opening
	proxy   *connectproxy.Server
	arc     *entra.Arc
	admin   *admin.Server
	sql     *sqlServer // nil without a database server

	cancel context.CancelFunc // of the background work
	work   sync.WaitGroup
	failed chan error // what ended by itself; one entry is enough
}

// StartUp opens the data directory, serves everything and writes run.json. ctx bounds the start alone; stop it with Stop.
func StartUp(ctx context.Context, c UpConfig) (_ *Up, err error) {
	c.Process.Defaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := probe(c.Process, c.Notify); err != nil {
		return nil, err
	}
	in, err := install.Open(ctx, c.Process, c.Dir, c.Seal)
	if err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	u := &Up{in: in, cancel: cancel, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			stopping, done := context.WithTimeout(context.Background(), stopBound)
			defer done()
			err = errors.Join(err, u.Stop(stopping))
		}
	}()
	l, err := u.bindAll(c)
	if err != nil {
		return nil, err
	}
	defer l.closeUnused()
	if err := u.serveAll(ctx, background, c, l); err != nil {
		return nil, err
	}
	secrets, err := u.firstStart(ctx)
	if err != nil {
		return nil, err
	}
	if err := u.serveSQL(ctx, background, c, l, secrets); err != nil {
		return nil, err
	}
	if u.admin, err = admin.Serve(in, u.service); err != nil {
		c.Log.Warn("no administration while this server runs: stop it for latchkey vault and entra", "err", err)
	}
	return u, u.Info.Write(c.FS, secrets)
}

// probe reads the secrets of who is told once, before anything is made.
func probe(p install.Process, c alerts.Config) error {
	if p.LookupEnv == nil {
		p.LookupEnv = func(string) (string, bool) { return "", false }
	}
	return alerts.Probe(c, alerts.Sources{FS: p.FS, LookupEnv: p.LookupEnv})
}

func (c *UpConfig) check() error {
	for _, a := range []struct {
		name string
		addr string
	}{{"vault", c.VaultAddr}, {"token authority", c.EntraAddr}, {"proxy", c.ProxyAddr}, {"IMDS", c.IMDSAddr}, {"Arc", c.ArcAddr}, {"SQL", c.SQLAddr}, {"metrics", c.Notify.Metrics}} {
		if a.addr == "" {
			continue
		}
		if a.name == "SQL" && a.addr == "none" {
			continue
		}
		if a.name == "IMDS" && (a.addr == "none" || strings.HasPrefix(a.addr, imdsAddress+":")) {
			continue
		}
		if err := loopbackOnly(a.name, a.addr); err != nil {
			return err
		}
	}
	_, err := install.ThrottleProfile(c.Throttle)
	_, perr := EngineMonitor{Profile: c.MonitorProfile}.Check()
	return errors.Join(err, perr, c.Notify.Err("notify: "))
}

// listeners are bound ports; one that was handed to a server is nil.
type listeners struct{ vault, entra, proxy, imds, sql net.Listener }

func (l *listeners) closeUnused() {
	for _, one := range []net.Listener{l.vault, l.entra, l.proxy, l.imds, l.sql} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// bindAll binds the ports. An address that nobody gave is the one of the last start, so that clients with the variables of an earlier
// latchkey env go on; when it is taken, a free port.
func (u *Up) bindAll(c UpConfig) (l *listeners, err error) {
	l = &listeners{}
	defer func() {
		if err != nil {
			l.closeUnused()
		}
	}()
	now := make(map[string]string)
	for _, p := range []struct {
		name, addr string
		to         *net.Listener
	}{{"vault", c.VaultAddr, &l.vault}, {"entra", c.EntraAddr, &l.entra}, {"proxy", c.ProxyAddr, &l.proxy}, {"imds", c.IMDSAddr, &l.imds}, {"sql", c.SQLAddr, &l.sql}} {
		if p.addr == "none" {
			continue
		}
		if *p.to, err = u.bindOne(p.name, p.addr); err != nil {
			return l, err
		}
		now[p.name] = (*p.to).Addr().String()
	}
	return l, u.in.NoteAddresses(now)
}

func (u *Up) bindOne(name, addr string) (net.Listener, error) {
	if addr != "" {
		return bind(name, addr)
	}
	if last := u.in.LastAddress(name); last != "" && loopbackOnly(name, last) == nil {
		if l, err := bind(name, last); err == nil {
			return l, nil
		}
	}
	return bind(name, "127.0.0.1:0")
}

// serveAll opens the parts in the order that docs/ARCHITECTURE.md writes down: token authority, local authority, vault, ports, proxy.
func (u *Up) serveAll(ctx, background context.Context, c UpConfig, l *listeners) error {
	in := u.in
	vaultPort, entraPort := portOf(l.vault), portOf(l.entra)
	resources := append(entra.DefaultResources(),
		entra.Resource{Pattern: fmt.Sprintf("https://vault.localhost:%d", vaultPort)},
		entra.Resource{Pattern: fmt.Sprintf("https://managedhsm.localhost:%d", vaultPort)})
	if err := in.OpenEntra(ctx, []string{fmt.Sprintf("localhost:%d", entraPort), fmt.Sprintf("127.0.0.1:%d", entraPort)}, resources); err != nil {
		return err
	}
	tenant, apps, err := in.EnsurePrincipals(ctx)
	if err != nil {
		return err
	}
	u.apps = apps
	operator := apps[install.OperatorName].ClientID
	u.ca, err = openCA(in, []string{
		loginHost, otherLoginHost, managementHost, "*.vault.azure.net", "*.managedhsm.azure.net",
		"*.vault.localhost", "*.managedhsm.localhost", "localhost", "127.0.0.1", "::1",
	})
	if err != nil {
		return err
	}
	tokens, err := in.NewTokens(in.OwnIssuer())
	if err != nil {
		return err
	}
	u.service, err = in.NewService(install.ServiceConfig{
		Tokens: tokens, Throttle: c.Throttle, Delay: c.Delay,
		// The installation's own operator manages vaults, as the owner of a subscription may.
		MayAdminister: func(p rbac.Principal) bool { return p.AppID != "" && p.AppID == operator },
	})
	if err != nil {
		return err
	}
	handler, err := u.vaultHandler(tokens, tenant.ID)
	if err != nil {
		return err
	}
	u.Info = &running.Info{
		Version: running.Version, PID: in.PID, Started: in.Clock.Now().UTC(), DataDir: in.Dir,
		TenantID: tenant.ID, ClientID: operator, ConnectorClientID: apps[install.ConnectorName].ClientID,
		CAFile: u.ca.BundlePath(), SecretsFile: filepath.Join(in.Dir, running.SecretsFileName),
		AuthorityHost: "https://" + loginHost + "/", VaultName: VaultName,
		VaultURL: "https://" + VaultName + ".vault.azure.net/", HSMURL: "https://" + HSMName + ".managedhsm.azure.net/",
	}
	u.Info.Addresses.Vault, u.Info.Addresses.Entra, u.Info.Addresses.Proxy = l.vault.Addr().String(), l.entra.Addr().String(), l.proxy.Addr().String()
	if l.imds != nil {
		u.Info.Addresses.IMDS = l.imds.Addr().String()
	}
	u.ports = append(u.ports, serve("vault", httpsOnly{l.vault}, handler, u.ca.TLSConfig(), in.Log))
	u.ports = append(u.ports, serve("token authority", l.entra, in.Entra.Handler(), u.ca.TLSConfig(), in.Log))
	if l.imds != nil {
		remote := !l.imds.Addr().(*net.TCPAddr).IP.IsLoopback()
		u.ports = append(u.ports, serve("IMDS", l.imds, u.imds(remote), nil, in.Log))
	}
	if c.ArcAddr != "" {
		if u.Info.Addresses.Arc, err = u.serveArc(c.ArcAddr, c.ArcKeys); err != nil {
			return err
		}
	}
	if err := u.serveProxy(l); err != nil {
		return err
	}
	*l = listeners{sql: l.sql} // their servers close the others
	u.background(background, "the vault's due work", u.service.Run)
	u.background(background, "the roll-over of signing keys", in.Entra.Run)
	return nil
}

// vaultHandler answers for vaults and HSMs, and under its own name for the management plane.
func (u *Up) vaultHandler(tokens *token.Validator, tenantID string) (http.Handler, error) {
	data, err := httpapi.New(httpapi.Config{Service: u.service, Hosts: vault.DefaultHosts(), Logger: u.in.Log})
	if err != nil {
		return nil, err
	}
	management, err := armapi.New(armapi.Config{Service: u.service, Tokens: tokens, TenantID: tenantID, Logger: u.in.Log})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, _ := strings.Cut(r.Host, ":"); strings.EqualFold(host, managementHost) {
			management.ServeHTTP(w, r)
			return
		}
		data.ServeHTTP(w, r)
	}), nil
}

// imds answers for the managed identity of this installation.
func (u *Up) imds(remote bool) http.Handler {
	return u.in.Entra.IMDS(entra.Identities{Remote: remote})
}

func (u *Up) serveProxy(l *listeners) (err error) {
	v, e := l.vault.Addr().String(), l.entra.Addr().String()
	routes := []connectproxy.Route{{Host: loginHost, To: e}, {Host: otherLoginHost, To: e}}
	for _, host := range []string{"*.vault.azure.net", "*.managedhsm.azure.net", managementHost} {
		routes = append(routes, connectproxy.Route{Host: host, To: v})
	}
	for _, host := range []string{"*.vault.localhost", "*.managedhsm.localhost"} {
		routes = append(routes, connectproxy.Route{Host: host, Port: portOf(l.vault), To: v})
	}
	routes = append(routes, connectproxy.Route{Host: "localhost", Port: portOf(l.entra), To: e})
	if u.proxy, err = connectproxy.New(connectproxy.Config{Routes: routes, Log: u.in.Log}); err != nil {
		return err
	}
	listener := l.proxy
	u.work.Go(func() {
		if err := u.proxy.Serve(listener); err != nil {
			u.fail(fmt.Errorf("the proxy: %w", err))
		}
	})
	return nil
}

func (u *Up) background(ctx context.Context, what string, run func(context.Context) error) {
	u.work.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			u.fail(fmt.Errorf("%s: %w", what, err))
		}
	})
}

func (u *Up) fail(err error) {
	select {
	case u.failed <- err:
	default:
	}
}

// Failed gets what ended by itself while the server should run.
func (u *Up) Failed() <-chan error { return u.failed }

// stopBound is how long a stop may take when the start failed.
const stopBound = 5 * time.Second

// Stop ends the server in the reverse order of the start: run.json goes first, so that no script finds a server that is going;
// ports stop accepting and requests in flight finish until ctx ends; the proxy's tunnels end; background work ends; then the
// data directory closes, when nobody can write any more.
func (u *Up) Stop(ctx context.Context) error {
	errs := []error{running.Remove(u.in.FS, u.in.Dir)}
	if u.admin != nil {
		errs = append(errs, u.admin.Close())
	}
	if u.sql != nil {
		errs = append(errs, u.sql.close(ctx)) // while the keys of its databases can still be had
	}
	for i := len(u.ports) - 1; i >= 0; i-- {
		errs = append(errs, u.ports[i].shutdown(ctx))
	}
	if u.arc != nil {
		errs = append(errs, u.arc.Close())
	}
	if u.proxy != nil {
		errs = append(errs, u.proxy.Close())
	}
	u.cancel()
	u.work.Wait()
	errs = append(errs, u.in.Close())
	return errors.Join(errs...)
}

func portOf(l net.Listener) int {
	return int(netip.MustParseAddrPort(l.Addr().String()).Port())
}
