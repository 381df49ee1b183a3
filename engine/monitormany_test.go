package engine_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/engine"
	"latchkey/engine/keystmt/provider"
)

// lineCount keeps the lines of a log.
type lineCount struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *lineCount) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *lineCount) lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Count(c.text.Bytes(), []byte("\n"))
}

// since is what followed line n.
func (c *lineCount) since(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(strings.SplitAfter(c.text.String(), "\n")[n:], "")
}

// Many databases under one key, on two servers, go and come back at once: the key is asked for once by each check, whatever their number, each database
// takes one unwrap to open, one server's trouble is not the other's, and the log has a few lines for each, not for each check.
func TestManyDatabasesOfOneKey(t *testing.T) {
	t.Parallel()
	many := 20
	if os.Getenv("LATCHKEY_LONG") == "1" {
		many = 200
	}
	var log lineCount
	r, m, _, db := watched(t, 0, func(c *engine.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for i := range many - 1 {
		name := fmt.Sprintf("d%03d", i)
		for _, q := range []string{
			"CREATE DATABASE " + name, "USE " + name + "; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
			"USE " + name + "; CREATE TABLE dbo.t(a int NOT NULL); INSERT INTO dbo.t VALUES (7); ALTER DATABASE " + name + " SET ENCRYPTION ON",
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%.60s: %v", q, err)
			}
		}
	}
	other, m2, _, db2 := watched(t, 0, func(c *engine.Config) {
		c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &moody{Library: m.Library}}}
	})
	_ = m2
	online := func(db *sql.DB) (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4 AND state_desc = N'ONLINE'").Scan(&n); err != nil {
			t.Log("asking again: ", err) // the connection was last used in a database that was closed
			return -1
		}
		return n
	}
	in := func(r *running, state string) (n int) {
		for _, i := range r.KeyAccess() {
			if i.State.String() == state {
				n++
			}
		}
		return n
	}
	wait(t, "all are watched", func() bool { return in(r, "ONLINE") == many && in(other, "ONLINE") == 1 })

	// A check has 100 ms to the one before. With one for each database there were as many times more.
	checks := func(since time.Time) int64 { return 40 + int64(time.Since(since)/(100*time.Millisecond)) }
	began, before := time.Now(), m.unwraps.Load()
	m.say(disabled())
	wait(t, "all are closed", func() bool { return in(r, "INACCESSIBLE") == many && online(db) == 0 })
	if n := m.unwraps.Load() - before; n > checks(began) {
		t.Errorf("%d unwraps in %v until %d databases were closed", n, time.Since(began), many)
	}
	if n := online(db2); n != 1 || in(other, "ONLINE") != 1 {
		t.Errorf("%d databases of the other server are open", n)
	}
	lines, refused := log.lines(), m.unwraps.Load()
	wait(t, "the key was refused many more times", func() bool { return m.unwraps.Load() > refused+20 })
	if n := log.lines() - lines; n > many {
		t.Errorf("%d lines of the log for %d checks of a key that is still refused:\n%s", n, 20, log.since(lines))
	}
	if lines > 20*many+200 {
		t.Errorf("%d lines of the log for %d databases", lines, many)
	}
	began, before = time.Now(), m.unwraps.Load()
	m.say(nil)
	wait(t, "all are open", func() bool { return in(r, "ONLINE") == many && online(db) == many })
	if n := m.unwraps.Load() - before; n > int64(many)+checks(began) {
		t.Errorf("%d unwraps in %v until %d databases were open", n, time.Since(began), many)
	}
	for i := range many - 1 {
		var a int
		if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT a FROM d%03d.dbo.t", i)).Scan(&a); err != nil || a != 7 {
			t.Errorf("d%03d: %d, %v", i, a, err)
		}
	}
}
