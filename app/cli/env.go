package cli

import (
	"context"
	"encoding/json"
	"flag"
	"strings"

	"latchkey/app/running"
	"latchkey/internal/secret"
)

func envCommand() *command {
	var data, format string
	return &command{
		name: "env", short: "print the variables that Azure SDKs and SQL clients need to reach a running latchkey up",
		long: `In a shell: eval "$(latchkey env)". In PowerShell: latchkey env --format powershell | Out-String | Invoke-Expression.

The variables name real Azure hosts; HTTPS_PROXY leads to the server's own proxy, which reaches nothing else, so a shell with these
variables does not reach the Internet over https. SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and REQUESTS_CA_BUNDLE name a file with the server's
own authority alone: system roots are not in it, as nothing else can be reached. (Go reads the system's directory of roots besides, Node its
built-in ones.) The output holds a secret of this server's test tenant: do not print it into logs.`,
		flags: func(f *flag.FlagSet) {
			dataFlag(f, &data)
			f.StringVar(&format, "format", "sh", "`FORMAT` of the output: sh, powershell or json")
		},
		run: func(ctx context.Context, c *call) error {
			write, ok := map[string]func(*errWriter, []running.Variable){"sh": writeSh, "powershell": writePowerShell, "json": writeJSON}[format]
			if !ok {
				return usagef("--format is sh, powershell or json, not %q", format)
			}
			r, err := c.running(data)
			if err != nil {
				return err
			}
			if err := r.Answers(ctx); err != nil {
				return withHint(err, "start it with: latchkey up --data %s", r.DataDir)
			}
			known, _ := c.LookupEnv("NO_PROXY")
			vars, err := r.Environment(c.FS, known)
			if err != nil {
				return err
			}
			out := &errWriter{w: c.Stdout}
			write(out, vars)
			return out.err
		},
	}
}

func writeSh(out *errWriter, vars []running.Variable) {
	for _, v := range vars {
		out.printf("export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, "'", `'\''`))
	}
}

func writePowerShell(out *errWriter, vars []running.Variable) {
	for _, v := range vars {
		out.printf("$env:%s = '%s'\n", v.Name, strings.ReplaceAll(v.Value, "'", "''"))
	}
}

func writeJSON(out *errWriter, vars []running.Variable) {
	m := make(map[string]string, len(vars))
	for _, v := range vars {
		m[v.Name] = v.Value
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		out.err = err
		return
	}
	defer secret.Wipe(b)
	out.printf("%s\n", b)
}
