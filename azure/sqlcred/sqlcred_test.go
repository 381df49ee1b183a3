package sqlcred_test

import (
	"fmt"
	"strings"
	"testing"

	"latchkey/azure/sqlcred"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

const (
	hex32 = "EF5C8E094D2A4A769998D93440D8115D"
	guid  = "ef5c8e09-4d2a-4a76-9998-d93440d8115d"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]sqlcred.Target{
		"ContosoDevKeyVault":                     {URL: "https://contosodevkeyvault.vault.azure.net", Host: "contosodevkeyvault.vault.azure.net", Kind: sqlcred.KeyVault},
		"ContosoEKM.vault.azure.net":             {URL: "https://contosoekm.vault.azure.net", Host: "contosoekm.vault.azure.net", Kind: sqlcred.KeyVault},
		"v.vault.azure.cn":                       {URL: "https://v.vault.azure.cn", Host: "v.vault.azure.cn", Kind: sqlcred.KeyVault},
		"v.vault.usgovcloudapi.net":              {URL: "https://v.vault.usgovcloudapi.net", Host: "v.vault.usgovcloudapi.net", Kind: sqlcred.KeyVault},
		"v.vault.microsoftazure.de":              {URL: "https://v.vault.microsoftazure.de", Host: "v.vault.microsoftazure.de", Kind: sqlcred.KeyVault},
		"hsm1.managedhsm.azure.net":              {URL: "https://hsm1.managedhsm.azure.net", Host: "hsm1.managedhsm.azure.net", Kind: sqlcred.ManagedHSM},
		"hsm1.managedhsm.usgovcloudapi.net":      {URL: "https://hsm1.managedhsm.usgovcloudapi.net", Host: "hsm1.managedhsm.usgovcloudapi.net", Kind: sqlcred.ManagedHSM},
		"https://v1.vault.localhost:8443/":       {URL: "https://v1.vault.localhost:8443", Host: "v1.vault.localhost:8443"},
		"v1.vault.localhost:8443":                {URL: "https://v1.vault.localhost:8443", Host: "v1.vault.localhost:8443"},
		"https://V.vault.azure.net:443":          {URL: "https://v.vault.azure.net", Host: "v.vault.azure.net", Kind: sqlcred.KeyVault},
		"https://127.0.0.1:8443":                 {URL: "https://127.0.0.1:8443", Host: "127.0.0.1:8443"},
		"https://[::1]:8443":                     {URL: "https://[::1]:8443", Host: "[::1]:8443"},
		"https://evil.example.vault.azure.net.x": {URL: "https://evil.example.vault.azure.net.x", Host: "evil.example.vault.azure.net.x"},
	} {
		got, err := sqlcred.ParseTarget(in, "")
		if err != nil || got != want {
			t.Errorf("ParseTarget(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	if got, err := sqlcred.ParseTarget("abc", sqlcred.ChinaCloud); err != nil || got.Host != "abc.vault.azure.cn" {
		t.Errorf("with a suffix: %+v, %v", got, err)
	}
	for _, in := range []string{
		"", "ab", "1abc", "abc-", "a--b", "my vault", strings.Repeat("a", 25), "http://v.vault.azure.net", "ftp://x.y", "v.vault.azure.net/keys",
		"https://u:p@v.vault.azure.net", "v.vault.azure.net?x=1", "v.vault.azure.net#x", "https://", "https:///x", "v.example:", "v.example:0",
		"v.example:99999", "v.example:1:2", "v..example", "-v.example", "v.example\x00", "v.exämple", strings.Repeat("a.", 600) + "b", "v.example:443@evil.example",
	} {
		if got, err := sqlcred.ParseTarget(in, ""); code.Of(err) != code.HTTPOpenRequest {
			t.Errorf("ParseTarget(%q) = %+v, %v", in, got, err)
		}
	}
}

func TestParseForms(t *testing.T) {
	for _, tc := range []struct {
		identity, name, secret string
		method                 sqlcred.Method
		client, form, file     string
		password               string
	}{
		{"ContosoDevKeyVault", "", hex32 + "AADsecret123456789=", sqlcred.ClientSecret, guid, "", "", "AADsecret123456789="},
		{"ContosoDevKeyVault", "", hex32 + "with-hyphens-kept-pem=x", sqlcred.ClientSecret, guid, "", "", "with-hyphens-kept-pem=x"},
		{"v.vault.azure.net", "", hex32 + "pfx-file=C:\\sp;1.pfx;password=a;password=b", sqlcred.Certificate, guid, "pfx", "C:\\sp;1.pfx", "a;password=b"},
		{"ContosoDevKeyVault", "", hex32 + "~~~~pem=x", sqlcred.ClientSecret, guid, "", "", "~~~~pem=x"},
		{"v.vault.azure.net", "", hex32 + "pem-file=/etc/sp.pem", sqlcred.Certificate, guid, "pem", "/etc/sp.pem", ""},
		{"v.vault.azure.net", "", hex32 + "federated-token-file=/var/run/t", sqlcred.WorkloadIdentity, guid, "", "/var/run/t", ""},
		{"Managed Identity", "v.vault.azure.net", "", sqlcred.ManagedIdentity, "", "", "", ""},
		{"managed identity", "hsm1.managedhsm.azure.net", hex32, sqlcred.ManagedIdentity, guid, "", "", ""},
		{"Workload Identity", "ContosoDevKeyVault", "", sqlcred.WorkloadIdentity, "", "", "", ""},
	} {
		c, err := sqlcred.Parse(&ekm.Credential{Name: tc.name, Identity: tc.identity, Secret: secret.FromString(tc.secret)}, "")
		if err != nil {
			t.Errorf("%q: %v", tc.secret, err)
			continue
		}
		if c.Method != tc.method || c.ClientID != tc.client || c.Form != tc.form || c.File != tc.file || string(c.ClientSecret().Expose()) != tc.password {
			t.Errorf("%q = %+v", tc.secret, c)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(verb, c); tc.password != "" && strings.Contains(s, tc.password) {
				t.Errorf("%s shows the secret: %s", verb, s)
			}
		}
		o := c.Clone()
		if !c.SameSecrets(o) || c.ID() != o.ID() {
			t.Error("a clone is another credential")
		}
		if tc.password != "" && c.Scrub("x"+tc.password+"x") != "x"+secret.Redacted+"x" {
			t.Error("Scrub left the secret")
		}
		c.Destroy()
		if string(o.ClientSecret().Expose()) != tc.password {
			t.Error("a clone went with its source")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{hex32 + "secret", hex32 + "pem=-----BEGIN CERTIFICATE-----\n", hex32 + "pfx=AAAA;password=x", hex32, "", guid + "x", hex32 + "pfx-file=;password="} {
		f.Add("ContosoVault", s)
		f.Add("https://v.example:8443/", s)
		f.Add("Managed Identity", s)
	}
	f.Fuzz(func(t *testing.T, identity, s string) {
		c, err := sqlcred.Parse(&ekm.Credential{Name: "v.vault.azure.net", Identity: identity, Secret: secret.FromString(s)}, "")
		if err != nil {
			if code.Of(err) == 0 {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if !strings.HasPrefix(c.Target.URL, "https://") || strings.ContainsAny(c.Target.Host, "/@?# ") {
			t.Fatalf("target %+v", c.Target)
		}
		if c.Method == sqlcred.Certificate { // inline certificates are bytes from outside too
			c.File = ""
			if _, err := c.LoadCertificate(nil); err == nil {
				t.Fatal("junk became a certificate")
			}
		}
		c.Destroy()
	})
}
