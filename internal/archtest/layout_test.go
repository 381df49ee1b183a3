package archtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "latchkey"

// rule says what one package may import of ours, besides the standard library. A pattern ends in "/..." for a family; the
// longest pattern that fits a package is its rule. "self/..." in may stands for the family itself.
type rule struct {
	pkg string
	may []string
	why string
}

// ground may be imported by everything: it decides nothing and knows no part.
var ground = []string{"internal/clock", "internal/secret", "internal/fsys"}

// layout is the one-way list of the project. docs/ARCHITECTURE.md tells it in prose.
var layout = []rule{
	{"internal/clock", nil, "time is the lowest floor"},
	{"internal/secret", nil, "secrets are the lowest floor"},
	{"internal/fsys", nil, "files are the lowest floor"},
	{"internal/archtest", nil, "reads sources, imports nothing"},
	{"internal/localca", nil, "certificates for one directory; knows no part"},
	{"internal/jwks", nil, "public keys of issuers, for vault/token and entra"},
	{"internal/connectproxy", nil, "joins names to ports; knows no part"},
	{"internal/gendocs", []string{"app/alerts", "app/cli", "connector", "connector/keymap", "ekm", "ekm/code", "monitor/...", "akv", "vault/...", "engine/exec/feature"}, "writes the pages that come from the code"},
	{"internal/sbom", nil, "reads built files, imports nothing of ours"},
	{"internal/bench", []string{"agent", "agent/peer", "app/...", "vault/...", "akv", "ekm", "ekm/code", "ekm/keystore", "keywrap", "entra", "connector/...", "azure", "engine/..."}, "measures whole parts"},

	{"ekm/code/explain", []string{"ekm/code"}, "renders the catalogue"},
	{"ekm/code", nil, "the catalogue is a leaf that everybody may import"},
	{"ekm", []string{"ekm/code"}, "the provider's contract in Go terms"},
	{"ekm/keystore", []string{"ekm", "ekm/code"}, "shared test doubles and shapes of the contract"},
	{"akv", nil, "wire shapes are a leaf shared by client and server"},
	{"keywrap", nil, "cryptography without I/O"},

	{"audit", []string{"ekm/code"}, "a log knows nobody who writes to it"},
	{"vault/store", nil, "the storage contract"},
	{"vault/store/...", []string{"vault/store", "ekm/code"}, "an implementation sees the contract alone"},
	{"vault/seal", []string{"vault/store", "ekm/code"}, "seals bytes, keeps its ring in the store; knows no keys of vaults"},
	{"vault/rbac", []string{"akv"}, "decides; knows neither HTTP nor storage"},
	{"vault/token", []string{"vault/rbac", "akv", "internal/jwks"}, "validates tokens; knows no vault"},
	{"vault/keydb", []string{"akv", "keywrap", "vault/store", "vault/seal", "vault/rbac", "ekm/code"}, "records over the store, who may use a vault among them; decides no access"},
	{"vault/keyspec", []string{"akv", "keywrap", "vault/keydb"}, "rules of keys without state"},
	{"vault/rotation", []string{"akv", "vault/keydb"}, "rules of the calendar without state"},
	{"vault/backup", []string{"vault/keydb"}, "encodes backups; the seal is handed in"},
	{"vault/release", []string{"akv", "vault/keydb", "vault/store"}, "checks attestation tokens, signs"},
	{"vault/throttle", nil, "counts; knows no vault"},
	{"vault", []string{"akv", "keywrap", "vault/rbac", "vault/store", "vault/throttle", "vault/door", "vault/keydb", "vault/keyspec", "vault/rotation", "vault/backup", "vault/release", "ekm/code"}, "operations on keys, behind the door"},
	{"vault/door", []string{"akv", "keywrap", "audit", "vault/rbac", "vault/store", "vault/token", "vault/throttle", "vault/keydb", "vault/keyspec", "ekm/code"}, "the one door: authorise, audit, act"},
	{"vault/roles", []string{"akv", "vault/door", "vault/keyspec", "vault/rbac"}, "local roles of a Managed HSM, behind the door"},
	{"vault/dependents", []string{"akv", "vault/door", "vault/keydb", "vault/keyspec"}, "which servers need which keys, behind the door"},
	{"vault/armapi", []string{"akv", "vault", "vault/door", "vault/rbac"}, "the management plane over the one door"},
	{"vault/httpapi", []string{"akv", "audit", "keywrap", "vault", "vault/dependents", "vault/door", "vault/roles", "vault/keyspec", "vault/rbac", "vault/token", "vault/throttle", "ekm/code"}, "REST over the one door"},
	{"vault/vaulttest", []string{"akv", "keywrap", "audit", "vault/...", "entra", "ekm/code"}, "a whole vault in a test"},
	{"entra", []string{"audit", "ekm/code", "entra/directory", "internal/jwks"}, "the token authority stands alone"},
	{"entra/directory", []string{"audit", "ekm/code", "internal/jwks"}, "what the authority keeps; knows no network"},

	{"azure", []string{"akv", "ekm", "ekm/code", "ekm/keystore", "azure/bounded", "azure/challenge", "azure/netfault", "azure/retryafter", "azure/sqlcred"}, "the client's side of the vault API"},
	{"azure/bounded", nil, "bytes of one exchange"},
	{"azure/netfault", []string{"ekm/code", "ekm/keystore"}, "errors of the network as codes"},
	{"azure/retryafter", nil, "how long a server asks to be left alone"},
	{"azure/sqlcred", []string{"akv", "ekm", "ekm/code", "ekm/keystore"}, "reads credentials; sends nothing"},
	{"azure/challenge", []string{"akv", "ekm/code", "ekm/keystore", "azure/sqlcred"}, "reads and checks bytes; sends nothing"},
	{"azure/azuretest", []string{"keywrap"}, "a scripted peer for tests of the client's side"},
	{"connector", []string{"connector/...", "keywrap", "ekm", "ekm/code", "ekm/keystore"}, "declares the few methods of a vault that it needs; another key store is one more package"},
	{"connector/...", []string{"connector/...", "keywrap", "ekm", "ekm/code", "ekm/keystore"}, "parts of the connector"},
	{"doctor", []string{"ekm", "ekm/code", "akv", "azure/...", "ekm/keystore"}, "walks the hops of a client"},
	{"shim/shimtest", []string{"agent/...", "ekm", "ekm/code"}, "tests of the C library; drives real programs"},
	{"agent", []string{"agent/frame", "agent/peer", "ekm", "ekm/code", "ekm/keystore"}, "serves a provider to a library in another process; knows no connector"},
	{"agent/frame", []string{"ekm"}, "a codec has no sockets and no policy"},
	{"agent/peer", nil, "sockets and pipes, and who is at their other end; knows no frames"},
	{"agent/loader", []string{"agent/client", "agent/peer", "ekm", "ekm/code"}, "libraries in C, each in a process of its own, as providers"},
	{"agent/client", []string{"agent/frame", "agent/peer", "ekm", "ekm/code", "ekm/keystore"}, "the agent's other side, for tests and Go programs"},

	{"engine/tds", []string{"engine/tds/internal/wire"}, "a codec has no policy"},
	{"engine/tds/internal/wire", nil, "numbers and texts of the codec"},
	{"engine/tds/login", []string{"engine/tds", "engine/tds/internal/wire"}, "messages before login"},
	{"engine/tds/sqlval", []string{"engine/tds", "engine/sqltype/..."}, "values on the wire"},
	{"engine/tsql/...", []string{"engine/tsql/..."}, "a parser knows no server"},
	{"engine/tds/conn", []string{"engine/tds/...", "engine/sqltype/..."}, "connections around the codec; knows no engine"},
	{"engine/sqltype", []string{"engine/sqltype/collation", "engine/sqltype/wtf8"}, "values are a leaf"},
	{"engine/sqltype/wtf8", nil, "text is the lowest floor of values"},
	{"engine/sqltype/collation", []string{"engine/sqltype/wtf8"}, "compares and encodes text; knows no values"},
	{"engine/sqltype/convert", []string{"engine/sqltype", "engine/sqltype/collation", "engine/sqltype/wtf8"}, "casts"},
	{"engine/sqltype/arith", []string{"engine/sqltype/..."}, "arithmetic, which casts its operands"},
	{"engine/tde/...", []string{"engine/tde/...", "ekm", "ekm/code"}, "encryption sees the provider's contract, never a vault"},
	{"engine/catalog/...", []string{"engine/catalog/...", "engine/sqltype/...", "keywrap", "ekm", "ekm/code"}, "metadata; keywrap for native keys"},
	{"engine/exec", []string{"engine/exec/...", "engine/tsql/...", "engine/catalog/...", "engine/sqltype/...", "engine/tds/...", "engine/fn/...", "engine/cell", "engine/lite", "engine/schema/...", "engine/compile/...", "engine/write", "engine/databases", "engine/sessions"}, "sessions; what is above them plugs in"},
	{"engine/exec/scope", []string{"engine/compile/...", "engine/exec/raise", "engine/exec/reply", "engine/exec/setting", "engine/exec/unit", "engine/sqltype/...", "engine/tsql/..."}, "variables of code that runs; runs nothing"},
	{"engine/exec/known", []string{"engine/catalog/...", "engine/databases", "engine/exec/raise", "engine/schema/...", "engine/sqltype/...", "engine/tsql/..."}, "definitions and whether they changed; knows no session"},
	{"engine/exec/actor", []string{"engine/catalog/...", "engine/compile/...", "engine/exec/known", "engine/exec/raise", "engine/exec/scope", "engine/schema/...", "engine/sessions", "engine/sqltype/..."}, "who a session is and what it may do"},
	{"engine/exec/argument", []string{"engine/compile/...", "engine/exec/raise", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "arguments of calls; runs nothing"},
	{"engine/exec/work", []string{"engine/catalog/...", "engine/compile/...", "engine/exec/actor", "engine/exec/known", "engine/exec/raise", "engine/exec/scope", "engine/exec/setting", "engine/exec/tran", "engine/exec/unit", "engine/fn", "engine/lite", "engine/schema/...", "engine/sqltype/...", "engine/tsql/..."}, "a connection and names for one statement; runs no plan"},
	{"engine/exec/define", []string{"engine/catalog/...", "engine/compile/...", "engine/exec/actor", "engine/exec/known", "engine/exec/raise", "engine/exec/scope", "engine/exec/setting", "engine/exec/work", "engine/schema/...", "engine/sqltype/...", "engine/tsql/..."}, "definitions; queries and changes come above"},
	{"engine/exec/query", []string{"engine/cell", "engine/compile/...", "engine/exec/actor", "engine/exec/argument", "engine/exec/define", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/unit", "engine/exec/work", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "reads; changes come above"},
	{"engine/exec/change", []string{"engine/compile/...", "engine/exec/actor", "engine/exec/argument", "engine/exec/define", "engine/exec/known", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/work", "engine/schema/...", "engine/sqltype/...", "engine/tds/...", "engine/tsql/...", "engine/write"}, "changes of rows; control flow comes above"},
	{"engine/exec/cursor", []string{"engine/exec/actor", "engine/exec/define", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/setting", "engine/exec/work", "engine/sqltype/...", "engine/tsql/..."}, "cursors over queries"},
	{"engine/exec/transaction", []string{"engine/exec/change", "engine/exec/cursor", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/setting", "engine/exec/work", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "statements of transactions; control flow comes above"},
	{"engine/exec/flow", []string{"engine/compile/...", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/setting", "engine/exec/transaction", "engine/exec/work", "engine/tsql/..."}, "control flow; knows statements by an interface"},
	{"engine/exec/handler", []string{"engine/catalog/...", "engine/exec/actor", "engine/exec/argument", "engine/exec/define", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/setting", "engine/exec/transaction", "engine/exec/unit", "engine/exec/work", "engine/fn", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "what plugs in; knows no procedure and no session"},
	{"engine/exec/applock", []string{"engine/exec/handler", "engine/exec/raise", "engine/sqltype"}, "locks with names; knows sessions by number"},
	{"engine/exec/undeclared", []string{"engine/compile/...", "engine/exec/actor", "engine/exec/query", "engine/exec/raise", "engine/exec/scope", "engine/exec/unit", "engine/exec/work", "engine/sqltype/...", "engine/tsql/..."}, "deduces types of parameters; runs nothing"},
	{"engine/exec/builtin", []string{"engine/exec/argument", "engine/exec/define", "engine/exec/handler", "engine/exec/query", "engine/exec/raise", "engine/exec/undeclared", "engine/schema/owner", "engine/sqltype/...", "engine/tsql/..."}, "system procedures over what plugs in"},
	{"engine/exec/function", []string{"engine/exec/argument", "engine/exec/define", "engine/exec/flow", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/setting", "engine/exec/unit", "engine/exec/work", "engine/schema/...", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "scalar functions in their scopes; procedures come above"},
	{"engine/exec/call", []string{"engine/compile/...", "engine/exec/actor", "engine/exec/argument", "engine/exec/change", "engine/exec/cursor", "engine/exec/feature", "engine/exec/define", "engine/exec/flow", "engine/exec/function", "engine/exec/handler", "engine/exec/known", "engine/exec/query", "engine/exec/raise", "engine/exec/reply", "engine/exec/scope", "engine/exec/sysproc", "engine/exec/unit", "engine/exec/work", "engine/schema/...", "engine/sqltype/...", "engine/tds/...", "engine/tsql/..."}, "procedures in their scopes; knows no request"},
	{"engine/compile/...", []string{"engine/compile/...", "engine/cell", "engine/fn", "engine/fn/...", "engine/tsql/...", "engine/sqltype/..."}, "from trees to SQLite text; knows no session and runs nothing"},
	{"engine/room", []string{"engine/sqltype"}, "memory for large values; asked by functions, knows none"},
	{"engine/sessions", []string{"engine/catalog/msg", "ekm/code"}, "the list of sessions; knows nobody who uses it"},
	{"engine/databases/memfs", nil, "files in memory"},
	{"engine/databases/pool", []string{"engine/lite", "engine/room", "engine/tde"}, "connections of one database"},
	{"engine/databases/spill", nil, "a bound on temporary files"},
	{"engine/databases/system", []string{"engine/catalog/model", "engine/catalog/protect", "engine/tde", "ekm"}, "files of the system databases"},
	{"engine/databases/unwrap", []string{"engine/tde", "ekm", "ekm/code"}, "bounds calls to the key store"},
	{"engine/databases", []string{"engine/databases/...", "engine/catalog/...", "engine/lite", "engine/room", "engine/sessions", "engine/tde", "ekm", "ekm/code"}, "open databases by id; decides no statement's rules"},
	{"engine/servicekey", []string{"engine/catalog/protect"}, "one file"},
	{"engine/errorlog", nil, "text files"},
	{"engine/server", []string{"engine/catalog", "engine/catalog/authn", "engine/catalog/model", "engine/catalog/msg", "engine/catalog/perm", "engine/room", "engine/sessions", "engine/tds", "engine/tds/conn"}, "listener and login; knows no SQL"},
	{"engine/backup", []string{"engine/tde", "engine/backup/media", "ekm", "ekm/code"}, "backup sets"},
	{"engine/backup/history", []string{"engine/backup/media"}, "rows about sets; who runs the statements is handed in"},
	{"engine/backup/media", nil, "the form of backup files"},
	{"engine/keystmt/...", []string{"engine/...", "keywrap", "ekm", "ekm/code"}, "the key-management dialect; keywrap for native keys in use"},
	{"engine/...", []string{"engine/...", "ekm", "ekm/code", "monitor", "monitor/..."}, "the SQL engine"},
	{"monitor", []string{"ekm/code", "ekm/keystore"}, "pure: (check result, time) to (state, events)"},
	{"monitor/activity", []string{"monitor"}, "files of events"},
	{"monitor/watch", []string{"monitor"}, "runs checks that its caller makes; knows no engine and no network"},
	{"monitor/expiry", []string{"monitor/activity"}, "dates and what was told of them; asks nobody"},
	{"monitor/metrics", []string{"monitor", "monitor/expiry", "monitor/notify", "monitor/watch"}, "shows what others know"},
	{"monitor/notify", []string{"monitor/activity"}, "the log's way to sinks; knows no network"},
	{"monitor/notify/...", []string{"monitor", "monitor/activity", "monitor/expiry", "monitor/notify"}, "one kind of sink each"},
	{"ops/...", []string{"ops/...", "ekm/code"}, "runbooks over database/sql"},
	{"ops/retire", []string{"ops/...", "engine/backup/media", "engine/tde/header", "engine/tde/logchain"}, "besides, what files say of the keys they need"},
	{"dashboard", []string{"monitor"}, "one page and its JSON"},

	{"examples", nil, "scripts for people, embedded"},
	{"app/quickstart", []string{"app/sqlscript", "examples"}, "the main job on a server that somebody else started"},
	{"app/sqlscript", nil, "scripts over a SQL connection; knows no server of ours"},
	{"app/running", nil, "what a running server says of itself; its clients need no part"},
	{"app/install", []string{"app/running", "audit", "entra", "entra/directory", "vault/...", "ekm/code", "engine/catalog/password"}, "a data directory and what lasts in it"},
	{"app/admin", []string{"app/install", "akv", "audit", "entra", "vault", "vault/...", "ekm/code"}, "changes what is in a data directory"},
	{"app/agentd", []string{"agent", "agent/client", "agent/peer", "app/strict", "azure", "connector", "connector/keymap", "connector/relocate", "ekm", "ekm/code", "ekm/keystore", "keywrap"}, "composes the agent, as compose does the rest"},
	{"app/strict", nil, "reads configuration files; knows none"},
	{"app/alerts", []string{"app/strict", "ekm/code", "ekm/keystore", "monitor", "monitor/..."}, "composes what tells people of keys, as compose does the rest"},
	{"app/fleet", []string{"app/agentd", "app/alerts", "app/strict", "azure/sqlcred", "ekm", "ekm/code", "monitor", "monitor/activity", "monitor/watch", "ops/retire", "ops/runbook"}, "looks at servers and vaults; tells through what is handed in; what a server needs is what retire says"},
	{"app/compose", []string{"*"}, "composition happens here and nowhere else"},
	{"app/cli", []string{"app/...", "monitor", "monitor/expiry", "monitor/notify/webhook", "ops/...", "akv", "audit", "engine", "ekm/code", "ekm", "ekm/code/explain", "connector/keymap", "connector/relocate", "doctor", "entra", "vault", "vault/rbac"}, "one file per command"},
	{"cmd/latchkey", []string{"app/cli"}, "main is under 40 lines"},
	{"e2e", []string{"*"}, "drives the real program"},
}

// seams are what the layout is for. They hold for everything that a package reaches, not for direct imports alone.
var seams = []struct {
	from  string
	never []string
	why   string
}{
	{"engine/...", []string{"connector/...", "azure/...", "vault/...", "entra/...", "net/http"}, "the engine sees ekm.Provider; no vault call on the path of a page, a log write or a checkpoint"},
	{"connector", []string{"azure/...", "vault/...", "net/http", "github.com/Azure/..."}, "another key store is one more package"},
	{"monitor", []string{"net/...", "os/...", "engine/...", "connector/..."}, "the state machine is pure"},
	{"keywrap", []string{"net/...", "os/..."}, "cryptography does no I/O"},
	{"vault/...", []string{"connector/...", "engine/...", "azure/...", "app/..."}, "the server knows no client"},
	{"ekm/code", []string{"net/...", "os/..."}, "a leaf"},
}

func fits(pattern, pkg string) bool {
	if pattern == "*" {
		return true
	}
	if family, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == family || strings.HasPrefix(pkg, family+"/")
	}
	return pattern == pkg
}

// ruleOf finds the longest pattern that fits.
func ruleOf(pkg string) (rule, bool) {
	var best rule
	found := false
	for _, r := range layout {
		if fits(r.pkg, pkg) && (!found || len(r.pkg) > len(best.pkg)) {
			best, found = r, true
		}
	}
	return best, found
}

// imports of a package's non-test files, ours relative to the module.
func imports(files []*file) []string {
	var all []string
	for _, f := range files {
		for _, spec := range f.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestLayout(t *testing.T) {
	tr := load(t)
	for pkg, files := range tr.packages() {
		r, ok := ruleOf(pkg)
		if !ok {
			t.Errorf("package %q has no line in the layout table; say what it may import, and why", pkg)
			continue
		}
		for _, path := range imports(files) {
			to, ours := strings.CutPrefix(path, module+"/")
			if !ours || slices.Contains(ground, to) && !slices.Contains(ground, pkg) {
				continue
			}
			if !slices.ContainsFunc(r.may, func(p string) bool { return fits(p, to) }) {
				t.Errorf("%s imports %s; its line in the layout allows %q (%s)", pkg, to, r.may, r.why)
			}
		}
	}
}

func TestSeams(t *testing.T) {
	pkgs := load(t).packages()
	for _, seam := range seams {
		for pkg := range pkgs {
			if !fits(seam.from, pkg) {
				continue
			}
			reached := make(map[string]string) // import to the package it was reached from
			var walk func(string)
			walk = func(p string) {
				for _, path := range imports(pkgs[p]) {
					to := strings.TrimPrefix(path, module+"/")
					if _, seen := reached[to]; !seen {
						reached[to] = p
						walk(to)
					}
				}
			}
			walk(pkg)
			for to, from := range reached {
				for _, never := range seam.never {
					if fits(never, to) && !(fits(seam.from, to) && pkgs[to] != nil) {
						t.Errorf("%s reaches %s (imported by %s): %s", pkg, to, from, seam.why)
					}
				}
			}
		}
	}
}

// Nothing but the program's own roof may import the roof.
func TestNobodyImportsTheRoof(t *testing.T) {
	for pkg, files := range load(t).packages() {
		for _, path := range imports(files) {
			if strings.HasPrefix(path, module+"/app/") && !fits("app/...", pkg) && !slices.Contains([]string{"cmd/latchkey", "internal/gendocs", "internal/bench", "e2e"}, pkg) {
				t.Errorf("%s imports %s", pkg, path)
			}
		}
	}
}
