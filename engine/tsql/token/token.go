package token

import "strings"

// Kind is what a token is.
type Kind uint8

// The kinds. Words are told apart by [Token.Reserved]; operators have one kind each.
const (
	EOF          Kind = iota
	Bad               // a lexical error; Stream.Err says which
	Other             // a character that begins nothing
	Word              // a keyword or a regular identifier, #temp names included
	Bracketed         // [name]
	DoubleQuoted      // "name" or "string", by QUOTED_IDENTIFIER
	String            // 'text'
	NString           // N'text'
	Int               // fits a 32-bit int
	Decimal           // has a point, or is an integer beyond int
	Float             // has an exponent
	Money             // has a currency sign
	Binary            // 0x...
	Variable          // @name
	GlobalVar         // @@name
	Dollar            // $action, $identity, $rowguid, $partition
	LParen            // (
	RParen            // )
	LBrace            // {
	RBrace            // }
	Comma             // ,
	Dot               // .
	Semicolon         // ;
	Colon             // :
	DoubleColon       // ::
	Plus              // +
	Minus             // -
	Star              // *
	Slash             // /
	Percent           // %
	Amp               // &
	Pipe              // |
	Caret             // ^
	Tilde             // ~
	Concat            // ||
	Eq                // =
	Lt                // <
	Gt                // >
	Le                // <=
	Ge                // >=
	Ne                // <>
	NotEq             // !=
	NotLt             // !<
	NotGt             // !>
	PlusEq            // +=
	MinusEq           // -=
	StarEq            // *=
	SlashEq           // /=
	PercentEq         // %=
	AmpEq             // &=
	PipeEq            // |=
	CaretEq           // ^=
)

// Pos is a place in a batch. Lines and columns count from 1; columns and offsets count bytes of the UTF-8 source.
type Pos struct {
	Off, Line, Col int32
}

// Token is one lexical element. Off and End delimit it in the source.
type Token struct {
	Kind           Kind
	word           uint16 // index into reservedWords, 0 for none
	Off, End       uint32
	lineNo, column uint32
}

// Pos is where the token begins.
func (t Token) Pos() Pos {
	return Pos{Off: int32(t.Off), Line: int32(t.lineNo), Col: int32(t.column)}
}

// Reserved is the upper-case reserved word that the token is, "" for anything else.
func (t Token) Reserved() string {
	if t.word == 0 {
		return ""
	}
	return reservedWords[t.word]
}

// Source is the token as written.
func (t Token) Source(src string) string { return src[t.Off:t.End] }

// Value is the token without its quotes and escapes. Numbers and words are as written.
func (t Token) Value(src string) string {
	s := t.Source(src)
	switch t.Kind {
	case Bracketed:
		return unescape(s[1:len(s)-1], "]]", "]")
	case DoubleQuoted:
		return joinLines(unescape(s[1:len(s)-1], `""`, `"`))
	case String:
		return joinLines(unescape(s[1:len(s)-1], "''", "'"))
	case NString:
		return joinLines(unescape(s[2:len(s)-1], "''", "'"))
	default:
		return s
	}
}

func unescape(s, twice, once string) string {
	if !strings.Contains(s, twice) {
		return s
	}
	return strings.ReplaceAll(s, twice, once)
}

// joinLines removes a backslash together with the line end that follows it.
func joinLines(s string) string {
	if !strings.Contains(s, "\\\n") && !strings.Contains(s, "\\\r\n") {
		return s
	}
	s = strings.ReplaceAll(s, "\\\r\n", "")
	return strings.ReplaceAll(s, "\\\n", "")
}
