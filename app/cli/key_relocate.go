package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"latchkey/app/agentd"
	"latchkey/app/compose"
	"latchkey/connector/relocate"
	"latchkey/doctor"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
	"latchkey/ops/runbook"
)

// relocateFlags say where the map is, where the keys are, and as whom to ask.
type relocateFlags struct {
	data, engineConfig, agentConfig, mapFile string
	from, thumbprints, secretFile, addresses string
	suffix                                   string
	vault                                    agentd.Vault
	cred                                     ekm.Credential
	apply                                    bool
	journal, format                          string
}

func keyRelocateCommand() *command {
	var r relocateFlags
	return &command{
		name: "relocate", short: "after a vault was lost: map thumbprints to the keys that were restored elsewhere",
		long: `A database names its key by a thumbprint, and the thumbprint map of its server says where that key lives. When keys were restored into another vault, this
finds each of them there, shows that it is the same key (its public half has the thumbprint, and the vault unwraps what was wrapped with it, as the
database server's identity), and, with --apply, writes the map: entry by entry, each whole or not at all, read back at the end. Without --apply it shows the
plan and changes nothing. It never changes a vault, what the map says of the old vault stays, and it can be cut short and run again. The database server may
run or not; one that runs sees the change at its next look. Exit code 1 if a key is missing or cannot be used: the others are mapped nevertheless.

The map is that of --engine-config (the file of latchkey engine), of --agent-config (that of latchkey agent), of a running latchkey up (--data), or --map: a
file, or registry for that of Windows. --to is the new vault: a name, host or URL, as in the IDENTITY of a credential. The SECRET of the server's credential
is read from --secret-file, standard input with "-", $LATCHKEY_CREDENTIAL_SECRET or $LATCHKEY_EKM_SECRET; with --data it is that of the running server. How the
vault is reached is what the configuration says, or --proxy, --ca-file, --authority and --address.

Next: ALTER CREDENTIAL with the new vault as IDENTITY. Then databases open by themselves.`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&r.cred.Identity, "to", "", "the new vault, `IDENTITY` of the credential")
			f.StringVar(&r.from, "from", "", "the old vault's `URL`; default every other vault that the map knows")
			f.StringVar(&r.engineConfig, "engine-config", "", "configuration `FILE` of the database server")
			f.StringVar(&r.agentConfig, "agent-config", "", "configuration `FILE` of the agent")
			f.StringVar(&r.data, "data", "", "the data directory, `DIR`, of a running latchkey up")
			f.StringVar(&r.mapFile, "map", "", "`FILE` of the thumbprint map; registry for that of Windows")
			f.StringVar(&r.thumbprints, "thumbprint", "", "comma-separated `0x...` list to look for besides, if the map is lost too")
			f.StringVar(&r.cred.Name, "credential", "", "the credential's own `NAME`, which names the vault of a managed identity")
			f.StringVar(&r.secretFile, "secret-file", "", "`FILE` with the credential's SECRET, - for standard input")
			f.StringVar(&r.suffix, "suffix", "", "`DOMAIN` that completes a bare vault name; default the public cloud's")
			f.StringVar(&r.vault.Authority, "authority", "", "the only token authority to trust, `https://HOST[:PORT]`; default Entra ID's well-known hosts")
			f.StringVar(&r.vault.CAFile, "ca-file", "", "`FILE` with the authorities of the certificates, PEM; default the system's")
			f.StringVar(&r.vault.Proxy, "proxy", "", "`URL` of an HTTP proxy, or direct; default what HTTPS_PROXY says")
			f.StringVar(&r.addresses, "address", "", "comma-separated `HOST:PORT` list to try instead of what the name resolves to")
			f.BoolVar(&r.apply, "apply", false, "write the map; without it the plan is shown and nothing is changed")
			f.StringVar(&r.journal, "journal", "", "note in `FILE` what is begun and done")
			f.StringVar(&r.format, "format", "text", "`FORMAT` of the output: text or json")
		},
		run: func(ctx context.Context, c *call) error { return c.relocate(ctx, r) },
	}
}

// settings are how the map and the vault are reached.
func (c *call) relocateSettings(r *relocateFlags) (*agentd.Settings, error) {
	given := 0
	for _, s := range []string{r.data, r.engineConfig, r.agentConfig} {
		if s != "" {
			given++
		}
	}
	if given > 1 || given == 0 && r.mapFile == "" {
		return nil, usagef("say which map: one of --engine-config, --agent-config and --data, or --map")
	}
	s := &agentd.Settings{}
	switch {
	case r.engineConfig != "":
		e, err := compose.ReadEngineConfig(c.FS, r.engineConfig)
		if err != nil {
			return nil, err
		}
		s = e.Connector()
	case r.agentConfig != "":
		var err error
		if s, err = agentd.Read(c.FS, r.agentConfig); err != nil {
			return nil, err
		}
	case r.data != "":
		var d doctor.Config
		identity := r.cred.Identity
		if err := c.connectorCredential(r.data, &r.cred, &d); err != nil {
			return nil, err
		}
		r.cred.Identity = identity
		dir, err := c.dataDir(r.data)
		if err != nil {
			return nil, err
		}
		s.Map = filepath.Join(dir, compose.EngineDir, compose.KeymapDir)
		s.Vaults = map[string]agentd.Vault{"*": {CAFile: d.Settings.CAFile, Proxy: d.Settings.Proxy}}
	}
	switch r.mapFile {
	case "":
	case "registry":
		s.Map = r.mapFile
	default:
		name, err := filepath.Abs(r.mapFile)
		if err != nil {
			return nil, err
		}
		s.Map = name
	}
	if r.suffix != "" {
		s.Suffix = r.suffix
	}
	if r.addresses != "" {
		r.vault.Addresses = strings.Split(r.addresses, ",")
	}
	if v := r.vault; v.Authority+v.CAFile+v.Proxy != "" || len(v.Addresses) > 0 {
		s.Vaults = map[string]agentd.Vault{"*": v}
	}
	return s, nil
}

func (c *call) relocate(ctx context.Context, r relocateFlags) (err error) {
	if r.format != "text" && r.format != "json" {
		return usagef("--format is text or json, not %q", r.format)
	}
	if r.cred.Identity == "" {
		return usagef("--to is missing: the new vault's name")
	}
	cfg := relocate.Config{From: r.from}
	for one := range strings.SplitSeq(r.thumbprints, ",") {
		if one == "" {
			continue
		}
		t, err := ekm.ParseThumbprint(one)
		if err != nil {
			return usagef("%v", err)
		}
		cfg.Thumbprints = append(cfg.Thumbprints, t)
	}
	s, err := c.relocateSettings(&r)
	if err != nil {
		return err
	}
	if r.cred.Secret.Len() == 0 {
		if r.cred.Secret, err = c.credentialSecret(r.secretFile); err != nil {
			return err
		}
		if v, ok := c.LookupEnv("LATCHKEY_EKM_SECRET"); ok && v != "" && r.cred.Secret.Len() == 0 {
			_ = c.Unsetenv("LATCHKEY_EKM_SECRET") // it stays readable for this process alone otherwise
			r.cred.Secret = secret.FromString(v)
		}
	}
	defer r.cred.Secret.Destroy()
	part := agentd.Config{FS: c.FS, Clock: c.Clock, Log: slog.New(slog.NewTextHandler(c.Stderr, nil)), LookupEnv: c.LookupEnv}
	if cfg.Map, err = agentd.OpenMap(part, s); err != nil {
		if errors.Is(err, code.MapDamaged) {
			return withHint(err, "if it is the map, move it away and name the thumbprints: --thumbprint; nothing was changed")
		}
		return err
	}
	v, closing, err := agentd.OpenVault(ctx, part, s, &r.cred)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	cfg.Vault = v
	p, err := relocate.Make(ctx, cfg)
	if err != nil {
		if errors.Is(err, relocate.ErrNothing) && r.from != "" {
			return withHint(fmt.Errorf("%w: none of %q", err, r.from), "--from is the old vault's URL as the map has it; without it all other vaults count. If the map is lost too, name the thumbprints")
		}
		if errors.Is(err, relocate.ErrNothing) {
			return withHint(err, "if the map is lost too, name the thumbprints: SELECT thumbprint FROM sys.asymmetric_keys, or message 33111 of the error log")
		}
		return err
	}
	if r.apply {
		if err := c.applyRelocation(ctx, p, r.journal); err != nil {
			return err
		}
	}
	return c.showRelocation(p, r)
}

// applyRelocation writes the map, noting each entry before and after.
func (c *call) applyRelocation(ctx context.Context, p *relocate.Plan, file string) (err error) {
	var j *runbook.Journal
	if file != "" {
		if j, err = runbook.OpenJournal(c.FS, file, os.O_RDWR|os.O_CREATE); err != nil {
			return fmt.Errorf("opening the journal: %w", err)
		}
		defer func() { err = errors.Join(err, j.Close()) }()
	}
	note := func(what string) func(relocate.Step) error {
		return func(s relocate.Step) error {
			return j.Note(c.Clock.Now(), what, runbook.Step{Title: fmt.Sprintf("map %s of %s to %s", s.Thumbprint, p.Vault, s.New), Statement: "was " + before(s)})
		}
	}
	return p.Apply(ctx, note("begin"), note("done"))
}

func before(s relocate.Step) string {
	if s.Have == "" {
		return "not there"
	}
	return s.Have
}

func (c *call) showRelocation(p *relocate.Plan, r relocateFlags) error {
	ready := 0
	for _, s := range p.Steps {
		if s.State == relocate.Ready || s.State == relocate.Replace {
			ready++
		}
	}
	if r.format == "json" {
		type line struct {
			Thumbprint string `json:"thumbprint"`
			Old        string `json:"old,omitempty"`
			Have       string `json:"have,omitempty"`
			New        string `json:"new,omitempty"`
			State      string `json:"state"`
			Problem    string `json:"problem,omitempty"`
		}
		var out []line
		for _, s := range p.Steps {
			l := line{Thumbprint: s.Thumbprint.String(), Old: s.Old, Have: s.Have, New: s.New, State: string(s.State)}
			if s.Err != nil {
				l.Problem = oneLine(s.Err.Error())
			}
			out = append(out, l)
		}
		if err := printJSON(c.Stdout, map[string]any{"vault": p.Vault, "applied": r.apply, "open": p.Open(), "keys": out}); err != nil {
			return err
		}
	} else {
		out := &errWriter{w: c.Stdout}
		for _, s := range p.Steps {
			out.printf("%s %s\n", s.Thumbprint, s.State)
			for _, l := range []struct{ what, text string }{{"was at", s.Old}, {"the map says", s.Have}, {"is at", s.New}} {
				if l.text != "" {
					out.printf("    %-12s %s\n", l.what, l.text)
				}
			}
			if s.Err != nil {
				out.printf("    %-12s %s\n", "because", oneLine(s.Err.Error()))
			}
		}
		switch {
		case r.apply && p.Open() == len(p.Steps):
			out.printf("nothing was written: none of %d keys is to be had at %s\n", len(p.Steps), p.Vault)
		case r.apply:
			out.printf("the map was written and read back: %d of %d keys are at %s\n", len(p.Steps)-p.Open(), len(p.Steps), p.Vault)
			out.printf("next: ALTER CREDENTIAL ... WITH IDENTITY = '%s', SECRET = '...'; databases that wait for these keys open by themselves\n", r.cred.Identity)
		case ready > 0:
			out.printf("%d of %d keys would be mapped; --apply does it\n", ready, len(p.Steps))
		default:
			out.printf("nothing is to be written\n")
		}
		if out.err != nil {
			return out.err
		}
	}
	if n := p.Open(); n > 0 {
		return withHint(fmt.Errorf("%d of %d keys are not to be had at %s", n, len(p.Steps), p.Vault),
			"restore their backups (latchkey key restore), or give the identity its right (latchkey vault access grant), and run this again")
	}
	return nil
}
