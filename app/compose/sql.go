package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/app/agentd"
	"latchkey/app/alerts"
	"latchkey/app/running"
	"latchkey/ekm"
	"latchkey/engine"
	"latchkey/engine/keystmt/provider"
	"latchkey/entra"
	"latchkey/internal/clock"
	"latchkey/monitor/expiry"
)

const (
	// SQLLogin is the sysadmin that the first start makes.
	SQLLogin  = "dba"
	EngineDir = "engine" // in the data directory: everything of the database server
	keymapDir = "keymap" // the thumbprint map, in the engine's

	monitorDir = "monitor" // states of keys, activity log and what was told of it, in the engine's
)

// providerFiles are the names of libraries that stand for the built-in connector in CREATE CRYPTOGRAPHIC PROVIDER ... FROM FILE.
func providerFiles() []string {
	return []string{"Microsoft.AzureKeyVaultService.EKM.dll", "latchkey-ekm.dll", "liblatchkey-ekm.so"}
}

// sqlServer is a database server and the connector that it has built in.
type sqlServer struct {
	engine    *engine.Engine
	connector ekm.Provider
	alerts    *alerts.Alerts
	served    []chan error
}

// openSQL opens a database server over the connector of settings, and tells people of its keys as notify says. c.Providers and what watches the monitor are
// set here.
func openSQL(ctx context.Context, c engine.Config, a agentd.Config, settings *agentd.Settings, notify alerts.Config) (_ *sqlServer, err error) {
	told, err := alerts.New(alerts.Options{
		Config: notify, Dir: filepath.Join(c.Dir, monitorDir), FS: c.FS, Clock: c.Clock, Log: c.Log, LookupEnv: a.LookupEnv, Unsetenv: a.Unsetenv, PID: c.PID,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, told.Close())
		}
	}()
	a.OnExpiry, a.Metrics = told.SawExpiry, told.Metrics().Registerer()
	m := &c.Monitor
	m.Activity, m.Observe, m.Round, m.Expiries = told.Wake, told.Metrics().Observe, told.Metrics().Round, told.Expiries
	p, err := agentd.Provider(a, settings)
	if err != nil {
		return nil, err
	}
	files := providerFiles()
	if c.Loader != nil {
		files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, ".so") }) // a file of its own then
	}
	c.Providers = []provider.Builtin{{Files: files, Provider: p}}
	e, err := engine.Open(ctx, c)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	s := &sqlServer{engine: e, connector: p, alerts: told}
	if err = told.Start(alerts.Watched{Server: e.Name(), Log: e.ActivityLog(), Note: e.Note, Subjects: e.KeyAccess}); err != nil {
		stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
		defer done()
		return nil, errors.Join(err, e.Close(stopping), p.Close())
	}
	return s, nil
}

// serve accepts clients from l from now on; failed is told when that ends by itself.
func (s *sqlServer) serve(l net.Listener, failed func(error)) {
	done := make(chan error, 1)
	s.served = append(s.served, done)
	go func() {
		err := s.engine.Serve(l)
		if err != nil {
			failed(fmt.Errorf("the SQL port: %w", err))
		}
		done <- err
	}()
}

// close ends the server, then its way to keys. What happens meanwhile is told at the next start.
func (s *sqlServer) close(ctx context.Context) error {
	err := errors.Join(s.alerts.Close(), s.engine.Close(ctx))
	for _, done := range s.served {
		<-done
	}
	return errors.Join(err, s.connector.Close())
}

// serveSQL opens the database server of the data directory and serves it on the port that was bound for it.
func (u *Up) serveSQL(ctx, background context.Context, c UpConfig, l *listeners, secrets *running.Secrets) error {
	if l.sql == nil {
		return nil
	}
	in := u.in
	given, err := in.SQLGiven()
	if err != nil {
		return err
	}
	dir := filepath.Join(in.Dir, EngineDir)
	lookup := in.LookupEnv
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	profile, err := EngineMonitor{Profile: c.MonitorProfile}.Check()
	if err != nil {
		return err
	}
	u.sql, err = openSQL(ctx, engine.Config{
		Monitor: engine.Monitor{Profile: profile},
		Dir:     dir, FS: in.FS, Clock: in.Clock, Log: in.Log, PID: in.PID, TLS: u.ca.TLSConfig(),
		Admin: &engine.Admin{Name: SQLLogin, Password: secrets.SQLPassword.Clone(), Reset: !given},
	}, agentd.Config{FS: in.FS, Clock: in.Clock, Log: in.Log, LookupEnv: lookup, Unsetenv: in.Unsetenv}, &agentd.Settings{
		Map: filepath.Join(dir, keymapDir), LogLevel: "error",
		Vaults: map[string]agentd.Vault{"*": {CAFile: u.ca.BundlePath(), Proxy: "http://" + u.Info.Addresses.Proxy}},
	}, c.Notify)
	if err != nil {
		return fmt.Errorf("opening the database server: %w", err)
	}
	if err := in.NoteSQLGiven(); err != nil {
		return err
	}
	u.Info.Addresses.Metrics = u.sql.alerts.Address()
	u.Info.Addresses.SQL, u.Info.SQLLogin = l.sql.Addr().String(), SQLLogin
	u.sql.serve(l.sql, u.fail)
	l.sql = nil
	u.background(background, "the ends of client secrets", u.watchSecrets)
	if c.Demo {
		if err := u.demo(ctx, secrets); err != nil {
			return fmt.Errorf("running the documented set-up: %w", err)
		}
	}
	return nil
}

// watchSecrets tells when the client secrets of this installation's own directory end: of each application the one that ends last, since a new one is made before the old
// one ends.
func (u *Up) watchSecrets(ctx context.Context) error {
	for {
		for _, app := range u.in.Entra.Apps(u.Info.TenantID) {
			var last entra.Secret
			for _, s := range app.Secrets {
				if s.Expires.After(last.Expires) {
					last = s
				}
			}
			if !last.Expires.IsZero() {
				u.sql.alerts.See(expiry.Item{Kind: "secret", Object: fmt.Sprintf("client secret of %q, %s", app.Name, app.ClientID), NotAfter: last.Expires})
			}
		}
		if err := clock.Sleep(ctx, u.in.Clock, time.Hour); err != nil {
			return nil //nolint:nilerr // it is to end
		}
	}
}
