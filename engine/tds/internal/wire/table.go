package wire

import "strings"

// maxTableParts is how many parts a table's name may have: server, database, schema, table.
const maxTableParts = 4

// TableName reads the name of a column's table: its parts behind their count, or one text, as bulk loads have it; nil if it is empty.
func (r *Reader) TableName(counted bool) (parts []string) {
	if !counted {
		if name := r.LongText(); name != "" {
			parts = []string{name}
		}
		return parts
	}
	n := int(r.U8())
	if n > maxTableParts {
		r.Fail("table name of %d parts", n)
		return nil
	}
	for range n {
		parts = append(parts, r.LongText())
	}
	return parts
}

// AppendTableName appends what [Reader.TableName] reads.
func AppendTableName(dst []byte, parts []string, counted bool) []byte {
	if !counted {
		return AppendLongText(dst, strings.Join(parts, "."))
	}
	dst = append(dst, byte(len(parts)))
	for _, part := range parts {
		dst = AppendLongText(dst, part)
	}
	return dst
}
