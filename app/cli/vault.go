package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"latchkey/app/admin"
	"latchkey/vault"
)

func vaultCommand() *command {
	return &command{
		name: "vault", short: "serve a key vault alone, and administer vaults",
		long: `Administration works on a data directory: through the server that runs on it, or by opening it while none does. Whoever may write to
the directory may administer it; every change has its audit record.`,
		sub: []*command{
			vaultServeCommand(), vaultCreateCommand(), vaultListCommand(), vaultShowCommand(), vaultUpdateCommand(),
			vaultDeleteCommand(), vaultRecoverCommand(), vaultPurgeCommand(), vaultAccessCommand(), vaultAuditCommand(),
			vaultResealCommand(), vaultBackupKeyCommand(),
		},
	}
}

// vaultRef are the flags that name a vault.
func vaultRef(f *flag.FlagSet, r *admin.VaultRef) {
	f.StringVar(&r.Name, "name", "", "the vault's `NAME`")
	f.BoolVar(&r.HSM, "hsm", false, "it is a Managed HSM")
}

func checkVault(r admin.VaultRef) error {
	if r.Name == "" {
		return usagef("--name is missing")
	}
	return nil
}

func printVault(out *errWriter, v *vault.Vault) {
	kind := "vault"
	if v.HSM {
		kind = "managed HSM"
	}
	out.printf("name       %s (%s)\nresource   %s\ntenant     %s\nretention  %d days\n", v.Name, kind, v.ResourceID, v.TenantID, v.RetentionDays)
	out.printf("premium    %t\npurge protection  %t\naccess     %s\n", v.Premium, v.PurgeProtection, v.Access.Model)
	if v.DeletedAt != 0 {
		out.printf("deleted    %s, purged %s\n", unix(v.DeletedAt), unix(v.PurgeAt))
	}
	printAccess(out, &v.Access)
}

func unix(s int64) string { t := time.Unix(s, 0); return stamp(&t) }

func vaultCreateCommand() *command {
	var a adminFlags
	var n admin.VaultNew
	return &command{
		name: "create", short: "make a vault or Managed HSM; nobody may use it until latchkey vault access grant",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			vaultRef(f, &n.VaultRef)
			f.StringVar(&n.TenantID, "tenant", "", "`GUID` of the tenant whose tokens are good; default the installation's own")
			f.BoolVar(&n.Premium, "premium", false, "HSM key kinds in a vault")
			f.IntVar(&n.RetentionDays, "retention", 90, "`DAYS` that deleted keys can be recovered, 7 to 90")
			f.BoolVar(&n.PurgeProtection, "purge-protection", false, "nobody can purge before the retention is over; for good")
			f.BoolVar(&n.Policies, "access-policies", false, "access policies instead of roles")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkVault(n.VaultRef); err != nil {
				return err
			}
			var v vault.Vault
			if err := a.do(ctx, c, "vault-create", n, &v); err != nil {
				return fmt.Errorf("creating vault %q: %w", n.Name, err)
			}
			return a.print(c, v, func(out *errWriter) { printVault(out, &v) })
		},
	}
}

func vaultListCommand() *command {
	var a adminFlags
	return &command{
		name: "list", short: "list vaults and Managed HSMs, deleted ones too",
		flags: a.flags,
		run: func(ctx context.Context, c *call) error {
			var all []*vault.Vault
			if err := a.do(ctx, c, "vault-list", admin.Nothing{}, &all); err != nil {
				return fmt.Errorf("listing vaults: %w", err)
			}
			return a.print(c, all, func(out *errWriter) {
				for _, v := range all {
					state, kind := "", "vault"
					if v.HSM {
						kind = "hsm"
					}
					if v.DeletedAt != 0 {
						state = "  deleted " + unix(v.DeletedAt)
					}
					out.printf("%-24s  %-5s%s\n", v.Name, kind, state)
				}
			})
		},
	}
}

func vaultShowCommand() *command {
	var a adminFlags
	var r admin.VaultRef
	return &command{
		name: "show", short: "show a vault and who may use it",
		flags: func(f *flag.FlagSet) { a.flags(f); vaultRef(f, &r) },
		run: func(ctx context.Context, c *call) error {
			if err := checkVault(r); err != nil {
				return err
			}
			var v vault.Vault
			if err := a.do(ctx, c, "vault-show", r, &v); err != nil {
				return fmt.Errorf("showing vault %q: %w", r.Name, err)
			}
			return a.print(c, v, func(out *errWriter) { printVault(out, &v) })
		},
	}
}

func vaultUpdateCommand() *command {
	var a adminFlags
	var ch admin.VaultChange
	var premium, protect optionalBool
	return &command{
		name: "update", short: "change a vault's tier or switch purge protection on",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			vaultRef(f, &ch.VaultRef)
			f.Var(&premium, "premium", "HSM key kinds")
			f.Var(&protect, "purge-protection", "cannot be switched off again")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkVault(ch.VaultRef); err != nil {
				return err
			}
			if premium.set {
				ch.Premium = &premium.value
			}
			if protect.set {
				ch.PurgeProtection = &protect.value
			}
			if ch.Premium == nil && ch.PurgeProtection == nil {
				return usagef("nothing to change: give --premium or --purge-protection")
			}
			var v vault.Vault
			if err := a.do(ctx, c, "vault-update", ch, &v); err != nil {
				return fmt.Errorf("updating vault %q: %w", ch.Name, err)
			}
			return a.print(c, v, func(out *errWriter) { printVault(out, &v) })
		},
	}
}

func vaultDeleteCommand() *command {
	var a adminFlags
	var r admin.VaultGone
	var o force
	return &command{
		name: "delete", short: "delete a vault; it can be recovered until its retention is over",
		long:  `A vault whose keys a registered server needs (latchkey key dependents) is deleted with --force --reason TEXT alone; the audit log keeps the reason.`,
		flags: func(f *flag.FlagSet) { a.flags(f); vaultRef(f, &r.VaultRef); o.flags(f) },
		run: func(ctx context.Context, c *call) (err error) {
			if err := checkVault(r.VaultRef); err != nil {
				return err
			}
			if r.Force, err = o.why(); err != nil {
				return err
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "vault-delete", r, &nothing); err != nil {
				return fmt.Errorf("deleting vault %q: %w", r.Name, err)
			}
			return a.print(c, r.VaultRef, func(out *errWriter) { out.printf("deleted %q\n", r.Name) })
		},
	}
}

func vaultRecoverCommand() *command {
	var a adminFlags
	var r admin.VaultRef
	return &command{
		name: "recover", short: "bring a deleted vault back with its keys",
		flags: func(f *flag.FlagSet) { a.flags(f); vaultRef(f, &r) },
		run: func(ctx context.Context, c *call) error {
			if err := checkVault(r); err != nil {
				return err
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "vault-recover", r, &nothing); err != nil {
				return fmt.Errorf("recovering vault %q: %w", r.Name, err)
			}
			return a.print(c, r, func(out *errWriter) { out.printf("recovered %q\n", r.Name) })
		},
	}
}

func vaultPurgeCommand() *command {
	var a adminFlags
	var r admin.VaultGone
	var o force
	var yes bool
	return &command{
		name: "purge", short: "remove a deleted vault and all its keys for good",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			vaultRef(f, &r.VaultRef)
			o.flags(f)
			f.BoolVar(&yes, "yes", false, "do it; without this flag nothing is removed")
		},
		run: func(ctx context.Context, c *call) (err error) {
			if err := checkVault(r.VaultRef); err != nil {
				return err
			}
			if r.Force, err = o.why(); err != nil {
				return err
			}
			if !yes {
				var v vault.Vault
				if err := a.do(ctx, c, "vault-show", r.VaultRef, &v); err != nil {
					return fmt.Errorf("looking for vault %q: %w", r.Name, err)
				}
				fmt.Fprintf(c.Stderr, "would purge %s and every key in it\n", v.ResourceID)
				return withHint(errors.New("nothing was purged: a purge cannot be undone"), "repeat the command with --yes")
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "vault-purge", r, &nothing); err != nil {
				return fmt.Errorf("purging vault %q: %w", r.Name, err)
			}
			return a.print(c, r.VaultRef, func(out *errWriter) { out.printf("purged %q\n", r.Name) })
		},
	}
}
