package keystmt_test

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/tde"
)

var rewrite = flag.Bool("rewrite", false, "write what the server said into testdata")

// script is a file of testdata: "# title" begins a server, "@ login" a session of it, "! directive" makes the provider or the server
// behave in some way, "> " is input (">> " another line of it), and what follows up to the next line of these kinds is what the client sees.
//
//	! fail METHOD CODE   a method of the provider's sessions fails
//	! open CODE          opening a session fails; 0 ends all failures
//	! info FIELD VALUE   the library says something else of itself
//	! key FIELD VALUE    keys are not what they were
//	! aes              the library serves AES, and its key "aes" is one
//	! hold NAME        a session of a provider is open
//	! tran on|off        the session is in a transaction
//	! other DB           another session enters a database
//	! wait DB            until no scan runs
//	! restart            the server stops and starts
//	! slow               the same, and scans wait for a clock that stands from now on
func runFile(t *testing.T, name string) {
	path := "testdata/" + name
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &scripted{t: t}
	var out strings.Builder
	var input, want []string
	flush := func() {
		if input == nil {
			return
		}
		got := r.client().Run(strings.Join(input, "\n"))
		for i, l := range got {
			got[i] = thumb.ReplaceAllString(l, "0x~")
			out.WriteString(got[i] + "\n")
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 && !*rewrite {
			t.Errorf("%s: %s\n%s(-want +got):\n%s", r.title, r.user, strings.Join(input, "\n"), diff)
		}
		input, want = nil, nil
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		l := lines.Text()
		switch {
		case strings.HasPrefix(l, ">>"):
			input = append(input, strings.TrimPrefix(l, ">> "))
			out.WriteString(l + "\n")
		case strings.HasPrefix(l, ">"):
			flush()
			input = []string{strings.TrimPrefix(l, "> ")}
			out.WriteString(l + "\n")
		case l == "" || strings.ContainsAny(l[:1], "#@!"):
			flush()
			out.WriteString(l + "\n")
			r.direct(l)
		default:
			want = append(want, l)
		}
	}
	flush()
	r.stop()
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var thumb = regexp.MustCompile(`0x[0-9A-F]{16,}`)

type scripted struct {
	t       *testing.T
	title   string
	user    string
	server  *keystmttest.Server
	clients map[string]*keystmttest.Client
}

func (r *scripted) stop() {
	for _, c := range r.clients {
		c.Close()
	}
	if r.server != nil {
		r.server.Stop()
	}
	r.clients, r.server = map[string]*keystmttest.Client{}, nil
}

func (r *scripted) client() *keystmttest.Client {
	c := r.clients[r.user]
	if c == nil {
		c = r.server.Login(r.user)
		r.clients[r.user] = c
	}
	return c
}

func (r *scripted) direct(l string) {
	f := strings.Fields(l)
	if len(f) == 0 {
		return
	}
	lib := func() *keystmttest.Library { return r.server.Library }
	number := func(i int) int {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			r.t.Fatalf("%s: %v", l, err)
		}
		return n
	}
	failure := func(n int) error {
		if n == 0 {
			return nil
		}
		return code.New(code.In(code.Provider, n), "", "")
	}
	switch f[0] + " " + strings.Join(f[1:min(2, len(f))], "") {
	case "# " + strings.Join(f[1:min(2, len(f))], ""):
		r.stop()
		r.title, r.user = strings.TrimPrefix(l, "# "), "dba"
		r.server = keystmttest.New(r.t)
		r.server.Login("sa").Must("CREATE LOGIN dba WITH PASSWORD = 'Canary-Password-1'; ALTER SERVER ROLE sysadmin ADD MEMBER dba")
	case "@ " + strings.Join(f[1:min(2, len(f))], ""):
		r.user = f[1]
	case "! setup":
		c := r.client()
		for _, q := range []string{q7, q8, strings.ReplaceAll(q9, "CONTOSO-dba", "dba"), q10} {
			c.Must(q)
		}
	case "! fail":
		lib().Fail = map[string]error{f[2]: failure(number(3))}
	case "! open":
		lib().OpenError = failure(number(2))
		if number(2) == 0 {
			lib().Fail, lib().Key, lib().Provider.Info, lib().DropError = nil, nil, nil, nil
		}
	case "! drop":
		lib().DropError = failure(number(2))
	case "! info":
		lib().Provider.Info = func(i *ekm.ProviderInfo) {
			switch f[2] {
			case "guid":
				i.GUID[0]++
			case "api":
				i.API.Minor = uint8(number(3))
			case "thumbprint":
				i.ThumbprintLen = number(3)
			case "names":
				i.AcceptsKeyName = false
			case "asymmetric":
				i.Asymmetric = 0
			case "name":
				i.Name = ""
			}
		}
	case "! key":
		lib().Key = func(i *ekm.KeyInfo) {
			switch f[2] {
			case "algorithm":
				i.Algorithm = ekm.AlgorithmID(number(3))
			case "bits":
				i.Bits = number(3)
			case "thumbprint":
				i.Thumbprint = ""
			}
		}
	case "! aes":
		lib().More = []ekm.Algorithm{{ID: 9, Tag: "AES_256", Bits: 256}}
		lib().Key = func(i *ekm.KeyInfo) {
			if i.Name == "aes" {
				i.Algorithm, i.Bits = 9, 256
			}
		}
	case "! hold":
		s, err := r.server.Providers.OpenSession(r.t.Context(), r.server.Catalog.State().FindProvider(f[2]), &ekm.Credential{Name: "c", Identity: "i"})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = s.Close(true) })
	case "! tran":
		r.client().InTran = f[2] == "on"
	case "! other":
		r.server.Login("dba").Must("USE [" + f[2] + "]")
	case "! wait":
		id := r.server.Catalog.State().FindDatabase(f[2]).ID
		for {
			if s, ok := r.server.Databases.Status(id); !ok || s.State == tde.Encrypted || s.State == tde.Unencrypted {
				break
			}
			<-time.After(time.Millisecond)
		}
	case "! restart", "! slow":
		if f[1] == "slow" {
			r.server.ScanRate = 1
		}
		for _, c := range r.clients {
			c.Close()
		}
		r.clients = map[string]*keystmttest.Client{}
		r.server.Stop()
		r.server.Start()
	default:
		r.t.Fatalf("no directive: %s", l)
	}
}

func TestMessages(t *testing.T) {
	for _, name := range []string{"provider.txt", "login.txt", "key.txt", "database.txt", "permission.txt", "config.txt", "rare.txt"} {
		if race && os.Getenv("LATCHKEY_LONG") == "" && (name == "key.txt" || name == "login.txt") {
			continue // passwords and RSA keys take long
		}
		t.Run(name, func(t *testing.T) { runFile(t, name) })
	}
}

// unseen are documented messages that no statement of this server can bring about, and why. The code that has them guards what is
// behind it.
var unseen = map[int]string{
	15352: "nothing is signed by keys here (ADD SIGNATURE is refused), and what a key encrypts is named by 15580",
	15466: "what a key sealed opens with it: the catalogue is authenticated as a whole, and a wrong key or password is 15313, 15465 or 15556 before",
	15506: "signing with a whole RSA key does not fail, and a key that is not whole does not open",
	15507: "a key that does not parse would have to be sealed as such: see 15466",
	15508: "keys of the sizes that are allowed are always found, and the system's random numbers do not fail",
	33054: "every server has the connector built in; the switch is 33053",
}

// The list of what is not seen is true.
func TestUnseenMessages(t *testing.T) {
	all := map[int]bool{}
	for _, e := range msg.All() {
		all[e.Code.Number()] = true
	}
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:Msg|Info) (\d+)`).FindAllSubmatch(b, -1) {
			seen[string(m[1])] = true
		}
	}
	for n := range unseen {
		if !all[n] || seen[strconv.Itoa(n)] {
			t.Errorf("message %d is not known, or is seen", n)
		}
	}
}
