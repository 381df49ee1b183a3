package servicekey_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"latchkey/engine/servicekey"
	"latchkey/internal/fsys"
)

// FuzzOpen opens files that may be a service master key: only the bytes that were made are one.
func FuzzOpen(f *testing.F) {
	m := fsys.NewMem()
	k, err := servicekey.Open(m, "/k", true)
	if err != nil {
		f.Fatal(err)
	}
	k.Destroy()
	made, err := fsys.ReadFile(m, filepath.Join("/k", servicekey.FileName), 1<<10)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Add(made[:len(made)-1])
	f.Add(append(bytes.Clone(made), 0))
	f.Add(bytes.Repeat([]byte{0}, len(made)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := fsys.NewMem()
		if err := m.MkdirAll("/k", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := fsys.WriteFile(m, filepath.Join("/k", servicekey.FileName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := servicekey.Open(m, "/k", false)
		if err == nil {
			k.Destroy()
			if len(b) != len(made) {
				t.Errorf("%d bytes are a key", len(b))
			}
		}
	})
}
