package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"latchkey/app/alerts"
	"latchkey/app/compose"
	"latchkey/app/install"
	"latchkey/app/running"
)

// stopBound is how long requests in flight have to finish at a stop.
const stopBound = 10 * time.Second

func upCommand() *command {
	var data, level, notify, metrics string
	var u compose.UpConfig
	return &command{
		name: "up", short: "run vault, token authority, proxy and database server in one process until stopped",
		long: `The first start makes the data directory with a vault "latchkey-dev" holding an RSA-2048 key "ContosoRSAKey0", a Managed HSM
"latchkey-hsm", and two service principals: one that may do everything with keys (latchkey env, latchkey key), one that may get, wrap and
unwrap (LATCHKEY_CONNECTOR_CLIENT_ID). The database server gets a sysadmin login "dba"; latchkey sql and $SQLSERVER_DSN of latchkey env use it.
Later starts go on with what is there.

When it is ready it writes DIR/run.json (addresses, CA file, process id) and removes it at stop. It listens on loopback only. To serve
other machines, use latchkey vault serve.

--seal says where the key comes from that seals private keys at rest: file:PATH (32 random bytes, hex or base64), env:NAME,
passphrase-file:PATH, passphrase-env:NAME, prompt, credential:NAME (systemd), or dev, a file beside the data, which protects nothing and is the
default of a new directory. A directory keeps the source that it was made with; latchkey vault reseal changes it.`,
		flags: func(f *flag.FlagSet) {
			dataFlag(f, &data)
			f.StringVar(&u.Seal, "seal", "", "`SPEC` of the seal key's source")
			f.StringVar(&u.SQLAddr, "sql", "", "database server `ADDR`, TDS, or none; default for this and the next four: that of the last start, else a free port on 127.0.0.1")
			f.BoolVar(&u.Demo, "demo", false, "also run the documented set-up once: provider AzureKeyVault_EKM, a credential, the asymmetric key LatchkeyDemoKey and its login")
			f.StringVar(&u.VaultAddr, "vault", "", "vault `ADDR`, https")
			f.StringVar(&u.EntraAddr, "entra", "", "token authority `ADDR`, https")
			f.StringVar(&u.ProxyAddr, "proxy", "", "CONNECT proxy `ADDR`")
			f.StringVar(&u.IMDSAddr, "imds", "", "managed identity `ADDR`, http: loopback, 169.254.169.254:80, or none")
			f.StringVar(&u.ArcAddr, "arc", "", "also answer as an Azure Arc machine at `ADDR`, http, loopback: clients get IDENTITY_ENDPOINT=http://ADDR/metadata/identity/oauth2/token, IMDS_ENDPOINT=http://ADDR")
			f.StringVar(&u.ArcKeys, "arc-keys", "", "`DIR` of that endpoint's key files; default /var/opt/azcmagent/tokens, where SDKs on Linux look")
			f.StringVar(&u.MonitorProfile, "monitor-profile", "", "`NAME` of how keys are watched: latchkey (heals for ever), azure (30 minutes), azure-2019 (8 hours); default latchkey")
			f.StringVar(&notify, "notify", "", "`FILE` that says who is told of keys: webhooks, syslog, mail (docs/monitor.md)")
			f.StringVar(&metrics, "metrics", "", "serve Prometheus metrics at `ADDR`, loopback, such as 127.0.0.1:9464")
			f.StringVar(&u.Throttle, "throttle", "off", "`PROFILE` of limits of calls: off, or real for those of the real service")
			f.DurationVar(&u.Delay, "delete-delay", 0, "`DURATION` until a deletion or recovery shows, some seconds in the real service")
			logFlag(f, &level)
		},
		run: func(ctx context.Context, c *call) error {
			c.tuneGC()
			start := c.Clock.Now()
			var err error
			if u.Process, err = c.process(level); err != nil {
				return err
			}
			if u.Dir, err = c.dataDir(data); err != nil {
				return err
			}
			if u.SQLAddr == "none" && (notify != "" || metrics != "" || u.MonitorProfile != "" || u.Demo) {
				return usagef("--notify, --metrics, --monitor-profile and --demo are for the database server, which --sql none leaves out")
			}
			if notify != "" {
				n, err := alerts.Read(c.FS, notify)
				if err != nil {
					return err
				}
				u.Notify = *n
			}
			if metrics != "" {
				u.Notify.Metrics = metrics
			}
			server, err := compose.StartUp(ctx, u)
			if errors.Is(err, install.ErrInUse) {
				return withHint(err, "another latchkey up or vault serve runs there; stop it, or give --data another directory")
			}
			if err != nil {
				return err
			}
			i := server.Info
			fmt.Fprintf(c.Stderr, `latchkey: vault  %s  (%s)
latchkey: hsm    %s
latchkey: tokens %s  (%s)
latchkey: proxy  http://%s
%slatchkey: use it from another terminal: eval "$(latchkey env --data '%s')"
latchkey: ready in %d ms; stop with ctrl-c
`, i.VaultURL, i.Addresses.Vault, i.HSMURL, i.AuthorityHost, i.Addresses.Entra, i.Addresses.Proxy, sqlLine(i), i.DataDir, c.Clock.Now().Sub(start).Milliseconds())
			return wait(ctx, c, server)
		},
	}
}

// sqlLine tells of the database server, if there is one.
func sqlLine(i *running.Info) string {
	if i.Addresses.SQL == "" {
		return ""
	}
	s := fmt.Sprintf("latchkey: sql    %s as %s (latchkey sql --data '%s')\n", i.Addresses.SQL, i.SQLLogin, i.DataDir)
	if i.Addresses.Metrics != "" {
		s += fmt.Sprintf("latchkey: metrics http://%s/metrics\n", i.Addresses.Metrics)
	}
	return s
}

func logFlag(f *flag.FlagSet, level *string) {
	f.StringVar(level, "log", "info", "`LEVEL` of messages on standard error: debug, info, warn, error")
}

// process is what the parts get of this process.
func (c *call) process(level string) (install.Process, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return install.Process{}, usagef("--log is debug, info, warn or error, not %q", level)
	}
	return install.Process{
		FS: c.FS, Clock: c.Clock, PID: os.Getpid(), LookupEnv: c.LookupEnv, Unsetenv: c.Unsetenv, Prompt: c.Prompt,
		Log: slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: l})),
	}, nil
}
