package collation_test

import (
	"bytes"
	"slices"
	"testing"

	"latchkey/engine/sqltype/collation"
)

func parse(t *testing.T, name string) collation.Collation {
	t.Helper()
	c, err := collation.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNames(t *testing.T) {
	for _, c := range collation.All() {
		if got := parse(t, c.String()); got != c {
			t.Errorf("%s parses to %s", c, got)
		}
		if got, ok := collation.FromWire(c.Wire()); !ok || got.Wire() != c.Wire() {
			t.Errorf("%s does not come back from the wire", c)
		}
	}
	for _, name := range []string{"", "x", "Turkish_CI_AS", "SQL_Latin1_General_CP1_CI", "Latin1_General_CI_AS_UTF8", "SQL_Latin1_General_CP850_CI_AS", "Latin1_General_CI_AS_CI_AS"} {
		if _, err := collation.Parse(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if got, want := collation.Default.Wire(), [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}; got != want {
		t.Errorf("the default on the wire is % x", got)
	}
	if got, want := parse(t, "latin1_general_100_ci_as_sc_utf8").Wire(), [5]byte{0x09, 0x04, 0xD0, 0x24, 0}; got != want {
		t.Errorf("UTF-8 on the wire is % x", got)
	}
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name     string
		national bool
		a, b     string
		want     int
	}{
		{"SQL_Latin1_General_CP1_CI_AS", false, "abc", "ABC  ", 0},
		{"SQL_Latin1_General_CP1_CI_AS", false, "resume", "résumé", -1},
		{"SQL_Latin1_General_CP1_CI_AS", false, "RÉSUMÉ", "résumé", 0},
		{"SQL_Latin1_General_CP1_CI_AI", false, "resume", "résumé", 0},
		{"SQL_Latin1_General_CP1_CS_AS", false, "a", "A", 1},
		{"Latin1_General_CS_AS", false, "a", "A", -1},
		{"Latin1_General_CS_AS", false, "ab", "Aa", 1},
		{"Latin1_General_CI_AS", false, "ß", "SS", 0},
		{"SQL_Latin1_General_CP1_CI_AS", true, "ß", "SS", 0},
		{"SQL_Latin1_General_CP1_CI_AS", false, "ß", "SS", 1},
		{"SQL_Latin1_General_CP1_CI_AS", true, "co-op", "coop", 1},
		{"SQL_Latin1_General_CP1_CI_AS", true, "co-op", "coot", -1},
		{"SQL_Latin1_General_CP1_CI_AS", false, "co-op", "coop", -1},
		{"SQL_Latin1_General_CP1_CI_AS", false, "a", "1", 1},
		{"SQL_Latin1_General_CP1_CI_AS", false, "a_", "ab", -1},
		{"Latin1_General_BIN2", true, "a", "A", 1},
		{"Latin1_General_BIN2", true, "\U00010000", "\uFFFD", -1},
		{"Latin1_General_BIN2", false, "a ", "a", 0},
		{"Latin1_General_CI_AS", true, "ａ", "a", 0},
		{"Latin1_General_CI_AS_WS", true, "ａ", "a", 1},
		{"Latin1_General_CI_AS", true, "e\u0301", "é", 0},
	} {
		c := parse(t, test.name)
		if got := c.Compare(test.a, test.b, test.national); got != test.want {
			t.Errorf("%s: %q with %q is %d, want %d", test.name, test.a, test.b, got, test.want)
		}
		if got := c.Compare(test.b, test.a, test.national); got != -test.want {
			t.Errorf("%s: %q with %q is not the reverse", test.name, test.b, test.a)
		}
	}
}

func TestCodePageKeepsEveryByte(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	got, exact := collation.Default.AppendEncoded(nil, collation.Default.Decode(all))
	if !exact || !bytes.Equal(got, all) {
		t.Errorf("bytes changed: % x", got)
	}
}

// Keys are equal exactly when the strings compare equal, and linguistic keys sort as the strings do; Compare is an order.
func FuzzKeys(f *testing.F) {
	f.Add("abc", "ABC ", "é", uint(0), true)
	f.Add("co-op", "coop", "coÖp", uint(3), true)
	f.Add("ß", "ss", "e\u0301", uint(7), false)
	f.Add("\xed\xa0\x80", "\t", " ", uint(2), false)
	all := collation.All()
	f.Fuzz(func(t *testing.T, a, b, d string, n uint, national bool) {
		c := all[n%uint(len(all))]
		key := func(s string) []byte { return c.AppendKey(nil, s, national) }
		cmp := c.Compare(a, b, national)
		if (cmp == 0) != bytes.Equal(key(a), key(b)) {
			t.Fatalf("%s: %q and %q compare %d but keys are % x and % x", c, a, b, cmp, key(a), key(b))
		}
		if !isBin(c) && cmp != bytes.Compare(key(a), key(b)) {
			t.Fatalf("%s: %q and %q compare %d but keys sort otherwise", c, a, b, cmp)
		}
		if c.Compare(b, a, national) != -cmp {
			t.Fatalf("%s: %q and %q: no order", c, a, b)
		}
		three := []string{a, b, d}
		slices.SortFunc(three, func(x, y string) int { return c.Compare(x, y, national) })
		if c.Compare(three[0], three[2], national) > 0 {
			t.Fatalf("%s: %q is not transitive", c, three)
		}
	})
}

func isBin(c collation.Collation) bool {
	return bytes.Contains([]byte(c.String()), []byte("BIN"))
}

func BenchmarkCompareASCII(b *testing.B) {
	for b.Loop() {
		collation.Default.Compare("The quick brown fox", "the quick brown foy", false)
	}
}
