package token_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tsql/token"
)

func lex(src string) []string {
	s := token.Lex(src, token.Limits{})
	var out []string
	for _, t := range s.Tokens {
		if t.Kind == token.EOF || t.Kind == token.Bad {
			break
		}
		out = append(out, fmt.Sprintf("%d:%s", t.Kind, t.Value(s.Src)))
	}
	if s.Err != nil {
		out = append(out, fmt.Sprintf("error %d", s.Err.Number))
	}
	return out
}

func TestTokens(t *testing.T) {
	k := func(kind token.Kind, text string) string { return fmt.Sprintf("%d:%s", kind, text) }
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"a b", []string{k(token.Word, "a"), k(token.Word, "b")}},
		{"[a]]b] \"c\"\"d\"", []string{k(token.Bracketed, "a]b"), k(token.DoubleQuoted, `c"d`)}},
		{"'it''s' N'ü' n'x'", []string{k(token.String, "it's"), k(token.NString, "ü"), k(token.NString, "x")}},
		{"'a\\\nb\\\r\nc'", []string{k(token.String, "abc")}},
		{"1 2147483647 2147483648 007", []string{k(token.Int, "1"), k(token.Int, "2147483647"), k(token.Decimal, "2147483648"), k(token.Int, "007")}},
		{"1. .5 1.5 1e 1e5 1E-5 1.e+3", []string{
			k(token.Decimal, "1."), k(token.Decimal, ".5"), k(token.Decimal, "1.5"),
			k(token.Float, "1e"), k(token.Float, "1e5"), k(token.Float, "1E-5"), k(token.Float, "1.e+3"),
		}},
		{"0x 0xAB 0XcDe", []string{k(token.Binary, "0x"), k(token.Binary, "0xAB"), k(token.Binary, "0XcDe")}},
		{"$ $12.5 £3 €4", []string{k(token.Money, "$"), k(token.Money, "$12.5"), k(token.Money, "£3"), k(token.Money, "€4")}},
		{"@a @@b @ $action #t ##g", []string{
			k(token.Variable, "@a"), k(token.GlobalVar, "@@b"), k(token.Variable, "@"),
			k(token.Dollar, "$action"), k(token.Word, "#t"), k(token.Word, "##g"),
		}},
		{"123abc", []string{k(token.Int, "123"), k(token.Word, "abc")}},
		{"a.b..c", []string{k(token.Word, "a"), k(token.Dot, "."), k(token.Word, "b"), k(token.Dot, "."), k(token.Dot, "."), k(token.Word, "c")}},
		{"+= -= *= /= %= &= |= ^=", []string{
			k(token.PlusEq, "+="), k(token.MinusEq, "-="), k(token.StarEq, "*="), k(token.SlashEq, "/="),
			k(token.PercentEq, "%="), k(token.AmpEq, "&="), k(token.PipeEq, "|="), k(token.CaretEq, "^="),
		}},
		{"<> != !< !> <= >= :: || ! ?", []string{
			k(token.Ne, "<>"), k(token.NotEq, "!="), k(token.NotLt, "!<"), k(token.NotGt, "!>"), k(token.Le, "<="),
			k(token.Ge, ">="), k(token.DoubleColon, "::"), k(token.Concat, "||"), k(token.Other, "!"), k(token.Other, "?"),
		}},
		{"a--b\nc/*d/*e*/f*/g", []string{k(token.Word, "a"), k(token.Word, "c"), k(token.Word, "g")}},
		{"\ufeffa\u00a0b\u3000c", []string{k(token.Word, "a"), k(token.Word, "b"), k(token.Word, "c")}},
		{"\xff a", []string{k(token.Other, "\xff"), k(token.Word, "a")}},
		{"表 x表1", []string{k(token.Word, "表"), k(token.Word, "x表1")}},
		{"a 'b", []string{k(token.Word, "a"), "error 105"}},
		{"a [b", []string{k(token.Word, "a"), "error 105"}},
		{"a /*", []string{k(token.Word, "a"), "error 113"}},
		{"[" + strings.Repeat("x", 129) + "]", []string{"error 103"}},
		{strings.Repeat("9", 39), []string{"error 1007"}},
		{"1e400", []string{"error 168"}},
		{"", nil},
	} {
		if diff := cmp.Diff(c.want, lex(c.src)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.src, diff)
		}
	}
}

// Lines count line feeds, also those inside strings and comments; columns count bytes.
func TestPositions(t *testing.T) {
	s := token.Lex("a\n  b /* \n */ 'x\ny' c\r\nd", token.Limits{})
	var got []string
	for _, tok := range s.Tokens {
		p := tok.Pos()
		got = append(got, fmt.Sprintf("%d:%d", p.Line, p.Col))
	}
	want := []string{"1:1", "2:3", "3:5", "4:4", "5:1", "5:2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReserved(t *testing.T) {
	for w, want := range map[string]bool{
		"select": true, "SELECT": true, "Key": true, "encryption": false, "provider": false, "credential": false, "login": false,
		"cryptographic": false, "asymmetric": false, "symmetric": false, "algorithm": false, "secret": false,
		"identity_value": false, "creation_disposition": false, "": false, "ſelect": false, "database": true,
	} {
		if got := token.IsReserved(w); got != want {
			t.Errorf("IsReserved(%q) = %t", w, got)
		}
	}
}

func TestPrecisionAndScale(t *testing.T) {
	for _, c := range []struct {
		text string
		p, s int
	}{{"1.50", 3, 2}, {"0.05", 2, 2}, {"000123", 3, 0}, {"0", 1, 0}, {".5", 1, 1}, {"12345678901", 11, 0}, {"1.", 1, 0}} {
		if p, s := token.Precision(c.text), token.Scale(c.text); p != c.p || s != c.s {
			t.Errorf("%s: numeric(%d,%d), want (%d,%d)", c.text, p, s, c.p, c.s)
		}
	}
}
