package keyfile_test

import (
	"strings"
	"testing"

	"latchkey/engine/keystmt/keyfile"
	"latchkey/internal/fsys"
)

// FuzzName writes files of any name: none lands outside the directory.
func FuzzName(f *testing.F) {
	for _, name := range []string{`C:\a\b.cer`, "/etc/passwd", "../x", `..\..\x`, "a/../../b", "x\x00y", ".", "..", "", "a:b", strings.Repeat("x", 300), "CON"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m := fsys.NewMem()
		d := keyfile.Dir{FS: m, Path: "/top/keys"}
		if d.Write(name, []byte("x")) != nil {
			return
		}
		if top, err := m.ReadDir("/top"); err != nil || len(top) != 1 {
			t.Errorf("%q: %d entries beside the directory, %v", name, len(top), err)
		}
		if list, err := m.ReadDir("/top/keys"); err != nil || len(list) != 1 {
			t.Errorf("%q: %d files, %v", name, len(list), err)
		}
	})
}
