// Package challenge reads and checks what a vault answers to a request without a token. Parse tells where the vault wants a token
// from and for what; Check decides whether to believe it, and must pass before a secret or a token goes anywhere. Both work on
// bytes alone.
package challenge

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// Challenge is what a vault answers to a request without a token: where to get one, and for what.
type Challenge struct {
	Authority string // "https://host" or "https://host:port"
	Tenant    string
	Resource  string // the audience, without a slash at the end
	Claims    string // decoded JSON of a continuous access evaluation; "" if none
	Error     string // "insufficient_claims" and the like; "" if none
}

// Scope is what to ask the token authority for.
func (c Challenge) Scope() string { return c.Resource + "/.default" }

// maxChallenge bounds the WWW-Authenticate headers of a reply in bytes.
const maxChallenge = 16 << 10

var (
	tenantName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]{0,253}$`)

	errAuthority = errors.New("no token authority")
	errResource  = errors.New("no usable resource")
)

// Parse reads the Bearer challenge among the WWW-Authenticate headers of a 401 reply. It checks the form only; see
// Check. Errors are codes 3117 (no header), 3201 to 3203 (authority), 3206 and 3207 (resource).
func Parse(h http.Header) (Challenge, error) {
	const op = "reading the vault's challenge"
	values := h.Values("WWW-Authenticate")
	if len(values) == 0 {
		return Challenge{}, code.New(code.HTTPQueryHeaderNotFound, op, "WWW-Authenticate")
	}
	i := slices.IndexFunc(values, func(v string) bool {
		scheme, _, _ := strings.Cut(strings.TrimSpace(v), " ")
		return strings.EqualFold(scheme, "Bearer")
	})
	if i < 0 {
		return Challenge{}, code.Wrap(code.GetAADDomainURLMalformatted, op, "", errors.New("no header of scheme Bearer"))
	}
	if len(values[i]) > maxChallenge {
		err := fmt.Errorf("%d bytes exceed the limit of %d", len(values[i]), maxChallenge)
		return Challenge{}, code.Wrap(code.GetAADDomainURLMalformatted, op, "", err)
	}
	_, params, _ := strings.Cut(strings.TrimSpace(values[i]), " ")
	var c Challenge
	var authority param
	found := splitParams(params)
	for _, name := range []string{"authorization", "authorization_uri"} {
		if p, ok := found[name]; ok {
			authority = p
			break
		}
	}
	if err := authority.check(errAuthority, code.GetAADDomainURLMalformatted, code.GetAADDomainURLStartPosition, code.GetAADDomainURLStopPosition); err != nil {
		return Challenge{}, wrapCode(op, err)
	}
	resource, ok := found["resource"]
	if !ok {
		resource = found["scope"]
		resource.value = strings.TrimSuffix(resource.value, "/.default")
	}
	if err := resource.check(errResource, code.GetAKVResourceURLStartPosition, code.GetAKVResourceURLStartPosition, code.GetAKVResourceURLStopPosition); err != nil {
		return Challenge{}, wrapCode(op, err)
	}
	u, err := url.Parse(authority.value)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Challenge{}, code.Wrap(code.GetAADDomainURLMalformatted, op, "", fmt.Errorf("authority %q is not an https URL", keystore.Clip(authority.value)))
	}
	c.Tenant = strings.Trim(u.Path, "/")
	if !tenantName.MatchString(c.Tenant) {
		return Challenge{}, code.Wrap(code.GetAADDomainURLMalformatted, op, "", fmt.Errorf("authority %q names no tenant", keystore.Clip(authority.value)))
	}
	c.Authority = Origin(u)
	c.Resource = strings.TrimSuffix(resource.value, "/")
	c.Error = found["error"].value
	if claims := found["claims"].value; claims != "" {
		b, err := base64.StdEncoding.DecodeString(claims)
		if err != nil {
			b, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(claims, "="))
		}
		if err != nil {
			return Challenge{}, code.Wrap(code.GetAADDomainURLMalformatted, op, "claims", errors.New("not base64"))
		}
		c.Claims = string(b)
	}
	return c, nil
}

// param is one parameter of a challenge, and whether its value could be told from the rest.
type param struct {
	value          string
	found          bool
	opened, closed bool
}

func (p param) check(what error, missing, start, stop code.Code) error {
	switch {
	case !p.found:
		return code.Wrap(missing, "", "", fmt.Errorf("%w: the parameter is missing", what))
	case !p.opened:
		return code.Wrap(start, "", "", fmt.Errorf("%w: the value does not begin with a quote", what))
	case !p.closed:
		return code.Wrap(stop, "", "", fmt.Errorf("%w: the value does not end with a quote", what))
	case p.value == "":
		return code.Wrap(start, "", "", fmt.Errorf("%w: the value is empty", what))
	}
	return nil
}

// splitParams reads name="value" pairs that commas or spaces separate; the first of a name counts. A value without quotes
// runs to the next separator.
func splitParams(s string) map[string]param {
	found := map[string]param{}
	for len(found) < 32 {
		s = strings.TrimLeft(s, " ,\t")
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return found
		}
		name = strings.ToLower(strings.TrimSpace(name))
		p := param{found: true}
		rest = strings.TrimLeft(rest, " \t")
		if strings.HasPrefix(rest, `"`) {
			p.opened = true
			p.value, s, p.closed = strings.Cut(rest[1:], `"`)
			if !p.closed {
				p.value, s = "", ""
			}
		} else {
			end := strings.IndexAny(rest, ", \t")
			if end < 0 {
				end = len(rest)
			}
			p.value, s = rest[:end], rest[end:]
			p.closed = true
			if strings.HasPrefix(p.value, "https://") { // unquoted, but plainly a URL
				p.opened = true
			}
		}
		if _, twice := found[name]; !twice {
			found[name] = p
		}
	}
	return found
}

// Check refuses a challenge that would lead a token or a secret astray: the resource must be the vault's host or a parent
// domain of it, with the same port, and the authority must be one of Entra ID's own hosts or equal trusted (a URL "https://host";
// "" for none). Errors are codes 3203 (wrapping code.AuthorityNotTrusted) and 3206 (wrapping code.ResourceForeign).
func (c Challenge) Check(t sqlcred.Target, trusted string) error {
	const op = "checking the challenge of"
	u, err := url.Parse(c.Resource)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return code.Wrap(code.GetAKVResourceURLStartPosition, op, t.Host, fmt.Errorf("resource %q is not an https URL of a host alone", keystore.Clip(c.Resource)))
	}
	vault, resource := sqlcred.HostPort(t.Host), sqlcred.HostPort(strings.ToLower(u.Host))
	parent := strings.HasSuffix(vault, "."+resource) && strings.Contains(u.Hostname(), ".") && net.ParseIP(t.Hostname()) == nil
	if vault != resource && !parent {
		return code.Wrap(code.GetAKVResourceURLStartPosition, op, t.Host,
			code.Wrap(code.ResourceForeign, "asking for a token for", keystore.Clip(c.Resource), errors.New("the vault is not in that domain, or has another port")))
	}
	if c.Authority == trusted || trusted == "" && WellKnown(c.Authority) {
		return nil
	}
	why := errors.New("it is not one of the well-known hosts of Entra ID; name it in the vault's settings if it is yours")
	if trusted != "" {
		why = fmt.Errorf("the vault's settings name %q", trusted)
	}
	return code.Wrap(code.GetAADDomainURLMalformatted, op, t.Host,
		code.Wrap(code.AuthorityNotTrusted, "going to the authority", keystore.Clip(c.Authority), why))
}

// Origin is "https://host" or "https://host:port" of an https URL: in lower case, and without the port that https has anyway.
func Origin(u *url.URL) string {
	return "https://" + strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}

// WellKnown tells the login hosts of Microsoft's clouds.
func WellKnown(authority string) bool {
	switch strings.TrimPrefix(authority, "https://") {
	case "login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net",
		"login.microsoftonline.us", "login.usgovcloudapi.net",
		"login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
		"login.microsoftonline.de",
		"login.sovcloud-identity.fr", "login.sovcloud-identity.de", "login.sovcloud-identity.sg":
		return true
	}
	return false
}

// wrapCode puts op in front of an error that is a *code.Error without one.
func wrapCode(op string, err error) error {
	var e *code.Error
	if errors.As(err, &e) && e.Op == "" {
		return code.Wrap(e.Code, op, e.On, e.Err)
	}
	return err
}
