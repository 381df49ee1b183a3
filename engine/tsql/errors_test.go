package tsql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/engine/tsql"
)

// refused is one batch that the server refuses, with what it says.
type refused struct {
	batch, text  string
	number, line int
}

func negative(tb testing.TB) []refused {
	tb.Helper()
	var list []refused
	for _, b := range batches(readFile(tb, "testdata/errors.sql")) {
		var r refused
		head, rest, _ := strings.Cut(b, "\n")
		if _, err := fmt.Sscanf(head, "--! %d %d ", &r.number, &r.line); err != nil {
			tb.Fatalf("bad head %q: %v", head, err)
		}
		r.text = strings.SplitN(head, " ", 4)[3]
		for strings.HasPrefix(rest, "--! ") { // the message goes on
			var more string
			more, rest, _ = strings.Cut(rest, "\n")
			r.text += "\n" + more
		}
		r.batch = strings.TrimSuffix(b, "\n")
		if strings.Contains(r.text, "\n") {
			r.batch = strings.TrimSuffix("--\n"+rest, "\n")
		}
		list = append(list, r)
	}
	return list
}

// What the server refuses is refused with its number, level, state, line and text, and gives no tree.
func TestRefusals(t *testing.T) {
	numbers := make(map[int]bool)
	for _, r := range negative(t) {
		b, err := tsql.Parse(r.batch, on)
		var e *tsql.SyntaxError
		if !errors.As(err, &e) || b != nil {
			t.Errorf("tree %v, error %v for:\n%s", b, err, r.batch)
			continue
		}
		numbers[e.Number] = true
		if e.Number != r.number || e.Line != r.line || e.Message != r.text || e.Severity != 15 || e.State != 1 {
			t.Errorf("got  Msg %d, Level %d, State %d, Line %d: %s\nwant Msg %d, Level 15, State 1, Line %d: %s\n%s", e.Number, e.Severity, e.State, e.Line, e.Message, r.number, r.line, r.text, r.batch)
		}
		if e.Number == 105 && (e.Also == nil || e.Also.Number != 102) {
			t.Errorf("105 comes without its 102: %+v", e.Also)
		}
	}
	t.Logf("%d different messages", len(numbers))
}

// The error that goes to logs does not quote literals, which may be secrets.
func TestErrorHidesLiterals(t *testing.T) {
	for _, src := range []string{
		"CREATE CREDENTIAL c WITH IDENTITY = 'v' 'hush'",
		"CREATE LOGIN l WITH PASSWORD = 'hush",
		"CREATE LOGIN l WITH PASSWORD = 'x' 0xhush",
	} {
		_, err := tsql.Parse(src, on)
		if err == nil {
			t.Fatalf("%s: accepted", src)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("error quotes a literal: %v", err)
		}
	}
}

// A batch that is too deep, too long or too large is refused, and quickly.
func TestLimits(t *testing.T) {
	deep := func(open, middle, end string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	for name, c := range map[string]struct {
		src    string
		o      tsql.Options
		number int
	}{
		"parentheses":  {"SELECT " + deep("(", "1", ")", 100_000), on, 191},
		"conditions":   {"SELECT 1 WHERE " + deep("(", "1 = 1", ")", 100_000), on, 191},
		"not":          {"SELECT 1 WHERE " + strings.Repeat("NOT ", 100_000) + "1 = 1", on, 191},
		"minus":        {"SELECT " + strings.Repeat("- ", 100_000) + "1", on, 191},
		"subqueries":   {deep("SELECT (", "SELECT 1", ")", 20_000), on, 191},
		"derived":      {deep("SELECT * FROM (", "SELECT 1 AS a", ") x", 20_000), on, 191},
		"joins":        {"SELECT * FROM " + deep("(", "t", ")", 100_000), on, 191},
		"join ons":     {"SELECT * FROM " + strings.Repeat("t JOIN ", 100_000) + "t", on, 191},
		"case":         {"SELECT " + deep("CASE WHEN 1 = 1 THEN ", "1", " END", 20_000), on, 191},
		"functions":    {"SELECT " + deep("f(", "1", ")", 50_000), on, 191},
		"blocks":       {deep("BEGIN ", "SELECT 1", " END", 50_000), on, 191},
		"ifs":          {strings.Repeat("IF 1 = 1 ", 50_000) + "SELECT 1", on, 191},
		"elses":        {strings.Repeat("IF 1 = 1 SELECT 1 ELSE ", 50_000) + "SELECT 1", on, 191},
		"sums":         {"SELECT 1" + strings.Repeat("+1", 100_000), on, 191},
		"unions":       {"SELECT 1" + strings.Repeat(" UNION SELECT 1", 100_000), on, 191},
		"collations":   {"SELECT 'a'" + strings.Repeat(" COLLATE x", 100_000), on, 191},
		"zones":        {"SELECT a" + strings.Repeat(" AT TIME ZONE 'UTC'", 50_000), on, 191},
		"options":      {"ALTER DATABASE d SET QUERY_STORE " + deep("(A ", "", ")", 50_000), on, 191},
		"groupings":    {"SELECT 1 GROUP BY " + deep("ROLLUP (", "a", ")", 50_000), on, 191},
		"few levels":   {"SELECT ((((1))))", tsql.Options{MaxDepth: 4}, 191},
		"tokens":       {"SELECT 1, 2, 3", tsql.Options{Limits: tsql.Limits{Tokens: 5}}, 8623},
		"bytes":        {"SELECT 1, 2, 3", tsql.Options{Limits: tsql.Limits{Bytes: 10}}, 8623},
		"rows":         {"INSERT t VALUES (1)" + strings.Repeat(", (1)", 1000), on, 10738},
		"long strings": {"SELECT '" + strings.Repeat("x", 1<<20), on, 105},
	} {
		_, err := tsql.Parse(c.src, c.o)
		var e *tsql.SyntaxError
		if !errors.As(err, &e) || e.Number != c.number {
			t.Errorf("%s: %.200v, want %d", name, err, c.number)
		}
		if e != nil && len(e.Message) > 2100 {
			t.Errorf("%s: a message of %d bytes", name, len(e.Message))
		}
	}
}
