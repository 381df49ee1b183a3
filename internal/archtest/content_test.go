package archtest

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// banned is a selector that only the listed places may use. In tests is a separate rule.
type banned struct {
	name    string            // "time.Now"
	inTests bool              // the rule holds for test files; otherwise for all others
	except  map[string]string // package or file to reason
	why     string
}

var bans = []banned{
	{
		name: "time.Now", why: "what decides by time takes a clock.Clock",
		except: map[string]string{
			"internal/clock": "it is the clock",
			"internal/bench": "measures",
			"internal/fsys":  "the modification time of files in memory, which nothing decides by",
		},
	},
	{name: "time.Sleep", why: "waiting goes through clock.Sleep", except: map[string]string{}},
	{
		name: "time.After", why: "waiting goes through clock.Clock.NewTimer",
		except: map[string]string{},
	},
	{name: "time.Tick", why: "waiting goes through clock.Clock.NewTimer", except: map[string]string{}},
	{
		name: "time.Sleep", inTests: true, why: "a test that sleeps is slow or flaky: move a fake clock, or wait for what is awaited",
		except: map[string]string{"shim/shimtest": "freezes and delays real processes, whose clock is the system's"},
	},
	{name: "os.Exit", why: "only main ends the process", except: map[string]string{"cmd/latchkey": "main", "internal/bench": "a program", "internal/gendocs": "a program", "internal/sbom": "a program"}},
	{name: "log.Fatal", why: "only main ends the process", except: map[string]string{}},
	{name: "math/rand.Read", why: "randomness for secrets is crypto/rand", except: map[string]string{}},
	{name: "os.Getenv", why: "the environment is read by the command line alone", except: map[string]string{}},
	{
		name: "os.LookupEnv", why: "the environment is read by the command line alone",
		except: map[string]string{"cmd/latchkey": "main"},
	},
}

func TestBannedCalls(t *testing.T) {
	tr := load(t)
	for _, b := range bans {
		dir, fn := splitName(b.name)
		used := make(map[string]bool)
		for _, f := range tr.files {
			if f.test != b.inTests {
				continue
			}
			local := importName(f.ast, dir)
			if local == "" {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok || s.Sel.Name != fn {
					return true
				}
				if x, ok := s.X.(*ast.Ident); !ok || x.Name != local {
					return true
				}
				for _, where := range []string{f.pkg, f.path} {
					if b.except[where] != "" {
						used[where] = true
						return true
					}
				}
				t.Errorf("%s uses %s: %s", tr.position(s), b.name, b.why)
				return true
			})
		}
		for where := range b.except {
			if !used[where] && exists(tr, where) {
				t.Errorf("%s may use %s but does not: remove the exception", where, b.name)
			}
		}
	}
}

func exists(tr *tree, where string) bool {
	return slices.ContainsFunc(tr.files, func(f *file) bool { return f.pkg == where || f.path == where })
}

func splitName(s string) (dir, name string) {
	i := strings.LastIndexByte(s, '.')
	return s[:i], s[i+1:]
}

// importName is the name under which a file imports a package, "" if it does not.
func importName(f *ast.File, pkg string) string {
	for _, spec := range f.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == pkg {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return pkg[strings.LastIndexByte(pkg, '/')+1:]
		}
	}
	return ""
}

func TestNoInit(t *testing.T) {
	tr := load(t)
	for _, f := range tr.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init functions run behind everybody's back; wire it in app/compose", tr.position(fn))
			}
		}
	}
}

// A TLS check is switched off nowhere but in tests that show that it is on.
func TestNoInsecureTLS(t *testing.T) {
	tr := load(t)
	for _, f := range tr.files {
		if f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "InsecureSkipVerify" {
				t.Errorf("%s: InsecureSkipVerify", tr.position(id))
			}
			return true
		})
	}
}

// exposes lists who may take a secret out of its wrapper, and what for.
var exposes = map[string]string{
	"app/alerts":                 "a webhook's secret and URL on their way into a sink",
	"app/fleet":                  "gives a driver its password, compares a test value",
	"app/admin":                  "hands a new client secret over, the one time that it is shown",
	"app/cli":                    "hands a passphrase to the running server",
	"app/install":                "keys of sealed files; the clients' secrets on their way into one",
	"app/running":                "latchkey env, and the credential of its own key client",
	"doctor":                     "the test value that it wraps and gets back",
	"app/compose":                "puts a credential's secret into the demonstration's statement, writes a first password",
	"engine/server":              "the password of a login, from UTF-16",
	"engine/servicekey":          "writes the service master key",
	"engine/tds/login":           "the password of a login, which the protocol obfuscates",
	"engine/tsql/format/phrase":  "prints a statement that holds a secret, for who asks for it",
	"engine/tde":                 "wraps and unwraps DEKs",
	"engine/tde/pagecipher":      "keys page ciphers",
	"internal/bench":             "the credential of its load",
	"monitor/notify/webhook":     "signs a message",
	"monitor/notify/mail":        "logs in to the mail server",
	"audit":                      "keys the chain's HMAC",
	"vault/seal":                 "derives and wraps keys, seals and opens values, reads and exports keys",
	"azure":                      "sends a token in a header, a client secret to the checked authority, a DEK to wrap",
	"azure/sqlcred":              "splits SECRET, reads certificates, takes secrets out of texts",
	"connector":                  "wraps with the public key",
	"agent":                      "writes an unwrapped key into a response",
	"app/quickstart":             "gives the credential's secret to a script",
	"engine/backup/media":        "gives the key of a sealed backup to its cipher",
	"ops/runbook":                "puts the credential's secret into the statement that is sent",
	"agent/client":               "writes a credential or a key to wrap into a request",
	"vault/backup":               "decodes an unsealed backup",
	"vault/keydb":                "parses an unsealed private key, seals what it is handed",
	"vault/release":              "parses its own unsealed signing key",
	"entra":                      "compares a client secret, writes an arc key file",
	"entra/directory":            "hashes a client secret",
	"engine/catalog/journal":     "takes an opened frame apart",
	"engine/catalog/password":    "hashes the password of a login",
	"engine/catalog/protect":     "seals secrets, derives keys from passwords",
	"engine/catalog/catalogtest": "wraps in a test provider",
	"engine/catalog/key":         "wraps symmetric keys, parses private keys that it opened",
	"engine/keystmt":             "reads a hashed password of a statement",
	"engine/keystmt/keyfunc":     "encrypts and decrypts under open keys, gives decrypted text to the query",
	"engine/keystmt/provider":    "wraps DEKs under a certificate",
	"engine/keystmt/keystmttest": "keeps what a test's provider was opened with",
}

func TestExposeIsListed(t *testing.T) {
	tr := load(t)
	used := make(map[string]bool)
	for _, f := range tr.files {
		if f.test || f.pkg == "internal/secret" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 0 {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Expose" {
				used[f.pkg] = true
				if exposes[f.pkg] == "" {
					t.Errorf("%s exposes a secret: list the package with what for", tr.position(s))
				}
			}
			return true
		})
	}
	for pkg := range exposes {
		if !used[pkg] && exists(tr, pkg) {
			t.Errorf("%s is listed but exposes nothing: remove it", pkg)
		}
	}
}

// mutable lists package-level variables that are changed, as "package.name", with the reason.
var mutable = map[string]string{}

// A package-level variable may be a table, a sentinel error or a compiled pattern. It may not be assigned, stored into, have its
// address taken or its pointer methods called, so that two parts of one process never share state by accident.
func TestNoMutableGlobals(t *testing.T) {
	used := make(map[string]bool)
	for _, c := range check(t) {
		report := func(id *ast.Ident, how string) {
			name := c.path + "." + id.Name
			used[name] = true
			if mutable[name] == "" {
				p := c.fset.Position(id.Pos())
				t.Errorf("%s/%s:%d: package-level variable %s %s", c.path, filepath.Base(p.Filename), p.Line, id.Name, how)
			}
		}
		for _, f := range c.files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					findMutations(c, fn, report)
				}
			}
		}
	}
	for name := range mutable {
		if !used[name] {
			t.Errorf("%s is listed as mutable but nothing changes it", name)
		}
	}
}

func findMutations(c *checked, fn *ast.FuncDecl, report func(*ast.Ident, string)) {
	global := func(e ast.Expr) *ast.Ident {
		id, ok := ast.Unparen(e).(*ast.Ident)
		if !ok {
			return nil
		}
		v, ok := c.info.Uses[id].(*types.Var)
		if !ok || v.Pkg() != c.pkg || v.Parent() != c.pkg.Scope() {
			return nil
		}
		return id
	}
	// root is the variable that an assignable expression stores into.
	var root func(e ast.Expr) *ast.Ident
	root = func(e ast.Expr) *ast.Ident {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return global(x)
		case *ast.IndexExpr:
			return root(x.X)
		case *ast.SelectorExpr:
			return root(x.X)
		case *ast.StarExpr:
			return root(x.X)
		case *ast.SliceExpr:
			return root(x.X)
		}
		return nil
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				return true
			}
			for _, lhs := range n.Lhs {
				if id := root(lhs); id != nil {
					report(id, "is assigned or stored into")
				}
			}
		case *ast.IncDecStmt:
			if id := root(n.X); id != nil {
				report(id, "is counted")
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				if id := root(n.X); id != nil {
					report(id, "has its address taken")
				}
			}
		case *ast.CallExpr:
			if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && len(n.Args) > 0 {
				if b, ok := c.info.Uses[id].(*types.Builtin); ok && slices.Contains([]string{"delete", "clear", "copy"}, b.Name()) {
					if g := root(n.Args[0]); g != nil {
						report(g, "is changed by "+b.Name())
					}
				}
			}
			// A method with a pointer receiver called on a variable that is no pointer: a mutex, a sync.Map, a pool.
			if s, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
				sel := c.info.Selections[s]
				id := root(s.X)
				if sel == nil || id == nil || sel.Kind() != types.MethodVal {
					return true
				}
				recv := sel.Obj().(*types.Func).Signature().Recv()
				_, pointerRecv := recv.Type().(*types.Pointer)
				_, isPointer := sel.Recv().Underlying().(*types.Pointer)
				if pointerRecv && !isPointer {
					report(id, fmt.Sprintf("has %s called, which may change it", sel.Obj().Name()))
				}
			}
		}
		return true
	})
}

// hosts of package registries, assembled here so that this file does not name one. The Go module path hosts are names, not addresses.
var registryHosts = []string{"registry." + "npmjs", "proxy." + "golang", "deb." + "debian", "sum." + "golang", "registry." + "yarnpkg"}

var machinePath = regexp.MustCompile(`/(?:root|home/[a-z]+|work/(?:main|shared|brief|\.library))/`)

// What is committed runs anywhere: it names no registry's host and no path of one machine.
func TestNoMachineSpecifics(t *testing.T) {
	tr := load(t)
	err := filepath.WalkDir(tr.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "node_modules" || name == "dist" || name == ".build" {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 1<<20 || !info.Mode().IsRegular() {
			return nil // gone meanwhile, or test vectors
		}
		content, err := os.ReadFile(path)
		if err != nil || path == filepath.Join(tr.root, "latchkey") {
			return nil
		}
		rel, _ := filepath.Rel(tr.root, path)
		if rel == filepath.Join("internal", "archtest", "content_test.go") {
			return nil
		}
		text := string(content)
		for _, h := range registryHosts {
			if strings.Contains(text, h) {
				t.Errorf("%s names a package registry's host (%s...)", rel, h)
			}
		}
		if m := machinePath.FindString(text); m != "" {
			t.Errorf("%s holds a path of one machine: %s", rel, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var update = flag.Bool("update", false, "write the comments of go.mod instead of comparing them")

var requireLine = regexp.MustCompile(`(?m)^\t(\S+) v\S+(?: // (.*))?$`)

// go.mod says beside each dependency which of our packages need it, or that tests alone do, and says it truly.
func TestDependenciesAreExplained(t *testing.T) {
	tr := load(t)
	gomod, err := os.ReadFile(filepath.Join(tr.root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const tests = "tests"
	users := make(map[string][]string) // import path to packages
	for _, f := range tr.files {
		for _, path := range imports([]*file{f}) {
			if f.test {
				users[path] = append(users[path], tests)
			} else {
				users[path] = append(users[path], f.pkg)
			}
		}
	}
	fixed := requireLine.ReplaceAllStringFunc(string(gomod), func(line string) string {
		m := requireLine.FindStringSubmatch(line)
		if m[2] == "indirect" {
			return line
		}
		var need []string
		for path, by := range users {
			if path == m[1] || strings.HasPrefix(path, m[1]+"/") {
				need = append(need, by...)
			}
		}
		slices.Sort(need)
		need = slices.Compact(need)
		if len(need) > 1 {
			need = slices.DeleteFunc(need, func(u string) bool { return u == tests })
		}
		if len(need) == 0 {
			return line // its package is still to come; go mod tidy removes it otherwise
		}
		want := strings.Join(need, ", ")
		if m[2] != want && !*update {
			t.Errorf("go.mod: %s should say // %s (it says %q); go test ./internal/archtest -update writes it", m[1], want, m[2])
		}
		line, _, _ = strings.Cut(line, " // ")
		return line + " // " + want
	})
	if *update && fixed != string(gomod) {
		if err := os.WriteFile(filepath.Join(tr.root, "go.mod"), []byte(fixed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
