package keyname_test

import (
	"strings"
	"testing"

	"latchkey/connector/keyname"
	"latchkey/ekm/code"
)

func TestParseURI(t *testing.T) {
	const vault = "https://v.vault.azure.net"
	version := strings.Repeat("0f", 16)
	for _, uri := range []string{vault + "/keys/K-1/" + version, "https://V.vault.azure.net:443/keys/K-1/" + strings.ToUpper(version) + "/"} {
		if n, v, err := keyname.ParseURI(vault, uri); err != nil || n != "K-1" || v != version {
			t.Errorf("ParseURI(%q) = %q, %q, %v", uri, n, v, err)
		}
	}
	for _, uri := range []string{
		"", "k", vault + "/keys/k", vault + "/secrets/k/" + version, vault + "/keys/k/1", vault + "/keys/k k/" + version, vault + "/keys/../" + version,
		"http://v.vault.azure.net/keys/k/" + version, "https://v.vault.azure.net:8443/keys/k/" + version, "https://evil.example/keys/k/" + version,
		"https://u@v.vault.azure.net/keys/k/" + version, vault + "/keys/k/" + version + "?x=1",
	} {
		if _, _, err := keyname.ParseURI(vault, uri); code.Of(err) != code.HTTPOpenRequest {
			t.Errorf("ParseURI(%q) = %v", uri, err)
		}
	}
}
