package argument

import (
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// Arg is an argument of a call.
type Arg struct {
	Name    string // with @, "" by position
	Value   sqltype.Value
	Type    sqltype.Type
	Default bool // DEFAULT, or left out by the client
	Output  bool
	Table   *plan.Object                                // a table variable
	Rows    *tds.Table                                  // a table that a client sent
	Set     func(v sqltype.Value, t sqltype.Type) error // where an output goes; may be nil
	Ordinal int
}

// SplitName splits a name that came as text.
func SplitName(s string) (ast.ObjectName, error) {
	var n ast.ObjectName
	for rest := s; ; {
		rest = strings.TrimLeft(rest, " ")
		var part string
		switch {
		case strings.HasPrefix(rest, "["), strings.HasPrefix(rest, `"`):
			closing := map[byte]string{'[': "]", '"': `"`}[rest[0]]
			rest = rest[1:]
			for {
				i := strings.Index(rest, closing)
				if i < 0 {
					return n, raise.New(203, s)
				}
				part += rest[:i]
				rest = rest[i+1:]
				if !strings.HasPrefix(rest, closing) {
					break
				}
				part += closing
				rest = rest[1:]
			}
		default:
			i := strings.IndexByte(rest, '.')
			if i < 0 {
				i = len(rest)
			}
			part, rest = strings.TrimRight(rest[:i], " "), rest[i:]
		}
		n.Parts = append(n.Parts, part)
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			break
		}
		if rest[0] == ';' && strings.Trim(rest[1:], " 0123456789") == "" {
			break // a procedure's number
		}
		if rest[0] != '.' || len(n.Parts) == 4 {
			return n, raise.New(203, s)
		}
		rest = rest[1:]
	}
	if n.Name() == "" {
		return n, raise.New(2812, s)
	}
	return n, nil
}

// InOrder reports whether each parameter has its argument in its own place, as most calls have; no Match is needed then.
func InOrder(names []string, args []Arg) bool {
	if len(names) != len(args) {
		return false
	}
	for i := range args {
		if args[i].Name != "" && args[i].Name != names[i] {
			return false
		}
	}
	return true
}

// Match finds the argument of each parameter, nil for none. Errors: 8144, 8145, 8143, 8146.
func Match(proc string, names []string, args []Arg) ([]*Arg, error) {
	out := make([]*Arg, len(names))
	for i := range args {
		a := &args[i]
		if a.Name == "" {
			if len(names) == 0 {
				return nil, raise.New(8146, proc).In(proc)
			}
			if i >= len(names) {
				return nil, raise.New(8144, proc).In(proc)
			}
			out[i] = a
			continue
		}
		found := false
		for j, n := range names {
			if strings.EqualFold(n, a.Name) {
				if out[j] != nil {
					return nil, raise.New(8143, a.Name).In(proc)
				}
				out[j], found = a, true
			}
		}
		if !found {
			return nil, raise.New(8145, a.Name, proc).In(proc)
		}
	}
	return out, nil
}

// Text is an argument that must be Unicode text: message 214.
func Text(args []Arg, i int, name, typ string) (string, error) {
	if i >= len(args) || !args[i].Value.IsNull() && !args[i].Value.Kind().IsText() {
		return "", raise.New(214, name, typ)
	}
	return args[i].Value.Text(), nil
}

// Reorder puts the arguments of the given names first.
func Reorder(args []Arg, names ...string) []Arg {
	out := make([]Arg, 0, len(args))
	taken := make([]bool, len(args))
	for k, n := range names {
		for i, a := range args {
			alias := map[string]string{"@stmt": "@statement", "@params": "@parameters"}[n]
			if !taken[i] && (strings.EqualFold(a.Name, n) || strings.EqualFold(a.Name, alias) || a.Name == "" && i == k) {
				a.Name, taken[i] = "", true
				out = append(out, a)
				break
			}
		}
	}
	for i, a := range args {
		if !taken[i] {
			out = append(out, a)
		}
	}
	return out
}

// SetHandle gives the first argument, an output, the handle of a prepared statement.
func SetHandle(args []Arg, h int32) error {
	if len(args) > 0 && args[0].Set != nil {
		return args[0].Set(sqltype.NewInt(sqltype.Int, int64(h)), sqltype.Of(sqltype.Int))
	}
	return nil
}
