package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rotation"
)

// live finds the head of a live key; a zero Entry if there is none.
func (tx *Tx) live(name string) (keydb.Entry[keydb.Head], error) {
	h, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, false)
	if err != nil || h.Val == nil {
		return h, err
	}
	if h.Val.ReadyAt > tx.Now.UnixMilli() { // recovered a moment ago
		return keydb.Entry[keydb.Head]{}, nil
	}
	return h, nil
}

// deleted finds the head of a deleted key that is not past its scheduled purge; a zero Entry if there is none.
func (tx *Tx) deleted(name string) (keydb.Entry[keydb.Head], error) {
	h, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, true)
	if err != nil || h.Val == nil {
		return h, err
	}
	if tx.Now.Unix() >= h.Val.Deleted.Purge {
		return keydb.Entry[keydb.Head]{}, nil
	}
	return h, nil
}

// loaded is a live key with one version.
type loaded struct {
	head    keydb.Entry[keydb.Head]
	version keydb.Entry[keydb.Version]
}

// load finds a key and the version, or its current one, and counts the call against the limits.
func (tx *Tx) load(name, version string) (loaded, error) {
	h, err := tx.live(name)
	if err != nil {
		return loaded{}, err
	}
	if h.Val == nil {
		return loaded{}, tx.notFound(name, version)
	}
	id := version
	if id == "" {
		id = h.Val.Current
	}
	v, err := tx.s.db.Version(tx.Ctx, tx.Vault.ID, h.Val.Key, id)
	if err != nil {
		return loaded{}, err
	}
	if v.Val == nil {
		if version == "" {
			return loaded{}, fmt.Errorf("%w: current version %q of key %q is missing", keydb.ErrCorrupt, id, name)
		}
		return loaded{}, tx.notFound(name, version)
	}
	tx.Object = tx.view().KID(h.Val.Name, id)
	return loaded{h, v}, tx.chargeFor(v.Val)
}

func (tx *Tx) chargeFor(v *keydb.Version) error {
	bits := 0
	if v.Kind() == keywrap.RSA {
		bits = v.Bits
	}
	return tx.Charge(v.HSM(), bits)
}

func (tx *Tx) private(l loaded) (*keywrap.Key, error) {
	return tx.s.db.Private(tx.Ctx, tx.Vault.ID, l.head.Val.Key, l.version.Val)
}

func (tx *Tx) view() keyspec.View {
	return keyspec.View{
		Base: tx.Call.Base, Level: tx.Call.Version.Level,
		RetentionDays: tx.Vault.RetentionDays, PurgeProtect: tx.Vault.PurgeProtect,
	}
}

func (tx *Tx) host() keyspec.Host {
	return keyspec.Host{HSM: tx.Vault.HSM, Premium: tx.Vault.Premium, Level: tx.Call.Version.Level}
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// makeKey generates a key, waiting for one of the places that key generation may take.
func (tx *Tx) makeKey(spec keywrap.Spec) (*keywrap.Key, error) {
	select {
	case tx.s.generate <- struct{}{}:
		defer func() { <-tx.s.generate }()
	case <-tx.Ctx.Done():
		return nil, tx.Ctx.Err()
	}
	return keywrap.Generate(spec)
}

// addVersion makes v, whose private half is key, the newest version of a key, which it creates if it does not exist.
func (tx *Tx) addVersion(name string, v *keydb.Version, key *keywrap.Key) (*akv.KeyBundle, error) {
	v.ID = newID()
	v.SetPublic(key)
	v.Created, v.Updated = tx.Now.Unix(), tx.Now.Unix()
	incarnation := newID()
	stored := name
	tx.Object = tx.view().KID(name, v.ID)
	err := tx.Change(func(b *keydb.Batch) error {
		b.CheckVault(tx.Vault.ID, tx.VaultRev)
		raw, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, false)
		if err != nil {
			return err
		}
		head := keydb.Head{Key: incarnation, Name: name}
		var oldDue int64
		if raw.Val != nil {
			head, oldDue = *raw.Val, raw.Val.Due
		} else if err := tx.nameFree(b, name); err != nil {
			return err
		}
		stored = head.Name
		head.Current, head.Notified = v.ID, nil
		head.Versions++
		head.Due = rotation.Next(&head, v)
		b.PutHead(tx.Vault.ID, &head, raw.Rev, oldDue)
		b.PutVersion(tx.Vault.ID, head.Key, v, 0)
		b.PutPrivate(tx.Vault.ID, head.Key, v.ID, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	tx.event("KeyNewVersionCreated", stored, v)
	return tx.view().Bundle(stored, v), nil
}

// nameFree refuses a name that a deleted key still holds. One whose time has passed is purged by the same commit.
func (tx *Tx) nameFree(b *keydb.Batch, name string) error {
	h, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, true)
	if err != nil {
		return err
	}
	switch {
	case h.Val == nil:
		b.CheckHead(tx.Vault.ID, name, true, 0)
		return nil
	case h.Val.Deleted.VisibleAt > tx.Now.UnixMilli():
		return beingDeleted()
	case tx.Now.Unix() < h.Val.Deleted.Purge:
		return deletedRecoverable(h.Val.Name)
	}
	if err := tx.Needed(b, of(h.Val.Name, "")); err != nil {
		return err
	}
	b.DeleteHead(tx.Vault.ID, h.Val, h.Rev)
	b.Garbage(tx.Vault.ID, h.Val.Key, tx.Now)
	return nil
}

// event tells of a key once the change is durable.
func (tx *Tx) event(kind, name string, v *keydb.Version) {
	if tx.s.events == nil {
		return
	}
	e := Event{
		Type: kind, Time: tx.Now, Vault: door.ResourceID(tx.Vault), Key: name, Version: v.ID, NotBefor: v.NotBefore, Expires: v.Expires,
	}
	tx.After(func() { tx.s.events.KeyEvent(context.WithoutCancel(tx.Ctx), e) })
}

const day = 24 * time.Hour
