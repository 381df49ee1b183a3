// Package datatype finds the type that a declaration names: [Of].
package datatype

import (
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// unsupportedTypes are known by name only.
var unsupportedTypes = map[string]bool{"hierarchyid": true, "geometry": true, "geography": true, "json": true, "vector": true, "cursor": true, "table": true}

// Of is the type that a declaration names; implied is the length of char, binary and their like where none is given. name is what
// messages call the column or variable; "" for CAST.
func Of(sc plan.Scope, t *ast.DataType, implied int, name string) (bound.Declared, error) {
	pos := t.Name.Pos
	base := strings.ToLower(t.Name.Name())
	if s := t.Name.Schema(); len(t.Name.Parts) > 2 || s != "" && !strings.EqualFold(s, "sys") {
		return namedType(sc, t, name)
	}
	if t.Schema != "" {
		return bound.Declared{}, plan.Unsupported("XML SCHEMA COLLECTION", pos)
	}
	if base == "sysname" && len(t.Args) == 0 {
		d := bound.Declared{Type: sqltype.SysName(), SysName: true}
		d.Type.Nullable = true
		d.Type.Collation = sc.Settings().Collation
		return d, nil
	}
	k, ok := sqltype.KindByName(base)
	if !ok {
		if unsupportedTypes[base] {
			return bound.Declared{}, plan.Unsupported("TYPE "+base, pos)
		}
		return namedType(sc, t, name)
	}
	out := sqltype.Of(k)
	if err := arguments(&out, t, implied, pos); err != nil {
		return bound.Declared{}, err
	}
	if err := out.Check(name); err != nil {
		return bound.Declared{}, plan.At(err, pos)
	}
	if out.Kind.IsText() || out.Kind == sqltype.XML {
		out.Collation = sc.Settings().Collation
	}
	return bound.Declared{Type: out}, nil
}

// arguments takes what is in the parentheses.
func arguments(out *sqltype.Type, t *ast.DataType, implied int, pos token.Pos) error {
	n := len(t.Args)
	base := strings.ToLower(t.Name.Name())
	tooMany := func() error { return plan.Fail(pos, 2716, base) }
	switch k := out.Kind; k {
	case sqltype.Decimal:
		if t.Max || n > 2 {
			return tooMany()
		}
		if n > 0 {
			out.Precision = small(t.Args[0])
			out.Scale = 0
		}
		if n > 1 {
			out.Scale = small(t.Args[1])
		}
	case sqltype.Float:
		if t.Max || n > 1 || n == 1 && base != "float" {
			return tooMany()
		}
		if n == 1 {
			switch p := t.Args[0]; {
			case p < 1 || p > 53:
				return plan.Fail(pos, 2750, base, p, 53)
			case p <= 24:
				*out = sqltype.Of(sqltype.Real)
			}
		}
	case sqltype.Time, sqltype.DateTime2, sqltype.DateTimeOffset:
		if t.Max || n > 1 {
			return tooMany()
		}
		if n == 1 {
			out.Scale = small(t.Args[0])
		}
	case sqltype.Char, sqltype.VarChar, sqltype.NChar, sqltype.NVarChar, sqltype.Binary, sqltype.VarBinary:
		switch {
		case n > 1:
			return tooMany()
		case t.Max:
			out.Length = sqltype.Max
		case n == 1:
			out.Length = t.Args[0]
		default:
			out.Length = implied
		}
	default:
		if t.Max || n > 0 {
			return tooMany()
		}
	}
	return nil
}

func small(n int) uint8 { return uint8(min(max(n, 0), 255)) }

func namedType(sc plan.Scope, t *ast.DataType, name string) (bound.Declared, error) {
	if s, ok := sc.(plan.TypeNames); ok && len(t.Args) == 0 && !t.Max {
		if st, ok := s.NamedType(t.Name); ok {
			return bound.Declared{Type: st, Alias: t.Name.String()}, nil
		}
	}
	if name != "" {
		return bound.Declared{}, plan.Fail(t.Name.Pos, 2715, name, t.Name.String())
	}
	return bound.Declared{}, plan.Fail(t.Name.Pos, 243, t.Name.String())
}
