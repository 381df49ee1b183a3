package entra

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Identities says which managed identities a machine has.
type Identities struct {
	// ClientIDs are the identities' client ids; empty means every managed identity of the authority.
	ClientIDs []string
	// System is the client id of the one that callers get who select none (the system-assigned identity). Empty: with
	// exactly one identity that one; with more, they must select.
	System string
	// Remote lets callers in from other addresses than loopback. Whoever reaches the handler gets tokens: leave it off
	// unless the network is that of one machine (a container's bridge).
	Remote bool
}

const identityPath = "/metadata/identity/oauth2/token"

// IMDS serves the instance metadata token endpoint of a machine with these identities, over plain http on loopback. The
// client asks 169.254.169.254; the machine routes that to here, or AZURE_POD_IDENTITY_AUTHORITY_HOST moves it.
func (a *Authority) IMDS(ids Identities) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := a.newCall(w, r)
		if q := c.identityRequest(&ids, "2018-02-01"); q != nil {
			c.identityToken(&ids, q)
		}
	})
}

// identityQuery is a managed identity request that is well formed.
type identityQuery struct {
	resource                       string
	clientID, objectID, byResource string // selection; at most one is set
}

// identityError is an error in the form of the metadata service.
func (c *call) identityError(status int, kind, text string) {
	c.reply(status, map[string]string{"error": kind, "error_description": text})
}

// identityRequest checks what every flavour asks for; nil if it has answered.
func (c *call) identityRequest(ids *Identities, since string) *identityQuery {
	r := c.r
	switch {
	case !ids.Remote && !c.addr().IsLoopback():
		c.identityError(http.StatusForbidden, "forbidden", "The identity endpoint answers this machine only.")
	case !ids.Remote && !addressed(r.Host):
		// A page whose own name was made to point at us (DNS rebinding) could set the Metadata header.
		c.identityError(http.StatusForbidden, "forbidden", "The identity endpoint is asked for by address, not by name.")
	case strings.ToLower(strings.TrimSuffix(r.URL.Path, "/")) != identityPath:
		c.identityError(http.StatusNotFound, "not_found", "There is nothing at this address.")
	case r.Method != http.MethodGet:
		c.identityError(http.StatusMethodNotAllowed, "method_not_allowed", "Only GET is allowed.")
	case !strings.EqualFold(r.Header.Get("Metadata"), "true"):
		// A browser or a server-side forgery cannot set the header.
		c.identityError(http.StatusBadRequest, "bad_request_102", "Required metadata header not specified")
	case r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "":
		c.identityError(http.StatusBadRequest, invalidRequest, "A forwarded request is not answered.")
	default:
		q := r.URL.Query()
		for name, values := range q {
			if len(values) > 1 {
				c.identityError(http.StatusBadRequest, invalidRequest, "Query variable '"+shown(name)+"' appears twice")
				return nil
			}
		}
		version := q.Get("api-version")
		id := &identityQuery{resource: q.Get("resource"), clientID: q.Get("client_id"), objectID: q.Get("object_id"), byResource: q.Get("msi_res_id")}
		if id.byResource == "" {
			id.byResource = q.Get("mi_res_id")
		}
		selected := 0
		for _, s := range []string{id.clientID, id.objectID, id.byResource} {
			if s != "" {
				selected++
			}
		}
		switch {
		case version == "":
			c.identityError(http.StatusBadRequest, invalidRequest, "Required query variable 'api-version' is missing")
		case len(version) < 10 || version[:10] < since || strings.Trim(version, "0123456789-previw") != "":
			c.identityError(http.StatusBadRequest, invalidRequest, "Query variable 'api-version' is not supported")
		case id.resource == "":
			c.identityError(http.StatusBadRequest, invalidRequest, "Required query variable 'resource' is missing")
		case selected > 1:
			c.identityError(http.StatusBadRequest, invalidRequest, "Select the identity by one of client_id, object_id and msi_res_id")
		default:
			return id
		}
	}
	return nil
}

// addressed reports whether a Host header is an IP address or localhost.
func addressed(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// pick finds the identity that a request means.
func (a *Authority) pick(ids *Identities, q *identityQuery) (*App, string) {
	have := slices.DeleteFunc(a.View().Identities(), func(app *App) bool {
		return len(ids.ClientIDs) > 0 && !containsFold(ids.ClientIDs, app.ClientID)
	})
	selected := q.clientID + q.objectID + q.byResource
	var found []*App
	for _, app := range have {
		switch {
		case q.clientID != "" && strings.EqualFold(app.ClientID, q.clientID),
			q.objectID != "" && strings.EqualFold(app.In(app.TenantID).ObjectID, q.objectID),
			q.byResource != "" && strings.EqualFold(app.ResourceID, q.byResource),
			selected == "" && ids.System != "" && strings.EqualFold(app.ClientID, ids.System):
			found = append(found, app)
		}
	}
	if selected == "" && ids.System == "" {
		found = have
	}
	switch {
	case len(found) == 1 && !found[0].Disabled:
		return found[0], ""
	case len(found) > 1:
		return nil, "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
	}
	return nil, "Identity not found"
}

func containsFold(list []string, s string) bool {
	for _, v := range list {
		if strings.EqualFold(v, s) {
			return true
		}
	}
	return false
}

// identityToken issues a managed identity's token.
func (c *call) identityToken(ids *Identities, q *identityQuery) {
	app, reason := c.a.pick(ids, q)
	var g *grant
	var f *failure
	raw, life := "", time.Duration(0)
	if app == nil {
		f = badRequest(0, invalidRequest, "%s", reason)
	} else {
		g = &grant{tenant: app.TenantID, app: app, resource: q.resource, strength: "2", with: "managed identity"}
		if f = c.a.allowed(q.resource, app.TenantID); f == nil {
			var err error
			if raw, life, err = c.a.mint(g, c.now); err != nil {
				f = unavailable("The token could not be signed.")
			}
		}
	}
	name := clip(shown(q.clientID), 64)
	if f = c.record(g, name, "", f); f != nil {
		text := f.text
		if f.number != 0 {
			text = f.Error()
		}
		if f.after > 0 {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(f.after.Seconds())))
		}
		c.identityError(f.status, f.kind, text)
		return
	}
	c.reply(http.StatusOK, map[string]string{
		"access_token": raw, "client_id": app.ClientID, "expires_in": strconv.FormatInt(int64(life/time.Second)-1, 10),
		"expires_on": strconv.FormatInt(c.now.Add(life).Unix(), 10), "ext_expires_in": strconv.FormatInt(int64(life/time.Second)-1, 10),
		"not_before": strconv.FormatInt(c.now.Add(-backdate).Unix(), 10), "resource": q.resource, "token_type": "Bearer",
		"refresh_token": "",
	})
}
