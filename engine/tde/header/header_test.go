package header_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/ekm"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
)

func sample() *header.Header {
	return &header.Header{
		Seq: 3, FileID: pagecipher.FileID{1, 2}, State: header.KeyChange, Suspended: true, Position: 7, Target: 5, Filled: 99, Rewraps: 2,
		Created: 1, Regenerated: 2, Modified: 3, Set: 4, Opened: 5,
		Keys: []header.Key{
			{Generation: 4, Algorithm: header.AES128, NextEpoch: 2, Spans: []pagecipher.Span{{First: 1, Salt: [16]byte{1}}}, Protector: "abc", URI: "u", Wrapped: ekm.Wrapped{Algorithm: "RSA-OAEP", Blob: []byte("b")}},
			{Generation: 5, Algorithm: header.AES256, NextEpoch: 1, Protector: "def", URI: "v", Wrapped: ekm.Wrapped{Algorithm: "RSA1_5", Blob: []byte("c")}, Created: 8},
		},
	}
}

func same(a, b *header.Header) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(header.Header{}), cmpopts.EquateEmpty())
}

func TestRoundTripAndVerify(t *testing.T) {
	dek := make([]byte, 32)
	b, err := sample().Encode(dek)
	if err != nil {
		t.Fatal(err)
	}
	h, err := header.Decode(append(b, make([]byte, 500)...))
	if err != nil {
		t.Fatal(err)
	}
	if d := same(sample(), h); d != "" {
		t.Error(d)
	}
	if err := h.Verify(dek); err != nil {
		t.Error(err)
	}
	if err := h.Verify(append([]byte{1}, dek[1:]...)); !errors.Is(err, header.ErrCorrupt) {
		t.Errorf("another key: %v", err)
	}
	newer := bytes.Clone(b)
	newer[19] = 2
	if _, err := header.Decode(newer); !errors.Is(err, header.ErrCorrupt) { // the checksum no longer fits: damage, not a version
		t.Errorf("version byte changed: %v", err)
	}
	if _, err := header.Decode([]byte("SQLite format 3\x00 and more than that, too")); !errors.Is(err, header.ErrNotDatabase) {
		t.Errorf("another file: %v", err)
	}
}

// However a write of the header fails, the file has the old one or the new one; and a damaged copy is made good by the other.
func TestFileSurvivesEveryFault(t *testing.T) {
	boom := errors.New("boom")
	for n := 1; n <= 5; n++ {
		for _, torn := range []int{-1, 0, 100, 600} {
			m := fsys.NewMem()
			f, err := m.OpenFile("h", os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			h := sample()
			dek := make([]byte, 32)
			if err := header.New(f).Write(h, dek); err != nil {
				t.Fatal(err)
			}
			seen := 0
			faulty, err := fsys.NewFaulty(m, func(op fsys.Op) error {
				if op.Kind&(fsys.OpWrite|fsys.OpSync) == 0 {
					return nil
				}
				if seen++; seen != n {
					return nil
				}
				if op.Kind == fsys.OpWrite && torn >= 0 {
					return &fsys.Torn{N: torn, Err: boom}
				}
				return boom
			}).OpenFile("h", os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			file, old, err := header.Load(faulty)
			if err != nil {
				t.Fatal(err)
			}
			changed := old.Clone()
			changed.Filled = 12345
			werr := file.Write(changed, dek)
			_, got, err := header.Load(f)
			if err != nil {
				t.Fatalf("fault %d, torn %d: %v", n, torn, err)
			}
			if got.Filled != 12345 && (werr == nil || got.Filled != 99) {
				t.Errorf("fault %d, torn %d: %d after %v", n, torn, got.Filled, werr)
			}
			if werr != nil { // and the next write is good
				seen = 100
				changed.Filled = 777
				if err := file.Write(changed, dek); err != nil {
					t.Fatal(err)
				}
				if _, got, err := header.Load(f); err != nil || got.Filled != 777 {
					t.Errorf("fault %d, torn %d: after a second write %d, %v", n, torn, got.Filled, err)
				}
			}
		}
	}
}

// What decodes encodes to the same, and nothing makes the decoder panic or take much memory.
func FuzzHeader(f *testing.F) {
	for _, h := range []*header.Header{sample(), {Filled: 1}, {State: header.Unencrypted, Keys: sample().Keys[:1]}} {
		b, err := h.Encode(make([]byte, 32))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := header.Decode(b)
		if err != nil {
			return
		}
		again, err := h.Clone().Encode(make([]byte, 32))
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		h2, err := header.Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := same(h, h2); d != "" {
			t.Error(d)
		}
	})
}
