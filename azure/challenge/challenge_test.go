package challenge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"latchkey/azure/challenge"
	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
)

func header(v string) http.Header { return http.Header{"Www-Authenticate": {v}} }

const tenant = "72f98888-8888-4444-8888-2d7cd011db47"

// The shapes that the services of each cloud send.
func TestChallengesOfEachCloud(t *testing.T) {
	for _, tc := range []struct{ vault, header, authority, resource string }{
		{"v.vault.azure.net", `Bearer authorization="https://login.windows.net/` + tenant + `", resource="https://vault.azure.net"`, "https://login.windows.net", "https://vault.azure.net"},
		{"v.vault.azure.net", `Bearer authorization="https://login.microsoftonline.com/` + tenant + `" , resource="https://vault.azure.net"`, "https://login.microsoftonline.com", "https://vault.azure.net"},
		{"h.managedhsm.azure.net", `Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://managedhsm.azure.net"`, "https://login.microsoftonline.com", "https://managedhsm.azure.net"},
		{"v.vault.usgovcloudapi.net", `Bearer authorization="https://login.microsoftonline.us/` + tenant + `", resource="https://vault.usgovcloudapi.net"`, "https://login.microsoftonline.us", "https://vault.usgovcloudapi.net"},
		{"v.vault.azure.cn", `Bearer resource="https://vault.azure.cn",authorization_uri="https://login.partner.microsoftonline.cn/` + tenant + `"`, "https://login.partner.microsoftonline.cn", "https://vault.azure.cn"},
		{"v.vault.microsoftazure.de", `bearer authorization="https://login.microsoftonline.de/` + tenant + `",resource="https://vault.microsoftazure.de/"`, "https://login.microsoftonline.de", "https://vault.microsoftazure.de"},
	} {
		c, err := challenge.Parse(header(tc.header))
		if err != nil {
			t.Errorf("%s: %v", tc.header, err)
			continue
		}
		target, _ := sqlcred.ParseTarget(tc.vault, "")
		if c.Authority != tc.authority || c.Resource != tc.resource || c.Tenant != tenant || c.Scope() != tc.resource+"/.default" {
			t.Errorf("%s = %+v", tc.header, c)
		}
		if err := c.Check(target, ""); err != nil {
			t.Errorf("%s: %v", tc.header, err)
		}
		if err := c.Check(target, "https://mine.example"); !errors.Is(err, code.AuthorityNotTrusted) {
			t.Errorf("another authority than the settings': %v", err)
		}
	}
	c, err := challenge.Parse(header(`Bearer authorization="https://login.windows.net/` + tenant + `", resource="https://vault.azure.net", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="`))
	if err != nil || c.Claims != `{"access_token":{}}` || c.Error != "insufficient_claims" {
		t.Errorf("claims: %+v, %v", c, err)
	}
}

func TestCheckKeepsTokensAtHome(t *testing.T) {
	for _, tc := range []struct {
		vault, resource string
		ok              bool
	}{
		{"https://v1.vault.localhost:8443", "https://vault.localhost:8443", true},
		{"https://v1.vault.localhost:8443", "https://vault.localhost", false},
		{"https://v1.vault.localhost:8443", "https://vault.localhost:443", false},
		{"https://v1.vault.localhost", "https://vault.localhost:443", true},
		{"https://127.0.0.1:8443", "https://127.0.0.1:8443", true},
		{"https://127.0.0.1:8443", "https://0.0.1:8443", false}, // parent by letters only
		{"v.vault.azure.net", "https://azure.net", true},
		{"v.vault.azure.net", "https://net", false},
		{"evilvault.azure.net", "https://vault.azure.net", false},
		{"v.vault.azure.net.evil.example", "https://vault.azure.net", false},
		{"v.evil.example", "https://vault.azure.net", false},
		{"v.vault.azure.net", "http://vault.azure.net", false},
		{"v.vault.azure.net", "https://vault.azure.net/path", false},
		{"v.vault.azure.net", "https://u@vault.azure.net", false},
		{"v.vault.azure.net", "https://VAULT.Azure.NET", true},
		{"V.VAULT.azure.net", "https://vault.azure.net", true},
		{"v.vault.azure.net", "https://vault.azure.net.", false},
		{"v.vault.azure.net", "https://.vault.azure.net", false},
		{"v.vault.azure.net", "https://vault.azure.net:8443", false},
		{"v.vault.azure.net", "https://v\u0430ult.azure.net", false}, // a Cyrillic letter
		{"v.vault.azure.net", "https://vault.azure.net?x", false},
		{"v.vault.azure.net", "https://vault.azure.net#x", false},
		{"v.vault.azure.net", "https://vault.azure.net@evil.example", false},
		{"v.vault.azure.net", "https://evil.example\\.vault.azure.net", false},
		{"v.vault.azure.net", "https:vault.azure.net", false},
		{"v.vault.azure.net", "//vault.azure.net", false},
		{"v.vault.azure.net", "https://w.vault.azure.net", false},
		{"v.vault.azure.net", "https://x.v.vault.azure.net", false},
		{"v.vault.azure.net", "https://managedhsm.azure.net", false},
		{"v.vault.azure.net", "https://management.azure.com", false},
		{"v.vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", false},
	} {
		target, err := sqlcred.ParseTarget(tc.vault, "")
		if err != nil {
			t.Fatal(err)
		}
		err = challenge.Challenge{Authority: "https://login.microsoftonline.com", Tenant: "t", Resource: tc.resource}.Check(target, "")
		if (err == nil) != tc.ok || err != nil && code.Of(err) != code.GetAKVResourceURLStartPosition {
			t.Errorf("%q for %q: %v", tc.resource, tc.vault, err)
		}
	}
}

// The authority is one of the well-known hosts to the letter, and its path a tenant alone.
func TestAuthorityIsTakenByTheLetter(t *testing.T) {
	target, _ := sqlcred.ParseTarget("v.vault.azure.net", "")
	for _, tc := range []struct {
		authority string
		ok        bool
	}{
		{"https://login.windows.net/" + tenant, true},
		{"https://login.windows.net/" + tenant + "/", true},
		{"https://LOGIN.Windows.net/contoso.onmicrosoft.com", true},
		{"https://login.windows.net:443/" + tenant, true},
		{"https://login.windows.net:8443/" + tenant, false},
		{"https://login.windows.net./" + tenant, false},
		{"https://login.windows.net", false},
		{"https://login.windows.net/", false},
		{"https://login.windows.net/../" + tenant, false},
		{"https://login.windows.net/..", false},
		{"https://login.windows.net/" + tenant + "/oauth2", false},
		{"https://login.windows.net/%2e%2e", false},
		{"https://login.windows.net/t%2Fx", false},
		{"https://login.windows.net/t?x=y", false},
		{"https://login.windows.net/t#x", false},
		{"https://u:p@login.windows.net/" + tenant, false},
		{"https://login.windows.net@evil.example/" + tenant, false},
		{"https://login.windows.net.evil.example/" + tenant, false},
		{"https://evil-login.windows.net/" + tenant, false},
		{"https://login.w\u0456ndows.net/" + tenant, false}, // a Cyrillic letter
		{"http://login.windows.net/" + tenant, false},
		{"//login.windows.net/" + tenant, false},
	} {
		c, err := challenge.Parse(header(`Bearer authorization="` + tc.authority + `", resource="https://vault.azure.net"`))
		if err == nil {
			err = c.Check(target, "")
		}
		if (err == nil) != tc.ok || err != nil && code.Of(err) != code.GetAADDomainURLMalformatted {
			t.Errorf("%s: %v", tc.authority, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`Bearer authorization="https://login.windows.net/t", resource="https://vault.azure.net"`)
	f.Add(`Bearer authorization="https://x", resource=https://y claims="e30="`)
	f.Add(`Basic realm="x"`)
	f.Add(`Bearer =,=",a="`)
	target, _ := sqlcred.ParseTarget("v.vault.azure.net", "")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := challenge.Parse(header(s))
		if err != nil {
			if code.Of(err) == 0 {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if c.Check(target, "") == nil {
			if !challenge.WellKnown(c.Authority) {
				t.Fatalf("authority %q passed", c.Authority)
			}
			host := strings.TrimSuffix(strings.ToLower(strings.TrimPrefix(c.Resource, "https://")), ":443")
			if host != "v.vault.azure.net" && host != "vault.azure.net" && host != "azure.net" {
				t.Fatalf("resource %q passed", c.Resource)
			}
		}
	})
}
