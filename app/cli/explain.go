package cli

import (
	"context"
	"flag"

	"latchkey/ekm/code/explain"
)

func explainCommand() *command {
	var format string
	return &command{
		name: "explain", args: "CODE...", short: "tell what a provider code or SQL message means, its causes and the fix",
		long: `CODE is a number in any form ("2058", "Msg 33049", "LK1401", "0xC000080A"), a symbol, or a whole message as copied from a screen.`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&format, "format", "text", "`FORMAT` of the output: text or json")
		},
		run: func(_ context.Context, c *call) error {
			if format != "text" && format != "json" {
				return usagef("--format is text or json, not %q", format)
			}
			if len(c.args) == 0 {
				return &usageError{msg: "a code is missing", hint: "latchkey explain 2058"}
			}
			answer, unknown := explain.Explain(c.args...)
			if len(answer.Entries)+len(answer.Pairs) > 0 {
				render := answer.Text
				if format == "json" {
					render = answer.JSON
				}
				if err := render(c.Stdout); err != nil {
					return err
				}
			}
			return unknown
		},
	}
}
