package def

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// Spec is a call as text: NAME{attribute,...}(type,...). It stands in SQL, and in the schema of databases, so its form lasts.
// An attribute is a word or a quoted string. A type is as a declaration has it, with ` collate name` for text that is not under the
// default collation; "null" is the type of a bare NULL. Nullability is not in it.
type Spec struct {
	Name  string
	Attrs []string
	Types []sqltype.Type
}

// ErrSpec means that a specification is not one.
var ErrSpec = errors.New("no specification of a function call")

// maxSpec bounds a specification in bytes.
const maxSpec = 1 << 16

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '+'
}

func isWord(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// String writes the specification.
func (s Spec) String() string {
	var b strings.Builder
	b.WriteString(s.Name)
	if len(s.Attrs) > 0 {
		for i, a := range s.Attrs {
			b.WriteByte("{,"[min(i, 1)])
			if isWord(a) {
				b.WriteString(a)
			} else {
				b.WriteString(strconv.Quote(a))
			}
		}
		b.WriteByte('}')
	}
	b.WriteByte('(')
	for i, t := range s.Types {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(TypeText(t))
	}
	b.WriteByte(')')
	return b.String()
}

// TypeText writes a type, collation included, as specifications have it.
func TypeText(t sqltype.Type) string {
	if t.Kind == sqltype.Null {
		return "null"
	}
	text := t.String()
	if (t.Kind.IsText() || t.Kind == sqltype.XML) && t.Collation != collation.Default {
		text += " collate " + t.Collation.String()
	}
	return text
}

// ParseType reads what TypeText wrote. The type is nullable.
func ParseType(s string) (sqltype.Type, error) {
	bad := func() (sqltype.Type, error) { return sqltype.Type{}, fmt.Errorf("reading type %q: %w", s, ErrSpec) }
	text, coll, collated := strings.Cut(s, " collate ")
	if text == "null" {
		return sqltype.Type{Nullable: true}, nil
	}
	name, args, hasArgs := strings.Cut(text, "(")
	k, ok := sqltype.KindByName(name)
	if !ok || name != strings.ToLower(name) {
		return bad()
	}
	t := sqltype.Of(k)
	if hasArgs {
		args, ok = strings.CutSuffix(args, ")")
		if !ok {
			return bad()
		}
		first, second, two := strings.Cut(args, ",")
		n, err := strconv.ParseUint(first, 10, 16)
		if first == "max" {
			n, err = 0, nil
		}
		switch k {
		case sqltype.Decimal:
			m, err2 := strconv.ParseUint(second, 10, 8)
			if err != nil || err2 != nil || n > sqltype.MaxPrecision {
				return bad()
			}
			t.Precision, t.Scale = uint8(n), uint8(m)
		case sqltype.Time, sqltype.DateTime2, sqltype.DateTimeOffset:
			if err != nil || two || n > sqltype.MaxTimeScale {
				return bad()
			}
			t.Scale = uint8(n)
		case sqltype.Char, sqltype.VarChar, sqltype.NChar, sqltype.NVarChar, sqltype.Binary, sqltype.VarBinary:
			if err != nil || two {
				return bad()
			}
			if t.Length = int(n); first == "max" {
				t.Length = sqltype.Max
			}
		default:
			return bad()
		}
		if err := t.Check("argument"); err != nil {
			return bad()
		}
	}
	if collated {
		c, err := collation.Parse(coll)
		if err != nil || !t.Kind.IsText() && k != sqltype.XML {
			return bad()
		}
		t.Collation = c
	}
	return t, nil
}

// ParseSpec reads a specification.
func ParseSpec(s string) (Spec, error) {
	bad := func() (Spec, error) { return Spec{}, fmt.Errorf("reading %.200q: %w", s, ErrSpec) }
	if len(s) > maxSpec {
		return bad()
	}
	var out Spec
	end := strings.IndexAny(s, "{(")
	if end < 1 {
		return bad()
	}
	out.Name = s[:end]
	rest := s[end:]
	if rest[0] == '{' {
		rest = rest[1:]
		for {
			var a string
			if strings.HasPrefix(rest, `"`) {
				q, err := strconv.QuotedPrefix(rest)
				if err != nil {
					return bad()
				}
				if a, err = strconv.Unquote(q); err != nil {
					return bad()
				}
				rest = rest[len(q):]
			} else {
				n := 0
				for n < len(rest) && isWordByte(rest[n]) {
					n++
				}
				if n == 0 {
					return bad()
				}
				a, rest = rest[:n], rest[n:]
			}
			out.Attrs = append(out.Attrs, a)
			if rest == "" {
				return bad()
			}
			next := rest[0]
			rest = rest[1:]
			if next == '}' {
				break
			}
			if next != ',' {
				return bad()
			}
		}
	}
	if len(rest) < 2 || rest[0] != '(' || rest[len(rest)-1] != ')' {
		return bad()
	}
	for rest = rest[1 : len(rest)-1]; rest != ""; {
		depth, n := 0, 0
		for ; n < len(rest) && (depth > 0 || rest[n] != ','); n++ {
			switch rest[n] {
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		t, err := ParseType(rest[:n])
		if err != nil {
			return Spec{}, err
		}
		out.Types = append(out.Types, t)
		if n == len(rest) {
			break
		}
		if rest = rest[n+1:]; rest == "" {
			return bad()
		}
	}
	return out, nil
}

// Resolve makes the call that a specification of this function names.
func (s Spec) Resolve(f *Function) (Call, error) {
	args := make([]Arg, 0, len(s.Types)+len(f.Words))
	types, attrs := s.Types, s.Attrs
	for len(types) > 0 || len(attrs) > 0 && isWordPlace(f, len(args)) {
		if isWordPlace(f, len(args)) {
			if len(attrs) == 0 {
				return Call{}, fmt.Errorf("reading a call of %s: %w", f.Name, ErrSpec)
			}
			args = append(args, Arg{Word: attrs[0]})
			attrs = attrs[1:]
			continue
		}
		args = append(args, Arg{Type: types[0]})
		types = types[1:]
	}
	return f.resolve(args, attrs)
}

func isWordPlace(f *Function, i int) bool {
	for _, w := range f.Words {
		if w == i {
			return true
		}
	}
	return false
}
