package door

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"latchkey/akv"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/rbac"
)

// Actor is who administers vaults. Make one with [Operator] for the process itself, or [Caller] for a validated token.
type Actor struct {
	principal     rbac.Principal
	operator      bool
	Addr          netip.Addr
	RequestID     string
	CorrelationID string
	Client        string
	// Force is the reason why a vault is to be deleted or purged though a server still needs its keys; "" refuses that. At most akv.MaxForceReason bytes.
	Force string
}

// Operator is the process that runs the service: it may do everything, and its records say that it was the operator.
func Operator() Actor { return Actor{operator: true, Client: "operator"} }

// Caller is somebody with a token that was validated for the management plane. Config.MayAdminister decides about them.
func Caller(p rbac.Principal) Actor { return Actor{principal: p} }

// Properties are what a vault is, without who may use it.
type Properties struct {
	Name string // 3 to 24 characters
	HSM  bool   // a Managed HSM
	// TenantID is the tenant whose tokens are good for the vault; a GUID.
	TenantID string
	// Subscription (a GUID), ResourceGroup and Location name the vault in the management plane; the zero values are an
	// all-zero GUID, "latchkey" and "local".
	Subscription, ResourceGroup, Location string
	Premium                               bool // HSM key types; a Managed HSM has them anyway
	RetentionDays                         int  // 7 to 90; 0 means 90. It cannot be changed
	PurgeProtection                       bool // it cannot be taken back
	Tags                                  map[string]string
}

// Vault is a vault as the management plane shows it.
type Vault struct {
	Properties
	ID         string // see ID
	ResourceID string
	Access     rbac.Access
	Created    int64 // Unix seconds
	Updated    int64
	// DeletedAt and PurgeAt are set for a deleted vault, in Unix seconds.
	DeletedAt, PurgeAt int64
}

// Changes are the parts of a vault that can change; nil members stay.
type Changes struct {
	Premium         *bool
	PurgeProtection *bool // true only
	Tags            map[string]string
	// Access replaces who may use the vault, from where, under which model.
	Access *rbac.Access
}

func vaultError(status int, c, format string, args ...any) *akv.Error {
	return Fail(status, c, "", format, args...)
}

// adminDo is the door for operations on vaults.
func (s *Door) adminDo(ctx context.Context, op Op, a Actor, id string, act func(*Tx) error) error {
	c := &Call{
		Vault: id, Host: id, Addr: a.Addr, RequestID: a.RequestID, CorrelationID: a.CorrelationID, Client: a.Client, Force: a.Force,
		Version: akv.APIVersion{Level: akv.V202607},
	}
	tx := &Tx{s: s, DB: s.db, Ctx: ctx, Op: op, Call: c, Now: s.clock.Now(), Principal: a.principal}
	var err error
	if !a.operator && (s.mayAdmin == nil || !s.mayAdmin(a.principal)) {
		err = Fail(http.StatusForbidden, "AuthorizationFailed", akv.InnerAccessDenied, "The client '%s' does not have authorization to perform action '%s' over vault '%s'.", a.principal.ObjectID, op, id)
	}
	if err == nil {
		err = tx.act(act)
	}
	if err := tx.leave(err); err != nil {
		return err
	}
	return nil
}

func (tx *Tx) readVault(id string) (keydb.Entry[keydb.Vault], error) {
	v, err := tx.DB.Vault(tx.Ctx, id)
	if err != nil {
		return v, err
	}
	if v.Val == nil {
		return v, vaultError(http.StatusNotFound, "ResourceNotFound", "The vault %q was not found.", id)
	}
	tx.Vault, tx.VaultRev = v.Val, v.Rev
	return v, nil
}

// liveVault is readVault for what cannot be done to a deleted vault.
func (tx *Tx) liveVault(id string) (keydb.Entry[keydb.Vault], error) {
	v, err := tx.readVault(id)
	if err == nil && v.Val.Deleted != nil {
		err = vaultError(http.StatusNotFound, "ResourceNotFound", "The vault %q is deleted; it can be recovered.", id)
	}
	return v, err
}

// CreateVault makes a vault. access says who may use it; with no model set it is RBAC.
func (s *Door) CreateVault(ctx context.Context, a Actor, p Properties, access rbac.Access) (*Vault, error) {
	var out *Vault
	err := s.adminDo(ctx, OpVaultPut, a, ID(p.Name, p.HSM), func(tx *Tx) error {
		v, err := newVault(p, tx.Now.Unix())
		if err != nil {
			return err
		}
		if access.Model == "" {
			access.Model = rbac.ModelRBAC
		}
		if err := access.Validate(KindOf(v)); err != nil {
			return vaultError(http.StatusBadRequest, akv.CodeBadParameter, "%v", err)
		}
		tx.Vault = v
		err = tx.Change(func(b *keydb.Batch) error {
			old, err := tx.DB.Vault(tx.Ctx, v.ID)
			if err != nil {
				return err
			}
			if old.Val != nil {
				return vaultError(http.StatusConflict, "VaultAlreadyExists", "The vault name '%s' is already in use. Vault names are unique, also among deleted vaults until they are purged.", p.Name)
			}
			b.PutVault(v, 0)
			b.PutAccess(v.ID, &keydb.Access{Access: access}, keydb.KeepRev)
			return nil
		})
		out = show(v, &access)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func newVault(p Properties, now int64) (*keydb.Vault, error) {
	if !akv.ValidVaultName(p.Name) {
		return nil, vaultError(http.StatusBadRequest, "VaultNameNotValid", "The vault name '%.64s' is invalid: 3 to 24 letters, digits and single hyphens, a letter first, no hyphen last.", p.Name)
	}
	v := &keydb.Vault{
		ID: ID(p.Name, p.HSM), Name: p.Name, HSM: p.HSM, TenantID: p.TenantID,
		Subscription: p.Subscription, ResourceGroup: p.ResourceGroup, Location: p.Location,
		Premium: p.Premium || p.HSM, RetentionDays: p.RetentionDays, PurgeProtect: p.PurgeProtection, Tags: p.Tags, Created: now, Updated: now,
	}
	if v.Subscription == "" {
		v.Subscription = "00000000-0000-0000-0000-000000000000"
	}
	if v.ResourceGroup == "" {
		v.ResourceGroup = "latchkey"
	}
	if v.Location == "" {
		v.Location = "local"
	}
	if v.RetentionDays == 0 {
		v.RetentionDays = 90
	}
	switch {
	case v.RetentionDays < 7 || v.RetentionDays > 90:
		return nil, vaultError(http.StatusBadRequest, akv.CodeBadParameter, "The retention of %d days is outside 7 to 90.", v.RetentionDays)
	case v.TenantID == "":
		return nil, vaultError(http.StatusBadRequest, akv.CodeBadParameter, "A vault needs the tenant whose tokens are good for it.")
	}
	for _, part := range []string{v.TenantID, v.Subscription, v.ResourceGroup, v.Location} {
		if len(part) > 90 || slices.ContainsFunc([]byte(part), func(c byte) bool { return c <= ' ' || c == '/' || c == '"' || c > '~' }) {
			return nil, vaultError(http.StatusBadRequest, akv.CodeBadParameter, "%.90q is not usable as the tenant, subscription, resource group or location of a vault.", part)
		}
	}
	return v, nil
}

func show(v *keydb.Vault, a *rbac.Access) *Vault {
	out := &Vault{
		Properties: Properties{
			Name: v.Name, HSM: v.HSM, TenantID: v.TenantID, Subscription: v.Subscription, ResourceGroup: v.ResourceGroup,
			Location: v.Location, Premium: v.Premium, RetentionDays: v.RetentionDays, PurgeProtection: v.PurgeProtect, Tags: v.Tags,
		},
		ID: v.ID, ResourceID: ResourceID(v), Created: v.Created, Updated: v.Updated,
	}
	if a != nil {
		out.Access = *a
	}
	if v.Deleted != nil {
		out.DeletedAt, out.PurgeAt = v.Deleted.At/1000, v.Deleted.Purge
	}
	return out
}

// ReadAccess reads who may use a vault, with its revision.
func (tx *Tx) ReadAccess(id string) (*rbac.Access, int64, error) {
	a, err := tx.DB.Access(tx.Ctx, id)
	if err != nil || a.Val == nil {
		return &rbac.Access{}, 0, err
	}
	return &a.Val.Access, a.Rev, nil
}

// GetVault reads a vault by id, deleted ones too.
func (s *Door) GetVault(ctx context.Context, a Actor, id string) (*Vault, error) {
	var out *Vault
	err := s.adminDo(ctx, OpVaultGet, a, id, func(tx *Tx) error {
		v, err := tx.readVault(id)
		if err != nil {
			return err
		}
		access, _, err := tx.ReadAccess(id)
		out = show(v.Val, access)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListVaults lists the vaults, deleted ones too, without who may use them.
func (s *Door) ListVaults(ctx context.Context, a Actor) ([]*Vault, error) {
	var out []*Vault
	err := s.adminDo(ctx, OpVaultList, a, "", func(tx *Tx) error {
		all, err := tx.DB.Vaults(tx.Ctx)
		for _, v := range all {
			out = append(out, show(v.Val, nil))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateVault changes a vault.
func (s *Door) UpdateVault(ctx context.Context, a Actor, id string, c Changes) (*Vault, error) {
	var out *Vault
	err := s.adminDo(ctx, OpVaultPatch, a, id, func(tx *Tx) error {
		return tx.Change(func(b *keydb.Batch) error {
			v, err := tx.liveVault(id)
			if err != nil {
				return err
			}
			next := *v.Val
			next.Updated = tx.Now.Unix()
			if c.Premium != nil {
				next.Premium = *c.Premium || next.HSM
			}
			if c.PurgeProtection != nil {
				if next.PurgeProtect && !*c.PurgeProtection {
					return vaultError(http.StatusBadRequest, akv.CodeBadParameter, "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.")
				}
				next.PurgeProtect = *c.PurgeProtection
			}
			if c.Tags != nil {
				next.Tags = c.Tags
			}
			access, rev, err := tx.ReadAccess(id)
			if err != nil {
				return err
			}
			if c.Access != nil {
				access = c.Access
				if err := access.Validate(KindOf(&next)); err != nil {
					return vaultError(http.StatusBadRequest, akv.CodeBadParameter, "%v", err)
				}
				b.PutAccess(id, &keydb.Access{Access: *access}, rev)
			}
			b.PutVault(&next, v.Rev)
			out = show(&next, access)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SetAccess changes who may use a vault: edit gets the current state and changes it; it may be called several times.
func (s *Door) SetAccess(ctx context.Context, a Actor, id string, edit func(*rbac.Access) error) error {
	return s.adminDo(ctx, OpVaultAccess, a, id, func(tx *Tx) error {
		return tx.EditAccess(id, edit)
	})
}

// EditAccess changes who may use a vault; edit may be called several times.
func (tx *Tx) EditAccess(id string, edit func(*rbac.Access) error) error {
	return tx.Change(func(b *keydb.Batch) error {
		v, err := tx.liveVault(id)
		if err != nil {
			return err
		}
		now, rev, err := tx.ReadAccess(id)
		if err != nil {
			return err
		}
		next := *now
		next.Assignments, next.Roles, next.Policies = slices.Clone(now.Assignments), slices.Clone(now.Roles), slices.Clone(now.Policies)
		if err := edit(&next); err != nil {
			return err
		}
		if err := next.Validate(KindOf(v.Val)); err != nil {
			return keyspec.BadParameter("%v", err)
		}
		b.CheckVault(id, v.Rev)
		b.PutAccess(id, &keydb.Access{Access: next}, rev)
		return nil
	})
}

// DeleteVault deletes a vault; it can be recovered for its retention period. Its keys stay as they are. A vault whose keys a registered server needs is deleted with Actor.Force alone.
func (s *Door) DeleteVault(ctx context.Context, a Actor, id string) error {
	return s.adminDo(ctx, OpVaultDelete, a, id, func(tx *Tx) error {
		return tx.Change(func(b *keydb.Batch) error {
			v, err := tx.liveVault(id)
			if err != nil {
				return err
			}
			if err := tx.neededVault(b); err != nil {
				return err
			}
			next := *v.Val
			next.Deleted = &keydb.Deletion{At: tx.Now.UnixMilli(), Purge: tx.Now.AddDate(0, 0, next.RetentionDays).Unix()}
			b.PutVault(&next, v.Rev)
			return nil
		})
	})
}

// RecoverVault brings a deleted vault back.
func (s *Door) RecoverVault(ctx context.Context, a Actor, id string) error {
	return s.adminDo(ctx, OpVaultRecover, a, id, func(tx *Tx) error {
		return tx.Change(func(b *keydb.Batch) error {
			v, err := tx.readVault(id)
			if err != nil {
				return err
			}
			if v.Val.Deleted == nil {
				return vaultError(http.StatusConflict, "ConflictError", "The vault %q is not deleted.", id)
			}
			next := *v.Val
			next.Deleted = nil
			b.PutVault(&next, v.Rev)
			return nil
		})
	})
}

// PurgeVault removes a deleted vault and all its keys for good. Purge protection forbids it before the retention is over, and a registered server that needs its keys without Actor.Force.
func (s *Door) PurgeVault(ctx context.Context, a Actor, id string) error {
	return s.adminDo(ctx, OpVaultPurge, a, id, func(tx *Tx) error {
		v, err := tx.readVault(id)
		if err != nil {
			return err
		}
		switch {
		case v.Val.Deleted == nil:
			return vaultError(http.StatusConflict, "ConflictError", "The vault %q is not deleted; delete it first.", id)
		case v.Val.PurgeProtect && tx.Now.Unix() < v.Val.Deleted.Purge:
			return vaultError(http.StatusForbidden, akv.CodeForbidden, "The vault %q has purge protection; it is purged when its retention is over.", id)
		}
		// Nobody can register at a deleted vault, and one that was recovered meanwhile fails by its revision.
		if err := tx.neededVault(tx.DB.Batch()); err != nil {
			return err
		}
		if err := tx.purgeKeys(id); err != nil {
			return err
		}
		// The vault goes last: after a crash it is still there, deleted, and can be purged again.
		err = tx.Change(func(b *keydb.Batch) error {
			again, err := tx.readVault(id)
			if err != nil {
				return err
			}
			if again.Val.Deleted == nil {
				return vaultError(http.StatusConflict, "ConflictError", "The vault %q was recovered meanwhile; some of its keys may be purged.", id)
			}
			dependents, _, err := tx.DB.Dependents(tx.Ctx, id)
			if err != nil {
				return err
			}
			b.DeleteDependents(id, dependents)
			b.DeleteVault(id, again.Rev)
			return nil
		})
		if err == nil {
			tx.SweepSoon()
		}
		return err
	})
}

// PostponePurge puts the end of a deleted vault's retention off, because a server still needs its keys.
func (s *Door) PostponePurge(ctx context.Context, a Actor, id string, until time.Time) error {
	return s.adminDo(ctx, OpVaultPurgePostponed, a, id, func(tx *Tx) error {
		return tx.Change(func(b *keydb.Batch) error {
			v, err := tx.readVault(id)
			if err != nil {
				return err
			}
			if v.Val.Deleted == nil {
				return vaultError(http.StatusConflict, "ConflictError", "The vault %q is not deleted.", id)
			}
			next, gone := *v.Val, *v.Val.Deleted
			gone.Purge = until.Unix()
			next.Deleted = &gone
			b.PutVault(&next, v.Rev)
			return nil
		})
	})
}

const purgeChunk = 50

func (tx *Tx) purgeKeys(id string) error {
	for _, deleted := range []bool{false, true} {
		for {
			heads, _, err := tx.DB.Heads(tx.Ctx, id, deleted, "", purgeChunk)
			if err != nil {
				return err
			}
			if len(heads) == 0 {
				break
			}
			b := tx.DB.Batch()
			b.CheckVault(id, tx.VaultRev)
			for _, h := range heads {
				b.DeleteHead(id, h.Val, h.Rev)
				b.Garbage(id, h.Val.Key, tx.Now)
			}
			if err := tx.Commit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Exists reports whether a live vault has this id; it is for servers that choose certificates and is not recorded.
func (s *Door) Exists(ctx context.Context, id string) (bool, error) {
	v, err := s.db.Vault(ctx, id)
	return err == nil && v.Val != nil && v.Val.Deleted == nil, err
}

// IsVaultExists reports whether err says that a vault's name is taken.
func IsVaultExists(err error) bool {
	var e *akv.Error
	return errors.As(err, &e) && e.Code == "VaultAlreadyExists"
}

// SweepSoon removes what a purge left, after the operation is done; a failure leaves it to the next sweep.
func (tx *Tx) SweepSoon() {
	ctx, now := context.WithoutCancel(tx.Ctx), tx.Now
	tx.After(func() {
		if _, err := tx.DB.Sweep(ctx, now); err != nil {
			tx.s.log.Warn("purged keys not swept yet", "error", err)
		}
	})
}
