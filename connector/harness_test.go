package connector_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// rsaKey makes one key per test process: making them is slow, and most tests do not care which it is.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// rig is a peer, its client and a provider over it.
type rig struct {
	peer     *azuretest.Peer
	settings azure.Settings
	opener   *azure.Opener
	files    *fsys.Mem
	keymap   *keymap.File
	provider *connector.Provider
	cred     *ekm.Credential
	key      *azuretest.Key

	mu     sync.Mutex
	events []connector.Event
}

// options change a rig before it is made.
type options struct {
	files    fsys.FS
	config   func(*connector.Config)
	settings func(*azure.Settings)
	azure    func(*azure.Config)
}

func newRig(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{peer: azuretest.New(t), files: fsys.NewMem()}
	var files fsys.FS = r.files
	if o.files != nil {
		files = o.files
	}
	r.settings = azure.Settings{CAFile: r.peer.CAFile, Authority: r.peer.Authority.URL, Proxy: "direct", ManagedIdentityHost: r.peer.Metadata.URL}
	if o.settings != nil {
		o.settings(&r.settings)
	}
	ac := azure.Config{Settings: func(string) azure.Settings { r.mu.Lock(); defer r.mu.Unlock(); return r.settings }}
	if o.azure != nil {
		o.azure(&ac)
	}
	r.opener = azure.New(ac)
	r.keymap = keymap.OpenFile(files, "/map/keys", nil, nil)
	cfg := connector.Config{
		Open:       func(ctx context.Context, c *ekm.Credential) (connector.Vault, error) { return r.opener.Open(ctx, c) },
		Watch:      r.opener.Watch,
		Map:        r.keymap,
		OnEvent:    r.note,
		Budget:     patience, // a busy machine would be tried again beside an answer that is late
		TryTimeout: patience,
	}
	if o.config != nil {
		o.config(&cfg)
	}
	var err error
	if r.provider, err = connector.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.provider.Close(); err != nil {
			t.Error(err)
		}
		if err := r.opener.Close(); err != nil {
			t.Error(err)
		}
	})
	r.cred = r.credential(azuretest.Secret)
	return r
}

func (r *rig) credential(clientSecret string) *ekm.Credential {
	return &ekm.Credential{Name: "cred", Identity: r.peer.Vault.URL, Secret: secret.FromString(azuretest.ClientHex + clientSecret)}
}

func (r *rig) note(e connector.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// seen gives the events of a kind so far.
func (r *rig) seen(k connector.EventKind) []connector.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []connector.Event
	for _, e := range r.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

func (r *rig) open(t testing.TB) ekm.Session {
	t.Helper()
	s, err := r.provider.OpenSession(context.Background(), r.cred)
	if err != nil {
		t.Fatalf("OpenSession: %v", err)
	}
	return s
}

// noSecret fails the test if text holds one of the canaries.
func noSecret(t testing.TB, text string) {
	t.Helper()
	for _, c := range []string{"canary", azuretest.Secret, "Y2FuYXJ5"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(c)) {
			t.Errorf("text holds the canary %q: %s", c, text)
		}
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func dek(n int) *secret.Bytes { return secret.FromString(fmt.Sprintf("canary-dek-%020d", n)) }

// lockedWriter lets a log be written by many and read at the end.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
