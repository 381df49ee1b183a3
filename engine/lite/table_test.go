package lite_test

import (
	"context"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
)

// Arguments that are NULL reach a function in FROM as NULL.
func TestTableFunctions(t *testing.T) {
	c, _ := open(t)
	c.Use(t.Context(), nil)
	f, ok := fn.LookupTable("STRING_SPLIT")
	if !ok {
		t.Fatal("no STRING_SPLIT")
	}
	var cols []lite.ViewColumn
	for _, col := range f.Columns {
		cols = append(cols, lite.ViewColumn{Name: col.Name, Type: col.Type})
	}
	for _, p := range f.Params {
		cols = append(cols, lite.ViewColumn{Name: "p" + p.Kind.String(), Type: p, Hidden: true})
	}
	cols[2].Name, cols[3].Name, cols[4].Name = "argument 1", "argument 2", "argument 3"
	must(t, c.View("split", cols, func(ctx context.Context, _ *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
		return f.Rows(ctx, args)
	}))
	got, err := query(t, c, `SELECT "value", "ordinal" FROM "split"('a,b', ',', NULL) AS t1`)
	must(t, err)
	if diff := cmp.Diff([][]any{{"a", int64(1)}, {"b", int64(2)}}, got); diff != "" {
		t.Error(diff)
	}
}
