package vault

import (
	"latchkey/akv"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rotation"
)

// DeleteKey deletes a key with all versions; it can be recovered until its scheduled purge.
func (tx *Tx) DeleteKey(name string) (*akv.DeletedKeyBundle, error) {
	if err := tx.Opened(door.OpKeyDelete); err != nil {
		return nil, err
	}
	var answer *akv.DeletedKeyBundle
	err := tx.Change(func(b *keydb.Batch) error {
		gone, err := tx.deleted(name)
		if err != nil {
			return err
		}
		if gone.Val != nil && gone.Val.Deleted.VisibleAt > tx.Now.UnixMilli() {
			return beingDeleted()
		}
		l, err := tx.load(name, "")
		if err != nil {
			return err
		}
		if l.version.Val.Managed {
			return keyspec.Forbidden(akv.InnerKeyManaged, "Operation \"delete\" is not allowed as this object's lifetime is managed by Key Vault.")
		}
		if err := tx.Needed(b, of(l.head.Val.Name, "")); err != nil {
			return err
		}
		head := *l.head.Val
		head.ReadyAt = 0
		head.Deleted = &keydb.Deletion{
			At:    tx.Now.UnixMilli(),
			Purge: tx.Now.Unix() + int64(tx.Vault.RetentionDays)*int64(day.Seconds()),
		}
		if tx.s.delay > 0 {
			head.Deleted.VisibleAt = tx.Now.Add(tx.s.delay).UnixMilli()
		}
		head.Due = rotation.Next(&head, nil)
		// A deleted key whose time has passed may still lie there under this name.
		if old, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, true); err != nil {
			return err
		} else if old.Val != nil {
			b.DeleteHead(tx.Vault.ID, old.Val, old.Rev)
			b.Garbage(tx.Vault.ID, old.Val.Key, tx.Now)
			if err := tx.Commit(b); err != nil {
				return err
			}
			*b = *tx.s.db.Batch()
			if err := tx.Needed(b, of(l.head.Val.Name, "")); err != nil {
				return err
			}
		}
		b.MoveHead(tx.Vault.ID, l.head.Val, l.head.Rev, &head)
		tx.Object = tx.view().KID(head.Name, "")
		answer = tx.deletedBundle(&head, l.version.Val)
		return nil
	})
	return answer, err
}

func (tx *Tx) deletedBundle(h *keydb.Head, v *keydb.Version) *akv.DeletedKeyBundle {
	return &akv.DeletedKeyBundle{KeyBundle: *tx.view().Bundle(h.Name, v), Deletion: tx.view().Deletion(h.Name, h.Deleted)}
}

// shownDeleted finds a deleted key that shows already, with its current version.
func (tx *Tx) shownDeleted(name string) (loaded, error) {
	h, err := tx.deleted(name)
	if err != nil {
		return loaded{}, err
	}
	if h.Val == nil {
		return loaded{}, deletedNotFound(name)
	}
	if h.Val.Deleted.VisibleAt > tx.Now.UnixMilli() {
		return loaded{head: h}, nil
	}
	v, err := tx.s.db.Version(tx.Ctx, tx.Vault.ID, h.Val.Key, h.Val.Current)
	if err != nil {
		return loaded{}, err
	}
	if v.Val == nil {
		return loaded{}, deletedNotFound(name)
	}
	tx.Object = tx.view().KID(h.Val.Name, "")
	return loaded{h, v}, tx.chargeFor(v.Val)
}

// GetDeleted answers a deleted key; 404 while the deletion is under way.
func (tx *Tx) GetDeleted(name string) (*akv.DeletedKeyBundle, error) {
	if err := tx.Opened(door.OpKeyGetDeleted); err != nil {
		return nil, err
	}
	l, err := tx.shownDeleted(name)
	if err != nil {
		return nil, err
	}
	if l.version.Val == nil {
		return nil, deletedNotFound(name)
	}
	return tx.deletedBundle(l.head.Val, l.version.Val), nil
}

// RecoverKey brings a deleted key back with all versions.
func (tx *Tx) RecoverKey(name string) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyRecover); err != nil {
		return nil, err
	}
	var answer *akv.KeyBundle
	err := tx.Change(func(b *keydb.Batch) error {
		l, err := tx.shownDeleted(name)
		if err != nil {
			return err
		}
		if l.version.Val == nil {
			return beingDeleted()
		}
		head := *l.head.Val
		head.Deleted = nil
		if tx.s.delay > 0 {
			head.ReadyAt = tx.Now.Add(tx.s.delay).UnixMilli()
		}
		head.Due = rotation.Next(&head, l.version.Val)
		b.CheckVault(tx.Vault.ID, tx.VaultRev)
		b.MoveHead(tx.Vault.ID, l.head.Val, l.head.Rev, &head)
		answer = tx.view().Bundle(head.Name, l.version.Val)
		return nil
	})
	return answer, err
}

// PurgeKey removes a deleted key for good. It is gone with the commit; its records follow.
func (tx *Tx) PurgeKey(name string) error {
	if err := tx.Opened(door.OpKeyPurge); err != nil {
		return err
	}
	err := tx.Change(func(b *keydb.Batch) error {
		l, err := tx.shownDeleted(name)
		if err != nil {
			return err
		}
		if l.version.Val == nil {
			return beingDeleted()
		}
		if tx.Vault.PurgeProtect {
			return keyspec.Forbidden("", "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed.")
		}
		if err := tx.Needed(b, of(l.head.Val.Name, "")); err != nil {
			return err
		}
		b.DeleteHead(tx.Vault.ID, l.head.Val, l.head.Rev)
		b.Garbage(tx.Vault.ID, l.head.Val.Key, tx.Now)
		return nil
	})
	if err == nil {
		tx.SweepSoon()
	}
	return err
}
