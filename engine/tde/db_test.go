package tde_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"latchkey/ekm"
	"latchkey/engine/tde"
	"latchkey/engine/tde/header"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// fakeKeys wraps by exclusive or with a pad of its own: enough to tell keys apart in tests, and it counts its calls.
type fakeKeys struct {
	calls atomic.Int64
	fail  atomic.Bool
}

var errNoVault = errors.New("the vault does not answer")

func pad(t ekm.Thumbprint, b []byte) []byte {
	out := append([]byte(nil), b...)
	for i := range out {
		out[i] ^= t[i%len(t)] ^ byte(i)*7
	}
	return out
}

func (k *fakeKeys) Wrap(_ context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	k.calls.Add(1)
	if k.fail.Load() {
		return ekm.Wrapped{}, errNoVault
	}
	return ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: append([]byte(t), pad(t, plain.Expose())...)}, nil
}

func (k *fakeKeys) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	k.calls.Add(1)
	if k.fail.Load() {
		return nil, errNoVault
	}
	if len(w.Blob) < len(t) || ekm.Thumbprint(w.Blob[:len(t)]) != t {
		return nil, fmt.Errorf("blob is not of key %v", t)
	}
	return secret.New(pad(t, w.Blob[len(t):])), nil
}

var (
	protector1 = tde.Protector{Thumbprint: "thumbprint-number-01", URI: "https://vault.example/keys/a/1"}
	protector2 = tde.Protector{Thumbprint: "thumbprint-number-02", URI: "https://vault.example/keys/b/2"}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func memConfig(m fsys.FS) tde.Config {
	return tde.Config{FS: m, Path: "/data/d.db", ScanRate: -1}
}

func newMem(t testing.TB) *fsys.Mem {
	m := fsys.NewMem()
	must(t, m.MkdirAll("/data", 0o700))
	return m
}

func exec(t testing.TB, c *tde.Conn, sql string, args ...any) {
	t.Helper()
	must(t, c.Exec(fmt.Sprintf(sql, args...)))
}

func query(t testing.TB, c *tde.Conn, sql string) string {
	t.Helper()
	s, err := queryErr(c, sql)
	must(t, err)
	return s
}

func queryErr(c *tde.Conn, sql string) (string, error) {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return "", c.Err(err)
	}
	defer st.Close()
	out := ""
	for st.Step() {
		out += st.ColumnText(0) + ";"
	}
	return out, c.Err(st.Err())
}

func TestLife(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	keys := &fakeKeys{}
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON t(v)")
	exec(t, c, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT i, 'canary-'||i||hex(randomblob(50)) FROM n")
	must(t, db.CreateKey(ctx, header.AES256, protector1, keys))
	must(t, db.SetEncryption(ctx, true))
	exec(t, c, "UPDATE t SET v='canary-new-'||id WHERE id%%3=0")
	must(t, db.Wait(ctx))
	if s := db.Status(); s.State != header.Encrypted || s.Percent != 0 || s.Scan != tde.ScanComplete {
		t.Errorf("status = %+v", s)
	}
	if got := query(t, c, "PRAGMA integrity_check"); got != "ok;" {
		t.Errorf("integrity = %s", got)
	}
	must(t, db.ReKey(ctx, header.AES192, protector1, keys))
	exec(t, c, "UPDATE t SET v='canary-newer-'||id WHERE id%%5=0")
	must(t, db.Wait(ctx))
	must(t, db.ReWrap(ctx, protector2, keys))
	must(t, c.Close())
	must(t, db.Close())

	db, err = tde.Open(ctx, memConfig(m), keys)
	must(t, err)
	c, err = db.Conn(ctx)
	must(t, err)
	if got := query(t, c, "SELECT count(*)||' '||sum(v LIKE 'canary-newer%') FROM t"); got != "2000 400;" {
		t.Errorf("rows = %s", got)
	}
	if s := db.Status(); s.State != header.Encrypted || s.Protector != protector2 || s.Algorithm != header.AES192 {
		t.Errorf("status = %+v", s)
	}
	must(t, db.SetEncryption(ctx, false))
	must(t, db.Wait(ctx))
	must(t, db.DropKey(ctx))
	if got := query(t, c, "PRAGMA integrity_check"); got != "ok;" {
		t.Errorf("integrity = %s", got)
	}
	must(t, c.Close())
	must(t, db.Close())
	db, err = tde.Open(ctx, memConfig(m), nil)
	must(t, err)
	must(t, db.Close())
}
