package raise_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql"
)

// What each number ends, without and with XACT_ABORT: the habits that programs rely on.
func TestPolicy(t *testing.T) {
	for _, test := range []struct {
		e           raise.Error
		off, on     raise.Effect
		terminates  bool
		description string
	}{
		{raise.Error{Number: 2627, Severity: 14}, raise.EndStatement, raise.Rollback, true, "a duplicate key"},
		{raise.Error{Number: 547, Severity: 16}, raise.EndStatement, raise.Rollback, true, "a constraint"},
		{raise.Error{Number: 515, Severity: 16}, raise.EndStatement, raise.Rollback, true, "NULL"},
		{raise.Error{Number: 8134, Severity: 16}, raise.EndStatement, raise.Rollback, true, "division by zero"},
		{raise.Error{Number: 8115, Severity: 16}, raise.EndStatement, raise.Rollback, true, "overflow"},
		{raise.Error{Number: 2628, Severity: 16}, raise.EndStatement, raise.Rollback, true, "truncation"},
		{raise.Error{Number: 245, Severity: 16}, raise.Rollback, raise.Rollback, false, "a conversion"},
		{raise.Error{Number: 241, Severity: 16}, raise.Rollback, raise.Rollback, false, "a date"},
		{raise.Error{Number: 1205, Severity: 13}, raise.Rollback, raise.Rollback, false, "a deadlock"},
		{raise.Error{Number: 3960, Severity: 16}, raise.Rollback, raise.Rollback, false, "a snapshot"},
		{raise.Error{Number: 1222, Severity: 16}, raise.EndStatement, raise.Rollback, false, "a lock"},
		{raise.Error{Number: 229, Severity: 14}, raise.EndStatement, raise.Rollback, false, "a permission"},
		{raise.Error{Number: 208, Severity: 16}, raise.EndModule, raise.EndModule, false, "a name"},
		{raise.Error{Number: 102, Severity: 15, Bind: true}, raise.EndModule, raise.EndModule, false, "a slip"},
		{raise.Error{Number: 40517, Severity: 16}, raise.EndModule, raise.EndModule, false, "a refusal"},
		{raise.Error{Number: 50000, Severity: 16, Raised: true}, raise.EndStatement, raise.EndStatement, false, "RAISERROR"},
		{raise.Error{Number: 50001, Severity: 16, Thrown: true}, raise.EndBatch, raise.Rollback, false, "THROW"},
		{raise.Error{Number: 50000, Severity: 20, Raised: true}, raise.EndConnection, raise.EndConnection, false, "severity 20"},
		{raise.Error{Number: 5701, Severity: 10}, raise.EndStatement, raise.EndStatement, false, "what informs"},
		{raise.Error{Number: 33104, Severity: 16}, raise.EndStatement, raise.Rollback, true, "a message of the catalogue"},
	} {
		if got := raise.Of(&test.e, false); got != test.off {
			t.Errorf("%s ends the %v, want %v", test.description, got, test.off)
		}
		if got := raise.Of(&test.e, true); got != test.on {
			t.Errorf("%s under XACT_ABORT ends the %v, want %v", test.description, got, test.on)
		}
		if got := raise.Terminates(&test.e); got != test.terminates {
			t.Errorf("%s: 3621 %v, want %v", test.description, got, test.terminates)
		}
	}
}

func TestFrom(t *testing.T) {
	_, syntax := tsql.Parse("SELECT FROM", tsql.Options{})
	for _, test := range []struct {
		err     error
		numbers []int
	}{
		{nil, nil},
		{sqltype.NewError(8134), []int{8134}},
		{msg.New(229, "SELECT", "o", "d", "s"), []int{229}},
		{msg.List{msg.New(297), msg.New(262, "x", "y")}, []int{297, 262}},
		{syntax, []int{156}},
		{raise.New(3902), []int{3902}},
		{errors.New("the path /secret"), []int{3624}},
	} {
		list := raise.From(test.err)
		var got []int
		for _, e := range list {
			got = append(got, e.Number)
			if strings.Contains(e.Text, "secret") {
				t.Errorf("a text from inside: %q", e.Text)
			}
		}
		if len(got) != len(test.numbers) || len(got) > 0 && got[0] != test.numbers[0] {
			t.Errorf("%v: %v, want %v", test.err, got, test.numbers)
		}
	}
	if !raise.Unknown(errors.New("x")) || raise.Unknown(raise.New(3902)) {
		t.Error("unknown errors are not told from messages")
	}
}

func values(list ...any) []sqltype.Value {
	var out []sqltype.Value
	for _, x := range list {
		switch x := x.(type) {
		case int:
			out = append(out, sqltype.NewInt(sqltype.Int, int64(x)))
		case int64:
			out = append(out, sqltype.NewInt(sqltype.BigInt, x))
		case string:
			out = append(out, sqltype.NewText(sqltype.NVarChar, x))
		default:
			out = append(out, sqltype.NullValue)
		}
	}
	return out
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		format string
		args   []sqltype.Value
		want   string
		number int
	}{
		{"plain", nil, "plain", 0},
		{"100%% sure", nil, "100% sure", 0},
		{"%s and %s", values("a", "b"), "a and b", 0},
		{"%s", nil, "(null)", 0},
		{"%d|%i|%5d|%-5d|%05d|%+d|% d", values(1, -2, 3, 4, 5, 6, 7), "1|-2|    3|4    |00005|+6| 7", 0},
		{"%u %o %x %X %#x %#o", values(-1, 8, 255, 255, 255, 8), "4294967295 10 ff FF 0xff 010", 0},
		{"%.3s|%5.1s|%-4s|", values("abcdef", "xyz", "q"), "abc|    x|q   |", 0},
		{"%*d|%.*s", values(4, 7, 2, "abc"), "   7|ab", 0},
		{"%I64d", values(int64(1) << 40), "1099511627776", 0},
		{"%d", values(int64(1) << 40), "", 2786},
		{"%d", values("x"), "", 2786},
		{"%s", values(1), "", 2786},
		{"%d %s", values(nil, nil), "(null) (null)", 0},
		{"%z", nil, "", 2787},
		{"%", nil, "", 2787},
	} {
		got, err := raise.Format(test.format, test.args)
		if got != test.want || (err == nil) != (test.number == 0) || err != nil && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("%q: %q, %v; want %q, %d", test.format, got, err, test.want, test.number)
		}
	}
	long, err := raise.Format("%s", values(strings.Repeat("é", 5000)))
	if r := []rune(long); err != nil || len(r) != 2047 || !strings.HasSuffix(long, "...") {
		t.Errorf("a long message has %d characters, %v", len([]rune(long)), err)
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%d", "%-*.*s|%05i", "%%%I64x", "%.", "%99999999999d"} {
		f.Add(s, int64(7), "text")
	}
	f.Fuzz(func(t *testing.T, format string, n int64, s string) {
		out, err := raise.Format(format, values(int(int32(n)), s, n, nil, 3))
		if err == nil && len([]rune(out)) > 2047 {
			t.Errorf("%d characters", len([]rune(out)))
		}
	})
}
