package explain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm/code"
	"latchkey/ekm/code/explain"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test ./ekm/code/explain -update writes it anew):\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	for name, queries := range map[string][]string{
		"pair-33049-2058": {"33049", "2058"},
		"pair-33028-3303": {"33028", "3303"},
		"pair-generic":    {"33028", "3119"},
		"several-3013":    {"3013"},
		"older-3076":      {"3076"},
		"never-3600":      {"3600"},
		"success":         {"Success"},
		"log-33081":       {"Msg 33081"},
		"memory-8645":     {"8645"},
		"latchkey":        {"LK1401"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := explain.Explain(queries...)
			if err != nil {
				t.Fatal(err)
			}
			var text, js bytes.Buffer
			if err := a.Text(&text); err != nil {
				t.Fatal(err)
			}
			if err := a.JSON(&js); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			golden(t, name+".json", js.Bytes())
			if !json.Valid(js.Bytes()) {
				t.Error("the JSON is not valid")
			}
		})
	}
}

func codes(a *explain.Answer) []string {
	var out []string
	for _, e := range a.Entries {
		out = append(out, e.Code.String())
	}
	return out
}

func TestCopiedMessages(t *testing.T) {
	const pasted = "Msg 33049, Level 16, State 2, Line 65\nKey with name 'ContosoRSAKey0' does not exist in the provider or access is denied. " +
		"Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)"
	for _, queries := range [][]string{
		{pasted},
		strings.Split(pasted, "\n"),
		{"Msg", "33049", "2058"},
		{"2058", "Msg 33049"},
		{"33049", "provider 2058"},
		{"33049", "FailureInRegistry"},
	} {
		a, err := explain.Explain(queries...)
		if err != nil {
			t.Errorf("%q: %v", queries, err)
			continue
		}
		if len(a.Pairs) != 1 || a.Pairs[0].Message != code.Msg(33049) || a.Pairs[0].Provider != code.FailureInRegistry {
			t.Errorf("%q: pairs %v", queries, a.Pairs)
		}
		if len(a.Entries) != 2 {
			t.Errorf("%q: entries %v", queries, codes(a))
		}
	}
}

func TestNoPairWhereNoneBelongs(t *testing.T) {
	a, err := explain.Explain("33102", "2058")
	if err != nil || len(a.Pairs) != 0 || len(a.Entries) != 2 {
		t.Errorf("pairs %v, entries %v, error %v", a.Pairs, codes(a), err)
	}
	a, err = explain.Explain("2058", "2058")
	if err != nil || len(a.Entries) != 1 {
		t.Errorf("a repeated query gives %v, %v", codes(a), err)
	}
}

func TestUnknown(t *testing.T) {
	a, err := explain.Explain("33o49", "2058")
	var u *explain.UnknownError
	if !errors.As(err, &u) || u.Query != "33o49" || len(u.Near) == 0 || u.Near[0].Code != code.Msg(33049) {
		t.Fatalf("error %v", err)
	}
	if want := `no code "33o49" in the catalogue; near it are Msg 33049 KeyNotInProvider`; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("text %q, want %q first", err, want)
	}
	if u.Hint() != `latchkey explain Msg 33049` {
		t.Errorf("hint %q", u.Hint())
	}
	if diff := cmp.Diff([]string{"2058"}, codes(a)); diff != "" {
		t.Errorf("the known one is lost (-want +got):\n%s", diff)
	}

	_, err = explain.Explain(strings.Repeat("é", 500), "qqqqqqqqqq")
	if !errors.As(err, &u) || u.Hint() == "" || len(err.Error()) > 400 || !utf8.ValidString(err.Error()) {
		t.Errorf("error %v", err)
	}
	if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != 2 {
		t.Errorf("%d unknown queries, want 2", n)
	}
}

// TestCommandsStayWhole holds that what stands between backquotes can be copied from a terminal.
func TestCommandsStayWhole(t *testing.T) {
	for _, e := range code.All() {
		var b bytes.Buffer
		if err := (&explain.Answer{Entries: []code.Entry{e}}).Text(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%v: a command is cut: %q", e.Code, line)
			}
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 && !strings.Contains(line, "`") {
				t.Errorf("%v: a line of %d characters: %q", e.Code, n, line)
			}
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("Msg 33049, Level 16, State 2, Line 65 Provider error code: 2058.", "2058")
	f.Add("msg", "33o49")
	f.Add("\xff", "0xC000080A")
	f.Fuzz(func(t *testing.T, a, b string) {
		got, err := explain.Explain(a, b)
		if got == nil || err == nil && len(got.Entries) == 0 && strings.TrimSpace(a+b) != "" {
			t.Errorf("%q %q: neither an answer nor an error", a, b)
		}
		var w bytes.Buffer
		if err := got.Text(&w); err != nil {
			t.Error(err)
		}
		if err := got.JSON(&w); err != nil {
			t.Error(err)
		}
	})
}
