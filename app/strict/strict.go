// Package strict decodes configuration files in JSON and says which line is wrong: members that are not known, members that come twice, values of another type, text
// after the end, and through [Lines] whatever a check finds later.
//
// Names of members are exact, with their case. Values are never repeated in an error: somebody may have put a secret there.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Lines says on which line each member of a file stands, by its path: "servers[1].dsn".
type Lines map[string]int

// At is where a path stands, as a prefix of a message: "line 12: servers[1].dsn: ". Of a member that is not there it is that of the nearest that is.
func (l Lines) At(path string) string {
	for p := path; p != ""; p = parent(p) {
		if n, ok := l[p]; ok {
			return fmt.Sprintf("line %d: %s: ", n, path)
		}
	}
	return path + ": "
}

func parent(p string) string {
	i := strings.LastIndexAny(p, ".[")
	if i < 0 {
		return ""
	}
	return p[:i]
}

// maxDepth bounds nested values.
const maxDepth = 64

// Decode reads b into v, a pointer to a struct.
func Decode(b []byte, v any) (Lines, error) {
	w := &walker{b: b, dec: json.NewDecoder(bytes.NewReader(b)), lines: make(Lines)}
	w.dec.UseNumber()
	if err := w.value("", reflect.TypeOf(v), 0); err != nil {
		return nil, w.where(err)
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something follows the object", w.line(w.dec.InputOffset()))
	}
	if len(w.wrong) > 0 {
		return nil, errors.Join(w.wrong...)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, w.where(err)
	}
	return w.lines, nil
}

type walker struct {
	b     []byte
	dec   *json.Decoder
	lines Lines
	wrong []error
}

func (w *walker) line(offset int64) int {
	return 1 + bytes.Count(w.b[:min(max(offset, 0), int64(len(w.b)))], []byte("\n"))
}

// where puts the line before an error of the decoder. Its texts hold no values but the type's.
func (w *walker) where(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("line %d: it is no JSON: %w", w.line(e.Offset), err)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("line %d: %s: a %s stands where a %s is wanted", w.line(e.Offset), e.Field, strings.Fields(e.Value + " ?")[0], kind(e.Type))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("line %d: the file ends too early", w.line(int64(len(w.b))))
	}
	return err
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64, reflect.Uint16:
		return "number"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return t.Kind().String()
}

// value follows one value of the type t; nil for any.
func (w *walker) value(path string, t reflect.Type, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: more than %d values lie in each other", w.line(w.dec.InputOffset()), maxDepth)
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	if path != "" && w.lines[path] == 0 {
		w.lines[path] = w.line(w.dec.InputOffset())
	}
	switch tok {
	case json.Delim('{'):
		return w.object(path, t, depth)
	case json.Delim('['):
		var elem reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			elem = t.Elem()
		}
		for n := 0; w.dec.More(); n++ {
			if err := w.value(fmt.Sprintf("%s[%d]", path, n), elem, depth+1); err != nil {
				return err
			}
		}
		_, err := w.dec.Token()
		return err
	}
	return nil
}

func (w *walker) object(path string, t reflect.Type, depth int) error {
	var fields map[string]reflect.Type
	var elem reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		fields = make(map[string]reflect.Type)
		members(t, fields)
	} else if t != nil && t.Kind() == reflect.Map {
		elem = t.Elem()
	}
	seen := make(map[string]bool)
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		if !ok {
			return fmt.Errorf("line %d: a member has no name", w.line(w.dec.InputOffset()))
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		n := w.line(w.dec.InputOffset())
		w.lines[at] = n
		next := elem
		if fields != nil {
			if next, ok = fields[name]; !ok {
				w.wrong = append(w.wrong, fmt.Errorf("line %d: %q is not known here%s", n, clip(at), known(name, fields)))
			}
		}
		if seen[name] {
			w.wrong = append(w.wrong, fmt.Errorf("line %d: %q stands there twice", n, clip(at)))
		}
		seen[name] = true
		if err := w.value(at, next, depth+1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}

// known lists what is, the one that differs in case alone first of all.
func known(name string, fields map[string]reflect.Type) string {
	var all []string
	for f := range fields {
		if strings.EqualFold(f, name) {
			return fmt.Sprintf("; it is written %q", f)
		}
		all = append(all, f)
	}
	slices.Sort(all)
	return "; known are " + strings.Join(all, ", ")
}

// members collects the names that a struct takes.
func members(t reflect.Type, into map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "":
			e := f.Type
			for e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			members(e, into)
		case name == "":
			into[f.Name] = f.Type
		default:
			into[name] = f.Type
		}
	}
}
