package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/ekm/code"
)

// planned are commands that advice names and that do not exist yet. Take them off when they do.
func planned() []string { return nil }

var (
	adviceCommand = regexp.MustCompile("`latchkey ([^`]*)`")
	adviceFlag    = regexp.MustCompile(`^--([a-z-]+)`)
	helpFlag      = regexp.MustCompile(`(?m)^  --([a-z-]+)`)
)

// TestAdviceNamesCommandsAndFlagsThatExist holds what the catalogue and the pages tell people to run against the table of commands.
func TestAdviceNamesCommandsAndFlagsThatExist(t *testing.T) {
	for _, name := range planned() {
		if exit, _, _ := run(t, nil, "help", name); exit == 0 {
			t.Errorf("%q exists now: take it off the planned ones", name)
		}
	}
	texts := map[string]string{}
	for _, e := range code.All() {
		texts[e.Code.String()] = e.Remedy + "\n" + e.Meaning + "\n" + strings.Join(e.Causes, "\n")
	}
	for _, p := range code.Pairs() {
		texts[p.Message.String()+" with "+p.Provider.String()] = p.Remedy + "\n" + p.Meaning
	}
	for _, page := range []string{"connector.md", "credentials.md", "codes.md"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		texts[page] = string(b)
	}
	n := 0
	for where, text := range texts {
		for _, m := range adviceCommand.FindAllStringSubmatch(text, -1) {
			n++
			if problem := checkAdvice(t, strings.Fields(m[1])); problem != "" {
				t.Errorf("%s: %s: %s", where, m[0], problem)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d commands were found in all texts; is the pattern right?", n)
	}
}

// checkAdvice says what is wrong with a command as advice writes it; "" for nothing.
func checkAdvice(t *testing.T, words []string) string {
	if slices.Contains(planned(), words[0]) {
		return ""
	}
	names := []string{"help", words[0]} // at most three words are names; what follows is arguments
	exit, out, _ := run(t, nil, names...)
	if exit != 0 {
		return "there is no such command"
	}
	rest := words[1:]
	for len(rest) > 0 && strings.Contains(out, " COMMAND [flags]") && !strings.HasPrefix(rest[0], "-") {
		names, rest = append(names, rest[0]), rest[1:]
		if exit, out, _ = run(t, nil, names...); exit != 0 {
			return "there is no such command"
		}
	}
	var flags []string
	for _, m := range helpFlag.FindAllStringSubmatch(out, -1) {
		flags = append(flags, m[1])
	}
	for _, w := range rest {
		if m := adviceFlag.FindStringSubmatch(w); m != nil && !slices.Contains(flags, m[1]) {
			return "there is no flag --" + m[1]
		}
	}
	if words[0] == "key" && len(rest) > 0 && !slices.Contains(rest, "--vault") && !slices.Contains(rest, "--to") {
		return "it does not say which --vault"
	}
	return ""
}
