package entra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// failure is a refusal as it goes over the wire: an AADSTS number with its HTTP status and OAuth error.
type failure struct {
	number int
	status int
	kind   string // OAuth error
	text   string
	auth   bool          // the client failed to prove itself: counts towards the throttle
	after  time.Duration // Retry-After; 0 for none
}

func (f *failure) Error() string { return fmt.Sprintf("AADSTS%d: %s", f.number, f.text) }

// reason is what the audit log keeps: numbers, no text that repeats the request.
func (f *failure) reason() string { return fmt.Sprintf("AADSTS%d %s", f.number, f.kind) }

const (
	invalidClient  = "invalid_client"
	invalidRequest = "invalid_request"
)

func badRequest(number int, kind, format string, args ...any) *failure {
	return &failure{number: number, status: http.StatusBadRequest, kind: kind, text: fmt.Sprintf(format, args...)}
}

// noClient is a failed proof of who the client is.
func noClient(number int, format string, args ...any) *failure {
	return &failure{number: number, status: http.StatusUnauthorized, kind: invalidClient, text: fmt.Sprintf(format, args...), auth: true}
}

func unavailable(format string, args ...any) *failure {
	return &failure{
		number: 90033, status: http.StatusServiceUnavailable, kind: "temporarily_unavailable",
		text: fmt.Sprintf(format, args...), after: 5 * time.Second,
	}
}

func missing(parameter string) *failure {
	return badRequest(900144, invalidRequest, "The request body must contain the following parameter: '%s'.", parameter)
}

func malformed(what string) *failure {
	return badRequest(9002313, invalidRequest, "Invalid request. Request is malformed or invalid. %s", what)
}

// shown is a value of the request as a message may repeat it.
func shown(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// errorBody is the JSON of A22.3.
type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string `json:"timestamp"`
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
	URI         string `json:"error_uri"`
}

const timestamp = "2006-01-02 15:04:05Z"

func (c *call) fail(f *failure) {
	at := c.now.UTC().Format(timestamp)
	if f.after > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(f.after.Seconds())))
	}
	c.reply(f.status, errorBody{
		Error: f.kind,
		Description: fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			f.number, f.text, c.trace, c.correlation, at),
		Codes: []int{f.number}, Timestamp: at, Trace: c.trace, Correlation: c.correlation,
		URI: fmt.Sprintf("https://%s/error?code=%d", c.host, f.number),
	})
}

// reply writes JSON with the headers that every answer has.
func (c *call) reply(status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil { // of our own types: cannot fail
		status, raw = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	c.raw(status, raw)
}

func (c *call) raw(status int, raw []byte) {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("x-ms-request-id", c.trace)
	if c.echo {
		h.Set("client-request-id", c.correlation)
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store, no-cache")
		h.Set("Pragma", "no-cache")
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(raw)
}
