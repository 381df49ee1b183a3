// Package relocate mends the thumbprint map after keys came to live elsewhere: a vault was lost, and its keys were restored into another one.
//
// A database names its key by a thumbprint, which the key keeps wherever it lives. The map says where that is, per vault. [Make] looks, for each
// thumbprint that the map knows at another vault, for the same key in the new one: at the same name and version, then among the versions of the
// name, then among all keys, as far as the identity may list them. A key is taken for the same only if its public half has the thumbprint and the vault
// unwraps what was wrapped with it here, so that its private half is there, and this identity may use it. Make changes nothing, neither in the map nor in
// the vault.
//
// [Plan.Apply] writes the map, one entry at a time, each whole or not at all, and reads all of it back. It can be cut short at any moment and made
// again: what is done is seen and left. What the map says of the old vault stays; it harms nobody, and the vault may come back.
package relocate

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"latchkey/connector/keymap"
	"latchkey/connector/keyname"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// Vault is the way to the keys of the new vault, as the database server's identity.
type Vault interface {
	Finder
	// URL is the vault's, as the map has it.
	URL() string
	Unwrap(ctx context.Context, name, version, alg string, blob []byte) (*secret.Bytes, error)
}

// Finder reads what is public of keys.
type Finder interface {
	GetKey(ctx context.Context, name, version string) (keystore.Key, error)
	Keys(ctx context.Context) ([]keystore.Version, error)
	Versions(ctx context.Context, name string) ([]keystore.Version, error)
}

// Map is the thumbprint map.
type Map interface {
	Entries(ctx context.Context) ([]keymap.Entry, error)
	Replace(ctx context.Context, e keymap.Entry) error
}

// Config says what to look at. Map and Vault are required.
type Config struct {
	Map   Map
	Vault Vault
	// From is the URL of the old vault; "" is every vault in the map but the new one.
	From string
	// Thumbprints are looked for besides those of the map, which may be lost too.
	Thumbprints []ekm.Thumbprint
}

// State is what can be done about a thumbprint.
type State string

// The states.
const (
	Ready    State = "to be added"       // the key is there and works
	Replace  State = "to be replaced"    // it is, and the map says that it is elsewhere in this vault
	Done     State = "there already"     // the map says where it is
	Missing  State = "not in the vault"  // no key of the vault that could be read has the thumbprint
	Unusable State = "cannot be used"    // the key is there and this identity may not use it, or nobody may
	Unknown  State = "could not be seen" // the vault did not answer
)

// Step is one thumbprint.
type Step struct {
	Thumbprint ekm.Thumbprint
	Old        string // its URI at the old vault; "" if the map did not have it
	Have       string // its URI at the new vault in the map; "" if there is none
	New        string // its URI at the new vault; "" if it was not found
	State      State
	Err        error // why, for Missing, Unusable and Unknown
}

// Plan is what Make found.
type Plan struct {
	Vault string
	Steps []Step
	m     Map
}

// Open are the thumbprints that cannot be mended as things are.
func (p *Plan) Open() (n int) {
	for _, s := range p.Steps {
		if s.State == Missing || s.State == Unusable || s.State == Unknown {
			n++
		}
	}
	return n
}

// ErrNothing means that the map has no thumbprint of the old vault, and none was named.
var ErrNothing = errors.New("the map knows no key of another vault")

// Make looks at the map and the vault. An error is one of the map, or ErrNothing; what is wrong with a key is in its Step.
func Make(ctx context.Context, c Config) (*Plan, error) {
	entries, err := c.Map.Entries(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the thumbprint map: %w", err)
	}
	to := normal(c.Vault.URL())
	if c.From != "" && normal(c.From) == to {
		return nil, fmt.Errorf("the old vault and the new one are both %q", c.Vault.URL())
	}
	p := &Plan{Vault: c.Vault.URL(), m: c.Map}
	steps := map[ekm.Thumbprint]*Step{}
	step := func(t ekm.Thumbprint) *Step {
		if steps[t] == nil {
			steps[t] = &Step{Thumbprint: t}
		}
		return steps[t]
	}
	for _, e := range entries {
		if v := normal(e.Vault); v != to && (c.From == "" || v == normal(c.From)) {
			step(e.Thumbprint).Old = e.URI
		}
	}
	for _, t := range c.Thumbprints {
		step(t)
	}
	for _, e := range entries {
		if s := steps[e.Thumbprint]; s != nil && normal(e.Vault) == to {
			s.Have = e.URI
		}
	}
	if len(steps) == 0 {
		return nil, ErrNothing
	}
	look := &looker{vault: c.Vault}
	for _, s := range steps {
		look.at(ctx, s)
		p.Steps = append(p.Steps, *s)
	}
	slices.SortFunc(p.Steps, func(a, b Step) int { return strings.Compare(string(a.Thumbprint), string(b.Thumbprint)) })
	return p, nil
}

// normal makes URLs of vaults comparable: other connectors write them with a slash at the end, or without the scheme.
func normal(vault string) string {
	v := strings.ToLower(strings.TrimSuffix(vault, "/"))
	if !strings.Contains(v, "://") {
		v = "https://" + v
	}
	return strings.TrimSuffix(v, ":443")
}

// looker finds keys in one vault. It reads the list of all keys once at most.
type looker struct {
	vault Vault
	all   map[ekm.Thumbprint]keystore.Key
	err   error // why all is not complete
}

// at finds where a thumbprint is now, and tries the key.
func (l *looker) at(ctx context.Context, s *Step) {
	k, err := l.find(ctx, s)
	if err != nil {
		s.State, s.Err = stateOf(err), err
		return
	}
	s.New = k.URI
	if err := l.try(ctx, k); err != nil {
		s.State, s.Err = stateOf(err), err
		if s.State == Missing { // it was there a moment ago
			s.State = Unknown
		}
		return
	}
	switch {
	case strings.EqualFold(s.Have, s.New):
		s.State = Done
	case s.Have != "":
		s.State = Replace
	default:
		s.State = Ready
	}
}

func stateOf(err error) State {
	switch keystore.ClassOf(err) {
	case keystore.Missing:
		return Missing
	case keystore.Outage, keystore.Throttled, keystore.Canceled:
		return Unknown
	}
	return Unusable
}

// missing is the error for a thumbprint that no key has.
func missing(t ekm.Thumbprint, format string, args ...any) error {
	return code.Wrap(code.NotFound, "looking in the vault for", t.String(), &keystore.Failure{Class: keystore.Missing, Detail: fmt.Sprintf(format, args...)})
}

func (l *looker) find(ctx context.Context, s *Step) (keystore.Key, error) {
	name, version := place(s.Old)
	var refused error // whether it is there is not known then
	if name != "" {
		k, err := l.vault.GetKey(ctx, name, version)
		if err == nil && has(k, s.Thumbprint) {
			return k, nil
		}
		if err != nil && stateOf(err) == Unknown {
			return keystore.Key{}, err
		}
		if err != nil && stateOf(err) == Unusable {
			refused = err
		}
		k, err = l.among(ctx, name, s.Thumbprint)
		if err == nil || stateOf(err) == Unknown {
			return k, err
		}
	}
	if l.all == nil {
		l.all = map[ekm.Thumbprint]keystore.Key{}
		l.err = l.list(ctx)
	}
	if k, ok := l.all[s.Thumbprint]; ok {
		return k, nil
	}
	if l.err != nil && stateOf(l.err) == Unknown {
		return keystore.Key{}, l.err
	}
	if refused != nil {
		return keystore.Key{}, refused
	}
	if l.err != nil {
		return keystore.Key{}, missing(s.Thumbprint, "no key of that name has it, and this identity cannot list the others: %v", l.err)
	}
	return keystore.Key{}, missing(s.Thumbprint, "none of the %d RSA key versions that can be read has it; restore the key's backup into this vault", len(l.all))
}

// place takes the name and the version out of a key's URI, of whatever vault; "" if it is none.
func place(uri string) (name, version string) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", ""
	}
	name, version, err = keyname.ParseURI(normal(u.Host), uri)
	if err != nil {
		return "", ""
	}
	return name, version
}

// has reports whether a key's public half has a thumbprint.
func has(k keystore.Key, t ekm.Thumbprint) bool {
	got, err := k.Public.Thumbprint()
	return err == nil && got == t
}

// among looks through the versions of one name.
func (l *looker) among(ctx context.Context, name string, t ekm.Thumbprint) (keystore.Key, error) {
	versions, err := l.vault.Versions(ctx, name)
	if err != nil {
		return keystore.Key{}, err
	}
	for _, v := range versions {
		k, err := l.vault.GetKey(ctx, name, v.Version)
		if err == nil && has(k, t) {
			return k, nil
		}
		if err != nil && stateOf(err) == Unknown {
			return keystore.Key{}, err
		}
	}
	return keystore.Key{}, missing(t, "none of the %d versions of %q has it", len(versions), name)
}

// list reads all versions of all keys. One that cannot be read, such as an EC key, is left out.
func (l *looker) list(ctx context.Context) error {
	keys, err := l.vault.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		versions, err := l.vault.Versions(ctx, k.Name)
		if err != nil && stateOf(err) == Unknown {
			return err
		}
		for _, v := range versions {
			got, err := l.vault.GetKey(ctx, v.Name, v.Version)
			if err != nil && stateOf(err) == Unknown {
				return err
			}
			if t, terr := got.Public.Thumbprint(); err == nil && terr == nil {
				l.all[t] = got
			}
		}
	}
	return nil
}

// try shows that the private half is there and that this identity may use it.
func (l *looker) try(ctx context.Context, k keystore.Key) error {
	pub, err := keywrap.NewRSAPublicKey(k.Public.N, binary.BigEndian.AppendUint32(nil, k.Public.E))
	if err != nil {
		return code.Wrap(code.GetKeyByNameBase64DecodeN, "reading", k.URI, err)
	}
	sample := make([]byte, 32)
	rand.Read(sample)
	defer secret.Wipe(sample)
	blob, err := pub.WrapKey(keywrap.RSAOAEP256, sample)
	if err != nil {
		return code.Wrap(code.WrapKeyBase64EncodeKey, "wrapping with", k.URI, err)
	}
	got, err := l.vault.Unwrap(ctx, k.Name, k.Version, string(keywrap.RSAOAEP256), blob)
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal(sample) {
		return code.Wrap(code.Failure, "unwrapping with", k.URI, errors.New("it gives back something else than was wrapped"))
	}
	return nil
}

// Apply writes what is ready. before and after are told of each entry and may be nil; an error of before keeps that entry and all later ones
// from being written. At the end the whole map is read back, and every entry of the plan must be in it.
func (p *Plan) Apply(ctx context.Context, before, after func(Step) error) error {
	tell := func(f func(Step) error, s Step) error {
		if f == nil {
			return nil
		}
		return f(s)
	}
	for _, s := range p.Steps {
		if s.State != Ready && s.State != Replace {
			continue
		}
		if err := tell(before, s); err != nil {
			return err
		}
		if err := p.m.Replace(ctx, keymap.Entry{Vault: p.Vault, Thumbprint: s.Thumbprint, URI: s.New}); err != nil {
			return fmt.Errorf("mapping %s to %q: %w", s.Thumbprint, s.New, err)
		}
		if err := tell(after, s); err != nil {
			return err
		}
	}
	entries, err := p.m.Entries(ctx)
	if err != nil {
		return fmt.Errorf("reading the thumbprint map back: %w", err)
	}
	there := map[ekm.Thumbprint]string{}
	for _, e := range entries {
		if normal(e.Vault) == normal(p.Vault) {
			there[e.Thumbprint] = e.URI
		}
	}
	for i, s := range p.Steps {
		if s.State != Ready && s.State != Replace && s.State != Done {
			continue
		}
		if !strings.EqualFold(there[s.Thumbprint], s.New) {
			return fmt.Errorf("reading the thumbprint map back: %s is %q, not %q", s.Thumbprint, there[s.Thumbprint], s.New)
		}
		p.Steps[i].State, p.Steps[i].Have = Done, s.New
	}
	return nil
}
