package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"latchkey/app/admin"
)

// adminFlags say which data directory to administer.
type adminFlags struct{ data, seal, format string }

func (a *adminFlags) flags(f *flag.FlagSet) {
	dataFlag(f, &a.data)
	f.StringVar(&a.seal, "seal", "", "`SPEC` of the seal key's source, when no server runs; default the one that is noted")
	f.StringVar(&a.format, "format", "text", "`FORMAT` of the output: text or json")
}

// do runs one operation on the directory, through the server that runs there or by opening it.
func (a *adminFlags) do(ctx context.Context, c *call, op string, args, result any) (err error) {
	if a.format != "text" && a.format != "json" {
		return usagef("--format is text or json, not %q", a.format)
	}
	dir, err := c.dataDir(a.data)
	if err != nil {
		return err
	}
	if _, err := c.FS.Stat(dir); err != nil {
		return withHint(fmt.Errorf("opening the data directory: %w", err), "latchkey up makes one; --data names it")
	}
	p, err := c.process("error")
	if err != nil {
		return err
	}
	admin, err := admin.Open(ctx, p, dir, a.seal, op)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	return admin.Do(ctx, op, args, result)
}

// print writes v as JSON, or calls text.
func (a *adminFlags) print(c *call, v any, text func(out *errWriter)) error {
	if a.format == "json" {
		return printJSON(c.Stdout, v)
	}
	out := &errWriter{w: c.Stdout}
	text(out)
	return out.err
}
