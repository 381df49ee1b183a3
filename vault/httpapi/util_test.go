package httpapi_test

import (
	"context"
	"crypto/tls"
	"sync"
	"testing"

	"latchkey/vault"
)

func tlsState() *tls.ConnectionState { return &tls.ConnectionState{HandshakeComplete: true} }

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// events collects what a service tells.
type events struct {
	mu  sync.Mutex
	all []vault.Event
}

func (e *events) KeyEvent(_ context.Context, ev vault.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, ev := range e.all {
		out = append(out, ev.Type)
	}
	return out
}
