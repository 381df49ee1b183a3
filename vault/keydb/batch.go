package keydb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/secret"
	"latchkey/keywrap"
	"latchkey/vault/store"
)

// Batch collects changes that are committed together or not at all. Rev arguments are the revisions that the decision was
// made on, 0 for "must not exist"; KeepRev makes no condition.
type Batch struct {
	db    *DB
	conds []store.Cond
	ops   []store.Op
	err   error // of encoding or sealing, reported by Commit
}

// KeepRev as a revision means that the record may be in any state.
const KeepRev int64 = -1

// Batch makes an empty batch.
func (db *DB) Batch() *Batch { return &Batch{db: db} }

func (b *Batch) cond(name string, rev int64) {
	if rev != KeepRev {
		b.conds = append(b.conds, store.Cond{Key: name, Rev: rev})
	}
}

// op adds an operation; a later one on the same key replaces the earlier, since a key may stand in one only.
func (b *Batch) op(o store.Op) {
	for i := range b.ops {
		if b.ops[i].Key == o.Key {
			b.ops[i] = o
			return
		}
	}
	b.ops = append(b.ops, o)
}

func (b *Batch) put(name string, rev int64, r schemaOf) {
	value, err := encode(r)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("encoding record %q: %w", name, err)
	}
	b.cond(name, rev)
	b.op(store.Op{Key: name, Value: value})
}

func (b *Batch) del(name string, rev int64) {
	b.cond(name, rev)
	b.op(store.Op{Key: name, Delete: true})
}

// PutVault writes a vault.
func (b *Batch) PutVault(v *Vault, rev int64) { b.put(vaultName(v.ID), rev, v) }

// CheckVault adds the condition that the vault is unchanged, so that no key is made in a vault that is being deleted.
func (b *Batch) CheckVault(id string, rev int64) { b.cond(vaultName(id), rev) }

// DeleteVault removes a vault and who may use it.
func (b *Batch) DeleteVault(id string, rev int64) {
	b.del(vaultName(id), rev)
	b.del(accessName(id), KeepRev)
}

// PutAccess writes who may use a vault.
func (b *Batch) PutAccess(id string, a *Access, rev int64) { b.put(accessName(id), rev, a) }

// PutHead writes a head to the live or deleted keys, by its Deleted member, and moves its entry in the due index from the
// one it had (oldDue, 0 for none) to h.Due.
func (b *Batch) PutHead(vault string, h *Head, rev, oldDue int64) {
	b.put(headName(vault, h.Name, h.Deleted != nil), rev, h)
	b.moveDue(vault, h.Name, oldDue, h.Due)
}

// DeleteHead removes a head and its entry in the due index.
func (b *Batch) DeleteHead(vault string, h *Head, rev int64) {
	b.del(headName(vault, h.Name, h.Deleted != nil), rev)
	b.moveDue(vault, h.Name, h.Due, 0)
}

// MoveHead takes old, which was live or deleted, to the other collection as h.
func (b *Batch) MoveHead(vault string, old *Head, rev int64, h *Head) {
	b.del(headName(vault, old.Name, old.Deleted != nil), rev)
	b.put(headName(vault, h.Name, h.Deleted != nil), 0, h)
	b.moveDue(vault, h.Name, old.Due, h.Due)
}

// CheckHead adds the condition that a head is as it was read.
func (b *Batch) CheckHead(vault, name string, deleted bool, rev int64) {
	b.cond(headName(vault, name, deleted), rev)
}

func (b *Batch) moveDue(vault, name string, from, to int64) {
	if from == to {
		return
	}
	if from != 0 {
		b.del(dueName(from, vault, name), KeepRev)
	}
	if to != 0 {
		b.op(store.Op{Key: dueName(to, vault, name), Value: []byte("1")})
	}
}

// DropDue removes a stale entry of the due index.
func (b *Batch) DropDue(d Due) { b.del(dueName(d.At, d.Vault, d.Name), KeepRev) }

// PutVersion writes the public part of a version.
func (b *Batch) PutVersion(vault, key string, v *Version, rev int64) {
	b.put(versionName(vault, key, v.ID), rev, v)
}

// CheckVersion adds the condition that a version is as it was read.
func (b *Batch) CheckVersion(vault, key, version string, rev int64) {
	b.cond(versionName(vault, key, version), rev)
}

// PutPrivate seals and writes the private part of a new version.
func (b *Batch) PutPrivate(vault, key, version string, k *keywrap.Key) {
	name := privateName(vault, key, version)
	plain, err := k.MarshalPrivate()
	if err == nil {
		defer secret.Wipe(plain)
		var sealed []byte
		if sealed, err = b.db.sealer.Seal(PurposeKey, name, plain); err == nil {
			b.cond(name, 0)
			b.op(store.Op{Key: name, Value: sealed})
			return
		}
	}
	if b.err == nil {
		b.err = fmt.Errorf("sealing record %q: %w", name, err)
	}
}

// PutInstall seals and writes data of the installation.
func (b *Batch) PutInstall(what string, plain *secret.Bytes, rev int64) {
	name := installName(what)
	sealed, err := b.db.sealer.Seal(PurposeInstall, name, plain.Expose())
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("sealing record %q: %w", name, err)
	}
	b.put(name, rev, &Blob{Sealed: sealed})
}

// Garbage marks an incarnation as one that has no head: [DB.Sweep] removes it once the time has passed. A restore marks
// first and unmarks with its last commit, so that a crash in between leaves nothing.
func (b *Batch) Garbage(vault, key string, after time.Time) {
	b.op(store.Op{Key: garbageName(vault, key), Value: fmt.Appendf(nil, "%d", after.Unix())})
}

// Ungarbage takes the mark away; the commit fails if it has already been swept.
func (b *Batch) Ungarbage(vault, key string, rev int64) { b.del(garbageName(vault, key), rev) }

// Len is the number of conditions and operations, which store.MaxOps bounds.
func (b *Batch) Len() int { return len(b.conds) + len(b.ops) }

// Commit writes the batch: store.ErrConflict when a condition does not hold, and then nothing was changed.
func (b *Batch) Commit(ctx context.Context) (rev int64, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(b.ops) == 0 {
		return 0, nil
	}
	return b.db.store.Commit(ctx, b.conds, b.ops)
}

// Prepared reports an encoding or sealing error before the commit.
func (b *Batch) Prepared() error { return b.err }

// sweepChunk is how many records a sweep removes with one commit.
const sweepChunk = 200

// Sweep removes the records of incarnations whose garbage mark is due, and returns how many incarnations it removed.
func (db *DB) Sweep(ctx context.Context, now time.Time) (int, error) {
	marks, _, err := db.store.List(ctx, prefixGarbage, "", 0)
	if err != nil {
		return 0, fmt.Errorf("listing garbage: %w", err)
	}
	done := 0
	for _, mark := range marks {
		var after int64
		if _, err := fmt.Sscanf(string(mark.Value), "%d", &after); err != nil {
			return done, fmt.Errorf("%w: garbage mark %q", ErrCorrupt, mark.Key)
		}
		if after > now.Unix() {
			continue
		}
		vault, key, ok := strings.Cut(strings.TrimPrefix(mark.Key, prefixGarbage), "/")
		if !ok {
			return done, fmt.Errorf("%w: garbage mark %q", ErrCorrupt, mark.Key)
		}
		if err := db.sweepKey(ctx, vault, key, mark); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// sweepKey removes private halves first: they are what must go. Each commit holds on to the mark, so that a sweep can
// never race a restore that has just unmarked the incarnation.
func (db *DB) sweepKey(ctx context.Context, vault, key string, mark store.Item) error {
	hold := []store.Cond{{Key: mark.Key, Rev: mark.Rev}}
	for _, prefix := range []string{privatePrefix(vault, key), versionPrefix(vault, key)} {
		for {
			items, _, err := db.store.List(ctx, prefix, "", sweepChunk)
			if err != nil {
				return fmt.Errorf("listing %q: %w", prefix, err)
			}
			if len(items) == 0 {
				break
			}
			ops := make([]store.Op, len(items))
			for i, item := range items {
				ops[i] = store.Op{Key: item.Key, Delete: true}
				db.private.drop(item.Key)
				db.versions.drop(item.Key)
			}
			if _, err := db.store.Commit(ctx, hold, ops); err != nil {
				return ignoreConflict(err)
			}
		}
	}
	_, err := db.store.Commit(ctx, hold, []store.Op{{Key: mark.Key, Delete: true}})
	return ignoreConflict(err)
}

// ignoreConflict: another server swept the same mark.
func ignoreConflict(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}
