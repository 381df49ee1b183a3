package azure

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"

	"latchkey/azure/bounded"
	"latchkey/azure/netfault"
	"latchkey/azure/sqlcred"
)

// Vault is one identity's way to the keys of one vault. It needs no closing: the Opener keeps what it uses. Its methods are safe
// for concurrent use; each is one request (Keys and Versions: one per page), and one or two more after a 401.
type Vault struct {
	h   *host
	id  *identity
	who string
}

// URL is the vault's, "https://host[:port]".
func (v *Vault) URL() string { return v.h.target.URL }

// Identity names who asks, without secrets: method and client id. Vaults of equal URL and Identity are allowed the same.
func (v *Vault) Identity() string { return v.who }

// Skew is how far the vault's clock is ahead of ours, as its last reply showed to the second; 0 before the first.
func (v *Vault) Skew() time.Duration { return time.Duration(v.h.skew.Load()) }

// TokenExpires is when the token in use ends; zero without one.
func (v *Vault) TokenExpires() time.Time {
	v.id.tokens.mu.Lock()
	defer v.id.tokens.mu.Unlock()
	return v.id.tokens.current.expires
}

// TokenFor is the tenant and the audience that the token in use names; "" for what it does not say or for a token that is no JWT.
// Nothing is verified: that is the vault's business.
func (v *Vault) TokenFor() (tenant, audience string) {
	v.id.tokens.mu.Lock()
	parts := bytes.Split(v.id.tokens.current.value.Expose(), []byte("."))
	var payload []byte
	if len(parts) == 3 {
		payload = make([]byte, base64.RawURLEncoding.DecodedLen(len(parts[1])))
		n, err := base64.RawURLEncoding.Decode(payload, parts[1])
		if err != nil {
			n = 0
		}
		payload = payload[:n]
	}
	v.id.tokens.mu.Unlock()
	defer secret.Wipe(payload)
	var claims struct {
		TID string `json:"tid"`
		Aud string `json:"aud"`
	}
	_ = json.Unmarshal(payload, &claims) // what cannot be read is not told
	return keystore.Clip(claims.TID), keystore.Clip(claims.Aud)
}

// GetKey reads a key's version, or its newest with version "".
func (v *Vault) GetKey(ctx context.Context, name, version string) (keystore.Key, error) {
	r := request{op: "getting the key", method: http.MethodGet, path: keyPath(name, version), on: name, repeat: true}
	body, err := v.call(ctx, r)
	if err != nil {
		return keystore.Key{}, err
	}
	k, err := decodeKey(v.h.target, body)
	if err != nil {
		return keystore.Key{}, err
	}
	if !strings.EqualFold(k.Name, name) || version != "" && !strings.EqualFold(k.Version, version) {
		return keystore.Key{}, foreign(code.GetKeyByNameExtractKeyURI, v.h.target.URL+r.path, k.URI)
	}
	v.h.o.saw(keystore.Expiry{Kind: "key", Object: k.URI, NotBefore: k.NotBefore, NotAfter: k.Expires})
	return k, nil
}

// maxPages bounds a listing: a vault that always has a next page must not keep us for ever.
const maxPages = 2000

// Keys lists the names of the keys that the identity may list; each item is a key without a version.
func (v *Vault) Keys(ctx context.Context) ([]keystore.Version, error) {
	return v.list(ctx, "/keys")
}

// Versions lists a key's versions, in the vault's order.
func (v *Vault) Versions(ctx context.Context, name string) ([]keystore.Version, error) {
	return v.list(ctx, keyPath(name, "versions"))
}

func (v *Vault) list(ctx context.Context, path string) ([]keystore.Version, error) {
	r := request{op: "listing the keys of", method: http.MethodGet, path: path, repeat: true}
	var all []keystore.Version
	for range maxPages {
		body, err := v.call(ctx, r)
		if err != nil {
			return nil, err
		}
		items, next, err := decodeList(v.h.target, body)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		for _, it := range items {
			if it.Version != "" {
				v.h.o.saw(keystore.Expiry{Kind: "key", Object: it.URI, NotBefore: it.NotBefore, NotAfter: it.Expires})
			}
		}
		if next == "" {
			return all, nil
		}
		u, err := url.Parse(next)
		if err != nil || u.Scheme != "https" || sqlcred.HostPort(strings.ToLower(u.Host)) != sqlcred.HostPort(v.h.target.Host) {
			return nil, code.Wrap(code.GetKeyByNameJSONParser, r.op, v.h.target.Host, fmt.Errorf("the next page %q is not at the same vault", keystore.Clip(next)))
		}
		r.verbatim = u.RequestURI()
	}
	return nil, code.Wrap(code.GetKeyByNameJSONParser, r.op, v.h.target.Host, fmt.Errorf("the list has more than %d pages", maxPages))
}

// Wrap encrypts plain under a version of a key, by the algorithm's name ("RSA-OAEP-256", "RSA-OAEP", "RSA1_5").
func (v *Vault) Wrap(ctx context.Context, name, version, alg string, plain *secret.Bytes) ([]byte, error) {
	return v.crypt(ctx, crypt{
		request: request{op: "wrapping with", method: http.MethodPost, path: keyPath(name, version) + "/wrapkey", on: name, repeat: true},
		codes:   valueCodes{code.WrapKeyNoResponse, code.WrapKeyJSONParser, code.WrapKeyExtractValue, code.WrapKeyBase64DecodeValue},
		name:    name, version: version, alg: alg,
	}, plain.Expose())
}

// Unwrap decrypts what Wrap made. The caller destroys the result.
func (v *Vault) Unwrap(ctx context.Context, name, version, alg string, blob []byte) (*secret.Bytes, error) {
	b, err := v.crypt(ctx, crypt{
		request: request{op: "unwrapping with", method: http.MethodPost, path: keyPath(name, version) + "/unwrapkey", on: name, repeat: true},
		codes:   valueCodes{code.UnwrapKeyNoResponse, code.UnwrapKeyJSONParser, code.UnwrapKeyExtractValue, code.UnwrapKeyBase64DecodeValue},
		name:    name, version: version, alg: alg,
	}, blob)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, code.Wrap(code.UnwrapKeyBase64DecodeValue, "unwrapping with", name, fmt.Errorf("the vault's answer is empty"))
	}
	return secret.Take(b), nil
}

type crypt struct {
	request
	codes              valueCodes
	name, version, alg string
}

func (v *Vault) crypt(ctx context.Context, c crypt, value []byte) ([]byte, error) {
	head := `{"alg":"` + c.alg + `","value":"`
	c.body = make([]byte, 0, len(head)+base64.RawURLEncoding.EncodedLen(len(value))+2)
	c.body = append(c.body, head...)
	c.body = base64.RawURLEncoding.AppendEncode(c.body, value)
	c.body = append(c.body, `"}`...)
	defer secret.Wipe(c.body)
	body, err := v.call(ctx, c.request)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(body)
	out, kid, err := decodeValue(v.h.target, body, c.codes)
	if err != nil {
		return nil, err
	}
	if kid != "" { // a reply for another version would be a wrong answer
		uri, name, version, err := parseKID(v.h.target, kid)
		if err != nil || !strings.EqualFold(name, c.name) || c.version != "" && !strings.EqualFold(version, c.version) {
			secret.Wipe(out)
			return nil, foreign(c.codes.value, v.h.target.URL+c.path, orText(uri, kid))
		}
	}
	return out, nil
}

// Backup returns the vault's backup of a key with all its versions: an opaque blob that only a vault of the same kind restores.
func (v *Vault) Backup(ctx context.Context, name string) ([]byte, error) {
	r := request{op: "backing up the key", method: http.MethodPost, path: keyPath(name, "") + "/backup", on: name, repeat: true, limit: maxBackup}
	body, err := v.call(ctx, r)
	if err != nil {
		return nil, err
	}
	b, _, err := decodeValue(v.h.target, body, valueCodes{code.BackupKeyNoResponse, code.BackupKeyJSONParser, code.BackupKeyExtractValue, code.BackupKeyBase64DecodeValue})
	return b, err
}

// Restore puts a backup back under the key's old name and returns its newest version. It is not repeated if it may have been
// carried out.
func (v *Vault) Restore(ctx context.Context, blob []byte) (keystore.Key, error) {
	body, err := json.Marshal(akv.Backup{Value: blob})
	if err != nil {
		return keystore.Key{}, code.Wrap(code.InvalidArgument, "restoring a key into", v.h.target.Host, err)
	}
	reply, err := v.call(ctx, request{op: "restoring a key into", method: http.MethodPost, path: "/keys/restore", body: body})
	if err != nil {
		return keystore.Key{}, err
	}
	return decodeKey(v.h.target, reply)
}

func foreign(c code.Code, asked, got string) error {
	return code.Wrap(c, "reading the reply about", asked,
		code.Wrap(code.ReplyForeign, "", "", fmt.Errorf("it is about %q", keystore.Clip(got))))
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func keyPath(name, version string) string {
	p := "/keys/" + url.PathEscape(name)
	if version != "" {
		p += "/" + url.PathEscape(version)
	}
	return p
}

// request is one request to the vault.
type request struct {
	op, on       string // for errors
	method, path string
	query        string // besides api-version
	verbatim     string // path and query as a vault gave them, in place of path and query
	body         []byte
	limit        int64  // of the reply's body in bytes; maxReply if 0
	repeat       bool   // carrying it out twice does no harm
	token        string // "" for a request without one
}

// call sends r with a token and returns the body of a success. After a 401 it reads the challenge again and sends r once more
// with another token. Where that one came from memory and is refused too (many calls share tokens, and one may end between
// two of them), it does so a last time with a token got for this call.
func (v *Vault) call(ctx context.Context, r request) ([]byte, error) {
	ch, err := v.h.currentChallenge(ctx)
	if err != nil {
		return nil, err
	}
	tok, fresh, err := v.id.tokens.get(ctx, ch, "")
	if err != nil {
		return nil, err
	}
	res, body, err := v.h.send(ctx, r.with(tok))
	for again := 0; err == nil && res.StatusCode == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") != "" && (again == 0 || again == 1 && !fresh); again++ {
		if ch, err = v.h.readChallenge(res.Header); err != nil {
			return nil, err
		}
		if tok, fresh, err = v.id.tokens.get(ctx, ch, tok); err != nil {
			return nil, err
		}
		res, body, err = v.h.send(ctx, r.with(tok))
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, replyError(r.op, v.h.target.URL+r.path, res, scrub(body, tok, r.body), v.h.o.clock.Now())
	}
	return body, nil
}

// scrub takes out of a reply's text what was sent and a server may echo: the token, and a request's body, which may hold a DEK.
func scrub(body []byte, tok string, sent []byte) []byte {
	const telling = 8 // characters of base64: six bytes, not there by chance
	if i := bytes.Index(sent, []byte(`"value":"`)); i >= 0 {
		if value := sent[i+len(`"value":"`):]; len(value) > telling && bytes.Contains(body, value[:telling]) {
			return nil
		}
	}
	if len(tok) < telling {
		return body
	}
	return bytes.ReplaceAll(body, []byte(tok), []byte(secret.Redacted))
}

func (r request) with(token string) request {
	r.token = token
	return r
}

// send carries out one HTTP exchange and reads the reply whole.
func (h *host) send(ctx context.Context, r request) (*http.Response, []byte, error) {
	w, done, err := h.wireFor(ctx)
	if err != nil {
		return nil, nil, err
	}
	answered := false
	defer func() { done(answered) }()
	var p phase
	req, err := h.newRequest(p.trace(ctx), w, r)
	if err != nil {
		return nil, nil, code.Wrap(code.HTTPOpenRequest, r.op, h.target.URL+r.path, err)
	}
	on := h.target.Host
	if r.on != "" {
		on = h.target.URL + r.path
	}
	res, err := w.http.Do(req)
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded { // the connection may be dead: the next try gets another
			w.http.CloseIdleConnections()
		}
		return nil, nil, p.fail(ctx, r.op, on, err)
	}
	answered = true
	defer drain(res.Body)
	h.noteClock(res.Header)
	h.noteExtensions(res.Header)
	limit := r.limit
	if limit == 0 {
		limit = maxReply
	}
	body, err := bounded.ReadAll(bounded.Limit(res.Body, limit), res.ContentLength)
	if err != nil {
		f := &keystore.Failure{Class: keystore.Outage, Status: res.StatusCode, Sent: true, Err: netfault.Cause(err)}
		return nil, nil, code.Wrap(code.HTTPReadData, r.op, on, f)
	}
	return res, body, nil
}

func (h *host) newRequest(ctx context.Context, w *wire, r request) (*http.Request, error) {
	target := h.target.URL
	if r.verbatim != "" {
		target += r.verbatim
	} else {
		target += r.path + "?api-version=" + url.QueryEscape(w.settings.apiVersion())
		if r.query != "" {
			target += "&" + r.query
		}
	}
	var body io.Reader
	if r.body != nil {
		body = bounded.Body(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.ContentLength = int64(len(r.body))
		req.GetBody = func() (io.ReadCloser, error) { return bounded.Body(r.body), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	if r.repeat { // lets the transport repeat it on a connection that was found dead; the header itself is not sent
		req.Header["Idempotency-Key"] = []string{}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return req, nil
}

const userAgent = "latchkey-connector/1"

// noteClock reads how far the server's clock is from ours.
func (h *host) noteClock(header http.Header) {
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	d := at.Sub(h.o.clock.Now())
	if d > -time.Second && d < time.Second { // the header counts whole seconds
		d = 0
	}
	h.skew.Store(int64(d))
}
