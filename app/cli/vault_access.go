package cli

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"latchkey/app/admin"
	"latchkey/vault/rbac"
)

func vaultAccessCommand() *command {
	return &command{
		name: "access", short: "say who may use a vault, with what rights, from where",
		sub: []*command{
			accessGrantCommand(), accessRevokeCommand(), accessPolicyCommand(), accessModelCommand(), accessFirewallCommand(), accessRolesCommand(),
		},
	}
}

func printAccess(out *errWriter, a *rbac.Access) {
	for _, as := range a.Assignments {
		out.printf("grant      %s  role %s  to %s  at %s\n", as.ID, roleName(as.RoleID), as.PrincipalID, as.Scope)
	}
	for _, p := range a.Policies {
		out.printf("policy     %s may %s\n", p.ObjectID, strings.Join(p.Keys, ", "))
	}
	if f := a.Firewall; f.DefaultAction != "" || len(f.IPRules) > 0 {
		out.printf("firewall   default %s, lets in %v\n", f.DefaultAction, f.IPRules)
	}
}

func roleName(id string) string {
	for _, kind := range []rbac.Kind{rbac.Vault, rbac.HSM} {
		for _, r := range rbac.BuiltIn(kind) {
			if strings.EqualFold(r.ID, id) {
				return fmt.Sprintf("%q", r.Name)
			}
		}
	}
	return id
}

// accessEdit is a command that changes who may use a vault.
func accessEdit(name, short, long string, flags func(*flag.FlagSet, *admin.AccessEdit), check func(*admin.AccessEdit) error) *command {
	var a adminFlags
	var e admin.AccessEdit
	return &command{
		name: name, short: short, long: long,
		flags: func(f *flag.FlagSet) { a.flags(f); vaultRef(f, &e.VaultRef); flags(f, &e) },
		run: func(ctx context.Context, c *call) error {
			if err := checkVault(e.VaultRef); err != nil {
				return err
			}
			if err := check(&e); err != nil {
				return err
			}
			var now rbac.Access
			if err := a.do(ctx, c, "access-edit", e, &now); err != nil {
				return fmt.Errorf("changing who may use vault %q: %w", e.Name, err)
			}
			return a.print(c, now, func(out *errWriter) {
				out.printf("access     %s\n", now.Model)
				printAccess(out, &now)
			})
		},
	}
}

func toFlag(f *flag.FlagSet, e *admin.AccessEdit) {
	f.StringVar(&e.Principal, "to", "", "`WHO`: name or client id of an application of this installation, or an object id")
}

func accessGrantCommand() *command {
	return accessEdit("grant", "give a role", `latchkey vault access roles lists the roles. A database server needs "Key Vault Crypto Service Encryption User".`,
		func(f *flag.FlagSet, e *admin.AccessEdit) {
			toFlag(f, e)
			f.StringVar(&e.GrantRole, "role", "", "`ROLE` by name or GUID")
			f.StringVar(&e.Scope, "scope", "", "`SCOPE`: /keys/NAME for one key; default the whole vault")
		},
		func(e *admin.AccessEdit) error {
			if e.GrantRole == "" || e.Principal == "" {
				return usagef("--role and --to are needed")
			}
			return nil
		})
}

func accessRevokeCommand() *command {
	return accessEdit("revoke", "take a role assignment away", "",
		func(f *flag.FlagSet, e *admin.AccessEdit) {
			f.StringVar(&e.Revoke, "grant", "", "`GUID` of the assignment, as latchkey vault show lists it")
		},
		func(e *admin.AccessEdit) error {
			if e.Revoke == "" {
				return usagef("--grant is missing")
			}
			return nil
		})
}

func accessPolicyCommand() *command {
	var keys string
	return accessEdit("policy", "set the access policy of somebody; without --keys it is removed",
		`Key permissions: get list update create import delete recover backup restore decrypt encrypt unwrapKey wrapKey verify sign purge release
rotate getrotationpolicy setrotationpolicy, or all. A database server needs get,list,wrapKey,unwrapKey.`,
		func(f *flag.FlagSet, e *admin.AccessEdit) {
			toFlag(f, e)
			f.StringVar(&keys, "keys", "", "comma-separated `LIST` of key permissions")
		},
		func(e *admin.AccessEdit) error {
			if e.Principal == "" {
				return usagef("--to is missing")
			}
			e.Policy = &rbac.Policy{}
			if keys != "" {
				e.Policy.Keys = strings.Split(keys, ",")
			}
			return nil
		})
}

func accessModelCommand() *command {
	var model string
	return accessEdit("model", "switch between roles and access policies", "What the other model says is kept, and decides nothing meanwhile.",
		func(f *flag.FlagSet, _ *admin.AccessEdit) {
			f.StringVar(&model, "model", "", "`MODEL`: rbac or policy")
		},
		func(e *admin.AccessEdit) error {
			if e.Model = rbac.Model(model); e.Model != rbac.ModelRBAC && e.Model != rbac.ModelPolicy {
				return usagef("--model is rbac or policy")
			}
			return nil
		})
}

func accessFirewallCommand() *command {
	var allow string
	var deny bool
	return accessEdit("firewall", "set from which addresses a vault may be used", "Without --deny everybody is let in.",
		func(f *flag.FlagSet, _ *admin.AccessEdit) {
			f.BoolVar(&deny, "deny", false, "refuse every address that is not listed")
			f.StringVar(&allow, "allow", "", "comma-separated `LIST` of addresses and CIDR ranges")
		},
		func(e *admin.AccessEdit) error {
			e.Firewall = &rbac.Firewall{DefaultAction: "Allow"}
			if deny {
				e.Firewall.DefaultAction = "Deny"
			}
			if allow == "" {
				return nil
			}
			for one := range strings.SplitSeq(allow, ",") {
				p, err := netip.ParsePrefix(one)
				if addr, aerr := netip.ParseAddr(one); err != nil && aerr == nil {
					p, err = addr.Prefix(addr.BitLen())
				}
				if err != nil {
					return usagef("--allow: %q is neither an address nor a range", one)
				}
				e.Firewall.IPRules = append(e.Firewall.IPRules, p)
			}
			return nil
		})
}

func accessRolesCommand() *command {
	var hsm bool
	return &command{
		name: "roles", short: "list the built-in roles and what they may do with keys",
		flags: func(f *flag.FlagSet) { f.BoolVar(&hsm, "hsm", false, "those of a Managed HSM") },
		run: func(_ context.Context, c *call) error {
			kind := rbac.Vault
			if hsm {
				kind = rbac.HSM
			}
			out := &errWriter{w: c.Stdout}
			for _, r := range rbac.BuiltIn(kind) {
				var actions []string
				for _, p := range r.Permissions {
					for _, a := range p.DataActions {
						actions = append(actions, strings.TrimPrefix(strings.TrimPrefix(a, "Microsoft.KeyVault/vaults/"), "Microsoft.KeyVault/managedHsm/"))
					}
				}
				out.printf("%s  %s\n  %s\n", r.ID, r.Name, strings.Join(actions, ", "))
			}
			return out.err
		},
	}
}
