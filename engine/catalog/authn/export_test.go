package authn

import "latchkey/internal/secret"

// Count makes a gate tell of each password that it checks, or seems to, for a login that is there or not.
func (g *Gate) Count(one func()) {
	of := g.work
	g.work = work{
		func(h []byte, pw *secret.Bytes) bool { one(); return of.check(h, pw) },
		func(pw *secret.Bytes) { one(); of.decoy(pw) },
	}
}
