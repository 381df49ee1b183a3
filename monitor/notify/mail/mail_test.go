package mail_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/internal/secret"
	"latchkey/monitor/activity"
	"latchkey/monitor/notify"
	"latchkey/monitor/notify/mail"
)

// server speaks enough SMTP to take a mail; what it was told comes on the channel. With a certificate it offers STARTTLS and then AUTH.
func server(t *testing.T, cert *tls.Config, answer string) (addr string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	got = make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c, cert, answer, got)
		}
	}()
	return l.Addr().String(), got
}

func talk(c net.Conn, cert *tls.Config, answer string, got chan string) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	say := func(s string) { fmt.Fprint(c, s+"\r\n") }
	secured, data := false, false
	var all strings.Builder
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if data {
			all.WriteString(line)
			if line == ".\r\n" {
				data = false
				got <- all.String()
				say(answer)
			}
			continue
		}
		all.WriteString(line)
		switch word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); word {
		case "EHLO":
			say("250-test")
			if cert != nil && !secured {
				say("250-STARTTLS")
			}
			if secured {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			s := tls.Server(c, cert)
			if s.Handshake() != nil {
				return
			}
			c, secured = s, true
			r = bufio.NewReader(c)
		case "AUTH":
			say("235 yes")
		case "DATA":
			data = true
			say("354 go on")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

var message = notify.Message{ID: "msg_1", Explanation: "The key is disabled.", Record: activity.Record{
	Seq: 7, Time: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), Resource: "Sales", Event: "MakeDatabaseInaccessible", Status: "Started", Description: "Database has lost access", Code: 3113,
}}

func TestSend(t *testing.T) {
	certs := httptest.NewTLSServer(nil)
	defer certs.Close()
	pool := x509.NewCertPool()
	pool.AddCert(certs.Certificate())
	addr, got := server(t, &tls.Config{Certificates: certs.TLS.Certificates}, "250 taken")
	s, err := mail.New(mail.Config{
		Server: addr, From: "latchkey@example.org", To: []string{"dba@example.org", "second@example.org"}, User: "u", Password: secret.FromString("test-only-password"),
		TLS: &tls.Config{RootCAs: pool}, HELO: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{
		"STARTTLS", "AUTH PLAIN", "RCPT TO:<dba@example.org>", "RCPT TO:<second@example.org>", "Subject: latchkey: MakeDatabaseInaccessible Started Sales", "msg_1@example.org",
		"Database has lost access", "The key is disabled.", "latchkey explain 3113", "Auto-Submitted: auto-generated",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text[strings.Index(text, "DATA"):], "test-only-password") {
		t.Error("the password is in the mail")
	}
	unknown, err := mail.New(mail.Config{Server: addr, From: "a@b.c", To: []string{"d@e.f"}, HELO: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := unknown.Send(t.Context(), message); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	_ = s.Close()
}

// A relay on this machine may be plain; what it refuses for good is no use repeating.
func TestPlainAndRefused(t *testing.T) {
	addr, got := server(t, nil, "554 no")
	s, err := mail.New(mail.Config{Server: addr, From: "a@example.org", To: []string{"d@example.org"}, HELO: "test"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), message)
	<-got
	if err == nil || !strings.Contains(err.Error(), "554") {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]mail.Config{
		"no port": {Server: "h", From: "a@b.c", To: []string{"d@e.f"}}, "nobody": {Server: "h:25", From: "a@b.c"}, "no address": {Server: "h:25", From: "x", To: []string{"d@e.f"}},
		"no password": {Server: "h:25", From: "a@b.c", To: []string{"d@e.f"}, User: "u"},
	} {
		if _, err := mail.New(c); err == nil {
			t.Error(name)
		}
	}
}
