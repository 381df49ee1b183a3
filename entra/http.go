package entra

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/entra/directory"
)

const publicHost = "login.microsoftonline.com"

// maxBody bounds a token request: an assertion with its certificate chain has some 10 KiB.
const maxBody = 64 << 10

// call is one request to the authority.
type call struct {
	a           *Authority
	w           http.ResponseWriter
	r           *http.Request
	now         time.Time
	host        string // as the client used it, lower case, one of ours
	trace       string
	correlation string
	echo        bool // the client named the correlation id
}

// Handler serves the token endpoints and what clients discover them by. Serve it over TLS only; timeouts and header limits
// are the server's.
func (a *Authority) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *Authority) newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{
		a: a, w: w, r: r, now: a.c.Clock.Now(), trace: uuid.NewString(),
		host: strings.TrimSuffix(strings.ToLower(r.Host), ":443"),
	}
	if id, err := uuid.Parse(r.Header.Get("client-request-id")); err == nil {
		c.correlation, c.echo = id.String(), true
	} else {
		c.correlation = uuid.NewString()
	}
	return c
}

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	c := a.newCall(w, r)
	if !slices.Contains(a.hosts, c.host) {
		c.host = publicHost
		c.fail(&failure{
			number: 900382, status: http.StatusMisdirectedRequest, kind: invalidRequest,
			text: "The host name of the request is not one of this authority's.",
		})
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	for i := range parts[1:] {
		parts[i+1] = strings.ToLower(parts[i+1])
	}
	tail := strings.Join(parts[1:], "/")
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case tail == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		c.token(parts[0], true)
	case tail == "oauth2/token" && r.Method == http.MethodPost:
		c.token(parts[0], false)
	case tail == "v2.0/.well-known/openid-configuration" && get:
		c.discovery(parts[0], true)
	case tail == ".well-known/openid-configuration" && get:
		c.discovery(parts[0], false)
	case (tail == "discovery/v2.0/keys" || tail == "discovery/keys") && get:
		c.keySet(parts[0])
	case tail == "discovery/instance" && get:
		c.instance()
	case slices.Contains([]string{
		"oauth2/v2.0/token", "oauth2/token", "v2.0/.well-known/openid-configuration", ".well-known/openid-configuration",
		"discovery/v2.0/keys", "discovery/keys", "discovery/instance",
	}, tail):
		c.fail(&failure{
			number: 900561, status: http.StatusMethodNotAllowed, kind: invalidRequest,
			text: "The endpoint does not accept " + shown(r.Method) + " requests.",
		})
	default:
		c.fail(&failure{number: 90019, status: http.StatusNotFound, kind: invalidRequest, text: "There is nothing at this address."})
	}
}

// addr is the caller's address.
func (c *call) addr() netip.Addr {
	ap, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// tenant finds the tenant that an address names, by GUID or domain.
func (c *call) tenant(name string) (*Tenant, *failure) {
	low := strings.ToLower(name)
	if t := c.a.View().Tenant(low); t != nil {
		return t, nil
	}
	_, err := uuid.Parse(low)
	switch {
	case isShared(low):
		return nil, badRequest(50059, invalidRequest, "No tenant-identifying information found in either the request or implied by any provided credentials.")
	case err == nil && len(low) == 36, directory.IsDomain(low):
		return nil, badRequest(90002, invalidRequest, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", shown(name))
	}
	return nil, badRequest(900023, invalidRequest, "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", shown(name))
}

func isShared(tenant string) bool {
	return tenant == "common" || tenant == "organizations" || tenant == "consumers"
}

// discovery is the OpenID Connect metadata of a tenant. Its issuer names the host that was asked (v2) or is the iss of our
// tokens (v1): MSAL compares the former with its authority, validators the latter with tokens.
func (c *call) discovery(name string, v2 bool) {
	id := "{tenantid}"
	segment := strings.ToLower(name)
	if !isShared(segment) {
		t, f := c.tenant(name)
		if f != nil {
			if f.number == 90002 {
				f.kind = "invalid_tenant"
			}
			c.fail(f)
			return
		}
		id, segment = t.ID, t.ID
	}
	base := "https://" + c.host + "/" + segment
	doc := map[string]any{
		"issuer": issuerOf(id), "jwks_uri": base + "/discovery/keys",
		"token_endpoint": base + "/oauth2/token", "authorization_endpoint": base + "/oauth2/authorize",
		"token_endpoint_auth_methods_supported":            []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256"},
		"grant_types_supported":                            []string{grantClient},
		"response_types_supported":                         []string{"token"},
		"response_modes_supported":                         []string{"form_post"},
		"scopes_supported":                                 []string{"openid"},
		"subject_types_supported":                          []string{"pairwise"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"claims_supported":                                 []string{"sub", "iss", "aud", "exp", "iat", "nbf", "tid", "ver"},
		"tenant_region_scope":                              nil,
		"cloud_instance_name":                              "microsoftonline.com",
	}
	if v2 {
		doc["issuer"] = "https://" + c.host + "/" + id + "/v2.0"
		doc["jwks_uri"] = base + "/discovery/v2.0/keys"
		doc["token_endpoint"] = base + "/oauth2/v2.0/token"
		doc["authorization_endpoint"] = base + "/oauth2/v2.0/authorize"
		doc["device_authorization_endpoint"] = base + "/oauth2/v2.0/devicecode"
	}
	c.w.Header().Set("Cache-Control", "max-age=3600, private")
	c.reply(http.StatusOK, doc)
}

// issuerOf is the iss of a tenant's tokens.
func issuerOf(tenantID string) string { return "https://sts.windows.net/" + tenantID + "/" }

// keySet is the same for every tenant, as in the real service.
func (c *call) keySet(name string) {
	if !isShared(strings.ToLower(name)) {
		if _, f := c.tenant(name); f != nil {
			c.fail(f)
			return
		}
	}
	c.w.Header().Set("Cache-Control", "max-age=3600, private")
	c.raw(http.StatusOK, c.a.KeyDocument())
}

type instanceEntry struct {
	Network string   `json:"preferred_network"`
	Cache   string   `json:"preferred_cache"`
	Aliases []string `json:"aliases"`
}

// instance answers whether an authority's host is a known one: what MSAL asks login.microsoftonline.com before it trusts a
// host that is not on its own list.
func (c *call) instance() {
	q := c.r.URL.Query()
	if q.Get("api-version") == "" {
		c.fail(badRequest(90014, invalidRequest, "The required field 'api-version' is missing."))
		return
	}
	u, err := url.Parse(q.Get("authorization_endpoint"))
	if err != nil || u.Scheme != "https" || u.User != nil || len(q.Get("authorization_endpoint")) > 2048 {
		c.fail(badRequest(50049, "invalid_instance", "Unknown or invalid instance."))
		return
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if !slices.Contains(c.a.hosts, host) || tenant == "" {
		c.fail(badRequest(50049, "invalid_instance", "Unknown or invalid instance."))
		return
	}
	entries := []instanceEntry{{
		Network: publicHost, Cache: "login.windows.net",
		Aliases: []string{publicHost, "login.windows.net", "login.microsoft.com", "sts.windows.net"},
	}}
	for _, h := range c.a.hosts[2:] {
		entries = append(entries, instanceEntry{Network: h, Cache: h, Aliases: []string{h}})
	}
	c.reply(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  entries,
	})
}
