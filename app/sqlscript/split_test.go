package sqlscript_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/app/sqlscript"
)

func TestSplit(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []sqlscript.Batch
	}{
		"none":                  {"", nil},
		"one without GO":        {"SELECT 1", []sqlscript.Batch{{"SELECT 1", 1, 1}}},
		"two":                   {"SELECT 1\nGO\nSELECT 2\n", []sqlscript.Batch{{"SELECT 1\n", 1, 1}, {"SELECT 2\n", 3, 1}}},
		"blanks and case":       {"SELECT 1\r\n  go  \r\nSELECT 2\r\nGo", []sqlscript.Batch{{"SELECT 1\r\n", 1, 1}, {"SELECT 2\r\n", 3, 1}}},
		"repeat":                {"SELECT 1\nGO 3 -- thrice\n", []sqlscript.Batch{{"SELECT 1\n", 1, 3}}},
		"empty batches":         {"GO\n\nGO\nSELECT 1\nGO\nGO", []sqlscript.Batch{{"SELECT 1\n", 4, 1}}},
		"goto is no GO":         {"GOTO x\ngo_on\n", []sqlscript.Batch{{"GOTO x\ngo_on\n", 1, 1}}},
		"in a block comment":    {"/* a\nGO\n/* b */\nGO\n*/ SELECT 1\nGO", []sqlscript.Batch{{"/* a\nGO\n/* b */\nGO\n*/ SELECT 1\n", 1, 1}}},
		"in a text":             {"SELECT 'a\nGO\nb''\nGO\n'\nGO", []sqlscript.Batch{{"SELECT 'a\nGO\nb''\nGO\n'\n", 1, 1}}},
		"in brackets":           {"SELECT [a\nGO\nb]]\nGO\n]\nGO", []sqlscript.Batch{{"SELECT [a\nGO\nb]]\nGO\n]\n", 1, 1}}},
		"quote in line comment": {"SELECT 1 -- it's\nGO\nSELECT 2", []sqlscript.Batch{{"SELECT 1 -- it's\n", 1, 1}, {"SELECT 2", 3, 1}}},
		"comment in a text":     {"SELECT '/*'\nGO\nSELECT 2", []sqlscript.Batch{{"SELECT '/*'\n", 1, 1}, {"SELECT 2", 3, 1}}},
		"GO with a semicolon":   {"SELECT 1\nGO;\nSELECT 2", []sqlscript.Batch{{"SELECT 1\n", 1, 1}, {"SELECT 2", 3, 1}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := sqlscript.Split(tt.script)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("batches (-want +got):\n%s", d)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for script, want := range map[string]string{
		"SELECT 1\nGO x\n":        `line 2: GO takes one number, not "x"`,
		"GO 1 2":                  `line 1: GO takes one number, not "1 2"`,
		"GO 99999999":             "line 1: GO 99999999: the number is at most 1000000",
		"GO 99999999999999999999": `line 1: GO takes one number, not "99999999999999999999"`,
	} {
		if _, err := sqlscript.Split(script); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", script, err, want)
		}
	}
}

// FuzzSplit: whatever is split, no text is lost but lines of GO and blanks.
func FuzzSplit(f *testing.F) {
	f.Add("SELECT 1\nGO 2\n/* GO\n*/ 'x\nGO\n'")
	f.Fuzz(func(t *testing.T, script string) {
		batches, err := sqlscript.Split(script)
		if err != nil {
			return
		}
		at := 0
		for _, b := range batches {
			i := strings.Index(script[at:], b.Text)
			if i < 0 {
				t.Fatalf("%q is not in the script behind byte %d", b.Text, at)
			}
			if line := 1 + strings.Count(script[:at+i], "\n"); line > b.Line {
				t.Fatalf("batch of line %d found at line %d", b.Line, line)
			}
			at += i + len(b.Text)
		}
	})
}

func TestFromUTF16(t *testing.T) {
	if got := sqlscript.FromUTF16([]byte{0xff, 0xfe, 'G', 0, 'O', 0, 0xe9, 0}); got != "GOé" {
		t.Errorf("little endian: %q", got)
	}
	if got := sqlscript.FromUTF16([]byte{0xfe, 0xff, 0, 'G', 0, 'O'}); got != "GO" {
		t.Errorf("big endian: %q", got)
	}
}
