package keyspec

import (
	"fmt"
	"net/http"

	"latchkey/akv"
)

// InvalidProperty is the service's answer to a body member that it cannot use; what says which and why.
func InvalidProperty(format string, args ...any) *akv.Error {
	return BadParameter("Property has invalid value\r\n"+format, args...)
}

// BadParameter is a 400.
func BadParameter(format string, args ...any) *akv.Error {
	return &akv.Error{Status: http.StatusBadRequest, Code: akv.CodeBadParameter, Message: fmt.Sprintf(format, args...)}
}

func badType(kty string) *akv.Error {
	e := BadParameter("Invalid kty value: %s", clip(kty))
	e.Inner = akv.InnerKeyTypeNotSupported
	return e
}

// Forbidden is a 403.
func Forbidden(inner, format string, args ...any) *akv.Error {
	return &akv.Error{Status: http.StatusForbidden, Code: akv.CodeForbidden, Inner: inner, Message: fmt.Sprintf(format, args...)}
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
