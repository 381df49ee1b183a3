package seal

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
	"latchkey/vault/store"
)

// BackupKeyID names a backup key without giving it away: the same key has the same identifier everywhere.
type BackupKeyID [16]byte

// String is the identifier in hexadecimal digits.
func (id BackupKeyID) String() string { return hex.EncodeToString(id[:]) }

// ParseBackupKeyID reads 32 hexadecimal digits.
func ParseBackupKeyID(s string) (BackupKeyID, error) {
	var id BackupKeyID
	if n, err := hex.Decode(id[:], []byte(s[:min(len(s), 32)])); err != nil || n != len(id) || len(s) != 32 {
		return BackupKeyID{}, fmt.Errorf("%q is not a backup key identifier of 32 hexadecimal digits", s)
	}
	return id, nil
}

const purposeBackup Purpose = "backup-key"

type wireBackups struct {
	Version int          `json:"latchkey-backup-keys"`
	Active  string       `json:"active"`
	Keys    []wireBackup `json:"keys"`
}

type wireBackup struct {
	ID       string    `json:"id"`
	Added    time.Time `json:"added"`
	Imported bool      `json:"imported,omitempty"`
	Sealed   []byte    `json:"sealed"`
}

// BackupKeys seals key backups. Its keys lie sealed in the store; an exported one lets another installation restore the
// backups. It is safe for concurrent use.
type BackupKeys struct {
	s    *Sealer
	mu   sync.RWMutex
	wire wireBackups
	rev  int64
	keys map[BackupKeyID]*secret.Bytes
}

// OpenBackupKeys reads the backup keys of s's store and makes the first when there is none. Close it before s. It must be the
// only one of its store.
func OpenBackupKeys(ctx context.Context, s *Sealer) (*BackupKeys, error) {
	b := &BackupKeys{s: s, wire: wireBackups{Version: formatVersion}, keys: map[BackupKeyID]*secret.Bytes{}}
	item, err := s.store.Get(ctx, backupKey)
	if errors.Is(err, store.ErrNotFound) {
		_, err := b.Rotate(ctx)
		return b, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading the backup keys: %w", err)
	}
	if b.wire, err = decodeBackups(item.Value); err != nil {
		return nil, err
	}
	b.rev = item.Rev
	if err := b.open(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *BackupKeys) open() error {
	for _, w := range b.wire.Keys {
		k, err := b.s.Open(purposeBackup, w.ID, w.Sealed)
		if err != nil {
			return err
		}
		id, err := idOf(k)
		if err != nil || id.String() != w.ID || b.keys[id] != nil {
			k.Destroy()
			return damaged(backupKey, errors.Join(fmt.Errorf("key %q is another, or there twice", w.ID), err))
		}
		b.keys[id] = k
	}
	if active, err := ParseBackupKeyID(b.wire.Active); err != nil || b.keys[active] == nil {
		return damaged(backupKey, errors.New("there is no active key"))
	}
	return nil
}

// Close overwrites the keys. Nothing may use the BackupKeys any more.
func (b *BackupKeys) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.keys {
		k.Destroy()
	}
	clear(b.keys)
}

func decodeBackups(value []byte) (wireBackups, error) {
	var w wireBackups
	if err := json.Unmarshal(value, &w); err != nil {
		return w, damaged(backupKey, err)
	}
	if w.Version > formatVersion {
		return w, code.Wrap(code.SealVersion, "reading the backup keys", "", fmt.Errorf("format version %d", w.Version))
	}
	if w.Version != formatVersion {
		return w, damaged(backupKey, fmt.Errorf("format version %d", w.Version))
	}
	return w, nil
}

func idOf(k *secret.Bytes) (BackupKeyID, error) {
	var id BackupKeyID
	b, err := expand(k, domainID)
	copy(id[:], b)
	return id, err
}

// renewBackupKeys is the step of a reseal over the record of the backup keys.
func (s *Sealer) renewBackupKeys(value []byte) ([]byte, bool, error) {
	w, err := decodeBackups(value)
	if err != nil {
		return nil, false, err
	}
	any := false
	for i, k := range w.Keys {
		sealed, changed, err := s.Renew(purposeBackup, k.ID, k.Sealed)
		if err != nil {
			return nil, false, err
		}
		w.Keys[i].Sealed = sealed
		any = any || changed
	}
	out, err := json.Marshal(w)
	return out, any && err == nil, err
}

// Active is the key that new backups are sealed under.
func (b *BackupKeys) Active() BackupKeyID {
	b.mu.RLock()
	defer b.mu.RUnlock()
	id, _ := ParseBackupKeyID(b.wire.Active) // checked when it was set
	return id
}

// IDs lists all keys, oldest first.
func (b *BackupKeys) IDs() []BackupKeyID {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []BackupKeyID
	for _, w := range b.wire.Keys {
		id, _ := ParseBackupKeyID(w.ID)
		out = append(out, id)
	}
	return out
}

// Rotate generates a key and makes it the active one. Older ones stay for restoring.
func (b *BackupKeys) Rotate(ctx context.Context) (BackupKeyID, error) {
	return b.add(ctx, secret.Random(32), false)
}

// add keeps a key, which it takes over. An imported key is for restoring; it never becomes the active one.
func (b *BackupKeys) add(ctx context.Context, k *secret.Bytes, imported bool) (BackupKeyID, error) {
	id, err := idOf(k)
	if err != nil {
		return id, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keys[id] != nil {
		k.Destroy()
		return id, nil
	}
	for {
		sealed, err := b.s.Seal(purposeBackup, id.String(), k.Expose())
		if err != nil {
			return id, err
		}
		w := b.wire
		w.Keys = append(slices.Clone(w.Keys), wireBackup{ID: id.String(), Added: b.s.clock.Now().UTC(), Imported: imported, Sealed: sealed})
		if !imported {
			w.Active = id.String()
		}
		value, err := json.Marshal(w)
		if err != nil {
			return id, err
		}
		rev, err := b.s.store.Commit(ctx, []store.Cond{{Key: backupKey, Rev: b.rev}}, []store.Op{{Key: backupKey, Value: value}})
		if err == nil {
			b.wire, b.rev, b.keys[id] = w, rev, k
			return id, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return id, fmt.Errorf("writing the backup keys: %w", err)
		}
		// A reseal renewed the record: the same keys, sealed anew.
		item, err := b.s.store.Get(ctx, backupKey)
		if err != nil {
			return id, fmt.Errorf("reading the backup keys: %w", err)
		}
		if b.wire, err = decodeBackups(item.Value); err != nil {
			return id, err
		}
		b.rev = item.Rev
	}
}

// backupHeader is the version and the key identifier.
const backupHeader = 1 + 16

// Seal seals a backup under the active key. The context is authenticated, not kept: Open needs the same.
func (b *BackupKeys) Seal(context string, plaintext []byte) ([]byte, error) {
	id := b.Active()
	b.mu.RLock()
	k := b.keys[id]
	b.mu.RUnlock()
	if k == nil {
		return nil, code.New(code.BackupKeyUnknown, "sealing a backup", id.String()) // closed
	}
	out, err := box(k, domainBackup, context, append([]byte{formatVersion}, id[:]...), plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing a backup: %w", err)
	}
	return out, nil
}

// Open opens a backup. Errors carry a code: BackupKeyUnknown names the key that is needed, SealDamaged, SealVersion.
func (b *BackupKeys) Open(context string, sealed []byte) (*secret.Bytes, error) {
	const op = "opening a backup"
	if len(sealed) < backupHeader+saltLen+gcmOverhead {
		return nil, code.Wrap(code.SealDamaged, op, "", fmt.Errorf("%d bytes are too few", len(sealed)))
	}
	if sealed[0] != formatVersion {
		c := code.SealDamaged
		if sealed[0] > formatVersion {
			c = code.SealVersion
		}
		return nil, code.Wrap(c, op, "", fmt.Errorf("format version %d", sealed[0]))
	}
	id := BackupKeyID(sealed[1:backupHeader])
	b.mu.RLock()
	k := b.keys[id]
	b.mu.RUnlock()
	if k == nil {
		return nil, code.New(code.BackupKeyUnknown, op, id.String())
	}
	out, ok, err := unbox(k, domainBackup, context, sealed, backupHeader)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if !ok {
		return nil, code.Wrap(code.SealDamaged, op, "", errors.New("it was changed, or is no backup of this kind"))
	}
	return out, nil
}

func (b *BackupKeys) key(id BackupKeyID) (*secret.Bytes, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for have, k := range b.keys {
		if subtle.ConstantTimeCompare(have[:], id[:]) == 1 {
			return k, nil
		}
	}
	return nil, code.New(code.BackupKeyUnknown, "exporting a backup key", id.String())
}
