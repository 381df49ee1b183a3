// Package webhook sends notifications as HTTPS POSTs, signed as the Standard Webhooks specification (standardwebhooks.com, version 1) has it.
//
// The body is JSON ([Body], docs/formats/notifications.md). Three headers go with it: webhook-id, the same whenever a message is sent again; webhook-timestamp, seconds
// since 1970; webhook-signature, "v1," and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY" under the secret, one for each secret, so that a secret can be changed
// without a gap. [Verify] is the receiver's side, for Go programs and `latchkey webhook verify`.
//
// TLS is always verified; plain HTTP goes to this machine alone. Redirects are not followed: a signed body is for the one who was named. Nothing of the URL
// but its host is in errors, since with some receivers the URL is the secret.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/monitor/activity"
	"latchkey/monitor/notify"
)

// Version is that of Body.
const Version = 1

// Body is what is sent.
type Body struct {
	Type      string    `json:"type"` // "latchkey." and the event's name
	Version   int       `json:"version"`
	ID        string    `json:"id"`
	Timestamp time.Time `json:"timestamp"` // of the event
	// Explanation is what latchkey explain says of the record's code.
	Explanation string          `json:"explanation,omitempty"`
	Data        activity.Record `json:"data"`
}

// Config says where to and with what secrets. URL is required; without secrets nothing is signed.
type Config struct {
	URL     string
	Secrets []*secret.Bytes // as ParseSecret gives them; the sink takes them over
	Roots   *x509.CertPool  // nil means the system's
	Proxy   string          // URL of a proxy, "direct", or "" for what HTTPS_PROXY says
	Clock   clock.Clock     // nil means the machine's
}

// Sink is a notify.Sink.
type Sink struct {
	cfg    Config
	host   string
	client *http.Client
}

// minSecret and maxSecret bound a secret, bytes; the specification wants 24 to 64.
const (
	minSecret = 24
	maxSecret = 64
)

// ParseSecret reads "whsec_" and base64, as tools for the specification print it, or takes the text as it is. It has 24 to 64 bytes. text is wiped.
func ParseSecret(text []byte) (*secret.Bytes, error) {
	defer secret.Wipe(text)
	t := bytes.TrimRight(text, "\r\n")
	out := t
	if b64, ok := bytes.CutPrefix(t, []byte("whsec_")); ok {
		out = make([]byte, base64.StdEncoding.DecodedLen(len(b64)))
		defer secret.Wipe(out)
		n, err := base64.StdEncoding.Decode(out, b64)
		if err != nil {
			return nil, errors.New("the secret begins with whsec_ and is not base64 after that")
		}
		out = out[:n]
	}
	if len(out) < minSecret || len(out) > maxSecret {
		return nil, fmt.Errorf("the secret has %d bytes, want %d to %d; openssl rand -base64 32 makes one", len(out), minSecret, maxSecret)
	}
	return secret.New(out), nil
}

// CheckURL says what is wrong with a URL, without repeating it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return errors.New("the url is not https://HOST/PATH")
	case u.User != nil:
		return errors.New("the url has a user name in it; use a secret")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("the url at %q is not https; plain http goes to this machine alone", u.Host)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// New makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	u, _ := url.Parse(cfg.URL)
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 25 * time.Second, IdleConnTimeout: 90 * time.Second, MaxIdleConns: 2,
		MaxResponseHeaderBytes: 64 << 10,
	}
	switch cfg.Proxy {
	case "direct":
	case "":
		t.Proxy = http.ProxyFromEnvironment
	default:
		p, err := url.Parse(cfg.Proxy)
		if err != nil || p.Host == "" {
			return nil, errors.New("the proxy is not http://HOST:PORT")
		}
		t.Proxy = http.ProxyURL(p)
	}
	return &Sink{cfg: cfg, host: u.Host, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// The headers.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// maxAnswer is how much of an answer is read, so that the connection can be used again.
const maxAnswer = 64 << 10

// Send posts a message.
func (s *Sink) Send(ctx context.Context, m notify.Message) error {
	body, err := json.Marshal(Body{Type: "latchkey." + m.Record.Event, Version: Version, ID: m.ID, Timestamp: m.Record.Time, Explanation: m.Explanation, Data: m.Record})
	if err != nil {
		return notify.Permanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return notify.Permanent(errors.New("the url cannot be used"))
	}
	at := s.cfg.Clock.Now()
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "latchkey")
	req.Header.Set(headerID, m.ID)
	req.Header.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	if len(s.cfg.Secrets) > 0 {
		req.Header.Set(headerSignature, s.sign(m.ID, at, body))
	}
	res, err := s.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL
		}
		return fmt.Errorf("posting to %s: %w", s.host, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	_ = res.Body.Close()
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("posting to %s: it answered status %d %s", s.host, res.StatusCode, http.StatusText(res.StatusCode))
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return notify.Permanent(err) // it does not want this one; a wrong secret or address is mended, and waits
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if n, aerr := strconv.Atoi(res.Header.Get("Retry-After")); aerr == nil && n > 0 && n < 1<<20 {
			return notify.After(time.Duration(n)*time.Second, err)
		}
	}
	return err
}

// sign makes the header: a signature for each secret.
func (s *Sink) sign(id string, at time.Time, body []byte) string {
	out := make([]string, len(s.cfg.Secrets))
	for i, key := range s.cfg.Secrets {
		out[i] = "v1," + base64.StdEncoding.EncodeToString(mac(key, id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(out, " ")
}

func mac(key *secret.Bytes, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, key.Expose())
	fmt.Fprintf(h, "%s.%s.", id, timestamp)
	h.Write(body)
	return h.Sum(nil)
}

// Close closes idle connections and destroys the secrets.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	for _, k := range s.cfg.Secrets {
		k.Destroy()
	}
	return nil
}

// Tolerance is how far a message's time may be from the receiver's.
const Tolerance = 5 * time.Minute

var (
	// ErrSignature means that no signature of a message is right.
	ErrSignature = errors.New("the signature is not right")
	// ErrTime means that a message is too old, or from the future: perhaps somebody sends it again.
	ErrTime = errors.New("the timestamp is not within 5 minutes")
)

// Verify checks a message as its receiver: the values of the three headers and the body as it came, byte by byte. A zero now leaves the time out.
func Verify(key *secret.Bytes, id, timestamp, signature string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("the timestamp %q is not a number: %w", timestamp, ErrTime)
	}
	want := mac(key, id, timestamp, body)
	good := false
	for one := range strings.FieldsSeq(signature) {
		version, text, _ := strings.Cut(one, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			good = true
		}
	}
	if !good {
		return ErrSignature
	}
	if !now.IsZero() && now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return ErrTime
	}
	return nil
}
