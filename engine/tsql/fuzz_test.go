package tsql_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/format"
	"latchkey/engine/tsql/token"
)

// Lexing anything neither panics nor loses text: tokens are in order, inside the source, and end with EOF or Bad.
func FuzzLex(f *testing.F) {
	for _, src := range corpus(f) {
		f.Add(src)
	}
	for _, r := range negative(f) {
		f.Add(r.batch)
	}
	f.Fuzz(func(t *testing.T, src string) {
		s := token.Lex(src, token.Limits{})
		last := s.Tokens[len(s.Tokens)-1]
		if (s.Err == nil) != (last.Kind == token.EOF) {
			t.Fatalf("error %v, last token %v", s.Err, last)
		}
		end := uint32(0)
		for _, tok := range s.Tokens {
			if tok.Off < end || tok.End < tok.Off || int(tok.End) > len(s.Src) {
				t.Fatalf("token %+v after offset %d of %d", tok, end, len(src))
			}
			if tok.Pos().Line < 1 || tok.Pos().Col < 1 {
				t.Fatalf("token %+v", tok)
			}
			if tok.Kind != token.EOF && tok.Kind != token.Bad {
				_ = tok.Value(s.Src)
			}
			end = tok.End
		}
	})
}

// Parsing anything neither panics nor takes long, and what parses survives the way through the printer.
func FuzzParse(f *testing.F) {
	for _, src := range corpus(f) {
		f.Add(src, true)
	}
	for _, r := range negative(f) {
		f.Add(r.batch, false)
	}
	f.Fuzz(func(t *testing.T, src string, quoted bool) {
		if len(src) > 1<<16 {
			return
		}
		o := tsql.Options{QuotedIdentifier: quoted}
		b, err := tsql.Parse(src, o)
		if err != nil {
			var e *tsql.SyntaxError
			if e = err.(*tsql.SyntaxError); e.Line < 1 || e.Number == 0 || e.Message == "" {
				t.Fatalf("incomplete error %+v", e)
			}
			return
		}
		if b == nil {
			t.Fatal("neither tree nor error")
		}
		roundTrip(t, src, o)
	})
}

// Time grows with the size of a batch, not with its square: eight times the text may take at most 40 times as long, where a
// quadratic step would take 64 times. Time is the processor's, where it can be had: the machine is shared. Small sizes are repeated.
func TestTimeIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	n := 500
	if os.Getenv("LATCHKEY_LONG") == "1" {
		n = 8_000
	}
	for name, unit := range map[string]string{
		"items":      "a, ",
		"statements": "SELECT a FROM t WHERE b = 1 ",
		"strings":    "'it''s', ",
		"comments":   "/* /* */ */ -- x\n",
		"open":       "(",
		"nested":     "((SELECT ",
		"brackets":   "[a]]b], ",
		"names":      "a.b.c.d, ",
		"conditions": "a = 1 AND ",
		"values":     "(1, 'a'), ",
		"lines":      "\n",
		"begin":      "BEGIN ",
		"case":       "CASE WHEN ",
		"hints":      "NOLOCK ",
		"ifs":        "IF 1 = 1 ",
		"options":    "A = 1, ",
		"labels":     "a: ",
		"words":      "GRANT a ON b TO c ",
		"names two":  "ALTER SCHEMA a TRANSFER b ",
		"quotes":     "N'x",
		"dots":       "a..",
		"unions":     "SELECT 1 UNION ",
		"joins":      "a JOIN ",
	} {
		for _, prefix := range []string{"", "SELECT ", "SELECT 1 WHERE ", "INSERT t VALUES ", "SELECT * FROM t WITH (", "CREATE EVENT SESSION ", "BACKUP DATABASE d TO DISK = 'x' WITH "} {
			var small, large time.Duration
			ok := false
			for range 4 { // a busy machine may disturb one measurement, not all
				small = best(prefix + strings.Repeat(unit, n))
				large = best(prefix + strings.Repeat(unit, 8*n))
				if ok = large <= 40*small || large < 50*time.Millisecond; ok {
					break
				}
			}
			if !ok {
				t.Errorf("%s after %q: %v for %d, %v for %d", name, prefix, small, n, large, 8*n)
			}
		}
	}
}

// best is the shortest of three parses, with printing if it parses.
func best(src string) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	shortest := time.Hour
	for range 3 {
		start := spent()
		if b, err := tsql.Parse(src, on); err == nil {
			_ = format.Batch(b, format.Options{})
		}
		shortest = min(shortest, spent()-start)
	}
	return shortest
}
