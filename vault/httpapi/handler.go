package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/door"
)

// Config says what a Handler serves. Service is required.
type Config struct {
	Service *vault.Service
	// Hosts maps host names to vaults; the zero value means vault.DefaultHosts.
	Hosts vault.Hosts
	// Authority and HSMAuthority are the token authorities that challenges of vaults and Managed HSMs name, without a slash at the end;
	// defaults "https://login.windows.net" and "https://login.microsoftonline.com".
	Authority, HSMAuthority string
	// AcceptNewer takes API versions later than the known ones for the newest.
	AcceptNewer bool
	// ServerVersion is what x-ms-keyvault-service-version says; default "1.9.749.1".
	ServerVersion string
	// Logger gets failed writes; nil discards.
	Logger *slog.Logger
}

// Handler is the REST API. It is immutable and safe for concurrent use.
type Handler struct {
	svc     *vault.Service
	hosts   vault.Hosts
	auth    [2]string // of vaults, of Managed HSMs
	parser  akv.VersionParser
	version []string
	log     *slog.Logger
	routes  *router
	buffers sync.Pool // of *bytes.Buffer
}

// New makes a Handler.
func New(c Config) (*Handler, error) {
	if c.Service == nil {
		return nil, errors.New("httpapi: no service")
	}
	if len(c.Hosts.Vaults)+len(c.Hosts.HSMs) == 0 {
		c.Hosts = vault.DefaultHosts()
	}
	h := &Handler{
		svc: c.Service, hosts: c.Hosts, parser: akv.VersionParser{AcceptNewer: c.AcceptNewer}, log: c.Logger,
		auth:    [2]string{"https://login.windows.net", "https://login.microsoftonline.com"},
		version: []string{"1.9.749.1"}, routes: newRouter(routes()),
	}
	for i, a := range []string{c.Authority, c.HSMAuthority} {
		if a != "" {
			h.auth[i] = strings.TrimSuffix(a, "/")
		}
	}
	if c.ServerVersion != "" {
		h.version = []string{c.ServerVersion}
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.buffers.New = func() any { return new(bytes.Buffer) }
	return h, nil
}

// request is one request on its way.
type request struct {
	h     *Handler
	w     http.ResponseWriter
	r     *http.Request
	route *Route
	call  door.Call
	args  args
	query query
	start time.Time
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rq := &request{h: h, w: w, r: r, start: h.svc.Now(), query: query(r.URL.RawQuery)}
	rq.call.RequestID = uuid.NewString()
	rq.call.Host = r.Host
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		rq.call.Addr = addr.Addr().Unmap()
	}
	rq.call.CorrelationID = clip(r.Header.Get("X-Ms-Client-Request-Id"), 128)
	rq.call.Client = clip(r.UserAgent(), 256)
	rq.call.Force = strings.TrimSpace(clip(r.Header.Get(akv.HeaderForceReason), akv.MaxForceReason))
	rq.call.Address = clip(r.Method+" "+r.URL.Path, 256)
	if r.TLS == nil {
		rq.fail(PlainHTTP())
		return
	}
	place, ok := h.hosts.Resolve(r.Host)
	if ok {
		rq.call.Vault, rq.call.HSM, rq.call.Audience = place.Vault, place.HSM, place.Resource
		rq.call.Base = "https://" + r.Host
	}
	op := rq.find()
	rq.call.Token = bearer(r.Header.Get("Authorization"))
	var answer any
	err := h.svc.Do(r.Context(), op, &rq.call, func(tx *vault.Tx) (err error) {
		answer, err = rq.route.handle(rq, tx)
		return err
	})
	if err != nil {
		var e *akv.Error
		if !errors.As(err, &e) {
			e = &akv.Error{Status: http.StatusInternalServerError, Code: akv.CodeInternal, Message: "An error occurred inside the vault."}
		}
		rq.challenge(e, place)
		rq.fail(e)
		return
	}
	rq.reply(answer)
}

// PlainHTTP is the answer to a request that came over plain HTTP, for servers that get one on their TLS port.
func PlainHTTP() *akv.Error {
	return &akv.Error{
		Status: http.StatusBadRequest, Code: "HttpsRequired",
		Message: "This service answers over https only. The token of this request went over the network in clear: consider it lost.",
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return '?'
				}
				return r
			}, s)
		}
	}
	return s
}

// bearer takes the token out of an Authorization header; "" for any other scheme.
func bearer(header string) string {
	const scheme = "Bearer "
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(header[len(scheme):])
}

// challenge says on a 401 where to get a token. Clients split the header at spaces and "=": neither may stand in a value.
func (rq *request) challenge(e *akv.Error, place door.Place) {
	if e.Status != http.StatusUnauthorized || rq.call.TenantID == "" {
		return
	}
	authority := rq.h.auth[0]
	if place.HSM {
		authority = rq.h.auth[1]
	}
	rq.w.Header()["Www-Authenticate"] = []string{`Bearer authorization="` + authority + "/" + rq.call.TenantID + `", resource="` + place.Resource + `"`}
}

// headers sets what every reply carries.
func (rq *request) headers() http.Header {
	h := rq.w.Header()
	h["X-Ms-Request-Id"] = []string{rq.call.RequestID}
	h["Cache-Control"] = headerNoCache
	h["Strict-Transport-Security"] = headerHSTS
	h["X-Content-Type-Options"] = headerNosniff
	if rq.call.Known {
		h[akv.HeaderExtensions] = headerExtensions
	}
	if rq.call.Region != "" {
		h["X-Ms-Keyvault-Region"] = []string{rq.call.Region}
	}
	if rq.call.Addr.IsValid() {
		h["X-Ms-Keyvault-Network-Info"] = []string{networkInfo(rq.call.Addr)}
	}
	if rq.call.CorrelationID != "" {
		h["X-Ms-Client-Request-Id"] = []string{rq.call.CorrelationID}
	}
	if rq.call.HSM {
		h["X-Frame-Options"] = headerFrame
		h["Content-Security-Policy"] = headerCSP
		h["X-Ms-Server-Latency"] = []string{strconv.FormatInt(rq.h.svc.Now().Sub(rq.start).Milliseconds(), 10)}
		return h
	}
	h["Pragma"] = headerPragma
	h["Expires"] = headerExpires
	h["X-Ms-Keyvault-Service-Version"] = rq.h.version
	if rq.call.RBAC {
		h["X-Ms-Keyvault-Rbac-Cache"] = headerRBACCache
		if rq.call.Assignment != "" {
			h["X-Ms-Keyvault-Rbac-Assignment-Id"] = []string{rq.call.Assignment}
		}
	}
	return h
}

// Values of headers that never change. Nobody may write to them: net/http only reads.
var (
	headerNoCache    = []string{"no-cache"}
	headerExtensions = []string{akv.ExtensionDependents}
	headerPragma     = []string{"no-cache"}
	headerExpires    = []string{"-1"}
	headerHSTS       = []string{"max-age=31536000;includeSubDomains"}
	headerNosniff    = []string{"nosniff"}
	headerFrame      = []string{"SAMEORIGIN"}
	headerCSP        = []string{"default-src 'self'"}
	headerJSON       = []string{"application/json; charset=utf-8"}
	headerRBACCache  = []string{"ra_age=0;da_age=0;rd_age=0;brd_age=0;ra_notif_age=0;dec_lev=1;"}
)

func networkInfo(a netip.Addr) string {
	if a.Is4() {
		return "conn_type=Ipv4;addr=" + a.String() + ";act_addr_fam=InterNetwork;"
	}
	return "conn_type=Ipv6;addr=" + a.String() + ";act_addr_fam=InterNetworkV6;"
}

func (rq *request) reply(answer any) {
	status := rq.route.Status
	if status == http.StatusNoContent {
		rq.headers()
		rq.w.WriteHeader(status)
		return
	}
	rq.write(status, answer)
}

func (rq *request) fail(e *akv.Error) {
	if e.RetryAfter > 0 {
		rq.w.Header()["Retry-After"] = []string{strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10)}
	}
	switch {
	case e.Status == http.StatusUnauthorized && rq.call.HSM:
		h := rq.headers()
		h["Content-Type"] = headerJSON
		h["Content-Length"] = []string{"0"}
		rq.w.WriteHeader(e.Status)
		return
	case e.Status == http.StatusRequestEntityTooLarge:
		rq.w.Header().Set("Connection", "close") // what follows is not read
	}
	rq.write(e.Status, e)
}

func (rq *request) write(status int, v any) {
	buf := rq.h.buffers.Get().(*bytes.Buffer)
	defer func() {
		clear(buf.Bytes()) // it may hold plaintext
		buf.Reset()
		if buf.Cap() <= 64<<10 {
			rq.h.buffers.Put(buf)
		}
	}()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false) // a nextLink has "&"
	if err := enc.Encode(v); err != nil {
		rq.h.log.Error("encoding a reply", "requestId", rq.call.RequestID, "error", err)
		buf.Reset()
		status = http.StatusInternalServerError
		buf.WriteString(`{"error":{"code":"InternalServerError","message":"The reply could not be encoded."}}`)
	}
	h := rq.headers()
	h["Content-Type"] = headerJSON
	body := bytes.TrimRight(buf.Bytes(), "\n")
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	rq.w.WriteHeader(status)
	if _, err := rq.w.Write(body); err != nil {
		rq.h.log.Debug("writing a reply", "requestId", rq.call.RequestID, "error", err)
	}
}
