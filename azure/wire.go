package azure

import (
	"context"
	"net/http"
	"time"

	"latchkey/azure/sqlcred"
	"latchkey/ekm/keystore"
)

// wire is how a vault is reached: made of its settings, replaced as a whole when they change.
type wire struct {
	settings Settings
	trusted  string // Settings.authority
	key      string // Settings.key
	ca       []byte // of Settings.CAFile
	http     *http.Client
	plain    *http.Client // for the machine's own endpoints: no proxy
}

func newWire(t sqlcred.Target, s Settings, key string, ca []byte) (*wire, error) {
	w := &wire{settings: s, key: key, ca: ca}
	var err error
	if w.trusted, err = s.authority(); err != nil {
		return nil, err
	}
	tr, err := newTransport(t, s, ca)
	if err != nil {
		return nil, err
	}
	w.http = &http.Client{Transport: tr, CheckRedirect: noRedirect}
	plain := &http.Transport{MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, DialContext: tr.DialContext}
	w.plain = &http.Client{Transport: plain, CheckRedirect: noRedirect}
	return w, nil
}

// wireFor is what a request goes over: the host's connections or, for keystore.Anew, ones of its own, which take the place of the host's if they
// carry an answer. done must be called.
func (h *host) wireFor(ctx context.Context) (_ *wire, done func(answered bool), err error) {
	old := h.wire.Load()
	if !keystore.WantsAnew(ctx) {
		return old, func(bool) {}, nil
	}
	w, err := newWire(h.target, old.settings, old.key, old.ca)
	if err != nil {
		return nil, nil, err
	}
	return w, func(answered bool) {
		if answered && h.wire.CompareAndSwap(old, w) {
			w = old // requests under way finish on their connections, or do not
		}
		w.close()
	}, nil
}

func (w *wire) close() {
	w.http.CloseIdleConnections()
	w.plain.CloseIdleConnections()
}
