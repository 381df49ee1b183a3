package sqltype

import (
	"encoding/hex"
	"strings"
)

// guidOrder is the order in which SQL Server writes and reads the bytes of a uniqueidentifier as text.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// guidSortOrder is the order in which it compares them: the last group first, each group's bytes from the left, the groups from
// the right.
var guidSortOrder = [16]int{10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3}

// ParseGUID reads a uniqueidentifier as SQL Server does: 36 characters with hyphens, in braces or not; what follows is ignored.
// The error is message 8169.
func ParseGUID(s string) (Value, error) {
	bad := NewError(8169)
	if t, ok := strings.CutPrefix(s, "{"); ok {
		if len(t) < 37 || t[36] != '}' {
			return NullValue, bad
		}
		s = t
	}
	if len(s) < 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return NullValue, bad
	}
	raw, err := hex.DecodeString(s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36])
	if err != nil {
		return NullValue, bad
	}
	var b [16]byte
	for i, at := range guidOrder {
		b[at] = raw[i]
	}
	return NewGUID(b), nil
}

// FormatGUID writes the 16 stored bytes as text, in capitals.
func FormatGUID(b string) string {
	if len(b) != 16 {
		return ""
	}
	var raw [16]byte
	for i, at := range guidOrder {
		raw[i] = b[at]
	}
	h := strings.ToUpper(hex.EncodeToString(raw[:]))
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// GUIDSortKey is the 16 bytes in the order of comparison: keys compare as bytes as SQL Server compares the values.
func GUIDSortKey(b string) (key [16]byte) {
	if len(b) == 16 {
		for i, at := range guidSortOrder {
			key[i] = b[at]
		}
	}
	return key
}

// GUIDFromSortKey is the inverse of GUIDSortKey.
func GUIDFromSortKey(key [16]byte) Value {
	var b [16]byte
	for i, at := range guidSortOrder {
		b[at] = key[i]
	}
	return NewGUID(b)
}
