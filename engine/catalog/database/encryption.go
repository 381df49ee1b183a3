package database

import (
	"context"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
)

// The kinds of protectors, as statements and sys.dm_database_encryption_keys have them.
const (
	ByCertificate   = "CERTIFICATE"
	ByAsymmetricKey = "ASYMMETRIC KEY"
)

// Protector is what protects a database encryption key: a key or certificate of master.
type Protector struct {
	Kind        string
	Thumbprint  []byte
	Key         *model.AsymmetricKey // of a provider
	Provider    *model.Provider      // where the key is
	Login       int                  // the login made from the key, whose credential the engine uses
	Certificate *model.Certificate
}

// ProtectorOf finds the protector of a thumbprint for the engine's own use (open, restore): message 33111, and 33121 for a key that
// has no login.
func ProtectorOf(s *model.State, kind string, thumbprint []byte) (Protector, error) {
	p := Protector{Kind: kind, Thumbprint: thumbprint}
	missing := func() (Protector, error) {
		m := msg.New(33111, strings.ToLower(kind), "0x"+strings.ToUpper(hexText(thumbprint)))
		if kind == ByAsymmetricKey {
			return Protector{}, m.At(4)
		}
		return Protector{}, m.At(3)
	}
	if kind == ByAsymmetricKey {
		_, k := s.AsymmetricKeys.Find(model.Master, func(k *model.AsymmetricKey) bool { return string(k.Thumbprint) == string(thumbprint) })
		if k == nil {
			return missing()
		}
		return fromKey(s, k)
	}
	_, c := s.Certificates.Find(model.Master, func(c *model.Certificate) bool { return string(key.CertificateThumbprint(c)) == string(thumbprint) })
	if c == nil {
		return missing()
	}
	p.Certificate = c
	return p, nil
}

func hexText(b []byte) string {
	const digits = "0123456789ABCDEF"
	var s strings.Builder
	for _, x := range b {
		s.WriteByte(digits[x>>4])
		s.WriteByte(digits[x&15])
	}
	return s.String()
}

// fromKey completes the protector of a provider's key: messages 33120, 33121.
func fromKey(s *model.State, k *model.AsymmetricKey) (Protector, error) {
	if !k.FromProvider() {
		return Protector{}, msg.New(33120, "asymmetric key", "asymmetric key")
	}
	p := Protector{Kind: ByAsymmetricKey, Thumbprint: k.Thumbprint, Key: k, Provider: s.ProviderByGUID(k.ProviderGUID)}
	if p.Provider == nil {
		return Protector{}, msg.New(33082, strings.ToUpper(guidText(k.ProviderGUID)))
	}
	l := s.LoginBySID(k.SID)
	if l == nil {
		return Protector{}, msg.New(33121, "asymmetric key", k.Name, p.Provider.Name)
	}
	p.Login = l.ID
	return p, nil
}

func guidText(g [16]byte) string {
	h := hexText(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// protector finds what a statement names, with the permission that it needs: messages 15151, 33101, 33120, 33121.
func protector(tx *catalog.Tx, kind, name string) (Protector, error) {
	pm := tx.PermIn(model.Master)
	if kind == ByAsymmetricKey {
		k := tx.State.FindAsymmetricKey(model.Master, name)
		if k == nil || !pm.Object(perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}, "VIEW DEFINITION") {
			return Protector{}, catalog.Missing("find", "asymmetric key", name)
		}
		return fromKey(tx.State, k)
	}
	c := tx.State.FindCertificate(model.Master, name)
	if c == nil || !pm.Object(perm.Securable{Class: perm.Certificate, ID: c.ID, Owner: c.Owner}, "VIEW DEFINITION") {
		return Protector{}, catalog.Missing("find", "certificate", name)
	}
	if c.Protection != model.ByMasterKey {
		return Protector{}, msg.New(33101, "certificate", c.Name, "certificate")
	}
	return Protector{Kind: ByCertificate, Thumbprint: key.CertificateThumbprint(c), Certificate: c}, nil
}

// target is the caller's database if its encryption key may be changed: messages 262, 33102, 33118, 33110, 33145.
func target(tx *catalog.Tx, statement string) (*model.Database, error) {
	d, err := tx.Database()
	if err != nil {
		return nil, err
	}
	if err := tx.NeedDatabase("CONTROL", statement); err != nil {
		return nil, err
	}
	switch scan, protector := tx.Runtime().Scanning(d.ID); {
	case d.IsSystem():
		return nil, msg.New(33102)
	case d.ReadOnly || d.State != model.Online:
		return nil, msg.New(33118)
	case scan:
		return nil, msg.New(33110)
	case protector:
		return nil, msg.New(33145)
	}
	return d, nil
}

func algorithm(name string) error {
	switch name {
	case "AES_128", "AES_192", "AES_256":
		return nil
	}
	return msg.New(15314) // TRIPLE_DES_3KEY too: there is no page cipher of it
}

// CreateKey is CREATE DATABASE ENCRYPTION KEY in the caller's database. Needs CONTROL on it and VIEW DEFINITION on the protector.
type CreateKey struct {
	Algorithm string
	Kind      string // ByCertificate or ByAsymmetricKey
	Name      string
	// Act makes the key in the database's file, wrapped by the protector.
	Act func(ctx context.Context, db int, algorithm string, p Protector) error
}

func (o *CreateKey) check(tx *catalog.Tx) (*model.Database, Protector, error) {
	d, err := target(tx, "CREATE DATABASE ENCRYPTION KEY")
	if err != nil {
		return nil, Protector{}, err
	}
	if d.Key != nil {
		return nil, Protector{}, msg.New(33103)
	}
	if err := algorithm(o.Algorithm); err != nil {
		return nil, Protector{}, err
	}
	p, err := protector(tx, o.Kind, o.Name)
	return d, p, err
}

// Prepare makes the key.
func (o *CreateKey) Prepare(ctx context.Context, tx *catalog.Tx) error {
	d, p, err := o.check(tx)
	if err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, d.ID, o.Algorithm, p)
}

// Apply carries the operation out.
func (o *CreateKey) Apply(tx *catalog.Tx) error {
	d, p, err := o.check(tx)
	if err != nil {
		return err
	}
	tx.State.Databases.Edit(0, d.ID).Key = &model.EncryptionKey{
		Algorithm: o.Algorithm, Encryptor: p.Kind, Thumbprint: p.Thumbprint, Created: tx.Now, Regenerated: tx.Now, Modified: tx.Now,
	}
	warn(tx, p)
	return nil
}

// warn tells that a certificate's private key was never backed up.
func warn(tx *catalog.Tx, p Protector) {
	if p.Certificate != nil && p.Certificate.BackedUp.IsZero() {
		tx.Note(msg.New(33091))
	}
}

// MaxUnlogged is how many regenerations there may be without a backup of the log.
const MaxUnlogged = 2

// AlterKey is ALTER DATABASE ENCRYPTION KEY in the caller's database: REGENERATE with an algorithm, another protector, or both.
type AlterKey struct {
	Algorithm string // of REGENERATE, or ""
	Kind      string // of the new protector, or ""
	Name      string
	// Act changes the key in the database's file: algorithm and p are zero where they stay.
	Act func(ctx context.Context, db int, algorithm string, p Protector) error
}

func (o *AlterKey) check(tx *catalog.Tx) (d *model.Database, p Protector, err error) {
	if d, err = target(tx, "ALTER DATABASE ENCRYPTION KEY"); err != nil {
		return nil, p, err
	}
	if d.Key == nil {
		return nil, p, msg.New(33104)
	}
	if o.Algorithm != "" {
		if err := algorithm(o.Algorithm); err != nil {
			return nil, p, err
		}
		if d.Encrypted && d.Key.Unlogged >= MaxUnlogged && d.Recovery != model.RecoverySimple {
			return nil, p, msg.New(33122, d.Name)
		}
	}
	if o.Kind != "" {
		p, err = protector(tx, o.Kind, o.Name)
	}
	return d, p, err
}

// Prepare changes the key.
func (o *AlterKey) Prepare(ctx context.Context, tx *catalog.Tx) error {
	d, p, err := o.check(tx)
	if err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, d.ID, o.Algorithm, p)
}

// Apply carries the operation out. That a scan is running by now is no reason to refuse: Act has begun it.
func (o *AlterKey) Apply(tx *catalog.Tx) error {
	d, p, err := o.check(tx)
	if err != nil && !(o.Act != nil && acted(err)) {
		return err
	}
	if err != nil {
		d, _ = tx.Database()
		if o.Kind != "" {
			if p, err = protector(tx, o.Kind, o.Name); err != nil {
				return err
			}
		}
	}
	if d == nil || d.Key == nil {
		return msg.New(33104)
	}
	k := *d.Key
	k.Modified = tx.Now
	if o.Algorithm != "" {
		k.Algorithm, k.Regenerated = o.Algorithm, tx.Now
		if d.Encrypted {
			k.Unlogged++
		}
	}
	if o.Kind != "" {
		k.Encryptor, k.Thumbprint = p.Kind, p.Thumbprint
		warn(tx, p)
	}
	tx.State.Databases.Edit(0, d.ID).Key = &k
	return nil
}

// acted reports refusals that only say that the work has begun.
func acted(err error) bool {
	for _, m := range msg.Messages(err) {
		if m.Number == 33110 || m.Number == 33145 || m.Number == 33109 {
			return true
		}
	}
	return false
}

// DropKey is DROP DATABASE ENCRYPTION KEY in the caller's database: messages 33104, 33105, 33110.
type DropKey struct {
	// Act removes the key from the database's file.
	Act func(ctx context.Context, db int) error
}

// Prepare removes the key.
func (o *DropKey) Prepare(ctx context.Context, tx *catalog.Tx) error {
	if err := o.Apply(tx); err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, tx.Caller.Database)
}

// Apply carries the operation out.
func (o *DropKey) Apply(tx *catalog.Tx) error {
	d, err := target(tx, "DROP DATABASE ENCRYPTION KEY")
	switch {
	case err != nil:
		return err
	case d.Key == nil:
		return msg.New(33104)
	case d.Encrypted:
		return msg.New(33105)
	}
	tx.State.Databases.Edit(0, d.ID).Key = nil
	return nil
}

// SetEncryption is ALTER DATABASE ... SET ENCRYPTION ON or OFF: messages 5011, 33102, 33106 to 33109, 33118, each with 5069.
type SetEncryption struct {
	Name string
	On   bool
	// Act begins the scan.
	Act func(ctx context.Context, db int, on bool) error
}

func (o *SetEncryption) check(tx *catalog.Tx) (*model.Database, error) {
	d, err := alter(tx, o.Name)
	if err != nil {
		return nil, err
	}
	verb := map[bool]string{true: "enable", false: "disable"}[o.On]
	scan, protector := tx.Runtime().Scanning(d.ID)
	switch {
	case d.IsSystem():
		return d, failed(msg.New(33102))
	case d.Key == nil:
		return d, failed(msg.New(33106))
	case d.ReadOnly || d.State != model.Online:
		return d, failed(msg.New(33118))
	case o.On && d.Encrypted:
		return d, failed(msg.New(33107))
	case !o.On && !d.Encrypted:
		return d, failed(msg.New(33108))
	case scan || protector:
		return d, failed(msg.New(33109, verb))
	}
	return d, nil
}

// Prepare begins the scan.
func (o *SetEncryption) Prepare(ctx context.Context, tx *catalog.Tx) error {
	d, err := o.check(tx)
	if err != nil || o.Act == nil {
		return err
	}
	return o.Act(ctx, d.ID, o.On)
}

// Apply carries the operation out, and gives message 5084 to the log.
func (o *SetEncryption) Apply(tx *catalog.Tx) error {
	d, err := o.check(tx)
	if err != nil && !(o.Act != nil && acted(err)) {
		return err
	}
	d = tx.State.Databases.Edit(0, d.ID)
	d.Encrypted = o.On
	k := *d.Key
	k.Set = tx.Now
	d.Key = &k
	tx.Note(msg.New(5084, "ENCRYPTION", map[bool]string{true: "ON", false: "OFF"}[o.On], d.Name))
	return nil
}
