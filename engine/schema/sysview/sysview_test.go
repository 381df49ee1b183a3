package sysview_test

import (
	"testing"

	"latchkey/engine/schema"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sqltype"
)

// TestEveryView shows that each view is made, of an empty database, with the columns that it has; package write tests them with objects.
func TestEveryView(t *testing.T) {
	if len(sysview.Names()) < 40 {
		t.Fatalf("%d views: the columns do not parse", len(sysview.Names()))
	}
	s := schema.Empty(schema.NewShared(schema.Config{}))
	for _, v := range sysview.Names() {
		rows, err := sysview.Rows(t.Context(), v, sysview.Env{Snapshot: s, Database: "db"})
		if err != nil {
			t.Errorf("%s: %v", v, err)
		}
		for _, r := range rows {
			if len(r) != len(sysview.Columns(v)) {
				t.Errorf("%s: a row of %d values, %d columns", v, len(r), len(sysview.Columns(v)))
			}
		}
		for _, c := range sysview.Columns(v) {
			if c.Type.Kind == sqltype.Null {
				t.Errorf("%s.%s has no type", v, c.Name)
			}
		}
	}
	if _, err := sysview.Rows(t.Context(), "sys.nothing", sysview.Env{Snapshot: s}); err != sysview.ErrNoView {
		t.Errorf("a view that is none: %v", err)
	}
}
