package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const webhookSecret = "test-only-canary-webhook-secret-02"

// receiver takes notifications, and checks their signatures.
type receiver struct {
	t    *testing.T
	mu   sync.Mutex
	got  []string // resource, event and status
	last struct{ id, stamp, signature, body string }
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b, err := io.ReadAll(q.Body)
	if v, verr := standardwebhooks.NewWebhookRaw([]byte(webhookSecret)); err != nil || verr != nil || v.Verify(b, q.Header) != nil {
		r.t.Errorf("a notification has no good signature: %s", b)
	}
	var m struct {
		Data struct{ Resource, EventName, Status string }
	}
	if err := json.Unmarshal(b, &m); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, strings.Join([]string{m.Data.Resource, m.Data.EventName, m.Data.Status}, " "))
	r.last.id, r.last.stamp, r.last.signature, r.last.body = q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), string(b)
}

func (r *receiver) has(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.got, what)
}

func awaitIt(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		if t.Context().Err() != nil {
			t.Fatalf("in vain until %s", what)
		}
		waitALittle()
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs the program and gives its exit code and what it printed.
func runLatchkey(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

// A server tells of its keys to a webhook over a crash; a watcher sees the same from outside, once and running; a person opens the database; nobody writes a secret down.
func TestWatchAndNotify(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for the servers' own clocks")
	}
	tmp := t.TempDir()
	hooks := &receiver{t: t}
	hook := httptest.NewServer(hooks)
	defer hook.Close()
	hookFile := writeFile(t, filepath.Join(tmp, "hook.secret"), webhookSecret+"\n")
	notify := map[string]any{"webhooks": []any{map[string]any{"name": "test", "url": hook.URL, "secrets": []string{"file:" + hookFile}}}}
	text, err := json.Marshal(notify)
	if err != nil {
		t.Fatal(err)
	}
	notifyFile := writeFile(t, filepath.Join(tmp, "notify.json"), string(text))
	dir := filepath.Join(tmp, "data")
	s := up(t, dir, "--demo", "--notify", notifyFile, "--metrics", "127.0.0.1:0", "--monitor-profile", "azure-2019")
	db := openSQL(t, s)
	execAll(t, db, "CREATE DATABASE Sales", "USE Sales; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey",
		"ALTER DATABASE Sales SET ENCRYPTION ON")
	_ = db.Close()

	vars, err := readVariables(dir)
	if err != nil {
		t.Fatal(err)
	}
	run := s.info(t)
	watchFile := filepath.Join(tmp, "watch.json")
	configure := func() {
		u, err := url.Parse(s.dsn(t))
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		u.User = url.User(u.User.Username())
		text, err := json.MarshalIndent(map[string]any{
			"state": filepath.Join(tmp, "state"), "name": "watcher", "notify": notify,
			"monitor": map[string]any{"pollSeconds": 1, "retrySeconds": 1, "tries": 1, "overSeconds": 0},
			"servers": []any{map[string]any{"name": "prod1", "dsn": u.String(), "password": "file:" + writeFile(t, filepath.Join(tmp, "sql.secret"), password)}},
			"vaults": []any{map[string]any{
				"name": "v1", "identity": "latchkey-dev", "secret": "file:" + writeFile(t, filepath.Join(tmp, "ekm.secret"), vars["LATCHKEY_EKM_SECRET"]), "keys": []string{"ContosoRSAKey0"},
				"settings": map[string]any{"caFile": run.CAFile, "proxy": "http://" + run.Addresses.Proxy},
			}},
		}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, watchFile, string(text))
	}
	configure()
	if code, out := runLatchkey(t, "watch", "--config", watchFile, "--once"); code != 0 || !strings.Contains(out, "LATCHKEY OK - 0 critical, 0 warnings, 3 well") {
		t.Errorf("all is well: exit code %d\n%s", code, out)
	}
	broken := writeFile(t, filepath.Join(tmp, "broken.json"), "{\n \"state\": \"/x\",\n \"serverz\": []\n}")
	if code, out := runLatchkey(t, "watch", "--config", broken, "--once"); code != 3 || !strings.Contains(out, `line 3: "serverz" is not known here`) {
		t.Errorf("a wrong configuration: exit code %d\n%s", code, out)
	}

	enable := func(on bool) {
		latchkey(t, "key", "update", "--data", dir, "--name", "ContosoRSAKey0", fmt.Sprintf("--enabled=%t", on), "--force", "--reason", "a test of a lost key")
	}
	enable(false)
	s.kill(t)
	s = up(t, dir, "--notify", notifyFile)
	awaitIt(t, "the server tells that the database could not be opened", func() bool { return hooks.has("Sales MakeDatabaseInaccessible Started") })
	run = s.info(t)
	configure()
	if code, out := runLatchkey(t, "watch", "--config", watchFile, "--once"); code != 2 || !strings.Contains(out, "CRITICAL v1/ContosoRSAKey0: 409 ServerKeyDoesNotExists") || !strings.Contains(out, "CRITICAL prod1/Sales: ") {
		t.Errorf("without the key: exit code %d\n%s", code, out)
	}
	if code, out := runLatchkey(t, "revalidate", "Sales", "--data", dir); code != 1 || !strings.Contains(out, "Sales stays closed") || !strings.Contains(out, "latchkey explain") {
		t.Errorf("without the key: exit code %d\n%s", code, out)
	}
	w, err := startCommandUntil(exec.Command(program, "watch", "--config", watchFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); <-w.done })
	awaitIt(t, "the watcher tells of both", func() bool {
		return hooks.has("v1/ContosoRSAKey0 KeyAccessLost Started") && hooks.has("prod1/Sales MakeDatabaseInaccessible Started")
	})

	enable(true)
	if code, out := runLatchkey(t, "revalidate", "Sales", "--data", dir); code != 0 || !strings.Contains(out, "Sales is open") {
		t.Errorf("with the key: exit code %d\n%s", code, out)
	}
	awaitIt(t, "all is told to be well", func() bool {
		return hooks.has("v1/ContosoRSAKey0 KeyAccessRestored Succeeded") && hooks.has("prod1/Sales MakeDatabaseAccessible Succeeded") && hooks.has("Sales MakeDatabaseAccessible Succeeded")
	})
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-w.done
	if w.err != nil {
		t.Errorf("the watcher ended: %v\n%s", w.err, w.logs)
	}

	hooks.mu.Lock()
	last := hooks.last
	hooks.mu.Unlock()
	body := writeFile(t, filepath.Join(tmp, "body.json"), last.body)
	verify := []string{"webhook", "verify", "--secret-file", hookFile, "--id", last.id, "--timestamp", last.stamp, "--signature", last.signature, "--body", body}
	if code, out := runLatchkey(t, verify...); code != 0 || !strings.HasPrefix(out, "signed: ") {
		t.Errorf("exit code %d: %s", code, out)
	}
	writeFile(t, body, last.body+" ")
	if code, _ := runLatchkey(t, verify...); code != 1 {
		t.Errorf("a changed body: exit code %d", code)
	}
	for _, where := range []string{filepath.Join(tmp, "state"), filepath.Join(dir, "engine", "monitor")} {
		for _, canary := range []string{webhookSecret, vars["LATCHKEY_EKM_SECRET"][32:]} {
			if out, err := exec.Command("grep", "-rlF", canary, where).Output(); err == nil {
				t.Errorf("a secret is in %s", out)
			}
		}
	}
	if all := w.logs.String() + s.logs.String(); strings.Contains(all, webhookSecret) || strings.Contains(all, vars["LATCHKEY_EKM_SECRET"][32:]) {
		t.Error("a secret is in a log")
	}
}
