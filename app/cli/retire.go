package cli

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/ekm"
	"latchkey/ops/retire"
	"latchkey/ops/runbook"
)

func retireCommand() *command {
	var f sqlFlags
	var format string
	var isName bool
	return &command{
		name: "retire", args: "KEY[/VERSION] [DSN]", short: "say what on a SQL Server still needs a key version",
		long: `Databases, logs that are kept for the next backup, backups that msdb knows, sealed backups, keys under it, and the objects that name it. "Nothing needs it"
is said only if everything could be asked; otherwise the exit code is 1. It changes nothing, and it speaks of this server alone.

KEY is the key's name in the vault of a running latchkey up (all its versions without VERSION), or its thumbprint, 0x..., as sys.asymmetric_keys and latchkey key show have it. With
--asymmetric-key it is the name of an asymmetric key of master. The server is the DSN's, that of --data, or $SQLSERVER_DSN, as for latchkey sql.`,
		flags: func(fs *flag.FlagSet) {
			dataFlag(fs, &f.data)
			fs.StringVar(&format, "format", "text", "`FORMAT` of the output: text or json")
			fs.BoolVar(&isName, "asymmetric-key", false, "KEY is the name of an asymmetric key of the server's master database")
		},
		run: func(ctx context.Context, c *call) error {
			if format != "text" && format != "json" {
				return usagef("--format is text or json, not %q", format)
			}
			if len(c.args) == 0 {
				return usagef("KEY is missing")
			}
			key := c.args[0]
			c.args = c.args[1:]
			cfg, err := c.sqlTarget(ctx, f)
			if err != nil {
				return err
			}
			db := sql.OpenDB(mssql.NewConnectorConfig(cfg))
			defer db.Close()
			if err := db.PingContext(ctx); err != nil {
				return connectError(cfg, err)
			}
			server := runbook.Server{DB: db}
			var thumbprints [][]byte
			if isName {
				t, err := server.KeyThumbprint(ctx, key)
				if err == nil && t == nil {
					err = fmt.Errorf("the server has no asymmetric key %q", key)
				}
				if err != nil {
					return err
				}
				thumbprints = [][]byte{t}
			} else if thumbprints, err = c.thumbprints(ctx, f.data, key); err != nil {
				return err
			}
			r, err := retire.Look(ctx, server, thumbprints...)
			if err != nil {
				return err
			}
			return c.showRetire(r, key, format)
		},
	}
}

// thumbprints are those of a key's versions, or the one that is given.
func (c *call) thumbprints(ctx context.Context, data, key string) ([][]byte, error) {
	if strings.HasPrefix(key, "0x") || strings.HasPrefix(key, "0X") {
		t, err := ekm.ParseThumbprint(key)
		if err != nil {
			return nil, usagef("%v", err)
		}
		return [][]byte{[]byte(t)}, nil
	}
	name, version, one := strings.Cut(key, "/")
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, err := c.running(data)
	if err != nil {
		return nil, withHint(err, "name the key by its thumbprint, 0x..., or by --asymmetric-key")
	}
	keys, err := r.Keys(c.FS, r.VaultURL)
	if err != nil {
		return nil, err
	}
	versions := []string{version}
	if !one {
		versions = nil
		for p := keys.NewListKeyPropertiesVersionsPager(name, nil); p.More(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, vaultError(fmt.Sprintf("listing the versions of key %q", name), err)
			}
			for _, v := range page.Value {
				versions = append(versions, v.KID.Version())
			}
		}
		if len(versions) == 0 {
			return nil, fmt.Errorf("the vault has no key %q", name)
		}
	}
	var out [][]byte
	for _, v := range versions {
		got, err := keys.GetKey(ctx, name, v, nil)
		if err != nil {
			return nil, vaultError(fmt.Sprintf("getting key %q", name+"/"+v), err)
		}
		t, err := hex.DecodeString(strings.TrimPrefix(sqlThumbprint(got.Key), "0x"))
		if err != nil {
			return nil, err
		}
		if len(t) == 0 {
			return nil, fmt.Errorf("key %q is of a kind that SQL Server does not take", name+"/"+v)
		}
		out = append(out, t)
	}
	return out, nil
}

func (c *call) showRetire(r *retire.Report, key, format string) error {
	if format == "json" {
		e := json.NewEncoder(c.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
	} else {
		for _, n := range r.Needs {
			fmt.Fprintf(c.Stdout, "%-15s %s (%s): %s\n", n.Kind, n.Name, n.Detail, n.Thumbprint)
		}
		for _, u := range r.Unknown {
			fmt.Fprintf(c.Stdout, "%-15s %s\n", "unknown", u)
		}
		if r.Free {
			fmt.Fprintf(c.Stdout, "nothing on this server needs %s\n", key)
		}
	}
	switch {
	case r.Free:
		return nil
	case format == "json":
		return &quiet{errors.New("the key is still needed")}
	case len(r.Needs) == 0:
		return withHint(fmt.Errorf("whether %s is needed cannot be told", key), "see the lines above; keep the key until each is clear")
	}
	return withHint(fmt.Errorf("%d things still need %s", len(r.Needs), key), "rotate databases (latchkey rotate), take new backups and forget old ones (msdb.dbo.sp_delete_backuphistory), drop what names the key")
}
