package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
)

const maxBackup = 16 << 20

func keyBackupCommand() *command {
	var t keyTarget
	var name, file string
	return &command{
		name: "backup", short: "write a sealed backup of a key and all its versions to a file",
		long: `The file can be restored into a vault of the same installation alone: it is useless elsewhere, and it needs no further protection than
against loss.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			f.StringVar(&file, "file", "", "`FILE` to write, which must not exist; - for standard output")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			if file == "" {
				return usagef("--file is missing")
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.BackupKey(ctx, name, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("backing up key %q", name), err)
			}
			if err := c.writeNew(file, r.Value); err != nil {
				return fmt.Errorf("writing the backup: %w", err)
			}
			if file != "-" {
				_, err = fmt.Fprintf(c.Stdout, "backup of %q written to %q, %d bytes\n", name, file, len(r.Value))
			}
			return err
		},
	}
}

func keyRestoreCommand() *command {
	var t keyTarget
	var file string
	return &command{
		name: "restore", short: "bring a key back from its backup file",
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			f.StringVar(&file, "file", "", "`FILE` that backup wrote, - for standard input")
		},
		run: func(ctx context.Context, c *call) error {
			if file == "" {
				return usagef("--file is missing")
			}
			blob, err := c.readInput(file, maxBackup)
			if err != nil {
				return fmt.Errorf("reading the backup: %w", err)
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.RestoreKey(ctx, azkeys.RestoreKeyParameters{KeyBackup: blob}, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("restoring the key in %q", file), err)
			}
			return printKey(c.Stdout, t.format, r.KeyBundle)
		},
	}
}

func keyPurgeCommand() *command {
	var t keyTarget
	var name string
	var yes bool
	var o force
	return &command{
		name: "purge", short: "remove a deleted key for good",
		long: `What was encrypted under the key can then be read only where another copy or a backup of the key exists.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			f.BoolVar(&yes, "yes", false, "do it; without this flag nothing is removed")
			o.flags(f)
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			ctx, err := o.context(ctx)
			if err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			if !yes {
				// A dry run that asks the vault, so that a wrong name or right shows now.
				d, err := client.GetDeletedKey(ctx, name, nil)
				if err != nil {
					return vaultError(fmt.Sprintf("looking for deleted key %q", name), err)
				}
				fmt.Fprintf(c.Stderr, "would purge %s, deleted %s\n", *d.Key.KID, stamp(d.DeletedDate))
				return withHint(errors.New("nothing was purged: a purge cannot be undone"), "repeat the command with --yes")
			}
			if _, err := client.PurgeDeletedKey(ctx, name, nil); err != nil {
				return vaultError(fmt.Sprintf("purging key %q", name), err)
			}
			_, err = fmt.Fprintf(c.Stdout, "purged %q\n", name)
			return err
		},
	}
}

func keyPolicyCommand() *command {
	return &command{
		name: "policy", short: "show or set when a key rotates by itself",
		sub: []*command{keyPolicyShowCommand(), keyPolicySetCommand()},
	}
}

func keyPolicyShowCommand() *command {
	var t keyTarget
	var name string
	return &command{
		name: "show", short: "show a key's rotation policy",
		flags: func(f *flag.FlagSet) { t.flags(f); keyName(f, &name) },
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.GetKeyRotationPolicy(ctx, name, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("getting the rotation policy of key %q", name), err)
			}
			return printPolicy(c, t.format, r.KeyRotationPolicy)
		},
	}
}

func keyPolicySetCommand() *command {
	var t keyTarget
	var name, expiry, after, before string
	return &command{
		name: "set", short: "set a key's rotation policy",
		long: `Durations are ISO 8601: P90D, P18M, P2Y. Without --rotate-after and --rotate-before-expiry the key does not rotate by itself.`,
		flags: func(f *flag.FlagSet) {
			t.flags(f)
			keyName(f, &name)
			f.StringVar(&expiry, "expires-in", "", "`DURATION` that each new version lives, 28 days or more")
			f.StringVar(&after, "rotate-after", "", "`DURATION` after a version's creation at which the next is made")
			f.StringVar(&before, "rotate-before-expiry", "", "`DURATION` before a version's end at which the next is made; needs --expires-in")
		},
		run: func(ctx context.Context, c *call) error {
			if err := checkName(name); err != nil {
				return err
			}
			for flagName, v := range map[string]string{"expires-in": expiry, "rotate-after": after, "rotate-before-expiry": before} {
				if v == "" {
					continue
				}
				if _, err := akv.ParseDuration(v); err != nil {
					return usagef("--%s: %v", flagName, err)
				}
			}
			switch {
			case after != "" && before != "":
				return usagef("--rotate-after and --rotate-before-expiry exclude each other")
			case before != "" && expiry == "":
				return usagef("--rotate-before-expiry needs --expires-in")
			}
			p := azkeys.KeyRotationPolicy{Attributes: &azkeys.KeyRotationPolicyAttributes{}, LifetimeActions: []*azkeys.LifetimeAction{}}
			if expiry != "" {
				p.Attributes.ExpiryTime = &expiry
			}
			if after != "" || before != "" {
				rotate := azkeys.KeyRotationPolicyActionRotate
				trigger := &azkeys.LifetimeActionTrigger{}
				if after != "" {
					trigger.TimeAfterCreate = &after
				} else {
					trigger.TimeBeforeExpiry = &before
				}
				p.LifetimeActions = append(p.LifetimeActions, &azkeys.LifetimeAction{Action: &azkeys.LifetimeActionType{Type: &rotate}, Trigger: trigger})
			}
			client, err := t.client(c)
			if err != nil {
				return err
			}
			r, err := client.UpdateKeyRotationPolicy(ctx, name, p, nil)
			if err != nil {
				return vaultError(fmt.Sprintf("setting the rotation policy of key %q", name), err)
			}
			return printPolicy(c, t.format, r.KeyRotationPolicy)
		},
	}
}

func printPolicy(c *call, format string, p azkeys.KeyRotationPolicy) error {
	if format == "json" {
		return printJSON(c.Stdout, p)
	}
	out := &errWriter{w: c.Stdout}
	if p.Attributes != nil && p.Attributes.ExpiryTime != nil && *p.Attributes.ExpiryTime != "" {
		out.printf("a new version expires after %s\n", *p.Attributes.ExpiryTime)
	} else {
		out.printf("a new version does not expire\n")
	}
	for _, a := range p.LifetimeActions {
		if a == nil || a.Action == nil || a.Action.Type == nil || a.Trigger == nil {
			continue
		}
		switch {
		case a.Trigger.TimeAfterCreate != nil:
			out.printf("%s %s after creation\n", *a.Action.Type, *a.Trigger.TimeAfterCreate)
		case a.Trigger.TimeBeforeExpiry != nil:
			out.printf("%s %s before expiry\n", *a.Action.Type, *a.Trigger.TimeBeforeExpiry)
		}
	}
	return out.err
}
