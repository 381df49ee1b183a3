package directory

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/jwks"
	"latchkey/internal/secret"
)

// keyState is a signing key on disk. A key is first published, then signs, then is kept until what it signed expired.
type keyState struct {
	ID      string    `json:"id"` // kid and x5t: base64url of the certificate's SHA-1
	Cert    []byte    `json:"cert"`
	Sealed  []byte    `json:"sealed"` // PKCS #8, sealed under keySealName(ID)
	Created time.Time `json:"created"`
	Active  time.Time `json:"active,omitzero"`  // since when it signs
	Retired time.Time `json:"retired,omitzero"` // since when it no longer does
}

const (
	keyBits     = 2048
	clockMargin = 15 * time.Minute // between clocks of different machines
)

func keySealName(id string) string { return "entra/signing/" + id }

// keyRing is the unsealed keys. It never changes.
type keyRing struct {
	private map[string]*rsa.PrivateKey
	signer  jose.Signer // of the active key
	public  *jwks.Set
	doc     []byte // the JWKS document
}

func newKey(now time.Time, sealer Sealer) (keyState, *rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return keyState{}, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return keyState{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: "latchkey token signing"},
		NotBefore: now.Add(-clockMargin), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return keyState{}, nil, err
	}
	sum := sha1.Sum(cert) // an identifier, as RFC 7515 section 4.1.7 has it; nothing rests on its strength
	k := keyState{ID: base64.RawURLEncoding.EncodeToString(sum[:]), Cert: cert, Created: now.UTC()}
	if k.Sealed, err = sealKey(k.ID, key, sealer); err != nil {
		return keyState{}, nil, err
	}
	return k, key, nil
}

func sealKey(id string, key *rsa.PrivateKey, sealer Sealer) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(plain)
	sealed, err := sealer.Seal(keySealName(id), plain)
	if err != nil {
		return nil, code.Wrap(code.EntraSeal, "sealing signing key", id, err)
	}
	return sealed, nil
}

// openKeys unseals the keys of a state.
func openKeys(keys []keyState, sealer Sealer) (*keyRing, error) {
	private := make(map[string]*rsa.PrivateKey, len(keys))
	for _, k := range keys {
		plain, err := sealer.Open(keySealName(k.ID), k.Sealed)
		if err != nil {
			return nil, code.Wrap(code.EntraSeal, "unsealing signing key", k.ID, err)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(plain)
		secret.Wipe(plain)
		key, ok := parsed.(*rsa.PrivateKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("signing key %q is not an RSA key", k.ID)
		}
		private[k.ID] = key
	}
	return newRing(keys, private)
}

func newRing(keys []keyState, private map[string]*rsa.PrivateKey) (*keyRing, error) {
	r := &keyRing{private: private}
	var set jose.JSONWebKeySet
	for _, k := range keys {
		cert, err := x509.ParseCertificate(k.Cert)
		if err != nil {
			return nil, fmt.Errorf("certificate of signing key %q: %w", k.ID, err)
		}
		sum := sha1.Sum(k.Cert)
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: cert.PublicKey, KeyID: k.ID, Use: "sig", Certificates: []*x509.Certificate{cert}, CertificateThumbprintSHA1: sum[:],
		})
		if k.Active.IsZero() || !k.Retired.IsZero() {
			continue
		}
		if r.signer != nil {
			return nil, errors.New("two signing keys are active")
		}
		opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t", k.ID)
		r.signer, err = jose.NewSigner(jose.SigningKey{
			Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private[k.ID], KeyID: k.ID},
		}, opts)
		if err != nil {
			return nil, err
		}
	}
	if r.signer == nil {
		return nil, errors.New("no signing key is active")
	}
	r.public = jwks.NewSet(set.Keys...)
	var err error
	if r.doc, err = json.Marshal(set); err != nil {
		return nil, err
	}
	return r, nil
}

// create makes the first state: one signing key, active at once, as nobody has looked yet.
func (d *Directory) create(ctx context.Context) error {
	if err := d.c.FS.SyncDir(filepath.Dir(filepath.Clean(d.c.Dir))); err != nil { // the file is no safer than its directory
		return code.Wrap(code.EntraStateWrite, "making the token authority's directory durable", d.c.Dir, err)
	}
	now := d.c.Clock.Now().UTC()
	k, key, err := newKey(now, d.c.Sealer)
	if err != nil {
		return code.Wrap(codeOr(err, code.EntraStateWrite), "making the first signing key", d.path, err)
	}
	k.Active = now
	st := &state{Keys: []keyState{k}}
	ring, err := newRing(st.Keys, map[string]*rsa.PrivateKey{k.ID: key})
	if err != nil {
		return code.Wrap(code.EntraStateWrite, "making the first signing key", d.path, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.commitLocked(ctx, change{op: "AuthorityCreate", object: k.ID}, st, ring)
}

// Maintain does what is due of the key roll-over: publishes the next key, lets it sign, takes old ones out. It returns
// when to call again. Run does it by itself.
func (d *Directory) Maintain(ctx context.Context) (next time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.c.Clock.Now().UTC()
	st, err := d.state.Load().clone()
	if err != nil {
		return time.Time{}, err
	}
	private := maps.Clone(d.keys.Load().private)
	i := slices.IndexFunc(st.Keys, func(k keyState) bool { return !k.Active.IsZero() && k.Retired.IsZero() })
	if i < 0 {
		return time.Time{}, code.Wrap(code.EntraStateDamaged, "rolling the signing keys", d.path, errors.New("no signing key is active"))
	}
	j := slices.IndexFunc(st.Keys, func(k keyState) bool { return k.Active.IsZero() })
	changed := false
	publishAt := st.Keys[i].Active.Add(d.c.RotateKeys - min(d.c.PublishAhead, d.c.RotateKeys))
	switch {
	case j >= 0 && !now.Before(st.Keys[j].Created.Add(d.c.PublishAhead)):
		st.Keys[i].Retired, st.Keys[j].Active = now, now
		changed = true
	case j < 0 && !now.Before(publishAt):
		k, key, err := newKey(now, d.c.Sealer)
		if err != nil {
			return time.Time{}, code.Wrap(codeOr(err, code.EntraStateWrite), "making a signing key", d.path, err)
		}
		st.Keys, private[k.ID] = append(st.Keys, k), key
		changed = true
	}
	st.Keys = slices.DeleteFunc(st.Keys, func(k keyState) bool {
		gone := !k.Retired.IsZero() && !now.Before(k.Retired.Add(d.c.KeepKeys))
		if gone {
			delete(private, k.ID)
			changed = true
		}
		return gone
	})
	if changed {
		if err := d.saveKeysLocked(ctx, "SigningKeyRoll", st, private); err != nil {
			return time.Time{}, err
		}
	}
	return d.nextMaintenance(st), nil
}

func (d *Directory) nextMaintenance(st *state) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	pending := false
	for _, k := range st.Keys {
		if k.Active.IsZero() {
			pending = true
			sooner(k.Created.Add(d.c.PublishAhead))
		} else if !k.Retired.IsZero() {
			sooner(k.Retired.Add(d.c.KeepKeys))
		}
	}
	for _, k := range st.Keys {
		if !pending && !k.Active.IsZero() && k.Retired.IsZero() {
			sooner(k.Active.Add(d.c.RotateKeys - min(d.c.PublishAhead, d.c.RotateKeys)))
		}
	}
	return next
}

// ReplaceKeys makes a new signing key, active at once, and takes all others out: for a key that may be known to others.
// Every token out there is refused from now on by validators in this process, and by others when they refresh.
func (d *Directory) ReplaceKeys(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.c.Clock.Now().UTC()
	st, err := d.state.Load().clone()
	if err != nil {
		return err
	}
	k, key, err := newKey(now, d.c.Sealer)
	if err != nil {
		return code.Wrap(codeOr(err, code.EntraStateWrite), "making a signing key", d.path, err)
	}
	k.Active = now
	st.Keys = []keyState{k}
	return d.saveKeysLocked(ctx, "SigningKeyReplace", st, map[string]*rsa.PrivateKey{k.ID: key})
}

// Reseal seals everything anew, after the sealer got another key.
func (d *Directory) Reseal(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	st, err := d.state.Load().clone()
	if err != nil {
		return err
	}
	private := d.keys.Load().private
	for i := range st.Keys {
		if st.Keys[i].Sealed, err = sealKey(st.Keys[i].ID, private[st.Keys[i].ID], d.c.Sealer); err != nil {
			return err
		}
	}
	return d.saveKeysLocked(ctx, "AuthorityReseal", st, private)
}

func (d *Directory) saveKeysLocked(ctx context.Context, op string, st *state, private map[string]*rsa.PrivateKey) error {
	ring, err := newRing(st.Keys, private)
	if err != nil {
		return code.Wrap(code.EntraStateWrite, "changing the signing keys", d.path, err)
	}
	return d.commitLocked(ctx, change{op: op, object: st.Keys[len(st.Keys)-1].ID}, st, ring)
}

// Sign makes a compact JWS of a payload with the active key: RS256, typ JWT, kid and x5t.
func (d *Directory) Sign(payload []byte) (string, error) {
	signed, err := d.keys.Load().signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// KeyDocument is the JWKS document of all published keys.
func (d *Directory) KeyDocument() []byte { return d.keys.Load().doc }

// Run rolls the signing keys when they are due, until ctx ends, whose error it returns. A failure is logged and tried
// again after a minute; the current key goes on signing.
func (d *Directory) Run(ctx context.Context) error {
	for {
		next, err := d.Maintain(ctx)
		wait := time.Minute
		if err != nil {
			d.c.Log.Error("rolling the signing keys", "error", err)
		} else {
			// At most an hour: a machine that slept, or whose clock was set, must not sleep on.
			wait = min(max(next.Sub(d.c.Clock.Now()), time.Second), time.Hour)
		}
		if err := clock.Sleep(ctx, d.c.Clock, wait); err != nil {
			return err
		}
	}
}
