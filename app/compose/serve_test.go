package compose_test

import (
	"strings"
	"testing"

	"latchkey/app/compose"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

func read(t *testing.T, content string) (*compose.ServeConfig, error) {
	t.Helper()
	mem := fsys.NewMem()
	if err := mem.MkdirAll("/c", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fsys.WriteFile(mem, "/c/f.json", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return compose.ReadServeConfig(mem, "/c/f.json")
}

func TestServeConfig(t *testing.T) {
	const good = `{"data": "/srv/l", "tls": {"ownNames": ["localhost"]}, "vault": {"listen": ["127.0.0.1:0"], "vaultHosts": ["v.example.org"],
		"issuers": [{"entraTenant": "72f988bf-86f1-41af-91ab-2d7cd011db47"}]}}`
	if _, err := read(t, good); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ content, want string }{
		"unknown member":   {strings.Replace(good, `"tls"`, `"TLS2": 1, "tls"`, 1), `"TLS2" is not known here`},
		"trailing":         {good + "{}", "something follows"},
		"relative data":    {strings.Replace(good, "/srv/l", "l", 1), "no absolute path"},
		"both certs":       {strings.Replace(good, `{"ownNames": ["localhost"]}`, `{"ownNames": ["localhost"], "cert": "a", "key": "b"}`, 1), "cert and key, or ownNames"},
		"half a cert":      {strings.Replace(good, `{"ownNames": ["localhost"]}`, `{"cert": "a"}`, 1), "belong together"},
		"bad host":         {strings.Replace(good, `"v.example.org"`, `"https://v.example.org"`, 1), "no domain"},
		"bad address":      {strings.Replace(good, `"127.0.0.1:0"`, `"localhost"`, 1), "not HOST:PORT"},
		"bad tenant":       {strings.Replace(good, `"72f988bf-86f1-41af-91ab-2d7cd011db47"`, `"contoso"`, 1), "no GUID"},
		"http authority":   {strings.Replace(good, `"issuers"`, `"authority": "http://x", "issuers"`, 1), "not https"},
		"bad throttle":     {strings.Replace(good, `"issuers"`, `"throttle": "some", "issuers"`, 1), "neither off nor real"},
		"nothing":          {`{"data": "/srv/l", "tls": {"ownNames": ["localhost"]}}`, "nothing would run"},
		"arc to everyone":  {`{"data": "/srv/l", "tls": {"ownNames": ["localhost"]}, "entra": {"listen": ["127.0.0.1:0"], "hosts": ["h"], "arc": "0.0.0.0:40342"}}`, "loopback only"},
		"imds to everyone": {`{"data": "/srv/l", "tls": {"ownNames": ["localhost"]}, "entra": {"listen": ["127.0.0.1:0"], "hosts": ["h"], "imds": "0.0.0.0:80"}}`, "loopback only"},
	} {
		_, err := read(t, c.content)
		if code.Of(err) != code.ConfigInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestUpListensOnLoopbackOnly(t *testing.T) {
	for _, c := range []compose.UpConfig{
		{VaultAddr: "0.0.0.0:0"},
		{EntraAddr: "0.0.0.0:0"},
		{ProxyAddr: "192.0.2.1:0"},
		{IMDSAddr: "0.0.0.0:80"},
		{ArcAddr: "0.0.0.0:40342"},
		{ArcAddr: "169.254.169.254:80"},
		{VaultAddr: "no port"},
		{Throttle: "sometimes"},
	} {
		c.Dir = t.TempDir()
		if u, err := compose.StartUp(t.Context(), c); err == nil {
			_ = u.Stop(t.Context())
			t.Errorf("%+v is accepted", c)
		}
	}
}
