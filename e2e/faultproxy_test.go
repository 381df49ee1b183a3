package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is what stands between the database server and everything that it reaches through a faultProxy.
type fault string

const (
	noFault     fault = ""
	cut         fault = "cut off"             // connections are reset, new ones too
	blackHole   fault = "black hole"          // nothing comes through any more, and connections of that time never live again
	slow        fault = "slow"                // answers take a second and a half
	throttled   fault = "throttled"           // 429 with Retry-After
	unavailable fault = "unavailable"         // 503
	brokenTLS   fault = "broken TLS"          // a certificate of nobody
	falseNo     fault = "false 403"           // the answers of an incident: the vault says that the role is missing
	noLogin     fault = "token authority cut" // the vault is there, the authority is not
)

// faultProxy is a CONNECT proxy on loopback that opens TLS with its own authority, so that it can answer for those behind it.
type faultProxy struct {
	addr, caFile string

	mu      sync.Mutex
	now     fault
	left    int            // answers that falseNo falsifies for each URL; less than 0 is all
	false   map[string]int // those that it did
	conns   map[*faultConn]struct{}
	changed chan struct{}
	good    func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	nobody  func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// faultConn is a client's connection; a dead one is open and silent.
type faultConn struct {
	net.Conn
	dead chan struct{}
	once sync.Once
	gone chan struct{}
	end  sync.Once
}

func (c *faultConn) die() { c.once.Do(func() { close(c.dead) }) }

func (c *faultConn) silent() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

func (c *faultConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.silent() {
		<-c.gone
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *faultConn) Write(p []byte) (int, error) {
	if c.silent() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *faultConn) Close() error {
	if c.silent() { // its end is not told either; the client's own close ends it
		return nil
	}
	return c.shut()
}

func (c *faultConn) shut() error {
	c.end.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// testAuthority makes certificates for names, and its own in PEM.
func testAuthority(t *testing.T) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "latchkey test proxy"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "latchkey test"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"*.vault.example.org", "login.example.org"},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
}

// newFaultProxy serves until the test ends. What it lets through goes to the port of this machine that the name asks for, over TLS that ca signed.
func newFaultProxy(t *testing.T, ca string) *faultProxy {
	t.Helper()
	p := &faultProxy{false: map[string]int{}, conns: map[*faultConn]struct{}{}, changed: make(chan struct{})}
	var root []byte
	p.good, root = testAuthority(t)
	p.nobody, _ = testAuthority(t)
	p.caFile = filepath.Join(t.TempDir(), "proxy-ca.pem")
	if err := os.WriteFile(p.caFile, root, 0o600); err != nil {
		t.Fatal(err)
	}
	behind, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(behind)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	relay := &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "https", r.In.Host, r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // as if nobody were there
	}
	inner := &connListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{
		Handler: p.faulty(relay), ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if p.fault() == brokenTLS {
				return p.nobody(h)
			}
			return p.good(h)
		}},
	}
	go func() { _ = server.ServeTLS(inner, "", "") }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	t.Cleanup(func() {
		_ = l.Close()
		close(inner.done)
		_ = server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for c := range p.conns {
			_ = c.shut()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.accept(conn, inner)
		}
	}()
	return p
}

// accept answers CONNECT and hands the connection on.
func (p *faultProxy) accept(conn net.Conn, inner *connListener) {
	c := &faultConn{Conn: conn, dead: make(chan struct{}), gone: make(chan struct{})}
	p.mu.Lock()
	switch p.now {
	case cut:
		p.mu.Unlock()
		reset(c)
		return
	case blackHole:
		c.die()
	}
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	go func() { // of a connection that ended nothing is kept
		select {
		case <-c.gone:
		case <-inner.done:
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
	b := bufio.NewReader(c)
	r, err := http.ReadRequest(b)
	if err != nil || r.Method != http.MethodConnect || b.Buffered() > 0 {
		_ = c.Close()
		return
	}
	if p.fault() == noLogin && strings.HasPrefix(r.Host, "login.") {
		reset(c)
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		_ = c.Close()
		return
	}
	select {
	case inner.conns <- c:
	case <-inner.done:
		_ = c.shut()
	}
}

func reset(c *faultConn) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.shut()
}

// faulty answers instead of next as the fault of the moment says.
func (p *faultProxy) faulty(next http.Handler) http.Handler {
	answer := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login := strings.HasPrefix(r.Host, "login.")
		switch f := p.fault(); {
		case f == slow:
			p.mu.Lock()
			changed := p.changed
			p.mu.Unlock()
			late := time.NewTimer(1500 * time.Millisecond)
			defer late.Stop()
			select {
			case <-late.C:
			case <-changed:
			case <-r.Context().Done():
				return
			}
		case f == throttled && !login:
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusTooManyRequests, `{"error":{"code":"Throttled","message":"Request was not processed because too many requests were received."}}`)
			return
		case f == unavailable:
			answer(w, http.StatusServiceUnavailable, `{"error":{"code":"ServiceUnavailable","message":"The service is unavailable."}}`)
			return
		case f == falseNo && !login && r.Header.Get("Authorization") != "" && p.falsify(r.URL.Path):
			answer(w, http.StatusForbidden, `{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.","innererror":{"code":"ForbiddenByRbac"}}}`)
			return
		case f == noLogin && login:
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

func (p *faultProxy) fault() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// falsify counts an answer of falseNo.
func (p *faultProxy) falsify(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == p.false[path] {
		return false
	}
	p.false[path]++
	return true
}

// falsified is for how many URLs all answers that falseNo falsifies were given.
func (p *faultProxy) falsified() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, done := range p.false {
		if done == p.left {
			n++
		}
	}
	return n
}

// set begins a fault, or ends it with noFault. It meets connections that are open too. answers is how many answers falseNo falsifies for each URL; less than 0 is all.
func (p *faultProxy) set(f fault, answers int) {
	p.mu.Lock()
	p.now, p.left, p.false = f, answers, map[string]int{}
	close(p.changed)
	p.changed = make(chan struct{})
	var all []*faultConn
	for c := range p.conns {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		switch f {
		case blackHole:
			c.die()
		case cut, brokenTLS, noLogin:
			if !c.silent() {
				reset(c)
			}
		}
	}
}

// connListener hands connections to a server.
type connListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *connListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, errors.New("closed")
	}
}

func (l *connListener) Close() error   { return nil }
func (l *connListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
