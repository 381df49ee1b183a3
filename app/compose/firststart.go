package compose

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/google/uuid"

	"latchkey/akv"
	"latchkey/app/install"
	"latchkey/app/running"
	"latchkey/entra"
	"latchkey/vault"
	"latchkey/vault/rbac"
)

// Built-in roles by their ids, which are constant in every cloud.
const (
	roleCryptoOfficer     = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603"
	roleEncryptionUser    = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
	roleHSMAdministrator  = "a290e904-7015-4bba-90c8-60543313cdb4"
	roleHSMCryptoOfficer  = "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"
	roleHSMCryptoUser     = "21dbd100-6940-42c2-9190-5d6cb909625b"
	roleHSMEncryptionUser = "33413926-3206-4cdd-b39a-83574fe37a17"
)

// firstStart makes what a new installation has, and is done with it when installation.json says so; after a crash it goes on
// where it stopped. Later starts only look at the clients' secrets. It goes through the vault's own doors, as its clients do.
func (u *Up) firstStart(ctx context.Context) (*running.Secrets, error) {
	in := u.in
	secrets, err := in.EnsureSecrets(ctx, u.apps)
	if err != nil {
		return nil, err
	}
	if in.Furnished() {
		return secrets, nil
	}
	for _, v := range []struct {
		name string
		hsm  bool
	}{{VaultName, false}, {HSMName, true}} {
		if err := u.ensureVault(ctx, vault.Properties{Name: v.name, HSM: v.hsm, TenantID: u.Info.TenantID, Premium: true}, u.apps); err != nil {
			return nil, fmt.Errorf("making the vault %q: %w", v.name, err)
		}
	}
	if err := u.ensureKey(ctx, secrets); err != nil {
		return nil, fmt.Errorf("making the key %q: %w", KeyName, err)
	}
	return secrets, in.NoteFurnished()
}

func (u *Up) ensureVault(ctx context.Context, p vault.Properties, apps map[string]entra.App) error {
	id := vault.ID(p.Name, p.HSM)
	_, err := u.service.GetVault(ctx, vault.Operator(), id)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*akv.Error](err); !ok || e.Status != http.StatusNotFound {
		return err
	}
	type grant struct{ app, role string }
	grants := []grant{{install.OperatorName, roleCryptoOfficer}, {install.ConnectorName, roleEncryptionUser}, {install.MachineName, roleEncryptionUser}}
	if p.HSM {
		grants = []grant{
			{install.OperatorName, roleHSMAdministrator},
			{install.OperatorName, roleHSMCryptoOfficer},
			{install.OperatorName, roleHSMCryptoUser},
			{install.ConnectorName, roleHSMEncryptionUser},
			{install.MachineName, roleHSMEncryptionUser},
		}
	}
	access := rbac.Access{Model: rbac.ModelRBAC}
	for _, g := range grants {
		// "/" is the whole vault: the assignment is kept with it and says nothing about others.
		access.Assignments = append(access.Assignments, rbac.Assignment{ID: uuid.NewString(), RoleID: g.role, PrincipalID: install.ObjectID(apps[g.app]), Scope: "/"})
	}
	_, err = u.service.CreateVault(ctx, vault.Operator(), p, access)
	return err
}

// ensureKey makes the first key as a client does, through proxy, token and vault, which shows that all of them work.
func (u *Up) ensureKey(ctx context.Context, secrets *running.Secrets) error {
	client, err := u.Info.KeysWith(u.in.FS, u.Info.VaultURL, secrets)
	if err != nil {
		return err
	}
	_, err = client.GetKey(ctx, KeyName, "", nil)
	var resp *azcore.ResponseError
	if err == nil || !errors.As(err, &resp) || resp.StatusCode != http.StatusNotFound {
		return err
	}
	kty, bits := azkeys.KeyTypeRSA, int32(2048)
	_, err = client.CreateKey(ctx, KeyName, azkeys.CreateKeyParameters{Kty: &kty, KeySize: &bits}, nil)
	return err
}
