package query

import (
	"unicode/utf8"

	"latchkey/engine/sqltype"
)

// piece is how much of the text of FOR JSON goes into one row, in UTF-16 units.
const piece = 2033

// inPieces hands one long text on in rows; NULL is none.
func inPieces(each func([]sqltype.Value) error) func([]sqltype.Value) error {
	return func(row []sqltype.Value) error {
		if row[0].IsNull() {
			return nil
		}
		for s := row[0].Text(); s != ""; {
			n := cut(s, piece)
			if err := each([]sqltype.Value{sqltype.NewText(sqltype.NVarChar, s[:n])}); err != nil {
				return err
			}
			s = s[n:]
		}
		return nil
	}
}

// cut is how many bytes so many UTF-16 units have. No character is cut.
func cut(s string, units int) int {
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 && s[i] >= 0xED { // half of a surrogate pair, in three bytes
			n = min(3, len(s)-i)
		}
		if units--; n == 4 {
			units--
		}
		if units < 0 {
			return i
		}
		i += n
	}
	return len(s)
}
