package compose

import (
	"fmt"

	"latchkey/entra"
)

// defaultArcKeys is where SDKs on Linux want an Azure Arc machine's key files; another directory serves other clients alone.
const defaultArcKeys = "/var/opt/azcmagent/tokens"

// serveArc answers as the identity endpoint of an Azure Arc machine on addr, for the identities of this installation. Callers
// must be able to read files of this process's account.
func (u *Up) serveArc(addr, keys string) (bound string, err error) {
	if keys == "" {
		keys = defaultArcKeys
	}
	l, err := bind("Arc", addr)
	if err != nil {
		return "", err
	}
	if u.arc, err = u.in.Entra.Arc(keys, entra.Identities{}); err != nil {
		_ = l.Close()
		return "", fmt.Errorf("serving as an Arc machine: %w", err)
	}
	u.ports = append(u.ports, serve("Arc", l, u.arc, nil, u.in.Log))
	return l.Addr().String(), nil
}
