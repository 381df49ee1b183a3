package conn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/login"
	"latchkey/internal/clock"
)

// A server that wants encryption takes no login in clear text, whatever the client says it can do; nor does one with a certificate take it
// from a client that agreed to encrypt its login.
func TestNoDowngrade(t *testing.T) {
	for _, c := range []struct {
		name   string
		force  bool
		none   bool // the server has no certificate
		asked  login.Prelogin
		answer login.Encryption
	}{
		{"forced, cannot", true, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}, login.EncryptReq},
		{"forced, says nothing", true, false, login.Prelogin{}, login.EncryptReq},
		{"forced, login only", true, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptOff}, login.EncryptReq},
		{"forced, on", true, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptOn}, login.EncryptOn},
		{"login only", false, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptOff}, login.EncryptOff},
		{"on", false, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptOn}, login.EncryptOn},
		{"required", false, false, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptReq}, login.EncryptOn},
		{"forced without a certificate", true, true, login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptOn}, login.EncryptNotSup},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, func(cfg *conn.Config) {
				cfg.ForceEncryption = c.force
				if c.none {
					cfg.TLS = nil
				}
			})
			p := dial(t, s)
			p.send(tds.PacketPrelogin, 0, c.asked.Append(nil))
			b, err := p.message()
			if err != nil {
				t.Fatal(err)
			}
			var got login.Prelogin
			if err := got.Decode(b); err != nil || got.Encrypt != c.answer {
				t.Errorf("answer %d, %v; want %d", got.Encrypt, err, c.answer)
			}
			p.send(tds.PacketLogin, 0, goodLogin().Append(nil))
			if !p.closed() {
				t.Error("the connection goes on")
			}
			if n := len(s.all()); n != 0 {
				t.Error("a login in clear text was taken")
			}
		})
	}
}

// TDS 8.0 begins with TLS that names its protocol, of version 1.2 at least.
func TestStrictNeedsItsProtocol(t *testing.T) {
	s := start(t, nil)
	for name, change := range map[string]func(*tls.Config){
		"no protocol":      func(c *tls.Config) { c.NextProtos = nil },
		"another protocol": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"TLS 1.1":          func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"clear text":       nil,
	} {
		p := dial(t, s)
		if change == nil {
			if err := p.packet(tds.PacketLogin, tds.StatusEnd, goodLogin().Append(nil)); err != nil {
				t.Fatal(err)
			}
			_ = p.closed()
			continue
		}
		cfg := &tls.Config{RootCAs: s.pool, ServerName: "localhost", NextProtos: []string{"tds/8.0"}}
		change(cfg)
		c := tls.Client(p, cfg)
		err := c.HandshakeContext(t.Context())
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // with TLS 1.3 the server's refusal comes behind the client's handshake
		}
		var timeout net.Error
		if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.all()); n != 0 {
		t.Errorf("%d logins", n)
	}
}

// slow is a client that sends a byte a minute, on the clock's time.
type slow struct {
	clock *clock.Fake
	send  []byte

	mu       sync.Mutex
	deadline time.Time
	closed   bool
}

func (s *slow) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case !s.deadline.IsZero() && !s.clock.Now().Before(s.deadline):
		return 0, os.ErrDeadlineExceeded
	case len(s.send) == 0:
		return 0, io.EOF
	}
	b[0] = s.send[0]
	s.send = s.send[1:]
	s.clock.Advance(time.Minute)
	return 1, nil
}

func (s *slow) set(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return nil
}
func (s *slow) Write(b []byte) (int, error)        { return len(b), nil }
func (s *slow) SetDeadline(t time.Time) error      { return s.set(t) }
func (s *slow) SetReadDeadline(t time.Time) error  { return s.set(t) }
func (s *slow) SetWriteDeadline(t time.Time) error { return nil }
func (s *slow) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (s *slow) RemoteAddr() net.Addr               { return &net.TCPAddr{} }

func (s *slow) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// nobody lets no one in.
type nobody struct{ asked bool }

func (n *nobody) Login(context.Context, *conn.LoginRequest) (*conn.Accepted, error) {
	n.asked = true
	return nil, errors.New("no")
}

// A client that sends a byte a minute is dropped when the time for its login is over, not a minute after each byte.
func TestSlowClient(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pre, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketPrelogin}, (&login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}).Append(nil), 4096)
	in, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketLogin}, goodLogin().Append(nil), 4096)
	for name, bytes := range map[string][]byte{"prelogin": pre, "login": append(pre, in...), "tls": []byte(strings.Repeat("\x16\x03\x01\x40\x00", 100)), "noise": []byte(strings.Repeat("x", 100))} {
		c := clock.NewFake(began)
		who := &nobody{}
		s := &slow{clock: c, send: bytes}
		err := conn.Serve(t.Context(), s, conn.Config{Clock: c, LoginTimeout: 10 * time.Minute, TLS: &tls.Config{}}, who)
		if took := c.Now().Sub(began); err == nil || who.asked || took > 10*time.Minute || !s.closed {
			t.Errorf("%s: %v after %v", name, err, took)
		}
	}
}
