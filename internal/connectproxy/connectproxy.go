// Package connectproxy is an HTTP proxy that does one thing: it answers CONNECT for a fixed list of host names and joins the
// client to a local port. It is what lets an SDK use the real names (login.microsoftonline.com, *.vault.azure.net) with
// every TLS check on while nothing leaves the machine.
//
// It is no general proxy. A name that is not listed, a port that is not listed, any method but CONNECT and any client that is
// not on loopback get 403 (405 for the method), targets are loopback addresses fixed at start, and it
// resolves no name. It sees no plain text: TLS runs between the client and the target.
//
// Bounds: request headers of 8 KiB within 10 seconds, [Config.MaxConns] tunnels, [Config.Idle] without a byte in either direction.
// HTTP parsing is net/http's. [Server.Close] ends every tunnel and waits for them.
package connectproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Defaults of Config, and fixed bounds.
const (
	DefaultMaxConns = 1024
	DefaultIdle     = 10 * time.Minute

	headerTimeout = 10 * time.Second
	maxHeader     = 8 << 10
	dialTimeout   = 5 * time.Second
)

// Route sends one name, or all names one label below it, to a local port.
type Route struct {
	Host string // "login.microsoftonline.com" or "*.vault.azure.net"
	Port int    // the port that the client asks for; 0 means 443
	To   string // "127.0.0.1:8443"; loopback only
}

// Config of a Server. Zero values are usable, but for Routes.
type Config struct {
	Routes   []Route
	MaxConns int           // open tunnels; 0 means DefaultMaxConns
	Idle     time.Duration // a tunnel without traffic for so long is closed; 0 means DefaultIdle
	Log      *slog.Logger  // refusals and failures, without query or headers; nil discards
}

// Server is a proxy. Make it with New.
type Server struct {
	cfg  Config
	http *http.Server
	slot chan struct{}

	mu      sync.Mutex // guards what follows
	closed  bool
	tunnels map[net.Conn]bool
	running sync.WaitGroup
}

// New checks the routes and makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = DefaultMaxConns
	}
	if cfg.Idle <= 0 {
		cfg.Idle = DefaultIdle
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, r := range cfg.Routes {
		to, err := netip.ParseAddrPort(r.To)
		if err != nil || !to.Addr().Unmap().IsLoopback() || to.Port() == 0 {
			return nil, fmt.Errorf("route for %q: %q is no address and port on loopback", r.Host, r.To)
		}
		if host := strings.TrimPrefix(r.Host, "*."); host == "" || strings.ContainsAny(host, "*:/") {
			return nil, fmt.Errorf("%q is no host name to route", r.Host)
		}
	}
	s := &Server{cfg: cfg, slot: make(chan struct{}, cfg.MaxConns), tunnels: make(map[net.Conn]bool)}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Serve accepts on l, which must listen on loopback, until Close; then it returns nil.
func (s *Server) Serve(l net.Listener) error {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("the proxy listens on loopback only, not on %s", l.Addr())
	}
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops accepting, cuts every tunnel and waits for them to end.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.tunnels {
		_ = c.Close()
	}
	s.mu.Unlock()
	err := s.http.Close()
	s.running.Wait()
	return err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // nothing but one CONNECT comes over a connection
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
		http.Error(w, "this proxy serves its own machine only", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy serves CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	to, ok := Match(s.cfg.Routes, r.Host)
	if !ok {
		s.cfg.Log.Info("proxy refused a host", "host", printable(r.Host))
		http.Error(w, "this proxy reaches the hosts of its own installation only", http.StatusForbidden)
		return
	}
	select {
	case s.slot <- struct{}{}:
		defer func() { <-s.slot }()
	default:
		s.cfg.Log.Warn("proxy is full", "tunnels", s.cfg.MaxConns)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many tunnels", http.StatusServiceUnavailable)
		return
	}
	s.tunnel(w, r, to)
}

func (s *Server) tunnel(w http.ResponseWriter, r *http.Request, to string) {
	ctx, cancel := context.WithTimeout(r.Context(), dialTimeout)
	defer cancel()
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		s.cfg.Log.Warn("proxy could not reach its own part", "host", printable(r.Host), "to", to, "err", err)
		http.Error(w, "the part behind this name does not answer", http.StatusBadGateway)
		return
	}
	defer server.Close()
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "this connection cannot be tunnelled", http.StatusHTTPVersionNotSupported) // HTTP/2
		return
	}
	client, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if !s.add(client, server) {
		return
	}
	defer s.remove(client, server)
	_ = client.SetDeadline(time.Time{}) // net/http left its own
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	s.join(client, buffered, server)
}

// join copies both ways until both directions ended, either failed, or nothing moved for the idle time.
func (s *Server) join(client net.Conn, fromClient io.Reader, server net.Conn) {
	idle := time.AfterFunc(s.cfg.Idle, func() {
		_ = client.Close()
		_ = server.Close()
	})
	defer idle.Stop()
	alive := func() { idle.Reset(s.cfg.Idle) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.Copy(server, tick{fromClient, alive})
		finish(server, err)
	}()
	_, err := io.Copy(client, tick{server, alive})
	finish(client, err)
	<-done
}

// finish passes the end of one direction on, so that a half-closed connection still carries the other direction.
func finish(c net.Conn, err error) {
	if t, ok := c.(*net.TCPConn); ok && err == nil {
		_ = t.CloseWrite()
		return
	}
	_ = c.Close()
}

func (s *Server) add(cs ...net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	for _, c := range cs {
		s.tunnels[c] = true
	}
	return true
}

func (s *Server) remove(cs ...net.Conn) {
	s.mu.Lock()
	for _, c := range cs {
		delete(s.tunnels, c)
	}
	s.mu.Unlock()
	s.running.Done()
}

// Match finds the target of "host:port" among routes. Names compare without case; a trailing dot is not the same name.
func Match(routes []Route, hostPort string) (to string, ok bool) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return "", false
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return "", false
	}
	for _, r := range routes {
		want := r.Port
		if want == 0 {
			want = 443
		}
		if int(port) == want && matchHost(r.Host, host) {
			return r.To, true
		}
	}
	return "", false
}

func matchHost(pattern, host string) bool {
	parent, wild := strings.CutPrefix(pattern, "*.")
	if !wild {
		return strings.EqualFold(pattern, host)
	}
	label, rest, found := strings.Cut(host, ".")
	if !found || label == "" || !strings.EqualFold(rest, parent) {
		return false
	}
	for _, c := range []byte(label) {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// printable cuts what a client sent to what a log may hold; slog quotes it.
func printable(s string) string {
	if len(s) > 256 {
		s = s[:256]
	}
	return s
}

// tick calls alive for every read that brought something.
type tick struct {
	io.Reader
	alive func()
}

func (t tick) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	if n > 0 {
		t.alive()
	}
	return n, err
}
