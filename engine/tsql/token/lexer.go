package token

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits bounds a batch. Zero fields mean the defaults.
type Limits struct {
	Bytes  int // of UTF-8 source; default 16 MiB, at most 1 GiB
	Tokens int // default 2,000,000
}

const (
	defaultBytes  = 16 << 20
	maxBytes      = 1 << 30
	defaultTokens = 2_000_000
	maxName       = 128 // UTF-16 units of an identifier
)

// tooComplex is message 8623, which stands for every limit of size: the server has no better number for it.
const tooComplex = "The query processor ran out of internal resources and could not produce a query plan. This is a rare event and only expected for extremely complex queries or queries that reference a very large number of tables or partitions. Please simplify the query. If you believe you have received this message in error, contact Customer Support Services for more information."

// Stream is a batch in tokens. The last token is EOF, or Bad where Err is set.
type Stream struct {
	Src    string
	Tokens []Token
	Err    *SyntaxError
}

type lexer struct {
	src       string
	off       int
	line      int
	lineStart int
	out       []Token
	max       int
	err       *SyntaxError
}

// Lex splits src. A byte order mark at the start is skipped.
func Lex(src string, lim Limits) *Stream {
	if lim.Bytes <= 0 {
		lim.Bytes = defaultBytes
	}
	if lim.Tokens <= 0 {
		lim.Tokens = defaultTokens
	}
	l := &lexer{src: src, line: 1, max: lim.Tokens}
	if len(src) > min(lim.Bytes, maxBytes) {
		l.src = ""
		l.tooLarge(0)
		return l.finish()
	}
	l.off = len(src) - len(strings.TrimPrefix(src, "\ufeff"))
	l.out = make([]Token, 0, min(len(src)/4+8, lim.Tokens+2))
	for l.next() {
	}
	return l.finish()
}

func (l *lexer) finish() *Stream {
	kind := EOF
	if l.err != nil {
		kind = Bad
	}
	end := uint32(len(l.src))
	p := l.pos(len(l.src))
	l.out = append(l.out, Token{Kind: kind, Off: end, End: end, lineNo: uint32(p.Line), column: uint32(p.Col)})
	return &Stream{Src: l.src, Tokens: l.out, Err: l.err}
}

func (l *lexer) fail(e *SyntaxError) bool {
	l.err = e
	return false
}

func (l *lexer) tooLarge(off int) bool {
	e := Errorf(8623, l.pos(off), tooComplex)
	e.Severity = 16
	return l.fail(e)
}

// pos is the place of an offset on the current line.
func (l *lexer) pos(off int) Pos {
	return Pos{Off: int32(off), Line: int32(l.line), Col: int32(off - l.lineStart + 1)}
}

func (l *lexer) at(i int) byte {
	if i < len(l.src) {
		return l.src[i]
	}
	return 0
}

// next adds one token and reports whether to go on.
func (l *lexer) next() bool {
	if !l.skip() || l.off >= len(l.src) {
		return false
	}
	if len(l.out) >= l.max {
		return l.tooLarge(l.off)
	}
	start, at := l.off, l.pos(l.off)
	kind, ok := l.scan(at)
	if !ok {
		return false
	}
	t := Token{Kind: kind, Off: uint32(start), End: uint32(l.off), lineNo: uint32(at.Line), column: uint32(at.Col)}
	if kind == Word {
		t.word = reserved(l.src[start:l.off])
	}
	l.out = append(l.out, t)
	return true
}

// skip passes blanks and comments; false after an unclosed comment.
func (l *lexer) skip() bool {
	for l.off < len(l.src) {
		switch c := l.src[l.off]; {
		case c == '\n':
			l.newline(l.off)
			l.off++
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			l.off++
		case c == '-' && l.at(l.off+1) == '-':
			n := strings.IndexByte(l.src[l.off:], '\n')
			if n < 0 {
				n = len(l.src) - l.off
			}
			l.off += n
		case c == '/' && l.at(l.off+1) == '*':
			if !l.blockComment() {
				return false
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.src[l.off:])
			if !unicode.IsSpace(r) && r != '\u200b' {
				return true
			}
			l.off += n
		default:
			return true
		}
	}
	return true
}

func (l *lexer) newline(off int) {
	l.line++
	l.lineStart = off + 1
}

func (l *lexer) blockComment() bool {
	at := l.pos(l.off)
	depth := 0
	for i := l.off; i < len(l.src); {
		switch c := l.src[i]; {
		case c == '\n':
			l.newline(i)
			i++
		case c == '/' && l.at(i+1) == '*':
			depth++
			i += 2
		case c == '*' && l.at(i+1) == '/':
			depth--
			i += 2
			if depth == 0 {
				l.off = i
				return true
			}
		default:
			i++
		}
	}
	return l.fail(Errorf(113, at, "Missing end comment mark '*/'."))
}

// scan consumes one token that begins at l.off.
func (l *lexer) scan(at Pos) (Kind, bool) {
	c := l.src[l.off]
	switch {
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '#':
		if (c == 'N' || c == 'n') && l.at(l.off+1) == '\'' {
			l.off++
			return NString, l.quoted('\'', at)
		}
		return Word, l.name(at)
	case c >= '0' && c <= '9' || c == '.' && isDigit(l.at(l.off+1)):
		return l.number(at)
	case c == '\'':
		return String, l.quoted('\'', at)
	case c == '"':
		return DoubleQuoted, l.quoted('"', at)
	case c == '[':
		ok := l.quoted(']', at)
		return Bracketed, ok && l.checkLength(int(at.Off)+1, l.off-1, at)
	case c == '@':
		if l.at(l.off+1) == '@' {
			return GlobalVar, l.name(at)
		}
		return Variable, l.name(at)
	case c == '$':
		if startsName(rune(l.at(l.off + 1))) {
			return Dollar, l.name(at)
		}
		return l.money(1)
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRuneInString(l.src[l.off:])
		switch {
		case r == utf8.RuneError && n == 1:
		case unicode.Is(unicode.Sc, r):
			return l.money(n)
		case startsName(r):
			return Word, l.name(at)
		}
		l.off += n
		return Other, true
	default:
		return l.symbol(c), true
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func startsName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '#' || r >= utf8.RuneSelf && unicode.IsLetter(r)
}

func inName(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '#' || r == '@' || r == '$'
	}
	return unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Nl, unicode.Pc)
}

// name consumes the characters of an identifier; the first has been judged.
func (l *lexer) name(at Pos) bool {
	start := l.off
	_, n := utf8.DecodeRuneInString(l.src[l.off:])
	i := l.off + n
	for i < len(l.src) {
		c := l.src[i]
		if c < utf8.RuneSelf {
			if !inName(rune(c)) {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(l.src[i:])
		if r == utf8.RuneError || !inName(r) {
			break
		}
		i += n
	}
	l.off = i
	return l.checkLength(start, i, at)
}

// checkLength refuses an identifier of more than 128 UTF-16 units between two offsets.
func (l *lexer) checkLength(start, end int, at Pos) bool {
	if e := CheckName(l.src[start:end], at); e != nil {
		return l.fail(e)
	}
	return true
}

// CheckName gives message 103 for an identifier of more than 128 UTF-16 units, nil otherwise.
func CheckName(name string, at Pos) *SyntaxError {
	if len(name) <= maxName {
		return nil
	}
	units := 0
	for _, r := range name {
		units++
		if r > math.MaxUint16 {
			units++
		}
	}
	if units <= maxName {
		return nil
	}
	return Errorf(103, at, "The identifier that starts with '%s' is too long. Maximum length is %d.", clip(name, maxName), maxName)
}

// quoted consumes up to the closing quote, which is escaped by doubling.
func (l *lexer) quoted(end byte, at Pos) bool {
	start := l.off + 1
	for i := start; i < len(l.src); i++ {
		switch l.src[i] {
		case '\n':
			l.newline(i)
		case end:
			if l.at(i+1) != end {
				l.off = i + 1
				return true
			}
			i++
		}
	}
	rest := l.src[start:]
	e := Errorf(105, at, "Unclosed quotation mark after the character string '%s'.", clip(rest, 1900))
	e.Literal = true
	e.Also = Near(rest, at)
	e.Also.Literal = true
	return l.fail(e)
}

func (l *lexer) digits() {
	for isDigit(l.at(l.off)) {
		l.off++
	}
}

// number consumes an integer, decimal, float or binary literal.
func (l *lexer) number(at Pos) (Kind, bool) {
	start := l.off
	if l.src[start] == '0' && (l.at(start+1)|0x20) == 'x' {
		l.off += 2
		for isHex(l.at(l.off)) {
			l.off++
		}
		return Binary, true
	}
	l.digits()
	kind := Int
	if l.at(l.off) == '.' {
		kind = Decimal
		l.off++
		l.digits()
	}
	if l.at(l.off)|0x20 == 'e' {
		return Float, l.exponent(start, at)
	}
	text := l.src[start:l.off]
	if kind == Int && !fitsInt(text) {
		kind = Decimal
	}
	if kind == Decimal && Precision(text) > 38 {
		return kind, l.fail(Errorf(1007, at, "The number '%s' is out of the range for numeric representation (maximum precision 38).", clip(text, 200)))
	}
	return kind, true
}

func (l *lexer) exponent(start int, at Pos) bool {
	l.off++
	if c := l.at(l.off); (c == '+' || c == '-') && isDigit(l.at(l.off+1)) {
		l.off++
	}
	l.digits()
	if text := l.src[start:l.off]; !FloatInRange(text) {
		return l.fail(Errorf(168, at, "The floating point value '%s' is out of the range of computer representation (8 bytes).", clip(text, 200)))
	}
	return true
}

// money consumes a currency sign of n bytes and its number, if any.
func (l *lexer) money(n int) (Kind, bool) {
	l.off += n
	l.digits()
	if l.at(l.off) == '.' {
		l.off++
		l.digits()
	}
	return Money, true
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
