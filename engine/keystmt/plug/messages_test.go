package plug_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm"
	"latchkey/ekm/code"
)

var (
	thumb = regexp.MustCompile(`0x[0-9A-F]{16,}`)
	line  = regexp.MustCompile(`, Line \d+:`)
	proc  = regexp.MustCompile(`, Procedure \w+, Line \d+:`)
	paths = regexp.MustCompile(`'/[^']*/`)
)

// The scripts of package keystmt give the same messages over a connection. Messages that inform are the executor's to show; cookies
// need variables that last, and a clock that stands is for tests without a machine's.
func TestMessagesOverTheWire(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		if race && os.Getenv("LATCHKEY_LONG") == "" && filepath.Base(path) != "provider.txt" {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range strings.Split("\n"+string(text), "\n# ")[1:] {
				title, body, _ := strings.Cut(group, "\n")
				if title == "cookies" || title == "while a scan runs" || os.Getenv("LATCHKEY_LONG") == "" && len(body) > 6000 {
					continue
				}
				t.Run(title, func(t *testing.T) { runGroup(t, body) })
			}
		})
	}
}

type group struct {
	t        *testing.T
	srv      *server
	user     string
	sessions map[string]*session
}

func (g *group) session() *session {
	s := g.sessions[g.user]
	if s == nil {
		pass := "Canary-Password-1"
		if g.user == "dba" {
			pass = password
		}
		s = g.srv.login(g.user, pass)
		g.sessions[g.user] = s
	}
	return s
}

func runGroup(t *testing.T, body string) {
	g := &group{t: t, srv: newServerOf(t, "dba"), user: "dba", sessions: map[string]*session{}}
	var input, want []string
	flush := func() {
		if input == nil {
			return
		}
		var got []string
		for _, l := range g.session().run(strings.Join(input, "\n")) {
			if strings.HasPrefix(l, "Msg ") {
				got = append(got, plain(l))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%s: %s\n(-want +got):\n%s", g.user, strings.Join(input, "\n"), diff)
		}
		input, want = nil, nil
	}
	for l := range strings.Lines(body) {
		l = strings.TrimSuffix(l, "\n")
		switch {
		case strings.HasPrefix(l, ">>"):
			input = append(input, strings.TrimPrefix(l, ">> "))
		case strings.HasPrefix(l, ">"):
			flush()
			input = []string{strings.TrimPrefix(l, "> ")}
		case strings.HasPrefix(l, "@"):
			flush()
			g.user = strings.TrimPrefix(l, "@ ")
		case strings.HasPrefix(l, "!"):
			flush()
			g.direct(strings.Fields(l)[1:])
		case strings.Contains(l, ", Level 10, "): // on the wire it is information
		case strings.HasPrefix(l, "Msg "):
			want = append(want, plain(l))
		}
	}
	flush()
}

// plain is a message without place, thumbprint and folder.
func plain(l string) string {
	l = proc.ReplaceAllString(l, ":")
	l = line.ReplaceAllString(l, ":")
	l = paths.ReplaceAllString(l, "'")
	return thumb.ReplaceAllString(l, "0x~")
}

func (g *group) direct(f []string) {
	lib := g.srv.lib
	failure := func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			g.t.Fatal(err)
		}
		if n == 0 {
			return nil
		}
		return code.New(code.In(code.Provider, n), "", "")
	}
	switch f[0] {
	case "setup":
		for _, q := range setUp[:4] {
			g.session().must(strings.ReplaceAll(q, admin, "dba"))
		}
	case "fail":
		lib.Fail = map[string]error{f[1]: failure(f[2])}
	case "open":
		lib.OpenError = failure(f[1])
		if lib.OpenError == nil {
			lib.Fail, lib.Key, lib.Provider.Info, lib.DropError = nil, nil, nil, nil
		}
	case "drop":
		lib.DropError = failure(f[1])
	case "info":
		lib.Provider.Info = func(i *ekm.ProviderInfo) {
			switch f[1] {
			case "guid":
				i.GUID[0]++
			case "api":
				i.API.Minor = 2
			case "thumbprint":
				i.ThumbprintLen = 64
			case "names":
				i.AcceptsKeyName = false
			case "asymmetric":
				i.Asymmetric = 0
			case "name":
				i.Name = ""
			}
		}
	case "key":
		lib.Key = func(i *ekm.KeyInfo) {
			switch f[1] {
			case "algorithm":
				i.Algorithm = 9
			case "bits":
				i.Bits = 1024
			case "thumbprint":
				i.Thumbprint = ""
			}
		}
	case "aes":
		lib.More = []ekm.Algorithm{{ID: 9, Tag: "AES_256", Bits: 256}}
		lib.Key = func(i *ekm.KeyInfo) {
			if i.Name == "aes" {
				i.Algorithm, i.Bits = 9, 256
			}
		}
	case "hold": // what a session held open changes is information, which is not compared
		g.session().must("USE master")
	case "tran":
		g.session().must("BEGIN TRAN")
	case "other":
		g.srv.login("dba", password).must("USE [" + f[1] + "]")
	case "wait":
		for g.t.Context().Err() == nil {
			out := g.session().must("SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('" + f[1] + "')")
			if len(out) == 0 || out[0] == "1" || out[0] == "3" {
				return
			}
		}
	case "restart":
		g.srv.stop()
		g.srv.start()
		g.sessions = map[string]*session{}
	default:
		g.t.Fatalf("no directive %q", f)
	}
}
