package connector_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/azure/azuretest"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// scripted is a vault whose calls do what a test says, without a network.
type scripted struct {
	connector.Vault
	unwrap func(ctx context.Context, n int) error
	calls  atomic.Int64
	looked func() // at a key
}

func (s *scripted) GetKey(context.Context, string, string) (keystore.Key, error) {
	if s.looked != nil {
		s.looked()
	}
	return keystore.Key{}, code.HTTPResourceNotFound
}

func (s *scripted) URL() string      { return "https://v.example" }
func (s *scripted) Identity() string { return "somebody" }

func (s *scripted) Unwrap(ctx context.Context, _, _, _ string, _ []byte) (*secret.Bytes, error) {
	if err := s.unwrap(ctx, int(s.calls.Add(1))); err != nil {
		return nil, err
	}
	return dek(1), nil
}

func failing(c code.Code, f keystore.Failure) error { return code.Wrap(c, "calling", "v", &f) }

type scriptedRig struct {
	vault   *scripted
	clock   *clock.Fake
	session ekm.Session
	watch   func(keystore.Expiry)
	events  chan connector.Event
	p       *connector.Provider
}

var scriptedThumb = ekm.Thumbprint(strings.Repeat("t", 20))

func newScripted(t *testing.T, change func(*connector.Config)) *scriptedRig {
	t.Helper()
	r := &scriptedRig{vault: &scripted{}, clock: clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), events: make(chan connector.Event, 10_000)}
	m := keymap.OpenFile(fsys.NewMem(), "/m", nil, nil)
	must(0, m.Put(t.Context(), keymap.Entry{Vault: "https://v.example", Thumbprint: scriptedThumb, URI: "https://v.example/keys/k/" + strings.Repeat("a", 32)}))(t)
	cfg := connector.Config{
		Open:  func(context.Context, *ekm.Credential) (connector.Vault, error) { return r.vault, nil },
		Watch: func(f func(keystore.Expiry)) { r.watch = f },
		Map:   m, Clock: r.clock, Rand: func() float64 { return 1 },
		OnEvent: func(e connector.Event) { r.events <- e },
	}
	if change != nil {
		change(&cfg)
	}
	r.p = must(connector.New(cfg))(t)
	t.Cleanup(func() { _ = r.p.Close() })
	r.session = must(r.p.OpenSession(t.Context(), &ekm.Credential{}))(t)
	return r
}

func (r *scriptedRig) start(t *testing.T) chan error {
	done := make(chan error, 1)
	go func() {
		s, err := r.session.Unwrap(t.Context(), scriptedThumb, ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: make([]byte, 256)})
		s.Destroy()
		done <- err
	}()
	return done
}

// next waits for an event of a kind.
func (r *scriptedRig) next(t *testing.T, k connector.EventKind) connector.Event {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case e := <-r.events:
			if e.Kind == k {
				return e
			}
		case <-limit.C:
			t.Fatalf("no event %q", k)
		}
	}
}

// advance moves the clock once the event says that the code waits for it. One timer more than the watch's must be armed.
func (r *scriptedRig) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if err := r.clock.BlockUntil(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(d)
}

func TestRetryAfterIsHonouredWithinTheBudget(t *testing.T) {
	r := newScripted(t, nil)
	r.vault.unwrap = func(_ context.Context, n int) error {
		if n == 1 {
			return failing(code.HTTPResponseCodeThrottled, keystore.Failure{Class: keystore.Throttled, Status: 429, RetryAfter: 7 * time.Second})
		}
		return nil
	}
	done := r.start(t)
	if e := r.next(t, connector.Retried); e.Duration != 7*time.Second+100*time.Millisecond || e.Class != keystore.Throttled {
		t.Errorf("waits %v", e.Duration)
	}
	r.advance(t, 8*time.Second)
	if err := <-done; err != nil {
		t.Error(err)
	}

	late := newScripted(t, nil)
	late.vault.unwrap = func(context.Context, int) error {
		return failing(code.HTTPResponseCodeThrottled, keystore.Failure{Class: keystore.Throttled, Status: 429, RetryAfter: time.Minute})
	}
	if err := <-late.start(t); code.Of(err) != code.HTTPResponseCodeThrottled || late.vault.calls.Load() != 1 {
		t.Errorf("a wait beyond the budget: %v after %d calls", err, late.vault.calls.Load())
	}
}

func TestWhatIsNotRetried(t *testing.T) {
	for _, tc := range []struct {
		class keystore.Class
		calls int64
	}{{keystore.Refused, 1}, {keystore.Unauthenticated, 1}, {keystore.Missing, 1}, {keystore.Unknown, 1}, {keystore.Suspect, 2}} {
		r := newScripted(t, nil)
		r.vault.unwrap = func(context.Context, int) error {
			return failing(code.HTTPOperationForbidden, keystore.Failure{Class: tc.class, Status: 403})
		}
		done := r.start(t)
		if tc.calls > 1 {
			r.next(t, connector.Retried)
			r.advance(t, time.Second)
		}
		if err := <-done; err == nil || r.vault.calls.Load() != tc.calls {
			t.Errorf("%v: %v after %d calls, want %d", tc.class, err, r.vault.calls.Load(), tc.calls)
		}
		switch tc.class {
		case keystore.Suspect:
			r.next(t, connector.Suspected)
		case keystore.Refused:
			r.next(t, connector.Refused)
		}
	}
}

func TestOutageRestsTheVaultAndItsEndWakesIt(t *testing.T) {
	r := newScripted(t, func(c *connector.Config) { c.Tries = 100 })
	var down atomic.Bool
	down.Store(true)
	r.vault.unwrap = func(context.Context, int) error {
		if down.Load() {
			return failing(code.HTTPConnectSession, keystore.Failure{Class: keystore.Outage})
		}
		return nil
	}
	done := r.start(t)
	for range 4 {
		r.next(t, connector.Retried)
		r.advance(t, 5*time.Second)
	}
	r.next(t, connector.VaultDown)
	r.advance(t, 5*time.Second)
	// the budget of the first call is over soon; calls that come later do not wait for an outage as old as that
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-stop:
				return
			default:
				r.clock.Advance(time.Second)
				tick := time.NewTimer(time.Millisecond)
				<-tick.C
			}
		}
	}()
	if err := <-done; code.Of(err) != code.HTTPConnectSession {
		t.Errorf("the call = %v", err)
	}
	waitFor(t, func() bool {
		err := <-r.start(t)
		return errors.Is(err, code.VaultResting) && code.Of(err) == code.HTTPConnectSession
	})
	down.Store(false)
	waitFor(t, func() bool { return <-r.start(t) == nil })
	close(stop)
	wg.Wait()
	r.next(t, connector.VaultUp)
	if err := <-r.start(t); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestExpiryIsToldOncePerStage(t *testing.T) {
	r := newScripted(t, nil)
	now := r.clock.Now()
	end := now.Add(61 * 24 * time.Hour)
	e := keystore.Expiry{Kind: "certificate", Object: "CN=sp", NotAfter: end}
	r.watch(e)
	r.watch(e)
	for _, step := range []struct {
		forward time.Duration
		days    int
	}{{24 * time.Hour, 60}, {30 * 24 * time.Hour, 30}, {16 * 24 * time.Hour, 14}, {7 * 24 * time.Hour, 7}, {6 * 24 * time.Hour, 1}} {
		for left := step.forward; left > 0; left -= 12 * time.Hour { // the watch looks at least that often
			if err := r.clock.BlockUntil(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(12 * time.Hour)
		}
		if got := r.next(t, connector.Expiring); got.Days != step.days {
			t.Errorf("days = %d, want %d", got.Days, step.days)
		}
		r.watch(e) // seen again: told already
	}
	for range 2 {
		if err := r.clock.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(12 * time.Hour)
	}
	r.next(t, connector.Expired)
	r.watch(e)
	r.watch(keystore.Expiry{Kind: "key", Object: "late", NotAfter: r.clock.Now().Add(10 * 24 * time.Hour)})
	if got := r.next(t, connector.Expiring); got.Days != 14 || got.Expiry.Object != "late" {
		t.Errorf("first seen late: %+v", got)
	}
	r.watch(keystore.Expiry{Kind: "key", Object: "early", NotBefore: r.clock.Now().Add(time.Hour)})
	r.next(t, connector.NotYetValid)
	for {
		select {
		case e := <-r.events:
			if e.Kind == connector.Expiring || e.Kind == connector.Expired || e.Kind == connector.NotYetValid {
				t.Errorf("told twice: %+v", e)
			}
			continue
		default:
		}
		break
	}
}

func TestKeyAndCertificateExpiryPassBy(t *testing.T) {
	r := newRig(t, options{})
	k := r.peer.PutKey(t, "k", rsaKey())
	k.Attributes["exp"] = time.Now().Add(5 * 24 * time.Hour).Unix()
	r.settings.SecretExpires = time.Now().Add(20 * 24 * time.Hour)
	must(r.open(t).KeyByName(t.Context(), "k"))(t)
	cert := certificateOf(t, rsaKey().Public(), rsaKey()) // ends in 1,000 hours
	r.cred.Secret = secret.FromString(azuretest.ClientHex + "pem=" + pemOf(t, rsaKey(), cert))
	r.open(t)
	got := map[string]int{}
	for _, e := range r.seen(connector.Expiring) {
		got[e.Expiry.Kind] = e.Days
		noSecret(t, e.Expiry.Object)
	}
	if got["key"] != 7 || got["secret"] != 30 || got["certificate"] != 60 {
		t.Errorf("stages = %v", got)
	}
}

func TestTokenIsRenewedEarlyAndClaimsAreAnswered(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	if n := r.peer.Count("token"); n != 1 {
		t.Fatalf("%d tokens", n)
	}
	// continuous access evaluation: the vault wants a token with claims
	var asked atomic.Value
	once := sync.Once{}
	r.peer.SetHook(func(rw http.ResponseWriter, req *http.Request) bool {
		if strings.HasSuffix(req.URL.Path, "/token") {
			_ = req.ParseForm()
			asked.Store(req.PostForm.Get("claims"))
			return false
		}
		refuse := false
		if strings.HasSuffix(req.URL.Path, "/unwrapkey") {
			once.Do(func() { refuse = true })
		}
		if refuse {
			rw.Header().Set("WWW-Authenticate", `Bearer authorization="`+r.peer.Authority.URL+"/"+azuretest.Tenant+`", resource="`+r.peer.Vault.URL+`", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="`)
			rw.WriteHeader(401)
		}
		return refuse
	})
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if got, _ := asked.Load().(string); !strings.Contains(got, `"nbf"`) {
		t.Errorf("claims asked for: %q", got)
	}
	r.peer.SetHook(nil)
	// tokens that end at once are renewed at each use, and no call fails
	r.peer.SetTokenLife(121 * time.Second)
	r.peer.RevokeTokens()
	for range 3 {
		must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	}
}

func TestNothingIsSentToAForeignAuthority(t *testing.T) {
	r := newRig(t, options{})
	r.peer.SetChallenge(`Bearer authorization="https://127.0.0.1:1/t", resource="` + r.peer.Vault.URL + `"`)
	if _, err := r.provider.OpenSession(t.Context(), r.cred); !errors.Is(err, code.AuthorityNotTrusted) {
		t.Errorf("OpenSession = %v", err)
	}
	if n := r.peer.Count("token"); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

func TestChangeCredentialReachesOpenSessions(t *testing.T) {
	r := newRig(t, options{})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	other := r.credential("canary-second")
	other.Secret = secret.FromString("ffffffffffffffffffffffffffffffff" + "canary-second")
	if err := r.provider.ChangeCredential(t.Context(), other); code.Of(err) != code.GetTokenBadCredentials {
		t.Errorf("a secret that does not work: %v", err)
	}
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	r.peer.SetSecrets("canary-second")
	if err := r.provider.ChangeCredential(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	r.peer.RevokeTokens() // the first client could not get another token
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
	if len(r.seen(connector.CredentialChanged)) != 1 {
		t.Error("the change was not reported")
	}
}

func TestChangedSettingsAreUsedByOpenSessions(t *testing.T) {
	r := newRig(t, options{config: func(c *connector.Config) { c.Tries = 2 }})
	r.peer.PutKey(t, "k", rsaKey())
	s := r.open(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	w := must(s.Wrap(t.Context(), info.Thumbprint, dek(1)))(t)
	r.mu.Lock()
	r.settings.Proxy = "http://" + closedPort(t)
	r.mu.Unlock()
	_, _ = r.provider.OpenSession(t.Context(), r.cred) // makes them known
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Unwrap(ctx, info.Thumbprint, w); err == nil {
		t.Error("the proxy was not used")
	}
	r.mu.Lock()
	r.settings.Proxy = "direct"
	r.mu.Unlock()
	must(r.provider.OpenSession(t.Context(), r.cred))(t)
	must(s.Unwrap(t.Context(), info.Thumbprint, w))(t)
}

func TestLogLevelsAndMetrics(t *testing.T) {
	for level, want := range map[connector.LogLevel][2]bool{connector.LogInfo: {true, true}, connector.LogError: {false, true}, connector.LogNone: {false, false}} {
		var log bytes.Buffer
		reg := prometheus.NewRegistry()
		r := newRig(t, options{config: func(c *connector.Config) {
			c.Log, c.LogLevel, c.Metrics = slog.New(slog.NewTextHandler(&lockedWriter{w: &log}, nil)), level, reg
		}})
		r.peer.PutKey(t, "k", rsaKey())
		s := r.open(t)
		must(s.KeyByName(t.Context(), "k"))(t)
		_, _ = s.KeyByName(t.Context(), "absent")
		must(0, r.provider.Close())(t)
		if got := [2]bool{strings.Contains(log.String(), "key registered"), strings.Contains(log.String(), "code=3112")}; got != want {
			t.Errorf("level %d: info and error shown %v, want %v\n%s", level, got, want, log.String())
		}
		noSecret(t, log.String())
		found := map[string]float64{}
		for _, f := range must(reg.Gather())(t) {
			for _, m := range f.GetMetric() {
				key := f.GetName()
				for _, l := range m.GetLabel() {
					key += " " + l.GetValue()
				}
				found[key] = m.GetCounter().GetValue()
			}
		}
		if found["latchkey_connector_calls_total 0 find"] != 1 || found["latchkey_connector_calls_total 3112 find"] != 1 {
			t.Errorf("metrics: %v", found)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	ok := connector.Config{Open: func(context.Context, *ekm.Credential) (connector.Vault, error) { return nil, nil }, Map: keymap.OpenFile(fsys.NewMem(), "/m", nil, nil)}
	for name, change := range map[string]func(*connector.Config){
		"algorithm": func(c *connector.Config) { c.Algorithm = "A256KW" },
		"open":      func(c *connector.Config) { c.Open = nil },
		"map":       func(c *connector.Config) { c.Map = nil },
		"level":     func(c *connector.Config) { c.LogLevel = 3 },
		"budget":    func(c *connector.Config) { c.Budget = -1 },
	} {
		c := ok
		change(&c)
		if _, err := connector.New(c); !errors.Is(err, code.ConfigInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who only unwraps sees when keys end too: they are looked at when first used, and again after hours.
func TestKeysInUseAreLookedAtAgain(t *testing.T) {
	r := newScripted(t, nil)
	r.vault.unwrap = func(context.Context, int) error { return nil }
	looks := make(chan struct{}, 100)
	r.vault.looked = func() { looks <- struct{}{} }
	for range 3 {
		if err := <-r.start(t); err != nil {
			t.Fatal(err)
		}
	}
	<-looks
	r.clock.Advance(5 * time.Hour)
	if err := <-r.start(t); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(2 * time.Hour)
	if err := <-r.start(t); err != nil {
		t.Fatal(err)
	}
	<-looks
	_ = r.p.Close()
	if len(looks) != 0 {
		t.Errorf("%d looks more", len(looks))
	}
}

// A failure that comes again and again is written once, then every ten minutes with their number, and at once when it was over in between.
func TestRepeatedFailuresDoNotFloodTheLog(t *testing.T) {
	var out lockedWriter
	var text bytes.Buffer
	out.w = &text
	r := newScripted(t, func(c *connector.Config) {
		c.Tries, c.LogLevel = 1, connector.LogError
		c.Log = slog.New(slog.NewTextHandler(&out, nil))
	})
	var ok atomic.Bool
	r.vault.unwrap = func(_ context.Context, n int) error {
		if ok.Load() {
			return nil
		}
		return failing(code.HTTPOperationForbidden, keystore.Failure{Class: keystore.Refused, Status: 403, Reason: "KeyDisabled", RequestID: strings.Repeat("r", n%5+1)})
	}
	call := func(n int) {
		for range n {
			<-r.start(t)
			r.clock.Advance(2 * time.Second)
		}
	}
	lines := func() int {
		out.mu.Lock()
		defer out.mu.Unlock()
		return strings.Count(text.String(), "\n")
	}
	call(200)                 // less than ten minutes
	if n := lines(); n != 2 { // the call, and that it was refused
		t.Errorf("%d lines:\n%s", n, text.String())
	}
	call(200)
	if n := lines(); n != 4 || !strings.Contains(text.String(), "repeated=299") {
		t.Errorf("%d lines:\n%s", n, text.String())
	}
	ok.Store(true)
	call(1)
	ok.Store(false)
	call(10)
	if n := lines(); n != 6 {
		t.Errorf("%d lines:\n%s", n, text.String())
	}
}
