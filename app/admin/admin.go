package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"latchkey/app/install"
	"latchkey/ekm/code"
	"latchkey/vault"
)

// socketName is where a running server takes administration, in the data directory: a Unix socket that its owner alone can reach.
const socketName = "admin.sock"

const maxBody = 8 << 20

// Client administers a data directory: through the server that runs on it, or by opening it while none does. Close it.
type Client struct {
	client *http.Client // of the running server; nil when in is open
	in     *install.Installation
	ops    map[string]operation
}

// Open finds out which, and opens what op needs. sealSpec is used when no server runs.
func Open(ctx context.Context, p install.Process, dir, sealSpec, op string) (*Client, error) {
	path := filepath.Join(dir, socketName)
	if c, err := net.DialTimeout("unix", path, 2*time.Second); err == nil {
		_ = c.Close()
		return &Client{client: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			},
		}}}, nil
	}
	in, err := install.OpenSealed(ctx, p, dir, sealSpec)
	if err != nil {
		return nil, err
	}
	a := &Client{in: in}
	if op == opAuditVerify {
		a.ops = map[string]operation{op: typed((&parts{in: in}).auditVerify)}
		return a, nil
	}
	if err := in.OpenLogs(ctx); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if err := in.OpenEntra(ctx, nil, nil); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	tokens, err := in.NewTokens(in.OwnIssuer())
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	service, err := in.NewService(install.ServiceConfig{Tokens: tokens})
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	a.ops = operations(&parts{in, service})
	return a, nil
}

// Do runs one operation. args and result are what its entry in adminops.go says.
func (a *Client) Do(ctx context.Context, op string, args, result any) error {
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if a.client == nil {
		run, ok := a.ops[op]
		if !ok {
			return fmt.Errorf("unknown administration %q", op)
		}
		v, err := run(ctx, body)
		if err != nil {
			return err
		}
		out, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(out, result)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://latchkey/v1/"+op, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the running server: %w", err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("asking the running server: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		e := &remoteError{}
		if json.Unmarshal(out, e) != nil || e.Message == "" {
			return fmt.Errorf("asking the running server: status %d", resp.StatusCode)
		}
		return e
	}
	return json.Unmarshal(out, result)
}

// Close lets the directory go.
func (a *Client) Close() error {
	if a.client != nil {
		a.client.CloseIdleConnections()
		return nil
	}
	return a.in.Close()
}

// remoteError is an error of the running server, with its code and hint.
type remoteError struct {
	Message string `json:"message"`
	Code    uint32 `json:"code,omitempty"`
	Advice  string `json:"hint,omitempty"`
}

// Error is the message.
func (e *remoteError) Error() string { return e.Message }

// Hint is the advice; "" if there is none.
func (e *remoteError) Hint() string {
	if e.Advice == "" && e.Code != 0 {
		if entry, ok := code.Lookup(code.Code(e.Code)); ok {
			return entry.Remedy
		}
	}
	return e.Advice
}

func newRemoteError(err error) *remoteError {
	e := &remoteError{Message: err.Error(), Code: uint32(code.Of(err))}
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		e.Advice = h.Hint()
	}
	return e
}

// Server answers on the socket while a server runs.
type Server struct {
	path string
	l    net.Listener
	http *http.Server
	done chan error
}

// Serve answers on the socket of an open installation until Close.
func Serve(in *install.Installation, service *vault.Service) (*Server, error) {
	path := filepath.Join(in.Dir, socketName)
	// Left by a process that was killed: we hold the directory's lock, so nobody listens there.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing an old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the administration socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // the directory keeps others out as well
		return nil, errors.Join(err, l.Close())
	}
	ops := operations(&parts{in, service})
	s := &Server{path: path, l: l, done: make(chan error, 1)}
	s.http = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run, ok := ops[filepath.Base(r.URL.Path)]
		if !ok || r.Method != http.MethodPost || r.Host != "latchkey" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var v any
		if err == nil {
			v, err = run(r.Context(), body)
		}
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			v = newRemoteError(err)
		}
		_ = json.NewEncoder(w).Encode(v) // the client is gone otherwise
	})}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// Close takes no more administration.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}
