package key

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

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
	certificate   = "certificate"
	backupPurpose = "certificate backup"
)

// CertificateBits is the size of the RSA keys of certificates made here.
const CertificateBits = 3072

// certificateThumbprint is sys.certificates.thumbprint: SHA-1 of the DER.
func certificateThumbprint(der []byte) []byte { h := sha1.Sum(der); return h[:] }

// CertificateThumbprint is sys.certificates.thumbprint of a certificate.
func CertificateThumbprint(c *model.Certificate) []byte { return certificateThumbprint(c.DER) }

func certificatePlace(der []byte) string { return hexOf(certificateThumbprint(der)) }

// CreateCertificate is CREATE CERTIFICATE. Needs CREATE CERTIFICATE in the database.
type CreateCertificate struct {
	Name    string
	Owner   string
	Subject string
	Start   time.Time // zero means now
	Expiry  time.Time // zero means a year after Start
	// DER is an existing certificate in place of a new one: FROM FILE or FROM BINARY; PEM is taken too.
	DER []byte
	// PrivateKey goes with DER: what BackupCertificate wrote, opened by Decrypt, or PKCS#8 in clear.
	PrivateKey *secret.Bytes
	Decrypt    *secret.Bytes
	Encrypt    *secret.Bytes // ENCRYPTION BY PASSWORD; nil means by the master key
	Open       *protect.Key  // the session's open master key, or nil; stays the caller's
	Inactive   bool          // ACTIVE FOR BEGIN_DIALOG = OFF

	made *model.Certificate
}

// Finish destroys the passwords and the private key.
func (o *CreateCertificate) Finish() { catalog.Wipe(o.PrivateKey, o.Decrypt, o.Encrypt) }

func (o *CreateCertificate) check(tx *catalog.Tx) (owner int, err error) {
	if err := tx.NeedDatabase("CREATE CERTIFICATE", "CREATE CERTIFICATE"); err != nil {
		return 0, err
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return 0, err
	}
	if owner, err = tx.OwnerID(o.Owner); err != nil {
		return 0, err
	}
	if tx.State.FindCertificate(tx.Caller.Database, o.Name) != nil {
		return 0, msg.New(15232, o.Name)
	}
	if o.Encrypt != nil {
		return owner, password.KeyPolicy(o.Encrypt)
	}
	return owner, nil
}

// Prepare makes or reads the certificate.
func (o *CreateCertificate) Prepare(_ context.Context, tx *catalog.Tx) error {
	if _, err := o.check(tx); err != nil {
		return err
	}
	if o.DER != nil {
		return o.read(tx)
	}
	k, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA, Bits: CertificateBits})
	if err != nil {
		return msg.New(15508).Because(err)
	}
	start, end := o.Start, o.Expiry
	if start.IsZero() {
		start = tx.Now
	}
	if end.IsZero() {
		end = start.AddDate(1, 0, 0)
	}
	der, err := selfSigned(k, o.Subject, start, end)
	if err != nil {
		return msg.New(15506).Because(err)
	}
	o.made = &model.Certificate{DER: der}
	o.made.Private, o.made.Protection, err = sealPrivate(tx, k, certificatePlace(der), o.Encrypt, o.Open)
	return err
}

func selfSigned(k *keywrap.Key, subject string, start, end time.Time) ([]byte, error) {
	raw, err := k.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(raw)
	key, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: subject}, NotBefore: start, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	return x509.CreateCertificate(rand.Reader, t, t, &key.(*rsa.PrivateKey).PublicKey, key)
}

// read takes an existing certificate: messages 15208, 15297, 15465.
func (o *CreateCertificate) read(tx *catalog.Tx) error {
	der := o.DER
	if b, _ := pem.Decode(der); b != nil {
		der = b.Bytes
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return msg.New(15297).Because(err)
	}
	pub, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return msg.New(15297)
	}
	o.made = &model.Certificate{DER: der, Protection: model.NoPrivateKey}
	if o.PrivateKey == nil {
		return nil
	}
	plain := o.PrivateKey
	if o.Decrypt != nil {
		if plain, err = protect.OpenWithPassword(o.Decrypt, backupPurpose, certificatePlace(der), o.PrivateKey.Expose()); err != nil {
			return msg.New(15465).Because(err)
		}
		defer plain.Destroy()
	}
	raw := plain.Expose()
	if b, _ := pem.Decode(raw); b != nil {
		raw = b.Bytes
	}
	k, err := keywrap.ParseDER(raw)
	if err != nil {
		return msg.New(15208).Because(err)
	}
	if m, ok := k.Public().RSA(); !ok || new(big.Int).SetBytes(m.N).Cmp(pub.N) != 0 {
		return msg.New(15297)
	}
	o.made.Private, o.made.Protection, err = sealPrivate(tx, k, certificatePlace(der), o.Encrypt, o.Open)
	return err
}

// Apply carries the operation out.
func (o *CreateCertificate) Apply(tx *catalog.Tx) error {
	owner, err := o.check(tx)
	if err != nil || o.made == nil {
		return err
	}
	db := tx.Caller.Database
	if _, same := tx.State.Certificates.Find(db, func(c *model.Certificate) bool { return string(c.DER) == string(o.made.DER) }); same != nil {
		return msg.New(15232, o.Name)
	}
	c := *o.made
	c.ID, c.Name, c.Owner, c.Active = tx.State.Certificates.Next(db, model.FirstKeyID), o.Name, owner, !o.Inactive
	c.SID = keySID(certificateThumbprint(c.DER))
	tx.State.Certificates.Put(db, c.ID, &c)
	return nil
}

func certificateSecurable(c *model.Certificate) perm.Securable {
	return perm.Securable{Class: perm.Certificate, ID: c.ID, Owner: c.Owner}
}

// AlterCertificate is ALTER CERTIFICATE: the private key is removed or protected anew. Needs ALTER on the certificate.
type AlterCertificate struct {
	Name    string
	Remove  bool
	Decrypt *secret.Bytes // both destroyed with the operation
	Encrypt *secret.Bytes // nil means by the master key
	Open    *protect.Key
}

// Finish destroys the passwords.
func (o *AlterCertificate) Finish() { catalog.Wipe(o.Decrypt, o.Encrypt) }

// Apply carries the operation out.
func (o *AlterCertificate) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	c := tx.State.FindCertificate(db, o.Name)
	if c == nil || !tx.Perm.Object(certificateSecurable(c), "ALTER") {
		return catalog.Missing("alter", certificate, o.Name)
	}
	if c.Private == nil {
		return msg.New(15342, certificate, c.Name)
	}
	c = tx.State.Certificates.Edit(db, c.ID)
	if o.Remove {
		c.Private, c.Protection = nil, model.NoPrivateKey
		return nil
	}
	if o.Encrypt != nil {
		if err := password.KeyPolicy(o.Encrypt); err != nil {
			return err
		}
	}
	k, err := private(tx, c.Protection, c.Private, certificatePlace(c.DER), certificate, o.Decrypt, o.Open)
	if err != nil {
		return err
	}
	c.Private, c.Protection, err = sealPrivate(tx, k, certificatePlace(c.DER), o.Encrypt, o.Open)
	return err
}

// DropCertificate is DROP CERTIFICATE. Needs CONTROL on the certificate. One that is used stays: messages 33127, 15559, 15580.
type DropCertificate struct{ Name string }

// Apply carries the operation out.
func (o *DropCertificate) Apply(tx *catalog.Tx) error {
	db := tx.Caller.Database
	c := tx.State.FindCertificate(db, o.Name)
	if c == nil || !tx.Perm.Object(certificateSecurable(c), "CONTROL") {
		return catalog.Missing("drop", certificate, o.Name)
	}
	if err := unused(tx, certificate, c.Name, c.SID, certificateThumbprint(c.DER), model.ByCertificate, c.ID); err != nil {
		return err
	}
	tx.DropSecurable(db, perm.Certificate, c.ID)
	tx.State.Certificates.Delete(db, c.ID)
	return nil
}

// BackupCertificate is BACKUP CERTIFICATE: after it, DER is what belongs in the file, and SealedKey in that of the private key. Needs
// VIEW DEFINITION on the certificate, and with the private key CONTROL. The executor writes the files before it runs the
// operation's change through Write.
type BackupCertificate struct {
	Name    string
	Private bool          // WITH PRIVATE KEY
	Encrypt *secret.Bytes // its new password; destroyed with the operation
	Decrypt *secret.Bytes // the present password of one that is protected by a password
	Open    *protect.Key
	// Write stores the files; an error of it ends the operation as message 15240 or as the *msg.Error that it is.
	Write func(der, sealedKey []byte) error
}

// Finish destroys the passwords.
func (o *BackupCertificate) Finish() { catalog.Wipe(o.Encrypt, o.Decrypt) }

func (o *BackupCertificate) find(tx *catalog.Tx) (*model.Certificate, error) {
	c := tx.State.FindCertificate(tx.Caller.Database, o.Name)
	need := "VIEW DEFINITION"
	if o.Private {
		need = "CONTROL"
	}
	if c == nil || !tx.Perm.Object(certificateSecurable(c), need) {
		return nil, catalog.Missing("find", certificate, o.Name)
	}
	if o.Private && c.Private == nil {
		return nil, msg.New(15563, certificate)
	}
	if o.Private && o.Encrypt == nil {
		return nil, msg.New(15146, certificate)
	}
	return c, nil
}

// Prepare seals the private key and writes the files.
func (o *BackupCertificate) Prepare(_ context.Context, tx *catalog.Tx) error {
	c, err := o.find(tx)
	if err != nil {
		return err
	}
	var sealed []byte
	if o.Private {
		if err := password.KeyPolicy(o.Encrypt); err != nil {
			return err
		}
		k, err := private(tx, c.Protection, c.Private, certificatePlace(c.DER), certificate, o.Decrypt, o.Open)
		if err != nil {
			return err
		}
		raw, err := k.MarshalPKCS8()
		if err != nil {
			return msg.New(15209).Because(err)
		}
		plain := secret.Take(raw)
		defer plain.Destroy()
		if sealed, err = protect.SealWithPassword(o.Encrypt, backupPurpose, certificatePlace(c.DER), plain); err != nil {
			return msg.New(15209).Because(err)
		}
	}
	return o.Write(c.DER, sealed)
}

// Apply notes when the private key was backed up.
func (o *BackupCertificate) Apply(tx *catalog.Tx) error {
	c, err := o.find(tx)
	if err != nil || !o.Private {
		return err
	}
	tx.State.Certificates.Edit(tx.Caller.Database, c.ID).BackedUp = tx.Now
	return nil
}
