package agent_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"latchkey/agent"
	"latchkey/agent/frame"
)

// FuzzServer sends what a hostile client might after a good hello. The agent answers with frames or closes; it does not hang, and it serves
// others afterwards.
func FuzzServer(f *testing.F) {
	open := frame.OpenRequest{}.Append(nil)
	whole := func(op frame.Op, id uint32, body []byte) []byte {
		return append(frame.Request{Length: uint32(len(body)), Op: op, ID: id}.Append(nil), body...)
	}
	f.Add(whole(frame.Ping, 2, nil))
	f.Add(append(whole(frame.Open, 2, open), whole(frame.KeyNext, 3, frame.Number{}.Append(nil))...))
	f.Add(append(whole(frame.Open, 2, open), whole(frame.Unwrap, 3, frame.UnwrapRequest{Thumb: []byte{1}, Blob: []byte("echo")}.Append(nil))...))
	f.Add(whole(frame.Wrap, 2, make([]byte, 5000)))
	f.Add([]byte{0, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	r := start(f, agent.Limits{Hello: time.Minute, Idle: 20 * time.Millisecond, Frame: 20 * time.Millisecond})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("unix", r.addr.Name)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		hello(t, c)
		_, _ = c.Write(b) // the agent may have closed already
		_ = c.(*net.UnixConn).CloseWrite()
		got, err := io.ReadAll(c)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the agent neither answers nor closes")
		}
		for len(got) > 0 {
			if len(got) < frame.HeaderLen {
				t.Fatalf("%d bytes of a header", len(got))
			}
			n := binary.LittleEndian.Uint32(got)
			if n > frame.MaxBody || binary.LittleEndian.Uint16(got[4:])&0x8000 == 0 {
				t.Fatalf("no response: %x", got[:frame.HeaderLen])
			}
			if len(got) < frame.HeaderLen+int(n) {
				return // cut off, as the client went away
			}
			got = got[frame.HeaderLen+int(n):]
		}
	})
}
