package code

import (
	"bufio"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The catalogue's texts are data, not Go: they are longer than a package should be, they are edited by people who know
// SQL Server rather than Go, and a diff of them reads like prose. data/README.txt describes the form. A test parses them
// all; since they are part of the program, what the test has seen is what runs.
//
//go:embed data/*.txt
var files embed.FS

// catalogue is everything, in order; it is built at the first use and never changed.
type catalogue struct {
	entries []Entry // by code, hence by space and number
	pairs   []Pair  // by message, then provider code
}

var table = sync.OnceValue(func() *catalogue {
	t, _ := load() // a test holds that there is no error
	return t
})

func load() (*catalogue, error) {
	t := &catalogue{entries: catalogueLatchkey()}
	var errs []error
	names, err := files.ReadDir("data")
	if err != nil {
		return t, fmt.Errorf("listing the catalogue: %w", err)
	}
	for _, f := range names {
		space := Provider
		switch {
		case f.Name() == "README.txt":
			continue
		case strings.HasPrefix(f.Name(), "sql"):
			space = SQL
		}
		text, err := files.ReadFile(path.Join("data", f.Name()))
		if err != nil {
			return t, fmt.Errorf("reading the catalogue: %w", err)
		}
		if err := t.parse(space, string(text)); err != nil {
			errs = append(errs, fmt.Errorf("catalogue file %q: %w", f.Name(), err))
		}
	}
	t.link()
	return t, errors.Join(errs...)
}

// record is one block of a data file.
type record struct {
	line  int
	head  string
	names []string
	texts []string
}

func (t *catalogue) parse(space Space, text string) error {
	records, err := split(text)
	if err != nil {
		return err
	}
	for _, r := range records {
		a, b, _ := strings.Cut(r.head, " ")
		number, err := strconv.Atoi(a)
		if err != nil {
			return fmt.Errorf("line %d: %q is not a number", r.line, a)
		}
		if second, err := strconv.Atoi(b); err == nil {
			p := Pair{Message: Msg(number), Provider: In(Provider, second)}
			for i, name := range r.names {
				switch name {
				case "is":
					p.Meaning = r.texts[i]
				case "do":
					p.Remedy = r.texts[i]
				default:
					return fmt.Errorf("line %d: a pair has no field %q", r.line, name)
				}
			}
			t.pairs = append(t.pairs, p)
			continue
		}
		e, err := t.entry(In(space, number), b, r)
		if err != nil {
			return fmt.Errorf("line %d: %d: %w", r.line, number, err)
		}
		t.entries = append(t.entries, e)
	}
	return nil
}

// split cuts a file into blocks. A line that begins with a blank continues the one before.
func split(text string) ([]record, error) {
	var records []record
	in := false
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		l := lines.Text()
		switch {
		case strings.HasPrefix(l, "#"):
		case strings.TrimSpace(l) == "":
			in = false
		case !in:
			in = true
			records = append(records, record{line: n, head: l})
		case l[0] == ' ':
			r := &records[len(records)-1]
			if len(r.texts) == 0 {
				return nil, fmt.Errorf("line %d: nothing to continue", n)
			}
			r.texts[len(r.texts)-1] += " " + strings.TrimSpace(l)
		default:
			name, value, _ := strings.Cut(l, " ")
			r := &records[len(records)-1]
			r.names, r.texts = append(r.names, name), append(r.texts, value)
		}
	}
	return records, lines.Err()
}

func (t *catalogue) entry(c Code, symbol string, r record) (Entry, error) {
	e := Entry{Code: c, Symbol: symbol}
	if c.Space() == SQL {
		e.Severity, e.State = 16, 1
	}
	var like Code
	for i, name := range r.names {
		v := r.texts[i]
		switch name {
		case "also":
			e.Also = strings.Fields(v)
		case "is":
			e.Meaning = v
		case "cause":
			e.Causes = append(e.Causes, v)
		case "do":
			e.Remedy = v
		case "never":
			e.Never = v
		case "text":
			e.Text = v
		case "flags":
			for f := range strings.FieldsSeq(v) {
				switch f {
				case "retry":
					e.Retry = true
				case "heals":
					e.Heals = true
				case "log":
					e.Log = true
				default:
					return e, fmt.Errorf("unknown flag %q", f)
				}
			}
		case "twin", "like", "with", "severity", "state":
			for f := range strings.FieldsSeq(v) {
				n, err := strconv.Atoi(f)
				if err != nil {
					return e, fmt.Errorf("%s %q is not a number", name, f)
				}
				switch name {
				case "twin":
					e.Twin = In(c.Space(), n)
				case "like":
					like = In(c.Space(), n)
				case "with":
					e.With = append(e.With, In(Provider, n))
				case "severity":
					e.Severity = n
				case "state":
					e.State = n
				}
			}
		default:
			return e, fmt.Errorf("unknown field %q", name)
		}
	}
	if like != 0 {
		i := slices.IndexFunc(t.entries, func(o Entry) bool { return o.Code == like })
		if i < 0 {
			return e, fmt.Errorf("like %d: it must come before", like.Number())
		}
		e.fill(&t.entries[i])
	}
	return e, nil
}

// fill takes from o what e does not say itself.
func (e *Entry) fill(o *Entry) {
	e.Meaning = cmp.Or(e.Meaning, o.Meaning)
	e.Remedy = cmp.Or(e.Remedy, o.Remedy)
	e.Never = cmp.Or(e.Never, o.Never)
	if e.Causes == nil {
		e.Causes = o.Causes
	}
	e.Retry, e.Heals = e.Retry || o.Retry, e.Heals || o.Heals
}

// link sorts, makes twins mutual, and gives provider codes the messages that name them.
func (t *catalogue) link() {
	slices.SortStableFunc(t.entries, func(a, b Entry) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortStableFunc(t.pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Provider, b.Provider))
	})
	for _, p := range t.pairs {
		if e := t.find(p.Message); e != nil && !slices.Contains(e.With, p.Provider) {
			e.With = append(e.With, p.Provider)
		}
	}
	for i := range t.entries {
		e := &t.entries[i]
		if o := t.find(e.Twin); o != nil {
			o.Twin = e.Code
		}
		if e.Code.Space() != SQL {
			continue
		}
		slices.Sort(e.With)
		for _, c := range e.With {
			if o := t.find(c); o != nil {
				o.With = append(o.With, e.Code)
			}
		}
	}
}

func (t *catalogue) find(c Code) *Entry {
	i, ok := slices.BinarySearchFunc(t.entries, c, func(e Entry, c Code) int { return cmp.Compare(e.Code, c) })
	if !ok {
		return nil
	}
	return &t.entries[i]
}

// Lookup finds the entry of a code. The entry is the caller's own copy.
func Lookup(c Code) (Entry, bool) {
	e := table().find(c)
	if e == nil {
		return Entry{}, false
	}
	return e.clone(), true
}

// All lists the catalogue by space and number.
func All() []Entry {
	t := table()
	all := make([]Entry, len(t.entries))
	for i := range t.entries {
		all[i] = t.entries[i].clone()
	}
	return all
}

// Pairs lists the known pairs by message and provider code.
func Pairs() []Pair { return slices.Clone(table().pairs) }

// Together finds what a message and a provider code say together, given in either order.
func Together(a, b Code) (Pair, bool) {
	if a.Space() == Provider {
		a, b = b, a
	}
	for _, p := range table().pairs {
		if p.Message == a && p.Provider == b {
			return p, true
		}
	}
	return Pair{}, false
}
