package azure

import (
	"net/http"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/azure/retryafter"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// replyError maps an error reply of a vault to a code and its circumstances. It never fails: what cannot be read of the
// envelope is left out.
func replyError(op, on string, res *http.Response, body []byte, now time.Time) error {
	e := akv.ReadError(res.StatusCode, body)
	f := &keystore.Failure{
		Status:     res.StatusCode,
		Reason:     keystore.Clip(e.Inner),
		Detail:     keystore.Clip(e.Message),
		RequestID:  keystore.Clip(res.Header.Get("x-ms-request-id")),
		Region:     keystore.Clip(res.Header.Get("x-ms-keyvault-region")),
		RetryAfter: retryafter.Read(res.Header, now),
		Sent:       true,
	}
	if f.Reason == "" {
		f.Reason = keystore.Clip(e.Code)
	}
	c := code.HTTPResponseCodeClientError
	switch s := res.StatusCode; {
	case s == http.StatusUnauthorized:
		c, f.Class = code.HTTPResponseCodeUnauthorized, keystore.Unauthenticated
		if tokenDefect(e.Message) {
			c = code.GetTokenRejected
		}
	case s == http.StatusForbidden:
		c, f.Class = code.HTTPOperationForbidden, refusalClass(e.Inner, e.Message)
	case s == http.StatusNotFound:
		c, f.Class = code.HTTPResourceNotFound, keystore.Missing
	case s == http.StatusTooManyRequests:
		c, f.Class, f.Sent = code.HTTPResponseCodeThrottled, keystore.Throttled, false
	case s == http.StatusRequestTimeout:
		f.Class = keystore.Outage
	case s == http.StatusConflict:
		f.Class = keystore.Conflict
	case s >= 400 && s < 500:
		f.Class = keystore.Invalid
	case s >= 500 && s < 600:
		c, f.Class = code.HTTPResponseCodeServerError, keystore.Outage
	default: // a redirect, or a success that is none: something else than a vault answers
		c, f.Class = code.Failure, keystore.Unknown
		f.Detail = "a status that a vault does not answer"
	}
	return code.Wrap(c, op, on, f)
}

// tokenDefect tells the texts by which a vault says that a token is sound but not for it (audience, issuer, signature).
func tokenDefect(message string) bool {
	for _, s := range []string{"AKV10022", "AKV10032", "AKV10046", "invalid audience", "invalid issuer"} {
		if strings.Contains(strings.ToLower(message), strings.ToLower(s)) {
			return true
		}
	}
	return false
}

// refusalClass says whether a 403 names a reason that is known. All others are suspicion, not proof.
func refusalClass(inner, message string) keystore.Class {
	switch inner {
	case "ForbiddenByPolicy", "ForbiddenByRbac", "ForbiddenByFirewall", "ForbiddenByConnection", "AccessDenied",
		"KeyDisabled", "KeyNotYetValid", "KeyExpired", "KeyNotYetValidOrExpired", "KeyOperationForbidden", "KeyManagedByKeyVault":
		return keystore.Refused
	case "":
		if strings.Contains(message, "purge protection") {
			return keystore.Refused
		}
	}
	return keystore.Suspect
}
