package cli

import (
	"context"
	"flag"
	"fmt"

	"latchkey/app/admin"
	"latchkey/entra"
)

func entraCommand() *command {
	return &command{
		name: "entra", short: "serve a token authority alone, and administer its applications",
		long: "Administration works on a data directory, as that of latchkey vault does.",
		sub: []*command{
			entraServeCommand(),
			{name: "app", short: "applications and managed identities", sub: []*command{
				appCreateCommand(), appListCommand(), appSwitch("disable", "stop an application from getting tokens; those that are out live on until they expire", true),
				appSwitch("enable", "let a disabled application get tokens again", false), appDeleteCommand(),
			}},
			{name: "secret", short: "client secrets", sub: []*command{secretAddCommand(), credentialRemoveCommand("a client secret")}},
			{name: "cert", short: "certificates", sub: []*command{certAddCommand(), credentialRemoveCommand("a certificate")}},
		},
	}
}

func appCreateCommand() *command {
	var a adminFlags
	var n admin.AppNew
	return &command{
		name: "create", short: "register an application or a managed identity",
		long: "It may do nothing until latchkey vault access grant gives it a role.",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			f.StringVar(&n.Name, "name", "", "the application's `NAME`")
			f.StringVar(&n.TenantID, "tenant", "", "`GUID`; default the only tenant")
			f.BoolVar(&n.Managed, "managed", false, "a managed identity: no credentials, tokens over IMDS")
		},
		run: func(ctx context.Context, c *call) error {
			if n.Name == "" {
				return usagef("--name is missing")
			}
			var app entra.App
			if err := a.do(ctx, c, "app-create", n, &app); err != nil {
				return fmt.Errorf("creating application %q: %w", n.Name, err)
			}
			return a.print(c, app, func(out *errWriter) { printApp(out, app) })
		},
	}
}

func printApp(out *errWriter, app entra.App) {
	kind := "application"
	if app.Managed {
		kind = "managed identity"
	}
	if app.Disabled {
		kind += ", disabled"
	}
	out.printf("%s (%s)\n  client id  %s\n", app.Name, kind, app.ClientID)
	for _, p := range app.Principals {
		out.printf("  object id  %s in tenant %s\n", p.ObjectID, p.TenantID)
	}
	for _, s := range app.Secrets {
		out.printf("  secret     %s expires %s  %s\n", s.KeyID, stamp(&s.Expires), s.Name)
	}
	for _, s := range app.Certificates {
		out.printf("  cert       %s expires %s  %s  %s\n", s.KeyID, stamp(&s.NotAfter), s.Thumbprint, s.Name)
	}
	for _, s := range app.Federated {
		out.printf("  federated  %s %s %s\n", s.KeyID, s.Issuer, s.Subject)
	}
}

func appListCommand() *command {
	var a adminFlags
	return &command{
		name: "list", short: "list applications, managed identities and their credentials' expiry",
		flags: a.flags,
		run: func(ctx context.Context, c *call) error {
			var all []entra.App
			if err := a.do(ctx, c, "app-list", admin.Nothing{}, &all); err != nil {
				return fmt.Errorf("listing applications: %w", err)
			}
			return a.print(c, all, func(out *errWriter) {
				for _, app := range all {
					printApp(out, app)
				}
			})
		},
	}
}

func appFlag(f *flag.FlagSet, to *string) {
	f.StringVar(to, "app", "", "the application's `NAME` or client id")
}

func appSwitch(name, short string, disable bool) *command {
	var a adminFlags
	r := admin.AppRef{Disable: disable}
	return &command{
		name: name, short: short,
		flags: func(f *flag.FlagSet) { a.flags(f); appFlag(f, &r.App) },
		run: func(ctx context.Context, c *call) error {
			if r.App == "" {
				return usagef("--app is missing")
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "app-disable", r, &nothing); err != nil {
				return fmt.Errorf("changing application %q: %w", r.App, err)
			}
			_, err := fmt.Fprintf(c.Stdout, "%sd %q\n", name, r.App)
			return err
		},
	}
}

func appDeleteCommand() *command {
	var a adminFlags
	var r admin.AppRef
	var yes bool
	return &command{
		name: "delete", short: "remove an application with its credentials",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			appFlag(f, &r.App)
			f.BoolVar(&yes, "yes", false, "do it; without this flag nothing is removed")
		},
		run: func(ctx context.Context, c *call) error {
			switch {
			case r.App == "":
				return usagef("--app is missing")
			case !yes:
				return withHint(fmt.Errorf("application %q was not removed: it cannot be brought back", r.App), "repeat the command with --yes, or use latchkey entra app disable")
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "app-delete", r, &nothing); err != nil {
				return fmt.Errorf("deleting application %q: %w", r.App, err)
			}
			_, err := fmt.Fprintf(c.Stdout, "deleted %q\n", r.App)
			return err
		},
	}
}

func credentialRemoveCommand(what string) *command {
	var a adminFlags
	var r admin.AppRef
	return &command{
		name: "remove", short: "remove " + what + " of an application",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			appFlag(f, &r.App)
			f.StringVar(&r.KeyID, "id", "", "the credential's `GUID`, as latchkey entra app list shows it")
		},
		run: func(ctx context.Context, c *call) error {
			if r.App == "" || r.KeyID == "" {
				return usagef("--app and --id are needed")
			}
			var nothing admin.Nothing
			if err := a.do(ctx, c, "cred-remove", r, &nothing); err != nil {
				return fmt.Errorf("removing %s of %q: %w", what, r.App, err)
			}
			_, err := fmt.Fprintf(c.Stdout, "removed %s\n", r.KeyID)
			return err
		},
	}
}

func secretAddCommand() *command {
	var a adminFlags
	var n admin.CredentialNew
	return &command{
		name: "add", short: "make a client secret; it is shown this once",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			appFlag(f, &n.App)
			f.StringVar(&n.Name, "name", "secret", "the secret's `NAME`")
			f.IntVar(&n.Days, "days", 180, "`DAYS` that it lives, up to 730")
		},
		run: func(ctx context.Context, c *call) error {
			if n.App == "" {
				return usagef("--app is missing")
			}
			var made admin.CredentialMade
			if err := a.do(ctx, c, "secret-add", n, &made); err != nil {
				return fmt.Errorf("adding a secret to %q: %w", n.App, err)
			}
			return a.print(c, made, func(out *errWriter) {
				out.printf("client id  %s\nsecret id  %s\nexpires    %s\nsecret     %s\n", made.ClientID, made.KeyID, stamp(&made.Expires), made.Secret)
			})
		},
	}
}

func certAddCommand() *command {
	var a adminFlags
	var n admin.CredentialNew
	var file string
	return &command{
		name: "add", short: "register a certificate with which an application signs in",
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			appFlag(f, &n.App)
			f.StringVar(&n.Name, "name", "certificate", "the certificate's `NAME`")
			f.StringVar(&file, "file", "", "`FILE` with the certificate in PEM, without its private key; - for standard input")
		},
		run: func(ctx context.Context, c *call) (err error) {
			if n.App == "" || file == "" {
				return usagef("--app and --file are needed")
			}
			if n.PEM, err = c.readInput(file, 1<<16); err != nil {
				return fmt.Errorf("reading the certificate: %w", err)
			}
			var made admin.CredentialMade
			if err := a.do(ctx, c, "cert-add", n, &made); err != nil {
				return fmt.Errorf("adding a certificate to %q: %w", n.App, err)
			}
			return a.print(c, made, func(out *errWriter) {
				out.printf("client id  %s\ncert id    %s\nthumbprint %s\nexpires    %s\n", made.ClientID, made.KeyID, made.Thumbprint, stamp(&made.Expires))
			})
		},
	}
}
