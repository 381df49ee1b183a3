package main

import (
	"fmt"
	"io"
	"strings"

	"latchkey/ekm/code"
)

// family is a heading of the page and the codes under it.
type family struct {
	title       string
	space       code.Space
	first, last int
}

func families() []family {
	return []family{
		{"The interface's own codes", code.Provider, 0, 7},
		{"Names, secrets and the thumbprint map", code.Provider, 401, 2058},
		{"Older numbers", code.Provider, 3000, 3077},
		{"The HTTP exchange", code.Provider, 3100, 3128},
		{"The vault's challenge", code.Provider, 3200, 3208},
		{"Getting a token", code.Provider, 3300, 3308},
		{"Getting a key", code.Provider, 3400, 3412},
		{"Backing up a key", code.Provider, 3500, 3506},
		{"Wrapping", code.Provider, 3600, 3609},
		{"Unwrapping", code.Provider, 3700, 3709},
		{"Secret and certificates", code.Provider, 3800, 3822},
		{"Name resolution and retries", code.Provider, 3900, 4000},
		{"The library and its agent (ours)", code.Provider, 5001, 5999},
		{"Files, databases, backups and recovery", code.SQL, 0, 14999},
		{"Credentials, logins, keys and options", code.SQL, 15000, 33021},
		{"Providers and their keys", code.SQL, 33022, 33090},
		{"Transparent data encryption", code.SQL, 33091, 33999},
		{"Managed identity", code.SQL, 34000, 44999},
		{"Azure SQL", code.SQL, 45000, 1<<24 - 1},
		{"Vault", code.Latchkey, 1000, 1099},
		{"Token authority", code.Latchkey, 1100, 1199},
		{"Audit", code.Latchkey, 1200, 1299},
		{"Storage and sealing", code.Latchkey, 1300, 1399},
		{"Command line and configuration", code.Latchkey, 1400, 1499},
		{"Encrypted databases", code.Latchkey, 1500, 1599},
		{"Connector and map", code.Latchkey, 1600, 1699},
		{"Others", code.Latchkey, 1700, 1<<24 - 1},
	}
}

func (f family) has(c code.Code) bool {
	return c.Space() == f.space && c.Number() >= f.first && c.Number() <= f.last
}

func writeCodes(w io.Writer) error {
	all := code.All()
	never := 0
	for _, e := range all {
		if e.Never != "" {
			never++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Codes

What every number means, what usually caused it and what to do. `+"`latchkey explain CODE`"+` tells the same on the command
line, finds near matches for a typo, and takes a whole message as it was copied from a screen.

There are %d codes in three spaces: those of the SQL Server connector for key vaults (0 to 4000, with the published symbols; 5001 and up are ours),
messages of SQL Server that carry or follow from them, and Latchkey's own (LK1001 and up). %d cannot occur with Latchkey;
they are here because logs of other connectors have them, each with the reason.

"Again" says whether repeating the same call is safe and may help; "heals" whether it goes away by itself once its cause is
gone, with nothing restarted.

`, len(all), never)
	writePairs(&b)
	space := code.Space(0)
	for _, f := range families() {
		var es []code.Entry
		for _, e := range all {
			if f.has(e.Code) {
				es = append(es, e)
			}
		}
		if len(es) == 0 {
			continue
		}
		if f.space != space {
			space = f.space
			fmt.Fprintf(&b, "## %s\n\n", spaceTitle(space))
		}
		fmt.Fprintf(&b, "### %s\n\n", f.title)
		b.WriteString("| Code | What happened, and likely causes | What to do | Again | Heals |\n|---|---|---|---|---|\n")
		for _, e := range es {
			writeRow(&b, e)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func spaceTitle(s code.Space) string {
	switch s {
	case code.SQL:
		return "Messages of SQL Server"
	case code.Latchkey:
		return "Latchkey's own codes"
	default:
		return "Codes of the connector"
	}
}

func writePairs(b *strings.Builder) {
	b.WriteString("## Message and code together\n\n| Message | Code | What happened | What to do |\n|---|---|---|---|\n")
	for _, p := range code.Pairs() {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", link(p.Message), link(p.Provider), cell(p.Meaning), cell(p.Remedy))
	}
	b.WriteString("\n")
}

func writeRow(b *strings.Builder, e code.Entry) {
	fmt.Fprintf(b, "| <a id=%q></a>**%s**<br>%s", anchor(e.Code), e.Code.String(), e.Symbol)
	if e.Code.Space() == code.SQL {
		fmt.Fprintf(b, "<br>severity %d", e.Severity)
		if e.Log {
			b.WriteString(", error log")
		}
	}
	if e.Twin != 0 {
		fmt.Fprintf(b, "<br>same as %s", link(e.Twin))
	}
	b.WriteString(" | ")
	if e.Text != "" {
		fmt.Fprintf(b, "*%s*<br>", cell(e.Text))
	}
	b.WriteString(cell(e.Meaning))
	for i, c := range e.Causes {
		fmt.Fprintf(b, "<br>%d. %s", i+1, cell(c))
	}
	if len(e.With) > 0 {
		b.WriteString("<br>Comes with ")
		for i, c := range e.With {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(link(c))
		}
	}
	if e.Never != "" {
		b.WriteString("<br>**Cannot occur with Latchkey:** " + cell(e.Never))
	}
	fmt.Fprintf(b, " | %s | %s | %s |\n", cell(e.Remedy), yes(e.Retry), yes(e.Heals))
}

func anchor(c code.Code) string { return strings.ToLower(strings.ReplaceAll(c.String(), " ", "-")) }

func link(c code.Code) string { return fmt.Sprintf("[%s](#%s)", c.String(), anchor(c)) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// cell makes a text safe in a table: no bar ends the cell, and outside of backquotes nothing is taken for markup.
func cell(s string) string {
	var b strings.Builder
	quoted := false
	for _, r := range s {
		switch {
		case r == '|':
			b.WriteString(`\|`)
			continue
		case r == '`':
			quoted = !quoted
		case !quoted && strings.ContainsRune(`<>*[]\`, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
