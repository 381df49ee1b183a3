package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"latchkey/ekm/code"
)

// usageError is a wrong call: exit code 2.
type usageError struct{ msg, hint string }

func (e *usageError) Error() string { return e.msg }

// Hint says what to do.
func (e *usageError) Hint() string { return e.hint }

func usagef(format string, args ...any) error { return &usageError{msg: fmt.Sprintf(format, args...)} }

// hinted adds advice to an error.
type hinted struct {
	error
	hint string
}

// Hint says what to do.
func (e *hinted) Hint() string { return e.hint }

// Unwrap gives the error itself.
func (e *hinted) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// quiet is a failure whose story was told already: only the exit code is left.
type quiet struct{ error }

// report prints an error and what a person can do about it: the error's own hint, else the catalogue's remedy.
func report(w io.Writer, err error) {
	if _, ok := errors.AsType[*quiet](err); ok {
		return
	}
	fmt.Fprintf(w, "latchkey: error: %s\n", oneLine(err.Error()))
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok && h.Hint() != "" {
		fmt.Fprintf(w, "latchkey: hint: %s\n", h.Hint())
		return
	}
	if c := code.Of(err); c != 0 {
		if e, ok := code.Lookup(c); ok && e.Remedy != "" {
			fmt.Fprintf(w, "latchkey: hint: %s (latchkey explain %s)\n", strings.TrimSuffix(e.Remedy, "."), strings.TrimPrefix(c.String(), "Msg "))
		}
	}
}

// oneLine keeps an error on one line and free of control characters: parts of it may come from a server.
func oneLine(s string) string {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, f := range fields {
		fields[i] = strings.TrimSpace(f)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.Join(fields, " | "))
}

// unknown names the nearest command.
func unknown(cmds []*command, prefix, word string) error {
	best, distance := "", 3
	for _, c := range cmds {
		if d := editDistance(word, c.name); d < distance || strings.HasPrefix(c.name, word) && best == "" {
			best, distance = c.name, d
		}
	}
	e := &usageError{msg: fmt.Sprintf("unknown command %q", join(prefix, word))}
	if best != "" {
		e.hint = fmt.Sprintf("did you mean latchkey %s?", join(prefix, best))
	} else {
		e.hint = fmt.Sprintf("latchkey %s lists the commands", join(prefix, "help"))
	}
	return e
}

// editDistance counts insertions, deletions and replacements (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
