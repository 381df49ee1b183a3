package vault

import (
	"strings"

	"latchkey/akv"
	"latchkey/internal/secret"
	"latchkey/keywrap"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rotation"
)

// CreateKey makes a key, or a new version of an existing one.
func (tx *Tx) CreateKey(name string, r *akv.CreateKey) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyCreate); err != nil {
		return nil, err
	}
	kty, spec, bad := tx.host().Spec(r)
	if bad != nil {
		return nil, bad
	}
	v, bad := tx.host().NewVersion(kty, spec.Kind, keyspec.Wish{KeyOps: r.KeyOps, Attributes: r.Attributes, Tags: r.Tags, Release: r.ReleasePolicy})
	if bad != nil {
		return nil, bad
	}
	if err := tx.checkRelease(v); err != nil {
		return nil, err
	}
	if err := tx.free(name); err != nil { // before the work of generating
		return nil, err
	}
	bits := 0
	if spec.Kind == keywrap.RSA {
		bits = max(spec.Bits, 2048)
	}
	if err := tx.Charge(v.HSM(), bits); err != nil {
		return nil, err
	}
	key, err := tx.makeKey(spec)
	if err != nil {
		return nil, err
	}
	return tx.addVersion(name, v, key)
}

// free refuses early what addVersion would refuse: a name that a deleted key holds.
func (tx *Tx) free(name string) error {
	h, err := tx.s.db.Head(tx.Ctx, tx.Vault.ID, name, false)
	if err != nil || h.Val != nil {
		return err
	}
	return tx.nameFree(tx.s.db.Batch(), name)
}

// checkRelease refuses a release policy that could never be evaluated.
func (tx *Tx) checkRelease(v *keydb.Version) error {
	if v.Release == nil {
		return nil
	}
	return checkPolicy(v.Release.Data)
}

// ImportKey stores a key that the caller brings, as a new key or a new version.
func (tx *Tx) ImportKey(name string, r *akv.ImportKey) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyImport); err != nil {
		return nil, err
	}
	defer wipeJWK(r.Key)
	kty, key, transfer, bad := tx.host().Import(r)
	if bad != nil {
		return nil, bad
	}
	v, bad := tx.host().NewVersion(kty, (&keydb.Version{Kty: kty}).Kind(), keyspec.Wish{KeyOps: r.Key.KeyOps, Attributes: r.Attributes, Tags: r.Tags, Release: r.ReleasePolicy})
	if bad != nil {
		return nil, bad
	}
	if err := tx.checkRelease(v); err != nil {
		return nil, err
	}
	if err := tx.free(name); err != nil {
		return nil, err
	}
	if transfer != nil {
		var err error
		if key, err = tx.openTransfer(transfer, v.Kind()); err != nil {
			return nil, err
		}
	}
	bits := 0
	if key.Kind() == keywrap.RSA {
		bits = key.Bits()
	}
	if err := tx.Charge(v.HSM(), bits); err != nil {
		return nil, err
	}
	return tx.addVersion(name, v, key)
}

// openTransfer unwraps a key that was wrapped for an exchange key of this vault.
func (tx *Tx) openTransfer(t *keyspec.Transfer, kind keywrap.Kind) (*keywrap.Key, error) {
	id, err := akv.ParseKeyID(t.Header.KID)
	if err != nil || id.Version == "" || id.Collection != akv.Keys || id.Base != tx.Call.Base {
		return nil, keyspec.InvalidProperty("key.key_hsm: kid does not name a version of a key of this vault.")
	}
	h, err := tx.live(id.Name)
	if err != nil {
		return nil, err
	}
	if h.Val == nil {
		return nil, keyspec.InvalidProperty("key.key_hsm: the exchange key was not found in this vault.")
	}
	v, err := tx.s.db.Version(tx.Ctx, tx.Vault.ID, h.Val.Key, id.Version)
	if err != nil {
		return nil, err
	}
	if v.Val == nil {
		return nil, keyspec.InvalidProperty("key.key_hsm: the exchange key was not found in this vault.")
	}
	if bad := keyspec.Usable(v.Val, akv.OpImport, tx.Now.Unix()); bad != nil {
		return nil, bad
	}
	exchange, err := tx.private(loaded{head: h, version: v})
	if err != nil {
		return nil, err
	}
	return exchange.UnwrapTransfer(keywrap.Algorithm(t.Header.Enc), t.Ciphertext, kind)
}

func wipeJWK(j *akv.JWK) {
	if j == nil {
		return
	}
	for _, b := range []akv.Bytes{j.D, j.DP, j.DQ, j.QI, j.P, j.Q, j.K, j.KeyHSM} {
		secret.Wipe(b)
	}
}

// GetKey answers the public part of a version, "" for the current one.
func (tx *Tx) GetKey(name, version string) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyGet); err != nil {
		return nil, err
	}
	l, err := tx.load(name, version)
	if err != nil {
		return nil, err
	}
	return tx.view().Bundle(l.head.Val.Name, l.version.Val), nil
}

// UpdateKey changes attributes, operations, tags or release policy of a version.
func (tx *Tx) UpdateKey(name, version string, r *akv.UpdateKey) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyUpdate); err != nil {
		return nil, err
	}
	var answer *akv.KeyBundle
	err := tx.Change(func(b *keydb.Batch) error {
		l, err := tx.load(name, version)
		if err != nil {
			return err
		}
		next, bad := tx.host().Update(l.version.Val, r)
		if bad != nil {
			return bad
		}
		if r.ReleasePolicy != nil {
			if err := tx.checkRelease(next); err != nil {
				return err
			}
		}
		next.Updated = tx.Now.Unix()
		head := l.head.Val
		if now := tx.Now.Unix(); keyspec.Opens(l.version.Val, now) && !keyspec.Opens(next, now) {
			if err := tx.Needed(b, of(head.Name, next.ID)); err != nil {
				return err
			}
		}
		b.CheckHead(tx.Vault.ID, head.Name, false, l.head.Rev)
		if head.Current == next.ID {
			changed := *head
			if !sameTime(next.Expires, l.version.Val.Expires) {
				changed.Notified = nil
			}
			if changed.Due = rotation.Next(&changed, next); changed.Due != head.Due || len(changed.Notified) != len(head.Notified) {
				b.PutHead(tx.Vault.ID, &changed, keydb.KeepRev, head.Due) // its condition stands already
			}
		}
		b.PutVersion(tx.Vault.ID, head.Key, next, l.version.Rev)
		answer = tx.view().Bundle(head.Name, next)
		return nil
	})
	return answer, err
}

func sameTime(a, b *int64) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// of picks the uses of a key's version, of all its versions with "".
func of(name, version string) func(akv.Use) bool {
	return func(u akv.Use) bool {
		return strings.EqualFold(u.Key, name) && (version == "" || strings.EqualFold(u.Version, version))
	}
}
