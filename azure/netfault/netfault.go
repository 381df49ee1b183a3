// Package netfault tells what broke on the way of an HTTP request: it maps the errors of net/http, TLS, DNS and proxies to the
// provider's codes. It knows no vault.
package netfault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// Code is the code of a request that failed with err, before or after it was written or answered.
func Code(err error, wrote, answered bool) code.Code {
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

// Cause drops the request's URL that net/http puts around its errors: it is in the code's error already, and a token
// request's URL is of no use.
func Cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// errProxyStatus is a proxy that answered CONNECT with anything but 200.
var errProxyStatus = errors.New("the proxy did not let the connection through")

// OnProxyReply makes a refused CONNECT recognisable.
func OnProxyReply(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %q answered %q", errProxyStatus, proxy.Host, keystore.Clip(res.Status))
	}
	return nil
}
