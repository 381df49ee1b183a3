package connector_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/akv"
	"latchkey/azure"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/keystore"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

func long() bool { return os.Getenv("LATCHKEY_LONG") == "1" }

// hold is a key, a session, and what was wrapped under it.
type hold struct {
	session ekm.Session
	thumb   ekm.Thumbprint
	blobs   []ekm.Wrapped
}

func (w *world) hold(t testing.TB, n int) hold {
	t.Helper()
	w.vault.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "RSA"})
	h := hold{session: must(w.provider.OpenSession(context.Background(), w.credential(w.secret)))(t)}
	h.thumb = must(h.session.KeyByName(context.Background(), "k"))(t).Thumbprint
	for i := range n {
		h.blobs = append(h.blobs, must(h.session.Wrap(context.Background(), h.thumb, dek(i)))(t))
	}
	return h
}

// load unwraps (and at times wraps) from many goroutines until stop, and returns how many calls there were and the failures.
func load(h hold, workers int, stop func(calls int64) bool) (calls int64, failures []error) {
	var n atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !stop(n.Add(1)) {
				i := rand.IntN(len(h.blobs))
				if err := once(h, i); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			}
		}()
	}
	wg.Wait()
	return n.Load(), failures
}

var errWrong = errors.New("a wrong answer")

func once(h hold, i int) error {
	w := h.blobs[i]
	if rand.IntN(4) == 0 {
		var err error
		if w, err = h.session.Wrap(context.Background(), h.thumb, dek(i)); err != nil {
			return err
		}
	}
	got, err := h.session.Unwrap(context.Background(), h.thumb, w)
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal(dek(i).Expose()) {
		return errWrong
	}
	return nil
}

// chaos spoils one request in five. A token that it ends stays ended.
func chaos(h http.Handler) http.Handler {
	var ended sync.Map
	var uses atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch rand.IntN(40) {
		case 0: // reset before anything happened
			hangUp(w)
		case 1: // reset after it happened
			rec := &swallow{header: http.Header{}}
			h.ServeHTTP(rec, r)
			hangUp(w)
		case 2:
			reply(w, 429, "Throttled", "")
		case 3:
			w.Header().Set("retry-after-ms", "20")
			reply(w, 429, "Throttled", "")
		case 4:
			reply(w, 503, "ServiceUnavailable", "")
		case 5: // the token has expired
			if uses.Add(1) > 3 {
				uses.Store(0)
				ended.Store(r.Header.Get("Authorization"), true)
			}
			serveUnlessEnded(&ended, h, w, r)
		case 6: // slow
			timer := time.NewTimer(time.Duration(rand.IntN(30)) * time.Millisecond)
			<-timer.C
			serveUnlessEnded(&ended, h, w, r)
		case 7: // a reply that is cut
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"value\":\"")
				_ = buf.Flush()
				_ = conn.Close()
			} else {
				reply(w, 502, "BadGateway", "")
			}
		default:
			serveUnlessEnded(&ended, h, w, r)
		}
	})
}

func serveUnlessEnded(ended *sync.Map, h http.Handler, w http.ResponseWriter, r *http.Request) {
	if _, dead := ended.Load(r.Header.Get("Authorization")); dead {
		r.Header.Del("Authorization")
	}
	h.ServeHTTP(w, r)
}

type swallow struct{ header http.Header }

func (s *swallow) Header() http.Header         { return s.header }
func (s *swallow) Write(b []byte) (int, error) { return len(b), nil }
func (s *swallow) WriteHeader(int)             {}

func reply(w http.ResponseWriter, status int, c, inner string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"chaos","innererror":{"code":%q}}}`, c, inner)
}

// hangUp ends the exchange without a reply, whatever the protocol.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}

func TestSoakUnderFaults(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("soak", func(t *testing.T) {
		budget := patience
		if long() {
			budget = 20 * time.Second
		}
		w := newWorld(t, func(c *connector.Config) { c.Budget = budget })
		h := w.hold(t, 8)
		f := chaos
		w.around.Store(&f)
		total := int64(400)
		if long() {
			total = 20_000
		}
		began := time.Now()
		calls, failures := load(h, 16, func(n int64) bool { return n > total })
		w.around.Store(nil)
		took := time.Since(began)
		retried := 0
		w.mu.Lock()
		for _, e := range w.events {
			switch e.Kind {
			case connector.Retried:
				retried++
			case connector.CallDone:
				if e.Duration > budget+time.Second {
					t.Errorf("a call took %v", e.Duration)
				}
			}
		}
		w.mu.Unlock()
		t.Logf("%d calls in %v, %d tries repeated, %d failures", calls, took, retried, len(failures))
		for _, err := range failures {
			if errors.Is(err, errWrong) {
				t.Fatal(err)
			}
			if c := keystore.ClassOf(err); c != keystore.Outage && c != keystore.Throttled {
				t.Errorf("a failure that no fault explains: %v", err)
			}
		}
		if len(failures) > int(total/200) {
			t.Errorf("%d of %d calls failed, the first: %v", len(failures), calls, failures[0])
		}
		if retried == 0 {
			t.Error("no fault was met")
		}
	})
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before+2 })
}

func TestCredentialSwapUnderLoadLosesNoCall(t *testing.T) {
	w := newWorld(t, nil)
	h := w.hold(t, 4)
	var done atomic.Bool
	result := make(chan []error, 1)
	go func() {
		calls, failures := load(h, 8, func(int64) bool { return done.Load() })
		t.Logf("%d calls", calls)
		result <- failures
	}()
	for round := range 3 {
		next := w.newSecret(t)
		// ALTER CREDENTIAL: whoever opens a session next brings the new secret
		s := must(w.provider.OpenSession(t.Context(), w.credential(next)))(t)
		must(0, s.Close(false))(t)
		view := w.authority.Apps(w.vault.TenantID())
		for _, app := range view {
			if app.ClientID != worldClient {
				continue
			}
			for _, old := range app.Secrets[:len(app.Secrets)-1] {
				must(0, w.authority.RemoveCredential(t.Context(), worldClient, old.KeyID))(t)
			}
		}
		// every token used so far is refused from now on, so that others must be had: with an old secret that would fail
		dead := w.tokensSeen()
		f := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if dead[r.Header.Get("Authorization")] {
					r.Header.Del("Authorization")
				}
				h.ServeHTTP(rw, r)
			})
		}
		w.around.Store(&f)
		at := w.unwraps.Load()
		waitFor(t, func() bool { return w.unwraps.Load() > at+60 })
		w.around.Store(nil)
		if _, err := w.provider.OpenSession(t.Context(), w.credential("wrong-secret-"+fmt.Sprint(round))); err == nil {
			t.Error("a wrong secret opened a session")
		}
	}
	done.Store(true)
	if failures := <-result; len(failures) > 0 {
		t.Errorf("%d calls failed, the first: %v", len(failures), failures[0])
	}
}

// relay carries TCP connections to a server until it is stopped, which cuts them all, or frozen, which tells nobody.
type relay struct {
	l      net.Listener
	frozen atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn
}

func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	r := &relay{l: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	go func() {
		for {
			in, err := r.l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			go r.carry(out, in)
			go r.carry(in, out)
		}
	}()
	t.Cleanup(r.stop)
	return r
}

func (r *relay) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if r.frozen.Load() && err == nil {
			continue // swallowed
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

func (r *relay) stop() {
	r.l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
}

func TestVaultFailoverUnderLoadLosesNoCall(t *testing.T) {
	w := newWorld(t, nil)
	a, b := newRelay(t, w.vault.Addr), newRelay(t, w.vault.Addr)
	s := *w.settings.Load()
	s.Addresses = []string{a.l.Addr().String(), b.l.Addr().String()}
	w.settings.Store(&s)
	h := w.hold(t, 4)
	var done atomic.Bool
	result := make(chan []error, 1)
	go func() {
		_, failures := load(h, 8, func(int64) bool { return done.Load() })
		result <- failures
	}()
	waitFor(t, func() bool { return w.unwraps.Load() > 40 })
	a.stop()
	at := w.unwraps.Load()
	waitFor(t, func() bool { return w.unwraps.Load() > at+100 })
	// and an outage of everything that is over within the budget
	w.vault.Stop()
	timer := time.NewTimer(700 * time.Millisecond)
	<-timer.C
	w.vault.Start(t)
	at = w.unwraps.Load()
	waitFor(t, func() bool { return w.unwraps.Load() > at+60 })
	done.Store(true)
	if failures := <-result; len(failures) > 0 {
		t.Errorf("%d calls failed, the first: %v", len(failures), failures[0])
	}
}

func TestVaultThatFallsSilentLosesNoCall(t *testing.T) {
	w := newWorld(t, func(c *connector.Config) { c.TryTimeout, c.Tries = 2*time.Second, 100 }) // of which a busy machine may need some
	a, b := newRelay(t, w.vault.Addr), newRelay(t, w.vault.Addr)
	s := *w.settings.Load()
	s.Addresses = []string{a.l.Addr().String(), b.l.Addr().String()}
	w.settings.Store(&s)
	h := w.hold(t, 4)
	var done atomic.Bool
	result := make(chan []error, 1)
	go func() {
		_, failures := load(h, 8, func(int64) bool { return done.Load() })
		result <- failures
	}()
	waitFor(t, func() bool { return w.unwraps.Load() > 40 })
	a.frozen.Store(true)
	a.l.Close()
	at := w.unwraps.Load()
	waitFor(t, func() bool { return w.unwraps.Load() > at+100 })
	done.Store(true)
	if failures := <-result; len(failures) > 0 {
		t.Errorf("%d calls failed, the first: %v", len(failures), failures[0])
	}
}

func TestFiveHundredDatabasesOpenAtOnce(t *testing.T) {
	w := newWorld(t, func(c *connector.Config) { c.LocalWrap = true }) // quicker to prepare
	const databases, keys = 500, 10
	type database struct {
		thumb ekm.Thumbprint
		blob  ekm.Wrapped
		n     int
	}
	s := must(w.provider.OpenSession(t.Context(), w.credential(w.secret)))(t)
	var dbs, same []database
	files := fsys.NewMem()
	filled := keymap.OpenFile(files, "/map/keys", nil, nil)
	for k := range keys {
		name := fmt.Sprintf("k%d", k)
		w.vault.MustKey(t, "kv1", name, &akv.CreateKey{Kty: "RSA"})
		info := must(s.KeyByName(t.Context(), name))(t)
		must(0, filled.Put(t.Context(), keymap.Entry{Vault: w.vault.VaultURL("kv1"), Thumbprint: info.Thumbprint, URI: info.URI}))(t)
		shared := must(s.Wrap(t.Context(), info.Thumbprint, dek(k)))(t)
		for i := range databases / keys {
			dbs = append(dbs, database{info.Thumbprint, must(s.Wrap(t.Context(), info.Thumbprint, dek(1000*k+i)))(t), 1000*k + i})
			same = append(same, database{info.Thumbprint, shared, k})
		}
	}
	for _, tc := range []struct {
		name    string
		dbs     []database
		unwraps int64
	}{{"each with a key of its own", dbs, databases}, {"sharing", same, keys}} {
		t.Run(tc.name, func(t *testing.T) {
			// a server that has just started: nothing is known, no connection is open
			opener := azure.New(azure.Config{Settings: func(string) azure.Settings { return *w.settings.Load() }})
			defer opener.Close()
			var again atomic.Int64
			p := must(connector.New(connector.Config{
				Open: func(ctx context.Context, c *ekm.Credential) (connector.Vault, error) { return opener.Open(ctx, c) },
				Map:  keymap.OpenFile(files, "/map/keys", nil, nil),
				// a machine that is too busy to answer would see tries beside these
				Budget: time.Hour, TryTimeout: time.Hour,
				OnEvent: func(e connector.Event) {
					if e.Kind == connector.Retried { // a connection whose ping such a machine did not answer is given up, with what was asked on it
						again.Add(1)
					}
				},
			}))(t)
			defer p.Close()
			gets, unwraps := w.gets.Load(), w.unwraps.Load()
			if tc.unwraps == keys { // all are there before the first is answered
				gate := make(chan struct{})
				f := func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						if strings.HasSuffix(r.URL.Path, "/unwrapkey") && r.Header.Get("Authorization") != "" {
							<-gate
						}
						h.ServeHTTP(rw, r)
					})
				}
				w.around.Store(&f)
				defer w.around.Store(nil)
				go func() {
					defer close(gate)
					waitFor(t, func() bool { return p.WaitingForTesting() == databases })
				}()
			}
			var wg sync.WaitGroup
			began := time.Now()
			for _, db := range tc.dbs {
				wg.Add(1)
				go func() {
					defer wg.Done()
					s, err := p.OpenSession(context.Background(), w.credential(w.secret))
					if err != nil {
						t.Error(err)
						return
					}
					defer s.Close(false)
					if _, err := s.KeyByThumbprint(context.Background(), db.thumb); err != nil {
						t.Error(err)
						return
					}
					got, err := s.Unwrap(context.Background(), db.thumb, db.blob)
					if err != nil {
						t.Error(err)
						return
					}
					defer got.Destroy()
					if !got.Equal(dek(db.n).Expose()) {
						t.Error("a wrong answer")
					}
				}()
			}
			wg.Wait()
			took := time.Since(began)
			t.Logf("%d databases, %d keys: %v, %d gets, %d unwraps", databases, keys, took, w.gets.Load()-gets, w.unwraps.Load()-unwraps)
			if n := w.gets.Load() - gets; n < keys || n > keys+again.Load() {
				t.Errorf("%d gets, want one per key: %d, and %d tries were repeated", n, keys, again.Load())
			}
			if n := w.unwraps.Load() - unwraps; n < tc.unwraps || n > tc.unwraps+again.Load() {
				t.Errorf("%d unwraps, want %d, and %d tries were repeated", n, tc.unwraps, again.Load())
			}
			if long() && took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// BenchmarkUnwrap compares an unwrap in a session that is open with the bare HTTPS request that it makes, in turn, and
// reports the medians and what the connector adds.
func BenchmarkUnwrap(b *testing.B) {
	w := newWorld(b, func(c *connector.Config) { c.OnEvent = nil })
	h := w.hold(b, 1)
	tr := w.vault.Transport()
	defer tr.CloseIdleConnections()
	tr.ForceAttemptHTTP2 = true // the same protocol on both sides
	client := &http.Client{Transport: tr}
	tok := w.token(b)
	info := must(h.session.KeyByThumbprint(context.Background(), h.thumb))(b)
	body := must(json.Marshal(map[string]string{"alg": "RSA-OAEP-256", "value": base64.RawURLEncoding.EncodeToString(h.blobs[0].Blob)}))(b)
	bare := func() {
		req := must(http.NewRequest(http.MethodPost, info.URI+"/unwrapkey?api-version=7.4", bytes.NewReader(body)))(b)
		req.Header.Set("Authorization", "Bearer "+tok)
		req.Header.Set("Content-Type", "application/json")
		res := must(client.Do(req))(b)
		var out struct{ Value string }
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Value == "" {
			b.Fatal(res.Status, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	ours := func() {
		s, err := h.session.Unwrap(context.Background(), h.thumb, h.blobs[0])
		if err != nil {
			b.Fatal(err)
		}
		s.Destroy()
	}
	bare()
	ours()
	var x, y []time.Duration
	for b.Loop() {
		t0 := time.Now()
		bare()
		t1 := time.Now()
		ours()
		x, y = append(x, t1.Sub(t0)), append(y, time.Since(t1))
	}
	slices.Sort(x)
	slices.Sort(y)
	p50 := func(d []time.Duration) float64 { return float64(d[len(d)/2].Microseconds()) }
	b.ReportMetric(p50(x), "bare-p50-µs")
	b.ReportMetric(p50(y), "unwrap-p50-µs")
	b.ReportMetric(100*(p50(y)-p50(x))/p50(x), "added-%")
}

// token gets a token as the connector's client would.
func (w *world) token(t testing.TB) string {
	t.Helper()
	p := w.vault.Principal("admin")
	return w.vault.Token(t, p, w.vault.Audience(false))
}

func TestEventsCostNothingWhenUnused(t *testing.T) {
	p := must(connector.New(connector.Config{
		Open: func(context.Context, *ekm.Credential) (connector.Vault, error) { return nil, errors.New("none") },
		Map:  keymap.OpenFile(fsys.NewMem(), "/m", nil, nil),
	}))(t)
	defer p.Close()
	if n := testing.AllocsPerRun(100, p.EmitForTesting); n != 0 {
		t.Errorf("an event that nobody wants allocates %v times", n)
	}
	_ = secret.Redacted
}
