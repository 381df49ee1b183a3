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

func TestRetryAfterOfAnySizeIsBounded(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"Retry-After", "7", "", 7 * time.Second},
		{"Retry-After", "-7", "", 0},
		{"Retry-After", "", "", 0},
		{"Retry-After", "1.5", "", 0},
		{"Retry-After", "soon", "", 0},
		{"Retry-After", "4000000000", "", time.Hour},
		{"Retry-After", "9223372036854775807", "", time.Hour},
		{"Retry-After", "99999999999999999999999999", "", time.Hour},
		{"retry-after-ms", "250", "", 250 * time.Millisecond},
		{"x-ms-retry-after-ms", "99999999999999999999999999", "", time.Hour},
		{"Retry-After", date(9 * time.Second), "", 9 * time.Second},
		{"Retry-After", date(-9 * time.Second), "", 0},
		{"Retry-After", date(10000 * time.Hour), "", time.Hour},
		{"Retry-After", date(10 * time.Minute), date(10*time.Minute - 3*time.Second), 3 * time.Second}, // by the server's clock
	} {
		h := http.Header{}
		h.Set(tc.name, tc.value)
		if tc.date != "" {
			h.Set("Date", tc.date)
		}
		if got := retryAfter(h, now); got != tc.want {
			t.Errorf("%s: %s (Date %s) = %v, want %v", tc.name, tc.value, tc.date, got, tc.want)
		}
	}
}
