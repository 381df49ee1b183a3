package document

import (
	"strings"

	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn/forjson"
	"latchkey/engine/tsql/ast"
)

// jsonForm is FOR JSON.
type jsonForm struct {
	forjson.Shape
	auto bool
}

// json reads what is behind FOR JSON.
func (c compiler) json(f *ast.For) (form, error) {
	out := &jsonForm{auto: f.Mode == "AUTO"}
	if f.Element != nil {
		return nil, plan.Fail(c.Pos, 102, "(")
	}
	var err error
	for _, o := range f.Options {
		switch o.Name {
		case "ROOT":
			if out.Root, err = c.root(o, "root"); err != nil {
				return nil, err
			}
		case "INCLUDE_NULL_VALUES":
			out.Nulls = true
		case "WITHOUT_ARRAY_WRAPPER":
			out.Bare = true
		default:
			return nil, plan.Fail(c.Pos, 102, o.Name)
		}
	}
	if out.Bare && out.Root != nil {
		return nil, plan.Fail(c.Pos, 13620)
	}
	return out, nil
}

// arrange implements form: 13605 for a column without a name.
func (f *jsonForm) arrange(c compiler, res *names.Result) error {
	for i, g := range c.groups(res, f.auto) {
		var l forjson.Level
		if i > 0 {
			l.Name = g.source
		}
		for _, at := range g.columns {
			item := res.Items[at]
			name := item.Column.Name
			if name == "" {
				return plan.Fail(c.Pos, 13605)
			}
			path := []string{name}
			if !f.auto {
				var err error
				if path, err = forjson.Path(name); err != nil {
					return err
				}
			}
			l.Columns = append(l.Columns, forjson.Column{At: at, Path: path, JSON: item.JSON})
		}
		f.Levels = append(f.Levels, l)
	}
	return f.Check()
}

// IsJSON reports an expression whose text goes into JSON as it is.
func IsJSON(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Subquery:
		f := e.Query.For
		return f != nil && f.Kind == "JSON" && ast.FindOption(f.Options, "WITHOUT_ARRAY_WRAPPER") == nil
	case *ast.FuncCall:
		return len(e.Name.Parts) == 1 && strings.EqualFold(e.Name.Name(), "JSON_QUERY")
	}
	return false
}
