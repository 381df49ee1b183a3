package code

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxQuery bounds what is searched for; no code or symbol is longer.
const maxQuery = 256

// maxNear is how many near matches are worth reading.
const maxNear = 8

// Find gives what a query means exactly: "3112", "Msg 33049", "LK1401", "0x80A", an event id such as "0xC000080A" (the
// code in its low half), or a symbol in any case, with or without its prefix. A bare number that is in several spaces,
// and a symbol that has an older number, give all; the newer comes first.
func Find(query string) []Entry {
	return find(query, func(t *catalogue, q wanted) []int {
		var hits []int
		for i := range t.entries {
			e := &t.entries[i]
			if q.symbol != "" {
				if slices.Contains(names(e), q.symbol) {
					hits = append(hits, i)
				}
			} else if q.has(e.Code) {
				hits = append(hits, i)
			}
		}
		return hits
	})
}

// Near gives what a query may have meant, likeliest first: exact matches, then numbers one slip away (a digit wrong, left
// out, doubled, or two exchanged) and symbols a few letters away or that contain it. It is empty if nothing is near.
func Near(query string) []Entry {
	if exact := Find(query); len(exact) > 0 {
		return exact
	}
	return find(query, func(t *catalogue, q wanted) []int {
		type hit struct{ index, distance int }
		var hits []hit
		for i := range t.entries {
			if d, ok := q.distance(&t.entries[i]); ok {
				hits = append(hits, hit{i, d})
			}
		}
		// Of equals, what can occur comes before what cannot, and what is met in company before what is met alone: the numbers
		// that people look for are those that come with others.
		slices.SortStableFunc(hits, func(a, b hit) int {
			x, y := &t.entries[a.index], &t.entries[b.index]
			return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(rare(x), rare(y)), -cmp.Compare(len(x.With), len(y.With)))
		})
		var indexes []int
		for _, h := range hits[:min(len(hits), maxNear)] {
			indexes = append(indexes, h.index)
		}
		return indexes
	})
}

// rare is 1 for an entry that Latchkey cannot meet.
func rare(e *Entry) int {
	if e.Never != "" {
		return 1
	}
	return 0
}

func find(query string, search func(*catalogue, wanted) []int) []Entry {
	q, ok := read(query)
	if !ok {
		return nil
	}
	t := table()
	var found []Entry
	for _, i := range search(t, q) {
		found = append(found, t.entries[i].clone())
	}
	// Of two twins the newer, which is the higher, comes first.
	for i := 1; i < len(found); i++ {
		for j := range i {
			if found[j].Twin == found[i].Code && found[j].Code < found[i].Code {
				found[i], found[j] = found[j], found[i]
			}
		}
	}
	return found
}

// wanted is a query taken apart: a number in some spaces, or a symbol.
type wanted struct {
	number int
	digits string
	spaces []Space
	symbol string // folded
}

func (q wanted) has(c Code) bool {
	return c.Number() == q.number && slices.Contains(q.spaces, c.Space())
}

func read(s string) (wanted, bool) {
	s = strings.Trim(s, " \t\r\n\"'`.,;:()[]")
	if s == "" || len(s) > maxQuery {
		return wanted{}, false
	}
	l := strings.ToLower(s)
	q := wanted{spaces: []Space{Provider, SQL, Latchkey}}
	for _, p := range []struct {
		prefix string
		space  Space
	}{
		{"provider error code", Provider},
		{"provider code", Provider},
		{"provider", Provider},
		{"message", SQL},
		{"msg", SQL},
		{"lk", Latchkey},
		{"error code", 0},
		{"error", 0},
		{"err", 0},
		{"code", 0},
	} {
		rest, ok := strings.CutPrefix(l, p.prefix)
		if !ok {
			continue
		}
		rest = strings.TrimLeft(rest, " :#-")
		if rest == "" || rest[0] < '0' || rest[0] > '9' {
			continue
		}
		if p.space != 0 {
			q.spaces = []Space{p.space}
		}
		l = rest
		break
	}
	if h, ok := strings.CutPrefix(l, "0x"); ok {
		n, err := strconv.ParseUint(h, 16, 32)
		if err != nil {
			return wanted{}, false
		}
		// The low half of an event id is a code, if it is in the range that providers may use: 0xC0000005 is not code 5.
		if low := n & 0xFFFF; n > 0xFFFF && low > 2048 {
			n = low
		}
		if n >= 1<<spaceShift {
			return wanted{}, false
		}
		q.number, q.digits = int(n), strconv.FormatUint(n, 10)
		return q, true
	}
	if n, err := strconv.ParseUint(l, 10, spaceShift); err == nil {
		q.number, q.digits = int(n), strings.TrimLeft(l, "0")
		return q, true
	}
	if digit(l) {
		// Digits with a slip in between, such as "33o49".
		q.number, q.digits = -1, l
		return q, true
	}
	q.symbol = fold(s)
	return q, q.symbol != ""
}

// digit says whether s is mostly digits.
func digit(s string) bool {
	n := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n > 0 && n*2 > len(s)
}

// fold makes symbols comparable: lower case, only letters and digits, without the published prefixes.
func fold(s string) string {
	s = strings.ToLower(s)
	s = strings.TrimPrefix(s, "code.")
	s = strings.TrimPrefix(s, "scp_err_")
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if t := strings.TrimPrefix(s, "error"); t != "" {
		s = t
	}
	return s
}

func names(e *Entry) []string {
	n := []string{fold(e.Symbol)}
	for _, a := range e.Also {
		n = append(n, fold(a))
	}
	return n
}

func (q wanted) distance(e *Entry) (int, bool) {
	if q.symbol == "" {
		if !slices.Contains(q.spaces, e.Code.Space()) {
			return 0, false
		}
		d := edits(q.digits, strconv.Itoa(e.Code.Number()), 1)
		return d, d <= 1 && len(q.digits) > 1
	}
	limit := min(1+len(q.symbol)/6, 5)
	best, ok := 0, false
	for _, n := range names(e) {
		d := edits(q.symbol, n, limit)
		if d > limit && len(q.symbol) >= 4 && strings.Contains(n, q.symbol) {
			d = limit + len(n) - len(q.symbol)
		} else if d > limit {
			continue
		}
		if !ok || d < best {
			best, ok = d, true
		}
	}
	return best, ok
}

// edits is the number of letters to change, add, leave out or exchange with their neighbour to make b of a (optimal string
// alignment), or limit+1 if it is more than limit.
func edits(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}
