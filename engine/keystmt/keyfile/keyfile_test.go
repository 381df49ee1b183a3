package keyfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"latchkey/engine/keystmt/keyfile"
	"latchkey/internal/fsys"
)

func TestFilesStayInTheDirectory(t *testing.T) {
	mem := fsys.NewMem()
	d := keyfile.Dir{FS: mem, Path: "/certificates"}
	for _, name := range []string{`C:\backup\c.cer`, "/etc/c2.cer", "c3.cer", `..\..\c4.cer`, "../../c5.cer"} {
		if err := d.Write(name, []byte(name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if b, err := d.Read(name); err != nil || string(b) != name {
			t.Errorf("%q: %q, %v", name, b, err)
		}
		if err := d.Write(name, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%q is overwritten: %v", name, err)
		}
	}
	list, err := mem.ReadDir("/certificates")
	if err != nil || len(list) != 5 {
		t.Errorf("%d files, %v", len(list), err)
	}
	for _, name := range []string{"", "/", `a\`, "..", ".", ".hidden", "a\x00b", "a:b", "x*"} {
		if err := d.Write(name, nil); !errors.Is(err, keyfile.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	d.Remove("c3.cer")
	if _, err := d.Read("c3.cer"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if err := d.Write("large", bytes.Repeat([]byte{1}, keyfile.MaxSize+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read("large"); !errors.Is(err, fsys.ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}
