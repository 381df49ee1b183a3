package principal

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/seed"
	"latchkey/internal/secret"
)

// Password is PASSWORD = ... with what may follow it.
type Password struct {
	Text       *secret.Bytes // destroyed with the operation
	Hash       []byte        // PASSWORD = 0x... HASHED, in place of Text
	MustChange bool
	Unlock     bool
	Old        *secret.Bytes // OLD_PASSWORD
}

func (p *Password) finish() {
	if p != nil {
		catalog.Wipe(p.Text, p.Old)
	}
}

// LoginOptions are the options of WITH; nil fields were not given.
type LoginOptions struct {
	DefaultDatabase string
	DefaultLanguage string
	CheckPolicy     *bool
	CheckExpiration *bool
	Credential      string // of CREATE LOGIN; ALTER LOGIN uses credential.Map
}

func (o LoginOptions) any() (string, bool) {
	switch {
	case o.DefaultDatabase != "":
		return "DEFAULT_DATABASE", true
	case o.DefaultLanguage != "":
		return "DEFAULT_LANGUAGE", true
	case o.CheckPolicy != nil:
		return "CHECK_POLICY", true
	case o.CheckExpiration != nil:
		return "CHECK_EXPIRATION", true
	case o.Credential != "":
		return "CREDENTIAL", true
	}
	return "", false
}

// The sources of a login.
const (
	FromKey         = "ASYMMETRIC KEY"
	FromCertificate = "CERTIFICATE"
	FromWindows     = "WINDOWS"
	FromExternal    = "EXTERNAL PROVIDER"
)

// CreateLogin is CREATE LOGIN. Needs CREATE LOGIN, which ALTER ANY LOGIN covers.
type CreateLogin struct {
	Name     string
	Password *Password
	From     string // with FromName, in place of a password
	FromName string
	SID      []byte // nil makes one
	Options  LoginOptions

	hash []byte
}

// Finish destroys the password.
func (o *CreateLogin) Finish() { o.Password.finish() }

func (o *CreateLogin) check(tx *catalog.Tx) error {
	if !tx.Perm.Server("CREATE LOGIN") {
		return catalog.Denied()
	}
	if err := catalog.CheckName(o.Name); err != nil {
		return err
	}
	if tx.State.FindLogin(o.Name) != nil {
		return msg.New(15025, o.Name)
	}
	if o.From != "" {
		return nil
	}
	if strings.ContainsAny(o.Name, `\`) {
		return msg.New(15006, o.Name)
	}
	if o.SID != nil && len(o.SID) != 16 {
		return msg.New(15419)
	}
	if o.Options.Credential != "" && !tx.Perm.Server("ALTER ANY CREDENTIAL") {
		return catalog.Missing("find", "credential", o.Options.Credential)
	}
	return o.Password.check(o.Name, policyOf(o.Options, true, false))
}

// checks are CHECK_POLICY and CHECK_EXPIRATION as they will be.
type checks struct{ policy, expiration bool }

func policyOf(o LoginOptions, policy, expiration bool) checks {
	c := checks{policy, expiration}
	if o.CheckPolicy != nil {
		c.policy = *o.CheckPolicy
		if !c.policy {
			c.expiration = false
		}
	}
	if o.CheckExpiration != nil {
		c.expiration = *o.CheckExpiration
	}
	return c
}

// check refuses combinations and weak passwords: messages 15122, 15099, 15128, 33020, 33062 to 33064.
func (p *Password) check(login string, c checks) error {
	switch {
	case c.expiration && !c.policy:
		return msg.New(15122)
	case p == nil:
		return nil
	case p.MustChange && !c.policy:
		return msg.New(15128)
	case p.MustChange && !c.expiration:
		return msg.New(15099)
	case p.Hash != nil && c.policy:
		return msg.New(33020)
	case p.Hash != nil:
		if err := password.Valid(p.Hash); err != nil {
			return msg.New(15021, "PASSWORD").Because(err)
		}
		return nil
	}
	if c.policy {
		return password.Policy(p.Text, login)
	}
	if p.Text == nil || p.Text.Len() > 4*password.MaxLength {
		return msg.New(33063, password.MaxLength)
	}
	return nil
}

// hash makes the stored form.
func (p *Password) hash() ([]byte, error) {
	if p == nil || p.Hash != nil || p.Text == nil {
		if p == nil {
			return nil, nil
		}
		return p.Hash, nil
	}
	h, err := password.Hash(p.Text)
	if err != nil {
		return nil, msg.New(15209).Because(err)
	}
	return h, nil
}

// Prepare hashes the password.
func (o *CreateLogin) Prepare(_ context.Context, tx *catalog.Tx) (err error) {
	if err := o.check(tx); err != nil {
		return err
	}
	o.hash, err = o.Password.hash()
	return err
}

// Apply carries the operation out.
func (o *CreateLogin) Apply(tx *catalog.Tx) error {
	if err := o.check(tx); err != nil {
		return err
	}
	l := &model.Login{
		ID: tx.State.Logins.Next(0, model.FirstLogin), Name: o.Name, Kind: model.SQLLogin, SID: o.SID, Created: tx.Now, Modified: tx.Now,
		DefaultDatabase: "master", DefaultLanguage: seed.Language,
	}
	switch o.From {
	case "":
		if l.SID == nil {
			l.SID = make([]byte, 16)
			rand.Read(l.SID)
		}
		c := policyOf(o.Options, true, false)
		l.PolicyChecked, l.ExpirationChecked = c.policy, c.expiration
		l.Hash, l.HashSet, l.MustChange = o.hash, tx.Now, o.Password != nil && o.Password.MustChange
		if err := o.Options.set(tx, l); err != nil {
			return err
		}
	case FromKey, FromCertificate:
		if err := o.fromKey(tx, l); err != nil {
			return err
		}
	default:
		return msg.New(15401, o.Name)
	}
	if tx.State.LoginBySID(l.SID) != nil {
		return msg.New(15433)
	}
	tx.State.Logins.Put(0, l.ID, l)
	tx.State.Permissions.Put(0, tx.State.Permissions.Next(0, 1), &model.Permission{
		Class: int(perm.Server), Grantee: l.ID, Grantor: model.SA, Name: "CONNECT SQL", State: "G",
	})
	return nil
}

// fromKey fills a login that is made from a key or certificate of master.
func (o *CreateLogin) fromKey(tx *catalog.Tx, l *model.Login) error {
	if name, given := o.Options.any(); given {
		return msg.New(15171, name)
	}
	if o.SID != nil {
		return msg.New(15171, "SID")
	}
	pm := tx.PermIn(model.Master)
	if o.From == FromKey {
		k := tx.State.FindAsymmetricKey(model.Master, o.FromName)
		if k == nil || !pm.Any(perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}) {
			return catalog.Missing("find", "asymmetric key", o.FromName)
		}
		l.Kind, l.SID = model.KeyLogin, k.SID
		return nil
	}
	c := tx.State.FindCertificate(model.Master, o.FromName)
	if c == nil || !pm.Any(perm.Securable{Class: perm.Certificate, ID: c.ID, Owner: c.Owner}) {
		return catalog.Missing("find", "certificate", o.FromName)
	}
	if tx.State.LoginBySID(c.SID) != nil {
		return msg.New(33140, o.Name, c.Name)
	}
	l.Kind, l.SID = model.CertificateLogin, c.SID
	return nil
}

func (o LoginOptions) set(tx *catalog.Tx, l *model.Login) error {
	if o.DefaultDatabase != "" {
		d := tx.State.FindDatabase(o.DefaultDatabase)
		if d == nil {
			return msg.New(15010, o.DefaultDatabase)
		}
		l.DefaultDatabase = d.Name
	}
	if o.DefaultLanguage != "" {
		if !strings.EqualFold(o.DefaultLanguage, seed.Language) && !strings.EqualFold(o.DefaultLanguage, "English") && o.DefaultLanguage != "1033" {
			return msg.New(15033, o.DefaultLanguage)
		}
		l.DefaultLanguage = seed.Language
	}
	if o.Credential != "" {
		c := tx.State.FindCredential(o.Credential)
		if c == nil {
			return catalog.Missing("find", "credential", o.Credential)
		}
		if len(tx.State.MappedTo(c.ID)) > 0 && !tx.SharedCredentials() {
			return msg.New(33042, "credential")
		}
		l.Credential = c.ID
	}
	return nil
}

// AlterLogin is ALTER LOGIN, but for its credentials. Needs ALTER ANY LOGIN or ALTER on the login; one's own password may be
// changed with the old one, and the default database and language.
type AlterLogin struct {
	Name     string
	NewName  string
	State    string // ENABLE, DISABLE or ""
	Password *Password
	Options  LoginOptions

	hash []byte
}

// Finish destroys the passwords.
func (o *AlterLogin) Finish() { o.Password.finish() }

func (o *AlterLogin) check(tx *catalog.Tx) (*model.Login, error) {
	l := tx.State.FindLogin(o.Name)
	if l == nil || l.IsRole() {
		return nil, catalog.Missing("alter", "login", o.Name)
	}
	may := tx.Perm.OnLogin(perm.Login, l.ID, "ALTER")
	self := l.ID == tx.Caller.Login && tx.Caller.User == 0
	own := self && o.State == "" && o.NewName == "" && o.Options.CheckPolicy == nil && o.Options.CheckExpiration == nil && o.Options.Credential == "" &&
		(o.Password == nil || o.Password.Old != nil && !o.Password.MustChange && !o.Password.Unlock)
	if !may && !own {
		return nil, catalog.Missing("alter", "login", o.Name)
	}
	// Only sysadmin changes a sysadmin, and CONTROL SERVER is needed to take another's place by its password.
	if target := perm.For(tx.State, l.ID, 0); !self && (target.Sysadmin() || target.Server("CONTROL SERVER")) && !tx.Perm.Server("CONTROL SERVER") {
		return nil, catalog.Missing("alter", "login", o.Name)
	}
	if l.Kind != model.SQLLogin {
		name, given := o.Options.any()
		switch {
		case o.Password != nil:
			return nil, msg.New(15171, "PASSWORD")
		case given:
			return nil, msg.New(15171, name)
		}
	}
	c := policyOf(o.Options, l.PolicyChecked, l.ExpirationChecked)
	if l.MustChange && o.Password == nil && (!c.policy || !c.expiration) && (o.Options.CheckPolicy != nil || o.Options.CheckExpiration != nil) {
		return nil, msg.New(15128)
	}
	if err := o.Password.check(l.Name, c); err != nil {
		return nil, err
	}
	return l, nil
}

// Prepare checks the old password and hashes the new one.
func (o *AlterLogin) Prepare(_ context.Context, tx *catalog.Tx) error {
	l, err := o.check(tx)
	if err != nil || o.Password == nil {
		return err
	}
	if o.Password.Old != nil {
		if !password.Check(l.Hash, o.Password.Old) {
			return catalog.Missing("alter", "login", o.Name)
		}
	}
	o.hash, err = o.Password.hash()
	return err
}

// Apply carries the operation out.
func (o *AlterLogin) Apply(tx *catalog.Tx) error {
	l, err := o.check(tx)
	if err != nil {
		return err
	}
	if o.NewName != "" {
		if err := catalog.CheckName(o.NewName); err != nil {
			return err
		}
		if other := tx.State.FindLogin(o.NewName); other != nil && other.ID != l.ID {
			return msg.New(15025, o.NewName)
		}
	}
	l = tx.State.Logins.Edit(0, l.ID)
	l.Modified = tx.Now
	switch o.State {
	case "ENABLE":
		l.Disabled = false
	case "DISABLE":
		l.Disabled = true
	}
	if o.NewName != "" {
		l.Name = o.NewName
	}
	if l.Kind == model.SQLLogin {
		c := policyOf(o.Options, l.PolicyChecked, l.ExpirationChecked)
		l.PolicyChecked, l.ExpirationChecked = c.policy, c.expiration
	}
	if o.Password != nil && o.hash != nil {
		l.Hash, l.HashSet, l.MustChange = o.hash, tx.Now, o.Password.MustChange
	}
	return o.Options.set(tx, l)
}

// DropLogin is DROP LOGIN. Needs ALTER ANY LOGIN.
type DropLogin struct{ Name string }

// Apply carries the operation out.
func (o *DropLogin) Apply(tx *catalog.Tx) error {
	l := tx.State.FindLogin(o.Name)
	if l == nil || l.IsRole() || !tx.Perm.OnLogin(perm.Login, l.ID, "ALTER") {
		return catalog.Missing("drop", "login", o.Name)
	}
	if l.ID == model.SA {
		return msg.New(15405, l.Name)
	}
	if target := perm.For(tx.State, l.ID, 0); target.Sysadmin() && !tx.Perm.Sysadmin() {
		return catalog.Missing("drop", "login", o.Name)
	}
	if tx.Runtime().LoginSessions(l.ID) > 0 {
		return msg.New(15434, l.Name)
	}
	for _, d := range tx.State.Databases.All(0) {
		if string(d.OwnerSID) == string(l.SID) {
			return msg.New(15174, l.Name)
		}
	}
	if _, r := tx.State.Logins.Find(0, func(r *model.Login) bool { return r.IsRole() && r.Owner == l.ID }); r != nil {
		return msg.New(15141, "server role")
	}
	if _, p := tx.State.Permissions.Find(0, func(p *model.Permission) bool { return p.Grantor == l.ID && p.Grantee != l.ID }); p != nil {
		return msg.New(15173, l.Name)
	}
	removeServerPrincipal(tx, l.ID)
	return nil
}

func removeServerPrincipal(tx *catalog.Tx, id int) {
	tx.State.Permissions.DeleteIf(0, func(p *model.Permission) bool {
		return p.Grantee == id || perm.Class(p.Class) == perm.Login && p.Major == id
	})
	tx.State.Members.DeleteIf(0, func(m *model.Member) bool { return m.Member == id || m.Role == id })
	tx.State.Logins.Delete(0, id)
}

// PasswordAge is how old a password may become where CHECK_EXPIRATION is on.
const PasswordAge = 42 * 24 * time.Hour
