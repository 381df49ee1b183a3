// Package dependents keeps who needs a vault's keys, as operations behind the door: an extension of Latchkey's that Azure does not have.
//
// A server (the engine by itself, latchkey retire --register for a real SQL Server) puts what it needs, and renews that before its lease is over. The vault then refuses what would make
// a version unusable for it: disabling, taking unwrapKey away, deleting, purging; see [door.Tx.Needed]. Expiry refuses nothing: an expired key still unwraps.
//
// A server that falls silent is shown as stale after its lease (24 hours unless it asked otherwise) and still heeded; akv.DependentGrace, 30 days, after that it has lapsed and is heeded
// no more. It is shown until it comes back, or somebody who may delete keys forgets it. A registration belongs to the principal who made it: no other can replace it.
//
// Each function wants a Tx that was opened for it.
package dependents

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
)

// maxDependents bounds a vault's servers.
const maxDependents = 1000

// Put registers a server or renews it. Without uses it ends the registration.
func Put(tx *door.Tx, id string, in *akv.Dependent) (*akv.Dependent, error) {
	if err := tx.Opened(door.OpDependentPut); err != nil {
		return nil, err
	}
	d, err := read(id, in)
	if err != nil {
		return nil, err
	}
	if err := tx.Charge(false, 0); err != nil {
		return nil, err
	}
	tx.Object = tx.Call.Base + akv.PathDependents + "/" + id
	d.Owner, d.Created, d.Renewed = tx.Principal.ObjectID, tx.Now.Unix(), tx.Now.Unix()
	err = tx.Change(func(b *keydb.Batch) error {
		old, err := tx.DB.Dependent(tx.Ctx, tx.Vault.ID, id)
		if err != nil {
			return err
		}
		b.CheckVault(tx.Vault.ID, tx.VaultRev)
		switch {
		case old.Val != nil && !strings.EqualFold(old.Val.Owner, d.Owner):
			return door.Conflict("", "The registration %q belongs to the principal %s; only it can change it. Who may delete keys can forget it.", id, old.Val.Owner)
		case old.Val != nil && len(d.Uses) == 0:
			b.DeleteDependent(tx.Vault.ID, id, old.Rev)
			return nil
		case len(d.Uses) == 0: // nothing is there and nothing is to be: the condition stands for the record
			return nil
		case old.Val == nil:
			list, _, err := tx.DB.Dependents(tx.Ctx, tx.Vault.ID)
			if err != nil {
				return err
			}
			if len(list) >= maxDependents {
				return door.Conflict("", "The vault has %d registered servers, which is as many as it takes; forget those that are gone.", len(list))
			}
			b.PutDependent(tx.Vault.ID, d, 0, true)
			return nil
		}
		d.Created = old.Val.Created
		// A lapsed one that comes back is heeded again: that changes what others may do, as new uses do.
		changed := !slices.Equal(old.Val.Uses, d.Uses) || keyspec.DependentState(old.Val, tx.Now.Unix()) == akv.DependentLapsed
		b.PutDependent(tx.Vault.ID, d, old.Rev, changed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := show(d, tx.Now)
	out.Problems, err = problems(tx, d.Uses)
	return &out, err
}

func read(id string, in *akv.Dependent) (*keydb.Dependent, error) {
	switch {
	case !akv.ValidDependentID(id):
		return nil, keyspec.BadParameter("The id of a registration has 1 to 128 printable ASCII characters without \"/\".")
	case in.ID != "" && in.ID != id:
		return nil, keyspec.BadParameter("The id in the body is not the one in the address.")
	case in.Server == "" || len(in.Server) > 256:
		return nil, keyspec.InvalidProperty("server: a name of 1 to 256 bytes.")
	case len(in.Uses) > akv.MaxUses:
		return nil, keyspec.InvalidProperty("uses: %d, more than %d.", len(in.Uses), akv.MaxUses)
	}
	lease := time.Duration(in.Lease) * time.Second
	if in.Lease == 0 {
		lease = akv.DependentLease
	}
	if in.Lease < 0 || in.Lease > int64(akv.MaxLease/time.Second) || lease < akv.MinLease {
		return nil, keyspec.InvalidProperty("lease: %d seconds, not from %d to %d.", in.Lease, int64(akv.MinLease/time.Second), int64(akv.MaxLease/time.Second))
	}
	for i, u := range in.Uses {
		switch {
		case !akv.ValidKeyName(u.Key):
			return nil, keyspec.InvalidProperty("uses[%d].key: no name of a key.", i)
		case !akv.ValidVersion(strings.ToLower(u.Version)):
			return nil, keyspec.InvalidProperty("uses[%d].version: 32 hexadecimal digits.", i)
		case len(u.Database) > 512 || u.Kind == "" || len(u.Kind) > 64 || len(u.Thumbprint) > 66:
			return nil, keyspec.InvalidProperty("uses[%d]: kind of 1 to 64 bytes, database of at most 512, thumbprint of at most 66.", i)
		}
	}
	d := &keydb.Dependent{ID: id, Server: in.Server, Lease: int64(lease / time.Second), Uses: akv.Condense(in.Uses)}
	for i := range d.Uses {
		d.Uses[i].Version = strings.ToLower(d.Uses[i].Version)
	}
	return d, nil
}

func show(d *keydb.Dependent, now time.Time) akv.Dependent {
	stale := d.Renewed + d.Lease
	return akv.Dependent{
		ID: d.ID, Server: d.Server, Lease: d.Lease, Uses: d.Uses, State: keyspec.DependentState(d, now.Unix()), Owner: d.Owner,
		Created: d.Created, Renewed: d.Renewed, StaleAt: stale, LapsesAt: stale + int64(akv.DependentGrace/time.Second),
	}
}

// problems are uses that the vault cannot serve: the server hears of it before it needs them.
func problems(tx *door.Tx, uses []akv.Use) ([]string, error) {
	var out []string
	var last akv.Use
	for _, u := range uses {
		if u.Key == last.Key && u.Version == last.Version {
			continue
		}
		last = u
		say := func(what string) { out = append(out, fmt.Sprintf("key %s/%s %s", u.Key, u.Version, what)) }
		h, err := tx.DB.Head(tx.Ctx, tx.Vault.ID, u.Key, false)
		if err != nil {
			return nil, err
		}
		if h.Val == nil {
			say("is not in the vault")
			continue
		}
		v, err := tx.DB.Version(tx.Ctx, tx.Vault.ID, h.Val.Key, u.Version)
		switch {
		case err != nil:
			return nil, err
		case v.Val == nil:
			say("is not in the vault")
		case !keyspec.Opens(v.Val, tx.Now.Unix()):
			say("cannot unwrap: it is disabled, or its operations do not have unwrapKey")
		}
	}
	return out, nil
}

// List lists the servers, those that have lapsed too.
func List(tx *door.Tx) (*akv.DependentList, error) {
	if err := tx.Opened(door.OpDependentList); err != nil {
		return nil, err
	}
	if err := tx.Charge(false, 0); err != nil {
		return nil, err
	}
	all, _, err := tx.DB.Dependents(tx.Ctx, tx.Vault.ID)
	if err != nil {
		return nil, err
	}
	out := &akv.DependentList{Value: []akv.Dependent{}}
	for _, d := range all {
		out.Value = append(out.Value, show(d, tx.Now))
	}
	return out, nil
}

// Delete forgets a server, whoever registered it. One that is heeded is forgotten with a reason alone: akv.HeaderForceReason.
func Delete(tx *door.Tx, id string) (*akv.Dependent, error) {
	if err := tx.Opened(door.OpDependentDelete); err != nil {
		return nil, err
	}
	if err := tx.Charge(false, 0); err != nil {
		return nil, err
	}
	tx.Object = tx.Call.Base + akv.PathDependents + "/" + id
	var out akv.Dependent
	err := tx.Change(func(b *keydb.Batch) error {
		old, err := tx.DB.Dependent(tx.Ctx, tx.Vault.ID, id)
		if err != nil {
			return err
		}
		if old.Val == nil {
			return door.Fail(404, akv.CodeNotFound, "", "No server is registered as %.128q.", id)
		}
		out = show(old.Val, tx.Now)
		if out.State != akv.DependentLapsed && tx.Call.Force == "" {
			return door.Conflict(akv.InnerKeyStillNeeded, "The registration of server '%s' counts until %s. Forgetting it now needs the header '%s' and a reason.",
				out.Server, time.Unix(out.LapsesAt, 0).UTC().Format(time.RFC3339), akv.HeaderForceReason)
		}
		tx.Note("forgotten: " + tx.Call.Force)
		b.DeleteDependent(tx.Vault.ID, id, old.Rev)
		return nil
	})
	return &out, err
}
