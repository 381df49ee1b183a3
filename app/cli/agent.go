package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"latchkey/app/agentd"
)

func agentCommand() *command {
	return &command{
		name: "agent", short: "reach key vaults for the library that SQL Server loads",
		long: `SQL Server loads a small library (CREATE CRYPTOGRAPHIC PROVIDER ... FROM FILE); the agent behind it holds connections, tokens and the map of
thumbprints. It can be stopped, changed and replaced while SQL Server runs. docs/agent.md tells how it is set up.`,
		sub: []*command{agentServeCommand(), agentStatusCommand(), agentInstallCommand(), agentUninstallCommand()},
	}
}

// agentFlags stand in for members of the settings' file.
type agentFlags struct {
	file, data, listen, allow, keymap, authority, ca, proxy, suffix string
	insecure                                                        bool
}

func (a *agentFlags) define(f *flag.FlagSet) {
	f.StringVar(&a.file, "config", "", "`FILE` with the settings, JSON; read again when it changes")
	f.StringVar(&a.listen, "listen", "", "`ADDRESS`: unix:/PATH or pipe:NAME (default unix:/run/latchkey/agent.sock, pipe:latchkey-agent on Windows)")
	f.StringVar(&a.allow, "allow", "", "comma-separated `ACCOUNTS` of database servers: names or uids, on Windows names or SIDs")
	f.StringVar(&a.keymap, "map", "", "`FILE` of the thumbprint map, or registry on Windows (default registry, else keymap in /var/lib/latchkey)")
	f.StringVar(&a.authority, "authority", "", "the only token authority to trust, `https://HOST[:PORT]`; default Entra ID's well-known hosts")
	f.StringVar(&a.ca, "ca-file", "", "`FILE` with the authorities of the certificates, PEM; default the system's")
	f.StringVar(&a.proxy, "proxy", "", "`URL` of an HTTP proxy, or direct; default what HTTPS_PROXY says")
	f.StringVar(&a.suffix, "suffix", "", "`DOMAIN` that completes a bare vault name; default the public cloud's")
	f.StringVar(&a.data, "data", "", "the data directory, `DIR`, of a running latchkey up, whose vault and token authority are to be used")
	f.BoolVar(&a.insecure, "insecure-tcp", false, "permit to listen on tcp:127.0.0.1:PORT, where everybody on the machine is served; for tests")
}

// override gives what the flags say to settings. It runs again whenever the file was read again.
func (a *agentFlags) override(c *call) (func(*agentd.Settings), error) {
	var every agentd.Vault
	if a.data != "" {
		r, err := c.running(a.data)
		if err != nil {
			return nil, err
		}
		every.CAFile, every.Proxy = r.CAFile, "http://"+r.Addresses.Proxy
	}
	abs := func(s string) string {
		if s == "" || s == "registry" {
			return s
		}
		if p, err := filepath.Abs(s); err == nil {
			return p
		}
		return s
	}
	flags := *a
	flags.ca, flags.keymap = abs(a.ca), abs(a.keymap)
	return func(s *agentd.Settings) {
		set := func(to *string, v string) {
			if v != "" {
				*to = v
			}
		}
		set(&s.Listen, flags.listen)
		set(&s.Map, flags.keymap)
		set(&s.Suffix, flags.suffix)
		if flags.allow != "" {
			s.Allow = strings.Split(flags.allow, ",")
		}
		v := s.Vaults["*"]
		set(&v.CAFile, every.CAFile)
		set(&v.Proxy, every.Proxy)
		set(&v.CAFile, flags.ca)
		set(&v.Proxy, flags.proxy)
		set(&v.Authority, flags.authority)
		vaults := map[string]agentd.Vault{"*": v}
		for host, v := range s.Vaults {
			if host != "*" {
				vaults[host] = v
			}
		}
		s.Vaults = vaults
	}, nil
}

func (a *agentFlags) config(c *call, log *slog.Logger) (agentd.Config, error) {
	override, err := a.override(c)
	if err != nil {
		return agentd.Config{}, err
	}
	version, _ := built()
	cfg := agentd.Config{
		FS: c.FS, Clock: c.Clock, Log: log, LookupEnv: c.LookupEnv, PID: os.Getpid(), Version: version,
		Override: override, Insecure: a.insecure,
	}
	if a.file != "" {
		if cfg.File, err = filepath.Abs(a.file); err != nil {
			return agentd.Config{}, err
		}
	}
	return cfg, nil
}

func agentServeCommand() *command {
	var a agentFlags
	var level string
	var check bool
	return &command{
		name: "serve", short: "serve the library until stopped or replaced",
		long: `Flags stand in for members of the file of --config. Started while an agent listens on the same socket, it takes the socket over: the old one
lets calls finish and ends, and nobody notices. On Windows stop the old one first; the library waits. SIGTERM lets calls finish (10 s).

The database server's account must be in --allow (or "allow" in the file). Credentials come from the database server with each session and
are kept nowhere. --check reads the settings, says what is wrong with them, and starts nothing.`,
		flags: func(f *flag.FlagSet) {
			a.define(f)
			f.BoolVar(&check, "check", false, "check the settings and stop")
			logFlag(f, &level)
		},
		run: func(ctx context.Context, c *call) error {
			p, err := c.process(level)
			if err != nil {
				return err
			}
			cfg, err := a.config(c, p.Log)
			if err != nil {
				return err
			}
			if check {
				if _, err := cfg.Load(); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.Stdout, "the settings are sound")
				return err
			}
			c.tuneGC()
			if ran, err := agentd.AsService(agentd.ServiceName, func(ctx context.Context, log *slog.Logger) error {
				cfg.Log, cfg.Service = log, true
				return agentd.Run(ctx, cfg)
			}); ran || err != nil {
				return err
			}
			cfg.Ready = func(address string) { fmt.Fprintf(c.Stderr, "latchkey: agent ready on %s\n", address) }
			return agentd.Run(ctx, cfg)
		},
	}
}

func agentStatusCommand() *command {
	var listen, owner, format string
	var insecure bool
	return &command{
		name: "status", short: "ask the agent how it is, as the library would",
		flags: func(f *flag.FlagSet) {
			f.StringVar(&listen, "listen", "", "`ADDRESS` of the agent; default as for serve")
			f.StringVar(&owner, "owner", "", "`ACCOUNT` that may listen besides system and administrators: name, uid or SID")
			f.StringVar(&format, "format", "text", "`FORMAT` of the output: text or json")
			f.BoolVar(&insecure, "insecure-tcp", false, "permit tcp:127.0.0.1:PORT; for tests")
		},
		run: func(ctx context.Context, c *call) error {
			if format != "text" && format != "json" {
				return usagef("--format is text or json, not %q", format)
			}
			var owners []string
			if owner != "" {
				owners = []string{owner}
			}
			s, err := agentd.Ask(ctx, listen, owners, insecure, c.Clock.Now)
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(c.Stdout).Encode(s)
			}
			out := &errWriter{w: c.Stdout}
			state := "serving"
			if s.Going {
				state = "leaving"
			}
			out.printf("address      %s\nstate        %s since %s\nversion      %s\nprovider     %s\n", s.Address, state, s.Uptime, s.Version, s.Provider)
			out.printf("connections  %d\nsessions     %d\nrunning      %d calls\nanswered in  %s\n", s.Connections, s.Sessions, s.Running, s.RoundTrip)
			return out.err
		},
	}
}

func agentInstallCommand() *command {
	var a agentFlags
	var service agentd.ServiceConfig
	return &command{
		name: "install", short: "make the agent a service of Windows, with its source of events",
		long: `The service runs latchkey agent serve with the same flags, under its own virtual account unless --account names another, starts at boot and is
restarted when it fails. It also writes HKLM\SOFTWARE\Latchkey, where the library finds which account it may trust. Run it as an
administrator; again, to change the flags. On Linux install the units of packaging/systemd instead.`,
		flags: func(f *flag.FlagSet) {
			a.define(f)
			f.StringVar(&service.Name, "service", agentd.ServiceName, "`NAME` of the service")
			f.StringVar(&service.Account, "account", "", "`ACCOUNT` to run as (default NT SERVICE\\NAME)")
		},
		run: func(_ context.Context, c *call) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			service.Program, service.Listen = program, a.listen
			service.Args = []string{"agent", "serve"}
			for _, f := range []struct{ name, value string }{
				{"config", a.file},
				{"listen", a.listen},
				{"allow", a.allow},
				{"map", a.keymap},
				{"authority", a.authority},
				{"ca-file", a.ca},
				{"proxy", a.proxy},
				{"suffix", a.suffix},
			} {
				if f.value == "" {
					continue
				}
				if (f.name == "config" || f.name == "ca-file") && !filepath.IsAbs(f.value) {
					return usagef("--%s of a service is an absolute path, not %q", f.name, f.value)
				}
				service.Args = append(service.Args, "--"+f.name, f.value)
			}
			if a.data != "" || a.insecure {
				return usagef("--data and --insecure-tcp are for tests, not for a service")
			}
			cfg, err := a.config(c, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			if _, err := cfg.Load(); err != nil {
				return err
			}
			if err := agentd.Install(service); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Stdout, "service %s is installed; start it with: sc start %s\n", service.Name, service.Name)
			return err
		},
	}
}

func agentUninstallCommand() *command {
	var name string
	return &command{
		name: "uninstall", short: "stop and remove the service of Windows and its source of events",
		flags: func(f *flag.FlagSet) {
			f.StringVar(&name, "service", agentd.ServiceName, "`NAME` of the service")
		},
		run: func(_ context.Context, c *call) error {
			if err := agentd.Uninstall(name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.Stdout, "service %s is removed\n", name)
			return err
		},
	}
}
