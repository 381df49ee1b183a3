package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

const overview = `Latchkey keeps databases encrypted at rest with keys that stay in a key vault.

usage: latchkey COMMAND [flags]
`

func writeOverview(w io.Writer, cmds []*command) {
	fmt.Fprint(w, overview+"\n")
	writeList(w, "", cmds)
	fmt.Fprint(w, "\nlatchkey help COMMAND tells more. Exit codes: 0 done, 1 the work failed, 2 the call was wrong.\n")
}

func writeGroup(w io.Writer, prefix string, cmd *command) {
	fmt.Fprintf(w, "latchkey %s: %s\n", prefix, cmd.short)
	if cmd.long != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.long)
	}
	fmt.Fprintf(w, "\nusage: latchkey %s COMMAND [flags]\n\n", prefix)
	writeList(w, prefix, cmd.sub)
}

func writeList(w io.Writer, prefix string, cmds []*command) {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range cmds {
		fmt.Fprintf(tw, "  %s\t%s\n", join(prefix, c.name), c.short)
	}
	_ = tw.Flush()
}

func writeCommand(w io.Writer, name string, cmd *command) {
	fmt.Fprintf(w, "latchkey %s: %s\n\nusage: %s\n", name, cmd.short, usageLine(name, cmd))
	if cmd.long != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.long)
	}
	if rows := flagRows(cmd, name); len(rows) > 0 {
		fmt.Fprint(w, "\nflags:\n")
		tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
		for _, r := range rows {
			fmt.Fprintf(tw, "  %s\t%s\n", r.name, r.text)
		}
		_ = tw.Flush()
	}
}

func usageLine(name string, cmd *command) string {
	s := "latchkey " + name
	if cmd.flags != nil {
		s += " [flags]"
	}
	if cmd.args != "" {
		s += " " + cmd.args
	}
	return s
}

type flagRow struct{ name, text string }

// flagRows lists the flags of a command, sorted by name, with their placeholder and default.
func flagRows(cmd *command, name string) []flagRow {
	var rows []flagRow
	newFlagSet(cmd, name).VisitAll(func(f *flag.Flag) {
		placeholder, usage := flag.UnquoteUsage(f)
		n := "--" + f.Name
		if placeholder != "" {
			n += " " + placeholder
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		rows = append(rows, flagRow{n, usage})
	})
	return rows
}

// help answers "latchkey help key create" and "latchkey key --help".
func help(w io.Writer, parent *command, prefix string, words []string) error {
	for _, word := range words {
		if isHelp(word) {
			continue
		}
		next := find(parent.sub, word)
		if next == nil {
			return unknown(parent.sub, prefix, word)
		}
		parent, prefix = next, join(prefix, next.name)
	}
	switch {
	case prefix == "":
		writeOverview(w, parent.sub)
	case parent.run == nil:
		writeGroup(w, prefix, parent)
	default:
		writeCommand(w, prefix, parent)
	}
	return nil
}

// Reference is docs/commands.md: every command with every flag, from the table that runs them.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Commands

Exit codes: 0 done, 1 the work failed, 2 the call was wrong. Errors read
` + "`latchkey: error: ...`" + `, advice ` + "`latchkey: hint: ...`" + `, both on standard error.
`)
	writeReference(&b, "", commands())
	return b.String()
}

func writeReference(b *strings.Builder, prefix string, cmds []*command) {
	for _, c := range cmds {
		name := join(prefix, c.name)
		if c.run == nil {
			fmt.Fprintf(b, "\n## latchkey %s\n\n%s.\n", name, sentence(c.short))
			if c.long != "" {
				fmt.Fprintf(b, "\n%s\n", c.long)
			}
			writeReference(b, name, c.sub)
			continue
		}
		level := "##"
		if prefix != "" {
			level = "###"
		}
		fmt.Fprintf(b, "\n%s latchkey %s\n\n%s.\n\n    %s\n", level, name, sentence(c.short), usageLine(name, c))
		if c.long != "" {
			fmt.Fprintf(b, "\n%s\n", c.long)
		}
		if rows := flagRows(c, name); len(rows) > 0 {
			b.WriteString("\n| flag | meaning |\n|---|---|\n")
			for _, r := range rows {
				fmt.Fprintf(b, "| `%s` | %s |\n", r.name, strings.ReplaceAll(r.text, "|", `\|`))
			}
		}
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// helpCommand stands in the list; dispatch answers it before it could run.
func helpCommand() *command {
	return &command{
		name: "help", args: "[COMMAND...]", short: "tell about a command",
		run: func(_ context.Context, c *call) error {
			return help(c.Stdout, &command{sub: commands()}, "", c.args)
		},
	}
}
