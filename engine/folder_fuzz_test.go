package engine_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/engine"
	"latchkey/internal/fsys"
)

// FuzzOwner opens a folder that another process has, with any server.pid in it: the refusal is a short line of text.
func FuzzOwner(f *testing.F) {
	for _, seed := range []string{
		`{"pid":7,"started":"2026-01-02T03:04:05Z"}` + "\n", `{"pid":-7}`, `{"pid":1e3}`, `{"pid":7,"started":"yesterday"}`, `{"pid":99999999999999999999}`, ``, `null`, `[]`, "7",
		`{"pid":7,"started":"9999-12-31T23:59:59.999999999+23:59"}`, "{\"pid\":7}\x1b[2J",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := fsys.NewMem()
		if err := m.MkdirAll("/d", 0o700); err != nil {
			t.Fatal(err)
		}
		held, err := m.Lock("/d/server.lock")
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		if err := fsys.WriteFile(m, "/d/server.pid", b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = engine.Open(t.Context(), engine.Config{Dir: "/d", FS: m})
		if !errors.Is(err, engine.ErrInUse) {
			t.Fatalf("%q: %v", b, err)
		}
		if text := err.Error(); len(text) > 300 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: %q", b, text)
		}
	})
}

// FuzzRegistration reads any registration.json: what is taken is an id that key stores take, for any name of the server.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		`{"Format":1,"ID":"0123456789abcdef"}` + "\n", `{"Format":1,"ID":""}`, `{"Format":2,"ID":"0123456789abcdef"}`, `{"Format":1,"ID":"a/b"}`, `{"Format":1,"ID":"0123456789ABCDEF"}`,
		`{"ID":"0123456789abcdef"}`, ``, `null`, `{"Format":1,"ID":"` + strings.Repeat("a", 200) + `"}`, `{"Format":1,"ID":"0123456789abcdef"} {}`,
	} {
		f.Add([]byte(seed), "SRV")
	}
	f.Add([]byte(`{"Format":1,"ID":"0123456789abcdef"}`), "a/b\x00c d\u00e9"+strings.Repeat("x", 200))
	f.Fuzz(func(t *testing.T, b []byte, server string) {
		id, err := engine.RegisteredAs(b, server)
		if err == nil && !validID(id) || err != nil && (id != "" || len(err.Error()) > 500) {
			t.Errorf("%q, %q: %q, %v", b, server, id, err)
		}
	})
}

// validID is the rule of key stores: akv.ValidDependentID.
func validID(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}
