package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"latchkey/ops/install"
)

// installFlags are those of the part of latchkey setup that is about this machine, not about a server.
type installFlags struct {
	from, root, allow string
	only              bool
}

func (i *installFlags) flags(f *flag.FlagSet) {
	f.StringVar(&i.from, "install", "", "first install the library and the agent on this machine from `DIR`, as make dist makes it")
	f.StringVar(&i.root, "root", "", "with --install: put everything below `DIR`, and start nothing (Linux)")
	f.StringVar(&i.allow, "allow", "", "with --install: comma-separated `ACCOUNTS` of database servers, where there are no settings yet")
	f.BoolVar(&i.only, "only-install", false, "with --install: nothing else; no server is asked for")
}

// check says what does not go together.
func (i *installFlags) check(args []string) error {
	switch {
	case i.from == "" && (i.root != "" || i.allow != "" || i.only):
		return usagef("--root, --allow and --only-install go with --install")
	case i.only && len(args) > 0:
		return usagef("--only-install asks no server, so it takes no DSN")
	}
	return nil
}

// plan gives the steps, and where the library will be as a server on this machine names it.
func (i *installFlags) plan(ctx context.Context, c *call) ([]install.Step, string, error) {
	if i.from == "" {
		return nil, "", nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	o := install.Options{FS: c.FS, Machine: install.OS{}, Program: program}
	if o.Source, err = filepath.Abs(i.from); err != nil {
		return nil, "", err
	}
	if i.root != "" {
		if o.Root, err = filepath.Abs(i.root); err != nil {
			return nil, "", err
		}
	}
	if i.allow != "" {
		o.Allow = strings.Split(i.allow, ",")
	}
	steps, library, err := machineSteps(ctx, c, o)
	return steps, library, withHint(err, "nothing was changed; --install takes a directory as make dist makes it, --allow ACCOUNT names the database server's account")
}

// apply installs and then runs the rest; what was installed is taken back if the rest fails.
func (i *installFlags) apply(ctx context.Context, c *call, steps []install.Step, rest func() error) error {
	undo, err := install.Apply(ctx, steps, c.Stderr)
	if err != nil {
		return err
	}
	if err := rest(); err != nil {
		return errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return nil
}

// alone is all there is to do with --only-install.
func (i *installFlags) alone(ctx context.Context, c *call, steps []install.Step, library string, apply bool) error {
	if !apply {
		if err := install.Show(c.Stdout, steps); err != nil {
			return err
		}
		return showPlan(c, nil, install.Left(steps), len(steps))
	}
	if err := i.apply(ctx, c, steps, func() error { return nil }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.Stdout, "installed; the library is %s\n", library)
	return err
}
