package code_test

import (
	"strings"
	"testing"

	"latchkey/ekm/code"
)

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		number int
		args   []any
		want   string
	}{
		// As published for a missing registry key, with two blanks before the parenthesis.
		{
			33049,
			[]any{"name", "ContosoRSAKey0", code.FailureInRegistry, code.Words(code.FailureInRegistry)},
			"Key with name 'ContosoRSAKey0' does not exist in the provider or access is denied. Provider error code: 2058.  " +
				"(Provider Error - No explanation is available, consult EKM Provider for details)",
		},
		{33111, []any{"asymmetric key", "0xEA4D"}, "Cannot find server asymmetric key with thumbprint '0xEA4D'."},
		{33032, []any{2, 0, 1, 1}, "SQL Crypto API version '02.00' implemented by provider is not supported. Supported version is '01.01'."},
		{15404, []any{`D\u`, 0x534}, `Could not obtain information about Windows NT group/user 'D\u', error code 0x534.`},
		{33106, nil, "Cannot change database encryption state because no database encryption key is set."},
		{33106, []any{"too many"}, "Cannot change database encryption state because no database encryption key is set."},
		{33111, []any{"certificate"}, "Cannot find server certificate with thumbprint '%.*ls'."},
		{33111, []any{"%d", "%s"}, "Cannot find server %d with thumbprint '%s'."},
	} {
		e, ok := code.Lookup(code.Msg(c.number))
		if got := e.Message(c.args...); !ok || got != c.want {
			t.Errorf("Msg %d with %v:\n got %q\nwant %q", c.number, c.args, got, c.want)
		}
	}
}

// TestEveryBlankIsKnown holds that no template has a verb that would reach a client unfilled.
func TestEveryBlankIsKnown(t *testing.T) {
	for _, e := range code.All() {
		args := make([]any, 12)
		for i := range args {
			args[i] = 7
		}
		if s := e.Message(args...); strings.Contains(s, "%") {
			t.Errorf("%v: %q keeps a blank", e.Code, s)
		}
	}
}

func TestWords(t *testing.T) {
	for c, want := range map[code.Code]string{
		code.Success:         "Success - Consult EKM Provider for details",
		code.AuthFailure:     "Authentication Failure - Consult EKM Provider for details",
		code.HTTPSendRequest: "Provider Error - No explanation is available, consult EKM Provider for details",
		code.ProviderError:   "Provider Error - No explanation is available, consult EKM Provider for details",
		code.Msg(3):          "Provider Error - No explanation is available, consult EKM Provider for details",
	} {
		if got := code.Words(c); got != want {
			t.Errorf("Words(%v) = %q, want %q", c.Number(), got, want)
		}
	}
}
