package wtf8_test

import (
	"bytes"
	"testing"

	"latchkey/engine/sqltype/wtf8"
)

func TestLoneSurrogatesSurvive(t *testing.T) {
	for _, b := range [][]byte{{}, {'a', 0}, {0x00, 0xD8}, {0x00, 0xDC, 0x00, 0xD8}, {0x3D, 0xD8, 0x00, 0xDE}, {0xFD, 0xFF, 0xE9, 0}} {
		s := wtf8.FromUTF16LE(b)
		if got := wtf8.AppendUTF16LE(nil, s); !bytes.Equal(got, b) {
			t.Errorf("% x came back as % x", b, got)
		}
		if got := wtf8.Len(s); got != len(b)/2 {
			t.Errorf("% x has length %d", b, got)
		}
	}
}

func TestTruncateCutsPairs(t *testing.T) {
	const smile = "\U0001F600"
	if got := wtf8.Truncate("a"+smile, 2); wtf8.Len(got) != 2 {
		t.Errorf("got %q", got)
	}
	if got := wtf8.Join(wtf8.Truncate(smile, 1), wtf8.FromUTF16LE([]byte{0x00, 0xDE})); got != smile {
		t.Errorf("halves joined to %q", got)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("a\x00"), uint(1))
	f.Add([]byte{0x3D, 0xD8, 0x00, 0xDE}, uint(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint) {
		b = b[:len(b)&^1]
		s := wtf8.FromUTF16LE(b)
		if got := wtf8.AppendUTF16LE(nil, s); !bytes.Equal(got, b) {
			t.Fatalf("% x came back as % x", b, got)
		}
		if n %= 64; wtf8.Len(wtf8.Truncate(s, int(n))) != min(int(n), len(b)/2) {
			t.Fatalf("truncated to %d units: %d", n, wtf8.Len(wtf8.Truncate(s, int(n))))
		}
	})
}
