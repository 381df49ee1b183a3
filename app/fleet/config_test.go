package fleet_test

import (
	"strings"
	"testing"

	"latchkey/app/fleet"
)

const good = `{
  "state": "/var/lib/w",
  "servers": [
    {"name": "prod1", "dsn": "sqlserver://watcher@h:1433?encrypt=strict",
     "password": "env:P"}
  ],
  "vaults": [
    {"name": "v1", "identity": "contoso", "secret": "file:/s", "keys": ["k", "k/0123"], "settings": {"secretExpires": "2027-03-01"}},
    {"name": "v2", "identity": "Managed Identity", "credential": "contoso", "keys": ["k"], "settings": {"secretExpires": "2027-03-01"}}
  ]
}`

func TestConfig(t *testing.T) {
	c, err := fleet.Decode([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Settings()
	if err != nil || s.Vaults["contoso.vault.azure.net"].SecretExpires != "2027-03-01" || s.Map != "/var/lib/w/keymap" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"watcher@h", "watcher:canary@h", "line 4: servers[0].dsn: a password stands in it"},
		{`sqlserver://watcher@h:1433?encrypt=strict`, `sqlserver://watcher:canary@h:port`, "line 4: servers[0].dsn: the driver does not read it"},
		{`"password": "env:P"`, `"noCanary": true`, "line 4: servers[0].password: it is missing"},
		{`"env:P"`, `"canary"`, "line 5: servers[0].password: a secret comes from"},
		{`"v2"`, `"Prod1"`, `line 9: vaults[1].name: another server or vault has the name "Prod1"`},
		{`"identity": "contoso"`, `"identity": "http://contoso"`, "line 8: vaults[0].identity:"},
		{`"keys": ["k", "k/0123"]`, `"keys": []`, "line 8: vaults[0].keys: name 1 to"},
		{`"k/0123"`, `"k/0/1"`, "line 8: vaults[0].keys[1]"},
		{`"2027-03-01"`, `"2028-03-01"`, "has other settings than another entry for the same vault"},
		{`"/var/lib/w"`, `"w"`, "line 2: state: it is no absolute path"},
		{`"servers"`, `"monitor": {"profile": "none"}, "servers"`, "line 3: monitor: no profile"},
		{`"servers"`, `"notify": {"syslog": [{"name": "x", "address": "y"}]}, "servers"`, "line 3: notify.syslog[0]:"},
		{`"setting`, `"sett`, `line 8: "vaults[0].setts" is not known here`},
	} {
		_, err := fleet.Decode([]byte(strings.Replace(good, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	if _, err := fleet.Decode([]byte(`{"state": "/x"}`)); err == nil || !strings.Contains(err.Error(), "nothing would be watched") {
		t.Error(err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"state":"/x","servers":[{"name":"a","dsn":"server=h;user id=u;password=p"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := fleet.Decode(b)
		if err == nil {
			if _, err := c.Settings(); err != nil {
				t.Error(err)
			}
		}
	})
}
