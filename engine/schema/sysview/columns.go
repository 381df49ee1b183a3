package sysview

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"latchkey/engine/sqltype"
)

//go:embed data/columns.txt
var columnText string

// columns is data/columns.txt, parsed at the first use; a test holds that it parses.
var columns = sync.OnceValues(func() (map[string][]Column, error) { return parseColumns(columnText) })

// parseColumns reads views: a name, then a column to a line; "= view" stands for the columns of a view above.
func parseColumns(text string) (map[string][]Column, error) {
	out := make(map[string][]Column)
	view := ""
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		name, typ, column := strings.Cut(l, " ")
		switch {
		case strings.HasPrefix(l, "#"):
		case l == "":
			view = ""
		case view == "":
			view = l
		case name == "=":
			if out[typ] == nil {
				return nil, fmt.Errorf("view %s: there is no view %q above", view, typ)
			}
			out[view] = append(out[view], out[typ]...)
		case !column:
			return nil, fmt.Errorf("view %s: column %q has no type", view, name)
		default:
			t, err := parseType(typ)
			if err != nil {
				return nil, fmt.Errorf("view %s: column %s: %w", view, name, err)
			}
			out[view] = append(out[view], Column{name, t})
		}
	}
	return out, nil
}

var errType = errors.New("not a type")

func parseType(s string) (sqltype.Type, error) {
	if s == "sysname" {
		t := sqltype.SysName()
		t.Nullable = true
		return t, nil
	}
	name, arg, has := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	k, ok := sqltype.KindByName(name)
	if !ok {
		return sqltype.Type{}, fmt.Errorf("%q: %w", s, errType)
	}
	t := sqltype.Of(k)
	switch {
	case !has:
	case arg == "max":
		t.Length = sqltype.Max
	default:
		n, err := strconv.Atoi(arg)
		if err != nil {
			return t, fmt.Errorf("%q: %w", s, errType)
		}
		t.Length = n
	}
	return t, nil
}

// Names lists the views in lower case, sorted: sys.objects, information_schema.tables.
func Names() []string {
	c, _ := columns()
	return slices.Sorted(maps.Keys(c))
}

// Columns is the columns of a view in order; nil for a name that is no view of this package. Names are in lower case.
func Columns(view string) []Column {
	c, _ := columns()
	return slices.Clone(c[view])
}
