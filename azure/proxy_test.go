package azure_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// newConnectProxy is a CONNECT proxy that knows a few names.
func newConnectProxy(t *testing.T, names map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, ok := names[r.Host]
		if r.Method != http.MethodConnect || !ok {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		out, err := net.Dial("tcp", addr)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		go func() { _, _ = io.Copy(in, out); in.Close() }()
	}))
	t.Cleanup(s.Close)
	return s.URL
}
