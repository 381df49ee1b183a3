// Package explain answers "what does this error mean" from the catalogue of package ekm/code: what happened, likely
// causes, what to do, whether repeating or waiting helps. `latchkey explain` is a few lines over it, and any other front
// (the dashboard, a log viewer) can use it the same way.
//
//	a, err := explain.Explain("33049", "2058")
//	a.Text(os.Stdout) // or a.JSON
//	if err != nil { ... } // *explain.UnknownError: something was not found; a holds the rest
//
// A query is a number in any form that users meet ("2058", "Msg 33049", "LK1401", "0xC000080A"), a symbol, or a whole
// message as it was copied from a screen. A number that means several things, such as 3013, gives all of them. A message
// of SQL Server together with a provider's code is explained as a pair first.
//
// It reads nothing but the catalogue: no network, no files. Queries are echoed only when they are unknown, quoted.
package explain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"latchkey/ekm/code"
)

// Answer is what was found, in the order of the queries.
type Answer struct {
	Pairs   []code.Pair // messages and provider codes that the queries named together
	Entries []code.Entry
}

// UnknownError says that the catalogue has nothing for a query.
type UnknownError struct {
	Query string
	Near  []code.Entry // what it may have meant, likeliest first; may be empty
}

// Error names the query and what is near to it.
func (e *UnknownError) Error() string {
	q := e.Query
	if r := []rune(q); len(r) > 60 {
		q = string(r[:60]) + "..."
	}
	if len(e.Near) == 0 {
		return fmt.Sprintf("no code %q in the catalogue", q)
	}
	near := make([]string, len(e.Near))
	for i, n := range e.Near {
		near[i] = n.Code.String() + " " + n.Symbol
	}
	return fmt.Sprintf("no code %q in the catalogue; near it are %s", q, strings.Join(near, ", "))
}

// Hint is what a person can do about it.
func (e *UnknownError) Hint() string {
	if len(e.Near) == 0 {
		return `give a number ("2058", "Msg 33049", "LK1401") or a symbol; docs/codes.md lists them all`
	}
	return "latchkey explain " + e.Near[0].Code.String()
}

// Explain looks the queries up. The answer holds what was found even when the error, one *UnknownError or several joined
// by a type with Unwrap() []error, is not nil.
func Explain(queries ...string) (*Answer, error) {
	a := &Answer{}
	var unknown []error
	var groups [][]code.Entry
	for _, q := range words(queries) {
		found := code.Find(q)
		if len(found) == 0 {
			unknown = append(unknown, &UnknownError{Query: q, Near: code.Near(q)})
			continue
		}
		groups = append(groups, found)
		for _, e := range found {
			if !slices.ContainsFunc(a.Entries, func(o code.Entry) bool { return o.Code == e.Code }) {
				a.Entries = append(a.Entries, e)
			}
		}
	}
	a.Pairs = pairs(groups)
	switch len(unknown) {
	case 0:
		return a, nil
	case 1:
		return a, unknown[0]
	}
	return a, manyUnknown(unknown)
}

type manyUnknown []error

func (m manyUnknown) Error() string {
	s := make([]string, len(m))
	for i, e := range m {
		s[i] = e.Error()
	}
	return strings.Join(s, "; ")
}

func (m manyUnknown) Unwrap() []error { return m }

var (
	inMessage  = regexp.MustCompile(`(?i)\b(?:msg|message|error)[ :]+([0-9]{1,7})\b`)
	inProvider = regexp.MustCompile(`(?i)\bprovider error code: *([0-9]{1,7})\b`)
)

// words takes codes out of copied messages, and joins "Msg" with the number that the shell parted from it.
func words(queries []string) []string {
	var out []string
	for i := 0; i < len(queries); i++ {
		q := strings.TrimSpace(queries[i])
		switch strings.ToLower(strings.TrimRight(q, ":")) {
		case "msg", "message", "error", "code", "lk":
			if i+1 < len(queries) {
				i++
				q += " " + queries[i]
			}
		}
		found := false
		if len(strings.Fields(q)) > 2 {
			for _, m := range inMessage.FindAllStringSubmatch(q, -1) {
				out, found = append(out, "Msg "+m[1]), true
			}
			for _, m := range inProvider.FindAllStringSubmatch(q, -1) {
				out, found = append(out, "provider "+m[1]), true
			}
		}
		if !found {
			out = append(out, q)
		}
	}
	return out
}

// pairs finds a message in one group and a provider code in another that belong together.
func pairs(groups [][]code.Entry) []code.Pair {
	var out []code.Pair
	for i, g := range groups {
		for j, h := range groups {
			if i == j {
				continue
			}
			for _, m := range g {
				for _, p := range h {
					if q, ok := pair(m, p); ok && !slices.Contains(out, q) {
						out = append(out, q)
					}
				}
			}
		}
	}
	return out
}

func pair(m, p code.Entry) (code.Pair, bool) {
	if m.Code.Space() != code.SQL || p.Code.Space() != code.Provider {
		return code.Pair{}, false
	}
	if q, ok := code.Together(m.Code, p.Code); ok {
		return q, true
	}
	// Not in the table: a message with a provider's code in its text says which step failed, the code says why.
	if !slices.Contains(m.With, p.Code) && !strings.Contains(m.Text, "Provider error code") {
		return code.Pair{}, false
	}
	return code.Pair{Message: m.Code, Provider: p.Code, Meaning: m.Meaning + " Here the reason is code " + p.Code.String() + ": " + p.Meaning, Remedy: p.Remedy}, true
}
