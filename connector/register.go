package connector

import (
	"context"

	"latchkey/ekm"
)

// Registry is a Vault that keeps a list of the servers that need its keys.
type Registry interface {
	// Register is ekm.Registrar's for this vault. It asks nothing of a vault that has not shown that it keeps such a list.
	Register(ctx context.Context, r ekm.Registration) (problems []string, err error)
}

// Register tells the vault of a credential what a server needs of it. It is one try: who registers comes again anyway, and a vault that refuses is no sign that keys are lost.
func (p *Provider) Register(ctx context.Context, cred *ekm.Credential, r ekm.Registration) ([]string, error) {
	if !p.enter() {
		return nil, coded("registering", errClosed)
	}
	defer p.wg.Done()
	st, err := p.authenticate(ctx, cred)
	if err != nil {
		return nil, err
	}
	v, ok := st.vault().(Registry)
	if !ok {
		return nil, ekm.ErrNoRegister
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.TryTimeout)
	defer cancel()
	return v.Register(ctx, r)
}

var _ ekm.Registrar = (*Provider)(nil)
