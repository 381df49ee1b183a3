package entra

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/entra/directory"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/jwks"
)

// What the directory's methods take and return; see package directory.
type (
	Tenant      = directory.Tenant
	App         = directory.App
	NewApp      = directory.NewApp
	Principal   = directory.Principal
	Secret      = directory.Secret
	Certificate = directory.Certificate
	Federated   = directory.Federated
	Sealer      = directory.Sealer
	Auditor     = directory.Auditor
)

// Resource is something that tokens may be issued for.
type Resource struct {
	// Pattern is an application id URI ("https://vault.azure.net") or a GUID. A "*" stands for one host label:
	// "https://*.vault.localhost:8443". One slash at the end of what is asked for is ignored, but kept in the token's aud.
	Pattern  string
	Disabled bool // asked for, it is refused with AADSTS50001
}

// Bounds on client secrets; see package directory.
const (
	MaxSecrets        = directory.MaxSecrets
	MaxSecretLife     = directory.MaxSecretLife
	DefaultSecretLife = directory.DefaultSecretLife
)

// DefaultResources are those of vaults, managed HSMs and the management plane of the public cloud.
func DefaultResources() []Resource {
	return []Resource{
		{Pattern: "https://vault.azure.net"},
		{Pattern: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"}, // the same by application id
		{Pattern: "https://managedhsm.azure.net"},
		{Pattern: "https://management.azure.com"},
		{Pattern: "https://management.core.windows.net"},
	}
}

// Config makes an Authority. FS, Dir, Sealer and Audit are needed; the rest has usable zero values.
type Config struct {
	FS     fsys.FS
	Dir    string // holds entra.json and entra.lock; made if missing
	Sealer Sealer
	Audit  Auditor
	Clock  clock.Clock  // nil means the system's
	Log    *slog.Logger // background events; nil means none

	// Hosts are the host[:port] names besides login.microsoftonline.com and login.windows.net under which clients reach the
	// handler. A request for any other host is refused: what discovery answers names the host.
	Hosts     []string
	Resources []Resource // nil means DefaultResources

	RotateKeys   time.Duration // age at which the signing key is replaced; 0 means 45 days
	PublishAhead time.Duration // how long a key is published before it signs; 0 means 24 hours

	// AssertionUses is how often one client assertion may be presented, from one address: clients repeat a request whose
	// answer was lost, and some use an assertion for several resources. 0 means 16; 1 means once.
	AssertionUses int
	// FederatedCAs and FederatedTransport say how key sets of federated issuers are fetched; nil means as the system does.
	FederatedCAs       *x509.CertPool
	FederatedTransport http.RoundTripper
}

// Authority is an open token authority. It is safe for concurrent use. The methods of its directory make and list tenants,
// applications and credentials, roll the signing keys (Run) and hand out the public ones (Keys).
type Authority struct {
	*directory.Directory
	c         Config
	hosts     []string
	resources []resource
	replay    *replayCache
	failures  *failures

	fedMu sync.Mutex
	fed   map[string]*jwks.Remote // by issuer and key set address
}

// Token lives. Each token gets a random one in between, as the real service does, so that callers do not come back all at
// once.
const (
	MinTokenLife = 60 * time.Minute
	MaxTokenLife = 90 * time.Minute
)

// Open opens the authority's directory, or makes it with a first signing key and no tenant. Its errors carry an LK11xx code.
func Open(ctx context.Context, c Config) (*Authority, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Resources == nil {
		c.Resources = DefaultResources()
	}
	if c.AssertionUses <= 0 {
		c.AssertionUses = 16
	}
	a := &Authority{
		c: c, fed: map[string]*jwks.Remote{}, replay: newReplayCache(c.AssertionUses), failures: newFailures(),
		hosts: []string{publicHost, "login.windows.net"},
	}
	for _, h := range c.Hosts {
		a.hosts = append(a.hosts, strings.TrimSuffix(strings.ToLower(h), ":443"))
	}
	a.hosts = slices.Compact(a.hosts)
	for _, r := range c.Resources {
		compiled, err := compileResource(r)
		if err != nil {
			return nil, code.Wrap(code.EntraInvalid, "opening the token authority", c.Dir, err)
		}
		a.resources = append(a.resources, compiled)
	}
	var err error
	a.Directory, err = directory.Open(ctx, directory.Config{
		FS: c.FS, Dir: c.Dir, Sealer: c.Sealer, Audit: c.Audit, Clock: c.Clock, Log: c.Log,
		RotateKeys: c.RotateKeys, PublishAhead: c.PublishAhead,
		KeepKeys: MaxTokenLife + 15*time.Minute, // until the last token expired everywhere: clocks differ
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// resource is a compiled Resource: what lies around its "*", if it has one.
type resource struct {
	before, after string
	star          bool
	disabled      bool
}

func compileResource(r Resource) (resource, error) {
	p := strings.TrimSuffix(strings.ToLower(r.Pattern), "/")
	if p == "" || strings.Count(p, "*") > 1 || strings.ContainsAny(p, " \t\r\n") {
		return resource{}, errors.New("resource pattern \"" + shown(r.Pattern) + "\" is malformed")
	}
	before, after, star := strings.Cut(p, "*")
	return resource{before: before, after: after, star: star, disabled: r.Disabled}, nil
}

func (r *resource) matches(asked string) bool {
	s := strings.TrimSuffix(strings.ToLower(asked), "/")
	if !r.star {
		return s == r.before
	}
	if len(s) <= len(r.before)+len(r.after) || !strings.HasPrefix(s, r.before) || !strings.HasSuffix(s, r.after) {
		return false
	}
	label := s[len(r.before) : len(s)-len(r.after)]
	return len(label) <= 63 && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
