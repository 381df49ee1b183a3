package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog/model"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/secret"
)

// Claims: a key that a database or a backup is about to be put under is registered at its key store before the database's header, or the backup, says that it is needed. Without that it
// could be switched off in the seconds before the next registration.

const (
	// claimWait is how long a statement waits for its registration. A key store that takes longer is told later: it must not keep anybody from changing keys.
	claimWait = 10 * time.Second
	// claimFor is how long a key is claimed that nothing came to need.
	claimFor = 10 * time.Minute
	// claimKind is what a claim is registered as.
	claimKind = "key change"
)

// claim asks for the registration at a key store now.
type claim struct {
	store string
	done  chan struct{}
}

// claims are the keys that are about to be needed, and what key stores were told.
type claims struct {
	asked chan claim
	ended chan struct{} // nobody registers any more

	mu      sync.Mutex
	waiting map[ekm.Thumbprint]waiting
	told    map[string][]ekm.Thumbprint // by store, in the last registration that it took
	deaf    map[string]bool             // stores that answered, and keep no list
	silent  map[string]int              // how often in a row a store was none that keeps a list
	trouble map[string]string           // the last, by store
}

type waiting struct {
	uri   string
	until time.Time
}

func newClaims() *claims {
	return &claims{
		asked: make(chan claim), ended: make(chan struct{}), waiting: make(map[ekm.Thumbprint]waiting), told: make(map[string][]ekm.Thumbprint), deaf: make(map[string]bool), silent: make(map[string]int), trouble: make(map[string]string),
	}
}

// add notes a claim; told says that the store knows of the key, or keeps no list.
func (c *claims) add(t ekm.Thumbprint, uri string, now time.Time) (told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[t] = waiting{uri, now.Add(claimFor)}
	store := storeOf(uri)
	return c.deaf[store] || slices.Contains(c.told[store], t)
}

// pending are all claims. Those at a store that have come to be needs, or that nothing came of, end.
func (c *claims) pending(store string, needs []ekm.Need, now time.Time) (out []ekm.Need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, w := range c.waiting {
		if storeOf(w.uri) == store && (now.After(w.until) || slices.ContainsFunc(needs, func(n ekm.Need) bool { return n.Thumbprint == t })) {
			delete(c.waiting, t)
			continue
		}
		out = append(out, ekm.Need{URI: w.uri, Thumbprint: t, Kind: claimKind})
	}
	return out
}

// heard notes what a store was told.
func (c *claims) heard(store string, needs []ekm.Need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []ekm.Thumbprint
	for _, n := range needs {
		if storeOf(n.URI) == store {
			list = append(list, n.Thumbprint)
		}
	}
	slices.Sort(list)
	c.told[store], c.deaf[store], c.silent[store] = slices.Compact(list), false, 0
}

// silentTries is how often in a row a store is asked again soon whether it keeps a list. One that a credential was just moved to has not shown it yet.
const silentTries = 5

// unheard notes that a store keeps no list. Only one that has answered is known to: until then it cannot be told from one that was not asked anything yet, which is
// to be tried again soon.
func (c *claims) unheard(store string, answered bool) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[store], c.deaf[store] = nil, answered
	c.silent[store]++
	return c.silent[store] <= silentTries
}

// news reports whether a store's trouble is another one than before.
func (c *claims) news(store, trouble string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.trouble[store]
	c.trouble[store] = trouble
	return before != trouble
}

// claiming is tde.Keys that registers keys which are about to be used. Who wraps unwraps what came of it before it counts, so a key that was switched off before its registration
// is noticed, and cannot be switched off after it.
type claiming struct {
	*provider.Keys
	e *Engine
}

// Wrap wraps, then claims the key.
func (c claiming) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	w, err := c.Keys.Wrap(ctx, t, plain)
	if err == nil {
		c.e.claim(ctx, t)
	}
	return w, err
}

// claim registers a key that is about to be used, and waits a while for it.
func (e *Engine) claim(ctx context.Context, t ekm.Thumbprint) {
	uri := ""
	for _, k := range e.catalog.State().AsymmetricKeys.All(model.Master) {
		if k.FromProvider() && ekm.Thumbprint(k.Thumbprint) == t {
			uri = k.URI
		}
	}
	if storeOf(uri) == "" || e.claims.add(t, uri, e.cfg.Clock.Now()) {
		return
	}
	select {
	case <-e.databases.Started():
	default: // nobody registers yet; the first registration has the claim
		return
	}
	c := claim{storeOf(uri), make(chan struct{})}
	timer := e.cfg.Clock.NewTimer(claimWait)
	defer timer.Stop()
	asked := e.claims.asked
	for {
		select {
		case asked <- c:
			asked = nil
		case <-c.done:
			return
		case <-timer.C():
			e.log.Warn("a key store did not take the registration of a key in time; the key can be switched off until it does", "store", c.store, "thumbprint", t.String())
			return
		case <-e.claims.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}
