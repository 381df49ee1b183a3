package vault

import (
	"latchkey/akv"
	"latchkey/keywrap"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rotation"
)

// RotateKey makes a new version like the current one.
func (tx *Tx) RotateKey(name string) (*akv.KeyBundle, error) {
	if err := tx.Opened(door.OpKeyRotate); err != nil {
		return nil, err
	}
	l, err := tx.load(name, "")
	if err != nil {
		return nil, err
	}
	if tx.Vault.HSM && l.head.Val.Policy == nil {
		return nil, keyspec.BadParameter("A rotation policy must be set before key %s can be rotated.", l.head.Val.Name)
	}
	return tx.rotate(l)
}

func (tx *Tx) rotate(l loaded) (*akv.KeyBundle, error) {
	old := l.version.Val
	if old.Managed {
		return nil, keyspec.Forbidden(akv.InnerKeyManaged, "Operation \"rotate\" is not allowed as this object's lifetime is managed by Key Vault.")
	}
	spec := keywrap.Spec{Kind: old.Kind()}
	switch spec.Kind {
	case keywrap.RSA:
		spec.Bits = old.Bits
		for _, b := range old.E {
			spec.PublicExponent = spec.PublicExponent<<8 | int(b)
		}
	case keywrap.EC:
		spec.Curve = keywrap.Curve(old.Crv)
	default:
		spec.Bits = old.Bits
	}
	key, err := tx.makeKey(spec)
	if err != nil {
		return nil, err
	}
	v := &keydb.Version{
		ID: newID(), Kty: old.Kty, Ops: old.Ops, Enabled: true, Exportable: old.Exportable, Tags: old.Tags, Release: old.Release,
		Created: tx.Now.Unix(), Updated: tx.Now.Unix(),
	}
	v.SetPublic(key)
	name := l.head.Val.Name
	tx.Object = tx.view().KID(name, v.ID)
	err = tx.Change(func(b *keydb.Batch) error {
		h, err := tx.live(name)
		if err != nil {
			return err
		}
		// A key that was deleted, purged and made anew in between is another key.
		if h.Val == nil || h.Val.Key != l.head.Val.Key {
			return tx.notFound(name, "")
		}
		if tx.Scheduled() && h.Val.Current != old.ID {
			return errNotDue
		}
		b.CheckVault(tx.Vault.ID, tx.VaultRev)
		head := *h.Val
		v.Expires = rotation.Expiry(head.Policy, tx.Now)
		head.Current, head.Notified = v.ID, nil
		head.Versions++
		head.Due = rotation.Next(&head, v)
		b.PutHead(tx.Vault.ID, &head, h.Rev, h.Val.Due)
		b.PutVersion(tx.Vault.ID, head.Key, v, 0)
		b.PutPrivate(tx.Vault.ID, head.Key, v.ID, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	tx.event("KeyNewVersionCreated", name, v)
	return tx.view().Bundle(name, v), nil
}

// policyID is how a reply names a policy.
func (tx *Tx) policyID(name string) string {
	if tx.Vault.HSM {
		return "keys/" + name + "/rotationpolicy"
	}
	return tx.Call.Base + "/keys/" + name + "/rotationpolicy"
}

// RotationPolicy answers a key's rotation policy, the default one if none was set.
func (tx *Tx) RotationPolicy(name string) (*akv.RotationPolicy, error) {
	if err := tx.Opened(door.OpKeyRotationPolicyGet); err != nil {
		return nil, err
	}
	l, err := tx.load(name, "")
	if err != nil {
		return nil, err
	}
	return rotation.View(l.head.Val.Policy, tx.policyID(l.head.Val.Name), tx.Vault.HSM, tx.Call.Version.Level), nil
}

// SetRotationPolicy replaces a key's rotation policy; one that says nothing removes it.
func (tx *Tx) SetRotationPolicy(name string, p *akv.RotationPolicy) (*akv.RotationPolicy, error) {
	if err := tx.Opened(door.OpKeyRotationPolicySet); err != nil {
		return nil, err
	}
	var answer *akv.RotationPolicy
	err := tx.Change(func(b *keydb.Batch) error {
		l, err := tx.load(name, "")
		if err != nil {
			return err
		}
		tx.Object = tx.view().KID(l.head.Val.Name, "")
		head := *l.head.Val
		policy, bad := rotation.Read(p, tx.Vault.HSM, head.Policy, tx.Now)
		if bad != nil {
			return bad
		}
		head.Policy = policy
		head.Due = rotation.Next(&head, l.version.Val)
		b.CheckVersion(tx.Vault.ID, head.Key, l.version.Val.ID, l.version.Rev)
		b.PutHead(tx.Vault.ID, &head, l.head.Rev, l.head.Val.Due)
		answer = rotation.View(policy, tx.policyID(head.Name), tx.Vault.HSM, tx.Call.Version.Level)
		return nil
	})
	return answer, err
}
