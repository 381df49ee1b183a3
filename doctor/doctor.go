// Package doctor walks the way from a SQL credential to an unwrapped key hop by hop, and stops at the first that is broken: name,
// DNS, TCP, proxy, TLS, clock, challenge, token, get, wrap, unwrap, map. Each hop has its time, what was seen, and when it failed
// the code that a session would have failed with and what to do next.
//
// [Run] is the whole command; [Walk] gives the hops to programs. A walk changes nothing but the thumbprint map's file, which is
// written anew with what it holds, and asks the vault to wrap and unwrap one random value. It retries nothing: what fails once is
// what is wanted. It prints no secret.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"latchkey/azure"
	"latchkey/azure/sqlcred"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// Config says what to walk. Credential is required.
type Config struct {
	// Credential is the SQL credential: IDENTITY and SECRET as they stand there.
	Credential *ekm.Credential
	// Suffix completes a bare vault name; see azure.Config.
	Suffix string
	// Settings are the vault's; Env is os.Getenv for workload identity.
	Settings azure.Settings
	Env      func(string) string
	// Key is a key's name or name/version; "" ends the walk at the token.
	Key string
	// Algorithm wraps the test value: "RSA-OAEP-256" if "".
	Algorithm string
	// Map is checked for writing; nil leaves that out.
	Map interface {
		Check(ctx context.Context) error
		String() string
	}
	// Clock is the system's if nil. Timeout bounds a hop: 15 s if 0.
	Clock   clock.Clock
	Timeout time.Duration
	// JSON makes Run print JSON instead of text.
	JSON bool
}

// Status is how a hop went.
type Status string

// The states of a hop.
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Skipped Status = "skipped" // not part of this walk
	Pending Status = "not reached"
)

// Hop is one step of the way.
type Hop struct {
	Name     string
	Status   Status
	Duration time.Duration
	Evidence []string  // what was seen, a line each
	Code     code.Code // of a failure
	Err      error     // of a failure
	Next     string    // of a failure: what to run or do next
}

// Report is a walk.
type Report struct {
	Vault string // host, "" if the credential could not be read
	Who   string
	Hops  []Hop
}

// Broken is the hop that failed; nil if none did.
func (r *Report) Broken() *Hop {
	for i := range r.Hops {
		if r.Hops[i].Status == Failed {
			return &r.Hops[i]
		}
	}
	return nil
}

// walk is what hops hand on to each other.
type walk struct {
	cfg     Config
	clock   clock.Clock
	report  *Report
	opener  *azure.Opener
	cred    *sqlcred.Credential
	route   route
	vault   *azure.Vault
	key     keystore.Key
	blob    []byte
	plain   *secret.Bytes
	alg     string
	current *Hop
	endsMu  sync.Mutex
	ends    []keystore.Expiry // seen, and not yet told
}

// see adds a line of evidence to the hop under way.
func (w *walk) see(format string, args ...any) {
	w.current.Evidence = append(w.current.Evidence, fmt.Sprintf(format, args...))
}

// sawEnd takes what the client of vaults saw to end. It may come from another goroutine.
func (w *walk) sawEnd(e keystore.Expiry) {
	w.endsMu.Lock()
	defer w.endsMu.Unlock()
	if e.Kind != "token" && e.Kind != "key" && !e.NotAfter.IsZero() { // of the key the hop tells itself
		w.ends = append(w.ends, e)
	}
}

// soon is how long before an end it is worth a word.
const soon = 30 * 24 * time.Hour

// ending is when something ends, with a word where that is soon.
func (w *walk) ending(kind string, at time.Time) string {
	s := fmt.Sprintf("the %s ends %s", kind, at.UTC().Format(time.RFC3339))
	switch left := at.Sub(w.clock.Now()); {
	case left <= 0:
		return s + ": IT HAS ENDED, renew it"
	case left <= soon:
		return fmt.Sprintf("%s: IN %d DAYS, renew it", s, int(left/(24*time.Hour)))
	}
	return s
}

// tellEnds adds what ends to the hop under way.
func (w *walk) tellEnds() {
	w.endsMu.Lock()
	ends := w.ends
	w.ends = nil
	w.endsMu.Unlock()
	for _, e := range ends {
		w.see("%s", w.ending(e.Kind, e.NotAfter))
	}
}

// errSkip is a hop that is not part of this walk.
var errSkip = errors.New("skipped")

// Walk goes the way and reports. It ends at the first broken hop; the error is that hop's.
func Walk(ctx context.Context, cfg Config) (*Report, error) {
	w := &walk{cfg: cfg, clock: cfg.Clock, report: &Report{}, alg: cfg.Algorithm}
	if w.clock == nil {
		w.clock = clock.System{}
	}
	if w.alg == "" {
		w.alg = "RSA-OAEP-256"
	}
	if cfg.Timeout <= 0 {
		w.cfg.Timeout = 15 * time.Second
	}
	w.opener = azure.New(azure.Config{
		Suffix: cfg.Suffix, Env: cfg.Env, Clock: w.clock, Settings: func(string) azure.Settings { return cfg.Settings },
	})
	defer w.opener.Close()
	defer w.release()
	w.opener.Watch(w.sawEnd)
	hops := []struct {
		name string
		do   func(context.Context) error
		next func() string
	}{
		{"name", w.name, w.nextName},
		{"dns", w.dns, func() string { return "nslookup " + w.route.host }},
		{"tcp", w.tcp, w.nextTCP},
		{"proxy", w.proxy, func() string { return "allow CONNECT to " + w.host() + " in the proxy " + w.route.proxyHost() }},
		{"tls", w.tls, w.nextTLS},
		{"clock", w.clockSkew, func() string { return "timedatectl set-ntp true (Windows: w32tm /resync)" }},
		{"challenge", w.challenge, func() string {
			return "curl -i '" + w.vaultURL() + "/keys?api-version=7.4' must answer 401 with WWW-Authenticate: Bearer"
		}},
		{"token", w.token, w.nextToken},
		{"get", w.get, w.nextKey},
		{"wrap", w.wrap, w.nextKey},
		{"unwrap", w.unwrap, w.nextKey},
		{"map", w.mapWritable, w.nextMap},
	}
	for _, h := range hops {
		w.report.Hops = append(w.report.Hops, Hop{Name: h.name, Status: Pending})
	}
	for i, h := range hops {
		hop := &w.report.Hops[i]
		w.current = hop
		began := w.clock.Now()
		hctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
		err := h.do(hctx)
		cancel()
		hop.Duration = w.clock.Now().Sub(began)
		switch {
		case err == nil:
			hop.Status = OK
		case errors.Is(err, errSkip):
			hop.Status = Skipped
		default:
			hop.Status, hop.Err, hop.Code = Failed, err, code.Of(err)
			hop.Next = h.next()
			return w.report, err
		}
	}
	return w.report, nil
}

func (w *walk) release() {
	if w.cred != nil {
		w.cred.Destroy()
	}
	w.plain.Destroy()
	w.route.close()
}

func (w *walk) host() string {
	if w.cred == nil {
		return "the vault"
	}
	return sqlcred.HostPort(w.cred.Target.Host)
}

func (w *walk) mapName() string {
	if w.cfg.Map == nil {
		return "the map"
	}
	return w.cfg.Map.String()
}

// Run walks and prints; the error is that of the broken hop, for the exit status.
func Run(ctx context.Context, cfg Config, out io.Writer) error {
	r, err := Walk(ctx, cfg)
	write := r.Text
	if cfg.JSON {
		write = r.JSON
	}
	if werr := write(out); werr != nil {
		return fmt.Errorf("printing the report: %w", werr)
	}
	return err
}

func (w *walk) name(context.Context) error {
	var err error
	if w.cred, err = sqlcred.Parse(w.cfg.Credential, w.cfg.Suffix); err != nil {
		return err
	}
	w.report.Vault, w.report.Who = w.cred.Target.Host, w.cred.Who()
	kind := map[sqlcred.Kind]string{sqlcred.Private: "own vault", sqlcred.KeyVault: "Azure Key Vault", sqlcred.ManagedHSM: "Azure Managed HSM"}[w.cred.Target.Kind]
	w.see("%s, %s", w.cred.Target.URL, kind)
	w.see("%s", w.cred.Who())
	w.route, err = newRoute(w.cred.Target, w.cfg.Settings)
	return err
}

const maxSkew = 5 * time.Minute

// clockSkew asks the vault without a token; whatever it answers shows its clock. A request that fails is the next hop's finding.
func (w *walk) clockSkew(ctx context.Context) error {
	_, skew, err := w.opener.Challenge(ctx, w.cred.Target)
	if err != nil && skew == 0 {
		w.see("the vault's time is not known")
		return nil
	}
	w.see("the vault's clock is %v ahead of this machine's", skew)
	if skew.Abs() > maxSkew {
		return code.Wrap(code.ClockSkewed, "comparing clocks with", w.host(), fmt.Errorf("they differ by %v, at most %v is taken", skew, maxSkew))
	}
	return nil
}

func (w *walk) challenge(ctx context.Context) error {
	ch, _, err := w.opener.Challenge(ctx, w.cred.Target)
	if err != nil {
		for _, line := range w.opener.Answer(w.cred.Target) {
			w.see("%s", line)
		}
		return err
	}
	w.see("authority %s", ch.Authority)
	w.see("tenant %s", ch.Tenant)
	w.see("resource %s", ch.Resource)
	return nil
}

func (w *walk) token(ctx context.Context) error {
	v, err := w.opener.Open(ctx, w.cfg.Credential)
	if err != nil {
		return err
	}
	w.vault = v
	w.tellEnds()
	w.see("a token for %s until %s", v.Identity(), v.TokenExpires().UTC().Format(time.RFC3339))
	if tenant, audience := v.TokenFor(); tenant != "" || audience != "" {
		w.see("it names tenant %s, audience %s", tenant, audience)
	}
	return nil
}

func (w *walk) get(ctx context.Context) error {
	if w.cfg.Key == "" {
		w.see("no key was named")
		return errSkip
	}
	name, version, _ := strings.Cut(w.cfg.Key, "/")
	k, err := w.vault.GetKey(ctx, name, version)
	if err != nil {
		return err
	}
	w.key = k
	t, err := k.Public.Thumbprint()
	if err != nil {
		return code.Wrap(code.GetKeyByNameBase64DecodeN, "computing the thumbprint of", k.URI, err)
	}
	w.see("%s", k.URI)
	w.see("RSA-%d, thumbprint %s, enabled %v", k.Bits, t, k.Enabled)
	if !k.Expires.IsZero() {
		w.see("%s", w.ending("key", k.Expires))
	}
	if !k.NotBefore.IsZero() {
		w.see("not before %s", k.NotBefore.Format(time.RFC3339))
	}
	return nil
}

func (w *walk) wrap(ctx context.Context) error {
	if w.key.URI == "" {
		return errSkip
	}
	w.plain = secret.Random(32)
	var err error
	if w.blob, err = w.vault.Wrap(ctx, w.key.Name, w.key.Version, w.alg, w.plain); err != nil {
		return err
	}
	w.see("32 random bytes with %s", w.alg)
	return nil
}

func (w *walk) unwrap(ctx context.Context) error {
	if w.blob == nil {
		return errSkip
	}
	got, err := w.vault.Unwrap(ctx, w.key.Name, w.key.Version, w.alg, w.blob)
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal(w.plain.Expose()) {
		return code.Wrap(code.UnwrapKeyExtractValue, "unwrapping with", w.key.URI, errors.New("the vault gave back other bytes than it was given to wrap"))
	}
	w.see("the same 32 bytes came back")
	return nil
}

func (w *walk) mapWritable(ctx context.Context) error {
	if w.cfg.Map == nil {
		return errSkip
	}
	if err := w.cfg.Map.Check(ctx); err != nil {
		return err
	}
	w.see("%s can be written", w.cfg.Map)
	return nil
}
