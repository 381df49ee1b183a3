package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/clock"
)

// RemoteConfig makes a Remote. One of MetadataURL and KeysURL is needed; both must be https.
type RemoteConfig struct {
	// Issuer is what the discovery document must name, to the letter. Needed with MetadataURL.
	Issuer      string
	MetadataURL string // ".../.well-known/openid-configuration"
	KeysURL     string // the key set itself, without discovery
	// RootCAs are the authorities that may vouch for the hosts; nil means the system's.
	RootCAs *x509.CertPool
	// Transport replaces the whole transport, RootCAs included; nil means one of our own.
	Transport http.RoundTripper
	Clock     clock.Clock // nil means the system's

	Refresh  time.Duration // age at which the keys are fetched again; 0 means 1 hour
	Retry    time.Duration // least time between two fetches, also for unknown key ids; 0 means 30 seconds
	MaxStale time.Duration // age beyond which keys that cannot be refreshed are no longer used; 0 means 24 hours
	Timeout  time.Duration // of one fetch; 0 means 10 seconds
}

// Remote is the key set of an issuer elsewhere. It is fetched when first needed, again when it grew old or a key id is not
// in it, never more often than Retry. While the issuer cannot be reached the last set goes on, up to MaxStale. It is
// safe for concurrent use; one fetch runs at a time and is not ended by the caller that began it.
type Remote struct {
	c      RemoteConfig
	client *http.Client

	mu      sync.Mutex
	set     *Set
	fetched time.Time // when set was fetched
	tried   time.Time // when the last fetch began
	lastErr error
	running chan struct{} // closed when the running fetch ends; nil if none runs
	epoch   uint64
}

// ErrUnavailable means that the keys are not known: never fetched, or too old.
var ErrUnavailable = errors.New("the issuer's keys are not available")

// NewRemote makes a Remote. It fetches nothing yet.
func NewRemote(c RemoteConfig) (*Remote, error) {
	if (c.MetadataURL == "") == (c.KeysURL == "") {
		return nil, errors.New("issuer keys: give a metadata address or a key set address, not both")
	}
	if c.MetadataURL != "" && c.Issuer == "" {
		return nil, errors.New("issuer keys: discovery needs the issuer's name to check")
	}
	for _, u := range []string{c.MetadataURL, c.KeysURL} {
		if u != "" {
			if err := checkURL(u); err != nil {
				return nil, err
			}
		}
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Refresh, time.Hour)
	def(&c.Retry, 30*time.Second)
	def(&c.MaxStale, 24*time.Hour)
	def(&c.Timeout, 10*time.Second)
	if c.Transport == nil {
		c.Transport = &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
			MaxIdleConns:    2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: c.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	client := &http.Client{Transport: c.Transport, Timeout: c.Timeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != "https" || len(via) > 3 {
			return errors.New("the redirect leaves https or goes round")
		}
		return nil
	}}
	return &Remote{c: c, client: client}, nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("issuer keys: %q is not an https address", s)
	}
	return nil
}

// Key lists the keys with that id, fetching first where needed. [ErrUnavailable] when there are no keys to answer from.
func (r *Remote) Key(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	for first := true; ; first = false {
		r.mu.Lock()
		now := r.c.Clock.Now()
		found := r.set.Find(kid)
		fresh := r.set != nil && now.Sub(r.fetched) < r.c.Refresh && !r.fetched.After(now)
		if len(found) > 0 && fresh {
			r.mu.Unlock()
			return found, nil
		}
		may := r.tried.IsZero() || now.Sub(r.tried) >= r.c.Retry || r.tried.After(now)
		if r.running == nil && first && may {
			r.startLocked(now)
		}
		wait := r.running
		usable := r.usableLocked(now)
		lastErr := r.lastErr
		r.mu.Unlock()
		switch {
		case len(found) > 0 && usable: // known and not too old: the refresh goes on behind
			return found, nil
		case wait == nil && usable:
			return nil, nil
		case wait == nil:
			return nil, errors.Join(ErrUnavailable, lastErr)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Epoch changes when a key was withdrawn, and when the set became too old to be used.
func (r *Remote) Epoch() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.c.Clock.Now()
	if !r.usableLocked(now) {
		return r.epoch | 1<<63 // differs from every epoch that keys were found in
	}
	if now.Sub(r.fetched) >= r.c.Refresh && r.running == nil && now.Sub(r.tried) >= r.c.Retry {
		r.startLocked(now) // cached answers alone would never ask for keys: a withdrawal must reach them
	}
	return r.epoch
}

func (r *Remote) usableLocked(now time.Time) bool {
	return r.set != nil && now.Sub(r.fetched) < r.c.MaxStale
}

func (r *Remote) startLocked(now time.Time) {
	done := make(chan struct{})
	r.running, r.tried = done, now
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), r.c.Timeout)
		defer cancel()
		set, err := r.fetch(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lastErr = err
		if err == nil {
			if r.set != nil && !set.holds(r.set) {
				r.epoch++
			}
			r.set, r.fetched = set, now
		}
		r.running = nil
		close(done)
	}()
}

func (r *Remote) fetch(ctx context.Context) (*Set, error) {
	keys := r.c.KeysURL
	if r.c.MetadataURL != "" {
		doc, err := r.get(ctx, r.c.MetadataURL)
		if err != nil {
			return nil, err
		}
		var meta struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(doc, &meta); err != nil {
			return nil, fmt.Errorf("reading %q: %w", r.c.MetadataURL, err)
		}
		if meta.Issuer != r.c.Issuer {
			return nil, fmt.Errorf("reading %q: it describes issuer %q, not %q", r.c.MetadataURL, meta.Issuer, r.c.Issuer)
		}
		if err := checkURL(meta.Keys); err != nil {
			return nil, err
		}
		keys = meta.Keys
	}
	doc, err := r.get(ctx, keys)
	if err != nil {
		return nil, err
	}
	return Parse(doc)
}

func (r *Remote) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("getting %q: status %d", address, resp.StatusCode)
	}
	doc, err := io.ReadAll(io.LimitReader(resp.Body, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("getting %q: %w", address, err)
	}
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("getting %q: the answer exceeds %d bytes", address, MaxDocument)
	}
	return doc, nil
}
