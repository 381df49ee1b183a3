package agent_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
)

const (
	identity = "ContosoVault"
	password = "EF5C8E094D2A4A769998D93440D8115Dcanary-3f9a"
	keyName  = "Schlüssel\U0001F511"
)

var makeKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// fake is a provider with one key in this process. Its hook runs before every call of a session.
type fake struct {
	key     *rsa.PrivateKey
	mu      sync.Mutex
	hook    func(ctx context.Context, op string) error
	opens   atomic.Int32
	creates atomic.Int32
	closed  atomic.Bool
	live    atomic.Int32 // sessions
}

func (f *fake) set(hook func(ctx context.Context, op string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

func (f *fake) call(ctx context.Context, op string) error {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx, op)
}

func (f *fake) public() ekm.PublicKey {
	return ekm.PublicKey{N: f.key.N.Bytes(), E: uint32(f.key.E)}
}

func (f *fake) info(name string) ekm.KeyInfo {
	t, err := f.public().Thumbprint()
	if err != nil {
		panic(err)
	}
	return ekm.KeyInfo{Name: name, Thumbprint: t, Algorithm: 1, Bits: 2048, URI: "https://contosovault.vault.azure.net/keys/k/1", Flags: ekm.Supported}
}

func (f *fake) Info() ekm.ProviderInfo {
	return ekm.ProviderInfo{Name: "fake", GUID: [16]byte{1, 2, 3}, Version: ekm.Version{Major: 1, Build: 300}, API: ekm.Version{Major: 1, Minor: 1}, Auth: ekm.AuthBasic, Asymmetric: ekm.Supported, ThumbprintLen: 20, AcceptsKeyName: true}
}

func (f *fake) Algorithms() []ekm.Algorithm {
	return []ekm.Algorithm{{ID: 1, Tag: "RSA_2048", Bits: 2048, Asymmetric: true}, {ID: 3, Tag: "RSA_4096", Bits: 4096, Asymmetric: true}}
}

func (f *fake) OpenSession(ctx context.Context, cred *ekm.Credential) (ekm.Session, error) {
	f.opens.Add(1)
	if err := f.call(ctx, "open"); err != nil {
		return nil, err
	}
	if cred != nil && (cred.Identity != identity || !cred.Secret.Equal([]byte(password))) {
		return nil, code.Wrap(code.GetTokenBadCredentials, "opening", cred.Identity, &keystore.Failure{Class: keystore.Unauthenticated, Status: 401, Reason: "AADSTS7000215", Detail: "wrong secret"})
	}
	f.live.Add(1)
	ctx, cancel := context.WithCancel(context.Background())
	return &fakeSession{f: f, ctx: ctx, cancel: cancel}, nil
}

func (f *fake) Close() error { f.closed.Store(true); return nil }

type fakeSession struct {
	f      *fake
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
}

func (s *fakeSession) Close(bool) error {
	s.once.Do(func() { s.cancel(); s.f.live.Add(-1) })
	return nil
}

func (s *fakeSession) KeyByName(ctx context.Context, name string) (ekm.KeyInfo, error) {
	if err := s.f.call(ctx, "find"); err != nil {
		return ekm.KeyInfo{}, err
	}
	if name != keyName {
		return ekm.KeyInfo{}, code.Wrap(code.HTTPResourceNotFound, "finding", name, &keystore.Failure{Class: keystore.Missing, Status: 404})
	}
	return s.f.info(name), nil
}

func (s *fakeSession) KeyByThumbprint(ctx context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	if err := s.f.call(ctx, "find"); err != nil {
		return ekm.KeyInfo{}, err
	}
	if k := s.f.info(keyName); k.Thumbprint == t {
		return k, nil
	}
	return ekm.KeyInfo{}, code.New(code.NotFound, "finding", "")
}

func (s *fakeSession) PublicKey(ctx context.Context, _ ekm.Thumbprint) (ekm.PublicKey, error) {
	return s.f.public(), s.f.call(ctx, "export")
}

func (s *fakeSession) Keys(context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(yield func(ekm.KeyInfo, error) bool) {
		for i := range 3 {
			if !yield(s.f.info(fmt.Sprintf("key-%d", i)), nil) {
				return
			}
		}
	}
}

func (s *fakeSession) CreateKey(ctx context.Context, name string, _ ekm.AlgorithmID) (ekm.Thumbprint, error) {
	s.f.creates.Add(1)
	if err := s.f.call(ctx, "create"); err != nil {
		return "", err
	}
	return s.f.info(name).Thumbprint, nil
}

func (s *fakeSession) DropKey(context.Context, ekm.Thumbprint) error {
	return code.New(code.NotSupported, "dropping", "")
}

func (s *fakeSession) ImportKey(context.Context, string, []byte) (ekm.Thumbprint, error) {
	return "", code.New(code.NotSupported, "importing", "")
}

func (s *fakeSession) Wrap(ctx context.Context, _ ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	if err := s.f.call(ctx, "wrap"); err != nil {
		return ekm.Wrapped{}, err
	}
	b, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &s.f.key.PublicKey, plain.Expose(), nil)
	return ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: b}, err
}

func (s *fakeSession) Unwrap(ctx context.Context, _ ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if err := s.f.call(ctx, "unwrap"); err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(w.Blob), "echo") {
		return secret.New(w.Blob), nil
	}
	b, err := rsa.DecryptOAEP(sha256.New(), nil, s.f.key, w.Blob, nil)
	if err != nil {
		return nil, code.Wrap(code.HTTPResponseCodeClientError, "unwrapping", "", errors.New("does not open"))
	}
	return secret.Take(b), nil
}

func newFake(t testing.TB) *fake {
	t.Helper()
	return &fake{key: makeKey()}
}

func credential() *ekm.Credential {
	return &ekm.Credential{Name: "c", Identity: identity, Secret: secret.FromString(password)}
}

// hang blocks a call until its context ends.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return code.Wrap(code.Failure, "hanging", "", ctx.Err())
}
