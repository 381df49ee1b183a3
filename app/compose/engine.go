package compose

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"time"

	"latchkey/agent/loader"
	"latchkey/app/agentd"
	"latchkey/app/install"
	"latchkey/ekm/code"
	"latchkey/engine"
	"latchkey/engine/catalog/password"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/fsys"
	"latchkey/internal/localca"
	"latchkey/internal/secret"
)

// tlsDir is where an engine's own certificate authority lies in its data folder.
const tlsDir = "tls"

// passwordFile is where the password of a new server's first login is written when nobody gave one.
const passwordFile = SQLLogin + ".password"

// Engine is a database server alone.
type Engine struct {
	Addresses []string // where it listens, in the order of the configuration
	CAFile    string   // what clients must trust; "" with a certificate of your own
	// PasswordFile holds the password of the first login of a new server; "" if it was given, or the server is not new.
	PasswordFile string
	Metrics      string // where metrics are served; "" for nowhere

	sql    *sqlServer
	failed chan error
}

// EngineStart is what StartEngine needs besides the configuration.
type EngineStart struct {
	install.Process
	// Password is that of the first login of a new server; nil makes one and writes it to a file. It is destroyed.
	Password *secret.Bytes
}

// StartEngine runs a database server over real key vaults. ctx bounds the start alone; stop it with Stop.
func StartEngine(ctx context.Context, p EngineStart, c *EngineConfig) (_ *Engine, err error) {
	p.Defaults()
	defer p.Password.Destroy()
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := probe(p.Process, c.Notify); err != nil {
		return nil, err
	}
	e := &Engine{failed: make(chan error, 8)}
	var listeners []net.Listener
	defer func() {
		if err == nil {
			return
		}
		for _, l := range listeners {
			_ = l.Close()
		}
		stopping, done := context.WithTimeout(context.Background(), stopBound)
		defer done()
		err = errors.Join(err, e.Stop(stopping))
	}()
	for _, addr := range c.Listen { // a taken port is told before anything is made
		l, err := bind("SQL", addr)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
	}
	tlsConfig, err := e.tls(p, c)
	if err != nil {
		return nil, err
	}
	admin := &engine.Admin{Name: SQLLogin}
	if p.Password.Len() > 0 {
		admin.Password = p.Password.Clone()
	} else {
		admin.Make = func() (*secret.Bytes, error) {
			e.PasswordFile = filepath.Join(c.Data, passwordFile)
			return firstPassword(p.FS, e.PasswordFile)
		}
	}
	lookup := p.LookupEnv
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	l := c.Limits
	profile, err := c.Monitor.Check()
	if err != nil {
		return nil, err
	}
	var libraries provider.Loader
	if c.Provider.Loader != "" {
		libraries = loader.New(loader.Config{Program: c.Provider.Loader, Log: p.Log})
	}
	e.sql, err = openSQL(ctx, engine.Config{
		Loader: libraries,
		Dir:    c.Data, ServiceKeyDir: c.ServiceKeyDir, FS: p.FS, Clock: p.Clock, Log: p.Log, PID: p.PID, Name: c.Name,
		Admin: admin, SharedCredentials: c.SharedCredentials,
		TLS: tlsConfig, ForceEncryption: !c.AllowPlain, Limits: l.server(),
		Memory: l.MemoryMebibytes << 20,
		Databases: engine.Databases{
			Connections: l.DatabaseConnections, Unwraps: l.Unwraps, CacheBytes: l.CacheMebibytes << 20, TempBytes: l.TempMebibytes << 20,
			SpillBytes: l.SpillMebibytes << 20, ScanRate: l.ScanMebibytes << 20,
		},
		Monitor: engine.Monitor{Profile: profile, Timeout: time.Duration(c.Monitor.TimeoutSeconds) * time.Second},
	}, agentd.Config{FS: p.FS, Clock: p.Clock, Log: p.Log, LookupEnv: lookup, Unsetenv: p.Unsetenv}, c.settings(), c.Notify)
	if err != nil {
		return nil, err
	}
	e.Metrics = e.sql.alerts.Address()
	for _, l := range listeners {
		e.Addresses = append(e.Addresses, l.Addr().String())
		e.sql.serve(l, e.fail)
	}
	listeners = nil
	return e, nil
}

// firstPassword makes the password of a new server's first login. It is on disk before the login is, so that a crash between the two
// locks nobody out; the file of such an attempt is used again.
func firstPassword(f fsys.FS, file string) (*secret.Bytes, error) {
	b, err := fsys.ReadFile(f, file, 1024)
	defer secret.Wipe(b)
	if err == nil && len(b) > 1 {
		if have := secret.New(b[:len(b)-1]); password.Policy(have, SQLLogin) == nil {
			return have, nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	made := password.Random()
	text := append(append([]byte(nil), made.Expose()...), '\n')
	defer secret.Wipe(text)
	if err := fsys.WriteFile(f, file, text, 0o600); err != nil {
		made.Destroy()
		return nil, err
	}
	return made, nil
}

func (e *Engine) tls(p EngineStart, c *EngineConfig) (*tls.Config, error) {
	if c.TLS.Cert != "" {
		return newCertFiles(p.FS, p.Clock, c.TLS.Cert, c.TLS.Key)
	}
	dir := filepath.Join(c.Data, tlsDir)
	if err := p.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of certificates: %w", err)
	}
	ca, err := localca.Open(localca.Config{FS: p.FS, Clock: p.Clock, Dir: dir, Names: c.TLS.OwnNames})
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "opening the local certificate authority", dir, err)
	}
	e.CAFile = ca.BundlePath()
	return ca.TLSConfig(), nil
}

func (e *Engine) fail(err error) {
	select {
	case e.failed <- err:
	default:
	}
}

// Failed gets what ended by itself while the server should run.
func (e *Engine) Failed() <-chan error { return e.failed }

// Stop lets requests finish until ctx ends, then closes databases and catalogue.
func (e *Engine) Stop(ctx context.Context) error {
	if e.sql == nil {
		return nil
	}
	return e.sql.close(ctx)
}
