package entra

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"latchkey/internal/secret"
)

const (
	grantClient   = "client_credentials"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxFields     = 64 // parameters in a form; SDKs send about a dozen
)

// tokenRequest is what counts of a token request's form.
type tokenRequest struct {
	grant         string
	clientID      string // lower case
	secret        *secret.Bytes
	assertion     string
	assertionType string
	resource      string // what the token is for, as the client spelt it
	hasResource   bool
	scopes        []string // v2, without those that mean nothing here
}

// readRequest reads the form, and the client's name and secret from the Authorization header where they stand there. The
// query is ignored: secrets do not belong into addresses. The caller destroys the secret.
func (c *call) readRequest(v2 bool) (*tokenRequest, *failure) {
	if ct := c.r.Header.Get("Content-Type"); ct != "" {
		if media, _, err := mime.ParseMediaType(ct); err != nil || media != "application/x-www-form-urlencoded" {
			return nil, malformed("The content type must be application/x-www-form-urlencoded.")
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &failure{
				number: 9002313, status: http.StatusRequestEntityTooLarge, kind: invalidRequest,
				text: "Invalid request. Request is malformed or invalid. The body is too large.",
			}
		}
		return nil, malformed("The body could not be read.")
	}
	defer secret.Wipe(body)
	return parseRequest(body, c.r.Header.Get("Authorization"), v2)
}

// parseRequest reads a form and an Authorization header.
func parseRequest(body []byte, authorization string, v2 bool) (*tokenRequest, *failure) {
	form, f := parseForm(string(body))
	if f != nil {
		return nil, f
	}
	q := &tokenRequest{
		grant: form["grant_type"], clientID: strings.ToLower(form["client_id"]),
		assertion: form["client_assertion"], assertionType: form["client_assertion_type"],
	}
	if s := form["client_secret"]; s != "" {
		q.secret = secret.FromString(s)
	}
	if f := q.basic(authorization); f != nil {
		q.secret.Destroy()
		return nil, f
	}
	if !v2 {
		q.resource, q.hasResource = form["resource"], form["resource"] != ""
		return q, nil
	}
	for _, s := range strings.Fields(form["scope"]) {
		switch strings.ToLower(s) {
		case "openid", "offline_access", "profile", "email":
		default:
			q.scopes = append(q.scopes, s)
		}
	}
	return q, nil
}

// parseForm refuses a parameter that appears twice (RFC 6749 section 3.2): which one counts would be anybody's guess.
func parseForm(body string) (map[string]string, *failure) {
	form := map[string]string{}
	for field := range strings.SplitSeq(body, "&") {
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, malformed("The form is not well encoded.")
		}
		if _, twice := form[name]; twice {
			return nil, malformed("A parameter appears twice: " + shown(name) + ".")
		}
		if form[name] = value; len(form) > maxFields {
			return nil, malformed("The form has too many parameters.")
		}
	}
	return form, nil
}

// basic takes client id and secret from HTTP Basic, form-encoded within as RFC 6749 section 2.3.1 has it.
func (q *tokenRequest) basic(authorization string) *failure {
	if authorization == "" {
		return nil
	}
	r := http.Request{Header: http.Header{"Authorization": {authorization}}}
	user, pass, ok := r.BasicAuth()
	if !ok {
		return noClient(50012, "Authentication failed. The authorization header cannot be read.")
	}
	id, err1 := url.QueryUnescape(user)
	plain, err2 := url.QueryUnescape(pass)
	if err1 != nil || err2 != nil {
		return noClient(50012, "Authentication failed. The authorization header is not well encoded.")
	}
	id = strings.ToLower(id)
	if q.clientID != "" && q.clientID != id || q.secret != nil {
		return noClient(50012, "Authentication failed. The client names itself twice.")
	}
	q.clientID, q.secret = id, secret.FromString(plain)
	return nil
}

// target is the resource that a token is asked for, as the client spelt it.
func (q *tokenRequest) target(v2 bool) (string, *failure) {
	if !v2 {
		if !q.hasResource {
			return "", missing("resource")
		}
		return q.resource, nil
	}
	const text = "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. "
	switch {
	case len(q.scopes) == 0:
		return "", missing("scope")
	case len(q.scopes) > 1:
		return "", badRequest(70011, "invalid_scope", "%s%s", text, "A token is for one resource only.")
	}
	resource, ok := strings.CutSuffix(q.scopes[0], "/.default")
	if !ok || resource == "" {
		return "", badRequest(70011, "invalid_scope", "%sThe scope %s is not valid: client credentials need the resource with /.default at its end.", text, shown(q.scopes[0]))
	}
	return resource, nil
}

// allowed judges a resource; tenant is its name for the message.
func (a *Authority) allowed(target, tenant string) *failure {
	if len(target) <= 512 {
		for i := range a.resources {
			if !a.resources[i].matches(target) {
				continue
			}
			if a.resources[i].disabled {
				return badRequest(50001, "invalid_resource", "The resource %s is disabled.", shown(target))
			}
			return nil
		}
	}
	return badRequest(500011, "invalid_resource", "The resource principal named %s was not found in the tenant named %s. "+
		"This can happen if the application has not been installed by the administrator of the tenant.", shown(target), shown(tenant))
}
