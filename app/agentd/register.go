package agentd

import (
	"context"

	"latchkey/ekm"
)

// Register is the provider's own.
func (o *owned) Register(ctx context.Context, cred *ekm.Credential, r ekm.Registration) ([]string, error) {
	if p, ok := o.Provider.(ekm.Registrar); ok {
		return p.Register(ctx, cred, r)
	}
	return nil, ekm.ErrNoRegister
}

var _ ekm.Registrar = (*owned)(nil)
