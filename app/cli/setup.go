package cli

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/akv"
	"latchkey/app/running"
	"latchkey/ekm"
	"latchkey/internal/secret"
	"latchkey/ops/install"
	"latchkey/ops/rotate"
	"latchkey/ops/runbook"
	"latchkey/ops/setup"
)

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// bookFlags are those of every runbook.
type bookFlags struct {
	sqlFlags
	apply     bool
	journal   string
	databases list
}

func (b *bookFlags) flags(f *flag.FlagSet) {
	dataFlag(f, &b.data)
	f.BoolVar(&b.apply, "apply", false, "do it; without this the plan is shown and nothing is changed")
	f.StringVar(&b.journal, "journal", "", "note in `FILE` what is begun and done")
	f.Var(&b.databases, "database", "the database `NAME`; may be repeated")
}

// book is the server of a runbook.
type book struct {
	server runbook.Server
	runner *runbook.Runner
	local  *running.Info // of latchkey up; nil for another server
	close  func()
}

// book opens the server that flags and arguments name, and finds the secret.
func (c *call) book(ctx context.Context, b *bookFlags) (_ *book, err error) {
	cfg, err := c.sqlTarget(ctx, b.sqlFlags)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(mssql.NewConnectorConfig(cfg))
	k := &book{server: runbook.Server{DB: db}}
	k.close = func() { _ = db.Close() }
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	if err := db.PingContext(ctx); err != nil {
		return nil, connectError(cfg, err)
	}
	k.runner = &runbook.Runner{DB: db, Out: c.Stderr, Clock: c.Clock}
	if len(c.args) == 0 {
		dsn, _ := c.LookupEnv("SQLSERVER_DSN")
		switch local, err := c.running(b.data); {
		case b.data == "" && dsn != "":
			// latchkey env gives the DSN of a running latchkey up: that is the same server as without the variable.
			if err == nil && local.Addresses.SQL == net.JoinHostPort(cfg.Host, fmt.Sprint(cfg.Port)) {
				k.local = local
			}
		case err != nil:
			return nil, err
		default:
			k.local = local
		}
	}
	if k.runner.Secret, err = c.ekmSecret(k.local); err != nil {
		return nil, err
	}
	closeDB := k.close
	if b.journal != "" && b.apply {
		if k.runner.Journal, err = runbook.OpenJournal(c.FS, b.journal, os.O_RDWR|os.O_CREATE); err != nil {
			return nil, fmt.Errorf("opening the journal: %w", err)
		}
	}
	k.close = func() {
		k.runner.Secret.Destroy()
		_ = k.runner.Journal.Close()
		closeDB()
	}
	return k, nil
}

// ekmSecret is SECRET of the credential: from the environment, or that of a running latchkey up. Nil if there is none: then plans can be shown.
func (c *call) ekmSecret(r *running.Info) (*secret.Bytes, error) {
	if s, ok := c.LookupEnv("LATCHKEY_EKM_SECRET"); ok && s != "" {
		return secret.FromString(s), nil
	}
	if r == nil {
		return nil, nil
	}
	secrets, err := r.ReadSecrets(c.FS)
	if err != nil {
		return nil, err
	}
	defer wipe(secrets)
	return r.CredentialSecret(secrets), nil
}

func setupCommand() *command {
	var b bookFlags
	var o setup.Options
	var i installFlags
	return &command{
		name: "setup", args: "[DSN]", short: "set up a key of a vault on a SQL Server, and encrypt databases with it",
		long: `Looks at the server and prints the statements that are missing, as a script; --apply runs them in order, takes back what it did if one fails, looks
again and waits for encryption to end. What is there already is left, so it can be run again.

The server is the DSN's, that of --data, or $SQLSERVER_DSN, as for latchkey sql. The credential's secret, 32 hexadecimal digits of the client id and the client secret, is taken
from $LATCHKEY_EKM_SECRET (latchkey env has it for a running latchkey up).

With --install it first installs, on this machine, the library that SQL Server loads, this program, and the agent: on Linux as units of systemd, on Windows as a
service with its source of events and its access to the registry. That is shown, done and taken back like the rest.`,
		flags: func(f *flag.FlagSet) {
			b.flags(f)
			i.flags(f)
			f.StringVar(&o.Vault, "vault", "", "the vault, `NAME` or host; default that of a running latchkey up")
			f.StringVar(&o.Key, "key", "", "the key in it, `NAME` or NAME/VERSION; default that of a running latchkey up")
			f.StringVar(&o.File, "file", "", "the provider's library as the server sees it, `PATH`; default the one that --install puts, else the documented one on Windows, which our server takes as a name")
			f.StringVar(&o.Algorithm, "algorithm", "AES_256", "of databases' keys: AES_128, AES_192 or AES_256")
			f.StringVar(&o.Provider, "provider", "", "`NAME` of the provider; default AzureKeyVault_EKM")
			f.StringVar(&o.Credential, "credential", "", "`NAME` of the credential")
			f.StringVar(&o.AsymmetricKey, "asymmetric-key", "", "`NAME` of the asymmetric key")
			f.StringVar(&o.Login, "key-login", "", "`NAME` of the login made from the key")
		},
		run: func(ctx context.Context, c *call) error {
			if err := i.check(c.args); err != nil {
				return err
			}
			here, library, err := i.plan(ctx, c)
			if err != nil {
				return err
			}
			if i.only {
				return i.alone(ctx, c, here, library, b.apply)
			}
			o.File = or(o.File, library)
			k, err := c.book(ctx, &b)
			if err != nil {
				return err
			}
			defer k.close()
			key := setup.Key{Vault: o.Vault, Name: o.Key, Credential: o.Credential, AsymmetricKey: o.AsymmetricKey, Login: o.Login}
			if err := c.localKey(ctx, k, &key, false); err != nil {
				return err
			}
			o.Vault, o.Key, o.Credential, o.AsymmetricKey, o.Login = key.Vault, key.Name, key.Credential, key.AsymmetricKey, key.Login
			o.Databases = b.databases
			if err := o.Check(); err != nil {
				if o.Vault == "" || o.Key == "" {
					return &usageError{msg: err.Error(), hint: "--vault and --key name the key; --data and $SQLSERVER_DSN of latchkey env take that of a running latchkey up"}
				}
				return usagef("%v", err)
			}
			steps, err := setup.Plan(ctx, k.server, o)
			if err != nil {
				return err
			}
			if !b.apply {
				if err := install.Show(c.Stdout, here); err != nil {
					return err
				}
				return showPlan(c, steps, install.Left(here), len(here))
			}
			err = i.apply(ctx, c, here, func() error { return k.runner.Apply(ctx, steps) })
			if err != nil {
				return err
			}
			err = setup.Verify(ctx, k.server, o, c.Clock, func(d string, percent float64) {
				fmt.Fprintf(c.Stderr, "latchkey: %s %.0f %% encrypted\n", d, percent)
			})
			if err != nil {
				return fmt.Errorf("verifying: %w", err)
			}
			fmt.Fprintln(c.Stdout, "set up and verified")
			return nil
		},
	}
}

// defaultKey is the key that latchkey up makes.
const defaultKey = "ContosoRSAKey0"

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// showPlan shows steps that come after others, of which so many are left.
func showPlan(c *call, steps []runbook.Step, left, of int) error {
	if err := runbook.Show(c.Stdout, steps); err != nil {
		return err
	}
	for _, s := range steps {
		if !s.Done {
			left++
		}
	}
	fmt.Fprintf(c.Stderr, "latchkey: %d of %d steps are left; --apply does them\n", left, of+len(steps))
	return nil
}

func rotateCommand() *command {
	var b bookFlags
	o := rotate.Options{}
	return &command{
		name: "rotate", args: "[DSN]", short: "put the databases of a SQL Server under another key or key version",
		long: `Looks at the server and prints what would be done; --apply brings the key to the server, changes the protector of each database, some at once, and
reads the thumbprints back. Data is not rewritten: it takes the same time for a large database as for a small one. It can be cut short and run again.

Keep the old version of the key: backups and log backups from before need it. Without --database all databases that are under an asymmetric key are
changed. Server and secret are found as for latchkey setup.`,
		flags: func(f *flag.FlagSet) {
			b.flags(f)
			f.StringVar(&o.Key.Vault, "vault", "", "the vault, `NAME` or host; default that of a running latchkey up")
			f.StringVar(&o.Key.Name, "key", "", "the new key, `NAME/VERSION`; default the newest version of the key of a running latchkey up")
			f.StringVar(&o.Key.Provider, "provider", "AzureKeyVault_EKM", "`NAME` of the provider on the server")
			f.StringVar(&o.Key.Credential, "credential", "", "`NAME` of the new key's credential")
			f.StringVar(&o.Key.AsymmetricKey, "asymmetric-key", "", "`NAME` of the new asymmetric key")
			f.StringVar(&o.Key.Login, "key-login", "", "`NAME` of the login made from it")
			f.IntVar(&o.Wave, "wave", 8, "change `N` databases at once")
		},
		run: func(ctx context.Context, c *call) error {
			k, err := c.book(ctx, &b)
			if err != nil {
				return err
			}
			defer k.close()
			if err := c.rotationKey(ctx, k, &o.Key); err != nil {
				return err
			}
			o.Databases = b.databases
			plan, err := rotate.Make(ctx, k.server, o)
			if err != nil {
				return err
			}
			if !b.apply {
				return showPlan(c, plan.All(o), 0, 0)
			}
			err = rotate.Apply(ctx, k.runner, plan, o, func(done, of int) {
				fmt.Fprintf(c.Stderr, "latchkey: %d of %d databases\n", done, of)
			})
			if err = errors.Join(err, rotate.Verify(ctx, k.server, plan, o)); err != nil {
				return withHint(err, "what was done stays; run it again when the cause is gone")
			}
			fmt.Fprintf(c.Stdout, "%d databases are under %s\n", len(plan.Databases), o.Key.Name)
			return nil
		},
	}
}

// localKey fills what flags left out of a key in the vault of a running latchkey up: there it is known whether the key is there, and by its thumbprint under which names the server has it.
// newest puts the newest version into the key's name if it has none.
func (c *call) localKey(ctx context.Context, b *book, k *setup.Key, newest bool) error {
	if b.local == nil {
		return nil
	}
	if k.Vault = or(k.Vault, b.local.VaultName); !strings.EqualFold(k.Vault, b.local.VaultName) {
		return nil
	}
	k.Name = or(k.Name, defaultKey)
	name, version, one := strings.Cut(k.Name, "/")
	if !akv.ValidKeyName(name) || one && version == "" {
		return usagef("--key is NAME or NAME/VERSION, not %q", k.Name)
	}
	keys, err := b.local.Keys(c.FS, b.local.VaultURL)
	if err != nil {
		return err
	}
	got, err := keys.GetKey(ctx, name, version, nil)
	if err != nil {
		return vaultError(fmt.Sprintf("asking the vault for key %q", k.Name), err)
	}
	if newest {
		k.Name = name + "/" + got.Key.KID.Version()
	}
	if t, err := ekm.ParseThumbprint(sqlThumbprint(got.Key)); err == nil { // of other kinds SQL Server says what it thinks
		if _, err := setup.Named(ctx, b.server, []byte(t), k); err != nil {
			return fmt.Errorf("asking the server whether it has the key: %w", err)
		}
	}
	return nil
}

// rotationKey fills what flags left out.
func (c *call) rotationKey(ctx context.Context, b *book, k *setup.Key) error {
	if err := c.localKey(ctx, b, k, true); err != nil {
		return err
	}
	name, version, ok := strings.Cut(k.Name, "/")
	switch {
	case k.Vault == "":
		return &usageError{msg: "--vault is missing", hint: "--vault and --key NAME/VERSION name the key; --data and $SQLSERVER_DSN of latchkey env take that of a running latchkey up"}
	case !ok || name == "" || version == "":
		return usagef("--key is NAME/VERSION, not %q: a rotation goes to one version", k.Name)
	}
	stem := "EKM_" + strings.ReplaceAll(name, "-", "_") + "_" + version[:min(8, len(version))]
	k.Credential, k.AsymmetricKey, k.Login = or(k.Credential, stem+"_credential"), or(k.AsymmetricKey, stem), or(k.Login, stem+"_login")
	return nil
}
