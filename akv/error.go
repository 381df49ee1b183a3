package akv

import (
	"encoding/json"
	"fmt"
	"time"
)

// Error is an error reply of the key vault API: HTTP status, code, inner code and message, as they stand on the wire. The
// server returns it, the client decodes into it. Spec of the envelope: {"error":{"code","message","innererror":{"code"}}}.
type Error struct {
	Status  int    // HTTP status
	Code    string // "BadParameter", "Forbidden", "KeyNotFound", "Conflict", "Throttled", ...
	Inner   string // "KeyDisabled", "ForbiddenByRbac", ...; "" if none
	Message string
	// RetryAfter is when a repetition may succeed; the Retry-After header in whole seconds. 0 if not said.
	RetryAfter time.Duration
}

// Error names status, codes and message.
func (e *Error) Error() string {
	if e.Inner != "" {
		return fmt.Sprintf("%d %s (%s): %s", e.Status, e.Code, e.Inner, e.Message)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message)
}

// The codes of errors that both ends look at.
const (
	CodeBadParameter = "BadParameter"
	CodeUnauthorized = "Unauthorized"
	CodeForbidden    = "Forbidden"
	CodeKeyNotFound  = "KeyNotFound"
	CodeNotFound     = "NotFound" // an address that is no route
	CodeConflict     = "Conflict"
	CodeThrottled    = "Throttled"
	CodeInternal     = "InternalServerError"
	CodeUnavailable  = "ServiceUnavailable"
)

// Inner codes.
const (
	InnerKeyTypeNotSupported   = "KeyTypeNotSupported"
	InnerForbiddenByPolicy     = "ForbiddenByPolicy"
	InnerForbiddenByRbac       = "ForbiddenByRbac"
	InnerForbiddenByFirewall   = "ForbiddenByFirewall"
	InnerForbiddenByConnection = "ForbiddenByConnection"
	InnerAccessDenied          = "AccessDenied"
	InnerKeyDisabled           = "KeyDisabled"
	InnerKeyOperationForbidden = "KeyOperationForbidden"
	InnerKeyNotYetValid        = "KeyNotYetValid"
	InnerKeyExpired            = "KeyExpired"
	InnerKeyManaged            = "KeyManagedByKeyVault"
	InnerDeletedRecoverable    = "ObjectIsDeletedButRecoverable"
	InnerBeingDeleted          = "ObjectIsBeingDeleted"
)

type errorEnvelope struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Inner   *errorBody `json:"innererror,omitempty"`
}

type innerOnly struct {
	Code string `json:"code"`
}

// MarshalJSON writes the envelope. The status is not part of it.
func (e *Error) MarshalJSON() ([]byte, error) {
	var out struct {
		Error struct {
			Code    string     `json:"code"`
			Message string     `json:"message"`
			Inner   *innerOnly `json:"innererror,omitempty"`
		} `json:"error"`
	}
	out.Error.Code, out.Error.Message = e.Code, e.Message
	if e.Inner != "" {
		out.Error.Inner = &innerOnly{e.Inner}
	}
	return json.Marshal(out)
}

// ReadError makes an Error of a reply's status and body, which may be anything: what is not an envelope is left out.
func ReadError(status int, body []byte) *Error {
	e := &Error{Status: status}
	var env errorEnvelope
	if json.Unmarshal(body, &env) == nil {
		e.Code, e.Message = env.Error.Code, env.Error.Message
		// Inner errors may be nested; the innermost code is the most exact.
		for in := env.Error.Inner; in != nil; in = in.Inner {
			if in.Code != "" {
				e.Inner = in.Code
			}
		}
	}
	return e
}
