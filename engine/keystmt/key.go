package keystmt

import (
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/exec/raise"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/secret"
)

// openMaster is the master key of the session's database if the session has it open. It stays the session's.
func (r *run) openMaster() *protect.Key {
	db := r.Caller().Database
	return r.Ring().Master(db, r.state().SymmetricKeys.In(db, model.DatabaseMasterKeyID))
}

func (r *run) provided(name string, keyName *ast.Text, creation string) (key.Provided, error) {
	n, err := r.text(keyName)
	return key.Provided{Provider: name, KeyName: n, Existing: creation == "OPEN_EXISTING"}, err
}

// inProvider makes the statement's context say whose session it is.
func (r *run) inProvider(f func() error) error {
	ctx := r.ctx
	defer func() { r.ctx = ctx }()
	r.ctx = provider.WithSession(ctx, r.Caller().Session)
	return f()
}

func (r *run) asymmetricKey(s *ast.AsymmetricKey) error {
	if s.Source != "" {
		return raise.Unsupported("CREATE ASYMMETRIC KEY FROM " + s.Source)
	}
	p, err := r.provided(s.Provider, s.KeyName, s.Creation)
	if err != nil {
		return err
	}
	op := &key.CreateAsymmetric{
		Name: s.Name, Owner: s.Owner, Algorithm: s.Algorithm, Provided: p, Password: copyOf(s.Password), Open: r.openMaster(),
	}
	err = r.inProvider(func() error { _, err := r.do(op); return err })
	if err == nil {
		r.cfg.Retry()
	}
	return err
}

func (r *run) alterAsymmetricKey(s *ast.AlterAsymmetricKey) error {
	if s.AttestedBy != nil || s.RemoveAttestedFlag {
		return raise.Unsupported("ALTER ASYMMETRIC KEY ATTESTED")
	}
	_, err := r.do(&key.AlterAsymmetric{
		Name: s.Name, Remove: s.RemovePrivateKey, Decrypt: copyOf(s.Decrypt), Encrypt: copyOf(s.Encrypt), Open: r.openMaster(),
	})
	return err
}

// encryptors copies what a key is encrypted by; open symmetric keys stay the session's.
func (r *run) encryptors(list []*ast.Encryptor) []key.Encryptor {
	var out []key.Encryptor
	for _, e := range list {
		out = append(out, key.Encryptor{Kind: e.Kind, Name: e.Name, Password: copyOf(e.Password), Key: r.opened(e)})
	}
	return out
}

// opened is the symmetric key that an encryptor names, if the session has it open.
func (r *run) opened(e *ast.Encryptor) *secret.Bytes {
	if e.Kind != "SYMMETRIC KEY" {
		return nil
	}
	db := r.Caller().Database
	return r.Ring().Key(db, r.state().FindSymmetricKey(db, e.Name))
}

func (r *run) symmetricKey(s *ast.SymmetricKey) error {
	if strings.HasPrefix(s.Name, "#") && s.Provider == "" {
		return raise.Unsupported("temporary symmetric keys")
	}
	p, err := r.provided(s.Provider, s.KeyName, s.Creation)
	if err != nil {
		return err
	}
	op := &key.CreateSymmetric{
		Name: s.Name, Owner: s.Owner, Algorithm: s.Algorithm, Source: copyOf(s.KeySource), Identity: copyOf(s.IdentityValue),
		Encryptors: r.encryptors(s.Encryptors), Provided: p,
	}
	return r.inProvider(func() error { _, err := r.do(op); return err })
}

func (r *run) alterSymmetricKey(s *ast.AlterSymmetricKey) error {
	db := r.Caller().Database
	op := &key.AlterSymmetric{
		Name: s.Name, Drop: s.Drop, Encryptors: r.encryptors(s.Encryptors), Key: r.Ring().Key(db, r.state().FindSymmetricKey(db, s.Name)),
	}
	return r.inProvider(func() error { _, err := r.do(op); return err })
}

func (r *run) openKey(s *ast.OpenKey) error {
	c := r.Caller()
	if s.Master {
		st := r.state()
		k, err := key.OpenMaster(st, c, s.By.Password.Value)
		if err == nil {
			r.Ring().OpenMaster(c.Database, st.SymmetricKeys.In(c.Database, model.DatabaseMasterKeyID), k)
		}
		return err
	}
	k := r.state().FindSymmetricKey(c.Database, s.Name)
	if k != nil && r.Ring().Has(c.Database, k) {
		return nil
	}
	by := key.Encryptor{Kind: s.By.Kind, Name: s.By.Name, Key: r.opened(s.By)}
	if s.By.Password != nil {
		by.Password = s.By.Password.Value
	}
	return r.inProvider(func() error {
		opened, err := key.OpenSymmetric(r.ctx, r.cfg.Catalog, key.Use{Caller: c, Open: r.openMaster()}, s.Name, by)
		if err != nil {
			return err
		}
		if k == nil {
			opened.Destroy() // it was made between the two looks
			return catalog.Missing("find", "symmetric key", s.Name)
		}
		if !r.Ring().Open(c.Database, k, opened, r.cfg.Clock.Now()) {
			return raise.Unsupported("more than 1,000 open keys in a session")
		}
		return nil
	})
}

func (r *run) closeKey(s *ast.CloseKey) error {
	c := r.Caller()
	switch {
	case s.Master:
		r.Ring().CloseMaster(c.Database)
		return nil
	case s.All:
		r.Ring().CloseAll()
		return nil
	}
	k := r.state().FindSymmetricKey(c.Database, s.Name)
	switch {
	case k == nil || k.ID < model.FirstKeyID:
		return catalog.Missing("find", "symmetric key", s.Name)
	case !r.Ring().Close(c.Database, k):
		return msg.New(15315, k.Name)
	}
	return nil
}

func (r *run) masterKey(s *ast.MasterKey) error {
	what := "MASTER KEY"
	if s.Service {
		what = "SERVICE MASTER KEY"
	}
	switch {
	case s.Service && (s.Action == "BACKUP" || s.Action == "RESTORE"), s.Action == "BACKUP", s.Action == "RESTORE":
		return raise.Unsupported(s.Action + " " + what)
	case s.Service, s.Action == "FORCE REGENERATE":
		return raise.Unsupported("ALTER " + what + " " + s.Action)
	case s.Action == "CREATE" && s.Encrypt == nil:
		return raise.Unsupported("CREATE MASTER KEY without a password")
	case s.Action == "CREATE":
		_, err := r.do(&key.CreateMaster{Password: copyOf(s.Encrypt)})
		return err
	}
	_, err := r.do(&key.AlterMaster{Action: s.Action, Service: s.ByService, Password: copyOf(s.Encrypt), Open: r.openMaster()})
	if err == nil && s.Action == "REGENERATE" {
		r.Ring().CloseMaster(r.Caller().Database) // it is another key now
	}
	return err
}
