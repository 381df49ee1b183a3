package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"

	"latchkey/azure/bounded"
	"latchkey/azure/challenge"
	"latchkey/azure/retryafter"
	"latchkey/azure/sqlcred"
)

// fetchToken asks the authority that the challenge names, with what the credential holds at this moment. A new azidentity
// credential serves each request: its own cache would give the old token again when a new one is wanted.
func (h *host) fetchToken(ctx context.Context, cred *sqlcred.Credential, ch challenge.Challenge, claims string) (*secret.Bytes, time.Time, error) {
	const op = "getting a token from"
	watch := &tokenWatch{host: h, cred: cred, authority: ch.Authority}
	c, err := h.azureCredential(cred, ch, watch)
	if err != nil {
		return nil, time.Time{}, err
	}
	t, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{ch.Scope()}, Claims: claims, EnableCAE: true})
	switch {
	case watch.err != nil: // the library's own errors lose the cause and quote whole replies
		return nil, time.Time{}, watch.err
	case err != nil && ctx.Err() != nil:
		return nil, time.Time{}, canceled(ctx, op, ch.Authority)
	case err != nil:
		f := &keystore.Failure{Class: keystore.Unauthenticated, Detail: keystore.Clip(cred.Scrub(err.Error()))}
		return nil, time.Time{}, code.Wrap(code.GetTokenFailedToGetToken, op, ch.Authority, f)
	}
	if err := checkHeader([]byte(t.Token)); err != nil {
		return nil, time.Time{}, code.Wrap(code.HTTPAddRequestHeader, op, ch.Authority, err)
	}
	// The library counts by the system's clock; ours may be another.
	return secret.FromString(t.Token), h.o.clock.Now().Add(time.Until(t.ExpiresOn)), nil
}

// azureCredential makes the library's credential; cred's certificate is read from its file here, for every token.
func (h *host) azureCredential(cred *sqlcred.Credential, ch challenge.Challenge, watch *tokenWatch) (azcore.TokenCredential, error) {
	opts := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: ch.Authority + "/", Services: map[cloud.ServiceName]cloud.ServiceConfiguration{}},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "latchkey"},
		Transport: watch,
	}
	// Instance discovery would ask login.microsoftonline.com whether the authority is genuine; Challenge.Check has decided that.
	const noDiscovery = true
	switch cred.Method {
	case sqlcred.ClientSecret:
		c, err := azidentity.NewClientSecretCredential(ch.Tenant, cred.ClientID, string(cred.ClientSecret().Expose()),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: noDiscovery})
		return c, wrapLibrary(code.SecretAuthParamsGetRequestBody, cred, err)
	case sqlcred.Certificate:
		cert, err := cred.LoadCertificate(readFile)
		if err != nil {
			return nil, err
		}
		watch.ends = cert.Chain[0].NotAfter
		h.o.saw(keystore.Expiry{Kind: "certificate", Object: cert.Name(), Owner: cred.String(), NotBefore: cert.Chain[0].NotBefore, NotAfter: cert.Chain[0].NotAfter})
		c, err := azidentity.NewClientCertificateCredential(ch.Tenant, cred.ClientID, cert.Chain, cert.Key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: noDiscovery, SendCertificateChain: true})
		k := code.PEMCertAuthParamsCreateRequestBody
		if cred.Form == "pfx" {
			k = code.PFXCertAuthParamsCreateRequestBody
		}
		return c, wrapLibrary(k, cred, err)
	case sqlcred.ManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: opts}
		if cred.ClientID != "" {
			o.ID = azidentity.ClientID(cred.ClientID)
		}
		c, err := azidentity.NewManagedIdentityCredential(o)
		return &freshManaged{c}, wrapLibrary(code.GetTokenFailedToGetToken, cred, err)
	default:
		return h.workload(cred, ch, opts)
	}
}

// freshManaged asks past the library's cache, which is one for the whole process. The claims are not sent to the endpoint.
type freshManaged struct {
	*azidentity.ManagedIdentityCredential
}

func (f *freshManaged) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Claims == "" {
		o.Claims = "{}"
	}
	return f.ManagedIdentityCredential.GetToken(ctx, o)
}

// maxAssertion bounds a federated token's file in bytes.
const maxAssertion = 64 << 10

func (h *host) workload(cred *sqlcred.Credential, ch challenge.Challenge, opts azcore.ClientOptions) (azcore.TokenCredential, error) {
	const op = "reading the federated token of"
	file, clientID := cred.File, cred.ClientID
	if file == "" {
		file = h.o.env("AZURE_FEDERATED_TOKEN_FILE")
	}
	if clientID == "" {
		clientID = h.o.env("AZURE_CLIENT_ID")
	}
	if file == "" || clientID == "" {
		return nil, code.Wrap(code.GetTokenBadCredentials, op, cred.Target.Host,
			errors.New("workload identity needs AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE in the environment, or both in SECRET"))
	}
	b, err := readFile(file, maxAssertion)
	if err != nil {
		return nil, code.Wrap(code.GetTokenBadCredentials, op, cred.Target.Host, err)
	}
	assertion := strings.TrimSpace(string(b))
	secret.Wipe(b)
	if assertion == "" {
		return nil, code.Wrap(code.GetTokenBadCredentials, op, cred.Target.Host, fmt.Errorf("%q is empty", file))
	}
	c, err := azidentity.NewClientAssertionCredential(ch.Tenant, clientID,
		func(context.Context) (string, error) { return assertion, nil },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: true})
	return c, wrapLibrary(code.GetTokenBadCredentials, cred, err)
}

func wrapLibrary(c code.Code, cred *sqlcred.Credential, err error) error {
	if err == nil {
		return nil
	}
	return code.Wrap(c, "preparing the token request for", cred.Target.Host, errors.New(keystore.Clip(cred.Scrub(err.Error()))))
}

// tokenWatch carries the library's requests and reads the replies first, to know exactly what failed. It serves one token.
type tokenWatch struct {
	host      *host
	cred      *sqlcred.Credential
	authority string
	ends      time.Time // the certificate, if there is one
	err       error
}

// Do sends one request.
func (w *tokenWatch) Do(req *http.Request) (*http.Response, error) {
	const op = "getting a token from"
	wire, done, err := w.host.wireFor(req.Context())
	if err != nil {
		w.err = err
		return nil, err
	}
	answered := false
	defer func() { done(answered) }()
	client, on := wire.http, req.URL.Host
	if req.URL.Scheme == "http" && w.cred.Method == sqlcred.ManagedIdentity { // an endpoint of the machine: never through a proxy
		client = wire.plain
		if o := wire.settings.ManagedIdentityHost; o != "" && req.URL.Host == "169.254.169.254" {
			u, err := url.Parse(o)
			if err != nil || u.Host == "" {
				w.err = code.Wrap(code.HTTPOpenSession, "reading the settings", "managed identity host", fmt.Errorf("%q is not http://host:port", o))
				return nil, w.err
			}
			req.URL.Scheme, req.URL.Host, req.Host = u.Scheme, u.Host, u.Host
			on = u.Host
		}
	} else if !w.mayAsk(req.URL) {
		// a discovery document may name any token endpoint; the secret goes to the checked authority only
		w.err = code.Wrap(code.GetAADDomainURLMalformatted, op, on,
			code.Wrap(code.AuthorityNotTrusted, "going to the token endpoint", keystore.Clip(req.URL.Scheme+"://"+req.URL.Host), errors.New("the authority's discovery document names another host, or one without https")))
		return nil, w.err
	}
	var p phase
	res, err := client.Do(req.WithContext(p.trace(req.Context())))
	if err != nil {
		w.err = p.fail(req.Context(), op, on, err)
		return nil, w.err
	}
	answered = true
	body, err := io.ReadAll(bounded.Limit(res.Body, maxReply))
	_ = res.Body.Close()
	if err != nil {
		w.err = code.Wrap(code.HTTPReadData, op, on, &keystore.Failure{Class: keystore.Outage, Status: res.StatusCode, Sent: true, Err: err})
		return nil, w.err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	discovery := strings.HasSuffix(req.URL.Path, "/.well-known/openid-configuration")
	switch {
	case res.StatusCode != http.StatusOK && !w.arcChallenge(req, res):
		w.err = w.tokenError(on, res, body, discovery)
	case res.StatusCode == http.StatusOK && !discovery:
		w.err = checkTokenReply(on, body)
	}
	if w.err != nil {
		return nil, w.err
	}
	return res, nil
}

// mayAsk says whether a request may go to u: to the authority itself, or between Entra ID's own hosts, of which one names another
// as its token endpoint. Always over https.
func (w *tokenWatch) mayAsk(u *url.URL) bool {
	to := challenge.Origin(u)
	return u.Scheme == "https" && (to == w.authority || challenge.WellKnown(w.authority) && challenge.WellKnown(to))
}

// arcChallenge is the 401 of Azure Arc's endpoint that the library answers by reading a file.
func (w *tokenWatch) arcChallenge(req *http.Request, res *http.Response) bool {
	return req.URL.Scheme == "http" && res.StatusCode == http.StatusUnauthorized &&
		strings.HasPrefix(res.Header.Get("Www-Authenticate"), "Basic realm=") && req.Header.Get("Authorization") == ""
}

// tokenError maps an error reply of the token authority.
func (w *tokenWatch) tokenError(on string, res *http.Response, body []byte, discovery bool) error {
	var r struct {
		Error       any   `json:"error"`
		Description any   `json:"error_description"`
		Codes       []int `json:"error_codes"`
	}
	_ = json.Unmarshal(body, &r) // what is not the usual form is left out
	text, _ := r.Description.(string)
	kind, _ := r.Error.(string)
	text, _, _ = strings.Cut(text, "Trace ID:")
	f := &keystore.Failure{
		Class: keystore.Unauthenticated, Status: res.StatusCode, Reason: keystore.Clip(w.cred.Scrub(kind)), Detail: keystore.Clip(w.cred.Scrub(text)),
		RequestID: keystore.Clip(res.Header.Get("x-ms-request-id")), RetryAfter: retryafter.Read(res.Header, w.host.o.clock.Now()), Sent: true,
	}
	if len(r.Codes) > 0 {
		f.Reason = fmt.Sprintf("AADSTS%d", r.Codes[0])
	}
	c := code.GetTokenFailedToGetToken
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests:
		c, f.Class = code.HTTPResponseCodeThrottled, keystore.Throttled
	case s >= 500 && s < 600:
		c, f.Class = code.HTTPResponseCodeServerError, keystore.Outage
	case discovery || w.cred.Method == sqlcred.ManagedIdentity:
	case kind == "invalid_client" || kind == "unauthorized_client" || s == http.StatusUnauthorized:
		c = code.GetTokenBadCredentials
	case kind == "interaction_required" || kind == "invalid_resource" || kind == "invalid_scope" || kind == "invalid_grant":
	case s == http.StatusBadRequest:
		c = code.HTTPBadRequest
	}
	if c == code.GetTokenBadCredentials {
		f.Err = secretExpired(r.Codes)
		if f.Err == nil && !w.ends.IsZero() && w.host.o.clock.Now().After(w.ends) { // the authority says no more than that it does not fit
			f.Err = fmt.Errorf("%w: the certificate ended on %s", ErrSecretExpired, w.ends.UTC().Format(time.DateOnly))
		}
	}
	return code.Wrap(c, "getting a token from", on, f)
}

// ErrSecretExpired means that the authority said that the client secret or certificate has ended.
var ErrSecretExpired = errors.New("the credential has expired")

func secretExpired(codes []int) error {
	for _, c := range codes {
		if c == 7000222 {
			return ErrSecretExpired
		}
	}
	return nil
}

// checkTokenReply reads a success of the token authority before the library does. Errors are codes 3105 and 3306 to 3308.
func checkTokenReply(on string, body []byte) error {
	fail := func(c code.Code, format string, args ...any) error {
		return code.Wrap(c, "reading the token of", on, &keystore.Failure{Status: http.StatusOK, Sent: true, Err: fmt.Errorf(format, args...)})
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fail(code.GetTokenNotFound, "the reply is empty")
	}
	m := object(body)
	if m == nil {
		return fail(code.GetTokenJSONParser, "the reply is not a JSON object")
	}
	raw, ok := m["access_token"]
	if !ok {
		return fail(code.GetTokenNotFound, "member %q is missing", "access_token")
	}
	var t string
	if json.Unmarshal(raw, &t) != nil || t == "" {
		return fail(code.GetTokenExtractToken, "member %q is empty or not a string", "access_token")
	}
	if !lifetime(m["expires_in"]) && !lifetime(m["expires_on"]) {
		return fail(code.GetTokenExtractToken, "neither %q nor %q is a number above 0", "expires_in", "expires_on")
	}
	if err := checkHeader([]byte(t)); err != nil {
		return fail(code.HTTPAddRequestHeader, "%w", err)
	}
	return nil
}

// lifetime accepts a positive number, also in a string, as the old endpoint writes it.
func lifetime(raw json.RawMessage) bool {
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return false
	}
	v, err := n.Float64()
	return err == nil && v > 0
}
