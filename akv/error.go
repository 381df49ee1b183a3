package akv

import "fmt"

// Error is an error reply of the key vault API: HTTP status, code, inner code and message, as they stand on the wire. The
// server returns it, the client decodes into it. Spec of the envelope: {"error":{"code","message","innererror":{"code"}}}.
type Error struct {
	Status  int    // HTTP status
	Code    string // "BadParameter", "Forbidden", "KeyNotFound", "Conflict", "Throttled", ...
	Inner   string // "KeyDisabled", "ForbiddenByRbac", ...; "" if none
	Message string
}

// Error names status, codes and message.
func (e *Error) Error() string {
	if e.Inner != "" {
		return fmt.Sprintf("%d %s (%s): %s", e.Status, e.Code, e.Inner, e.Message)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message)
}
