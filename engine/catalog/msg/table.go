package msg

import (
	"bufio"
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"latchkey/ekm/code"
)

//go:embed data/*.txt
var files embed.FS

// table is the messages of data/*.txt; built at the first use, never changed. A test holds that it parses.
var table = sync.OnceValues(func() (map[int]code.Entry, error) { return load() })

func load() (map[int]code.Entry, error) {
	out := make(map[int]code.Entry)
	list, err := files.ReadDir("data")
	if err != nil {
		return out, fmt.Errorf("listing the messages: %w", err)
	}
	for _, f := range list {
		if f.Name() == "README.txt" {
			continue
		}
		text, err := files.ReadFile("data/" + f.Name())
		if err != nil {
			return out, fmt.Errorf("reading the messages: %w", err)
		}
		lines := bufio.NewScanner(strings.NewReader(string(text)))
		for n := 1; lines.Scan(); n++ {
			l := lines.Text()
			if l == "" || l[0] == '#' {
				continue
			}
			e, err := parse(l)
			if err != nil {
				return out, fmt.Errorf("%s, line %d: %w", f.Name(), n, err)
			}
			if _, twice := out[e.Code.Number()]; twice {
				return out, fmt.Errorf("%s, line %d: message %d is there twice", f.Name(), n, e.Code.Number())
			}
			out[e.Code.Number()] = e
		}
	}
	return out, nil
}

func parse(line string) (code.Entry, error) {
	f := strings.SplitN(line, " ", 4)
	if len(f) != 4 || f[3] == "" {
		return code.Entry{}, fmt.Errorf("want NUMBER SEVERITY STATE TEXT, got %q", line)
	}
	level, log := strings.CutSuffix(f[1], "log")
	var n [3]int
	for i, s := range []string{f[0], level, f[2]} {
		v, err := strconv.Atoi(s)
		if err != nil {
			return code.Entry{}, fmt.Errorf("%q is not a number", s)
		}
		n[i] = v
	}
	return code.Entry{Code: code.Msg(n[0]), Severity: n[1], State: n[2], Text: f[3], Log: log}, nil
}

func find(number int) (code.Entry, bool) {
	own, _ := table()
	if e, ok := own[number]; ok {
		return e, true
	}
	e, ok := code.Lookup(code.Msg(number))
	return e, ok && e.Text != ""
}

// All lists the messages with their texts by number, without repetition.
func All() []code.Entry {
	own, _ := table()
	all := slices.Collect(maps.Values(own))
	for _, e := range code.All() {
		if _, ours := own[e.Code.Number()]; e.Code.Space() == code.SQL && e.Text != "" && !ours {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b code.Entry) int { return cmp.Compare(a.Code, b.Code) })
	return all
}
