package vault

import (
	"errors"
	"net/http"
	"time"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/ekm/code"
	"latchkey/keywrap"
	"latchkey/vault/backup"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rotation"
	"latchkey/vault/store"
)

// BackupKey gives all versions of a key as a sealed blob.
func (tx *Tx) BackupKey(name string) (*akv.Backup, error) {
	if err := tx.Opened(door.OpKeyBackup); err != nil {
		return nil, err
	}
	if tx.s.backups == nil {
		return nil, door.Fail(http.StatusServiceUnavailable, akv.CodeUnavailable, "", "Backups are not set up on this server.")
	}
	l, err := tx.load(name, "")
	if err != nil {
		return nil, err
	}
	head := l.head.Val
	tx.Object = tx.view().KID(head.Name, "")
	if l.version.Val.Managed {
		return nil, keyspec.Forbidden(akv.InnerKeyManaged, "Operation \"backup\" is not allowed as this object's lifetime is managed by Key Vault.")
	}
	versions, _, err := tx.s.db.Versions(tx.Ctx, tx.Vault.ID, head.Key, "", 0)
	if err != nil {
		return nil, err
	}
	c := &backup.Content{Name: head.Name, HSM: tx.Vault.HSM, Current: head.Current, Policy: head.Policy}
	defer c.Wipe()
	for _, v := range versions {
		key, err := tx.private(loaded{head: l.head, version: v})
		if err != nil {
			return nil, err
		}
		plain, err := key.MarshalPrivate()
		if err != nil {
			return nil, err
		}
		c.Versions = append(c.Versions, backup.Version{Public: v.Val, Private: plain})
	}
	blob, err := backup.Seal(tx.s.backups, c)
	if errors.Is(err, backup.ErrTooLarge) {
		return nil, keyspec.BadParameter("The key has too many versions to be backed up.")
	}
	if err != nil {
		return nil, err
	}
	return &akv.Backup{Value: blob}, nil
}

// restoreChunk is how many versions one commit of a restore writes; restoreTime how long a restore may take before what it
// wrote counts as left over by a crash.
const (
	restoreChunk = 100
	restoreTime  = 10 * time.Minute
)

// RestoreKey brings a backup into this vault under its old name, which must be free.
func (tx *Tx) RestoreKey(r *akv.Backup) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyRestore); err != nil {
		return nil, err
	}
	if tx.s.backups == nil {
		return nil, door.Fail(http.StatusServiceUnavailable, akv.CodeUnavailable, "", "Backups are not set up on this server.")
	}
	if len(r.Value) == 0 {
		return nil, missing("value")
	}
	c, err := backup.Open(tx.s.backups, r.Value)
	if err != nil {
		return nil, badBlob(err)
	}
	defer c.Wipe()
	keys, current, err := tx.checkContent(c)
	if err != nil {
		return nil, err
	}
	tx.Object = tx.view().KID(c.Name, "")
	if err := tx.restorable(c.Name, tx.s.db.Batch()); err != nil {
		return nil, err
	}
	if err := tx.chargeFor(current); err != nil {
		return nil, err
	}
	head := &keydb.Head{Key: newID(), Name: c.Name, Current: current.ID, Versions: len(keys), Policy: c.Policy}
	head.Due = rotation.Next(head, current)
	// The versions go first, in chunks, under a mark that says they belong to nobody yet; the head and the end of the
	// mark are one commit. After a crash in between, the sweep removes them.
	mark, err := tx.writeVersions(head.Key, c, keys)
	if err != nil {
		return nil, err
	}
	err = tx.Change(func(b *keydb.Batch) error {
		if err := tx.restorable(c.Name, b); err != nil {
			return err
		}
		b.CheckVault(tx.Vault.ID, tx.VaultRev)
		b.Ungarbage(tx.Vault.ID, head.Key, mark)
		b.PutHead(tx.Vault.ID, head, 0, 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tx.view().Bundle(head.Name, current), nil
}

func (tx *Tx) writeVersions(key string, c *backup.Content, keys []*keywrap.Key) (mark int64, err error) {
	b := tx.s.db.Batch()
	b.Garbage(tx.Vault.ID, key, tx.s.clock.Now().Add(restoreTime))
	for i, v := range c.Versions {
		b.PutVersion(tx.Vault.ID, key, v.Public, 0)
		b.PutPrivate(tx.Vault.ID, key, v.Public.ID, keys[i])
		if (i+1)%restoreChunk != 0 && i != len(c.Versions)-1 {
			continue
		}
		rev, err := tx.CommitRev(b)
		if err != nil {
			return 0, err
		}
		if mark == 0 {
			mark = rev
		}
		b = tx.s.db.Batch()
	}
	return mark, nil
}

// restorable refuses a name that is taken, and in b holds on to that it is free.
func (tx *Tx) restorable(name string, b *keydb.Batch) error {
	h, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, false)
	if err != nil {
		return err
	}
	if h.Val != nil {
		return door.Conflict("", "There was a conflict restoring the key '%s'. A key with this name already exists.", tx.view().KID(name, ""))
	}
	return tx.nameFree(b, name)
}

func badBlob(err error) error {
	switch {
	case errors.Is(err, code.BackupKeyUnknown):
		return keyspec.BadParameter("Backup blob was made by another installation whose backup key is not known here (%v).", code.BackupKeyUnknown)
	case errors.Is(err, backup.ErrMalformed), errors.Is(err, code.SealDamaged), errors.Is(err, code.SealVersion):
		return keyspec.BadParameter("Backup blob contains invalid or corrupt data.")
	}
	return err
}

// checkContent parses what a blob holds. It is authentic, but this vault may not take it, and an older program may read it.
func (tx *Tx) checkContent(c *backup.Content) (keys []*keywrap.Key, current *keydb.Version, err error) {
	corrupt := keyspec.BadParameter("Backup blob contains invalid or corrupt data.")
	if !akv.ValidKeyName(c.Name) || len(c.Versions) == 0 {
		return nil, nil, corrupt
	}
	if c.HSM != tx.Vault.HSM {
		return nil, nil, keyspec.BadParameter("Backup blob was made by %s and cannot be restored here.", map[bool]string{true: "a Managed HSM", false: "a vault"}[c.HSM])
	}
	seen := map[string]bool{}
	for _, v := range c.Versions {
		if v.Public == nil || v.Public.Schema > keydb.Schema || !akv.ValidVersion(v.Public.ID) || seen[v.Public.ID] {
			return nil, nil, corrupt
		}
		seen[v.Public.ID] = true
		if v.Public.HSM() && !tx.Vault.HSM && !tx.Vault.Premium {
			return nil, nil, keyspec.BadParameter("Backup blob holds a key of type %s, which needs a vault of the premium SKU.", v.Public.Kty)
		}
		key, err := keywrap.ParsePrivate(v.Private)
		if err != nil || !v.Public.Matches(key) {
			return nil, nil, corrupt
		}
		keys = append(keys, key)
		if v.Public.ID == c.Current {
			current = v.Public
		}
	}
	if current == nil {
		return nil, nil, corrupt
	}
	return keys, current, nil
}

var _ = store.ErrConflict
