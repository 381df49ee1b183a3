package syslog_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"latchkey/monitor/activity"
	"latchkey/monitor/notify"
	"latchkey/monitor/notify/syslog"
)

func message(event string) notify.Message {
	return notify.Message{ID: "msg_1", Record: activity.Record{
		Seq: 7, Time: time.Date(2026, 3, 1, 3, 0, 0, 123456789, time.UTC), Server: "S", Resource: `My "db" ]\ ü`, Event: event, Status: "Started",
		Description: "Database has lost\naccess: ü", Code: 3113,
	}}
}

// parse reads a message with a parser that others wrote.
func parse(t *testing.T, b []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser().Parse(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return m.(*rfc5424.SyslogMessage)
}

func check(t *testing.T, b []byte) {
	t.Helper()
	m := parse(t, b)
	p := (*m.StructuredData)["latchkey@32473"]
	if *m.Appname != "latchkey" || *m.MsgID != "MakeDatabaseInaccessible" || *m.Facility != 3 || *m.Severity != 2 || *m.Hostname != "node-1" || *m.Message != "Database has lost access: ü" ||
		p["id"] != "msg_1" || p["code"] != "3113" || !strings.Contains(p["resource"], `db`) || !m.Timestamp.Equal(time.Date(2026, 3, 1, 3, 0, 0, 123456000, time.UTC)) {
		t.Errorf("%q: %v", b, p)
	}
}

// framed reads one message of RFC 6587, octet counting.
func framed(r *bufio.Reader) ([]byte, error) {
	var n int
	if _, err := fmt.Fscanf(r, "%d ", &n); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func sink(t *testing.T, address string, c *tls.Config) *syslog.Sink {
	t.Helper()
	s, err := syslog.New(syslog.Config{Address: address, Host: "node 1", PID: 42, TLS: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Over TCP and TLS each message is counted, and a receiver that was restarted gets the next one on a new connection.
func TestStreams(t *testing.T) {
	certs := httptest.NewTLSServer(nil)
	defer certs.Close()
	pool := x509.NewCertPool()
	pool.AddCert(certs.Certificate())
	for _, scheme := range []string{"tcp", "tls"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if scheme == "tls" {
			l = tls.NewListener(l, &tls.Config{Certificates: certs.TLS.Certificates})
		}
		got := make(chan []byte, 10)
		closed := make(chan struct{}, 10)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if b, err := framed(bufio.NewReader(c)); err == nil { // one message, and it goes away
					got <- b
				}
				_ = c.Close()
				closed <- struct{}{}
			}
		}()
		s := sink(t, scheme+"://"+l.Addr().String(), &tls.Config{RootCAs: pool})
		for range 3 {
			if err := s.Send(t.Context(), message("MakeDatabaseInaccessible")); err != nil {
				t.Fatal(err)
			}
			check(t, <-got)
			<-closed
		}
		_ = l.Close()
		if scheme == "tls" {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certs.TLS.Certificates})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, c)
				}
			}()
			if err := sink(t, "tls://"+l.Addr().String(), nil).Send(t.Context(), message("x")); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("an unknown authority: %v", err)
			}
			_ = l.Close()
		}
	}
}

func TestDatagrams(t *testing.T) {
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	b := make([]byte, 64<<10)
	long := message("MakeDatabaseInaccessible")
	long.Record.Description = strings.Repeat("x", 5000)
	s := sink(t, "udp://"+u.LocalAddr().String(), nil)
	for _, m := range []notify.Message{message("MakeDatabaseInaccessible"), long} {
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		n, _, err := u.ReadFrom(b)
		if err != nil || n > 2048 {
			t.Fatal(n, err)
		}
		if m.Record.Description == long.Record.Description {
			parse(t, b[:n])
		} else {
			check(t, b[:n])
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	path := filepath.Join(t.TempDir(), "log")
	x, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if err := sink(t, "unix://"+path, nil).Send(t.Context(), message("MakeDatabaseInaccessible")); err != nil {
		t.Fatal(err)
	}
	n, err := x.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	check(t, b[:n])
}

func TestConfig(t *testing.T) {
	for a, good := range map[string]bool{
		"tls://h": true, "tcp://h:1": true, "udp://h": true, "unix:///dev/log": true, "h:514": false, "tls://": false, "unix://h/x": false, "http://h": false, "tls://u@h": false, "": false,
	} {
		if _, err := syslog.New(syslog.Config{Address: a}); (err == nil) != good {
			t.Errorf("%q: %v", a, err)
		}
	}
	if _, err := syslog.New(syslog.Config{Address: "tls://h", Facility: "x"}); err == nil || !strings.Contains(err.Error(), "local7") {
		t.Error(err)
	}
}
