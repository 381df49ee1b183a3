package armapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/door"
	"latchkey/vault/rbac"
)

// Config says what a Handler serves. Service and Tokens are required.
type Config struct {
	Service *vault.Service
	// Tokens validates bearer tokens.
	Tokens door.Tokens
	// Audiences are what tokens may be for; nil means the management plane of the public cloud.
	Audiences []string
	// Authority is the token authority that challenges name; default "https://login.windows.net".
	Authority string
	// VaultSuffix is what vaultUri ends with; default "vault.azure.net".
	VaultSuffix string
	// TenantID is the tenant of new vaults that name none, and of challenges.
	TenantID string
	// Logger gets failed writes; nil discards.
	Logger *slog.Logger
}

// Handler is the management plane. It is immutable and safe for concurrent use.
type Handler struct {
	c Config
}

// New makes a Handler.
func New(c Config) (*Handler, error) {
	if c.Service == nil || c.Tokens == nil {
		return nil, errors.New("armapi: a service and tokens are needed")
	}
	if c.Audiences == nil {
		c.Audiences = []string{
			"https://management.azure.com", "https://management.azure.com/",
			"https://management.core.windows.net", "https://management.core.windows.net/",
		}
	}
	if c.Authority == "" {
		c.Authority = "https://login.windows.net"
	}
	if c.VaultSuffix == "" {
		c.VaultSuffix = "vault.azure.net"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{c}, nil
}

// request is one request on its way.
type request struct {
	h     *Handler
	r     *http.Request
	actor vault.Actor
	id    string
	args  []string // what the route's pattern caught
}

const maxBody = 256 << 10

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rq := &request{h: h, r: r, id: uuid.NewString()}
	status, answer, err := rq.serve(r.Context())
	header := w.Header()
	header["X-Ms-Request-Id"] = []string{rq.id}
	header["Cache-Control"] = []string{"no-cache"}
	header["Strict-Transport-Security"] = []string{"max-age=31536000; includeSubDomains"}
	header["X-Content-Type-Options"] = []string{"nosniff"}
	if err != nil {
		var e *akv.Error
		if !errors.As(err, &e) {
			h.c.Logger.Error("management request failed", "requestId", rq.id, "error", err)
			e = &akv.Error{Status: http.StatusInternalServerError, Code: akv.CodeInternal, Message: "An error occurred inside the vault."}
		}
		if e.Status == http.StatusUnauthorized {
			header["Www-Authenticate"] = []string{`Bearer authorization_uri="` + h.c.Authority + "/" + h.c.TenantID + `", error="invalid_token", error_description="The access token is missing or not good."`}
		}
		status, answer = e.Status, e
	}
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		h.c.Logger.Error("encoding a reply", "requestId", rq.id, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	header["Content-Type"] = []string{"application/json; charset=utf-8"}
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		h.c.Logger.Debug("writing a reply", "requestId", rq.id, "error", err)
	}
}

func fail(status int, code, text string) error {
	return &akv.Error{Status: status, Code: code, Message: text}
}

var versionForm = regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`)

func (rq *request) serve(ctx context.Context) (int, any, error) {
	r := rq.r
	if r.TLS == nil {
		return 0, nil, fail(http.StatusBadRequest, "HttpsRequired", "This service answers over https only.")
	}
	p, err := rq.caller(ctx)
	if err != nil {
		return 0, nil, err
	}
	rq.actor = vault.Caller(p)
	rq.actor.RequestID, rq.actor.CorrelationID, rq.actor.Client = rq.id, r.Header.Get("X-Ms-Client-Request-Id"), r.UserAgent()
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		rq.actor.Addr = addr.Addr().Unmap()
	}
	force := r.Header.Get(akv.HeaderForceReason)
	rq.actor.Force = strings.TrimSpace(force[:min(len(force), akv.MaxForceReason)])
	rq.actor.CorrelationID = rq.actor.CorrelationID[:min(len(rq.actor.CorrelationID), 128)]
	if v := r.URL.Query().Get("api-version"); !versionForm.MatchString(v) {
		return 0, nil, fail(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests and has the form 2026-02-01.")
	}
	for _, route := range routes() {
		if args, ok := route.match(r.Method, r.URL.Path); ok {
			rq.args = args
			return route.serve(rq, ctx)
		}
	}
	return 0, nil, fail(http.StatusNotFound, "ResourceNotFound", "There is nothing of the management plane at this address.")
}

// caller validates the token for any of the audiences.
func (rq *request) caller(ctx context.Context) (rbac.Principal, error) {
	scheme, raw, _ := strings.Cut(rq.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return rbac.Principal{}, fail(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	var last error
	for _, audience := range rq.h.c.Audiences {
		p, err := rq.h.c.Tokens.Validate(ctx, strings.TrimSpace(raw), audience)
		if err == nil {
			return p, nil
		}
		last = err
	}
	return rbac.Principal{}, last
}

// decode reads the body strictly in form, leniently in members: tools send many that mean nothing here.
func (rq *request) decode(v any) error {
	b, err := io.ReadAll(io.LimitReader(rq.r.Body, maxBody+1))
	switch {
	case err != nil:
		return fail(http.StatusBadRequest, "InvalidRequestContent", "The request body could not be read.")
	case len(b) > maxBody:
		return fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is too large.")
	case json.Unmarshal(b, v) != nil:
		return fail(http.StatusBadRequest, "InvalidRequestContent", "The request body is not the JSON that is expected.")
	}
	return nil
}

// route is a line of the route table: {} in the pattern catches a part.
type route struct {
	method, pattern string
	serve           func(*request, context.Context) (int, any, error)
}

func (r route) match(method, path string) ([]string, bool) {
	if r.method != method {
		return nil, false
	}
	want, got := strings.Split(r.pattern, "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(want) != len(got) {
		return nil, false
	}
	var args []string
	for i := range want {
		if want[i] == "{}" {
			args = append(args, got[i])
		} else if !strings.EqualFold(want[i], got[i]) {
			return nil, false
		}
	}
	return args, true
}

func routes() []route {
	const (
		sub     = "subscriptions/{}"
		kv      = "/providers/Microsoft.KeyVault"
		group   = sub + "/resourceGroups/{}" + kv + "/vaults"
		deleted = sub + kv + "/locations/{}/deletedVaults/{}"
	)
	return []route{
		{"GET", "subscriptions", (*request).subscriptions},
		{"GET", sub + "/resources", (*request).resources},
		{"GET", sub + kv + "/vaults", (*request).list},
		{"GET", group, (*request).list},
		{"GET", group + "/{}", (*request).get},
		{"PUT", group + "/{}", (*request).put},
		{"PATCH", group + "/{}", (*request).patch},
		{"DELETE", group + "/{}", (*request).remove},
		{"PUT", group + "/{}/accessPolicies/{}", (*request).policies},
		{"GET", sub + kv + "/deletedVaults", (*request).listDeleted},
		{"GET", deleted, (*request).getDeleted},
		{"POST", deleted + "/purge", (*request).purge},
		{"POST", sub + kv + "/checkNameAvailability", (*request).checkName},
	}
}
