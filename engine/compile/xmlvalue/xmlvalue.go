// Package xmlvalue knows the one method of xml that is supported: value, on a query with FOR XML and TYPE, where it gives the content's text. So are lists
// made of rows, without the escapes of XML.
package xmlvalue

import (
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
)

// Of is a call of the method value on a query with FOR XML as a conversion of the query's text: of ".", and, where there is text alone, of text().
// False for another one.
func Of(m *ast.MethodCall) (*ast.Cast, bool) {
	sub, ok := m.X.(*ast.Subquery)
	if !ok || m.Property || m.Name != "value" || len(m.Args) != 2 {
		return nil, false
	}
	f := sub.Query.For
	path, ok := m.Args[0].(*ast.Literal)
	if !ok || f == nil || f.Kind != "XML" || ast.FindOption(f.Options, "TYPE") == nil {
		return nil, false
	}
	to, ok := m.Args[1].(*ast.Literal)
	if !ok {
		return nil, false
	}
	t, ok := dataType(to.Text)
	if !ok {
		return nil, false
	}
	switch strings.ReplaceAll(path.Text, " ", "") {
	case ".", "(.)[1]", ".[1]", "/", "(/)[1]":
	case "text()[1]", "(text())[1]", "./text()[1]", "(./text())[1]":
		if f.Mode != "PATH" || f.Element == nil || f.Element.Text != "" || len(f.Options) > 1 || !unnamed(sub.Query.Body) {
			return nil, false
		}
	default:
		return nil, false
	}
	q, of := *sub.Query, *f
	of.Content = true
	q.For = &of
	s := *sub
	s.Query = &q
	return &ast.Cast{X: &s, Type: t}, true
}

// unnamed reports a SELECT of expressions that have no name.
func unnamed(b ast.Body) bool {
	s, ok := b.(*ast.Select)
	if !ok {
		return false
	}
	for _, it := range s.Items {
		switch it.X.(type) {
		case *ast.ColumnRef, *ast.PseudoColumn, *ast.Star:
			return false
		}
		switch it.Alias {
		case "", "*", "text()", "node()", "data()":
		default:
			return false
		}
	}
	return true
}

// dataType reads a type's name, as value has it in a string.
func dataType(s string) (*ast.DataType, bool) {
	name, rest, sized := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "(")
	t := &ast.DataType{Name: ast.ObjectName{Parts: []string{strings.TrimSpace(name)}}}
	if !sized {
		return t, true
	}
	args, after, ok := strings.Cut(rest, ")")
	if !ok || strings.TrimSpace(after) != "" {
		return nil, false
	}
	for _, a := range strings.Split(args, ",") {
		if a = strings.TrimSpace(a); a == "max" {
			t.Max = true
			continue
		}
		n, err := strconv.Atoi(a)
		if err != nil || n < 0 {
			return nil, false
		}
		t.Args = append(t.Args, n)
	}
	return t, true
}
