package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"latchkey/akv"
	"latchkey/ekm/code"
	"latchkey/keywrap"
	"latchkey/vault/keydb"
	"latchkey/vault/keyspec"
	"latchkey/vault/store"
)

// Fail makes an error reply.
func Fail(status int, c, inner, format string, args ...any) *akv.Error {
	return &akv.Error{Status: status, Code: c, Inner: inner, Message: fmt.Sprintf(format, args...)}
}

// Conflict is a 409.
func Conflict(inner, format string, args ...any) *akv.Error {
	return Fail(http.StatusConflict, akv.CodeConflict, inner, format, args...)
}

// internal is a 5xx that names a catalogue code and nothing of the cause.
func internal(status int, c code.Code, text string) *akv.Error {
	name := akv.CodeInternal
	if status == http.StatusServiceUnavailable {
		name = akv.CodeUnavailable
	}
	return Fail(status, name, "", "%s (%v)", text, c)
}

// toAPI turns any error into a reply. What is not an *akv.Error already is logged by the caller; its text is not told.
func toAPI(err error) *akv.Error {
	var api *akv.Error
	switch {
	case errors.As(err, &api):
		return api
	case errors.Is(err, keywrap.ErrDecrypt):
		// One answer for everything that can be wrong inside a ciphertext.
		return keyspec.BadParameter("The parameter is incorrect.\r\n")
	case isCallerFault(err):
		return keyspec.BadParameter("%s", keywrapText(err))
	case errors.Is(err, store.ErrConflict):
		e := internal(http.StatusServiceUnavailable, code.VaultBusy, "The key was changed by other requests at the same time; nothing was changed by this one. Repeat the call.")
		return e
	case errors.Is(err, store.ErrFull):
		return internal(http.StatusInsufficientStorage, code.VaultStoreFull, "The store has no room; nothing was changed.")
	case errors.Is(err, keydb.ErrCorrupt), errors.Is(err, keydb.ErrNewer):
		return internal(http.StatusInternalServerError, code.VaultRecordCorrupt, "A stored record cannot be read.")
	case errors.Is(err, store.ErrUnavailable):
		return internal(http.StatusServiceUnavailable, code.VaultStoreFailed, "The store is not available.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Fail(http.StatusServiceUnavailable, akv.CodeUnavailable, "", "The request was given up before it was done; nothing was changed.")
	case code.Of(err) != 0 && code.Of(err).Space() == code.Latchkey:
		return internal(http.StatusInternalServerError, code.Of(err), "The operation failed inside the vault.")
	}
	return internal(http.StatusInternalServerError, code.VaultInternal, "An error occurred inside the vault; see its log for this request id.")
}

// isCallerFault: keywrap's errors about what the caller sent hold names and sizes, never values.
func isCallerFault(err error) bool {
	for _, e := range []error{keywrap.ErrAlgorithm, keywrap.ErrKeyType, keywrap.ErrLength, keywrap.ErrParameter, keywrap.ErrInvalidKey} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func keywrapText(err error) string {
	const prefix = "keywrap: "
	s := err.Error()
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		s = s[len(prefix):]
	}
	return "Property has invalid value\r\n" + s
}
