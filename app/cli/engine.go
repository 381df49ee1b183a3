package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"latchkey/app/compose"
	"latchkey/engine"
	"latchkey/internal/secret"
)

// adminVariable is where engine finds the password of a new server's first login when no file is named.
const adminVariable = "LATCHKEY_ADMIN_PASSWORD"

// engineFlags are those of latchkey engine.
type engineFlags struct {
	file, level, data, listen, cert, key, names, passwordFile, profile, metrics string
	check                                                                       bool
}

func engineCommand() *command {
	var f engineFlags
	return &command{
		name: "engine", short: "serve databases to SQL clients, with keys in real key vaults",
		long: `A database server alone: clients speak TDS and T-SQL, each database is one encrypted file, and the keys stay in Azure Key Vault, a Managed
HSM or latchkey vault. CREATE CRYPTOGRAPHIC PROVIDER ... FROM FILE takes the documented path of the connector's library as a name for the
connector that is built in.

--config names a file in strict JSON: an unknown member is an error. Flags stand in for its members. --check reads the file, says what is
wrong with it, and starts nothing.

A new server gets one login, dba, a sysadmin. Its password is read from --admin-password-file, or $` + adminVariable + `; without either, one is
made and written to DIR/dba.password, which only the server's account may read: take it out of there and remove the file. sa exists and is
disabled.`,
		flags: func(s *flag.FlagSet) {
			s.StringVar(&f.file, "config", "", "`FILE` with the configuration")
			s.StringVar(&f.data, "data", "", "data folder, `DIR`")
			s.StringVar(&f.listen, "listen", "", "comma-separated `ADDR` list to listen on, such as 0.0.0.0:1433")
			s.StringVar(&f.cert, "cert", "", "`FILE` with the server's certificate, PEM")
			s.StringVar(&f.key, "key", "", "`FILE` with its private key, PEM")
			s.StringVar(&f.names, "own-names", "", "comma-separated `NAMES` to make a certificate for, in place of --cert; clients trust DIR/tls/ca.pem")
			s.StringVar(&f.passwordFile, "admin-password-file", "", "`FILE` with the password of a new server's login dba, - for standard input")
			s.StringVar(&f.profile, "monitor-profile", "", "`NAME` of how keys are watched: latchkey (heals for ever), azure (30 minutes), azure-2019 (8 hours)")
			s.StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at `ADDR`, plain HTTP without a login: best on loopback")
			s.BoolVar(&f.check, "check", false, "check the configuration and stop")
			logFlag(s, &f.level)
		},
		run: func(ctx context.Context, c *call) error { return c.engine(ctx, f) },
	}
}

func (c *call) engine(ctx context.Context, f engineFlags) error {
	config, err := c.engineConfig(f)
	if err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return err
	}
	if f.check {
		_, err := fmt.Fprintln(c.Stdout, "the configuration is sound")
		return err
	}
	start := compose.EngineStart{}
	if start.Process, err = c.process(f.level); err != nil {
		return err
	}
	if start.Password, err = c.adminPassword(f.passwordFile); err != nil {
		return err
	}
	c.tuneGC()
	began := c.Clock.Now()
	server, err := compose.StartEngine(ctx, start, config)
	if errors.Is(err, engine.ErrInUse) {
		return withHint(err, "stop the other server, or give --data another folder")
	}
	if err != nil {
		return err
	}
	for _, a := range server.Addresses {
		fmt.Fprintf(c.Stderr, "latchkey: sql %s\n", a)
	}
	if server.Metrics != "" {
		fmt.Fprintf(c.Stderr, "latchkey: metrics http://%s/metrics\n", server.Metrics)
	}
	if server.CAFile != "" {
		fmt.Fprintf(c.Stderr, "latchkey: clients must trust %s\n", server.CAFile)
	}
	if server.PasswordFile != "" {
		fmt.Fprintf(c.Stderr, "latchkey: the password of the login %s is in %s: take it out of there and remove the file\n", compose.SQLLogin, server.PasswordFile)
	}
	fmt.Fprintf(c.Stderr, "latchkey: ready in %d ms\n", c.Clock.Now().Sub(began).Milliseconds())
	return wait(ctx, c, server)
}

// engineConfig is the file's configuration with the flags in it.
func (c *call) engineConfig(f engineFlags) (*compose.EngineConfig, error) {
	config := &compose.EngineConfig{}
	if f.file != "" {
		var err error
		if config, err = compose.ReadEngineConfig(c.FS, f.file); err != nil {
			return nil, err
		}
	}
	for _, p := range []struct {
		flag string
		to   *string
	}{{f.data, &config.Data}, {f.cert, &config.TLS.Cert}, {f.key, &config.TLS.Key}} {
		if p.flag == "" {
			continue
		}
		abs, err := filepath.Abs(p.flag)
		if err != nil {
			return nil, err
		}
		*p.to = abs
	}
	if f.profile != "" {
		config.Monitor.Profile = f.profile
	}
	if f.metrics != "" {
		config.Notify.Metrics = f.metrics
	}
	if f.listen != "" {
		config.Listen = strings.Split(f.listen, ",")
	}
	if f.names != "" {
		config.TLS.OwnNames = strings.Split(f.names, ",")
	}
	if f.file == "" && f.data == "" {
		return nil, usagef("--config or --data is missing")
	}
	return config, nil
}

// adminPassword reads the first login's password; nil if nobody gives one.
func (c *call) adminPassword(file string) (*secret.Bytes, error) {
	if file == "" {
		if v, ok := c.LookupEnv(adminVariable); ok && v != "" {
			_ = c.Unsetenv(adminVariable) // it stays readable for this process alone otherwise
			return secret.FromString(v), nil
		}
		return nil, nil
	}
	b, err := c.readInput(file, 4096)
	if err != nil {
		return nil, fmt.Errorf("reading the first login's password: %w", err)
	}
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return secret.Take(b), nil
}
