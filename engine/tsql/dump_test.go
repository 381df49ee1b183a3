package tsql_test

import (
	"fmt"
	"reflect"
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
	"latchkey/internal/secret"
)

// dump writes a tree as text, without positions and empty fields. Secrets are written in full: the corpus has none.
func dump(b *ast.Batch) string {
	var sb strings.Builder
	for _, s := range b.Statements {
		dumpValue(&sb, reflect.ValueOf(s), 0)
		sb.WriteByte('\n')
	}
	return sb.String()
}

func dumpValue(sb *strings.Builder, v reflect.Value, depth int) {
	switch x := v.Interface().(type) {
	case *secret.Bytes:
		fmt.Fprintf(sb, "%q", x.Expose())
		return
	case ast.ObjectName:
		fmt.Fprintf(sb, "%q", x.Parts)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dumpValue(sb, v.Elem(), depth)
	case reflect.Struct:
		sb.WriteString(v.Type().Name())
		sb.WriteString("{")
		n := 0
		for i := range v.NumField() {
			f := v.Field(i)
			name := v.Type().Field(i).Name
			if name == "Head" || f.IsZero() || f.Type() == reflect.TypeFor[token.Pos]() || f.Kind() == reflect.Slice && f.Len() == 0 {
				continue
			}
			if o, ok := f.Interface().(ast.ObjectName); ok && o.Parts == nil {
				continue
			}
			n++
			sb.WriteString("\n" + strings.Repeat("  ", depth+1) + name + ": ")
			dumpValue(sb, f, depth+1)
		}
		if n > 0 {
			sb.WriteString("\n" + strings.Repeat("  ", depth))
		}
		sb.WriteString("}")
	case reflect.Slice:
		sb.WriteString("[")
		for i := range v.Len() {
			sb.WriteString("\n" + strings.Repeat("  ", depth+1))
			dumpValue(sb, v.Index(i), depth+1)
		}
		sb.WriteString("\n" + strings.Repeat("  ", depth) + "]")
	case reflect.String:
		fmt.Fprintf(sb, "%q", v.String())
	default:
		fmt.Fprintf(sb, "%v", v.Interface())
	}
}
