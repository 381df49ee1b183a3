package names

import (
	"cmp"
	"strings"

	"latchkey/engine/compile/plan"
)

// RowIDs names the row id of each source; false if one has none.
func RowIDs(sources []*Source) ([]string, bool) {
	var out []string
	for _, s := range sources {
		name := RowID(s.Object)
		if name == "" || s.Alias == "" {
			return nil, false
		}
		out = append(out, s.Alias+"."+name)
	}
	return out, len(out) > 0
}

// RowID is a name for SQLite's row id that no column of the table hides, "" if there is none.
func RowID(o *plan.Object) string {
	if o == nil || o.Kind != plan.Table || !o.RowID {
		return ""
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		free := true
		for _, c := range o.Columns {
			if strings.EqualFold(strings.Trim(cmp.Or(c.SQL, c.Name), `"`), name) {
				free = false
			}
		}
		if free {
			return name
		}
	}
	return ""
}
