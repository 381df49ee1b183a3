// Command latchkey keeps databases encrypted at rest with keys that stay in a key vault. `latchkey help` lists what it
// does; docs/commands.md is the same list with every flag.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"latchkey/app/cli"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

func main() {
	// The first signal asks for a stop in order; a second one, after stop() below, ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, cli.Env{
		Args:      os.Args[1:],
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
		Clock:     clock.System{},
		FS:        fsys.OS{},
		Unsetenv:  os.Unsetenv,
		Prompt:    cli.AskPassphrase,
	}))
}
