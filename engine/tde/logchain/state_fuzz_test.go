package logchain_test

import (
	"testing"

	"latchkey/engine/tde/logchain"
	"latchkey/internal/fsys"
)

// FuzzState opens chains whose state file has any content: an error or a chain.
func FuzzState(f *testing.F) {
	for _, b := range []string{"", "{}", "null", `{"Format":1}`, `{"format":1,"base":1}`, `{"format":1,"base":18446744073709551615}`, `{"format":1,"base":-1}`, `{"format":2}`, "[1]"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := fsys.NewMem()
		if err := m.MkdirAll("/c", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := fsys.WriteFile(m, "/c/chain.json", b, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := logchain.Open(m, "/c"); err == nil && c == nil {
			t.Error("no chain and no error")
		}
		_, _ = logchain.ReadHeads(m, "/c")
	})
}
