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
	r.Needs = st.here(ctx, r.Needs)
	return v.Register(ctx, r)
}

// here adds to each need where the map has its key in this vault. Who needs a key knows the address that it had: it may have been restored elsewhere since, as after the loss of a vault.
func (st *store) here(ctx context.Context, needs []ekm.Need) []ekm.Need {
	var out []ekm.Need
	for _, n := range needs {
		out = append(out, n)
		if uri, err := st.p.cfg.Map.Get(ctx, st.url, n.Thumbprint); err == nil && uri != n.URI {
			n.URI = uri
			out = append(out, n)
		}
	}
	return out
}

var _ ekm.Registrar = (*Provider)(nil)
