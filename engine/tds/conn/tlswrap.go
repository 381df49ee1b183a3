package conn

import (
	"bufio"
	"fmt"
	"io"
	"net"

	"latchkey/engine/tds"
)

// peeked is a socket with a buffer in front, so that the first byte can be looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

// Read reads from the buffer first.
func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// wrapped carries TLS records of the handshake in TDS packets of type 0x12. After done is set it passes bytes through.
type wrapped struct {
	net.Conn
	left int // bytes of the packet that is being read
	done bool
}

// Read reads the content of packets.
func (w *wrapped) Read(b []byte) (int, error) {
	if w.done {
		return w.Conn.Read(b)
	}
	for w.left == 0 {
		var head [tds.HeaderSize]byte
		if _, err := io.ReadFull(w.Conn, head[:]); err != nil {
			return 0, err
		}
		h, err := tds.DecodeHeader(head[:], tds.MaxPacketSize)
		if err != nil {
			return 0, err
		}
		if h.Type != tds.PacketPrelogin {
			return 0, fmt.Errorf("packet type %#02x during the TLS handshake", uint8(h.Type))
		}
		w.left = h.Length - tds.HeaderSize
	}
	n, err := w.Conn.Read(b[:min(len(b), w.left)])
	w.left -= n
	return n, err
}

// Write writes one flight as one message.
func (w *wrapped) Write(b []byte) (int, error) {
	if w.done {
		return w.Conn.Write(b)
	}
	out, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketPrelogin}, b, tds.DefaultPacketSize)
	if _, err := w.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}
