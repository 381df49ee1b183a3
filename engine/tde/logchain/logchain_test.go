package logchain_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
)

// chain makes a chain of two segments and gives what Copy writes of it.
func chain(t testing.TB) []byte {
	t.Helper()
	c, err := logchain.Create(fsys.OS{}, t.TempDir()+"/chain", 1)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_700_000_000_000).UTC()
	for n := range uint64(2) {
		i := logchain.Info{Frames: 2, Salts: n + 1, Number: 1, Plain: n == 0, Head: []byte("header"), Marks: []logchain.Mark{{Frame: 1, Time: at}, {Frame: 2, Time: at}}}
		if err := c.Append(i, func(n uint64) ([]byte, error) { return bytes.Repeat([]byte{byte(n)}, pagecipher.DiskFrame), nil }); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := c.Copy(t.Context(), &b, 1); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read reads all segments with their frames.
func read(b []byte) (infos []logchain.Info, frames int, err error) {
	r := logchain.NewReader(bytes.NewReader(b))
	for {
		i, err := r.Next()
		if err == io.EOF {
			return infos, frames, nil
		}
		if err != nil {
			return infos, frames, err
		}
		infos = append(infos, i)
		for {
			f, err := r.Frame()
			if err == io.EOF {
				break
			}
			if err != nil {
				return infos, frames, err
			}
			if len(f) != pagecipher.DiskFrame {
				return infos, frames, errors.New("a frame of another size")
			}
			frames++
		}
	}
}

// What was written is read; cut anywhere within it is damage, not an end.
func TestReader(t *testing.T) {
	b := chain(t)
	infos, frames, err := read(b)
	if err != nil || len(infos) != 2 || frames != 4 {
		t.Fatalf("%d segments, %d frames, %v", len(infos), frames, err)
	}
	for n := 1; n < len(b)/2; n += 97 {
		if _, _, err := read(b[:n]); !errors.Is(err, logchain.ErrCorrupt) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// FuzzDecode reads one segment's beginning: what it says of itself is consistent, whatever the bytes.
func FuzzDecode(f *testing.F) {
	b := chain(f)
	f.Add(b[:200])
	f.Add(b)
	f.Add([]byte("LKLOGSEG"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := logchain.NewReader(bytes.NewReader(b)).Next()
		if err != nil {
			return
		}
		if i.Frames == 0 || i.First == 0 || len(i.Marks) == 0 || i.Marks[len(i.Marks)-1].Frame != i.Last() || len(i.Head) > len(b) {
			t.Errorf("accepted %+v", i)
		}
	})
}

// FuzzReader reads a stream of segments to its end: no more frames than there are bytes for.
func FuzzReader(f *testing.F) {
	b := chain(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(append(bytes.Clone(b), "LKLOGSEG"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if infos, frames, err := read(b); frames*pagecipher.DiskFrame > len(b) || err == nil && len(b) > 0 && len(infos) == 0 {
			t.Errorf("%d segments, %d frames of %d bytes, %v", len(infos), frames, len(b), err)
		}
	})
}
