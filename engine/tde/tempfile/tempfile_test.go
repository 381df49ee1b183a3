package tempfile_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"latchkey/engine/tde/tempfile"
	"latchkey/internal/fsys"
)

// Random reads, writes and truncations do what they do on plain bytes; on disk nothing of them is in clear.
func TestAgainstPlainBytes(t *testing.T) {
	m := fsys.NewMem()
	cfg := tempfile.Config{FS: m, Dir: ".", Prefix: "x-"}
	f, err := tempfile.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var model []byte
	rnd := rand.New(rand.NewPCG(1, 1))
	pattern := bytes.Repeat([]byte("canary"), 4000)
	for range 3000 {
		off := rnd.Int64N(60_000)
		n := rnd.IntN(9000)
		switch rnd.IntN(8) {
		case 0:
			if err := f.Truncate(off); err != nil {
				t.Fatal(err)
			}
			if off <= int64(len(model)) {
				model = model[:off]
			} else {
				model = append(model, make([]byte, off-int64(len(model)))...)
			}
		case 1, 2, 3:
			if grow := off + int64(n) - int64(len(model)); grow > 0 && n > 0 {
				model = append(model, make([]byte, grow)...)
			}
			copy(model[min(off, int64(len(model))):], pattern[:n])
			if _, err := f.WriteAt(pattern[:n], off); err != nil {
				t.Fatal(err)
			}
		default:
			got := make([]byte, n)
			k, err := f.ReadAt(got, off)
			want := model[min(off, int64(len(model))):]
			want = want[:min(len(want), n)]
			if err != nil && (!errors.Is(err, io.EOF) || k == n) || !bytes.Equal(got[:k], want) {
				t.Fatalf("read %d at %d of %d: %d, %v", n, off, len(model), k, err)
			}
		}
		if size, err := f.Size(); err != nil || size != int64(len(model)) {
			t.Fatalf("size %d, want %d, %v", size, len(model), err)
		}
	}
	list, _ := m.ReadDir(".")
	if len(list) != 1 {
		t.Fatalf("%d files", len(list))
	}
	b, err := fsys.ReadFile(m, list[0].Name(), 0)
	if err != nil || len(b) == 0 || bytes.Contains(b, []byte("canary")) {
		t.Errorf("%d bytes on disk, in clear: %v, %v", len(b), bytes.Contains(b, []byte("canary")), err)
	}
	file, err := m.OpenFile(list[0].Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, len(b)), 0); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for off := int64(0); off < int64(len(model)); off += 4064 {
		if _, err := f.ReadAt(make([]byte, 1), off); err != nil {
			bad++
		}
	}
	if bad == 0 && len(model) > 3*4064 {
		t.Error("a file that was zeroed behind our back reads")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if list, _ := m.ReadDir("."); len(list) != 0 {
		t.Error("the file is still there")
	}
}
