package azure_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

func setUp(t *testing.T, c clock.Clock) (*azuretest.Peer, *azure.Opener, *ekm.Credential) {
	t.Helper()
	p := azuretest.New(t)
	p.AddKey(t, "k", 2048)
	s := azure.Settings{CAFile: p.CAFile, Authority: p.Authority.URL, Proxy: "direct", ManagedIdentityHost: p.Metadata.URL}
	o := azure.New(azure.Config{Clock: c, Settings: func(string) azure.Settings { return s }, Rand: func() float64 { return 0 }})
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, o, &ekm.Credential{Identity: p.Vault.URL, Secret: secret.FromString(azuretest.ClientHex + azuretest.Secret)}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.NewTimer(5*time.Minute) // no bound of anything: who reaches it hangs
	defer tick.Stop()
	defer end.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatal("it does not come about")
		}
	}
}

func TestTokenIsSharedAndRenewedBeforeItEnds(t *testing.T) {
	fake := clock.NewFake(time.Now())
	p, o, cred := setUp(t, fake)
	var mu sync.Mutex
	var told []keystore.Expiry
	o.Watch(func(e keystore.Expiry) {
		if e.Kind == "token" {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e)
		}
	})
	var wg sync.WaitGroup
	for range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			v, err := o.Open(t.Context(), cred)
			if err == nil {
				_, err = v.GetKey(t.Context(), "k", "")
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if c, n := p.Count("challenge"), p.Count("token"); c != 1 || n != 1 {
		t.Errorf("%d challenges, %d tokens", c, n)
	}
	v, err := o.Open(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	get := func() {
		t.Helper()
		if _, err := v.GetKey(t.Context(), "k", ""); err != nil {
			t.Fatal(err)
		}
	}
	tokens := p.Count("token")
	fake.Advance(40 * time.Minute) // of 60: renewed from 42 on
	get()
	if n := p.Count("token"); n != tokens {
		t.Errorf("renewed too early: %d tokens, had %d", n, tokens)
	}
	// an authority that is down does not harm while the old token is good
	p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/token") {
			azuretest.AuthorityError(w, 503, "temporarily_unavailable", 1, "later")
			return true
		}
		return false
	})
	fake.Advance(3 * time.Minute)
	get()
	waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(told) > 0 })
	p.SetHook(nil)
	fake.Advance(time.Minute)
	get()
	waitFor(t, func() bool { return p.Count("token") == tokens+1 })
	waitFor(t, func() bool { return v.TokenExpires().Sub(fake.Now()) > 59*time.Minute })
	fake.Advance(time.Hour) // past its end: the call itself gets another
	get()
	if n := p.Count("token"); n != tokens+2 {
		t.Errorf("%d tokens, want %d", n, tokens+2)
	}
}

func TestOpenThatFailsLeavesTheOldSecretInUse(t *testing.T) {
	p, o, cred := setUp(t, nil)
	v, err := o.Open(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	wrong := *cred
	wrong.Secret = secret.FromString(azuretest.ClientHex + "canary-wrong")
	if _, err := o.Open(t.Context(), &wrong); code.Of(err) != code.GetTokenBadCredentials || strings.Contains(fmt.Sprintf("%+v", err), "canary") {
		t.Errorf("Open = %v", err)
	}
	p.RevokeTokens()
	if _, err := v.GetKey(t.Context(), "k", ""); err != nil {
		t.Errorf("the old secret: %v", err)
	}
	next := *cred
	next.Secret = secret.FromString(azuretest.ClientHex + "canary-next")
	p.SetSecrets("canary-next")
	if _, err := o.Open(t.Context(), &next); err != nil {
		t.Fatal(err)
	}
	p.RevokeTokens()
	if _, err := v.GetKey(t.Context(), "k", ""); err != nil {
		t.Errorf("the new secret did not reach who was open: %v", err)
	}
}

func TestListsFollowPagesOfTheSameVaultOnly(t *testing.T) {
	p, o, cred := setUp(t, nil)
	v, err := o.Open(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	page := 0
	next := []any{p.Vault.URL + "/keys?$skiptoken=a&maxresults=1", p.Vault.URL + "/keys?%24skiptoken=b", nil}
	var queries []string
	p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/keys" || r.Header.Get("Authorization") == "" {
			return false
		}
		queries = append(queries, r.URL.RawQuery)
		value := []any{}
		if page != 1 { // a page may be empty
			value = append(value, map[string]any{"kid": fmt.Sprintf("%s/keys/k%d", p.Vault.URL, page), "unknown": 1})
		}
		azuretest.Reply(w, 200, map[string]any{"value": value, "nextLink": next[page]})
		page++
		return true
	})
	keys, err := v.Keys(t.Context())
	if err != nil || len(keys) != 2 || keys[1].Name != "k2" {
		t.Errorf("keys = %+v, %v", keys, err)
	}
	if len(queries) != 3 || queries[1] != "$skiptoken=a&maxresults=1" || queries[2] != "%24skiptoken=b" {
		t.Errorf("queries %q", queries)
	}
	page, next = 0, []any{"https://evil.example/keys?x=1"}
	if _, err := v.Keys(t.Context()); err == nil || !strings.Contains(err.Error(), "same vault") {
		t.Errorf("a page elsewhere: %v", err)
	}
}

// Through a proxy and under Azure's own names, with every check on.
func TestPublicCloudNamesThroughAProxy(t *testing.T) {
	p := azuretest.New(t)
	p.AddKey(t, "k", 2048)
	proxy := newConnectProxy(t, map[string]string{
		"contosovault.vault.azure.net:443":    strings.TrimPrefix(p.Vault.URL, "https://"),
		"login.microsoftonline.com:443":       strings.TrimPrefix(p.Authority.URL, "https://"),
		"contosohsm.managedhsm.azure.net:443": strings.TrimPrefix(p.Vault.URL, "https://"),
	})
	o := azure.New(azure.Config{Settings: func(string) azure.Settings { return azure.Settings{CAFile: p.CAFile, Proxy: proxy} }})
	defer o.Close()
	for identity, resource := range map[string]string{"ContosoVault": "https://vault.azure.net", "contosohsm.managedhsm.azure.net": "https://managedhsm.azure.net"} {
		p.SetChallenge(`Bearer authorization="https://login.microsoftonline.com/` + azuretest.Tenant + `", resource="` + resource + `"`)
		v, err := o.Open(t.Context(), &ekm.Credential{Identity: identity, Secret: secret.FromString(azuretest.ClientHex + azuretest.Secret)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Versions(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	}
}

// A request for a challenge or a token that hangs is not joined for long: who comes later begins another, and the vault that is back answers it.
func TestRequestThatHangsIsNotJoinedForLong(t *testing.T) {
	for _, what := range []string{"challenge", "token"} {
		t.Run(what, func(t *testing.T) {
			fake := clock.NewFake(time.Now())
			p, o, cred := setUp(t, fake)
			hangs, release := make(chan struct{}, 10), make(chan struct{})
			p.SetHook(func(_ http.ResponseWriter, r *http.Request) bool {
				if what == "token" != strings.HasSuffix(r.URL.Path, "/token") || what == "challenge" && r.URL.Path != "/keys" {
					return false
				}
				hangs <- struct{}{}
				<-release
				return false
			})
			done := make(chan error, 2)
			open := func() { _, err := o.Open(t.Context(), cred); done <- err }
			go open()
			<-hangs
			p.SetHook(nil)
			fake.Advance(3 * time.Second)
			go open()
			if err := <-done; err != nil { // the second: the first hangs
				t.Error(err)
			}
			close(release)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// A request that asks for new connections gets them, and if it is answered all others use them from then on; if not, nothing changes.
func TestAnew(t *testing.T) {
	p, o, cred := setUp(t, nil)
	var mu sync.Mutex
	from := map[string]bool{}
	hook := func(ok bool) {
		p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			from[r.RemoteAddr] = true
			if !ok {
				panic(http.ErrAbortHandler)
			}
			return false
		})
	}
	seen := func() int { mu.Lock(); defer mu.Unlock(); n := len(from); from = map[string]bool{}; return n }
	v, err := o.Open(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	get := func(anew bool) error {
		ctx := t.Context()
		if anew {
			ctx = keystore.Anew(ctx)
		}
		_, err := v.GetKey(ctx, "k", "")
		return err
	}
	hook(true)
	if err := get(false); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	before := from
	from = map[string]bool{}
	mu.Unlock()
	hook(false)
	if err := get(true); err == nil {
		t.Fatal("no outage")
	}
	seen()
	hook(true)
	if err := get(false); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	for a := range from {
		if !before[a] {
			t.Error("a failure put other connections in place")
		}
	}
	from = map[string]bool{}
	mu.Unlock()
	for _, anew := range []bool{true, false, false} {
		if err := get(anew); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(from) != 1 {
		t.Errorf("%d connections", len(from))
	}
	for a := range from {
		if before[a] {
			t.Error("the old connection is used")
		}
	}
}
