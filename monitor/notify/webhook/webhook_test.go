package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/monitor/activity"
	"latchkey/monitor/notify"
	"latchkey/monitor/notify/webhook"
)

const text = "test-only-secret-of-a-webhook-0123"

type got struct {
	header http.Header
	body   []byte
}

func receive(t *testing.T, status int, more http.Header) (*httptest.Server, chan got) {
	t.Helper()
	c := make(chan got, 16)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c <- got{r.Header.Clone(), b}
		for k, v := range more {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s, c
}

func sink(t *testing.T, s *httptest.Server, keys ...string) *webhook.Sink {
	t.Helper()
	c := webhook.Config{URL: s.URL + "/hook?token=url-secret", Proxy: "direct"}
	if tr, ok := s.Client().Transport.(*http.Transport); ok {
		c.Roots = tr.TLSClientConfig.RootCAs
	}
	for _, k := range keys {
		parsed, err := webhook.ParseSecret([]byte(k))
		if err != nil {
			t.Fatal(err)
		}
		c.Secrets = append(c.Secrets, parsed)
	}
	w, err := webhook.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func message() notify.Message {
	return notify.Message{ID: "msg_1", Explanation: "why", Record: activity.Record{
		Version: 1, Seq: 7, Time: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), Resource: "Sales", Event: "MakeDatabaseInaccessible", Status: "Started", Description: "text",
	}}
}

// What is sent is what the specification's own library takes, under either of two secrets.
func TestSignatureIsTheStandardOne(t *testing.T) {
	s, c := receive(t, 204, nil)
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("test-only-another-secret-0123456"))
	if err := sink(t, s, text, other).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	g := <-c
	raw, err := standardwebhooks.NewWebhookRaw([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	second, err := standardwebhooks.NewWebhook(other)
	if err != nil {
		t.Fatal(err)
	}
	wrong, _ := standardwebhooks.NewWebhookRaw([]byte(strings.Repeat("x", 32)))
	if raw.Verify(g.body, g.header) != nil || second.Verify(g.body, g.header) != nil || wrong.Verify(g.body, g.header) == nil {
		t.Errorf("headers %v", g.header)
	}
	if raw.Verify(append(g.body, ' '), g.header) == nil {
		t.Error("a changed body was taken")
	}
	var b webhook.Body
	if err := json.Unmarshal(g.body, &b); err != nil || b.Type != "latchkey.MakeDatabaseInaccessible" || b.Version != 1 || b.ID != "msg_1" || b.Data.Seq != 7 || b.Explanation != "why" {
		t.Errorf("%s: %v", g.body, err)
	}
	key := secret.FromString(text)
	at := clock.System{}.Now()
	id, stamp, sig := g.header.Get("webhook-id"), g.header.Get("webhook-timestamp"), g.header.Get("webhook-signature")
	if err := webhook.Verify(key, id, stamp, sig, g.body, at); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		id, stamp, sig string
		now            time.Time
		want           error
	}{
		{"msg_2", stamp, sig, at, webhook.ErrSignature},
		{id, "1" + stamp, sig, at, webhook.ErrSignature},
		{id, "x", sig, at, webhook.ErrTime},
		{id, stamp, "v1,AAAA v2," + strings.TrimPrefix(sig, "v1,"), at, webhook.ErrSignature},
		{id, stamp, sig, at.Add(6 * time.Minute), webhook.ErrTime},
		{id, stamp, sig, time.Time{}, nil},
	} {
		if err := webhook.Verify(key, c.id, c.stamp, c.sig, g.body, c.now); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// Failures say nothing of the URL but its host, redirects are not followed, certificates are checked.
func TestFailures(t *testing.T) {
	for status, after := range map[int]string{500: "", 429: "7", 400: "", 302: ""} {
		s, c := receive(t, status, http.Header{"Retry-After": {after}, "Location": {"/elsewhere"}})
		err := sink(t, s, text).Send(t.Context(), message())
		if err == nil || strings.Contains(err.Error(), "url-secret") || strings.Contains(err.Error(), "hook") || strings.Contains(err.Error(), text) {
			t.Errorf("%d: %v", status, err)
		}
		if <-c; len(c) != 0 {
			t.Errorf("%d: %d requests more", status, len(c))
		}
	}
	s, _ := receive(t, 200, nil)
	w, err := webhook.New(webhook.Config{URL: s.URL + "/url-secret", Proxy: "direct"}) // with the system's authorities
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "url-secret") {
		t.Errorf("an unknown authority: %v", err)
	}
	s.Close()
	if err := sink(t, s).Send(t.Context(), message()); err == nil || strings.Contains(err.Error(), "url-secret") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for u, good := range map[string]bool{
		"https://h/x": true, "http://127.0.0.1:1/x": true, "http://localhost/x": true, "http://h/x": false, "ftp://h": false, "https://u:p@h/": false, "": false, "https://": false,
	} {
		if err := webhook.CheckURL(u); (err == nil) != good {
			t.Errorf("%q: %v", u, err)
		}
	}
	for s, good := range map[string]bool{text + "\n": true, "short": false, "whsec_%%%": false, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)): true, strings.Repeat("x", 65): false} {
		if k, err := webhook.ParseSecret([]byte(s)); (err == nil) != good || err != nil && strings.Contains(err.Error(), strings.TrimSpace(s)) {
			t.Errorf("%q: %v, %v", s, k, err)
		}
	}
}
