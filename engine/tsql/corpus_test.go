package tsql_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/format"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

var goLine = regexp.MustCompile(`(?mi)^[ \t]*GO[ \t]*\r?(?:\n|\z)`)

// batches splits a script as clients do.
func batches(script string) []string {
	var list []string
	for _, b := range goLine.Split(script, -1) {
		if strings.TrimSpace(b) != "" {
			list = append(list, b)
		}
	}
	return list
}

func corpusFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no corpus: %v", err)
	}
	return files
}

// corpus is all batches of the positive corpus.
func corpus(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for _, f := range corpusFiles(tb) {
		all = append(all, batches(readFile(tb, f))...)
	}
	return all
}

func readFile(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

var on = tsql.Options{QuotedIdentifier: true}

// golden compares with a file, or writes it under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(readFile(t, name), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Every batch of the corpus parses and prints as its golden file says.
func TestCorpusPrints(t *testing.T) {
	for _, f := range corpusFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			var out strings.Builder
			for _, src := range batches(readFile(t, f)) {
				b, err := tsql.Parse(src, on)
				if err != nil {
					t.Errorf("%v in:\n%s", err, src)
					continue
				}
				out.WriteString(format.Batch(b, format.Options{ShowSecrets: true}) + "\nGO\n")
			}
			golden(t, strings.TrimSuffix(f, ".sql")+".golden", out.String())
		})
	}
}

// What is printed parses to the same tree, whatever QUOTED_IDENTIFIER is; printing that again gives the same text.
func TestRoundTrip(t *testing.T) {
	for _, src := range corpus(t) {
		roundTrip(t, src, on)
	}
}

func roundTrip(tb testing.TB, src string, o tsql.Options) {
	tb.Helper()
	b, err := tsql.Parse(src, o)
	if err != nil {
		return
	}
	text := format.Batch(b, format.Options{ShowSecrets: true})
	for _, quoted := range []bool{true, false} {
		again, err := tsql.Parse(text, tsql.Options{QuotedIdentifier: quoted})
		if err != nil {
			tb.Errorf("printed text does not parse: %v\n%s\n--- from\n%s", err, text, src)
			return
		}
		if diff := cmp.Diff(dump(b), dump(again)); diff != "" {
			tb.Errorf("tree changed (-first +again):\n%s\n%s\n--- from\n%s", diff, text, src)
			return
		}
		if twice := format.Batch(again, format.Options{ShowSecrets: true}); twice != text {
			tb.Errorf("text changed:\n%s\n--- then\n%s", text, twice)
		}
	}
	hidden := tsql.Print(b)
	if _, err := tsql.Parse(hidden, on); err != nil {
		tb.Errorf("redacted text does not parse: %v\n%s", err, hidden)
	}
}
