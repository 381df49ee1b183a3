package tsql_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sqlc-dev/teesql/parser"

	"latchkey/engine/tsql"
)

// oracleAccepts asks another parser of T-SQL. A panic or a loop of its own is a refusal.
func oracleAccepts(t *testing.T, src string) bool {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v", r)
			}
		}()
		_, err := parser.Parse(t.Context(), bytes.NewBufferString(src))
		done <- err
	}()
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	select {
	case err := <-done:
		return err == nil
	case <-limit.C:
		return false
	}
}

// Both parsers agree on what is T-SQL, but for the differences in testdata/oracle.txt, each with its reason. A difference that
// is not listed fails, and so does a listed one that is none.
func TestOracle(t *testing.T) {
	const name = "testdata/oracle.txt"
	batches := corpus(t)
	for _, r := range negative(t) {
		batches = append(batches, r.batch)
	}
	reasons := make(map[string]string)
	for line := range strings.Lines(readFile(t, name)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, reason, _ := strings.Cut(line, "\t")
		reasons[key] = reason
	}
	var found []string
	for _, src := range batches {
		_, err := tsql.Parse(src, on)
		ours, theirs := err == nil, oracleAccepts(t, src)
		if ours == theirs {
			continue
		}
		who := "only ours: "
		if theirs {
			who = "only theirs: "
		}
		if strings.HasPrefix(src, "--") { // the head of a refusal
			_, src, _ = strings.Cut(src, "\n")
		}
		text := strings.Join(strings.Fields(src), " ")
		if len(text) > 150 {
			text = text[:150]
		}
		found = append(found, who+strings.ToValidUTF8(text, ""))
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if *update {
		var out strings.Builder
		out.WriteString("# Where this parser and the other one differ on the corpus, with the reason after a tab. Both ways are checked.\n")
		for _, f := range found {
			reason := reasons[f]
			if reason == "" {
				reason = "?"
			}
			out.WriteString(f + "\t" + reason + "\n")
		}
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	var listed []string
	for k, reason := range reasons {
		if reason == "" || reason == "?" {
			t.Errorf("no reason for %s", k)
		}
		listed = append(listed, k)
	}
	slices.Sort(listed)
	if diff := cmp.Diff(listed, found); diff != "" {
		t.Errorf("differences (-listed +found):\n%s", diff)
	}
	t.Logf("%d batches, %d differences", len(batches), len(found))
}
