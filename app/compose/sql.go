package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/app/agentd"
	"latchkey/app/running"
	"latchkey/ekm"
	"latchkey/engine"
	"latchkey/engine/keystmt/provider"
)

const (
	// SQLLogin is the sysadmin that the first start makes.
	SQLLogin  = "dba"
	EngineDir = "engine" // in the data directory: everything of the database server
	keymapDir = "keymap" // the thumbprint map, in the engine's
)

// providerFiles are the names of libraries that stand for the built-in connector in CREATE CRYPTOGRAPHIC PROVIDER ... FROM FILE.
func providerFiles() []string {
	return []string{"Microsoft.AzureKeyVaultService.EKM.dll", "latchkey-ekm.dll", "liblatchkey-ekm.so"}
}

// sqlServer is a database server and the connector that it has built in.
type sqlServer struct {
	engine    *engine.Engine
	connector ekm.Provider
	served    []chan error
}

// openSQL opens a database server over the connector of settings. c.Providers is set here.
func openSQL(ctx context.Context, c engine.Config, a agentd.Config, settings *agentd.Settings) (*sqlServer, error) {
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
	return &sqlServer{engine: e, connector: p}, nil
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

// close ends the server, then its way to keys.
func (s *sqlServer) close(ctx context.Context) error {
	err := s.engine.Close(ctx)
	for _, done := range s.served {
		<-done
	}
	return errors.Join(err, s.connector.Close())
}

// serveSQL opens the database server of the data directory and serves it on the port that was bound for it.
func (u *Up) serveSQL(ctx context.Context, c UpConfig, l *listeners, secrets *running.Secrets) error {
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
	u.sql, err = openSQL(ctx, engine.Config{
		Dir: dir, FS: in.FS, Clock: in.Clock, Log: in.Log, PID: in.PID, TLS: u.ca.TLSConfig(),
		Admin: &engine.Admin{Name: SQLLogin, Password: secrets.SQLPassword.Clone(), Reset: !given},
	}, agentd.Config{FS: in.FS, Clock: in.Clock, Log: in.Log, LookupEnv: lookup}, &agentd.Settings{
		Map: filepath.Join(dir, keymapDir), LogLevel: "error",
		Vaults: map[string]agentd.Vault{"*": {CAFile: u.ca.BundlePath(), Proxy: "http://" + u.Info.Addresses.Proxy}},
	})
	if err != nil {
		return fmt.Errorf("opening the database server: %w", err)
	}
	if err := in.NoteSQLGiven(); err != nil {
		return err
	}
	u.Info.Addresses.SQL, u.Info.SQLLogin = l.sql.Addr().String(), SQLLogin
	u.sql.serve(l.sql, u.fail)
	l.sql = nil
	if c.Demo {
		if err := u.demo(ctx, secrets); err != nil {
			return fmt.Errorf("running the documented set-up: %w", err)
		}
	}
	return nil
}
