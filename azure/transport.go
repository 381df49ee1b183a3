package azure

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"

	"latchkey/azure/netfault"
	"latchkey/azure/sqlcred"
)

const (
	// maxReply bounds a reply's body in bytes; maxBackup that of a key backup, which grows with the versions.
	maxReply  = 1 << 20
	maxBackup = 32 << 20
)

// newTransport makes the one transport of a vault and its authority.
func newTransport(t sqlcred.Target, s Settings, ca []byte) (*http.Transport, error) {
	tlsConfig, err := s.tlsConfig(ca)
	if err != nil {
		return nil, err
	}
	proxy, err := s.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: orDefault(s.DialTimeout, 5*time.Second), KeepAlive: 30 * time.Second}
	if s.Resolver != "" {
		dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, s.Resolver)
		}}
	}
	return &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: netfault.OnProxyReply,
		DialContext:            dialTo(dialer, sqlcred.HostPort(t.Host), s.Addresses),
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    orDefault(s.TLSTimeout, 10*time.Second),
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		MaxConnsPerHost:        64, // a storm of openings queues here instead of in handshakes
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		// without it, a vault that moved would be noticed only when the kernel gives up on the old connection
		HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second},
	}, nil
}

// dialTo dials addr, or for the vault itself the addresses of the settings in their order, the one that answered last first.
func dialTo(d *net.Dialer, vault string, addresses []string) func(context.Context, string, string) (net.Conn, error) {
	if len(addresses) == 0 {
		return d.DialContext
	}
	var last atomic.Int64
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != vault {
			return d.DialContext(ctx, network, addr)
		}
		first := int(last.Load())
		var errs []error
		for i := range addresses {
			at := (first + i) % len(addresses)
			conn, err := d.DialContext(ctx, network, addresses[at])
			if err == nil {
				last.Store(int64(at))
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// phase is how far a request came. Its values are set by the transport's goroutines.
type phase struct {
	wrote, answered atomic.Bool
}

// trace makes ctx report into p.
func (p *phase) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { p.wrote.Store(false) }, // the transport tries again on a new connection
		WroteHeaders:         func() { p.wrote.Store(true) },        // from here on the vault may have it
		GotFirstResponseByte: func() { p.answered.Store(true) },
	})
}

// fail maps an error of the transport on a request to on (host).
func (p *phase) fail(ctx context.Context, op, on string, err error) error {
	var coded *code.Error
	if errors.As(err, &coded) {
		return coded
	}
	f := &keystore.Failure{Class: keystore.Outage, Sent: p.wrote.Load(), Err: netfault.Cause(err)}
	if ctx.Err() == context.Canceled { // whatever its cause: the caller ended it, the vault did nothing
		f.Class = keystore.Canceled
		return code.Wrap(code.Failure, op, on, f)
	}
	return code.Wrap(netfault.Code(err, p.wrote.Load(), p.answered.Load()), op, on, f)
}
