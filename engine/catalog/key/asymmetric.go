package key

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const (
	asymmetric     = "asymmetric key"
	privatePurpose = "private key"
)

// rsaBits are the native algorithms that can be made.
var rsaBits = map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}

// Provided is the part of CREATE ... KEY that is about a provider.
type Provided struct {
	Provider string
	KeyName  string // PROVIDER_KEY_NAME
	Existing bool   // CREATION_DISPOSITION = OPEN_EXISTING
}

// CreateAsymmetric is CREATE ASYMMETRIC KEY. Needs CREATE ASYMMETRIC KEY in the database; with a provider the caller's login must hold
// a credential for it.
type CreateAsymmetric struct {
	Name      string
	Owner     string
	Algorithm string // RSA_2048 ...; with OPEN_EXISTING message 33034
	Provided  Provided
	Password  *secret.Bytes // ENCRYPTION BY PASSWORD; destroyed with the operation
	Open      *protect.Key  // the session's open master key, or nil; stays the caller's

	made *model.AsymmetricKey
}

// Finish destroys the password.
func (o *CreateAsymmetric) Finish() { catalog.Wipe(o.Password) }

func (o *CreateAsymmetric) check(tx *catalog.Tx) (owner int, p *model.Provider, err error) {
	if err := tx.NeedDatabase("CREATE ASYMMETRIC KEY", "CREATE ASYMMETRIC KEY"); err != nil {
		return 0, nil, err
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return 0, nil, err
	}
	if owner, err = tx.OwnerID(o.Owner); err != nil {
		return 0, nil, err
	}
	if tx.State.FindAsymmetricKey(tx.Caller.Database, o.Name) != nil {
		return 0, nil, msg.New(15396, o.Name)
	}
	if o.Provided.Provider == "" {
		if rsaBits[o.Algorithm] == 0 {
			return 0, nil, msg.New(15314)
		}
		if o.Password != nil {
			return owner, nil, password.KeyPolicy(o.Password)
		}
		return owner, nil, nil
	}
	p, err = o.Provided.check(tx, asymmetric, o.Algorithm, o.Password != nil)
	return owner, p, err
}

// check is what both kinds of provider keys have in common.
func (o Provided) check(tx *catalog.Tx, kind, algorithm string, encrypted bool) (*model.Provider, error) {
	if err := tx.EKMEnabled(); err != nil {
		return nil, err
	}
	p := tx.State.FindProvider(o.Provider)
	switch {
	case p == nil:
		return nil, catalog.Missing("find", "cryptographic provider", o.Provider)
	case !p.Enabled:
		return nil, msg.New(33031, p.Name)
	case encrypted:
		return nil, msg.New(33040)
	case o.Existing && algorithm != "":
		return nil, msg.New(33034)
	case !o.Existing && algorithm == "":
		return nil, msg.New(15314)
	case o.KeyName == "":
		return nil, msg.New(33033, "PROVIDER_KEY_NAME")
	case 2*len(utf16.Encode([]rune(o.KeyName))) > ekm.MaxNameLen:
		return nil, msg.New(33023, "provider key name", ekm.MaxNameLen)
	case !o.Existing && !p.NamesAccepted:
		return nil, msg.New(33050, o.KeyName)
	case kind == asymmetric && ekm.Support(p.Asymmetric)&ekm.Supported == 0, kind == symmetric && ekm.Support(p.Symmetric)&ekm.Supported == 0:
		return nil, msg.New(33033, kind)
	}
	return p, nil
}

// opened is a key that a provider has.
type opened struct {
	info ekm.KeyInfo
	alg  model.Algorithm
	pub  ekm.PublicKey
}

// key opens or makes the key in the provider under the caller's credential: messages 33028, 33035, 33037, 33049, 33087 to 33089.
func (o Provided) key(ctx context.Context, tx *catalog.Tx, p *model.Provider, kind, algorithm string) (out opened, err error) {
	var alg model.Algorithm
	if !o.Existing {
		for _, a := range p.Algorithms {
			if a.Tag == algorithm && a.Asymmetric == (kind == asymmetric) {
				alg = a
			}
		}
		if alg.ID == 0 {
			return out, msg.New(33033, algorithm)
		}
	}
	s, err := tx.Session(ctx, tx.Caller.Login, p)
	if err != nil {
		return out, err
	}
	defer s.Close(false) // what it did is done; its end is the provider's affair
	if o.Existing {
		out.info, err = s.KeyByName(ctx, o.KeyName)
	} else {
		var t ekm.Thumbprint
		if t, err = s.CreateKey(ctx, o.KeyName, ekm.AlgorithmID(alg.ID)); err != nil {
			return out, msg.Provider(33035, err, o.KeyName)
		}
		out.info, err = s.KeyByThumbprint(ctx, t)
	}
	if err != nil {
		return out, msg.Provider(33049, err, "name", o.KeyName)
	}
	for _, a := range p.Algorithms {
		if a.ID == uint32(out.info.Algorithm) {
			out.alg = a
		}
	}
	switch n := len(out.info.Thumbprint); {
	case out.alg.ID == 0:
		return out, msg.Provider(33089, code.NotFound)
	case n == 0 || n > ekm.MaxThumbprintLen:
		return out, msg.New(33087, "Thumbprint")
	case out.alg.Asymmetric != (kind == asymmetric):
		return out, msg.New(33087, "Key type")
	case out.alg.Bits != out.info.Bits:
		return out, msg.New(33087, "Key length")
	}
	if kind == asymmetric {
		if out.pub, err = s.PublicKey(ctx, out.info.Thumbprint); err != nil {
			return out, msg.Provider(33037, err, "public key")
		}
	}
	return out, nil
}

// Prepare makes the key, or opens it in the provider.
func (o *CreateAsymmetric) Prepare(ctx context.Context, tx *catalog.Tx) error {
	_, p, err := o.check(tx)
	if err != nil {
		return err
	}
	if p == nil {
		return o.generate(tx)
	}
	k, err := o.Provided.key(ctx, tx, p, asymmetric, o.Algorithm)
	if err != nil {
		return err
	}
	o.made = &model.AsymmetricKey{
		Protection: model.ByProvider, Thumbprint: []byte(k.info.Thumbprint), Algorithm: k.alg.Tag, Bits: k.alg.Bits,
		Public: publicBlob(k.pub), SID: keySID([]byte(k.info.Thumbprint)), ProviderGUID: p.GUID, AlgorithmID: k.alg.ID,
		KeyName: o.Provided.KeyName, URI: k.info.URI,
	}
	return nil
}

func (o *CreateAsymmetric) generate(tx *catalog.Tx) error {
	k, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA, Bits: rsaBits[o.Algorithm]})
	if err != nil {
		return msg.New(15508).Because(err)
	}
	pub, _ := k.Public().RSA()
	ours := ekm.PublicKey{N: pub.N, E: exponent(pub.E)}
	t, err := ours.Thumbprint()
	if err != nil {
		return msg.New(15508).Because(err)
	}
	o.made = &model.AsymmetricKey{
		Thumbprint: []byte(t)[:8], Algorithm: o.Algorithm, Bits: k.Bits(), Public: publicBlob(ours), SID: keySID([]byte(t)),
	}
	o.made.Private, o.made.Protection, err = sealPrivate(tx, k, hexOf(o.made.Thumbprint), o.Password, o.Open)
	return err
}

// sealPrivate seals a private key under a password, or under the database master key without one.
func sealPrivate(tx *catalog.Tx, k *keywrap.Key, place string, pw *secret.Bytes, open *protect.Key) (sealed []byte, protection string, err error) {
	raw, err := k.MarshalPrivate()
	if err != nil {
		return nil, "", msg.New(15209).Because(err)
	}
	plain := secret.Take(raw)
	defer plain.Destroy()
	if pw != nil {
		if sealed, err = protect.SealWithPassword(pw, privatePurpose, place, plain); err != nil {
			return nil, "", msg.New(15209).Because(err)
		}
		return sealed, model.ByPassword, nil
	}
	dmk, err := master(tx, open)
	if err != nil {
		return nil, "", err
	}
	defer dmk.Destroy()
	if sealed, err = dmk.Seal(privatePurpose, place, plain); err != nil {
		return nil, "", msg.New(15209).Because(err)
	}
	return sealed, model.ByMasterKey, nil
}

func exponent(e []byte) uint32 {
	var b [4]byte
	copy(b[4-min(4, len(e)):], e)
	return binary.BigEndian.Uint32(b[:])
}

// publicBlob is a public key as sys.asymmetric_keys shows it: the layout of a strong name (header, CAPI PUBLICKEYBLOB with a
// little-endian modulus).
func publicBlob(k ekm.PublicKey) []byte {
	b := []byte{0, 0x24, 0, 0, 4, 0x80, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(20+len(k.N)))
	b = append(b, 6, 2, 0, 0, 0, 0xA4, 0, 0, 'R', 'S', 'A', '1')
	b = binary.LittleEndian.AppendUint32(b, uint32(8*len(k.N)))
	b = binary.LittleEndian.AppendUint32(b, k.E)
	for i := len(k.N) - 1; i >= 0; i-- {
		b = append(b, k.N[i])
	}
	return b
}

// keySID is the sid that logins and users made from a key or certificate have: S-1-9-1 and 20 bytes.
func keySID(thumbprint []byte) []byte {
	h := sha1.Sum(thumbprint)
	if len(thumbprint) == len(h) {
		copy(h[:], thumbprint)
	}
	return append([]byte{1, 6, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0}, h[:]...)
}

// Apply carries the operation out.
func (o *CreateAsymmetric) Apply(tx *catalog.Tx) error {
	owner, _, err := o.check(tx)
	if err != nil || o.made == nil {
		return err
	}
	db := tx.Caller.Database
	if _, same := tx.State.AsymmetricKeys.Find(db, func(k *model.AsymmetricKey) bool { return string(k.Thumbprint) == string(o.made.Thumbprint) }); same != nil {
		return msg.New(15396, o.Name)
	}
	k := *o.made
	k.ID, k.Name, k.Owner = tx.State.AsymmetricKeys.Next(db, model.FirstKeyID), o.Name, owner
	tx.State.AsymmetricKeys.Put(db, k.ID, &k)
	return nil
}

// securable is the key as what permissions are on.
func securable(k *model.AsymmetricKey) perm.Securable {
	return perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}
}

// AlterAsymmetric is ALTER ASYMMETRIC KEY of a native key: its private key is removed, or protected anew. Needs CONTROL on the key.
type AlterAsymmetric struct {
	Name    string
	Remove  bool          // REMOVE PRIVATE KEY
	Decrypt *secret.Bytes // both destroyed with the operation
	Encrypt *secret.Bytes // nil means by the master key
	Open    *protect.Key
}

// Finish destroys the passwords.
func (o *AlterAsymmetric) Finish() { catalog.Wipe(o.Decrypt, o.Encrypt) }

// Apply carries the operation out.
func (o *AlterAsymmetric) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	k := tx.State.FindAsymmetricKey(db, o.Name)
	if k == nil || !tx.Perm.Object(securable(k), "CONTROL") {
		return catalog.Missing("alter", asymmetric, o.Name)
	}
	if k.FromProvider() {
		return msg.New(33038)
	}
	if k.Private == nil {
		return msg.New(15342, asymmetric, k.Name)
	}
	k = tx.State.AsymmetricKeys.Edit(db, k.ID)
	if o.Remove {
		k.Private, k.Protection = nil, model.NoPrivateKey
		return nil
	}
	if o.Encrypt != nil {
		if err := password.KeyPolicy(o.Encrypt); err != nil {
			return err
		}
	}
	p, err := private(tx, k.Protection, k.Private, hexOf(k.Thumbprint), asymmetric, o.Decrypt, o.Open)
	if err != nil {
		return err
	}
	k.Private, k.Protection, err = sealPrivate(tx, p, hexOf(k.Thumbprint), o.Encrypt, o.Open)
	return err
}

// private opens a private key: messages 15563 without one, 15147 and 15334 for a password too many or too few, 15465 for a wrong one.
func private(tx *catalog.Tx, protection string, sealed []byte, place, kind string, pw *secret.Bytes, open *protect.Key) (*keywrap.Key, error) {
	var plain *secret.Bytes
	var err error
	switch protection {
	case model.ByMasterKey:
		if pw != nil {
			return nil, msg.New(15147, kind)
		}
		dmk, e := master(tx, open)
		if e != nil {
			return nil, e
		}
		plain, err = dmk.Open(privatePurpose, place, sealed)
		dmk.Destroy()
		if err != nil {
			return nil, msg.New(15466).Because(err)
		}
	case model.ByPassword:
		if pw == nil {
			return nil, msg.New(15334, kind)
		}
		if plain, err = protect.OpenWithPassword(pw, privatePurpose, place, sealed); err != nil {
			return nil, msg.New(15465).Because(err)
		}
	default:
		return nil, msg.New(15563, kind)
	}
	defer plain.Destroy()
	k, err := keywrap.ParsePrivate(plain.Expose())
	if err != nil {
		return nil, msg.New(15507).Because(err)
	}
	return k, nil
}

// DropAsymmetric is DROP ASYMMETRIC KEY. Needs CONTROL on the key. A key that is used stays: messages 33127, 15559, 15580. With Remove
// the provider is asked to remove its key once the drop is durable; a refusal informs with message 33036.
type DropAsymmetric struct {
	Name   string
	Remove bool // REMOVE PROVIDER KEY

	gone removal
}

// Apply carries the operation out.
func (o *DropAsymmetric) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	k := tx.State.FindAsymmetricKey(db, o.Name)
	if k == nil || !tx.Perm.Object(securable(k), "CONTROL") {
		return catalog.Missing("drop", asymmetric, o.Name)
	}
	if err := unused(tx, asymmetric, k.Name, k.SID, k.Thumbprint, model.ByAsymmetricKey, k.ID); err != nil {
		return err
	}
	if o.Remove && k.FromProvider() {
		o.gone = removal{provider: k.ProviderGUID, thumbprint: ekm.Thumbprint(k.Thumbprint)}
	}
	tx.DropSecurable(db, perm.AsymmetricKey, k.ID)
	tx.State.AsymmetricKeys.Delete(db, k.ID)
	return nil
}

// Follow removes the key from its provider.
func (o *DropAsymmetric) Follow(ctx context.Context, tx *catalog.Tx) { o.gone.follow(ctx, tx) }

// removal is a provider's key to be removed.
type removal struct {
	provider   [16]byte
	thumbprint ekm.Thumbprint
}

func (r removal) follow(ctx context.Context, tx *catalog.Tx) {
	if r.thumbprint == "" {
		return
	}
	err := error(code.NotFound)
	if p := tx.State.ProviderByGUID(r.provider); p != nil {
		var s ekm.Session
		if s, err = tx.Session(ctx, tx.Caller.Login, p); err == nil {
			err = s.DropKey(ctx, r.thumbprint)
			_ = s.Close(false)
		}
	}
	if err != nil {
		tx.Note(msg.New(33036, r.thumbprint.String()).Because(err))
	}
}

// unused refuses to drop a key or certificate that protects a DEK, that a login or user is made from, or that encrypts a key.
func unused(tx *catalog.Tx, kind, name string, sid, thumbprint []byte, crypt string, id int) error {
	db := tx.Caller.Database
	if db == model.Master {
		encryptor := strings.ToUpper(kind)
		if _, d := tx.State.Databases.Find(0, func(d *model.Database) bool {
			return d.Key != nil && d.Key.Encryptor == encryptor && string(d.Key.Thumbprint) == string(thumbprint)
		}); d != nil {
			return msg.New(33127, kind)
		}
		if len(sid) > 0 && tx.State.LoginBySID(sid) != nil {
			return msg.New(15559, kind, name, "login")
		}
	}
	if _, u := tx.State.Principals.Find(db, func(p *model.Principal) bool { return len(p.SID) > 0 && string(p.SID) == string(sid) }); u != nil {
		return msg.New(15559, kind, name, "user")
	}
	if _, e := tx.State.KeyEncryptions.Find(db, func(e *model.KeyEncryption) bool { return e.Kind == crypt && e.Encryptor == id }); e != nil {
		if k := tx.State.SymmetricKeys.In(db, e.Key); k != nil {
			return msg.New(15580, kind, symmetric, k.Name)
		}
		return msg.New(15352, kind)
	}
	return nil
}
