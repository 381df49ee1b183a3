package connectproxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/connectproxy"
)

// echo is a target that sends back what it gets, and half-closes when the client does.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func start(t *testing.T, cfg connectproxy.Config) string {
	t.Helper()
	s, err := connectproxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// connect sends a raw request and returns the connection and the reply.
func connect(t *testing.T, proxy, request string) (net.Conn, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if end, ok := t.Deadline(); ok { // what never comes is told before the test is ended
		_ = c.SetDeadline(end.Add(-5 * time.Second))
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReaderSize(c, 16)
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return c, resp
}

func TestOnlyListedHosts(t *testing.T) {
	to := echo(t)
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{
		{Host: "login.microsoftonline.com", To: to},
		{Host: "*.vault.azure.net", To: to},
		{Host: "*.vault.localhost", Port: 8443, To: to},
	}})
	for target, want := range map[string]int{
		"login.microsoftonline.com:443": 200,
		"LOGIN.microsoftonline.com:443": 200,
		"v1.vault.azure.net:443":        200,
		"v1.vault.localhost:8443":       200,
		"login.microsoftonline.com:80":  403,
		"vault.azure.net:443":           403,
		"a.b.vault.azure.net:443":       403,
		"evilvault.azure.net:443":       403,
		"v1.vault.azure.net.:443":       403,
		"v1.vault.localhost:443":        403,
		"www.example.com:443":           403,
		"127.0.0.1:22":                  403,
		"[::1]:443":                     403,
		"169.254.169.254:80":            403,
	} {
		_, resp := connect(t, proxy, fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target))
		if resp.StatusCode != want {
			t.Errorf("CONNECT %s: %d, want %d", target, resp.StatusCode, want)
		}
	}
}

// The Host header is no way around the list: what counts is the request's target.
func TestHostHeaderDoesNotDecide(t *testing.T) {
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{{Host: "a.example", To: echo(t)}}})
	_, resp := connect(t, proxy, "CONNECT b.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{{Host: "a.example", To: echo(t)}}})
	for _, m := range []string{"GET", "POST", "OPTIONS", "PUT"} {
		_, resp := connect(t, proxy, m+" http://a.example:443/ HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 0\r\n\r\n")
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", m, resp.StatusCode)
		}
	}
}

func TestTunnelCarriesBytesAndHalfClose(t *testing.T) {
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{{Host: "a.example", To: echo(t)}}})
	// The first bytes come together with the request, as a client in a hurry sends them.
	c, resp := connect(t, proxy, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\nearly ")
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() {
		_, _ = c.Write(big)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	// http.ReadResponse may have taken a few of the first bytes into its small buffer.
	want := append([]byte("early "), big...)
	if !bytes.HasSuffix(want, got) || len(want)-len(got) > 16 {
		t.Errorf("%d bytes came back, %d were sent", len(got), len(want))
	}
}

func TestHTTPSClientThroughIt(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) }))
	defer server.Close()
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{{Host: "example.com", To: server.Listener.Addr().String()}}})
	client := server.Client() // trusts the test certificate, which stands for example.com
	client.Transport.(*http.Transport).Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy})
	resp, err := client.Get("https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "example.com" {
		t.Errorf("got %q", b)
	}
}

func TestDeadTargetIs502(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := l.Addr().String()
	l.Close()
	proxy := start(t, connectproxy.Config{Routes: []connectproxy.Route{{Host: "a.example", To: to}}})
	_, resp := connect(t, proxy, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestBounds(t *testing.T) {
	to := echo(t)
	routes := []connectproxy.Route{{Host: "a.example", To: to}}
	const ask = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
	t.Run("tunnels", func(t *testing.T) {
		proxy := start(t, connectproxy.Config{Routes: routes, MaxConns: 2})
		for range 2 {
			if _, resp := connect(t, proxy, ask); resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
		}
		if _, resp := connect(t, proxy, ask); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("third of two tunnels: %s", resp.Status)
		}
	})
	t.Run("headers", func(t *testing.T) {
		proxy := start(t, connectproxy.Config{Routes: routes})
		_, resp := connect(t, proxy, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("64 KiB of headers: %s", resp.Status)
		}
	})
	t.Run("idle", func(t *testing.T) {
		proxy := start(t, connectproxy.Config{Routes: routes, Idle: 50 * time.Millisecond})
		c, resp := connect(t, proxy, ask)
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("an idle tunnel stays open")
		}
	})
}

func TestCloseEndsTunnels(t *testing.T) {
	s, err := connectproxy.New(connectproxy.Config{Routes: []connectproxy.Route{{Host: "a.example", To: echo(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	c, resp := connect(t, l.Addr().String(), "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the tunnel outlived Close")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, r := range []connectproxy.Route{
		{Host: "a.example", To: "192.0.2.1:443"},
		{Host: "a.example", To: "localhost:443"},
		{Host: "a.example", To: "127.0.0.1:0"},
		{Host: "", To: "127.0.0.1:1"},
		{Host: "*", To: "127.0.0.1:1"},
		{Host: "a.*.b", To: "127.0.0.1:1"},
	} {
		if _, err := connectproxy.New(connectproxy.Config{Routes: []connectproxy.Route{r}}); err == nil {
			t.Errorf("route %+v accepted", r)
		}
	}
	s, err := connectproxy.New(connectproxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := s.Serve(l); err == nil {
		t.Error("serves beyond loopback")
	}
}

func FuzzMatch(f *testing.F) {
	routes := []connectproxy.Route{{Host: "login.microsoftonline.com", To: "127.0.0.1:1"}, {Host: "*.vault.azure.net", To: "127.0.0.1:2"}}
	for _, s := range []string{"v.vault.azure.net:443", "login.microsoftonline.com:443", "[::1]:443", "", ":", "a:b:c", "*.vault.azure.net:443", ".vault.azure.net:443", "v\x00.vault.azure.net:443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, ok := connectproxy.Match(routes, s)
		if !ok {
			return
		}
		host, port, err := net.SplitHostPort(s)
		lower := strings.ToLower(host)
		switch {
		case err != nil:
			t.Fatalf("%q matched", s)
		case strings.TrimLeft(port, "0") != "443":
			t.Fatalf("port of %q matched", s)
		case to == "127.0.0.1:1" && lower != "login.microsoftonline.com" && !strings.EqualFold(host, "login.microsoftonline.com"):
			t.Fatalf("%q matched the login host", s)
		case to == "127.0.0.1:2" && strings.Count(host, ".") != 3:
			t.Fatalf("%q matched the vault wildcard", s)
		}
	})
}
