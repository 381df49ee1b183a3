package agentd

import (
	"context"
	"errors"
	"fmt"

	"latchkey/azure"
	"latchkey/connector/relocate"
	"latchkey/ekm"
)

// OpenVault opens the vault that a credential names as the connector of these settings would. It uses FS, Clock and LookupEnv of cfg. close must be called.
func OpenVault(ctx context.Context, cfg Config, s *Settings, cred *ekm.Credential) (_ relocate.Vault, closing func() error, _ error) {
	opener := azure.New(azure.Config{
		Clock: cfg.Clock, Suffix: s.Suffix, Settings: s.vault,
		Env: func(name string) string { v, _ := cfg.LookupEnv(name); return v },
	})
	v, err := opener.Open(ctx, cred)
	if err != nil {
		return nil, nil, errors.Join(err, opener.Close())
	}
	return v, opener.Close, nil
}

// OpenMap gives the thumbprint map of these settings, to be mended. It uses FS, Clock, Log and LookupEnv of cfg. A file that is no map is an error
// and left where it is: somebody may have mistaken another file for it.
func OpenMap(cfg Config, s *Settings) (relocate.Map, error) {
	m, err := (&daemon{cfg: cfg}).keymap(s)
	if err != nil {
		return nil, err
	}
	mended, ok := m.(relocate.Map)
	if !ok {
		return nil, fmt.Errorf("the thumbprint map %v cannot be mended", m)
	}
	if f, ok := m.(interface{ Sound() error }); ok {
		if err := f.Sound(); err != nil {
			return nil, err
		}
	}
	return mended, nil
}
