package compile_test

import (
	"strings"
	"testing"

	"latchkey/engine/compile"
	"latchkey/engine/tsql/ast"
)

// explain is SQLite's plan of a query.
func (d *database) explain(t *testing.T, sql string) string {
	t.Helper()
	p, err := compile.Query(d, parse(t, sql)[0].(*ast.SelectStmt))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	st, err := d.conn.Prepare("EXPLAIN QUERY PLAN " + p.SQL)
	if err != nil {
		t.Fatalf("%s: %v", p.SQL, err)
	}
	defer st.Release()
	var out []string
	for st.Step() {
		out = append(out, st.ColumnText(3))
	}
	return strings.Join(out, "; ")
}

func TestIndexesServe(t *testing.T) {
	d := open(t)
	d.define(t, `CREATE TABLE t (id int PRIMARY KEY, v varchar(20) UNIQUE, n nvarchar(20) UNIQUE, m money UNIQUE, dec decimal(10,2) UNIQUE, dt datetime UNIQUE, d2 datetime2(7) UNIQUE, g uniqueidentifier UNIQUE, d date UNIQUE, big decimal(28,4) UNIQUE, fl float UNIQUE)`)
	for name, typ := range map[string]string{
		"@i": "int", "@big": "bigint", "@n": "nvarchar(4000)", "@v": "varchar(8000)", "@dto": "datetimeoffset", "@dt2": "datetime2", "@g": "uniqueidentifier",
		"@f": "float", "@dec": "decimal(38,10)", "@date": "date", "@tiny": "tinyint",
	} {
		d.declare(t, name, typ, "NULL")
	}
	for _, where := range []string{
		"id = @i", "id = @big", "id = @tiny", "id = '5'", "id IN (1, 2, @i)", "id BETWEEN @i AND 7", "id > @f", "id = @dec", "id = 5.0", "id = @n", "id >= @big",
		"v = @v", "v = @n", "v = N'x'", "'x' = v", "v > 'a' AND v <= @v", "n = 'x'", "n = @v", "n >= @n", "v IN ('a', N'b')",
		"m = 5", "m = @big", "m = 1.25", "dec = @i", "dec = @big", "dec = 1.255", "dec < @dec", "dec = '1.5'",
		"dt = @dt2", "dt >= @dto", "dt = '2024-01-01'", "dt < @date", "d2 >= @dto", "d2 = '2024-01-01T10:00:00'", "d = @dto", "d = '20240101'", "d2 >= @date",
		"g = @g", "g = '6F9619FF-8B86-D011-B42D-00C04FC964FF'", "big = 5", "big = @i", "fl > 1", "fl = @i", "fl = @f", "fl < 2.5",
		"id = (SELECT max(id) FROM t)", "v = (SELECT n FROM t WHERE id = 1)", "id = CAST(@n AS int)", "id = LEN(@n) + 1",
	} {
		if got := d.explain(t, "SELECT id FROM t WHERE "+where); !strings.HasPrefix(got, "SEARCH t1 USING") {
			t.Errorf("%s: %s", where, got)
		}
	}
	if got := d.explain(t, "SELECT a.id FROM t a JOIN t b ON a.id = b.id WHERE b.v = @n"); strings.Contains(got, "SCAN") {
		t.Errorf("join: %s", got)
	}
	d.define(t, "CREATE VIEW w AS SELECT id, v FROM t WHERE id > 0")
	if got := d.explain(t, "SELECT v FROM w WHERE id = @i"); strings.Contains(got, "SCAN") {
		t.Errorf("view: %s", got)
	}
	if got := d.explain(t, "SELECT id FROM t ORDER BY v"); !strings.Contains(got, "USING") || strings.Contains(got, "B-TREE") {
		t.Errorf("order: %s", got)
	}
}
