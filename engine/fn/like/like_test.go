package like_test

import (
	"strings"
	"testing"

	"latchkey/engine/fn/like"
	"latchkey/engine/sqltype/collation"
)

func coll(t testing.TB, name string) collation.Collation {
	t.Helper()
	c, err := collation.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMatch(t *testing.T) {
	ci, cs, bin, sc := collation.Default, coll(t, "Latin1_General_CS_AS"), coll(t, "Latin1_General_BIN2"), coll(t, "Latin1_General_100_CI_AS_SC")
	ai := coll(t, "Latin1_General_CI_AI")
	for _, tt := range []struct {
		pattern, text string
		c             collation.Collation
		want          bool
	}{
		{"", "", ci, true},
		{"", "a", ci, false},
		{"%", "", ci, true},
		{"%%_", "a", ci, true},
		{"a%b%c", "aXbXbXc", ci, true},
		{"a%b%c", "aXbXbXd", ci, false},
		{"[a-f]%", "Ford", ci, true},
		{"[a-f]%", "ford", cs, true},
		{"[A-F]%", "ford", bin, false},
		{"[^a-f]%", "ford", ci, false},
		{"[-acdf]", "-", ci, true},
		{"[a-cdf]", "b", ci, true},
		{"[ -/]", "+", bin, true},
		{"[5-7]0[%]", "60%", ci, true},
		{"[_]n", "_n", ci, true},
		{"[]x]", "x", ci, false},
		{"x]", "x]", ci, true},
		{"abc[", "abc[", ci, false},
		{"[^]]", "a]", ci, true}, // not one of none, then a bracket
		{"é", "É", ci, true},
		{"é", "e", ci, false},
		{"é", "e", ai, true},
		{"[a-f]", "é", ci, true},
		{"__", "😀", ci, true},
		{"_", "😀", sc, true},
		{"a_c", "a c", ci, true},
		{"a c", "ac", ci, false},
		{"ａ", "A", ci, true}, // width does not count
	} {
		if got := like.Compile(tt.pattern, -1, tt.c, true).Match(tt.text); got != tt.want {
			t.Errorf("%q like %q under %v is %v", tt.text, tt.pattern, tt.c, got)
		}
	}
	if !like.Compile("100!%", '!', ci, true).Match("100%") || like.Compile("100!%", '!', ci, true).Match("1000") || like.Compile("a!", '!', ci, true).Match("a") {
		t.Error("escapes are not followed")
	}
	if !like.Compile("a", -1, ci, false).Match("a  ") || like.Compile("a", -1, ci, true).Match("a  ") {
		t.Error("blanks at the end count in national text alone")
	}
}

func TestPrefix(t *testing.T) {
	for pattern, want := range map[string]struct {
		prefix string
		only   bool
	}{"abc%": {"abc", true}, "abc": {"abc", false}, "a%b": {"a", false}, "a_": {"a", false}, "a[b]": {"a", false}, "a!%%": {"a%", true}, "%": {"", true}} {
		if p, only := like.Prefix(pattern, '!'); p != want.prefix || only != want.only {
			t.Errorf("%q begins with %q, %v", pattern, p, only)
		}
	}
}

func TestFinder(t *testing.T) {
	f := like.Literal("É", collation.Default, true)
	if a, b := f.Find("aéb", 0); a != 1 || b != 3 {
		t.Errorf("found at %d to %d", a, b)
	}
	if a, _ := f.Find("aéb", 2); a != -1 {
		t.Errorf("found behind the end, at %d", a)
	}
	if a, _ := like.Literal("", collation.Default, true).Find("abc", 0); a != -1 {
		t.Error("nothing was found")
	}
}

// A pattern of many stars is not slow.
func TestManyStars(t *testing.T) {
	if like.Compile(strings.Repeat("%a", 40)+"b", -1, collation.Default, true).Match(strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}

// reference is the definition, without thought for time: for binary collations and ASCII.
func reference(p, s string) bool {
	if p == "" {
		return s == ""
	}
	switch p[0] {
	case '%':
		for i := 0; i <= len(s); i++ {
			if reference(p[1:], s[i:]) {
				return true
			}
		}
		return false
	case '_':
		return s != "" && reference(p[1:], s[1:])
	}
	return s != "" && s[0] == p[0] && reference(p[1:], s[1:])
}

func FuzzMatch(f *testing.F) {
	f.Add("a%b_[c-d]", "axxbyc", int32('!'))
	f.Add("%a%a%a", "aaaa", int32(-1))
	f.Add("[^", "x", int32('['))
	f.Add("\xed\xa0\x80%", "\xed\xa0\x80", int32(0))
	bin := coll(f, "Latin1_General_BIN2")
	f.Fuzz(func(t *testing.T, pattern, text string, escape int32) {
		if len(pattern) > 200 || len(text) > 2000 {
			return
		}
		for _, c := range []collation.Collation{collation.Default, bin} {
			p := like.Compile(pattern, escape, c, true)
			got := p.Match(text)
			if i := p.Index(text); got && i < 1 {
				t.Errorf("%q matches %q whole, and PATINDEX is %d", text, pattern, i)
			}
		}
		if strings.ContainsAny(pattern, "[!") || len(pattern) > 12 || len(text) > 12 {
			return
		}
		for _, b := range []byte(pattern + text) {
			if b >= 0x80 {
				return
			}
		}
		if got, want := like.Compile(pattern, -1, bin, true).Match(text), reference(pattern, text); got != want {
			t.Errorf("%q like %q is %v, want %v", text, pattern, got, want)
		}
	})
}
