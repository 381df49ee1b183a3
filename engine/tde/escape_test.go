package tde_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"latchkey/engine/tde"
)

// No SQL makes a file in clear: neither a name that is put together when the statement runs, nor one that only begins like ours.
func TestNoEscapeBySQL(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "CREATE TABLE t(v); INSERT INTO t VALUES('canary')")
	dir := t.TempDir()
	leak := filepath.Join(dir, "leak.db")
	for _, sql := range []string{
		"ATTACH 'file:'||'" + leak + "?vfs=os' AS leak",
		"ATTACH (SELECT 'file:" + leak + "?vfs=os') AS leak",
		"ATTACH lower('file:" + leak + "?vfs=os') AS leak",
		"ATTACH 'file:/latchkey-x/.." + leak + "?vfs=os' AS leak",
		"ATTACH '" + db.URI() + "&vfs=os' AS leak",
		"ATTACH 'file:/latchkey-0123456789abcdef?vfs=os' AS leak",
		"ATTACH '" + leak + "' AS leak",
		"VACUUM INTO 'file:'||'" + leak + "?vfs=os'",
		"VACUUM INTO 'file:/latchkey-x/.." + leak + "?vfs=os'",
	} {
		if err := c.Exec(sql); err == nil {
			t.Errorf("%s was allowed", sql)
			_ = c.Exec("CREATE TABLE leak.t AS SELECT * FROM main.t; DETACH leak")
		}
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		t.Errorf("%s was made", e.Name())
	}
	exec(t, c, "VACUUM")

	cfg := memConfig(m) // what is meant to be attached can be
	cfg.Path = "/data/other.db"
	other, err := tde.Create(ctx, cfg)
	must(t, err)
	exec(t, c, "ATTACH '%s' AS other; CREATE TABLE other.t AS SELECT * FROM main.t; VACUUM other; DETACH other", other.URI())
	must(t, errors.Join(c.Close(), db.Close(), other.Close()))
}
