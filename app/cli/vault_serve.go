package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"

	"latchkey/app/compose"
)

func vaultServeCommand() *command {
	return serveCommand("serve key vaults to other machines, from a configuration file",
		`The file is strict JSON: an unknown member is an error. docs/vault.md has complete examples, with Microsoft Entra ID and with this program's own
token authority. --check reads the file, says what is wrong with it, and starts nothing.`,
		func(c *compose.ServeConfig) error {
			if c.Vault == nil {
				return errors.New("the configuration has no vault part")
			}
			return nil
		})
}

func entraServeCommand() *command {
	return serveCommand("serve the token authority alone, from a configuration file",
		"The file is that of latchkey vault serve, with an entra part and no vault part.",
		func(c *compose.ServeConfig) error {
			if c.Entra == nil || c.Vault != nil {
				return errors.New("the configuration needs an entra part and no vault part; latchkey vault serve runs both")
			}
			return nil
		})
}

func serveCommand(short, long string, fits func(*compose.ServeConfig) error) *command {
	var file, level string
	var check bool
	return &command{
		name: "serve", short: short, long: long,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&file, "config", "", "`FILE` with the configuration")
			f.BoolVar(&check, "check", false, "check the configuration and stop")
			logFlag(f, &level)
		},
		run: func(ctx context.Context, c *call) error {
			if file == "" {
				return usagef("--config is missing")
			}
			config, err := compose.ReadServeConfig(c.FS, file)
			if err != nil {
				return err
			}
			if err := fits(config); err != nil {
				return &usageError{msg: err.Error()}
			}
			if check {
				_, err := fmt.Fprintln(c.Stdout, "the configuration is sound")
				return err
			}
			p, err := c.process(level)
			if err != nil {
				return err
			}
			c.tuneGC()
			start := c.Clock.Now()
			server, err := compose.StartServe(ctx, p, config)
			if err != nil {
				return err
			}
			for _, a := range server.Addresses {
				fmt.Fprintf(c.Stderr, "latchkey: %s\n", a)
			}
			fmt.Fprintf(c.Stderr, "latchkey: ready in %d ms\n", c.Clock.Now().Sub(start).Milliseconds())
			return wait(ctx, c, &server.Up)
		},
	}
}

// serverGC lets a server's heap grow to four times what lives before it is swept. What lives is a few MB, so sweeping at twice that comes every
// few milliseconds under load; this way a tenth of the work beside RSA is saved (internal/bench), for some MB.
const serverGC = 300

// tuneGC sets it, unless the operator said otherwise.
func (c *call) tuneGC() {
	if _, set := c.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(serverGC)
	}
}

// server is something that runs until it is stopped.
type server interface {
	Failed() <-chan error
	Stop(context.Context) error
}

// wait ends a server when ctx ends or a part of it fails.
func wait(ctx context.Context, c *call, server server) (err error) {
	select {
	case <-ctx.Done():
	case err = <-server.Failed():
	}
	fmt.Fprintln(c.Stderr, "latchkey: stopping")
	stopping, cancel := context.WithTimeout(context.Background(), stopBound)
	defer cancel()
	return errors.Join(err, server.Stop(stopping))
}
