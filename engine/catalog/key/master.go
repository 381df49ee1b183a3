package key

import (
	"encoding/hex"
	"fmt"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/catalog/seed"
	"latchkey/internal/secret"
)

const masterPurpose = "database master key"

// masterPlace is where a database master key belongs: its own GUID, so that it stays right when the database gets another id.
func masterPlace(k *model.SymmetricKey) string { return hex.EncodeToString(k.GUID[:]) }

// CreateMaster is CREATE MASTER KEY ENCRYPTION BY PASSWORD. Needs CONTROL on the database. The key is also encrypted by the service
// master key, so that it opens by itself.
type CreateMaster struct {
	Password *secret.Bytes
}

// Finish destroys the password.
func (o *CreateMaster) Finish() { catalog.Wipe(o.Password) }

// Apply carries the operation out.
func (o *CreateMaster) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if err := tx.NeedDatabase("CONTROL", "CREATE MASTER KEY"); err != nil {
		return err
	}
	if tx.State.SymmetricKeys.In(db, model.DatabaseMasterKeyID) != nil {
		return msg.New(15578)
	}
	if err := password.KeyPolicy(o.Password); err != nil {
		return err
	}
	k := &model.SymmetricKey{
		ID: model.DatabaseMasterKeyID, Name: model.DatabaseMasterKeyName, Owner: model.DBO, Bits: 256, Algorithm: "AES_256",
		GUID: seed.GUID(), Created: tx.Now, Modified: tx.Now,
	}
	dmk := protect.Generate()
	defer dmk.Destroy()
	if err := wrapMaster(tx, k, dmk, o.Password); err != nil {
		return err
	}
	tx.State.SymmetricKeys.Put(db, k.ID, k)
	return nil
}

// wrapMaster stores the encryptions of a master key by a password and by the service master key.
func wrapMaster(tx *catalog.Tx, k *model.SymmetricKey, dmk *protect.Key, pw *secret.Bytes) error {
	if err := addMaster(tx, k, model.ByPasswordAES, dmk, pw); err != nil {
		return err
	}
	return addMaster(tx, k, model.ByServiceKey, dmk, nil)
}

func addMaster(tx *catalog.Tx, k *model.SymmetricKey, kind string, dmk *protect.Key, pw *secret.Bytes) error {
	var b []byte
	var err error
	if kind == model.ByServiceKey {
		b, err = tx.Service().SealKey(masterPurpose, masterPlace(k), dmk)
	} else {
		b, err = dmk.SealKeyWithPassword(pw, masterPurpose, masterPlace(k))
	}
	if err != nil {
		return msg.New(15209).Because(err)
	}
	db := tx.Caller.Database
	tx.State.KeyEncryptions.Put(db, tx.State.KeyEncryptions.Next(db, 1), &model.KeyEncryption{Key: k.ID, Kind: kind, Property: b})
	return nil
}

// master opens the master key of the caller's database: a given one (of the session), or by the service master key. Message 15581
// if there is none or it does not open by itself. The caller destroys the result.
func master(tx *catalog.Tx, given *protect.Key) (*protect.Key, error) {
	if given != nil {
		return given.Clone(), nil
	}
	k := tx.State.SymmetricKeys.In(tx.Caller.Database, model.DatabaseMasterKeyID)
	if k == nil {
		return nil, msg.New(15581)
	}
	for _, e := range tx.State.KeyEncryptions.All(tx.Caller.Database) {
		if e.Key == k.ID && e.Kind == model.ByServiceKey {
			dmk, err := tx.Service().OpenKey(masterPurpose, masterPlace(k), e.Property)
			if err != nil {
				return nil, msg.New(15329).Because(err)
			}
			return dmk, nil
		}
	}
	return nil, msg.New(15581)
}

// OpenMaster is OPEN MASTER KEY DECRYPTION BY PASSWORD: message 15313 for a wrong password. The caller keeps the key with the session
// and destroys it; the password stays the caller's.
func OpenMaster(s *model.State, caller catalog.Caller, pw *secret.Bytes) (*protect.Key, error) {
	k := s.SymmetricKeys.In(caller.Database, model.DatabaseMasterKeyID)
	if k == nil || !caller.Eval(s).Database("CONTROL") {
		return nil, catalog.Missing("find", "symmetric key", model.DatabaseMasterKeyName)
	}
	for _, e := range s.KeyEncryptions.All(caller.Database) {
		if e.Key == k.ID && e.Kind == model.ByPasswordAES {
			if dmk, err := protect.OpenKeyWithPassword(pw, masterPurpose, masterPlace(k), e.Property); err == nil {
				return dmk, nil
			}
		}
	}
	return nil, msg.New(15313)
}

// AlterMaster is ALTER MASTER KEY. Needs CONTROL on the database.
type AlterMaster struct {
	Action   string        // ADD ENCRYPTION, DROP ENCRYPTION, REGENERATE
	Service  bool          // BY SERVICE MASTER KEY, otherwise by Password
	Password *secret.Bytes // destroyed with the operation
	Open     *protect.Key  // the session's open master key, or nil; stays the caller's
}

// Finish destroys the password.
func (o *AlterMaster) Finish() { catalog.Wipe(o.Password) }

// Apply carries the operation out.
func (o *AlterMaster) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if err := tx.NeedDatabase("CONTROL", "ALTER MASTER KEY"); err != nil {
		return err
	}
	k := tx.State.SymmetricKeys.In(db, model.DatabaseMasterKeyID)
	if k == nil {
		return msg.New(15581)
	}
	dmk, err := master(tx, o.Open)
	if err != nil {
		return err
	}
	defer dmk.Destroy()
	kind := model.ByPasswordAES
	if o.Service {
		kind = model.ByServiceKey
	}
	k = tx.State.SymmetricKeys.Edit(db, k.ID)
	k.Modified = tx.Now
	switch o.Action {
	case "ADD ENCRYPTION":
		if !o.Service {
			if err := password.KeyPolicy(o.Password); err != nil {
				return err
			}
		} else {
			dropEncryptions(tx, k.ID, func(e *model.KeyEncryption) bool { return e.Kind == model.ByServiceKey })
		}
		return addMaster(tx, k, kind, dmk, o.Password)
	case "DROP ENCRYPTION":
		return o.drop(tx, k, kind)
	case "REGENERATE":
		return o.regenerate(tx, k, dmk)
	}
	return msg.New(15533, o.Action)
}

func dropEncryptions(tx *catalog.Tx, key int, which func(*model.KeyEncryption) bool) {
	tx.State.KeyEncryptions.DeleteIf(tx.Caller.Database, func(e *model.KeyEncryption) bool { return e.Key == key && which(e) })
}

func (o *AlterMaster) drop(tx *catalog.Tx, k *model.SymmetricKey, kind string) error {
	db, passwords, match := tx.Caller.Database, 0, 0
	for id, e := range tx.State.KeyEncryptions.All(db) {
		if e.Key != k.ID {
			continue
		}
		if e.Kind == model.ByPasswordAES {
			passwords++
		}
		if e.Kind != kind {
			continue
		}
		if kind == model.ByPasswordAES {
			old, err := protect.OpenKeyWithPassword(o.Password, masterPurpose, masterPlace(k), e.Property)
			if err != nil {
				continue
			}
			old.Destroy()
		}
		match = id
	}
	switch {
	case match == 0:
		return msg.New(15313)
	case kind == model.ByPasswordAES && passwords == 1:
		return msg.New(15542) // at least one password stays, or the key is lost with the server
	}
	tx.State.KeyEncryptions.Delete(db, match)
	return nil
}

// regenerate makes a new master key and seals under it what the old one protects.
func (o *AlterMaster) regenerate(tx *catalog.Tx, k *model.SymmetricKey, old *protect.Key) error {
	if err := password.KeyPolicy(o.Password); err != nil {
		return err
	}
	db := tx.Caller.Database
	fresh := protect.Generate()
	defer fresh.Destroy()
	move := func(purpose, place, kind, name string, sealed []byte) ([]byte, error) {
		plain, err := old.Open(purpose, place, sealed)
		if err != nil {
			return nil, msg.New(15320, kind, name).Because(err)
		}
		defer plain.Destroy()
		return fresh.Seal(purpose, place, plain)
	}
	for id, a := range tx.State.AsymmetricKeys.All(db) {
		if a.Protection != model.ByMasterKey {
			continue
		}
		b, err := move(privatePurpose, hexOf(a.Thumbprint), "asymmetric key", a.Name, a.Private)
		if err != nil {
			return err
		}
		tx.State.AsymmetricKeys.Edit(db, id).Private = b
	}
	for id, c := range tx.State.Certificates.All(db) {
		if c.Protection != model.ByMasterKey {
			continue
		}
		b, err := move(privatePurpose, certificatePlace(c.DER), "certificate", c.Name, c.Private)
		if err != nil {
			return err
		}
		tx.State.Certificates.Edit(db, id).Private = b
	}
	service := false
	for _, e := range tx.State.KeyEncryptions.All(db) {
		service = service || e.Key == k.ID && e.Kind == model.ByServiceKey
	}
	dropEncryptions(tx, k.ID, func(*model.KeyEncryption) bool { return true })
	k.GUID = seed.GUID()
	if service {
		return wrapMaster(tx, k, fresh, o.Password)
	}
	return addMaster(tx, k, model.ByPasswordAES, fresh, o.Password)
}

// DropMaster is DROP MASTER KEY: message 15580 while a private key is protected by it.
type DropMaster struct{}

// Apply carries the operation out.
func (o *DropMaster) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	if err := tx.NeedDatabase("CONTROL", "DROP MASTER KEY"); err != nil {
		return err
	}
	if tx.State.SymmetricKeys.In(db, model.DatabaseMasterKeyID) == nil {
		return catalog.Missing("drop", "symmetric key", model.DatabaseMasterKeyName)
	}
	if _, c := tx.State.Certificates.Find(db, func(c *model.Certificate) bool { return c.Protection == model.ByMasterKey }); c != nil {
		return msg.New(15580, "master key", "certificate", c.Name)
	}
	if _, k := tx.State.AsymmetricKeys.Find(db, func(k *model.AsymmetricKey) bool { return k.Protection == model.ByMasterKey }); k != nil {
		return msg.New(15580, "master key", "asymmetric key", k.Name)
	}
	dropEncryptions(tx, model.DatabaseMasterKeyID, func(*model.KeyEncryption) bool { return true })
	tx.State.SymmetricKeys.Delete(db, model.DatabaseMasterKeyID)
	return nil
}

func hexOf(b []byte) string { return fmt.Sprintf("%X", b) }
