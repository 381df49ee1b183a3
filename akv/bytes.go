package akv

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Bytes is binary data that is base64url without padding in JSON (RFC 7515 section 2). Padding is accepted on reading.
// nil is left out where the member has omitempty and is null otherwise.
type Bytes []byte

// MarshalJSON writes the base64url string, null for nil.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	out := make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(b))+2)
	out = append(out, '"')
	out = base64.RawURLEncoding.AppendEncode(out, b)
	return append(out, '"'), nil
}

// UnmarshalJSON reads a base64url string or null.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*b = nil
		return nil
	}
	if len(text) < 2 || text[0] != '"' {
		return fmt.Errorf("want a base64url string")
	}
	s := text[1 : len(text)-1]
	for _, c := range s {
		if c == '\\' { // an escape: rare, and needed by no character of the alphabet
			var plain string
			if err := json.Unmarshal(text, &plain); err != nil {
				return err
			}
			s = []byte(plain)
			break
		}
	}
	out, err := DecodeBytes(string(s))
	*b = out
	return err
}

// DecodeBytes reads base64url with or without padding. Other alphabets, white space and wrong lengths are errors.
func DecodeBytes(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // encoding/base64 would skip them
		return nil, fmt.Errorf("want base64url, got a line break")
	}
	trimmed := strings.TrimRight(s, "=")
	if pad := len(s) - len(trimmed); pad > 2 || pad > 0 && len(s)%4 != 0 {
		return nil, fmt.Errorf("want base64url, got wrong padding")
	}
	out, err := base64.RawURLEncoding.DecodeString(trimmed)
	if err != nil {
		return nil, fmt.Errorf("want base64url: %w", err)
	}
	if out == nil {
		out = []byte{}
	}
	return out, nil
}
