package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/app/compose"
	"latchkey/app/quickstart"
	"latchkey/app/running"
)

func quickstartCommand() *command {
	var data string
	var keep bool
	return &command{
		name: "quickstart", short: "do the whole job once, offline, and prove each step",
		long: `Starts a vault, a token authority and a database server on free ports of this machine, sets up a key with the documented statements, writes rows,
encrypts the database, looks at the disk before and after, puts it under a new version of the key, backs it up, restores it, restarts the server, reads the rows, and
stops. Exit code 0 only if every proof held. Nothing is left behind without --keep.`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&data, "data", "", "use the directory `DIR`, which must be empty or new; default a temporary one")
			f.BoolVar(&keep, "keep", false, "leave the directory; latchkey up --data DIR goes on with it")
		},
		run: func(ctx context.Context, c *call) error { return c.quickstart(ctx, data, keep) },
	}
}

func (c *call) quickstart(ctx context.Context, data string, keep bool) (err error) {
	c.tuneGC()
	dir, made, err := c.emptyDir(data)
	if err != nil {
		return err
	}
	server, backups := filepath.Join(dir, "server"), filepath.Join(dir, "backups")
	if keep {
		server = dir
	}
	defer func() {
		if keep {
			fmt.Fprintf(c.Stderr, "latchkey: kept in %s; go on with: latchkey up --data '%s'\n", dir, dir)
			return
		}
		for _, d := range []string{server, backups} {
			err = errors.Join(err, os.RemoveAll(d))
		}
		if made {
			err = errors.Join(err, os.Remove(dir))
		}
	}()
	for _, d := range []string{server, backups} {
		if err := c.FS.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("making the directory: %w", err)
		}
	}
	q := &quick{call: c, dir: server}
	defer func() { err = errors.Join(err, q.stop()) }()
	if err := q.start(ctx); err != nil {
		return err
	}
	i := q.up.Info
	secrets, err := i.ReadSecrets(c.FS)
	if err != nil {
		return err
	}
	defer wipe(secrets)
	fmt.Fprintf(c.Stdout, "    vault %s, database server %s, all data in %s\n", i.VaultURL, i.Addresses.SQL, dir)
	credential := i.CredentialSecret(secrets)
	defer credential.Destroy()
	return quickstart.Run(ctx, quickstart.Server{
		DSN: i.DSN(secrets), Login: i.SQLLogin, Vault: i.VaultName, Key: compose.KeyName, Secret: credential, NewVersion: q.newVersion, Restart: q.restart,
		Data: filepath.Join(server, compose.EngineDir), Backups: backups,
	}, quickstart.Config{FS: c.FS, Clock: c.Clock, Out: c.Stdout})
}

// emptyDir is the directory of --data, or a temporary one. made says that it was not there before.
func (c *call) emptyDir(data string) (dir string, made bool, err error) {
	if data == "" {
		dir, err = os.MkdirTemp("", "latchkey-quickstart-")
		return dir, true, err
	}
	if dir, err = filepath.Abs(data); err != nil {
		return "", false, err
	}
	entries, err := c.FS.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", false, usagef("--data: %q is not empty", dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	return dir, err != nil, nil
}

// quick is the server of a quickstart.
type quick struct {
	*call
	dir string
	up  *compose.Up
}

func (q *quick) start(ctx context.Context) error {
	p, err := q.process("error")
	if err != nil {
		return err
	}
	q.up, err = compose.StartUp(ctx, compose.UpConfig{Process: p, Dir: q.dir, IMDSAddr: "none"})
	return err
}

func (q *quick) stop() error {
	if q.up == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopBound)
	defer cancel()
	up := q.up
	q.up = nil
	return up.Stop(ctx)
}

func (q *quick) restart(ctx context.Context) (string, error) {
	if err := q.stop(); err != nil {
		return "", err
	}
	if err := q.start(ctx); err != nil {
		return "", err
	}
	secrets, err := q.up.Info.ReadSecrets(q.FS)
	if err != nil {
		return "", err
	}
	defer wipe(secrets)
	return q.up.Info.DSN(secrets), nil
}

func (q *quick) newVersion(ctx context.Context) (string, error) {
	keys, err := q.up.Info.Keys(q.FS, q.up.Info.VaultURL)
	if err != nil {
		return "", err
	}
	r, err := keys.RotateKey(ctx, compose.KeyName, nil)
	if err != nil {
		return "", err
	}
	return r.Key.KID.Version(), nil
}

func wipe(s *running.Secrets) {
	s.ClientSecret.Destroy()
	s.ConnectorClientSecret.Destroy()
	s.SQLPassword.Destroy()
}
