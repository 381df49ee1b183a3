package frame_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"latchkey/agent/frame"
	"latchkey/ekm"

	"github.com/google/go-cmp/cmp"
)

type appender interface{ Append([]byte) []byte }

// parsed makes an interface of a message, or its error.
func parsed[T appender](m T, err error) (appender, error) { return m, err }

// reencodeRequest reads a whole request and writes it again.
func reencodeRequest(b []byte) ([]byte, error) {
	if len(b) < frame.HeaderLen {
		return nil, errors.New("short")
	}
	h, err := frame.ParseRequest(b[:frame.HeaderLen])
	if err != nil {
		return nil, err
	}
	body := b[frame.HeaderLen:]
	if int(h.Length) != len(body) {
		return nil, errors.New("another length")
	}
	var m appender
	switch h.Op {
	case frame.Hello:
		m, err = parsed(frame.ParseHelloRequest(body))
	case frame.Open:
		m, err = parsed(frame.ParseOpenRequest(body))
	case frame.KeyByName:
		m, err = parsed(frame.ParseNameRequest(body))
	case frame.KeyByThumb, frame.PublicKey, frame.DropKey:
		m, err = parsed(frame.ParseThumb(body))
	case frame.KeyNext, frame.KeyByID:
		m, err = parsed(frame.ParseNumber(body))
	case frame.Wrap:
		m, err = parsed(frame.ParseWrapRequest(body))
	case frame.Unwrap:
		m, err = parsed(frame.ParseUnwrapRequest(body))
	case frame.CreateKey:
		m, err = parsed(frame.ParseCreateRequest(body))
	case frame.ImportKey:
		m, err = parsed(frame.ParseImportRequest(body))
	default:
		return h.Append(nil), frame.ParseEmpty(h.Op, body)
	}
	if err != nil {
		return nil, err
	}
	return m.Append(h.Append(nil)), nil
}

// reencodeResponse reads a whole response to q and writes it again.
func reencodeResponse(b []byte, q frame.Request) ([]byte, error) {
	if len(b) < frame.HeaderLen {
		return nil, errors.New("short")
	}
	h, err := frame.ParseResponse(b[:frame.HeaderLen], q)
	if err != nil {
		return nil, err
	}
	body := b[frame.HeaderLen:]
	if int(h.Length) != len(body) {
		return nil, errors.New("another length")
	}
	var m appender
	switch {
	case h.Code != 0:
		m, err = parsed(frame.ParseFailure(body))
	case h.Op == frame.Hello:
		m, err = parsed(frame.ParseHelloResponse(body))
	case h.Op == frame.Info:
		p, err := frame.ParseInfo(body)
		if err != nil {
			return nil, err
		}
		return frame.AppendInfo(h.Append(nil), p)
	case h.Op == frame.Algorithms:
		a, err := frame.ParseAlgorithms(body)
		if err != nil {
			return nil, err
		}
		return frame.AppendAlgorithms(h.Append(nil), a)
	case h.Op == frame.KeyByName || h.Op == frame.KeyByThumb || h.Op == frame.KeyNext || h.Op == frame.KeyByID:
		m, err = parsed(frame.ParseKey(body))
	case h.Op == frame.PublicKey:
		m, err = parsed(frame.ParsePublicBlob(body))
	case h.Op == frame.Wrap:
		m, err = parsed(frame.ParseWrapped(body))
	case h.Op == frame.Unwrap:
		m, err = parsed(frame.ParsePlain(body))
	case h.Op == frame.CreateKey || h.Op == frame.ImportKey:
		m, err = parsed(frame.ParseThumbResponse(body))
	case h.Op == frame.Ping:
		m, err = parsed(frame.ParsePingResponse(body))
	default:
		return h.Append(nil), nil
	}
	if err != nil {
		return nil, err
	}
	return m.Append(h.Append(nil)), nil
}

func seeds(f *testing.F, kind string) {
	f.Helper()
	for _, v := range vectors() {
		if strings.HasSuffix(v.kind, kind) {
			f.Add(v.b)
		}
	}
}

// What an agent accepts it can write again with the same bytes, so that no two readings of a request exist.
func FuzzRequest(f *testing.F) {
	seeds(f, ">")
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := reencodeRequest(b)
		if err != nil {
			return
		}
		if frame.Op(b[4]) == frame.Hello && b[5] == 0 {
			return // hello may be longer than this version knows
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x reads as %x", b, again)
		}
	})
}

// What a client accepts does not grow when it is written again, and reads the same.
func FuzzResponse(f *testing.F) {
	seeds(f, "<")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < frame.HeaderLen {
			return
		}
		q := frame.Request{Op: frame.Op(uint16(b[4]) | uint16(b[5]&0x7f)<<8), ID: uint32(b[8]) | uint32(b[9])<<8 | uint32(b[10])<<16 | uint32(b[11])<<24}
		again, err := reencodeResponse(b, q)
		if err != nil {
			return
		}
		if len(again) > len(b) {
			t.Errorf("%x reads as %x", b, again)
		}
		frame.SetLength(again)
		if twice, err := reencodeResponse(again, q); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%x reads as %x, then as %x, %v", b, again, twice, err)
		}
	})
}

func FuzzWide(f *testing.F) {
	for _, s := range []string{"", "vault", "ключ", "k\U0001F511", "\xff", "\uFFFD"} {
		f.Add([]byte(s))
	}
	f.Add([]byte{0x3d, 0xd8}) // half a pair
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := frame.Text(b); err == nil {
			if w, err := frame.Wide(s); err != nil || !bytes.Equal(w, b) {
				t.Errorf("%x is %q is %x, %v", b, s, w, err)
			}
		}
		if w, err := frame.Wide(string(b)); err == nil {
			if s, err := frame.Text(w); err != nil || s != string(b) {
				t.Errorf("%q is %x is %q, %v", b, w, s, err)
			}
		}
	})
}

// A key's description, a public key and a provider's come out of the wire as they went in.
func TestRoundTrips(t *testing.T) {
	want := ekm.KeyInfo{Name: "Schlüssel", Thumbprint: ekm.Thumbprint(run(20, 1)), Algorithm: 2, Bits: 3072, URI: "https://v/keys/k/1", Flags: ekm.Supported}
	m, err := frame.KeyOf(3, want)
	if err != nil {
		t.Fatal(err)
	}
	if m.Size != 384 || m.ID != 3 {
		t.Errorf("message is %+v", m)
	}
	m, err = frame.ParseKey(m.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Info(); err != nil || !cmp.Equal(got, want) {
		t.Errorf("key is %+v, %v", got, err)
	}
	for _, e := range []uint32{3, 65537, 1 << 31} {
		k := ekm.PublicKey{N: append([]byte{0x80}, run(255, 3)...), E: e}
		b, err := frame.PublicBlobOf(k)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Key(); err != nil || !cmp.Equal(got, k) {
			t.Errorf("public key is %+v, %v", got, err)
		}
	}
	b, err := frame.AppendInfo(nil, info())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := frame.ParseInfo(b); err != nil || got != info() {
		t.Errorf("info is %+v, %v", got, err)
	}
}

func TestVersionsAreChosen(t *testing.T) {
	for _, tc := range []struct{ lowest, highest, want uint16 }{{1, 1, 1}, {1, 9, 1}, {2, 9, 0}} {
		if got := (frame.HelloRequest{Lowest: tc.lowest, Highest: tc.highest}).Choose(); got != tc.want {
			t.Errorf("of %d to %d, %d was chosen, want %d", tc.lowest, tc.highest, got, tc.want)
		}
	}
}

// What may be repeated and what not is part of the contract with the C side.
func TestOnlyWhatChangesNothingIsSentAgain(t *testing.T) {
	for op := frame.Hello; op <= frame.Ping; op++ {
		want := op != frame.CreateKey && op != frame.DropKey && op != frame.ImportKey && op != frame.Close
		if op.Again() != want {
			t.Errorf("%v: Again() = %v", op, op.Again())
		}
	}
	if frame.Op(99).Again() {
		t.Error("an operation that is not known is sent again")
	}
}

func TestChecksRefuseWhatTheOtherSideWould(t *testing.T) {
	thumb := run(20, 0)
	for name, err := range map[string]error{
		"secret":  frame.OpenRequest{Secret: make([]byte, frame.MaxSecret+2)}.Check(),
		"name":    frame.NameRequest{}.Check(),
		"thumb":   frame.Thumb{Thumbprint: make([]byte, 33)}.Check(),
		"plain":   frame.WrapRequest{Thumb: thumb, Plain: make([]byte, frame.MaxPlain+1)}.Check(),
		"blob":    frame.UnwrapRequest{Thumb: thumb}.Check(),
		"created": frame.CreateRequest{Name: make([]byte, 514)}.Check(),
		"import":  frame.ImportRequest{Name: make([]byte, 2)}.Check(),
	} {
		if !errors.Is(err, frame.ErrBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
