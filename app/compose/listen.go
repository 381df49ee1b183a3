package compose

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"latchkey/app/install"
	"latchkey/ekm/code"
	"latchkey/internal/localca"
)

// Bounds of every HTTPS server. Bodies are bounded by the handlers, which know their sizes.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 120 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 32 << 10 // a token with 200 groups has 11 KiB
)

// port is a listening HTTP server.
type port struct {
	name   string
	l      net.Listener
	server *http.Server
	done   chan error
}

// bind opens addr without serving yet, so that ports are known before what answers on them is made.
func bind(name, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening the %s port: %w", name, err)
	}
	return l, nil
}

// openCA opens the directory's own certificate authority for names.
func openCA(in *install.Installation, names []string) (*localca.CA, error) {
	ca, err := localca.Open(localca.Config{FS: in.FS, Clock: in.Clock, Dir: in.Dir, Sealer: in.Files, Names: names})
	if err != nil {
		return nil, code.Wrap(code.SealDamaged, "opening the local certificate authority", in.Dir,
			fmt.Errorf("%w; if ca.pem or ca.key is damaged, remove both: new ones are made, and clients must read ca.pem again", err))
	}
	return ca, nil
}

// serve answers requests on l with h from now on. tlsConfig nil means plain HTTP, which is for this machine alone.
func serve(name string, l net.Listener, h http.Handler, tlsConfig *tls.Config, log *slog.Logger) *port {
	if tlsConfig != nil {
		tlsConfig = tlsConfig.Clone() // net/http completes it, and several ports may share one
	}
	p := &port{
		name: name, l: l, done: make(chan error, 1),
		server: &http.Server{
			Handler: h, TLSConfig: tlsConfig,
			ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
			// What clients do wrong in a handshake is theirs; it is kept for who asks for debug messages.
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		if tlsConfig != nil {
			p.done <- p.server.ServeTLS(l, "", "")
			return
		}
		p.done <- p.server.Serve(l)
	}()
	return p
}

// shutdown stops accepting and lets requests in flight finish until ctx ends; then it cuts them.
func (p *port) shutdown(ctx context.Context) error {
	err := p.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stopping the %s port: %w", p.name, err), p.server.Close())
	}
	if serr := <-p.done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("the %s port failed: %w", p.name, serr))
	}
	return err
}

// imdsAddress is where Azure machines have their metadata service: link-local, so no other network reaches it.
const imdsAddress = "169.254.169.254"

// loopbackOnly refuses an address that other machines reach.
func loopbackOnly(name, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the %s address %q is not HOST:PORT: %w", name, addr, err)
	}
	if ip, err := netip.ParseAddr(host); err != nil && host != "localhost" || err == nil && !ip.IsLoopback() {
		return fmt.Errorf("the %s listens on loopback only (127.0.0.1 or [::1]), not on %q", name, addr)
	}
	return nil
}
