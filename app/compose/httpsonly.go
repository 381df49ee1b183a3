package compose

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"latchkey/internal/clock"
	"latchkey/vault/httpapi"
)

// httpsOnly answers who speaks plain HTTP to a vault's port as the vault's interface does, where net/http has a line of plain text.
type httpsOnly struct{ net.Listener }

// Accept waits for the next connection.
func (l httpsOnly) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &firstByte{Conn: c}, nil
}

// firstByte looks at the first byte that a client sends: TLS begins with 22, HTTP with a capital letter. Reads come one at a time.
type firstByte struct {
	net.Conn
	seen bool
}

// Read reads, and ends a connection that does not begin as TLS does but as HTTP.
func (c *firstByte) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.seen || n == 0 {
		return n, err
	}
	c.seen = true
	if b[0] < 'A' || b[0] > 'Z' {
		return n, err
	}
	clear(b[:n]) // perhaps a token
	c.refuse()
	return 0, io.EOF
}

const (
	refuseTime = 2 * time.Second
	refuseRead = 1 << 20 // more than any request that the vault takes
)

// refuse answers, and reads what still comes of the request, since closing over unread bytes would take the answer away.
func (c *firstByte) refuse() {
	e := httpapi.PlainHTTP()
	body, err := json.Marshal(e)
	if err != nil {
		return
	}
	_ = c.SetDeadline(clock.System{}.Now().Add(refuseTime)) // of a socket: the machine's time
	if _, err := fmt.Fprintf(c.Conn, "HTTP/1.1 %d Bad Request\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", e.Status, len(body), body); err != nil {
		return
	}
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, c.Conn, refuseRead)
}
