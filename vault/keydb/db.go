package keydb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/secret"
	"latchkey/keywrap"
	"latchkey/vault/seal"
	"latchkey/vault/store"
)

// Sealer encrypts small values for storage, bound to a purpose and a name; seal.Sealer is one.
type Sealer interface {
	Seal(p seal.Purpose, name string, plain []byte) ([]byte, error)
	// Open gives the plaintext; the caller destroys it.
	Open(p seal.Purpose, name string, sealed []byte) (*secret.Bytes, error)
}

// What is sealed: private keys, and the installation's own secrets.
const (
	PurposeKey     seal.Purpose = "vault-key"
	PurposeInstall seal.Purpose = "vault-install"
)

// Renewer seals a value anew when it is not under the active data key; seal.Sealer is one.
type Renewer interface {
	Renew(p seal.Purpose, name string, sealed []byte) (out []byte, changed bool, err error)
}

// Walk is a seal.Walk over the records of this package: it renews what they hold sealed.
func Walk(r Renewer) seal.Walk {
	return func(name string, value []byte) ([]byte, bool, error) {
		switch {
		case strings.HasPrefix(name, prefixPrivate):
			return r.Renew(PurposeKey, name, value)
		case strings.HasPrefix(name, prefixInstall):
			var b Blob
			if err := decode(name, value, &b); err != nil {
				return nil, false, err
			}
			sealed, changed, err := r.Renew(PurposeInstall, name, b.Sealed)
			if err != nil || !changed {
				return value, false, err
			}
			b.Sealed = sealed
			out, err := encode(&b)
			return out, err == nil, err
		}
		return value, false, nil
	}
}

// Config says where records go. Store and Sealer are required.
type Config struct {
	Store  store.Store
	Sealer Sealer
	// PrivateKeys bounds the cache of parsed private keys; default 256, some 6 KiB each for RSA-2048.
	PrivateKeys int
	// Records bounds the cache of decoded records; default 2048, some 1 KiB each.
	Records int
}

// DB reads and writes the records. It is safe for concurrent use.
type DB struct {
	store    store.Store
	sealer   Sealer
	private  *lru[*keywrap.Key]
	heads    *lru[Entry[Head]]
	versions *lru[Entry[Version]]
	vaults   *lru[Entry[Vault]]
	access   *lru[Entry[Access]]
}

// New makes a DB. It reads nothing yet.
func New(c Config) *DB {
	if c.PrivateKeys <= 0 {
		c.PrivateKeys = 256
	}
	if c.Records <= 0 {
		c.Records = 2048
	}
	return &DB{
		store: c.Store, sealer: c.Sealer,
		private:  newLRU[*keywrap.Key](c.PrivateKeys),
		heads:    newLRU[Entry[Head]](c.Records),
		versions: newLRU[Entry[Version]](c.Records),
		vaults:   newLRU[Entry[Vault]](64),
		access:   newLRU[Entry[Access]](64),
	}
}

// Entry is a record as read: Val is shared and must not be changed, Rev is what a condition on it names; 0 if absent.
type Entry[T any] struct {
	Val *T
	Rev int64
}

// pointer ties a record type to its schema method.
type pointer[T any] interface {
	*T
	schemaOf
}

// read gets a record; a zero Entry if it is not there.
func read[T any, P pointer[T]](ctx context.Context, db *DB, cache *lru[Entry[T]], name string) (Entry[T], error) {
	item, err := db.store.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return Entry[T]{}, nil
	}
	if err != nil {
		return Entry[T]{}, fmt.Errorf("reading record %q: %w", name, err)
	}
	return decoded[T, P](cache, item)
}

func decoded[T any, P pointer[T]](cache *lru[Entry[T]], item store.Item) (Entry[T], error) {
	if e, ok := cache.get(item.Key); ok && e.Rev == item.Rev {
		return e, nil
	}
	val := new(T)
	if err := decode(item.Key, item.Value, P(val)); err != nil {
		return Entry[T]{}, err
	}
	e := Entry[T]{val, item.Rev}
	cache.put(item.Key, e)
	return e, nil
}

// Vault reads a vault by id.
func (db *DB) Vault(ctx context.Context, id string) (Entry[Vault], error) {
	return read(ctx, db, db.vaults, vaultName(id))
}

// Access reads who may use a vault.
func (db *DB) Access(ctx context.Context, id string) (Entry[Access], error) {
	return read(ctx, db, db.access, accessName(id))
}

// Head reads a key's head.
func (db *DB) Head(ctx context.Context, vault, name string, deleted bool) (Entry[Head], error) {
	return read(ctx, db, db.heads, headName(vault, name, deleted))
}

// Version reads one version of an incarnation.
func (db *DB) Version(ctx context.Context, vault, key, version string) (Entry[Version], error) {
	return read(ctx, db, db.versions, versionName(vault, key, version))
}

// Vaults lists all vaults by id, deleted ones included.
func (db *DB) Vaults(ctx context.Context) ([]Entry[Vault], error) {
	items, _, err := db.store.List(ctx, prefixVault, "", 0)
	if err != nil {
		return nil, fmt.Errorf("listing vaults: %w", err)
	}
	return all(db.vaults, items)
}

// Heads lists at most limit heads of a vault whose lower-case name is after the given one; more tells whether others follow.
func (db *DB) Heads(ctx context.Context, vault string, deleted bool, after string, limit int) (heads []Entry[Head], more bool, err error) {
	prefix := headPrefix(vault, deleted)
	items, more, err := db.page(ctx, prefix, after, limit)
	if err != nil {
		return nil, false, err
	}
	heads, err = all(db.heads, items)
	return heads, more, err
}

// Versions lists at most limit versions of an incarnation whose id is after the given one.
func (db *DB) Versions(ctx context.Context, vault, key, after string, limit int) (versions []Entry[Version], more bool, err error) {
	items, more, err := db.page(ctx, versionPrefix(vault, key), after, limit)
	if err != nil {
		return nil, false, err
	}
	versions, err = all(db.versions, items)
	return versions, more, err
}

func (db *DB) page(ctx context.Context, prefix, after string, limit int) ([]store.Item, bool, error) {
	if after != "" {
		after = prefix + after
	}
	ask := limit
	if limit > 0 {
		ask++
	}
	items, _, err := db.store.List(ctx, prefix, after, ask)
	if err != nil {
		return nil, false, fmt.Errorf("listing %q: %w", prefix, err)
	}
	if limit > 0 && len(items) > limit {
		return items[:limit], true, nil
	}
	return items, false, nil
}

func all[T any, P pointer[T]](cache *lru[Entry[T]], items []store.Item) ([]Entry[T], error) {
	out := make([]Entry[T], len(items))
	for i, item := range items {
		// Lists do not fill the cache: a walk over all keys would push out what is in use.
		if e, ok := cache.get(item.Key); ok && e.Rev == item.Rev {
			out[i] = e
			continue
		}
		val := new(T)
		if err := decode(item.Key, item.Value, P(val)); err != nil {
			return nil, err
		}
		out[i] = Entry[T]{val, item.Rev}
	}
	return out, nil
}

// Private unseals and parses the private half of a version, or finds it in the cache. It must belong to the public half.
func (db *DB) Private(ctx context.Context, vault, key string, v *Version) (*keywrap.Key, error) {
	name := privateName(vault, key, v.ID)
	if k, ok := db.private.get(name); ok {
		return k, nil
	}
	item, err := db.store.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading record %q: %w", name, err)
	}
	plain, err := db.sealer.Open(PurposeKey, name, item.Value)
	if err != nil {
		return nil, fmt.Errorf("unsealing record %q: %w", name, err)
	}
	defer plain.Destroy()
	k, err := keywrap.ParsePrivate(plain.Expose())
	if err != nil {
		return nil, fmt.Errorf("reading record %q: %w: %v", name, ErrCorrupt, err)
	}
	if !v.Matches(k) {
		return nil, fmt.Errorf("reading record %q: %w: private and public half do not belong together", name, ErrCorrupt)
	}
	db.private.put(name, k)
	return k, nil
}

// DueBefore lists, in order of time, at most limit keys whose entry in the due index is at or before t and after the
// given one (the zero Due: from the first).
func (db *DB) DueBefore(ctx context.Context, t time.Time, after Due, limit int) ([]Due, error) {
	from := ""
	if after.Name != "" {
		from = dueName(after.At, after.Vault, after.Name)
	}
	items, _, err := db.store.List(ctx, prefixDue, from, limit)
	if err != nil {
		return nil, fmt.Errorf("listing due keys: %w", err)
	}
	var due []Due
	for _, item := range items {
		d, err := parseDue(item.Key)
		if err != nil {
			return due, err
		}
		if d.At > t.Unix() {
			break
		}
		due = append(due, d)
	}
	return due, nil
}

// NextDue is the time of the first entry in the due index after t; zero if there is none.
func (db *DB) NextDue(ctx context.Context, t time.Time) (time.Time, error) {
	items, _, err := db.store.List(ctx, prefixDue, dueTime(t.Unix()+1), 1)
	if err != nil || len(items) == 0 {
		return time.Time{}, err
	}
	d, err := parseDue(items[0].Key)
	return time.Unix(d.At, 0), err
}

// Install reads sealed data of the installation; nil if it is not there. The caller destroys it.
func (db *DB) Install(ctx context.Context, what string) (*secret.Bytes, int64, error) {
	name := installName(what)
	item, err := db.store.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading record %q: %w", name, err)
	}
	var b Blob
	if err := decode(name, item.Value, &b); err != nil {
		return nil, 0, err
	}
	plain, err := db.sealer.Open(PurposeInstall, name, b.Sealed)
	if err != nil {
		return nil, 0, fmt.Errorf("unsealing record %q: %w", name, err)
	}
	return plain, item.Rev, nil
}
