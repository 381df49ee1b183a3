package provider

import (
	"context"

	"latchkey/ekm"
	"latchkey/engine/catalog/msg"
)

// Register tells the key store that holds the key with a thumbprint what a server needs of it, under the credential that opens databases with that key. ekm.ErrNoRegister
// if the provider, or the store, keeps no such list. It is no use of the key: no session is opened for it.
func (k *Keys) Register(ctx context.Context, t ekm.Thumbprint, r ekm.Registration) (problems []string, err error) {
	p, err := k.protector(t)
	if err != nil {
		return nil, err
	}
	if p.Certificate != nil {
		return nil, ekm.ErrNoRegister
	}
	if _, err := CredentialRow(k.Catalog.State(), p.Login, p.Provider); err != nil {
		return nil, err
	}
	lib, err := k.Set.provider(ctx, p.Provider)
	if err != nil {
		return nil, err
	}
	registrar, ok := lib.(ekm.Registrar)
	if !ok {
		return nil, ekm.ErrNoRegister
	}
	cred, err := k.Catalog.CredentialFor(engine(), p.Login, p.Provider.ID)
	if err != nil {
		return nil, err
	}
	if cred == nil {
		return nil, msg.New(33046, "", providerKind, p.Provider.Name)
	}
	defer cred.Secret.Destroy()
	return registrar.Register(ctx, cred, r)
}
