// Package conn is the server's side of a TDS connection: it takes a socket through prelogin, TLS and login, then reads requests,
// hands them to a [Session] and writes the replies. It knows no SQL.
//
// Call [Serve] in a goroutine for each accepted socket, with a [Config] and an [Authenticator]; it returns when the connection is
// over. The number of connections, and of those not logged in yet, is the listener's to bound.
//
// All the encryption modes of TDS are there: TLS inside TDS packets for everything or for the login alone, none, and TLS first
// with TDS 8.0 inside. TLS is 1.2 in TDS 7.x, where tickets of 1.3 would fall between packets, and up to 1.3 in TDS 8.0, which
// needs the protocol name tds/8.0. What is refused, politely: TDS 7.1 and older, integrated and federated logins, MARS, distributed
// transactions, data types that the codec does not know.
//
// Nobody holds more than they may: before login a client has a deadline for all of it and 128 KiB; later a message is bounded by
// Config.MaxMessage, all messages together by a shared [Budget], the time between its packets and the time that a reply may block
// are bounded too. An attention is seen while a reply is being written or computed, ends the request's context, and is answered.
//
// A connection uses the caller's goroutine, which reads a request, runs the Session and writes the reply, and while a request takes long a
// second one, which reads on. Both have ended when Serve returns.
package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"latchkey/engine/tds"
	"latchkey/internal/clock"
)

// Config says how a server serves. The zero value serves without TLS.
type Config struct {
	// TLS has the certificate. Versions and protocol names in it are overridden. nil means that the server cannot encrypt.
	TLS *tls.Config
	// ForceEncryption refuses clients that do not encrypt the whole connection.
	ForceEncryption bool
	// ServerName stands in messages that the connection writes itself.
	ServerName string
	// Version is the server's: major, minor, build high, build low; 16.0.1000 by default. Drivers want a major of 11 or more.
	Version [4]byte
	// PacketSize is the largest to agree on; tds.MaxPacketSize by default. Clients ask for 4,096 or 8,000.
	PacketSize int
	// LoginTimeout is for everything up to the answer to the login; 15 s by default.
	LoginTimeout time.Duration
	// ReadTimeout is for the next packet of a message that has begun; 60 s by default.
	ReadTimeout time.Duration
	// WriteTimeout is for one write of a reply, which may have a sixteenth less; 5 min by default, since clients may pause a result.
	WriteTimeout time.Duration
	// IdleTimeout is for the next message, from the end of the answer to the one before; none by default.
	IdleTimeout time.Duration
	// MaxMessage is the most bytes of a request; 64 MiB by default. Bulk loads are not bounded by it: their rows are.
	MaxMessage int
	// Limits are the codec's. Its Value is at most MaxMessage.
	Limits tds.Limits
	// Budget is shared by all connections of a server; nil means no bound over all.
	Budget *Budget
	// SPID is the session's number, told to the client in every packet.
	SPID uint16
	// Clock is the time for deadlines; the system's by default.
	Clock clock.Clock
}

func (c Config) withDefaults() Config {
	if c.Version == [4]byte{} {
		c.Version = [4]byte{16, 0, 1000 >> 8, 1000 & 0xFF}
	}
	c.PacketSize = between(c.PacketSize, tds.MinPacketSize, tds.MaxPacketSize)
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.LoginTimeout, 15*time.Second)
	def(&c.ReadTimeout, time.Minute)
	def(&c.WriteTimeout, 5*time.Minute)
	if c.MaxMessage <= 0 {
		c.MaxMessage = 64 << 20
	}
	if c.Limits.Value <= 0 || c.Limits.Value > c.MaxMessage {
		c.Limits.Value = c.MaxMessage
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c
}

// between is n within bounds; the upper one if n is not set.
func between(n, lo, hi int) int {
	if n <= 0 {
		return hi
	}
	return min(max(n, lo), hi)
}

// errClosing ends a connection after an error that the client was told.
var errClosing = errors.New("closing the connection after a severe error")

// conn is a connection under way.
type conn struct {
	cfg     Config
	socket  net.Conn // what the client connected to
	stream  net.Conn // what packets go over: the socket, or TLS on it
	strict  bool     // TDS 8.0
	whole   bool     // TLS for the whole connection
	version tds.Version
	size    int // of packets
	session Session
	rpc     tds.RPC // the one being served
	share   share   // of the budget

	resetDone tds.EnvChange
}

// Serve takes a connection from its first byte to its end and closes it. It returns nil when the client went away between requests
// or ctx ended, else why the connection ended. When ctx ends, a request under way is cancelled and answered, and the
// connection closed.
func Serve(ctx context.Context, socket net.Conn, cfg Config, auth Authenticator) error {
	socket = directly(socket)
	c := &conn{cfg: cfg.withDefaults(), socket: socket, stream: socket, version: tds.V74, size: tds.DefaultPacketSize}
	c.share.b = cfg.Budget
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() {
		past := time.Unix(1, 0)
		_ = socket.SetReadDeadline(past)
		_ = socket.SetWriteDeadline(c.cfg.Clock.Now().Add(5 * time.Second))
	})
	defer stop()
	loginCtx, cancel := context.WithTimeout(ctx, c.cfg.LoginTimeout)
	defer cancel()
	if err := socket.SetDeadline(c.cfg.Clock.Now().Add(c.cfg.LoginTimeout)); err != nil {
		return err
	}
	if err := c.login(loginCtx, auth); err != nil {
		return err
	}
	defer c.session.Close()
	if err := socket.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	err := c.requests(ctx)
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return nil
	}
	return err
}
