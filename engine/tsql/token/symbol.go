package token

import (
	"math"
	"strconv"
	"strings"
)

var singles = [128]Kind{
	'(': LParen, ')': RParen, '{': LBrace, '}': RBrace, ',': Comma, '.': Dot, ';': Semicolon, ':': Colon,
	'+': Plus, '-': Minus, '*': Star, '/': Slash, '%': Percent, '&': Amp, '|': Pipe, '^': Caret, '~': Tilde,
	'=': Eq, '<': Lt, '>': Gt,
}

var pairs = map[[2]byte]Kind{
	{':', ':'}: DoubleColon, {'|', '|'}: Concat,
	{'<', '='}: Le, {'>', '='}: Ge, {'<', '>'}: Ne, {'!', '='}: NotEq, {'!', '<'}: NotLt, {'!', '>'}: NotGt,
	{'+', '='}: PlusEq, {'-', '='}: MinusEq, {'*', '='}: StarEq, {'/', '='}: SlashEq, {'%', '='}: PercentEq,
	{'&', '='}: AmpEq, {'|', '='}: PipeEq, {'^', '='}: CaretEq,
}

// symbol consumes an operator or a mark of punctuation.
func (l *lexer) symbol(c byte) Kind {
	switch l.at(l.off + 1) {
	case '=', '<', '>', ':', '|':
		if k, ok := pairs[[2]byte{c, l.src[l.off+1]}]; ok {
			l.off += 2
			return k
		}
	}
	l.off++
	if k := singles[c]; k != EOF {
		return k
	}
	return Other
}

// fitsInt reports whether a string of digits is at most 2147483647.
func fitsInt(digits string) bool {
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > 10 {
		return false
	}
	n, err := strconv.ParseInt("0"+digits, 10, 64)
	return err == nil && n <= math.MaxInt32
}

// Precision is the number of significant digits of a decimal literal, at least 1: leading zeros of the integer part do
// not count, digits after the point all do.
func Precision(text string) int {
	whole, frac, _ := strings.Cut(text, ".")
	return max(len(strings.TrimLeft(whole, "0"))+len(frac), 1)
}

// Scale is the number of digits after the point of a decimal literal.
func Scale(text string) int {
	_, frac, _ := strings.Cut(text, ".")
	return len(frac)
}

// FloatInRange reports whether a float literal, whose exponent may be empty, fits 8 bytes.
func FloatInRange(text string) bool {
	_, err := ParseFloat(text)
	return err == nil
}

// ParseFloat is the value of a float literal; 1e is 1.
func ParseFloat(text string) (float64, error) {
	if strings.HasSuffix(text, "e") || strings.HasSuffix(text, "E") {
		text += "0"
	}
	return strconv.ParseFloat(text, 64)
}
