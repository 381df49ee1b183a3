// Package syslog sends notifications as RFC 5424 messages: over TLS (RFC 5425), TCP with octet counting (RFC 6587), UDP (RFC 5426), or the machine's own
// socket.
//
// What a message has: app name "latchkey", the event's name as MSGID, structured data with the record's members under the id latchkey@32473, and the
// description as text. Severity is that of [Severity]. Over UDP and the machine's socket nobody says that a message arrived, and over TCP only that it was sent:
// where each one counts, use a webhook, or TLS to a relay that is near.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"latchkey/internal/clock"
	"latchkey/monitor"
	"latchkey/monitor/expiry"
	"latchkey/monitor/notify"
)

// Config says where to. Address is required: tls://HOST:PORT (6514 if it has no port), tcp://HOST:PORT (601), udp://HOST:PORT (514), or unix:///dev/log.
type Config struct {
	Address  string
	TLS      *tls.Config // for tls; nil means the system's authorities
	Facility string      // "daemon" if "": kern to local7
	Host     string      // of messages; "" means the machine's name
	PID      int         // 0 means none
	Clock    clock.Clock // nil means the machine's
}

// Sink is a notify.Sink.
type Sink struct {
	cfg           Config
	network, addr string
	facility      uint8
	conn          net.Conn
}

// facilities are the names of RFC 5424, table 1, by number.
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// New makes a sink; it connects with the first message.
func New(cfg Config) (*Sink, error) {
	s := &Sink{cfg: cfg}
	if s.cfg.Clock == nil {
		s.cfg.Clock = clock.System{}
	}
	if s.cfg.Facility == "" {
		s.cfg.Facility = "daemon"
	}
	known := false
	for n, name := range facilities() {
		if name == s.cfg.Facility {
			s.facility, known = uint8(n), true //nolint:gosec // less than 24
		}
	}
	if !known {
		return nil, fmt.Errorf("the facility %q is none: %s", cfg.Facility, strings.Join(facilities(), ", "))
	}
	u, err := url.Parse(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("the address %q is not tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH", cfg.Address)
	}
	port := map[string]string{"tls": "6514", "tcp": "601", "udp": "514"}[u.Scheme]
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		s.network, s.addr = "unix", u.Path
	case port != "" && u.Hostname() != "" && (u.Path == "" || u.Path == "/") && u.User == nil:
		if u.Port() != "" {
			port = u.Port()
		}
		s.network, s.addr = u.Scheme, net.JoinHostPort(u.Hostname(), port)
	default:
		return nil, fmt.Errorf("the address %q is not tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH", cfg.Address)
	}
	if s.cfg.Host == "" {
		s.cfg.Host, _ = os.Hostname() // a message without one is a message
	}
	return s, nil
}

// Severity is that of an event, as RFC 5424, table 2, numbers them: 2 critical, 3 error, 4 warning, 5 notice, 6 informational.
func Severity(event, status string) uint8 {
	switch event {
	case monitor.MakeInaccessible, "KeyAccessLost":
		return 2
	case expiry.Ended, notify.Dropped:
		return 3
	case expiry.Ending, expiry.NotYet:
		return 4
	case notify.Heartbeat:
		return 6
	}
	switch status {
	case monitor.Failed:
		return 3
	case monitor.Started:
		return 4
	}
	return 5
}

// maxMessage keeps a message inside what every receiver must take (RFC 5424, 6.1: 2048 bytes), for UDP; others may have more.
const maxMessage = 2048

// message is the record in the wire's form, without a frame.
func (s *Sink) message(m notify.Message) (string, error) {
	r := m.Record
	b := &rfc5424.SyslogMessage{}
	b.SetVersion(1).SetPriority(s.facility*8 + Severity(r.Event, r.Status)).
		SetTimestamp(r.Time.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)).SetHostname(printable(s.cfg.Host, 255)).SetAppname("latchkey").SetMsgID(printable(r.Event, 32))
	if s.cfg.PID != 0 {
		b.SetProcID(strconv.Itoa(s.cfg.PID))
	}
	const id = "latchkey@32473" // the number for documentation (RFC 5612): nobody gave us one
	b.SetElementID(id)
	for _, p := range []struct{ name, value string }{
		{"id", m.ID}, {"server", r.Server}, {"resource", r.Resource}, {"status", r.Status}, {"state", r.State}, {"cause", r.Cause}, {"key", r.Key}, {"object", r.Object},
	} {
		if p.value != "" {
			b.SetParameter(id, p.name, escape(p.value))
		}
	}
	if r.Code != 0 {
		b.SetParameter(id, "code", strconv.Itoa(int(r.Code)))
	}
	if !r.Ends.IsZero() {
		b.SetParameter(id, "ends", r.Ends.UTC().Format(time.RFC3339))
	}
	b.SetMessage(strings.ToValidUTF8(oneLine(r.Description), "?"))
	text, err := b.String()
	if err != nil {
		return "", fmt.Errorf("writing record %d as RFC 5424: %w", r.Seq, err)
	}
	if s.network == "udp" && len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "")
	}
	return text, nil
}

// escape is a parameter's value as RFC 5424, 6.3.3, wants it.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(strings.ToValidUTF8(oneLine(s), "?"))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// printable is s as a header's field: printable ASCII without blanks.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '-'
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}

// Send sends a message. A connection that broke is made anew once: a receiver that was restarted closes what it had.
func (s *Sink) Send(ctx context.Context, m notify.Message) error {
	text, err := s.message(m)
	if err != nil {
		return notify.Permanent(err)
	}
	frame := []byte(text)
	if s.network == "tcp" || s.network == "tls" {
		frame = fmt.Appendf(nil, "%d %s", len(text), text)
	}
	if s.conn != nil {
		if s.write(ctx, frame) == nil {
			return nil
		}
		s.drop()
	}
	if err := s.dial(ctx); err != nil {
		return fmt.Errorf("connecting to %s %s: %w", s.network, s.addr, err)
	}
	if err := s.write(ctx, frame); err != nil {
		s.drop()
		return fmt.Errorf("sending to %s %s: %w", s.network, s.addr, err)
	}
	return nil
}

func (s *Sink) dial(ctx context.Context) (err error) {
	d := &net.Dialer{}
	switch s.network {
	case "tls":
		c := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.cfg.TLS != nil {
			c = s.cfg.TLS.Clone()
		}
		s.conn, err = (&tls.Dialer{NetDialer: d, Config: c}).DialContext(ctx, "tcp", s.addr)
	case "unix": // the machine's socket takes datagrams, some a stream
		if s.conn, err = d.DialContext(ctx, "unixgram", s.addr); err != nil {
			first := err
			if s.conn, err = d.DialContext(ctx, "unix", s.addr); err != nil {
				err = errors.Join(first, err)
			}
		}
	default:
		s.conn, err = d.DialContext(ctx, s.network, s.addr)
	}
	if err != nil {
		s.conn = nil
	}
	return err
}

func (s *Sink) write(ctx context.Context, frame []byte) error {
	// Who closed the connection is found by reading: a write into it may still succeed.
	if s.network == "tcp" || s.network == "tls" {
		if err := closedByPeer(s.conn); err != nil {
			return err
		}
	}
	if at, ok := ctx.Deadline(); ok {
		_ = s.conn.SetWriteDeadline(at)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if s.network == "unix" && s.conn.RemoteAddr().Network() == "unix" {
		frame = append(frame, '\n')
	}
	_, err := s.conn.Write(frame)
	return err
}

// closedByPeer reports a connection that the other side has closed. Receivers send nothing.
func closedByPeer(c net.Conn) error {
	_ = c.SetReadDeadline(clock.System{}.Now().Add(time.Millisecond)) // of a socket: the machine's time
	_, err := c.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

func (s *Sink) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// Close closes the connection.
func (s *Sink) Close() error {
	s.drop()
	return nil
}
