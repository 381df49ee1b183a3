package frame

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrText means that bytes are not text: half a surrogate pair, an odd length, invalid UTF-8.
var ErrText = errors.New("not valid text")

// AppendUTF8 appends to out the UTF-8 of a wide string's bytes. It makes no copies besides, so that it serves for secrets: give it
// an out with a capacity of 2*len(wide) and wipe both.
func AppendUTF8(out, wide []byte) ([]byte, error) {
	if len(wide)%2 != 0 {
		return out, ErrText
	}
	for i := 0; i < len(wide); i += 2 {
		r := rune(wide[i]) | rune(wide[i+1])<<8
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(wide) {
				return out, ErrText
			}
			r = utf16.DecodeRune(r, rune(wide[i])|rune(wide[i+1])<<8)
			if r == utf8.RuneError {
				return out, ErrText
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}

// Text is the string of a wide string's bytes; not for secrets.
func Text(wide []byte) (string, error) {
	b, err := AppendUTF8(make([]byte, 0, len(wide)), wide)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// AppendUTF16 appends to out the wide form of UTF-8 text. It makes no copies besides.
func AppendUTF16[T []byte | string](out []byte, text T) ([]byte, error) {
	for i := 0; i < len(text); {
		r, n := decode(text, i)
		if r == utf8.RuneError && n <= 1 {
			return out, ErrText
		}
		i += n
		if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			out = append(out, byte(r1), byte(r1>>8), byte(r2), byte(r2>>8))
			continue
		}
		out = append(out, byte(r), byte(r>>8))
	}
	return out, nil
}

// decode reads one rune at i; the window keeps a secret's bytes on the stack.
func decode[T []byte | string](text T, i int) (rune, int) {
	var window [utf8.UTFMax]byte
	n := copy(window[:], text[i:])
	return utf8.DecodeRune(window[:n])
}

// Wide is the wide form of text; not for secrets.
func Wide(text string) ([]byte, error) { return AppendUTF16(make([]byte, 0, 2*len(text)), text) }
