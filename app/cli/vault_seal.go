package cli

import (
	"context"
	"flag"
	"fmt"

	"latchkey/app/admin"
)

func vaultResealCommand() *command {
	var a adminFlags
	var args admin.ResealArgs
	return &command{
		name: "reseal", short: "change the key that seals private keys at rest",
		long: `--to wraps the ring of data keys under another seal key, in one atomic write: afterwards only the new one opens the directory, and the
key file of the development mode is removed. --data-key also makes a new data key and seals every private key anew under it, beside normal
operation. Backups of the directory that were made before open with the old key still: destroy them or guard it.`,
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			f.StringVar(&args.To, "to", "", "`SPEC` of the new seal key's source (see latchkey up --help)")
			f.BoolVar(&args.NewData, "data-key", false, "a new data key, everything sealed anew")
		},
		run: func(ctx context.Context, c *call) error {
			if args.To == "" && !args.NewData {
				return usagef("nothing to do: give --to or --data-key")
			}
			var res admin.ResealResult
			if err := a.do(ctx, c, "reseal", args, &res); err != nil {
				return fmt.Errorf("resealing: %w", err)
			}
			return a.print(c, res, func(out *errWriter) {
				out.printf("seal key   %s\n", res.Source)
				if args.NewData {
					out.printf("resealed   %d records\n", res.Records)
				}
			})
		},
	}
}

func vaultBackupKeyCommand() *command {
	return &command{
		name: "backup-key", short: "let another installation restore this one's key backups",
		sub: []*command{backupKeyExportCommand(), backupKeyImportCommand()},
	}
}

// passphrase reads a passphrase from a file or the terminal, never from an argument.
func (c *call) passphrase(ctx context.Context, file string) (string, error) {
	if file == "" {
		if c.Prompt == nil {
			return "", usagef("--passphrase-file is missing, and there is no terminal to ask at")
		}
		p, err := c.Prompt(ctx)
		if err != nil {
			return "", withHint(fmt.Errorf("asking for the passphrase: %w", err), "give it in a file: --passphrase-file FILE")
		}
		defer p.Destroy()
		return string(p.Expose()), nil
	}
	b, err := c.readInput(file, 4096)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return string(b), nil
}

func backupKeyExportCommand() *command {
	var a adminFlags
	var key admin.BackupKey
	var file, passFile string
	return &command{
		name: "export", short: "write a backup key to a file, sealed under a passphrase",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			f.StringVar(&key.ID, "id", "", "the key's `ID`; default the one that new backups are under")
			f.StringVar(&file, "file", "", "`FILE` to write, which must not exist")
			f.StringVar(&passFile, "passphrase-file", "", "`FILE` with the passphrase, 12 bytes or more; default: asked for")
		},
		run: func(ctx context.Context, c *call) (err error) {
			if file == "" {
				return usagef("--file is missing")
			}
			if key.Passphrase, err = c.passphrase(ctx, passFile); err != nil {
				return err
			}
			var res admin.BackupKey
			if err := a.do(ctx, c, "backup-export", key, &res); err != nil {
				return fmt.Errorf("exporting the backup key: %w", err)
			}
			if err := c.writeNew(file, res.Exported); err != nil {
				return fmt.Errorf("writing the backup key: %w", err)
			}
			_, err = fmt.Fprintf(c.Stderr, "backup key %s written to %q\n", res.ID, file)
			return err
		},
	}
}

func backupKeyImportCommand() *command {
	var a adminFlags
	var key admin.BackupKey
	var file, passFile string
	return &command{
		name: "import", short: "take in another installation's backup key",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			f.StringVar(&file, "file", "", "`FILE` that export wrote")
			f.StringVar(&passFile, "passphrase-file", "", "`FILE` with the passphrase; default: asked for")
		},
		run: func(ctx context.Context, c *call) (err error) {
			if file == "" {
				return usagef("--file is missing")
			}
			if key.Exported, err = c.readInput(file, 1<<16); err != nil {
				return fmt.Errorf("reading the backup key: %w", err)
			}
			if key.Passphrase, err = c.passphrase(ctx, passFile); err != nil {
				return err
			}
			var res admin.BackupKey
			if err := a.do(ctx, c, "backup-import", key, &res); err != nil {
				return fmt.Errorf("importing the backup key: %w", err)
			}
			_, err = fmt.Fprintf(c.Stdout, "backups under %s can be restored here\n", res.ID)
			return err
		},
	}
}
