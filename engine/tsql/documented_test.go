package tsql_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"latchkey/engine/tsql"
)

// The documented scripts parse as written, to the trees kept beside them.
func TestDocumentedScripts(t *testing.T) {
	const name = "testdata/documented.txtar"
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	trees := make(map[string]string)
	for _, f := range ar.Files {
		if base, ok := strings.CutSuffix(f.Name, ".tree"); ok {
			trees[base] = string(f.Data)
		}
	}
	out := &txtar.Archive{Comment: ar.Comment}
	scripts := 0
	for _, f := range ar.Files {
		base, ok := strings.CutSuffix(f.Name, ".sql")
		if !ok {
			continue
		}
		scripts++
		var tree strings.Builder
		for _, src := range batches(string(f.Data)) {
			for _, quoted := range []bool{false, true} { // native sqlcmd has it off
				b, err := tsql.Parse(src, tsql.Options{QuotedIdentifier: quoted})
				if err != nil {
					t.Errorf("%s: %v", f.Name, err)
					continue
				}
				if quoted {
					tree.WriteString(dump(b) + "GO\n")
				}
			}
			roundTrip(t, src, on)
		}
		out.Files = append(out.Files, f, txtar.File{Name: base + ".tree", Data: []byte(tree.String())})
		if diff := cmp.Diff(trees[base], tree.String()); diff != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", base, diff)
		}
	}
	if scripts != 20 {
		t.Errorf("%d scripts, want 20", scripts)
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
