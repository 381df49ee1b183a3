package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"

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
		OnProxyConnectResponse: onProxyReply,
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
	f := &keystore.Failure{Class: keystore.Outage, Sent: p.wrote.Load(), Err: networkCause(err)}
	if ctx.Err() == context.Canceled { // whatever its cause: the caller ended it, the vault did nothing
		f.Class = keystore.Canceled
		return code.Wrap(code.Failure, op, on, f)
	}
	return code.Wrap(networkCode(err, p.wrote.Load(), p.answered.Load()), op, on, f)
}

func networkCode(err error, wrote, answered bool) code.Code {
	var opErr *net.OpError
	var dns *net.DNSError
	var tlsErr *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var x509Err x509.UnknownAuthorityError
	switch {
	case wrote, answered:
		return code.HTTPGetResponseCode
	case isProxyError(err):
		return code.HTTPAttemptConnect
	case errors.As(err, &dns):
		return code.AKVDoesNotExist
	case errors.As(err, &tlsErr), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &x509Err):
		return code.HTTPSendRequest
	case errors.As(err, &opErr) && opErr.Op == "dial":
		return code.HTTPConnectSession
	case strings.Contains(err.Error(), "invalid header field"):
		return code.HTTPAddRequestHeader
	default:
		return code.HTTPSendRequest
	}
}

// isProxyError tells that the proxy could not be reached or did not let the connection through. net/http has no type for
// the latter: it is the status text of the proxy's reply to CONNECT.
func isProxyError(err error) bool {
	var opErr *net.OpError
	if errors.As(err, &opErr) && opErr.Op == "proxyconnect" {
		return true
	}
	return errors.Is(err, errProxyStatus)
}

// networkCause drops the request's URL that net/http puts around its errors: it is in the code's error already, and a token
// request's URL is of no use.
func networkCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// errProxyStatus is a proxy that answered CONNECT with anything but 200.
var errProxyStatus = errors.New("the proxy did not let the connection through")

// onProxyReply makes a refused CONNECT recognisable.
func onProxyReply(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %q answered %q", errProxyStatus, proxy.Host, keystore.Clip(res.Status))
	}
	return nil
}
