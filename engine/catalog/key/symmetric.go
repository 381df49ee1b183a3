package key

import (
	"context"
	"crypto/sha256"
	"strings"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/catalog/seed"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const symmetric = "symmetric key"

var aesBits = map[string]int{"AES_128": 128, "AES_192": 192, "AES_256": 256}

// Encryptor is what a symmetric key is encrypted or decrypted by.
type Encryptor struct {
	Kind     string // CERTIFICATE, ASYMMETRIC KEY, SYMMETRIC KEY, PASSWORD
	Name     string
	Password *secret.Bytes // of PASSWORD, or WITH PASSWORD of a private key; destroyed with the operation
	Key      *secret.Bytes // of SYMMETRIC KEY: the key as the session has it open, nil if it is not; stays the caller's
}

// kinds maps the words of a statement to crypt_type.
var kinds = map[string]string{
	"CERTIFICATE": model.ByCertificate, "ASYMMETRIC KEY": model.ByAsymmetricKey, "SYMMETRIC KEY": model.BySymmetricKey, "PASSWORD": model.ByPasswordAES,
}

// CreateSymmetric is CREATE SYMMETRIC KEY. Needs ALTER ANY SYMMETRIC KEY (CREATE SYMMETRIC KEY will do), and VIEW DEFINITION on the
// encryptors.
type CreateSymmetric struct {
	Name       string
	Owner      string
	Algorithm  string
	Source     *secret.Bytes // KEY_SOURCE; both destroyed with the operation
	Identity   *secret.Bytes // IDENTITY_VALUE
	Encryptors []Encryptor
	Provided   Provided

	made  *model.SymmetricKey
	crypt []model.KeyEncryption
}

// Finish destroys the passwords and passphrases.
func (o *CreateSymmetric) Finish() {
	catalog.Wipe(o.Source, o.Identity)
	for _, e := range o.Encryptors {
		catalog.Wipe(e.Password)
	}
}

func (o *CreateSymmetric) check(tx *catalog.Tx) (owner int, p *model.Provider, err error) {
	if err := tx.NeedDatabase("CREATE SYMMETRIC KEY", "CREATE SYMMETRIC KEY"); err != nil {
		return 0, nil, err
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return 0, nil, err
	}
	if owner, err = tx.OwnerID(o.Owner); err != nil {
		return 0, nil, err
	}
	if tx.State.FindSymmetricKey(tx.Caller.Database, o.Name) != nil {
		return 0, nil, msg.New(15282, o.Name)
	}
	if o.Provided.Provider != "" {
		if strings.HasPrefix(o.Name, "#") {
			return 0, nil, msg.New(33052)
		}
		p, err = o.Provided.check(tx, symmetric, o.Algorithm, len(o.Encryptors) > 0)
		return owner, p, err
	}
	if len(o.Encryptors) == 0 {
		return 0, nil, msg.New(15542)
	}
	if aesBits[o.Algorithm] == 0 {
		if d := tx.State.Databases.Get(tx.Caller.Database); o.Algorithm != "" && d != nil && d.Compatibility > 120 {
			return 0, nil, msg.New(33128, o.Algorithm)
		}
		return 0, nil, msg.New(15314)
	}
	return owner, nil, nil
}

// Prepare makes the key and encrypts it, or opens it in the provider.
func (o *CreateSymmetric) Prepare(ctx context.Context, tx *catalog.Tx) error {
	_, p, err := o.check(tx)
	if err != nil {
		return err
	}
	o.made = &model.SymmetricKey{Name: o.Name, GUID: seed.GUID(), Created: tx.Now, Modified: tx.Now}
	if o.Identity != nil {
		g, err := protect.Stretch(o.Identity, "identity value", 16)
		if err != nil {
			return msg.New(15508).Because(err)
		}
		copy(o.made.GUID[:], g.Expose())
		g.Destroy()
	}
	if p != nil {
		k, err := o.Provided.key(ctx, tx, p, symmetric, o.Algorithm)
		if err != nil {
			return err
		}
		o.made.Thumbprint, o.made.Algorithm, o.made.Bits = []byte(k.info.Thumbprint), k.alg.Tag, k.alg.Bits
		o.made.ProviderGUID, o.made.AlgorithmID, o.made.KeyName, o.made.URI = p.GUID, k.alg.ID, o.Provided.KeyName, k.info.URI
		return nil
	}
	o.made.Algorithm, o.made.Bits = o.Algorithm, aesBits[o.Algorithm]
	var plain *secret.Bytes
	if o.Source != nil {
		if plain, err = protect.Stretch(o.Source, "key source", o.made.Bits/8); err != nil {
			return msg.New(15508).Because(err)
		}
	} else {
		plain = secret.Random(o.made.Bits / 8)
	}
	defer plain.Destroy()
	for _, e := range o.Encryptors {
		k, err := e.encrypt(ctx, tx, o.made, plain)
		if err != nil {
			return err
		}
		o.crypt = append(o.crypt, k)
	}
	return nil
}

func keyPlace(k *model.SymmetricKey) string { return hexOf(k.GUID[:]) }

// encrypt encrypts a symmetric key.
func (e Encryptor) encrypt(ctx context.Context, tx *catalog.Tx, k *model.SymmetricKey, plain *secret.Bytes) (model.KeyEncryption, error) {
	out := model.KeyEncryption{Kind: kinds[e.Kind]}
	db := tx.Caller.Database
	fail := func(err error) (model.KeyEncryption, error) { return model.KeyEncryption{}, err }
	sees := func(s perm.Securable) bool { return tx.Perm.Object(s, "VIEW DEFINITION") }
	var err error
	switch out.Kind {
	case model.ByPasswordAES:
		if err := password.KeyPolicy(e.Password); err != nil {
			return fail(err)
		}
		out.Property, err = protect.SealWithPassword(e.Password, symmetric, keyPlace(k), plain)
	case model.BySymmetricKey:
		with := tx.State.FindSymmetricKey(db, e.Name)
		if with == nil || !sees(symmetricSecurable(with)) {
			return fail(catalog.Missing("find", symmetric, e.Name))
		}
		if with.FromProvider() {
			return fail(msg.New(33038))
		}
		if e.Key == nil {
			return fail(msg.New(15315, with.Name))
		}
		out.Encryptor, out.Thumbprint = with.ID, with.GUID[:]
		out.Property, err = sealUnder(e.Key, keyPlace(k), plain)
	case model.ByCertificate:
		c := tx.State.FindCertificate(db, e.Name)
		if c == nil || !sees(certificateSecurable(c)) {
			return fail(catalog.Missing("find", certificate, e.Name))
		}
		out.Encryptor, out.Thumbprint = c.ID, certificateThumbprint(c.DER)
		out.Property, err = wrapRSA(c, plain)
	case model.ByAsymmetricKey:
		a := tx.State.FindAsymmetricKey(db, e.Name)
		if a == nil || !sees(securable(a)) {
			return fail(catalog.Missing("find", asymmetric, e.Name))
		}
		out.Encryptor, out.Thumbprint = a.ID, a.Thumbprint
		if !a.FromProvider() {
			out.Property, err = wrapPublic(a.Public, plain)
			break
		}
		s, _, e := providerSession(ctx, tx, a)
		if e != nil {
			return fail(e)
		}
		defer s.Close(false)
		w, e := s.Wrap(ctx, ekm.Thumbprint(a.Thumbprint), plain)
		if e != nil {
			return fail(msg.New(15209).Because(e))
		}
		out.Property = packWrapped(w)
	default:
		return fail(msg.New(15288))
	}
	if err != nil {
		return fail(msg.New(15209).Because(err))
	}
	return out, nil
}

// sealUnder seals under an open symmetric key, stretched to a master key's size.
func sealUnder(key *secret.Bytes, place string, plain *secret.Bytes) ([]byte, error) {
	k, err := asMaster(key)
	if err != nil {
		return nil, err
	}
	defer k.Destroy()
	return k.Seal(symmetric, place, plain)
}

func asMaster(key *secret.Bytes) (*protect.Key, error) {
	sum := sha256.Sum256(append([]byte("latchkey catalog symmetric key encryption\x00"), key.Expose()...))
	return protect.New(secret.Take(sum[:]))
}

// packWrapped keeps the padding's name before the ciphertext, with its length in a byte.
func packWrapped(w ekm.Wrapped) []byte {
	name := w.Algorithm
	if len(name) > 255 {
		name = ""
	}
	return append(append([]byte{byte(len(name))}, name...), w.Blob...)
}

func unpackWrapped(b []byte) (ekm.Wrapped, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return ekm.Wrapped{}, false
	}
	n := 1 + int(b[0])
	return ekm.Wrapped{Algorithm: string(b[1:n]), Blob: b[n:]}, true
}

// providerSession opens a session of a provider's key under the caller's credential.
func providerSession(ctx context.Context, tx *catalog.Tx, a *model.AsymmetricKey) (ekm.Session, *model.Provider, error) {
	p := tx.State.ProviderByGUID(a.ProviderGUID)
	if p == nil {
		return nil, nil, msg.New(33030)
	}
	s, err := tx.Session(ctx, tx.Caller.Login, p)
	return s, p, err
}

// Apply carries the operation out.
func (o *CreateSymmetric) Apply(tx *catalog.Tx) error {
	owner, _, err := o.check(tx)
	if err != nil || o.made == nil {
		return err
	}
	db := tx.Caller.Database
	if _, same := tx.State.SymmetricKeys.Find(db, func(k *model.SymmetricKey) bool { return k.GUID == o.made.GUID }); same != nil {
		return msg.New(15282, o.Name)
	}
	k := *o.made
	k.ID, k.Owner = tx.State.SymmetricKeys.Next(db, model.FirstKeyID), owner
	tx.State.SymmetricKeys.Put(db, k.ID, &k)
	for _, e := range o.crypt {
		e.Key = k.ID
		tx.State.KeyEncryptions.Put(db, tx.State.KeyEncryptions.Next(db, 1), &e)
	}
	return nil
}

func symmetricSecurable(k *model.SymmetricKey) perm.Securable {
	return perm.Securable{Class: perm.SymmetricKey, ID: k.ID, Owner: k.Owner}
}

// AlterSymmetric is ALTER SYMMETRIC KEY ADD or DROP ENCRYPTION BY. Needs ALTER on the key, which must be open.
type AlterSymmetric struct {
	Name       string
	Drop       bool
	Encryptors []Encryptor
	Key        *secret.Bytes // the key as the session has it open, nil if it is not; stays the caller's

	crypt []model.KeyEncryption
}

// Finish destroys the passwords.
func (o *AlterSymmetric) Finish() {
	for _, e := range o.Encryptors {
		catalog.Wipe(e.Password)
	}
}

func (o *AlterSymmetric) find(tx *catalog.Tx) (*model.SymmetricKey, error) {
	k := tx.State.FindSymmetricKey(tx.Caller.Database, o.Name)
	if k == nil || k.ID < model.FirstKeyID || !tx.Perm.Object(symmetricSecurable(k), "ALTER") {
		return nil, catalog.Missing("alter", symmetric, o.Name)
	}
	switch {
	case k.FromProvider():
		return nil, msg.New(33040)
	case o.Key == nil:
		return nil, msg.New(15315, k.Name)
	}
	return k, nil
}

// Prepare encrypts the key by what is added.
func (o *AlterSymmetric) Prepare(ctx context.Context, tx *catalog.Tx) error {
	k, err := o.find(tx)
	if err != nil || o.Drop {
		return err
	}
	for _, e := range o.Encryptors {
		c, err := e.encrypt(ctx, tx, k, o.Key)
		if err != nil {
			return err
		}
		o.crypt = append(o.crypt, c)
	}
	return nil
}

// Apply carries the operation out.
func (o *AlterSymmetric) Apply(tx *catalog.Tx) error {
	k, err := o.find(tx)
	if err != nil {
		return err
	}
	db := tx.Caller.Database
	tx.State.SymmetricKeys.Edit(db, k.ID).Modified = tx.Now
	for _, e := range o.crypt {
		_, same := tx.State.KeyEncryptions.Find(db, func(x *model.KeyEncryption) bool {
			return x.Key == k.ID && x.Kind == e.Kind && e.Encryptor != 0 && x.Encryptor == e.Encryptor
		})
		if same != nil {
			return msg.New(15579, strings.ToLower(cryptWords(e.Kind)), encryptorName(tx.State, db, &e))
		}
		e.Key = k.ID
		tx.State.KeyEncryptions.Put(db, tx.State.KeyEncryptions.Next(db, 1), &e)
	}
	if !o.Drop {
		return nil
	}
	for _, e := range o.Encryptors {
		id := matching(tx, k, e)
		if id == 0 {
			return msg.New(15313)
		}
		tx.State.KeyEncryptions.Delete(db, id)
	}
	if _, left := tx.State.KeyEncryptions.Find(db, func(x *model.KeyEncryption) bool { return x.Key == k.ID }); left == nil {
		return msg.New(15542)
	}
	return nil
}

// cryptWords is the kind of an encryptor in words.
func cryptWords(kind string) string {
	for words, k := range kinds {
		if k == kind {
			return words
		}
	}
	return ""
}

func encryptorName(s *model.State, db int, e *model.KeyEncryption) string {
	switch e.Kind {
	case model.ByCertificate:
		if c := s.Certificates.In(db, e.Encryptor); c != nil {
			return c.Name
		}
	case model.ByAsymmetricKey:
		if k := s.AsymmetricKeys.In(db, e.Encryptor); k != nil {
			return k.Name
		}
	case model.BySymmetricKey:
		if k := s.SymmetricKeys.In(db, e.Encryptor); k != nil {
			return k.Name
		}
	}
	return ""
}

// matching is the id of the encryption that an encryptor names, 0 without one. A password must open it.
func matching(tx *catalog.Tx, k *model.SymmetricKey, by Encryptor) int {
	db := tx.Caller.Database
	for id, e := range tx.State.KeyEncryptions.All(db) {
		if e.Key != k.ID || e.Kind != kinds[by.Kind] {
			continue
		}
		if e.Kind == model.ByPasswordAES {
			if plain, err := protect.OpenWithPassword(by.Password, symmetric, keyPlace(k), e.Property); err == nil {
				plain.Destroy()
				return id
			}
			continue
		}
		if model.SameName(encryptorName(tx.State, db, e), by.Name) {
			return id
		}
	}
	return 0
}

// DropSymmetric is DROP SYMMETRIC KEY. Needs CONTROL on the key. Message 15580 while it encrypts another.
type DropSymmetric struct {
	Name   string
	Remove bool // REMOVE PROVIDER KEY

	gone removal
}

// Apply carries the operation out.
func (o *DropSymmetric) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	k := tx.State.FindSymmetricKey(db, o.Name)
	if k == nil || k.ID < model.FirstKeyID || !tx.Perm.Object(symmetricSecurable(k), "CONTROL") {
		return catalog.Missing("drop", symmetric, o.Name)
	}
	if err := unused(tx, symmetric, k.Name, nil, nil, model.BySymmetricKey, k.ID); err != nil {
		return err
	}
	if o.Remove && k.FromProvider() {
		o.gone = removal{provider: k.ProviderGUID, thumbprint: ekm.Thumbprint(k.Thumbprint)}
	}
	dropEncryptions(tx, k.ID, func(*model.KeyEncryption) bool { return true })
	tx.DropSecurable(db, perm.SymmetricKey, k.ID)
	tx.State.SymmetricKeys.Delete(db, k.ID)
	return nil
}

// Follow removes the key from its provider.
func (o *DropSymmetric) Follow(ctx context.Context, tx *catalog.Tx) { o.gone.follow(ctx, tx) }

const oaep = keywrap.RSAOAEP256
