package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"latchkey/app/running"
	"latchkey/ekm/code"
	"latchkey/engine/catalog/password"
	"latchkey/entra"
	"latchkey/entra/directory"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// The tenant and the principals that the first start makes, by name.
const (
	TenantName    = "Latchkey"
	OperatorName  = "latchkey-operator"  // everything with keys: latchkey key, SDKs
	ConnectorName = "latchkey-connector" // get, wrap, unwrap: a database server
	MachineName   = "latchkey-machine"   // the managed identity of IMDS: as the connector
)

const (
	clientsFile    = "clients.sealed"
	clientsName    = "latchkey clients v1"
	clientsVersion = 1
	// renewSecretBefore is how long before its end a client's secret is replaced at a start. The old one stays valid beside it.
	renewSecretBefore = 180 * 24 * time.Hour
)

// clients is what clients.sealed holds: the secrets that entra keeps as hashes alone and `latchkey env` must give.
type clients struct {
	Version   int    `json:"version"`
	Operator  client `json:"operator"`
	Connector client `json:"connector"`
	// SQL is the password of the database server's first login; SQLGiven says that the server has it.
	SQL      string `json:"sql,omitempty"`
	SQLGiven bool   `json:"sqlGiven,omitempty"`
}

type client struct {
	ClientID string `json:"clientId"`
	KeyID    string `json:"keyId"`
	Secret   string `json:"secret"`
}

// EnsurePrincipals makes the tenant and the principals if they are missing and returns them by name. What a crash left half done is
// finished, as each step looks first.
func (in *Installation) EnsurePrincipals(ctx context.Context) (entra.Tenant, map[string]entra.App, error) {
	a := in.Entra
	var tenant entra.Tenant
	for _, t := range a.Tenants() {
		if t.Name == TenantName {
			tenant = t
		}
	}
	var err error
	if tenant.ID == "" {
		if tenant, err = a.CreateTenant(ctx, entra.Tenant{Name: TenantName, Domains: []string{"latchkey.localhost"}}); err != nil {
			return tenant, nil, err
		}
	}
	apps := make(map[string]entra.App)
	for _, app := range a.Apps(tenant.ID) {
		apps[app.Name] = app
	}
	for _, n := range []entra.NewApp{
		{Name: OperatorName, TenantID: tenant.ID},
		{Name: ConnectorName, TenantID: tenant.ID},
		{Name: MachineName, TenantID: tenant.ID, Managed: true},
	} {
		if _, ok := apps[n.Name]; ok {
			continue
		}
		app, err := a.CreateApp(ctx, n)
		if err != nil {
			return tenant, nil, err
		}
		apps[n.Name] = app
	}
	return tenant, apps, nil
}

// ObjectID is the principal of an application in its own tenant.
func ObjectID(app entra.App) string {
	for _, p := range app.Principals {
		if p.TenantID == app.TenantID {
			return p.ObjectID
		}
	}
	return ""
}

// EnsureSecrets reads the clients' secrets, or makes those that are missing, unknown to the authority or near their end.
func (in *Installation) EnsureSecrets(ctx context.Context, apps map[string]entra.App) (*running.Secrets, error) {
	have, err := in.readClients()
	if err != nil {
		return nil, err
	}
	changed := false
	for _, c := range []struct {
		name string
		to   *client
	}{{OperatorName, &have.Operator}, {ConnectorName, &have.Connector}} {
		app := apps[c.name]
		if c.to.ClientID == app.ClientID && in.secretLives(app, c.to.KeyID) {
			continue
		}
		if err := in.makeRoom(ctx, app, c.to.KeyID); err != nil {
			return nil, err
		}
		s, plain, err := in.Entra.AddSecret(ctx, app.ClientID, "made by latchkey up", directory.MaxSecretLife)
		if err != nil {
			return nil, err
		}
		*c.to = client{ClientID: app.ClientID, KeyID: s.KeyID, Secret: string(plain.Expose())}
		plain.Destroy()
		changed = true
	}
	if have.SQL == "" {
		made := password.Random()
		have.SQL, have.SQLGiven, changed = string(made.Expose()), false, true
		made.Destroy()
	}
	if changed {
		if err := in.writeClients(have); err != nil {
			return nil, err
		}
	}
	return &running.Secrets{
		ClientSecret: secret.FromString(have.Operator.Secret), ConnectorClientSecret: secret.FromString(have.Connector.Secret),
		SQLPassword: secret.FromString(have.SQL),
	}, nil
}

// SQLGiven reports whether the database server was given the password that EnsureSecrets returned.
func (in *Installation) SQLGiven() (bool, error) {
	have, err := in.readClients()
	if err != nil {
		return false, err
	}
	return have.SQLGiven, nil
}

// NoteSQLGiven notes durably that it was.
func (in *Installation) NoteSQLGiven() error {
	have, err := in.readClients()
	if err != nil || have.SQLGiven {
		return err
	}
	have.SQLGiven = true
	return in.writeClients(have)
}

func (in *Installation) secretLives(app entra.App, keyID string) bool {
	for _, s := range app.Secrets {
		if s.KeyID == keyID {
			return in.Clock.Now().Add(renewSecretBefore).Before(s.Expires)
		}
	}
	return false
}

// makeRoom removes a secret of an application that has as many as it may, but the one that is in use; it was made by an earlier start that
// died before it could tell anybody.
func (in *Installation) makeRoom(ctx context.Context, app entra.App, inUse string) error {
	if len(app.Secrets) < directory.MaxSecrets {
		return nil
	}
	for _, s := range app.Secrets {
		if s.KeyID != inUse {
			return in.Entra.RemoveCredential(ctx, app.ClientID, s.KeyID)
		}
	}
	return nil
}

func (in *Installation) readClients() (*clients, error) {
	name := filepath.Join(in.Dir, clientsFile)
	sealed, err := fsys.ReadFile(in.FS, name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return &clients{Version: clientsVersion}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the clients' secrets: %w", err)
	}
	plain, err := in.Files.Open(clientsName, sealed)
	if err != nil {
		return nil, damagedClients(name, err)
	}
	defer secret.Wipe(plain)
	var c clients
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, damagedClients(name, err)
	}
	if c.Version != clientsVersion {
		return nil, fmt.Errorf("reading %q: version %d; this program reads version %d", name, c.Version, clientsVersion)
	}
	return &c, nil
}

func damagedClients(name string, err error) error {
	return code.Wrap(code.SealDamaged, "reading the clients' secrets", name, fmt.Errorf("%w; without the file, the next start makes new ones", err))
}

func (in *Installation) writeClients(c *clients) error {
	c.Version = clientsVersion
	plain, err := json.Marshal(c)
	if err != nil {
		return err
	}
	defer secret.Wipe(plain)
	sealed, err := in.Files.Seal(clientsName, plain)
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(in.FS, filepath.Join(in.Dir, clientsFile), sealed, 0o600); err != nil {
		return fmt.Errorf("writing the clients' secrets: %w", err)
	}
	return nil
}
