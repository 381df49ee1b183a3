package credential

import (
	"slices"
	"strings"
	"unicode/utf16"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/internal/secret"
)

// Limits in UTF-16 units.
const (
	MaxIdentity = 4000
	MaxSecret   = 4000
)

const kind = "credential"

// Create is CREATE CREDENTIAL. Needs ALTER ANY CREDENTIAL.
type Create struct {
	Name     string
	Identity string
	Secret   *secret.Bytes // nil without SECRET; destroyed with the operation
	Provider string        // FOR CRYPTOGRAPHIC PROVIDER
}

// Finish destroys the secret.
func (o *Create) Finish() { catalog.Wipe(o.Secret) }

// Apply carries the operation out.
func (o *Create) Apply(tx *catalog.Tx) error {
	if !tx.Perm.Server("ALTER ANY CREDENTIAL") {
		return catalog.Denied()
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if strings.HasPrefix(o.Name, "#") {
		return msg.New(15006, o.Name)
	}
	if tx.State.FindCredential(o.Name) != nil {
		return msg.New(15530, kind, o.Name)
	}
	c := &model.Credential{
		ID: tx.State.Credentials.Next(0, 65536), Name: o.Name, Identity: o.Identity, Created: tx.Now, Modified: tx.Now,
	}
	if o.Provider != "" {
		p := tx.State.FindProvider(o.Provider)
		if p == nil {
			return catalog.Missing("find", "cryptographic provider", o.Provider)
		}
		c.Provider = p.ID
	}
	if err := set(tx, c, o.Identity, o.Secret); err != nil {
		return err
	}
	tx.State.Credentials.Put(0, c.ID, c)
	return nil
}

func set(tx *catalog.Tx, c *model.Credential, identity string, s *secret.Bytes) error {
	if units(identity) > MaxIdentity {
		return msg.New(15540, MaxIdentity)
	}
	if s != nil && s.Len() > 3*MaxSecret {
		return msg.New(33023, "secret", 2*MaxSecret)
	}
	c.Identity, c.Secret = identity, nil
	if s == nil {
		return nil
	}
	sealed, err := tx.Service().Seal(kind, catalog.SecretPlace(c), s)
	if err != nil {
		return msg.New(33047, kind, c.Name).Because(err)
	}
	c.Secret = sealed
	return nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// Alter is ALTER CREDENTIAL. Without a secret the credential has none afterwards. Sessions with a provider that are open keep
// what they were opened with.
type Alter struct {
	Name     string
	Identity string
	Secret   *secret.Bytes
}

// Finish destroys the secret.
func (o *Alter) Finish() { catalog.Wipe(o.Secret) }

// Apply carries the operation out.
func (o *Alter) Apply(tx *catalog.Tx) error {
	c, err := find(tx, "alter", o.Name, "ALTER")
	if err != nil {
		return err
	}
	c = tx.State.Credentials.Edit(0, c.ID)
	c.Modified = tx.Now
	return set(tx, c, o.Identity, o.Secret)
}

// find is the credential of a name if the caller holds a permission on it; message 15151 otherwise.
func find(tx *catalog.Tx, verb, name, permission string) (*model.Credential, error) {
	c := tx.State.FindCredential(name)
	if c == nil || !tx.Perm.OnLogin(perm.Credential, c.ID, permission) {
		return nil, catalog.Missing(verb, kind, name)
	}
	return c, nil
}

// Drop is DROP CREDENTIAL: message 15541 while a login holds it.
type Drop struct{ Name string }

// Apply carries the operation out.
func (o *Drop) Apply(tx *catalog.Tx) error {
	c, err := find(tx, "drop", o.Name, "ALTER")
	if err != nil {
		return err
	}
	if len(tx.State.MappedTo(c.ID)) > 0 {
		return msg.New(15541, c.Name)
	}
	tx.DropSecurable(0, perm.Credential, c.ID)
	tx.State.Credentials.Delete(0, c.ID)
	return nil
}

// Map is ALTER LOGIN ... ADD CREDENTIAL, and with Only WITH CREDENTIAL = c, which sets the one credential of the login's own.
type Map struct {
	Login      string
	Credential string
	Only       bool
}

// Apply carries the operation out.
func (o *Map) Apply(tx *catalog.Tx) error {
	l, err := login(tx, o.Login)
	if err != nil {
		return err
	}
	c := tx.State.FindCredential(o.Credential)
	if c == nil || o.Only && !tx.Perm.Server("ALTER ANY CREDENTIAL") {
		return catalog.Missing("find", kind, o.Credential)
	}
	if l.ID == model.SA || l.IsRole() {
		return msg.New(15535, l.Name)
	}
	if o.Only && l.Credential == c.ID {
		return nil
	}
	mapped := tx.State.MappedTo(c.ID)
	if slices.Contains(mapped, l.ID) || len(mapped) > 0 && !tx.SharedCredentials() {
		return msg.New(33042, kind)
	}
	if c.Provider != 0 {
		for _, id := range append([]int{l.Credential}, l.Credentials...) {
			if have := tx.State.Credentials.Get(id); have != nil && have.Provider == c.Provider && !(o.Only && id == l.Credential) {
				return msg.New(33043, kind, c.Name, kind)
			}
		}
	}
	l = tx.State.Logins.Edit(0, l.ID)
	l.Modified = tx.Now
	if o.Only {
		l.Credential = c.ID
	} else {
		l.Credentials = append(slices.Clone(l.Credentials), c.ID)
	}
	return nil
}

// login is the login of a name if the caller may alter it; message 15151 otherwise.
func login(tx *catalog.Tx, name string) (*model.Login, error) {
	l := tx.State.FindLogin(name)
	if l == nil || l.IsRole() || !tx.Perm.OnLogin(perm.Login, l.ID, "ALTER") {
		return nil, catalog.Missing("alter", "login", name)
	}
	return l, nil
}

// Unmap is ALTER LOGIN ... DROP CREDENTIAL, and without a name NO CREDENTIAL, which takes the login's own.
type Unmap struct {
	Login      string
	Credential string
}

// Apply carries the operation out.
func (o *Unmap) Apply(tx *catalog.Tx) error {
	l, err := login(tx, o.Login)
	if err != nil {
		return err
	}
	if o.Credential == "" {
		l = tx.State.Logins.Edit(0, l.ID)
		l.Credential, l.Modified = 0, tx.Now
		return nil
	}
	c := tx.State.FindCredential(o.Credential)
	if c == nil {
		return catalog.Missing("find", kind, o.Credential)
	}
	i := slices.Index(l.Credentials, c.ID)
	if i < 0 && l.Credential != c.ID {
		return msg.New(33045, kind)
	}
	l = tx.State.Logins.Edit(0, l.ID)
	l.Modified = tx.Now
	if i < 0 {
		l.Credential = 0
	} else {
		l.Credentials = slices.Delete(slices.Clone(l.Credentials), i, i+1)
	}
	return nil
}
