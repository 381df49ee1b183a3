package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"latchkey/azure"
	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// route is the network way to the vault: its name and port, or the proxy's, and the connection as far as it was made.
type route struct {
	settings   azure.Settings
	target     sqlcred.Target
	tls        *tls.Config
	proxy      *url.URL // nil for none
	host, port string   // what is resolved and dialled
	addresses  []string
	conn       net.Conn
}

func newRoute(t sqlcred.Target, s azure.Settings) (route, error) {
	r := route{settings: s, target: t}
	var err error
	if r.tls, r.proxy, err = s.Route(t); err != nil {
		return r, err
	}
	hostPort := sqlcred.HostPort(t.Host)
	if r.proxy != nil {
		hostPort = r.proxy.Host
		if r.proxy.Port() == "" {
			hostPort += map[string]string{"https": ":443"}[r.proxy.Scheme]
			if r.proxy.Scheme != "https" {
				hostPort += ":80"
			}
		}
	}
	if r.host, r.port, err = net.SplitHostPort(hostPort); err != nil {
		return r, code.Wrap(code.HTTPOpenRequest, "reading the address", hostPort, err)
	}
	return r, nil
}

func (r *route) close() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

func (r *route) proxyHost() string {
	if r.proxy == nil {
		return "(none)"
	}
	return r.proxy.Host
}

// coded is an error of the network with the code that a session would have failed with.
func (r *route) coded(direct code.Code, op string, err error) error {
	on, c := net.JoinHostPort(r.host, r.port), direct
	if r.proxy != nil {
		c = code.HTTPAttemptConnect
	}
	return code.Wrap(c, op, on, &keystore.Failure{Class: keystore.Outage, Err: err})
}

func (w *walk) dns(ctx context.Context) error {
	r := &w.route
	if r.proxy != nil {
		w.see("through the proxy %s, which resolves the vault's name itself", r.proxy.Host)
	} else if len(r.settings.Addresses) > 0 {
		r.addresses = r.settings.Addresses
		w.see("not asked: the settings name %s", strings.Join(r.addresses, ", "))
		return nil
	}
	resolver := &net.Resolver{}
	if r.settings.Resolver != "" {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, r.settings.Resolver)
		}}
	}
	ips, err := resolver.LookupHost(ctx, r.host)
	if err != nil {
		return r.coded(code.AKVDoesNotExist, "resolving", err)
	}
	for _, ip := range ips {
		r.addresses = append(r.addresses, net.JoinHostPort(ip, r.port))
	}
	w.see("%s is %s", r.host, strings.Join(ips, ", "))
	return nil
}

func (w *walk) tcp(ctx context.Context) error {
	r := &w.route
	var errs []error
	for _, addr := range r.addresses {
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", addr)
		if err == nil {
			r.conn = conn
			w.see("connected to %s from %s", addr, conn.LocalAddr())
			return nil
		}
		w.see("%s: %v", addr, err)
		errs = append(errs, err)
	}
	return r.coded(code.HTTPConnectSession, "connecting to", errors.Join(errs...))
}

func (w *walk) proxy(ctx context.Context) error {
	r := &w.route
	if r.proxy == nil {
		w.see("none is set for this host")
		return errSkip
	}
	if d, ok := ctx.Deadline(); ok {
		_ = r.conn.SetDeadline(d)
	}
	if r.proxy.Scheme == "https" {
		c := tls.Client(r.conn, &tls.Config{ServerName: r.host, RootCAs: r.tls.RootCAs, MinVersion: tls.VersionTLS12})
		if err := c.HandshakeContext(ctx); err != nil {
			return r.coded(code.HTTPAttemptConnect, "making TLS with the proxy", err)
		}
		r.conn = c
	}
	target := sqlcred.HostPort(r.target.Host)
	req := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if u := r.proxy.User; u != nil {
		password, _ := u.Password()
		req += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := r.conn.Write([]byte(req + "\r\n")); err != nil {
		return r.coded(code.HTTPAttemptConnect, "asking the proxy", err)
	}
	br := bufio.NewReader(r.conn)
	res, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return r.coded(code.HTTPAttemptConnect, "asking the proxy", err)
	}
	_ = res.Body.Close()
	w.see("%s answered %s", r.proxy.Host, keystore.Clip(res.Status))
	if res.StatusCode != http.StatusOK {
		return r.coded(code.HTTPAttemptConnect, "asking the proxy", fmt.Errorf("it answered %q to CONNECT", keystore.Clip(res.Status)))
	}
	return nil
}

func (w *walk) tls(ctx context.Context) error {
	r := &w.route
	c := r.tls.Clone()
	c.ServerName = (&url.URL{Host: r.target.Host}).Hostname()
	conn := tls.Client(r.conn, c)
	err := conn.HandshakeContext(ctx)
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		w.chain(unverified.UnverifiedCertificates)
		fallthrough
	case err != nil:
		f := &keystore.Failure{Class: keystore.Outage, Err: err}
		return code.Wrap(code.HTTPSendRequest, "making TLS with", r.target.Host, f)
	}
	r.conn = conn
	st := conn.ConnectionState()
	w.see("%s, %s", tls.VersionName(st.Version), tls.CipherSuiteName(st.CipherSuite))
	w.chain(st.PeerCertificates)
	_ = conn.Close()
	r.conn = nil
	return nil
}

func (w *walk) chain(certs []*x509.Certificate) {
	for _, c := range certs {
		w.see("certificate %s, issued by %s, until %s", c.Subject, c.Issuer, c.NotAfter.Format(time.DateOnly))
	}
}
