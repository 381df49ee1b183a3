package keystmt

import (
	"fmt"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/model"
	"latchkey/engine/exec/raise"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/tsql/ast"
)

func (r *run) provider(s *ast.Provider) error {
	path, err := r.text(s.File)
	if err != nil {
		return err
	}
	ctx := r.ctx
	defer func() { r.ctx = ctx }()
	r.ctx = provider.WithSession(ctx, r.Caller().Session)
	if s.Mode == "CREATE" {
		_, err = r.do(&credential.CreateProvider{Name: s.Name, Path: path})
	} else {
		_, err = r.do(&credential.AlterProvider{Name: s.Name, Path: path, State: s.State})
	}
	if err != nil {
		return err
	}
	if s.File != nil && r.cfg.Providers != nil {
		if _, name, ok := r.cfg.Providers.Builtin(path); ok {
			r.Print(fmt.Sprintf("The file '%s' is a name for the provider '%s', which is part of this server: no file was loaded.", path, name))
		}
	}
	r.cfg.Retry()
	return nil
}

func (r *run) credential(s *ast.Credential) error {
	if s.DatabaseScoped {
		return raise.Unsupported("DATABASE SCOPED CREDENTIAL")
	}
	if s.Mode == "CREATE" {
		_, err := r.do(&credential.Create{Name: s.Name, Identity: s.Identity, Secret: copyOf(s.Secret), Provider: s.Provider})
		return err
	}
	st, err := r.do(&credential.Alter{Name: s.Name, Identity: s.Identity, Secret: copyOf(s.Secret)})
	if err != nil {
		return err
	}
	if c := st.FindCredential(s.Name); c != nil {
		r.renewed(st, c)
	}
	r.cfg.Retry()
	return nil
}

// renewed lets go of the sessions that were opened with a credential's old content.
func (r *run) renewed(st *model.State, c *model.Credential) {
	if r.cfg.Providers == nil || c.Provider == 0 {
		return
	}
	var now *ekm.Credential
	for _, l := range st.MappedTo(c.ID) {
		cred, err := r.cfg.Catalog.CredentialFor(catalog.Caller{Login: model.SA, Database: model.Master}, l, c.Provider)
		if err != nil {
			continue // disabled or dropped meanwhile
		}
		now = cred
		break
	}
	r.cfg.Providers.Forget(r.ctx, c.ID, now)
	if now != nil && now.Secret != nil {
		now.Secret.Destroy()
	}
}

// forget lets go of the sessions under a credential that was dropped or taken from its login.
func (r *run) forget(c *model.Credential) {
	if c != nil && r.cfg.Providers != nil {
		r.cfg.Providers.Forget(r.ctx, c.ID, nil)
	}
}

func (r *run) dropCredential(name string) error {
	c := r.state().FindCredential(name)
	_, err := r.do(&credential.Drop{Name: name})
	if err == nil {
		r.forget(c)
	}
	return err
}
