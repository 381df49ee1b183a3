package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/clock"
	"latchkey/internal/jwks"
)

func ecKey(t testing.TB, kid string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: &k.PublicKey, KeyID: kid, Use: "sig"}
}

func document(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseKeepsWhatCanCheck(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it must be refused
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	enc := ecKey(t, "enc")
	enc.Use = "enc"
	good := ecKey(t, "good")
	doc := document(t, good, enc, jose.JSONWebKey{Key: &small.PublicKey, KeyID: "small"}, jose.JSONWebKey{Key: &p384.PublicKey, KeyID: "p384"})
	doc = []byte(strings.Replace(string(doc), `{"keys":[`, `{"keys":[{"kty":"OKP","kid":"okp"},{"kty":"future"},5,`, 1))
	set, err := jwks.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 1 || len(set.Find("good")) != 1 || set.Find("") != nil || set.Find("small") != nil {
		t.Errorf("%d keys", set.Len())
	}
	if !jwks.Fits(&good, "ES256") || jwks.Fits(&good, "RS256") || jwks.Fits(&good, "none") || jwks.Fits(&good, "HS256") {
		t.Error("Fits is wrong")
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{
		"empty": []byte(`{"keys":[]}`), "no json": []byte("x"), "nothing usable": document(t, enc),
		"a private key": document(t, good, jose.JSONWebKey{Key: private, KeyID: "p"}),
		"a secret":      []byte(`{"keys":[{"kty":"oct","k":"AAAA","kid":"s"}]}`),
		"too large":     make([]byte, jwks.MaxDocument+1),
		"too many":      []byte(`{"keys":[` + strings.Repeat("{},", 300) + `{}]}`),
	} {
		if _, err := jwks.Parse(doc); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLocalEpoch(t *testing.T) {
	var l jwks.Local
	a, b := ecKey(t, "a"), ecKey(t, "b")
	if keys, err := l.Key(t.Context(), "a"); err != nil || keys != nil {
		t.Errorf("empty: %v %v", keys, err)
	}
	l.Store(jwks.NewSet(a))
	start := l.Epoch()
	l.Store(jwks.NewSet(a, b))
	if l.Epoch() != start {
		t.Error("a new key changed the epoch")
	}
	l.Store(jwks.NewSet(b))
	if l.Epoch() == start {
		t.Error("a withdrawn key did not")
	}
	gone := l.Epoch()
	l.Store(jwks.NewSet(ecKey(t, "b"))) // the id again, another key
	if l.Epoch() == gone {
		t.Error("an exchanged key did not")
	}
}

// server is an issuer that counts and can be taken down.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	doc    []byte
	issuer string
	down   bool
	hits   int
}

func newServer(t testing.TB, doc []byte) *server {
	t.Helper()
	s := &server{doc: doc}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/meta":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.issuer, s.URL+"/keys")
		case r.URL.Path == "/plain":
			http.Redirect(w, r, "http://"+r.Host+"/keys", http.StatusFound)
		default:
			s.hits++
			_, _ = w.Write(s.doc)
		}
	}))
	s.issuer = s.URL
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(change func(*server)) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change != nil {
		change(s)
	}
	return s.hits
}

func (s *server) remote(t testing.TB, c *clock.Fake, change func(*jwks.RemoteConfig)) *jwks.Remote {
	t.Helper()
	cfg := jwks.RemoteConfig{KeysURL: s.URL + "/keys", Transport: s.Client().Transport, Clock: c}
	if change != nil {
		change(&cfg)
	}
	r, err := jwks.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func want(t *testing.T, r *jwks.Remote, kid string, n int) {
	t.Helper()
	keys, err := r.Key(t.Context(), kid)
	if err != nil || len(keys) != n {
		t.Errorf("key %q: %d keys, %v; want %d", kid, len(keys), err, n)
	}
}

// settle waits for the fetch that runs behind: an unknown id waits for it.
func settle(t *testing.T, r *jwks.Remote) {
	t.Helper()
	if _, err := r.Key(t.Context(), "settle"); err != nil && !errors.Is(err, jwks.ErrUnavailable) {
		t.Fatal(err)
	}
}

func TestRemoteRollOver(t *testing.T) {
	a, b := ecKey(t, "a"), ecKey(t, "b")
	s, c := newServer(t, document(t, a)), clock.NewFake(time.Unix(1e9, 0))
	r := s.remote(t, c, nil)
	want(t, r, "a", 1)
	want(t, r, "a", 1)
	epoch := r.Epoch()
	s.set(func(s *server) { s.doc = document(t, a, b) })
	want(t, r, "b", 0) // too soon after the last fetch
	if hits := s.set(nil); hits != 1 {
		t.Errorf("%d fetches", hits)
	}
	c.Advance(30 * time.Second)
	want(t, r, "b", 1)
	for range 50 {
		want(t, r, "nobody", 0) // unknown ids do not make us knock
	}
	if hits := s.set(nil); hits != 2 || r.Epoch() != epoch {
		t.Errorf("%d fetches, epoch %d", hits, r.Epoch())
	}
	// A withdrawal arrives with the next refresh, which Epoch alone sets off.
	s.set(func(s *server) { s.doc = document(t, b) })
	c.Advance(time.Hour)
	_ = r.Epoch()
	settle(t, r)
	if r.Epoch() == epoch {
		t.Error("the withdrawal did not change the epoch")
	}
	want(t, r, "a", 0)
	want(t, r, "b", 1)
}

func TestRemoteOutage(t *testing.T) {
	a := ecKey(t, "a")
	s, c := newServer(t, document(t, a)), clock.NewFake(time.Unix(1e9, 0))
	s.down = true
	r := s.remote(t, c, func(rc *jwks.RemoteConfig) { rc.MaxStale = 3 * time.Hour })
	if _, err := r.Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) || !strings.Contains(err.Error(), "503") {
		t.Errorf("never fetched: %v", err)
	}
	s.set(func(s *server) { s.down = false })
	if _, err := r.Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("knocked again at once: %v", err)
	}
	c.Advance(time.Minute)
	want(t, r, "a", 1)
	epoch := r.Epoch()
	s.set(func(s *server) { s.down = true })
	c.Advance(2 * time.Hour)
	want(t, r, "a", 1) // the last keys go on
	settle(t, r)
	if r.Epoch() != epoch {
		t.Error("an outage within the bound changed the epoch")
	}
	c.Advance(time.Hour)
	if _, err := r.Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("beyond the bound: %v", err)
	}
	if r.Epoch() == epoch {
		t.Error("cached tokens would outlive the bound")
	}
	s.set(func(s *server) { s.down = false })
	c.Advance(time.Minute)
	want(t, r, "a", 1)
	if r.Epoch() != epoch {
		t.Error("the same keys after an outage are a new epoch")
	}
}

func TestRemoteDiscovery(t *testing.T) {
	s, c := newServer(t, document(t, ecKey(t, "a"))), clock.NewFake(time.Unix(1e9, 0))
	meta := func(rc *jwks.RemoteConfig) { rc.KeysURL, rc.MetadataURL, rc.Issuer = "", s.URL+"/meta", s.URL }
	want(t, s.remote(t, c, meta), "a", 1)
	s.set(func(s *server) { s.issuer = "https://evil.example" })
	if _, err := s.remote(t, c, meta).Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) || !strings.Contains(err.Error(), "describes issuer") {
		t.Errorf("metadata of another issuer: %v", err)
	}
	if _, err := s.remote(t, c, func(rc *jwks.RemoteConfig) { rc.KeysURL = s.URL + "/plain" }).Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("a redirect to http: %v", err)
	}
	// Without the right authority nothing is believed.
	if _, err := s.remote(t, c, func(rc *jwks.RemoteConfig) { rc.Transport = nil }).Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("an unknown authority: %v", err)
	}
	s.set(func(s *server) { s.doc = make([]byte, jwks.MaxDocument+5) })
	if _, err := s.remote(t, c, nil).Key(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) || !strings.Contains(err.Error(), "exceeds") {
		t.Errorf("an endless answer: %v", err)
	}
	for name, rc := range map[string]jwks.RemoteConfig{
		"nothing": {}, "both": {MetadataURL: "https://a/m", KeysURL: "https://a/k", Issuer: "x"}, "http": {KeysURL: "http://a/k"},
		"no issuer": {MetadataURL: "https://a/m"}, "user": {KeysURL: "https://u:p@a/k"},
	} {
		if _, err := jwks.NewRemote(rc); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRemoteManyCallersOneFetch(t *testing.T) {
	s, c := newServer(t, document(t, ecKey(t, "a"))), clock.NewFake(time.Unix(1e9, 0))
	r := s.remote(t, c, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if keys, err := r.Key(context.Background(), "a"); err != nil || len(keys) != 1 {
				t.Errorf("%d, %v", len(keys), err)
			}
		})
	}
	wg.Wait()
	if hits := s.set(nil); hits != 1 {
		t.Errorf("%d fetches", hits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fresh := s.remote(t, c, nil)
	if _, err := fresh.Key(ctx, "a"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(document(f, ecKey(f, "a")))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"x","x5c":["AA"],"x5t":"AA"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		set, err := jwks.Parse(doc)
		if err == nil && set.Len() == 0 {
			t.Error("an empty set without an error")
		}
	})
}
