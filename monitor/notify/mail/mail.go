// Package mail sends notifications as e-mails, one for each record, through github.com/wneessen/go-mail: SMTP with STARTTLS, which is not optional, or TLS from the
// beginning. Certificates are always verified. A relay on this machine may be plain.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"latchkey/internal/secret"
	"latchkey/monitor/notify"
)

// Config says how mail is sent. Server, From and To are required.
type Config struct {
	Server   string   // HOST:PORT; 465 speaks TLS from the beginning, every other port STARTTLS
	From     string   // an address
	To       []string // addresses
	User     string   // "" for none
	Password *secret.Bytes
	TLS      *tls.Config // nil means the system's authorities
	HELO     string      // "" means what the library finds
}

// Sink is a notify.Sink.
type Sink struct {
	cfg    Config
	host   string
	port   int
	domain string
	plain  bool
}

// New makes a sink; it connects for each mail.
func New(cfg Config) (*Sink, error) {
	host, port, err := net.SplitHostPort(cfg.Server)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
		return nil, fmt.Errorf("the mail server %q is not HOST:PORT", cfg.Server)
	}
	if len(cfg.To) == 0 {
		return nil, errors.New("nobody is named whom mail goes to")
	}
	ip, err := netip.ParseAddr(host)
	s := &Sink{cfg: cfg, host: host, port: n, plain: host == "localhost" || err == nil && ip.IsLoopback()}
	m := gomail.NewMsg()
	if err := errors.Join(m.From(cfg.From), m.To(cfg.To...)); err != nil {
		return nil, fmt.Errorf("reading the addresses of mail: %w", err)
	}
	if (cfg.User == "") != (cfg.Password.Len() == 0) {
		return nil, errors.New("the user of the mail server and a password belong together")
	}
	_, s.domain, _ = strings.Cut(strings.TrimRight(cfg.From, "> "), "@")
	return s, nil
}

// Send sends a mail.
func (s *Sink) Send(ctx context.Context, m notify.Message) error {
	r := m.Record
	about := r.Resource
	if about == "" {
		about = r.Object
	}
	msg := gomail.NewMsg()
	if err := errors.Join(msg.From(s.cfg.From), msg.To(s.cfg.To...)); err != nil {
		return notify.Permanent(err)
	}
	msg.Subject(clip("latchkey: " + strings.Join(strings.Fields(r.Event+" "+r.Status+" "+about), " ")))
	msg.SetMessageIDWithValue(m.ID + "@" + s.domain)
	msg.SetDateWithValue(r.Time)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Description)
	if m.Explanation != "" {
		fmt.Fprintf(&b, "%s\n\n", m.Explanation)
	}
	for _, l := range []struct{ name, value string }{
		{"time", r.Time.UTC().Format(time.RFC3339)},
		{"server", r.Server},
		{"database", r.Resource},
		{"about", r.Object},
		{"event", r.Event},
		{"status", r.Status},
		{"state", r.State},
		{"cause", r.Cause},
		{"key", r.Key},
		{"record", strconv.FormatUint(r.Seq, 10)},
	} {
		if l.value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", l.name, l.value)
		}
	}
	if r.Code != 0 {
		fmt.Fprintf(&b, "%-9s %d (latchkey explain %d)\n", "code", r.Code, r.Code)
	}
	msg.SetBodyString(gomail.TypeTextPlain, b.String())
	c, err := s.client(ctx)
	if err != nil {
		return fmt.Errorf("preparing mail for %s: %w", s.host, err)
	}
	if err := c.DialAndSendWithContext(ctx, msg); err != nil {
		err = fmt.Errorf("sending mail through %s: %w", s.host, err)
		if e, ok := errors.AsType[*gomail.SendError](err); ok && !e.IsTemp() && e.ErrorCode() >= 550 {
			return notify.Permanent(err)
		}
		return err
	}
	return nil
}

func (s *Sink) client(ctx context.Context) (*gomail.Client, error) {
	c := &tls.Config{}
	if s.cfg.TLS != nil {
		c = s.cfg.TLS.Clone()
	}
	c.MinVersion, c.ServerName = tls.VersionTLS12, s.host
	o := []gomail.Option{gomail.WithPort(s.port), gomail.WithTLSConfig(c), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	switch {
	case s.port == 465:
		o = append(o, gomail.WithSSL())
	case s.plain:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if at, ok := ctx.Deadline(); ok {
		if d := time.Until(at); d > 0 {
			o = append(o, gomail.WithTimeout(d))
		}
	}
	if s.cfg.HELO != "" {
		o = append(o, gomail.WithHELO(s.cfg.HELO))
	}
	if s.cfg.User != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.cfg.User), gomail.WithPassword(string(s.cfg.Password.Expose())))
	}
	return gomail.NewClient(s.host, o...)
}

const maxSubject = 200

func clip(s string) string {
	if len(s) > maxSubject {
		s = strings.ToValidUTF8(s[:maxSubject], "") + "..."
	}
	return s
}

// Close destroys the password.
func (s *Sink) Close() error {
	s.cfg.Password.Destroy()
	return nil
}
