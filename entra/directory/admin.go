package directory

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"latchkey/ekm/code"
)

// Limits of what is kept.
const (
	maxTenants  = 1000
	maxApps     = 20000
	maxName     = 256 // bytes
	maxDomains  = 100
	maxGroups   = 200 // as many as a real token carries
	maxCerts    = 20  // per application
	maxFed      = 20
	maxPerApp   = 100 // principals
	maxResource = 512
)

var domainRE = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// IsDomain reports whether s, in lower case, has the form of a domain name.
func IsDomain(s string) bool { return len(s) <= 253 && domainRE.MatchString(s) }

func invalid(op, on string, format string, args ...any) error {
	return code.Wrap(code.EntraInvalid, op, on, fmt.Errorf(format, args...))
}

func notFound(op, on string) error { return code.New(code.EntraNotFound, op, on) }

func conflict(op, on, format string, args ...any) error {
	return code.Wrap(code.EntraConflict, op, on, fmt.Errorf(format, args...))
}

// guid takes a GUID in any case, or makes one from "".
func guid(s string) (string, error) {
	if s == "" {
		return uuid.NewString(), nil
	}
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return "", fmt.Errorf("%s is not a GUID", clipQuote(s))
	}
	return id.String(), nil
}

func checkName(s string) error {
	if len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("a name has at most %d bytes and no control characters", maxName)
	}
	return nil
}

// CreateTenant makes a tenant. t.ID may be empty: one is made. Created is ignored.
func (d *Directory) CreateTenant(ctx context.Context, t Tenant) (Tenant, error) {
	const op = "creating a tenant"
	id, err := guid(t.ID)
	if err != nil {
		return Tenant{}, invalid(op, t.ID, "%w", err)
	}
	if err := checkName(t.Name); err != nil {
		return Tenant{}, invalid(op, id, "%w", err)
	}
	if len(t.Domains) > maxDomains {
		return Tenant{}, invalid(op, id, "%d domains: at most %d", len(t.Domains), maxDomains)
	}
	t = Tenant{ID: id, Name: t.Name, Domains: slices.Clone(t.Domains), Created: d.c.Clock.Now().UTC()}
	for i, name := range t.Domains {
		t.Domains[i] = strings.ToLower(name)
		if !IsDomain(t.Domains[i]) {
			return Tenant{}, invalid(op, id, "%s is not a domain name", clipQuote(name))
		}
	}
	err = d.alter(ctx, change{op: "TenantCreate", tenant: id, object: id}, func(s *state) error {
		if len(s.Tenants) >= maxTenants {
			return conflict(op, id, "there are %d tenants already", maxTenants)
		}
		for _, have := range s.Tenants {
			if have.ID == id {
				return conflict(op, id, "the tenant exists")
			}
			for _, name := range t.Domains {
				if slices.Contains(have.Domains, name) {
					return conflict(op, id, "domain %q belongs to tenant %q", name, have.ID)
				}
			}
		}
		s.Tenants = append(s.Tenants, t)
		return nil
	})
	if err != nil {
		return Tenant{}, err
	}
	return t, nil
}

// NewApp says what to create. Empty ids are made.
type NewApp struct {
	TenantID   string // GUID of an existing tenant; needed
	Name       string
	ClientID   string // GUID
	ObjectID   string // GUID of the principal in TenantID
	Managed    bool   // a managed identity
	ResourceID string // of a managed identity: what callers may select it by (msi_res_id)
	Public     bool   // a public client
}

// CreateApp registers an application, or a managed identity, with its principal in its tenant.
func (d *Directory) CreateApp(ctx context.Context, n NewApp) (App, error) {
	const op = "creating an application"
	now := d.c.Clock.Now().UTC()
	tenant, err1 := guid(n.TenantID)
	client, err2 := guid(n.ClientID)
	object, err3 := guid(n.ObjectID)
	if err := errors.Join(err1, err2, err3, checkName(n.Name)); err != nil {
		return App{}, invalid(op, n.Name, "%w", err)
	}
	if !n.Managed && n.ResourceID != "" || n.Managed && n.Public || len(n.ResourceID) > maxResource || checkName(n.ResourceID) != nil {
		return App{}, invalid(op, n.Name, "a resource id belongs to a managed identity, which is no public client")
	}
	app := App{
		ClientID: client, Name: n.Name, TenantID: tenant, Managed: n.Managed, ResourceID: n.ResourceID, Public: n.Public,
		Created: now, Principals: []Principal{{TenantID: tenant, ObjectID: object}},
	}
	err := d.alter(ctx, change{op: "AppCreate", tenant: tenant, object: object, app: client}, func(s *state) error {
		switch {
		case s.tenant(tenant) == nil || n.TenantID == "":
			return notFound("finding the tenant", n.TenantID)
		case s.app(client) != nil:
			return conflict(op, client, "the client id exists")
		case len(s.Apps) >= maxApps:
			return conflict(op, client, "there are %d applications already", maxApps)
		}
		if err := freeObject(s, object); err != nil {
			return err
		}
		s.Apps = append(s.Apps, appState{App: app})
		return nil
	})
	if err != nil {
		return App{}, err
	}
	return app, nil
}

func freeObject(s *state, object string) error {
	for i := range s.Apps {
		for _, p := range s.Apps[i].Principals {
			if p.ObjectID == object {
				return conflict("creating a principal", object, "the object id exists")
			}
		}
	}
	return nil
}

// SetPrincipal gives an application a presence in a tenant, or changes the groups that its tokens there name. The object
// id of an existing one stays.
func (d *Directory) SetPrincipal(ctx context.Context, clientID, tenantID string, groups []string) (Principal, error) {
	const op = "setting a principal"
	clientID, tenantID = strings.ToLower(clientID), strings.ToLower(tenantID)
	if len(groups) > maxGroups {
		return Principal{}, invalid(op, clientID, "%d groups: at most %d", len(groups), maxGroups)
	}
	p := Principal{TenantID: tenantID, ObjectID: uuid.NewString()}
	for _, g := range groups {
		id, err := guid(g)
		if err != nil || g == "" {
			return Principal{}, invalid(op, clientID, "group %s is not a GUID", clipQuote(g))
		}
		p.Groups = append(p.Groups, id)
	}
	err := d.alterApp(ctx, change{op: "PrincipalSet", tenant: tenantID, app: clientID}, func(s *state, app *appState) error {
		if s.tenant(tenantID) == nil {
			return notFound("finding the tenant", tenantID)
		}
		if have := app.In(tenantID); have != nil {
			p.ObjectID = have.ObjectID
			*have = p
			return nil
		}
		if len(app.Principals) >= maxPerApp {
			return conflict(op, clientID, "the application is in %d tenants already", maxPerApp)
		}
		app.Principals = append(app.Principals, p)
		return nil
	})
	return p, err
}

// Disable stops an application from getting tokens, or lets it again. Tokens that are out live on until they expire.
func (d *Directory) Disable(ctx context.Context, clientID string, disabled bool) error {
	op := "AppEnable"
	if disabled {
		op = "AppDisable"
	}
	return d.alterApp(ctx, change{op: op, app: strings.ToLower(clientID)}, func(_ *state, app *appState) error {
		app.Disabled = disabled
		return nil
	})
}

// DeleteApp removes an application with its credentials and principals.
func (d *Directory) DeleteApp(ctx context.Context, clientID string) error {
	clientID = strings.ToLower(clientID)
	return d.alterApp(ctx, change{op: "AppDelete", app: clientID}, func(s *state, _ *appState) error {
		s.Apps = slices.DeleteFunc(s.Apps, func(o appState) bool { return o.ClientID == clientID })
		return nil
	})
}

// alterApp is alter for one application, which must exist.
func (d *Directory) alterApp(ctx context.Context, ch change, edit func(*state, *appState) error) error {
	return d.alter(ctx, ch, func(s *state) error {
		app := s.app(ch.app)
		if app == nil {
			return notFound("finding the application", ch.app)
		}
		return edit(s, app)
	})
}

// Tenants lists the tenants, in the order of their creation.
func (d *Directory) Tenants() []Tenant {
	st, err := d.state.Load().clone()
	if err != nil {
		return nil
	}
	return st.Tenants
}

// Apps lists the applications and managed identities with a principal in a tenant ("" for all), with the ids and expiry
// dates of their credentials, never the credentials.
func (d *Directory) Apps(tenantID string) []App {
	st, err := d.state.Load().clone()
	if err != nil {
		return nil
	}
	var out []App
	for i := range st.Apps {
		if tenantID == "" || st.Apps[i].In(strings.ToLower(tenantID)) != nil {
			out = append(out, st.Apps[i].App)
		}
	}
	return out
}

func clipQuote(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return fmt.Sprintf("%q", s)
}
