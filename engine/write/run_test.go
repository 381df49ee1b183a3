package write_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

func name(parts ...string) ast.ObjectName { return ast.ObjectName{Parts: parts} }

// want runs a batch and compares what a client sees.
func (s *session) want(batch, want string) {
	s.t.Helper()
	if got := strings.TrimSpace(s.run(batch)); got != strings.TrimSpace(want) {
		s.t.Errorf("%s\ngot  %s\nwant %s", batch, got, want)
	}
}

func (s *session) must(batch string) {
	s.t.Helper()
	if got := s.run(batch); strings.Contains(got, "Msg ") || strings.Contains(got, "ERROR") {
		s.t.Fatalf("%s: %s", batch, got)
	}
}

// TestTwoConnections shows that definitions are seen by others after the commit and not before, and that a rollback undoes them
// together with the rows.
func TestTwoConnections(t *testing.T) {
	st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
	a, b := st.session(t), st.session(t)
	defer func() {
		a.close()
		b.close()
		if err := st.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	a.must("CREATE TABLE t (a int PRIMARY KEY)")
	a.must("INSERT t VALUES (1)")
	b.want("SELECT * FROM t", "1")
	a.must("BEGIN TRAN")
	a.must("ALTER TABLE t ADD b int NOT NULL DEFAULT 7")
	a.must("CREATE TABLE u (x int)")
	a.must("INSERT u VALUES (5)")
	a.want("SELECT * FROM t", "1|7")
	b.want("SELECT * FROM t", "1")
	b.want("SELECT * FROM u", "Msg 208, Level 16, State 1: Invalid object name 'u'.")
	a.must("ROLLBACK")
	a.want("SELECT * FROM t", "1")
	a.want("SELECT * FROM u", "Msg 208, Level 16, State 1: Invalid object name 'u'.")
	a.must("BEGIN TRAN")
	a.must("CREATE TABLE u (y int)")
	a.must("INSERT u VALUES (6)")
	a.must("COMMIT")
	b.want("SELECT y FROM u", "6")
	b.must("DROP TABLE u")
	a.want("SELECT y FROM u", "Msg 208, Level 16, State 1: Invalid object name 'u'.")
}

// TestReopen shows that definitions, identities and row versions are there after the database was closed, and that what was not
// committed when the connection died is not.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := newStore(t, path)
	s := st.session(t)
	s.must("CREATE TABLE t (id int IDENTITY(1,1) PRIMARY KEY, a int CONSTRAINT CK CHECK (a > 0), rv rowversion)")
	s.must("INSERT t (a) VALUES (1), (2)")
	s.must("DELETE t WHERE id = 2")
	s.must("CREATE INDEX ix ON t (a)")
	s.must("BEGIN TRAN")
	s.must("CREATE TABLE lost (a int)")
	s.must("INSERT t (a) VALUES (9)")
	s.close() // without a commit
	if err := st.db.Close(); err != nil {
		t.Fatal(err)
	}
	st = newStore(t, path)
	s = st.session(t)
	s.want("INSERT t (a) VALUES (3)", "(1 rows) identity 3")
	s.want("SELECT id, a FROM t", "1|1\n3|3")
	s.want("SELECT * FROM lost", "Msg 208, Level 16, State 1: Invalid object name 'lost'.")
	s.want("INSERT t (a) VALUES (0)", `Msg 547, Level 16, State 0: The INSERT statement conflicted with the CHECK constraint "CK". The conflict occurred in database "db", table "dbo.t", column 'a'.`)
	s.close()
	if err := st.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNewerFormat shows that definitions of a later program are refused.
func TestNewerFormat(t *testing.T) {
	st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
	s := st.session(t)
	s.must("CREATE TABLE t (a int)")
	s.sql("UPDATE latchkey_meta SET value=value+1 WHERE name='format'")
	other := schema.NewShared(schema.Config{})
	if _, err := other.Snapshot(t.Context(), s.conn); !errors.Is(err, schema.ErrFormat) {
		t.Errorf("a later format: %v", err)
	}
	s.close()
	if err := st.db.Close(); err != nil {
		t.Error(err)
	}
}

// TestBulk loads rows as clients do: default options, KEEP_NULLS, KEEP_IDENTITY, errors that leave nothing.
func TestBulk(t *testing.T) {
	st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
	s := st.session(t)
	defer func() {
		s.close()
		if err := st.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.must("CREATE TABLE t (id int IDENTITY PRIMARY KEY, n nvarchar(5) DEFAULT 'def', d decimal(10,2), k int CONSTRAINT CK CHECK (k > 0))")
	nv, in := sqltype.Sized(sqltype.NVarChar, 20), sqltype.Of(sqltype.Int)
	cols := []write.BulkColumn{{"id", in}, {"N", nv}, {"d", sqltype.DecimalType(20, 4)}, {"k", in}}
	row := func(id int64, n string, k int64) []sqltype.Value {
		r := []sqltype.Value{sqltype.NewInt(sqltype.Int, id), sqltype.NullValue, sqltype.DecimalFromInt(20, 3), sqltype.NewInt(sqltype.Int, k)}
		if n != "" {
			r[1] = sqltype.NewText(sqltype.NVarChar, n)
		}
		return r
	}
	load := func(o write.BulkOptions, rows ...[]sqltype.Value) (write.Result, error) {
		s.sql("BEGIN IMMEDIATE")
		defer s.sql("COMMIT")
		s.refresh()
		i := 0
		return write.Bulk(t.Context(), s.config(), write.Run{Conn: s.conn}, name("t"), cols, o, func() ([]sqltype.Value, bool, error) {
			if i == len(rows) {
				return nil, false, nil
			}
			i++
			return rows[i-1], true, nil
		})
	}
	if r, err := load(write.BulkOptions{}, row(50, "a", 1), row(51, "", 2)); err != nil || r.Rows != 2 {
		t.Fatalf("%d rows, %v", r.Rows, err)
	}
	if _, err := load(write.BulkOptions{KeepIdentity: true, KeepNulls: true}, row(50, "", 1)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		row    []sqltype.Value
		number int
	}{{row(60, "too long", 1), 2628}, {row(61, "x", -1), 547}, {row(50, "x", 1), 2627}} {
		_, err := load(write.BulkOptions{KeepIdentity: true}, row(70, "y", 1), bad.row)
		if got := number(err); got != bad.number {
			t.Errorf("message %d, want %d: %v", got, bad.number, err)
		}
	}
	s.want("SELECT id, n, d, k FROM t", "1|a|3.00|1\n2|def|3.00|2\n50|NULL|3.00|1")
	s.want("INSERT t (k) VALUES (1)", "(1 rows) identity 71")
	if _, err := load(write.BulkOptions{}); err != nil {
		t.Error(err)
	}
	cols[0].Name = "nope"
	if _, err := load(write.BulkOptions{}); number(err) != 207 {
		t.Errorf("an unknown column: %v", err)
	}
}

// number is the message number of an error, 0 for none.
func number(err error) int {
	if l := msg.Messages(err); len(l) > 0 {
		return l[0].Number
	}
	var e *sqltype.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// TestInsertExec puts the rows of a procedure into a table.
func TestInsertExec(t *testing.T) {
	st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
	s := st.session(t)
	defer func() {
		s.close()
		if err := st.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.must("CREATE TABLE t (a int, b varchar(3))")
	s.refresh()
	b, err := tsql.Parse("INSERT t EXEC p", tsql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := write.Compile(s.config(), b.Statements[0])
	if err != nil || p.Exec == nil {
		t.Fatal(err)
	}
	run := func(types []sqltype.Type, rows ...[]sqltype.Value) (write.Result, error) {
		s.sql("BEGIN IMMEDIATE")
		defer s.sql("COMMIT")
		return p.Run(t.Context(), write.Run{Conn: s.conn, Exec: func() ([]sqltype.Type, []sqltype.Value, bool, error) {
			if len(rows) == 0 {
				return nil, nil, false, nil
			}
			r := rows[0]
			rows = rows[1:]
			return types, r, true, nil
		}})
	}
	types := []sqltype.Type{sqltype.Of(sqltype.BigInt), sqltype.Sized(sqltype.NVarChar, 10)}
	v := func(n int64, s string) []sqltype.Value {
		return []sqltype.Value{sqltype.NewInt(sqltype.BigInt, n), sqltype.NewText(sqltype.NVarChar, s)}
	}
	if r, err := run(types, v(1, "x"), v(2, "yy")); err != nil || r.Rows != 2 {
		t.Errorf("%d rows, %v", r.Rows, err)
	}
	if _, err := run(types, v(3, "z"), v(1<<40, "x")); number(err) != 8115 {
		t.Errorf("a number that does not fit: %v", err)
	}
	if _, err := run(types[:1], v(3, "z")[:1]); number(err) != 213 {
		t.Errorf("too few columns: %v", err)
	}
	s.want("SELECT * FROM t", "1|x\n2|yy")
}

// TestLongChange shows that a statement sees the rows as they were when it began, whatever index its way goes along.
func TestLongChange(t *testing.T) {
	st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
	s := st.session(t)
	defer func() {
		s.close()
		if err := st.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	n := 500
	if os.Getenv("LATCHKEY_LONG") == "1" {
		n = 50000
	}
	s.must("CREATE TABLE t (a int PRIMARY KEY, b int)")
	s.must("CREATE INDEX ix ON t (b)")
	var v strings.Builder
	for i := range n {
		if i%500 == 0 {
			if i > 0 {
				s.must(v.String())
				v.Reset()
			}
			v.WriteString("INSERT t VALUES ")
		} else {
			v.WriteString(", ")
		}
		fmt.Fprintf(&v, "(%d, %d)", i, i)
	}
	s.must(v.String())
	s.want("UPDATE t SET b = b + 1 WHERE b >= 0", fmt.Sprintf("(%d rows)", n))
	s.want("UPDATE x SET b = x.b + 1 FROM t x JOIN t y ON y.a = x.a WHERE x.b >= 0", fmt.Sprintf("(%d rows)", n))
	s.want("INSERT t SELECT a + 1000000, b FROM t", fmt.Sprintf("(%d rows)", n))
	s.want("UPDATE t SET a = a + 1", fmt.Sprintf("(%d rows)", 2*n))
	s.want("SELECT COUNT(*), MIN(a), MAX(a), MIN(b), MAX(b) FROM t", fmt.Sprintf("%d|1|%d|2|%d", 2*n, 1000000+n, n+1))
}

func BenchmarkInsert(b *testing.B) { benchmark(b, "INSERT t (n, v) VALUES (@i, 'value')") }
func BenchmarkUpdate(b *testing.B) { benchmark(b, "UPDATE t SET n = n + 1 WHERE id = @i") }
func BenchmarkDelete(b *testing.B) { benchmark(b, "DELETE FROM t WHERE id = @i") }

// benchmark runs one prepared statement again and again in one transaction.
func benchmark(b *testing.B, sql string) {
	st := newStore(b, filepath.Join(b.TempDir(), "x.db"))
	s := st.session(b)
	s.must("CREATE TABLE t (id int IDENTITY PRIMARY KEY, n int, v varchar(20))")
	s.must("INSERT t (n, v) VALUES (1, 'x'), (2, 'x'), (3, 'x')")
	s.must("DECLARE @i int = 2")
	s.refresh()
	batch, err := tsql.Parse(sql, tsql.Options{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := write.Compile(s.config(), batch.Statements[0])
	if err != nil {
		b.Fatal(err)
	}
	s.sql("BEGIN IMMEDIATE")
	for b.Loop() {
		if _, err := p.Run(b.Context(), write.Run{Conn: s.conn, Variables: s}); err != nil {
			b.Fatal(err)
		}
	}
	s.sql("COMMIT")
	s.close()
	if err := st.db.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkBulk loads rows of three columns; the metric is rows a second.
func BenchmarkBulk(b *testing.B) {
	st := newStore(b, filepath.Join(b.TempDir(), "x.db"))
	s := st.session(b)
	s.must("CREATE TABLE t (id int PRIMARY KEY, n nvarchar(20), d decimal(10,2))")
	cols := []write.BulkColumn{{"id", sqltype.Of(sqltype.Int)}, {"n", sqltype.Sized(sqltype.NVarChar, 20)}, {"d", sqltype.DecimalType(10, 2)}}
	s.sql("BEGIN IMMEDIATE")
	s.refresh()
	row := make([]sqltype.Value, 3)
	i := 0
	_, err := write.Bulk(b.Context(), s.config(), write.Run{Conn: s.conn}, name("t"), cols, write.BulkOptions{}, func() ([]sqltype.Value, bool, error) {
		if !b.Loop() {
			return nil, false, nil
		}
		i++
		row[0], row[1], row[2] = sqltype.NewInt(sqltype.Int, int64(i)), sqltype.NewText(sqltype.NVarChar, "some text"), sqltype.DecimalFromInt(10, 5)
		return row, true, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	s.sql("COMMIT")
	s.close()
	if err := st.db.Close(); err != nil {
		b.Error(err)
	}
}
