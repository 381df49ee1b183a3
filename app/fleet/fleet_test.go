package fleet

import (
	"errors"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/monitor"
	"latchkey/monitor/watch"
)

// The codes in a server's messages say what the key store said; a server that says none says nothing of keys.
func TestResultOf(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want monitor.Cause
		code int32
	}{
		"forbidden": {mssql.Error{Number: 33049, All: []mssql.Error{{Number: 33049, Message: "Key with name 'k' does not exist in the provider or access is denied. Provider error code: 3113. (x)"}}}, monitor.MissingPermissions, 3113},
		"two":       {mssql.Error{Number: 3013, All: []mssql.Error{{Number: 33028, Message: "Cannot open session. Provider error code: 3303."}, {Number: 3013, Message: "x"}}}, monitor.NoIdentity, 3303},
		"no key":    {mssql.Error{Number: 33111, Message: "Cannot find server asymmetric key with thumbprint"}, monitor.KeyNotFound, 0},
		"other":     {mssql.Error{Number: 15556, Message: "Cannot decrypt"}, monitor.NoAnswer, 0},
		"a network": {errors.New("broken pipe"), monitor.NoAnswer, 0},
	} {
		if r := resultOf(c.err); r.Cause != c.want || r.Code != c.code || r.Text == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// What still runs is not said to be inaccessible, and what comes back is told as what was lost.
func TestRecord(t *testing.T) {
	f := New(Options{Config: &Config{Name: "w"}})
	refused := monitor.Result{Cause: monitor.MissingPermissions, Code: 3113}
	run := func(s watch.Subject) (out []string) {
		m := monitor.New(monitor.Profile{Poll: time.Minute, Retry: time.Second, Tries: 1}, time.Time{})
		now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
		for _, e := range append(m.Check(now, refused), m.Check(now.Add(time.Minute), monitor.Result{})...) {
			if r, ok := f.Record(s, e); ok {
				out = append(out, r.Event+" "+r.Status)
				if r.Event == AccessLost && (strings.Contains(r.Description, "now inaccessible") || !strings.Contains(r.Description, "MissingPermissions") || r.Server != "w") {
					t.Errorf("%+v", r)
				}
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		s    watch.Subject
		want string
	}{
		"a key":         {watch.Subject{ID: vaultID + "v/k", Name: "v/k"}, "KeyAccessLost Started,KeyAccessRestored Succeeded"},
		"one that runs": {watch.Subject{ID: databaseID + "s/1", Name: "s/db", Open: true}, "KeyAccessLost Started,KeyAccessRestored Succeeded"},
		"one that died": {watch.Subject{ID: databaseID + "s/2", Name: "s/db2"}, "MakeDatabaseInaccessible Started,MakeDatabaseAccessible Succeeded"},
	} {
		if got := strings.Join(run(c.s), ","); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
