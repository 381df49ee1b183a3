package alerts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/app/alerts"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
)

const good = `{
  "heartbeatSeconds": 60, "warnBefore": ["90d", "12h", "30m"], "metrics": "127.0.0.1:0",
  "webhooks": [{"name": "ops", "url": "https://h.example/x", "secrets": ["file:/s", "env:HOOK", "credential:hook"], "events": ["MakeDatabaseAccessible"]}],
  "syslog": [{"name": "siem", "address": "tls://h.example", "facility": "local3"}],
  "mail": [{"name": "dba", "server": "h.example:587", "from": "a@example.org", "to": ["b@example.org"], "user": "u", "password": "env:MAIL"}]
}`

func read(t *testing.T, text string) error {
	t.Helper()
	fs := fsys.NewMem()
	if err := fsys.WriteFile(fs, "/notify.json", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := alerts.Read(fs, "/notify.json")
	return err
}

func TestConfig(t *testing.T) {
	if err := read(t, good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"ops"`, `"siem"`, `line 4: syslog[0].name: another sink has the name "siem"`},
		{`"ops"`, `"../ops"`, "line 3: webhooks[0].name:"},
		{`https://h.example/x`, `http://h.example/canary`, "line 3: webhooks[0].url: the url at \"h.example\" is not https"},
		{`"env:HOOK"`, `"canary-secret-in-place"`, "line 3: webhooks[0].secrets[1]: a secret comes from file:/PATH"},
		{`"file:/s"`, `"file:canary"`, "line 3: webhooks[0].secrets[0]: file: wants an absolute path"},
		{`MakeDatabaseAccessible`, `no event`, "line 3: webhooks[0].events[0]"},
		{`tls://h.example`, `h.example`, "line 4: syslog[0]: the address"},
		{`local3`, `local9`, "line 4: syslog[0]: the facility"},
		{`h.example:587`, `h.example`, "line 5: mail[0].server"},
		{`b@example.org`, `b`, "line 5: mail[0].to[0]: it is no mail address"},
		{`"user": "u", `, ``, "line 5: mail[0]: user and password belong together"},
		{`"30m"`, `"soon"`, `line 2: warnBefore: "soon"`},
		{`127.0.0.1:0`, `9464`, "line 2: metrics: it is not HOST:PORT"},
		{`"heartbeatSeconds": 60`, `"heartbeatSeconds": -2`, "line 2: heartbeatSeconds"},
		{`"webhooks"`, `"webhook"`, `line 3: "webhook" is not known here`},
	} {
		err := read(t, strings.Replace(good, c.old, c.new, 1))
		if !errors.Is(err, code.ConfigInvalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte("test-only canary\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unset := ""
	s := alerts.Sources{FS: fsys.OS{}, Unsetenv: func(n string) error { unset = n; return nil }, LookupEnv: func(n string) (string, bool) {
		v, ok := map[string]string{"V": "test-only canary", "CREDENTIALS_DIRECTORY": dir}[n]
		return v, ok
	}}
	for _, spec := range []string{"file:" + file, "env:V", "credential:s"} {
		got, err := s.Read(spec)
		if err != nil || !got.Equal([]byte("test-only canary")) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if unset != "V" {
		t.Errorf("%q was taken out of the environment", unset)
	}
	for spec, want := range map[string]string{"env:NONE": "not set", "file:/none": "reading a secret", "credential:../s": "a secret comes from", "canary": "a secret comes from", "": "a secret comes from"} {
		if _, err := s.Read(spec); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("file:" + file); err == nil && os.PathSeparator == '/' || err != nil && !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that all may read: %v", err)
	}
}

func TestExplain(t *testing.T) {
	if s := alerts.Explain(activity.Record{Code: 3303}); !strings.Contains(s, "ALTER CREDENTIAL") {
		t.Error(s)
	}
	if s := alerts.Explain(activity.Record{}) + alerts.Explain(activity.Record{Code: 999}); s != "" {
		t.Error(s)
	}
}

// What the page lists are events that configurations take, each once.
func TestEvents(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range alerts.Events() {
		if seen[e.Name+e.Status] || e.Meaning == "" {
			t.Error(e)
		}
		seen[e.Name+e.Status] = true
		c := alerts.Config{Syslog: []alerts.Syslog{{Target: alerts.Target{Name: "x", Events: []string{e.Name}}, Address: "udp://h"}}}
		if p := c.Check(); len(p) != 0 {
			t.Error(p)
		}
	}
}
