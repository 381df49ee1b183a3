package cli

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/akv"
	"latchkey/ekm"
	"latchkey/ops/retire"
	"latchkey/ops/runbook"
)

func retireCommand() *command {
	var f sqlFlags
	var t keyTarget
	var isName, register bool
	var scan scanFolders
	var lease time.Duration
	return &command{
		name: "retire", args: "KEY[/VERSION] [DSN]", short: "say what on a SQL Server still needs a key version",
		long: `Databases, logs that are kept for the next backup, backups that msdb knows, sealed backups, keys under it, and the objects that name it. "Nothing needs it"
is said only if everything could be asked; otherwise the exit code is 1. It speaks of this server, of the folders of --scan, and of other servers as far as they have registered at the key's
vault (latchkey key dependents). It changes nothing without --register.

KEY is the key's name in the vault of a running latchkey up or of --vault (all its versions without VERSION), or its thumbprint, 0x..., as sys.asymmetric_keys and latchkey key show have it.
With --asymmetric-key it is the name of an asymmetric key of master. The server is the DSN's, that of --data, or $SQLSERVER_DSN, as for latchkey sql.

--register tells the key's vault, if it is one of Latchkey's, what this server needs of the key, so that the vault does not let go of it; run it from a job, more often than --lease, or let
latchkey watch do it. Latchkey's own servers do so by themselves: nothing is registered for them.`,
		flags: func(fs *flag.FlagSet) {
			t.flags(fs)
			fs.Var(&scan, "scan", "look for backups and database files in `FOLDER` too; may be repeated")
			fs.BoolVar(&register, "register", false, "tell the key's vault what this server needs of it")
			fs.DurationVar(&lease, "lease", akv.DependentLease, "`TIME` after which the vault shows a silent server as stale, with --register")
			fs.BoolVar(&isName, "asymmetric-key", false, "KEY is the name of an asymmetric key of the server's master database")
		},
		run: func(ctx context.Context, c *call) error {
			f.data = t.data
			switch {
			case t.format != "text" && t.format != "json":
				return usagef("--format is text or json, not %q", t.format)
			case len(c.args) == 0:
				return usagef("KEY is missing")
			case register && (isName || isThumbprint(c.args[0])):
				return usagef("--register needs the key's name in its vault, not a thumbprint")
			case lease < akv.MinLease || lease > akv.MaxLease:
				return usagef("--lease is from %v to %v", akv.MinLease, akv.MaxLease)
			}
			key := c.args[0]
			c.args = c.args[1:]
			if !isName && isThumbprint(key) {
				if _, err := thumbprint(key); err != nil {
					return err
				}
			}
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
			var versions []keyVersion
			if isName {
				t, err := server.KeyThumbprint(ctx, key)
				if err == nil && t == nil {
					err = fmt.Errorf("the server has no asymmetric key %q", key)
				}
				if err != nil {
					return err
				}
				thumbprints = [][]byte{t}
			} else if thumbprints, versions, err = c.thumbprints(ctx, &t, key); err != nil {
				return err
			}
			r, err := retire.Look(ctx, server, thumbprints...)
			if err != nil {
				return err
			}
			if register {
				own, err := server.Own(ctx)
				if err == nil && own {
					err = c.registersItself(ctx, &t, r.Server, versions[0].name)
				} else if err == nil {
					err = c.register(ctx, &t, r, versions, lease)
				}
				if err != nil {
					return err
				}
			}
			for _, folder := range scan {
				if err := r.Scan(ctx, c.FS, folder); err != nil {
					return err
				}
			}
			if err := c.elsewhere(ctx, &t, r, versions); err != nil {
				return err
			}
			return c.showRetire(r, key, t.format)
		},
	}
}

// scanFolders is a flag that may be repeated.
type scanFolders []string

// String is for package flag.
func (s *scanFolders) String() string { return strings.Join(*s, ", ") }

// Set adds one.
func (s *scanFolders) Set(folder string) error {
	if folder == "" {
		return errors.New("the name of a folder")
	}
	*s = append(*s, folder)
	return nil
}

// thumbprintBytes is the length of what SQL Server knows a key or certificate by: SHA-1.
const thumbprintBytes = 20

func isThumbprint(key string) bool { return strings.HasPrefix(strings.ToLower(key), "0x") }

// thumbprint reads one, whole: of a part of one nothing could be found, and that is no proof that nothing needs the key.
func thumbprint(s string) ([]byte, error) {
	p, err := ekm.ParseThumbprint(s)
	if err != nil {
		return nil, usagef("%v", err)
	}
	if len(p) != thumbprintBytes {
		return nil, &usageError{
			msg:  fmt.Sprintf("thumbprint %q has %d bytes, want %d: nothing could need it", s, len(p), thumbprintBytes),
			hint: "sys.asymmetric_keys and latchkey key show have it whole",
		}
	}
	return []byte(p), nil
}

// keyVersion is a version of a key in a vault.
type keyVersion struct {
	name, version, thumbprint string
}

// register tells the vault what a server needs of a key.
func (c *call) register(ctx context.Context, t *keyTarget, r *retire.Report, versions []keyVersion, lease time.Duration) error {
	v, err := t.own(c)
	if err != nil {
		return err
	}
	d := akv.Dependent{Server: r.Server, Lease: int64(lease / time.Second), Uses: []akv.Use{}}
	for _, n := range r.Needs {
		for _, k := range versions {
			if k.thumbprint == n.Thumbprint && n.Data() {
				d.Uses = append(d.Uses, akv.Use{Key: k.name, Version: k.version, Database: n.Name, Kind: n.Kind, Thumbprint: n.Thumbprint})
			}
		}
	}
	d.Uses = append([]akv.Use{}, akv.Condense(d.Uses)...)
	if d.Server == "" {
		return errors.New("the server has no name (@@SERVERNAME is NULL): sp_addserver gives it one")
	}
	var got akv.Dependent
	if err := v.do(ctx, http.MethodPut, dependentID(r.Server, versions[0].name), d, "", &got); err != nil {
		return vaultError("registering at the vault", err)
	}
	fmt.Fprintf(c.Stderr, "registered %d uses of server %s at %s, good until %s\n", len(d.Uses), r.Server, v.url, at(got.StaleAt))
	for _, p := range got.Problems {
		fmt.Fprintf(c.Stderr, "the vault says: %s\n", p)
	}
	return nil
}

// registersItself says what one of Latchkey's servers has told the vault by itself, and ends what was registered for it besides.
func (c *call) registersItself(ctx context.Context, t *keyTarget, server, key string) error {
	v, err := t.own(c)
	if err != nil {
		return err
	}
	var l akv.DependentList
	if err := v.do(ctx, http.MethodGet, "", nil, "", &l); err != nil {
		return vaultError("listing the servers that need keys", err)
	}
	its := false
	for _, d := range l.Value {
		if d.ID == dependentID(server, key) {
			if err := v.do(ctx, http.MethodPut, d.ID, akv.Dependent{Server: server, Uses: []akv.Use{}}, "", &akv.Dependent{}); err != nil {
				return vaultError(fmt.Sprintf("ending the registration %q, which the server does not need", d.ID), err)
			}
			continue
		}
		its = its || strings.EqualFold(d.Server, server)
	}
	if its {
		fmt.Fprintf(c.Stderr, "server %s is Latchkey's own and has registered at %s by itself\n", server, v.url)
	} else {
		fmt.Fprintf(c.Stderr, "server %s is Latchkey's own and registers at %s by itself, which it has not done: it needs nothing there, or its error log says why\n", server, v.url)
	}
	return nil
}

// dependentID names what one server needs of one key.
func dependentID(server, key string) string {
	id := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '/' {
			return '-'
		}
		return r
	}, server)
	return id[:min(len(id), 60)] + ":" + key[:min(len(key), 60)]
}

// elsewhere adds the other servers that registered at the key's vault, if that keeps a list.
func (c *call) elsewhere(ctx context.Context, t *keyTarget, r *retire.Report, versions []keyVersion) error {
	if len(versions) == 0 {
		return nil
	}
	v, err := t.own(c)
	if err != nil {
		return err
	}
	var l akv.DependentList
	if err := v.do(ctx, http.MethodGet, "", nil, "", &l); err != nil {
		if errors.Is(err, errNoDependents) { // Azure's
			return nil
		}
		if api, ok := errors.AsType[*akv.Error](err); ok && api.Status == http.StatusForbidden {
			r.Unknown, r.Free = append(r.Unknown, "the vault does not let this caller see which other servers registered"), false
			return nil
		}
		return vaultError("listing the servers that need keys", err)
	}
	for _, d := range l.Value {
		if strings.EqualFold(d.Server, r.Server) || d.State == akv.DependentLapsed {
			continue
		}
		for _, u := range d.Uses {
			for _, k := range versions {
				if strings.EqualFold(u.Key, k.name) && strings.EqualFold(u.Version, k.version) {
					r.Add(retire.Need{Kind: retire.Elsewhere, Name: d.Server, Thumbprint: k.thumbprint, Detail: u.Kind + " " + u.Database + ", registered at the vault, " + d.State})
				}
			}
		}
	}
	return nil
}

// thumbprints are those of a key's versions, or the one that is given.
func (c *call) thumbprints(ctx context.Context, t *keyTarget, key string) (thumbprints [][]byte, of []keyVersion, err error) {
	if isThumbprint(key) {
		p, err := thumbprint(key)
		return [][]byte{p}, nil, err
	}
	name, version, one := strings.Cut(key, "/")
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	keys, err := t.client(c)
	if err != nil {
		return nil, nil, withHint(err, "name the key by its thumbprint, 0x..., or by --asymmetric-key")
	}
	versions := []string{version}
	if !one {
		versions = nil
		for p := keys.NewListKeyPropertiesVersionsPager(name, nil); p.More(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, nil, vaultError(fmt.Sprintf("listing the versions of key %q", name), err)
			}
			for _, v := range page.Value {
				versions = append(versions, v.KID.Version())
			}
		}
		if len(versions) == 0 {
			return nil, nil, fmt.Errorf("the vault has no key %q", name)
		}
	}
	for _, v := range versions {
		got, err := keys.GetKey(ctx, name, v, nil)
		if err != nil {
			return nil, nil, vaultError(fmt.Sprintf("getting key %q", name+"/"+v), err)
		}
		p, err := hex.DecodeString(strings.TrimPrefix(sqlThumbprint(got.Key), "0x"))
		if err != nil {
			return nil, nil, err
		}
		if len(p) == 0 {
			return nil, nil, fmt.Errorf("key %q is of a kind that SQL Server does not take", name+"/"+v)
		}
		thumbprints = append(thumbprints, p)
		of = append(of, keyVersion{name, got.Key.KID.Version(), fmt.Sprintf("0x%X", p)})
	}
	return thumbprints, of, nil
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
