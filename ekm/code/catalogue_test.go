package code_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"latchkey/ekm/code"
)

// editions gives the published tables: by edition, number to symbol.
func editions(t *testing.T) map[string]map[int]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "editions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[int]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "#" {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatalf("editions.txt: %q: %v", line, err)
		}
		if out[f[0]] == nil {
			out[f[0]] = map[int]string{}
		}
		out[f[0]][n] = f[2]
	}
	return out
}

func TestCatalogueLoads(t *testing.T) {
	if _, _, err := code.Load(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPublishedCodeIsThere(t *testing.T) {
	want := map[string]int{"2017-04": 35, "2020-10": 143, "2024-11": 146}
	all := map[int]bool{}
	for edition, codes := range editions(t) {
		if len(codes) != want[edition] {
			t.Errorf("edition %s has %d codes, want %d: testdata was changed", edition, len(codes), want[edition])
		}
		for n, symbol := range codes {
			all[n] = true
			e, ok := code.Lookup(code.In(code.Provider, n))
			switch {
			case !ok:
				t.Errorf("%d %s of edition %s is not in the catalogue", n, symbol, edition)
			case e.Symbol != symbol:
				t.Errorf("%d has the symbol %q; edition %s has %q", n, e.Symbol, edition, symbol)
			}
		}
	}
	for _, e := range code.All() {
		if e.Code.Space() == code.Provider && !all[e.Code.Number()] && e.Code.Number() <= 5000 {
			t.Errorf("%v is in no edition of the published table", e.Code)
		}
	}
}

func TestEntriesAreComplete(t *testing.T) {
	symbol := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
	for _, e := range code.All() {
		name := e.Code.String() + " " + e.Symbol
		if !symbol.MatchString(e.Symbol) {
			t.Errorf("%s: the symbol is not one word", name)
		}
		if !strings.HasSuffix(e.Meaning, ".") || strings.HasPrefix(e.Meaning, " ") {
			t.Errorf("%s: the meaning is no sentence: %q", name, e.Meaning)
		}
		if len(e.Causes) == 0 {
			t.Errorf("%s: no cause", name)
		}
		for _, c := range e.Causes {
			if c == "" || strings.HasSuffix(c, ".") {
				t.Errorf("%s: cause %q is empty or ends in a full stop", name, c)
			}
		}
		if len(e.Remedy) < 8 {
			t.Errorf("%s: the remedy is %q", name, e.Remedy)
		}
		for _, s := range append([]string{e.Meaning, e.Remedy, e.Never, e.Text}, e.Causes...) {
			if strings.Count(s, "`")%2 != 0 {
				t.Errorf("%s: odd backquotes in %q", name, s)
			}
			if strings.ContainsAny(s, "\n\t") || strings.TrimSpace(s) != s {
				t.Errorf("%s: line break or outer blank in %q", name, s)
			}
		}
		if e.Code.Space() == code.SQL {
			if e.Severity < 10 || e.Severity > 24 || e.State < 1 {
				t.Errorf("%s: severity %d, state %d", name, e.Severity, e.State)
			}
		} else if e.Severity != 0 || e.State != 0 || e.Text != "" || e.Log {
			t.Errorf("%s: carries what only messages of SQL Server have", name)
		}
		for _, c := range e.With {
			o, ok := code.Lookup(c)
			if !ok {
				t.Errorf("%s: comes with %v, which is not in the catalogue", name, c)
			} else if o.Code.Space() == e.Code.Space() {
				t.Errorf("%s: comes with %v of its own space", name, c)
			}
		}
	}
}

func TestNumbersAndSymbolsAreUnique(t *testing.T) {
	codes, symbols := map[code.Code]bool{}, map[string]code.Entry{}
	for _, e := range code.All() {
		if codes[e.Code] {
			t.Errorf("%v is there twice", e.Code)
		}
		codes[e.Code] = true
		if o, ok := symbols[strings.ToLower(e.Symbol)]; ok && o.Twin != e.Code {
			t.Errorf("%v and %v share the symbol %s and are not twins", o.Code, e.Code, e.Symbol)
		}
		symbols[strings.ToLower(e.Symbol)] = e
	}
}

func TestTwinsAreMutualAndShareTheirSymbol(t *testing.T) {
	newest := editions(t)["2024-11"]
	numbers := map[string][]int{}
	for n, s := range newest {
		numbers[s] = append(numbers[s], n)
	}
	twins := 0
	for _, e := range code.All() {
		if e.Code.Space() == code.Provider && len(numbers[e.Symbol]) == 2 && e.Twin == 0 {
			t.Errorf("%v shares its symbol and has no twin", e.Code)
		}
		if e.Twin == 0 {
			continue
		}
		twins++
		o, ok := code.Lookup(e.Twin)
		if !ok || o.Twin != e.Code {
			t.Errorf("the twin of %v is %v, whose twin is %v", e.Code, e.Twin, o.Twin)
		}
		if o.Symbol != e.Symbol || o.Meaning != e.Meaning {
			t.Errorf("%v and its twin %v differ in symbol or meaning", e.Code, o.Code)
		}
		if older := min(e.Code, o.Code); older == e.Code && e.Never == "" {
			t.Errorf("%v is an older number and may occur", e.Code)
		}
	}
	if twins != 40 {
		t.Errorf("%d codes have a twin, want 40", twins)
	}
}

func TestWhatCannotOccur(t *testing.T) {
	for _, e := range code.All() {
		if e.Code.Space() == code.Provider && strings.Contains(e.Symbol, "OutOfMemory") && e.Never == "" {
			t.Errorf("%v %s may occur", e.Code, e.Symbol)
		}
	}
	// Families that the connector reports from real faults.
	for _, r := range [][2]int{
		{0, 7},
		{2049, 2050},
		{2057, 2058},
		{3101, 3113},
		{3117, 3117},
		{3119, 3119},
		{3128, 3128},
		{3201, 3203},
		{3206, 3207},
		{3303, 3308},
		{3403, 3412},
		{3503, 3506},
		{3605, 3609},
		{3705, 3709},
		{3800, 3800},
		{3809, 3819},
		{3900, 3900},
		{5001, 5007}, // our own
	} {
		for n := r[0]; n <= r[1]; n++ {
			e, ok := code.Lookup(code.In(code.Provider, n))
			if !ok || e.Never != "" {
				t.Errorf("%d is missing (%v) or cannot occur: %q", n, !ok, e.Never)
			}
		}
	}
}

func TestPairs(t *testing.T) {
	for _, p := range code.Pairs() {
		m, ok := code.Lookup(p.Message)
		c, ok2 := code.Lookup(p.Provider)
		if !ok || !ok2 || m.Code.Space() != code.SQL || c.Code.Space() != code.Provider {
			t.Errorf("pair %v and %v: not both in the catalogue", p.Message, p.Provider)
		}
		if p.Meaning == "" || p.Remedy == "" {
			t.Errorf("pair %v and %v is incomplete", p.Message, p.Provider)
		}
	}
	a, ok := code.Together(code.Msg(33049), code.FailureInRegistry)
	b, ok2 := code.Together(code.FailureInRegistry, code.Msg(33049))
	if !ok || !ok2 || a != b {
		t.Error("33049 and 2058 are not found in either order")
	}
	if _, ok := code.Together(code.Msg(33102), code.FailureInRegistry); ok {
		t.Error("33102 and 2058 have nothing to do with each other")
	}
}

// TestCommandsExist holds that advice names commands of the contract in full: one that needs a vault says --vault.
func TestCommandsExist(t *testing.T) {
	words := strings.Fields("agent doctor explain key retire rotate setup verify vault up env sql watch entra engine quickstart")
	subs := strings.Fields("create import list show versions update rotate policy backup restore delete recover purge deleted relocate")
	command := regexp.MustCompile("`latchkey ([a-z]+)(?: ([a-z]+))?([^`]*)`")
	check := func(where, text string) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(words, m[1]) {
				t.Errorf("%s: there is no command %q", where, m[0])
			}
			if m[1] == "key" && (!slices.Contains(subs, m[2]) || !strings.Contains(m[3], "--vault URL") && !strings.Contains(m[3], "--to VAULT")) {
				t.Errorf("%s: %s is no whole command", where, m[0])
			}
		}
	}
	for _, e := range code.All() {
		if e.Code.Space() != code.Latchkey {
			check(e.Code.String(), e.Remedy)
		}
	}
	for _, p := range code.Pairs() {
		check(p.Message.String()+" with "+p.Provider.String(), p.Remedy)
	}
}

func TestLookupCopies(t *testing.T) {
	e, _ := code.Lookup(code.HTTPResourceNotFound)
	e.Causes[0], e.With[0] = "changed", 0
	again, _ := code.Lookup(code.HTTPResourceNotFound)
	if again.Causes[0] == "changed" || again.With[0] == 0 {
		t.Error("a caller can change the catalogue")
	}
}

var constName = []struct{ old, new string }{
	{"Http", "HTTP"},
	{"Url", "URL"},
	{"Uri", "URI"},
	{"Json", "JSON"},
	{"Pfx", "PFX"},
	{"KeyId", "KeyID"},
	{"TenantId", "TenantID"},
}

// TestConstantsFollowTheSymbols holds that each published number has one constant and that its name can be guessed.
func TestConstantsFollowTheSymbols(t *testing.T) {
	special := map[int]string{401: "AcquireToken", 404: "GetKeyByName", 3000: "AKVSuccess", 3001: "AKVUnknown"}
	found := map[int]string{}
	for _, file := range []string{"provider.go", "http.go", "old.go", "auth.go", "keys.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			n2, err := strconv.Atoi(v.Values[0].(*ast.BinaryExpr).Y.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[n2] = v.Names[0].Name
			return false
		})
	}
	for n, symbol := range editions(t)["2024-11"] {
		want := special[n]
		if want == "" {
			want = strings.TrimPrefix(strings.TrimPrefix(symbol, "scp_err_"), "Error")
			for _, r := range constName {
				want = strings.ReplaceAll(want, r.old, r.new)
			}
			if n > 3001 && n < 3100 {
				want = "Old" + want
			}
		}
		if found[n] != want {
			t.Errorf("%d %s has the constant %q, want %q", n, symbol, found[n], want)
		}
		delete(found, n)
	}
	for n, name := range found {
		t.Errorf("constant %s is %d, which was never published", name, n)
	}
}

func BenchmarkLookup(b *testing.B) {
	for b.Loop() {
		if _, ok := code.Lookup(code.HTTPResourceNotFound); !ok {
			b.Fatal("not found")
		}
	}
}
