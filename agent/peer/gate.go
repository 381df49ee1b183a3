package peer

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Account is a uid in decimal, or a SID.
type Account string

// LookupAccounts finds accounts by number, SID or name. Every name that is not found is in the error.
func LookupAccounts(names []string) ([]Account, error) {
	var out []Account
	for _, n := range names {
		a, err := lookup(n)
		if err != nil {
			return nil, fmt.Errorf("finding the account %q: %w", n, err)
		}
		out = append(out, a)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Gate holds the accounts that are served. The process's own account is always among them, and on Linux root, which can be any
// account anyway. It is safe for concurrent use.
type Gate struct{ accounts atomic.Pointer[[]Account] }

// NewGate makes a Gate.
func NewGate(accounts ...Account) *Gate {
	g := &Gate{}
	g.Set(accounts)
	return g
}

// Set replaces the accounts. On Windows it changes nothing for a pipe that exists: its access list was made from them.
func (g *Gate) Set(accounts []Account) {
	a := append(slices.Clone(accounts), self()...)
	slices.Sort(a)
	a = slices.Compact(a)
	g.accounts.Store(&a)
}

// Accounts are those that are admitted.
func (g *Gate) Accounts() []Account { return slices.Clone(*g.accounts.Load()) }

func (g *Gate) admits(a Account) bool { return slices.Contains(*g.accounts.Load(), a) }
