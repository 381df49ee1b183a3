package catalog

import (
	"context"
	"fmt"

	"latchkey/ekm"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/internal/secret"
)

// Missing is message 15151: verb is find, alter, drop or add, kind the object's kind in lower case.
func Missing(verb, kind, name string) error { return msg.New(15151, verb, kind, name) }

// MaxName is the length of a sysname in characters.
const MaxName = 128

// CheckName refuses names that no object may have: message 15006 for an empty or too long one, or one with a NUL.
func CheckName(name string) error {
	n := 0
	for _, r := range name {
		if r == 0 {
			return msg.New(15006, name)
		}
		n++
		if r > 0xffff {
			n++ // two UTF-16 units
		}
	}
	if n == 0 || n > MaxName {
		return msg.New(15006, name)
	}
	return nil
}

// Denied is message 15247, which procedures and statements on the server's principals raise.
func Denied() error { return msg.New(15247) }

// Database is the row of the caller's database.
func (tx *Tx) Database() (*model.Database, error) {
	d := tx.State.Databases.Get(tx.Caller.Database)
	if d == nil {
		return nil, msg.New(911, fmt.Sprint(tx.Caller.Database))
	}
	return d, nil
}

// NeedDatabase is message 262 unless the caller holds a permission on its database: statement is what the message names, such
// as CREATE ASYMMETRIC KEY.
func (tx *Tx) NeedDatabase(permission, statement string) error {
	if tx.Perm.Database(permission) {
		return nil
	}
	d, err := tx.Database()
	if err != nil {
		return err
	}
	return msg.New(262, statement, d.Name)
}

// OwnerID is the id of the principal that AUTHORIZATION names, or of the caller if it names none.
func (tx *Tx) OwnerID(authorization string) (int, error) {
	if authorization == "" {
		id, _ := tx.Perm.User()
		return max(id, model.DBO), nil
	}
	p := tx.State.FindPrincipal(tx.Caller.Database, authorization)
	if p == nil {
		return 0, Missing("find", "user", authorization)
	}
	if id, _ := tx.Perm.User(); p.ID != id && !tx.Perm.Object(perm.Securable{Class: perm.Principal, ID: p.ID, Owner: p.Owner}, "IMPERSONATE") && !tx.Perm.InRole(p.ID) {
		return 0, Missing("find", "user", authorization)
	}
	return p.ID, nil
}

// DropSecurable removes the permissions on something of a database (or of the server, db 0).
func (tx *Tx) DropSecurable(db int, class perm.Class, id int) {
	tx.State.Permissions.DeleteIf(db, func(p *model.Permission) bool { return p.Class == int(class) && p.Major == id })
}

// Credential unseals the credential that a login holds for a provider, for a session of the provider: messages 33046 without one,
// 33047 if the secret does not open, 33031 for a disabled provider. The caller destroys the secret.
func (tx *Tx) Credential(login int, p *model.Provider) (*ekm.Credential, error) {
	l := tx.State.Logins.Get(login)
	if l == nil {
		return nil, msg.New(33046, "", "cryptographic provider", p.Name)
	}
	if !p.Enabled {
		return nil, msg.New(33031, p.Name)
	}
	for _, id := range append([]int{l.Credential}, l.Credentials...) {
		c := tx.State.Credentials.Get(id)
		if c == nil || c.Provider != p.ID {
			continue
		}
		out := &ekm.Credential{Name: c.Name, Identity: c.Identity}
		if c.Secret != nil {
			s, err := tx.Service().Open("credential", SecretPlace(c), c.Secret)
			if err != nil {
				return nil, msg.New(33047, "credential", c.Name).Because(err)
			}
			out.Secret = s
		}
		return out, nil
	}
	return nil, msg.New(33046, l.Name, "cryptographic provider", p.Name)
}

// SecretPlace is where a credential's secret belongs: a row's secret does not open in another row.
func SecretPlace(c *model.Credential) string {
	return fmt.Sprintf("%d/%d", c.ID, c.Created.UnixMilli())
}

// providerKind is how messages name a provider.
const providerKind = "cryptographic provider"

// Session opens a session of a provider under a login's credential: messages 33028, 33046, 33047, 33031, 33048, 33054, 33053.
func (tx *Tx) Session(ctx context.Context, login int, p *model.Provider) (ekm.Session, error) {
	if err := tx.EKMEnabled(); err != nil {
		return nil, err
	}
	if tx.Caller.Impersonated && login == tx.Caller.Login || tx.Caller.User != 0 {
		return nil, msg.New(33048, providerKind)
	}
	cred, err := tx.Credential(login, p)
	if err != nil {
		return nil, err
	}
	s, err := tx.Providers().OpenSession(ctx, p, cred)
	if cred.Secret != nil {
		cred.Secret.Destroy()
	}
	if err != nil {
		return nil, msg.Provider(33028, err, providerKind, p.Name)
	}
	return s, nil
}

// OptionEKM is the configuration id of 'EKM provider enabled'.
const OptionEKM = 1578

// EKMEnabled is message 33053 unless the server option is on, and 33054 for a server that can load no provider.
func (tx *Tx) EKMEnabled() error {
	if c := tx.State.Configs.Get(OptionEKM); c == nil || c.InUse == 0 {
		return msg.New(33053)
	}
	if tx.Providers() == nil {
		return msg.New(33054)
	}
	return nil
}

// CredentialFor unseals the credential that a login holds for a provider, for a session that the executor opens: see
// [Tx.Credential]. The caller destroys the secret.
func (c *Catalog) CredentialFor(caller Caller, login, provider int) (*ekm.Credential, error) {
	tx := c.begin(caller)
	p := tx.State.Providers.Get(provider)
	if p == nil {
		return nil, msg.New(33030)
	}
	if caller.User != 0 || caller.Impersonated && login == caller.Login {
		return nil, msg.New(33048, providerKind)
	}
	return tx.Credential(login, p)
}

// Wipe destroys secrets that may be nil.
func Wipe(s ...*secret.Bytes) {
	for _, b := range s {
		if b != nil {
			b.Destroy()
		}
	}
}
