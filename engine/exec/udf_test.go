package exec_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFunctionsSurvive defines functions, ends the server and calls them in the next one.
func TestFunctionsSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("define", func(t *testing.T) {
		c := startIn(t, dir).one()
		for _, batch := range []string{
			"CREATE DATABASE d",
			"USE d",
			"CREATE TABLE t (a int); INSERT t VALUES (1), (2)",
			"CREATE FUNCTION dbo.total(@more int = 10) RETURNS int WITH RETURNS NULL ON NULL INPUT AS BEGIN RETURN (SELECT SUM(a) FROM t) + @more END",
			"CREATE TABLE k (a int CHECK (dbo.total(0) >= a))",
		} {
			show(t, c, batch)
		}
	})
	c := startIn(t, dir).one("database=d")
	want := "13|NULL\n(1)\n"
	if got := show(t, c, "SELECT dbo.total(DEFAULT) AS a, dbo.total(NULL) AS b"); got != want {
		t.Error(cmp.Diff(want, got))
	}
	want = "(1)\n" + `!547:16:0 line 2 The INSERT statement conflicted with the CHECK constraint "CK__k__a__`
	if got := show(t, c, "INSERT k VALUES (3)\nINSERT k VALUES (4)"); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("got %q, want %q first", got, want)
	}
}

// TestFunctionsBesideWriters calls a function that reads while other sessions write and redefine it: each call sees one state.
func TestFunctionsBesideWriters(t *testing.T) {
	t.Parallel()
	s := start(t)
	setup := s.one()
	for _, batch := range []string{
		"CREATE DATABASE d", "USE d",
		"CREATE TABLE t (a int, b int); INSERT t VALUES (1, -1)",
		"CREATE FUNCTION dbo.zero(@k int) RETURNS int AS BEGIN DECLARE @a int, @b int SELECT @a = a FROM t SELECT @b = b FROM t RETURN @a + @b END",
	} {
		show(t, setup, batch)
	}
	writer, definer, reader := s.one("database=d"), s.one("database=d"), s.one("database=d")
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := writer.ExecContext(t.Context(), fmt.Sprintf("UPDATE t SET a = %d, b = -%d", i, i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	go func() {
		for ctx.Err() == nil {
			if _, err := definer.ExecContext(t.Context(), "ALTER FUNCTION dbo.zero(@k int) RETURNS int AS BEGIN DECLARE @a int, @b int SELECT @a = a FROM t SELECT @b = b FROM t RETURN @a + @b END"); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		var n int
		if err := reader.QueryRowContext(t.Context(), "SELECT SUM(dbo.zero(a)) FROM t").Scan(&n); err != nil {
			t.Error(err)
			break
		}
		if n != 0 {
			t.Errorf("a call saw two states: %d", n)
			break
		}
	}
	end()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestFunctionIsCancelled ends a function that would run for ever.
func TestFunctionIsCancelled(t *testing.T) {
	t.Parallel()
	c := start(t).one()
	show(t, c, "CREATE DATABASE d")
	show(t, c, "USE d")
	show(t, c, "CREATE FUNCTION dbo.ever() RETURNS int AS BEGIN WHILE 1 = 1 BREAK; DECLARE @i int = 0 WHILE @i >= 0 SET @i = 1 RETURN 1 END")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var n int
	if err := c.QueryRowContext(ctx, "SELECT dbo.ever() FROM sys.schemas").Scan(&n); err == nil {
		t.Fatal("a function that never ends gave a value")
	}
	if ctx.Err() == nil {
		t.Fatal("the function ended by itself")
	}
}
