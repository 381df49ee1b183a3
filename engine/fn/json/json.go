// Package json has ISJSON, JSON_VALUE, JSON_QUERY, JSON_PATH_EXISTS, and what OPENJSON walks over.
//
// Values come out as they stand in the text, so no number changes. Paths are lax unless they say strict.
package json

import (
	"context"
	stdjson "encoding/json"
	"strconv"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
)

// Functions lists them.
func Functions() []def.Function {
	long := sqltype.Sized(sqltype.NVarChar, sqltype.Max)
	short := sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
	list := []def.Function{
		def.Nulls(def.Fixed("ISJSON", nullable(def.Int), 1, []sqltype.Type{long, def.NameArg}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if a[0].IsNull() {
				return sqltype.NullValue, nil
			}
			s := strings.TrimLeft(a[0].Text(), " \t\r\n")
			kind := ""
			if len(a) == 2 {
				kind = strings.ToUpper(strings.TrimSpace(a[1].Text()))
			}
			ok := stdjson.Valid([]byte(s))
			if ok {
				k := kindOf(s)
				switch kind {
				case "":
					ok = k == objectKind || k == arrayKind
				case "VALUE":
				case "OBJECT":
					ok = k == objectKind
				case "ARRAY":
					ok = k == arrayKind
				case "SCALAR":
					ok = k == stringKind || k == numberKind
				default:
					ok = false
				}
			}
			return def.BitValue(ok), nil
		})),
		def.Fixed("JSON_VALUE", nullable(short), 2, []sqltype.Type{long, def.NameArg}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			raw, strict, ok, err := Find(a[0].Text(), a[1].Text())
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			k := kindOf(raw)
			if k == nullKind {
				return sqltype.NullValue, nil
			}
			if k == objectKind || k == arrayKind {
				if strict {
					err = def.Errorf(13623)
				}
				return sqltype.NullValue, err
			}
			s := Scalar(raw)
			if wtf8.Len(s) > sqltype.MaxNational {
				if strict {
					err = def.Errorf(13625)
				}
				return sqltype.NullValue, err
			}
			return sqltype.NewText(sqltype.NVarChar, s), nil
		}),
		def.Fixed("JSON_QUERY", nullable(long), 1, []sqltype.Type{long, def.NameArg}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			path := "$"
			if len(a) == 2 {
				path = a[1].Text()
			}
			raw, strict, ok, err := Find(a[0].Text(), path)
			if err != nil || !ok {
				return sqltype.NullValue, err
			}
			if k := kindOf(raw); k != objectKind && k != arrayKind {
				if strict {
					err = def.Errorf(13624)
				}
				return sqltype.NullValue, err
			}
			return sqltype.NewText(sqltype.NVarChar, raw), nil
		}),
		def.Fixed("JSON_PATH_EXISTS", nullable(def.Int), 2, []sqltype.Type{long, def.NameArg}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if !stdjson.Valid([]byte(a[0].Text())) {
				return def.BitValue(false), nil
			}
			_, _, ok, err := Find(a[0].Text(), a[1].Text())
			return def.BitValue(ok && err == nil), nil
		}),
	}
	list = append(list, members()...)
	for _, name := range []string{"JSON_MODIFY", "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG", "JSON_CONTAINS"} {
		list = append(list, def.Function{Name: name, Refused: "JSON is read, not made"})
	}
	return list
}

func nullable(t sqltype.Type) sqltype.Type { t.Nullable = true; return t }

// kind is what a JSON value is, numbered as in OPENJSON's type column.
type kind int

const (
	nullKind kind = iota
	stringKind
	numberKind
	boolKind
	arrayKind
	objectKind
)

// kindOf looks at the first character of a valid value.
func kindOf(raw string) kind {
	switch raw[0] {
	case '{':
		return objectKind
	case '[':
		return arrayKind
	case '"':
		return stringKind
	case 't', 'f':
		return boolKind
	case 'n':
		return nullKind
	}
	return numberKind
}

// Kind is the number that OPENJSON's type column has for a value as it stands in the text.
func Kind(raw string) int { return int(kindOf(raw)) }

// Scalar is a value as JSON_VALUE and OPENJSON show it: the content of a string, others as they stand.
func Scalar(raw string) string {
	if raw[0] != '"' {
		return raw
	}
	return unquote(raw)
}

// unquote decodes a valid JSON string, halves of surrogate pairs included.
func unquote(raw string) string {
	raw = raw[1 : len(raw)-1]
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var b []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			n, _ := strconv.ParseUint(raw[i+1:i+5], 16, 16) // valid
			unit := wtf8.FromUTF16LE([]byte{byte(n), byte(n >> 8)})
			b = []byte(wtf8.Join(string(b), unit))
			i += 4
		default:
			b = append(b, raw[i])
		}
	}
	return string(b)
}

// Member is an element of an object or an array, with its value as it stands in the text.
type Member struct{ Key, Raw string }

// Members takes a valid object or array apart; an array's keys are its indexes.
func Members(raw string) []Member {
	var out []Member
	object := raw[0] == '{'
	for i := 1; ; {
		i = blanks(raw, i)
		if raw[i] == '}' || raw[i] == ']' {
			return out
		}
		if raw[i] == ',' {
			i = blanks(raw, i+1)
		}
		m := Member{Key: strconv.Itoa(len(out))}
		if object {
			end := skip(raw, i)
			m.Key = unquote(raw[i:end])
			i = blanks(raw, blanks(raw, end)+1) // the colon
		}
		end := skip(raw, i)
		m.Raw = raw[i:end]
		out = append(out, m)
		i = end
	}
}

func blanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// skip gives the end of the valid value at i.
func skip(s string, i int) int {
	switch s[i] {
	case '"':
		for i++; s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch s[i] {
			case '"':
				i = skip(s, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(s) && strings.IndexByte(",]} \t\r\n", s[i]) < 0 {
		i++
	}
	return i
}

// Find follows a path. Messages 13609 for text that is no JSON, 13607 for a path that is none, 13608 in strict mode for nothing there.
func Find(text, path string) (raw string, strict, ok bool, err error) {
	steps, strict, bad := parsePath(path)
	if bad >= 0 {
		c := byte(' ')
		if bad < len(path) {
			c = path[bad]
		}
		return "", false, false, def.Errorf(13607, rune(c), bad)
	}
	if !stdjson.Valid([]byte(text)) {
		c, at := badAt(text)
		return "", strict, false, def.Errorf(13609, c, at)
	}
	raw = strings.Trim(text, " \t\r\n")
	for _, st := range steps {
		found := false
		if k := kindOf(raw); k == objectKind && st.key != nil || k == arrayKind && st.key == nil {
			for i, m := range Members(raw) {
				if st.key != nil && m.Key == *st.key || st.key == nil && i == st.index {
					raw, found = m.Raw, true
					break
				}
			}
		}
		if !found {
			if strict {
				return "", strict, false, def.Errorf(13608)
			}
			return "", strict, false, nil
		}
	}
	return raw, strict, true, nil
}

// badAt finds the character that makes text no JSON.
func badAt(text string) (rune, int) {
	var x any
	err := stdjson.Unmarshal([]byte(text), &x)
	if e, ok := err.(*stdjson.SyntaxError); ok && e.Offset > 0 && int(e.Offset) <= len(text) {
		r, _ := wtf8.Next(text[e.Offset-1:])
		return r, int(e.Offset) - 1
	}
	return '.', len(text)
}

type step struct {
	key   *string
	index int
}

// parsePath reads [lax|strict] $.key."key"[n]; bad is the place of what does not belong there, or -1.
func parsePath(path string) (steps []step, strict bool, bad int) {
	s := strings.TrimLeft(path, " ")
	at := len(path) - len(s)
	if rest, ok := strings.CutPrefix(s, "strict "); ok {
		strict, at, s = true, at+7, rest
	} else if rest, ok := strings.CutPrefix(s, "lax "); ok {
		at, s = at+4, rest
	}
	t := strings.TrimLeft(s, " ")
	at += len(s) - len(t)
	if !strings.HasPrefix(t, "$") {
		return nil, strict, at
	}
	i := at + 1
	for i < len(path) {
		switch path[i] {
		case '.':
			i++
			if i < len(path) && path[i] == '"' {
				end := i + 1
				for end < len(path) && path[end] != '"' {
					if path[end] == '\\' {
						end++
					}
					end++
				}
				if end >= len(path) || !stdjson.Valid([]byte(path[i:end+1])) {
					return nil, strict, i
				}
				key := unquote(path[i : end+1])
				steps = append(steps, step{key: &key})
				i = end + 1
				continue
			}
			from := i
			for i < len(path) && path[i] != '.' && path[i] != '[' && path[i] != ' ' {
				c := path[i]
				if !(c == '_' || c >= '0' && c <= '9' && i > from || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80) {
					return nil, strict, i
				}
				i++
			}
			if i == from {
				return nil, strict, i
			}
			key := path[from:i]
			steps = append(steps, step{key: &key})
		case '[':
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return nil, strict, len(path)
			}
			n, err := strconv.ParseUint(strings.TrimSpace(path[i+1:i+end]), 10, 31)
			if err != nil {
				return nil, strict, i + 1
			}
			steps = append(steps, step{index: int(n)})
			i += end + 1
		default:
			return nil, strict, i
		}
	}
	return steps, strict, -1
}
