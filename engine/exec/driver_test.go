package exec_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// must runs batches one after another.
func must(t testing.TB, c interface {
	ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
}, batches ...string,
) {
	t.Helper()
	for _, b := range batches {
		if _, err := c.ExecContext(t.Context(), b); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
	}
}

func number(err error) int32 {
	var e mssql.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// database makes a database d1 and gives connections to it.
func (s *server) database(ddl ...string) *sql.DB {
	s.t.Helper()
	must(s.t, s.one(), "CREATE DATABASE d1")
	db := s.open("database=d1")
	must(s.t, db, ddl...)
	return db
}

func TestParameters(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE t (id int PRIMARY KEY, name nvarchar(50), amount decimal(12,3), at datetime2, raw varbinary(max), big nvarchar(max))")
	at := time.Date(2026, 1, 2, 3, 4, 5, 600700800, time.UTC)
	long := strings.Repeat("ñ𝄞", 300_000)
	raw := bytes.Repeat([]byte{1, 2, 3, 0}, 200_000)
	if _, err := db.Exec("INSERT t VALUES (@p1, @p2, @p3, @p4, @p5, @p6)", 1, "one", "12.345", at, raw, long); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT t (id, name) VALUES (@id, @name)", sql.Named("id", 2), sql.Named("name", nil)); err != nil {
		t.Fatal(err)
	}
	var name, amount, big string
	var back time.Time
	var bin []byte
	if err := db.QueryRow("SELECT name, amount, at, raw, big FROM t WHERE id = @p1", 1).Scan(&name, &amount, &back, &bin, &big); err != nil {
		t.Fatal(err)
	}
	if name != "one" || amount != "12.345" || !back.Equal(at) || !bytes.Equal(bin, raw) || big != long {
		t.Errorf("%s %s %s, %d bytes, %d bytes of text", name, amount, back, len(bin), len(big))
	}
	st, err := db.Prepare("SELECT COUNT(*) FROM t WHERE id < @p1")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for i := range 4 {
		var n int
		if err := st.QueryRow(i).Scan(&n); err != nil || n != max(0, i-1) {
			t.Errorf("%d rows below %d: %v", n, i, err)
		}
	}
	var out int64
	if _, err := db.Exec("SET @sum = @a + @b", sql.Named("a", 20), sql.Named("b", 22), sql.Named("sum", sql.Out{Dest: &out})); err != nil || out != 42 {
		t.Errorf("an output parameter: %d, %v", out, err)
	}
	must(t, db, "CREATE PROCEDURE twice @n int, @twice int OUTPUT AS SET @twice = @n * 2; RETURN 7")
	var status mssql.ReturnStatus
	if _, err := db.Exec("twice", sql.Named("n", 4), sql.Named("twice", sql.Out{Dest: &out}), &status); err != nil || out != 8 || status != 7 {
		t.Errorf("a procedure: %d, status %d, %v", out, status, err)
	}
	r, err := db.Exec("UPDATE t SET name = 'x'")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := r.RowsAffected(); n != 2 {
		t.Errorf("%d rows updated", n)
	}
}

func TestTableParameterAndBulk(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TYPE pairs AS TABLE (id int NOT NULL, name nvarchar(20) NULL)", "CREATE TABLE t (id int, name nvarchar(20))")
	type pair struct {
		ID   int32
		Name string
	}
	rows := []pair{{1, "a"}, {2, "b"}, {3, "c"}}
	if _, err := db.Exec("INSERT t SELECT id, name FROM @p", sql.Named("p", mssql.TVP{TypeName: "pairs", Value: rows})); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	st, err := tx.Prepare(mssql.CopyIn("t", mssql.BulkOptions{}, "id", "name"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if _, err := st.Exec(i+10, fmt.Sprint("row ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Exec(); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var n, sum int
	if err := db.QueryRow("SELECT COUNT(*), SUM(id) FROM t").Scan(&n, &sum); err != nil || n != 1003 || sum != 6+1000*10+999*1000/2 {
		t.Errorf("%d rows, sum %d, %v", n, sum, err)
	}
}

func TestTransactionsOfTheDriver(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE t (id int PRIMARY KEY)")
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT t VALUES (1)")
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("another session sees %d rows, %v", n, err)
	}
	if _, err := db.Exec("SET LOCK_TIMEOUT 50; INSERT t VALUES (2)"); number(err) != 1222 {
		t.Errorf("a second writer: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	tx, err = db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT t VALUES (3)")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A snapshot that another session overtook cannot write: 3960.
func TestSnapshotClash(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT t VALUES (1, 0)")
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSnapshot})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRow("SELECT n FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	must(t, db, "UPDATE t SET n = 1")
	if err := tx.QueryRow("SELECT n FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("the snapshot shows %d, %v", n, err)
	}
	if _, err := tx.Exec("UPDATE t SET n = 2"); number(err) != 3960 {
		t.Errorf("overtaken: %v", err)
	}
}

func TestResetOfAPooledConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	must(t, s.one(), "CREATE DATABASE d1")
	db := s.open()
	db.SetMaxOpenConns(1)
	must(t, db, "USE d1; CREATE TABLE #x (a int); SET NOCOUNT ON; SET DATEFIRST 1; BEGIN TRAN")
	var name string
	var first, open, there, options int
	if err := db.QueryRow("SELECT DB_NAME(), @@DATEFIRST, @@TRANCOUNT, ISNULL(OBJECT_ID('tempdb..#x'), 0), @@OPTIONS & 512").Scan(&name, &first, &open, &there, &options); err != nil {
		t.Fatal(err)
	}
	if name != "master" || first != 7 || open != 0 || there != 0 || options != 0 {
		t.Errorf("after the reset: %s, DATEFIRST %d, %d transactions, #x %d, NOCOUNT %d", name, first, open, there, options)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE n (i int PRIMARY KEY)",
		"WITH x AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM x WHERE i < 2000) INSERT n SELECT i FROM x OPTION (MAXRECURSION 0)")
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	must(t, c, "BEGIN TRAN; DELETE n WHERE i = 1")
	for _, q := range []string{"WAITFOR DELAY '01:00:00'", "SELECT COUNT(*) FROM n a, n b, n c, n d WHERE a.i + b.i + c.i + d.i = -1", "WHILE 1 = 1 SELECT 1 WHERE 1 = 0"} {
		ctx, cancel := context.WithCancel(t.Context()) // a deadline would make the driver drop the connection
		timer := time.AfterFunc(300*time.Millisecond, cancel)
		_, err := c.ExecContext(ctx, q)
		timer.Stop()
		cancel()
		if !errors.Is(err, context.Canceled) { // the driver waits for seconds until it gives the connection up
			t.Errorf("%s: %v", q, err)
		}
	}
	var open, rows int
	if err := c.QueryRowContext(t.Context(), "SELECT @@TRANCOUNT, COUNT(*) FROM n").Scan(&open, &rows); err != nil || open != 1 || rows != 1999 {
		t.Errorf("the transaction after attentions: %d, %d rows, %v", open, rows, err)
	}
	must(t, c, "ROLLBACK")
	// Under XACT_ABORT an attention ends the transaction, and the client hears of it.
	must(t, c, "SET XACT_ABORT ON; BEGIN TRAN; DELETE n WHERE i = 2")
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(100*time.Millisecond, cancel)
	_, err = c.ExecContext(ctx, "WAITFOR DELAY '01:00:00'")
	timer.Stop()
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := c.QueryRowContext(t.Context(), "SELECT @@TRANCOUNT, COUNT(*) FROM n").Scan(&open, &rows); err != nil || open != 0 || rows != 2000 {
		t.Errorf("under XACT_ABORT: %d transactions, %d rows, %v", open, rows, err)
	}
}

func TestPreparedHandles(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.one()
	var h int32
	if _, err := c.ExecContext(t.Context(), "sp_prepare", sql.Named("handle", sql.Out{Dest: &h}), sql.Named("params", "@a int"), sql.Named("stmt", "SELECT @a * 2 AS twice")); err != nil || h == 0 {
		t.Fatal(h, err)
	}
	var twice int
	if err := c.QueryRowContext(t.Context(), "sp_execute", h, 21).Scan(&twice); err != nil || twice != 42 {
		t.Errorf("%d, %v", twice, err)
	}
	var again int32
	if err := c.QueryRowContext(t.Context(), "sp_prepexec", sql.Named("handle", sql.Out{Dest: &again}), sql.Named("params", "@a int"),
		sql.Named("stmt", "SELECT @a * 3"), sql.Named("a", 5)).Scan(&twice); err != nil || twice != 15 {
		t.Errorf("%d, %v", twice, err)
	}
	must(t, c, fmt.Sprint("EXEC sp_unprepare ", h))
	if err := c.QueryRowContext(t.Context(), "sp_execute", h, 21).Scan(&twice); number(err) != 8179 {
		t.Errorf("a handle that is gone: %v", err)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, b := s.one(), s.one()
	var id int
	if err := a.QueryRowContext(t.Context(), "SELECT @@SPID").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ExecContext(t.Context(), fmt.Sprint("KILL ", id)); number(err) != 6104 {
		t.Errorf("killing oneself: %v", err)
	}
	must(t, b, fmt.Sprint("KILL ", id))
	if err := a.QueryRowContext(t.Context(), "SELECT 1").Scan(&id); err == nil {
		t.Error("a killed session answers")
	}
	if _, err := b.ExecContext(t.Context(), "KILL 32000"); number(err) != 6106 {
		t.Errorf("nobody: %v", err)
	}
}

// Many sessions read and write one database at once; nothing is lost.
func TestSessionsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT t VALUES (1, 0)")
	db.SetMaxOpenConns(8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, err := db.Exec("UPDATE t SET n = n + 1 WHERE id = @p1", 1); err != nil {
					t.Error(err)
				}
				var n int
				if err := db.QueryRow("SELECT n FROM t WHERE id = @p1", 1).Scan(&n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.QueryRow("SELECT n FROM t").Scan(&n); err != nil || n != 80 {
		t.Errorf("%d, %v", n, err)
	}
}

func BenchmarkPointSelect(b *testing.B) {
	s := start(b)
	db := s.database("CREATE TABLE t (id int PRIMARY KEY, name nvarchar(50), n int)",
		"WITH x AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM x WHERE i < 10000) INSERT t SELECT i, CONCAT('name ', i), i FROM x OPTION (MAXRECURSION 0)")
	var name string
	var n int
	i := 0
	for b.Loop() {
		i = i*7919%10000 + 1
		if err := db.QueryRow("SELECT name, n FROM t WHERE id = @p1", i).Scan(&name, &n); err != nil {
			b.Fatal(err)
		}
	}
}

// A batch may declare very many variables: what it costs grows with their number and not with its square.
func TestManyVariables(t *testing.T) {
	c := start(t).one()
	const n = 30000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "DECLARE @v%d int = %d;\n", i, i)
	}
	var last int
	if err := c.QueryRowContext(t.Context(), b.String()+"DECLARE @t TABLE (a int); INSERT @t VALUES (@v29999); SELECT a FROM @t").Scan(&last); err != nil || last != n-1 {
		t.Fatal(last, err)
	}
	if _, err := c.ExecContext(t.Context(), b.String()+"DECLARE @V7 int"); number(err) != 134 {
		t.Error("a variable that is declared twice:", err)
	}
}
