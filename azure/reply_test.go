package azure

import (
	"net/http"
	"testing"
	"time"

	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// FuzzReplies feeds all decoders of replies, the error envelope's too. It is in the package because they are not exported.
func FuzzReplies(f *testing.F) {
	f.Add(403, []byte(`{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByRbac"}}}`))
	f.Add(200, []byte(`{"key":{"kid":"https://v.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef","kty":"RSA","n":"AQAB","e":"AQAB"}}`))
	f.Add(200, []byte(`{"value":"AAAA","kid":"https://v.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef"}`))
	f.Add(200, []byte(`{"value":[{"kid":"https://v.vault.azure.net/keys/k","attributes":{"exp":1e300}}],"nextLink":null}`))
	f.Add(200, []byte(`{"access_token":"x","expires_in":"3599"}`))
	f.Add(500, []byte(`null`))
	target, _ := sqlcred.ParseTarget("v.vault.azure.net", "")
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		res := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {string(body)}}}
		err := replyError("op", "on", res, body, time.Unix(0, 0))
		if code.Of(err) == 0 || keystore.FailureOf(err) == nil {
			t.Fatalf("replyError = %v", err)
		}
		if len(err.Error()) > 4096 {
			t.Fatalf("a text of %d bytes", len(err.Error()))
		}
		if k, err := decodeKey(target, body); err == nil {
			if k.Version == "" || k.URI == "" || len(k.Public.N)*8 < 2048 || k.Public.E < 3 {
				t.Fatalf("key %+v", k)
			}
		} else if code.Of(err) == 0 {
			t.Fatal(err)
		}
		codes := valueCodes{code.WrapKeyNoResponse, code.WrapKeyJSONParser, code.WrapKeyExtractValue, code.WrapKeyBase64DecodeValue}
		if _, _, err := decodeValue(target, body, codes); err != nil && code.Of(err) == 0 {
			t.Fatal(err)
		}
		if _, _, err := decodeList(target, body); err != nil && code.Of(err) == 0 {
			t.Fatal(err)
		}
		if err := checkTokenReply("on", body); err != nil && code.Of(err) == 0 {
			t.Fatal(err)
		}
	})
}
