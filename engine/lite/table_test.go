package lite_test

import (
	"context"
	"iter"
	"strings"
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

// A fault in a view ends the statement and not the process.
func TestPanic(t *testing.T) {
	c, _ := open(t)
	cols := []lite.ViewColumn{{Name: "a", Type: sqltype.Of(sqltype.Int)}}
	must(t, c.View("broken", cols, func(context.Context, *fn.Env, []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
		return func(yield func([]sqltype.Value, error) bool) {
			yield([]sqltype.Value{sqltype.NewInt(sqltype.Int, 1)}, nil)
			panic("broken")
		}
	}))
	if _, err := query(t, c, "SELECT * FROM broken"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%v", err)
	}
	if rows, err := query(t, c, "SELECT * FROM broken LIMIT 1"); err != nil || len(rows) != 1 {
		t.Errorf("afterwards: %v, %v", rows, err)
	}
}

// A statement that walks over rows again makes them once for the same arguments; the next statement makes them anew.
func TestMadeOnce(t *testing.T) {
	c, _ := open(t)
	c.Use(t.Context(), nil)
	integer := sqltype.Of(sqltype.Int)
	calls := 0
	cols := []lite.ViewColumn{{Name: "n", Type: integer}, {Name: "argument 1", Type: integer, Hidden: true}}
	must(t, c.ViewOfAll("twice", cols, func(_ context.Context, _ *fn.Env, args []sqltype.Value) ([][]sqltype.Value, error) {
		calls++
		first := args[0].Int()
		return [][]sqltype.Value{{sqltype.NewInt(sqltype.Int, first)}, {sqltype.NewInt(sqltype.Int, first+1)}}, nil
	}))
	for _, q := range []struct {
		sql   string
		want  [][]any
		calls int
	}{
		{`SELECT count(*), sum(b.n) FROM "twice"(1) a CROSS JOIN "twice"(5) b`, [][]any{{int64(4), int64(22)}}, 2},
		{`SELECT count(*), sum(b.n) FROM (VALUES (1), (1), (3)) v CROSS JOIN "twice"(v.column1) b`, [][]any{{int64(6), int64(13)}}, 2},
	} {
		for range 2 {
			calls = 0
			got, err := query(t, c, q.sql)
			must(t, err)
			if diff := cmp.Diff(q.want, got); diff != "" {
				t.Errorf("%s: %s", q.sql, diff)
			}
			if calls != q.calls {
				t.Errorf("%s: made %d times, not %d", q.sql, calls, q.calls)
			}
		}
	}
}
