package compile_test

import (
	"strconv"
	"strings"
	"testing"

	"latchkey/engine/compile"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

func TestErrors(t *testing.T) {
	d := open(t)
	d.define(t, shop)
	d.define(t, `CREATE TABLE docs (id int PRIMARY KEY, body text, x xml, g uniqueidentifier, a varchar(10) COLLATE Latin1_General_BIN2, b varchar(10), v sql_variant, d date)`)
	d.declare(t, "@v", "int", "1")
	for _, c := range []struct {
		sql    string
		number int
	}{
		{"SELECT nope FROM customers", 207},
		{"SELECT * FROM nope", 208},
		{"SELECT id FROM customers a, customers b", 209},
		{"SELECT x.id FROM customers", 4104},
		{"SELECT customers.id FROM customers c", 4104},
		{"SELECT c.nope FROM customers c", 207},
		{"SELECT nofunction(1)", 195},
		{"SELECT dbo.nofunction(1)", 4121},
		{"SELECT @nope", 137},
		{"SELECT * FROM @nope", 1087},
		{"SELECT city, count(*) FROM customers", 8120},
		{"SELECT count(*) FROM customers HAVING city = 'x'", 8121},
		{"SELECT count(*) FROM customers ORDER BY city", 8127},
		{"SELECT city FROM customers GROUP BY name", 8120},
		{"SELECT (SELECT id, name FROM customers)", 116},
		{"SELECT 1 WHERE 1 IN (SELECT id, name FROM customers)", 116},
		{"SELECT sum(count(*)) FROM customers", 130},
		{"SELECT sum((SELECT 1)) FROM customers", 130},
		{"SELECT 1 FROM customers WHERE count(*) > 1", 147},
		{"SELECT 1 FROM customers c JOIN orders o ON max(c.id) = 1", 1015},
		{"SELECT 1 FROM customers GROUP BY 1", 164},
		{"SELECT 1 FROM customers GROUP BY count(*)", 144},
		{"SELECT 1 FROM customers WHERE row_number() OVER (ORDER BY id) = 1", 4108},
		{"SELECT sum(row_number() OVER (ORDER BY id)) OVER () FROM customers", 4109},
		{"SELECT row_number() OVER () FROM customers", 4112},
		{"SELECT row_number() OVER (ORDER BY 1) FROM customers", 5308},
		{"SELECT upper('x') OVER () FROM customers", 4113},
		{"SELECT id FROM customers ORDER BY 2", 108},
		{"SELECT id FROM customers ORDER BY id, id", 169},
		{"SELECT DISTINCT city FROM customers ORDER BY id", 145},
		{"SELECT id FROM customers UNION SELECT id FROM orders ORDER BY id + 1", 104},
		{"SELECT id FROM customers ORDER BY 'x'", 408},
		{"SELECT id, name FROM customers UNION SELECT id FROM orders", 205},
		{"SELECT id FROM customers UNION SELECT g FROM docs", 206},
		{"SELECT * FROM (SELECT id + 1 FROM customers) x", 8155},
		{"SELECT * FROM (SELECT id, id FROM customers) x", 8156},
		{"SELECT * FROM (SELECT id, name FROM customers) x(a)", 8158},
		{"SELECT * FROM (SELECT id FROM customers) x(a, b)", 8159},
		{"WITH c(a) AS (SELECT id, name FROM customers) SELECT * FROM c", 8158},
		{"WITH c AS (SELECT id FROM customers), c AS (SELECT 1 a) SELECT * FROM c", 239},
		{"WITH c AS (SELECT id FROM c) SELECT * FROM c", 252},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT a + 1.5 FROM c) SELECT * FROM c", 240},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT DISTINCT a FROM c) SELECT * FROM c", 460},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT TOP 1 a FROM c) SELECT * FROM c", 461},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT c.a FROM customers LEFT JOIN c ON 1=1) SELECT * FROM c", 462},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT max(a) FROM c) SELECT * FROM c", 467},
		{"WITH c AS (SELECT 1 a UNION ALL SELECT x.a FROM c x JOIN c y ON 1=1) SELECT * FROM c", 253},
		{"SELECT 1 FROM customers c, orders c", 1011},
		{"SELECT 1 FROM customers, customers", 1013},
		{"SELECT x.* FROM customers", 107},
		{"SELECT *", 263},
		{"SELECT 1 WHERE 'a' = (SELECT body FROM docs)", 402},
		{"SELECT 1 FROM docs WHERE a = b", 468},
		{"SELECT 1 FROM docs WHERE a COLLATE Latin1_General_BIN = b COLLATE Latin1_General_CI_AS", 468},
		{"SELECT id COLLATE Latin1_General_BIN FROM docs", 447},
		{"SELECT b COLLATE Klingon_CI_AS FROM docs", 448},
		{"SELECT body FROM docs ORDER BY body", 306},
		{"SELECT DISTINCT body FROM docs", 421},
		{"SELECT CAST(id AS uniqueidentifier) FROM docs", 529},
		{"SELECT CAST(1 AS nothing)", 243},
		{"SELECT CAST(1 AS decimal(50, 2))", 2750},
		{"SELECT 1 FROM docs WHERE g = 1", 206},
		{"SELECT id + g FROM docs", 8117},
		{"SELECT d + 1 FROM docs", 206},
		{"SELECT -b FROM docs", 8117},
		{"SELECT CASE WHEN 1=1 THEN NULL END", 8133},
		{"SELECT NULLIF(NULL, 1)", 4151},
		{"SELECT TOP (-1) id FROM docs", 127},
		{"SELECT TOP 101 PERCENT id FROM docs", 1031},
		{"SELECT TOP 1 WITH TIES id FROM docs", 1062},
		{"SELECT TOP 1 id FROM docs ORDER BY id OFFSET 1 ROWS", 10741},
		{"SELECT id FROM docs ORDER BY id OFFSET -1 ROWS", 10742},
		{"SELECT id FROM docs ORDER BY id OFFSET 1 ROWS FETCH NEXT 0 ROWS ONLY", 10744},
		{"SELECT @v = 1, id FROM docs", 141},
		{"SELECT @v = 1 UNION SELECT 2", 10734},
		{"SELECT * FROM (VALUES (1, 2), (3)) v(a, b)", 10709},
		{"SELECT id FROM customers FOR XML EXPLICIT", 40517},
		{"SELECT id FROM customers TABLESAMPLE (10 PERCENT)", 40517},
		{"SELECT id FROM customers OPTION (USE PLAN N'x')", 40517},
		{"SELECT * FROM OPENROWSET(BULK 'x', SINGLE_BLOB) x", 40517},
		{"SELECT NEXT VALUE FOR s", 40517},
		{"SELECT * FROM other.db.dbo.t", 208},
		{"SELECT * FROM ordersof", 216},
		{"SELECT * FROM dbo.ordersof(1, 2)", 8144},
		{"SELECT * FROM dbo.ordersof()", 313},
		{"SELECT * FROM customers('x')", 215},
		{"SELECT grouping(city) FROM customers GROUP BY name", 8161},
		{"SELECT sum(id) OVER w FROM customers", 5362},
		{"SELECT sum(id) OVER (ORDER BY id RANGE 1 PRECEDING) FROM customers", 4194},
		{"SELECT 1 FROM customers c CROSS APPLY (SELECT DISTINCT amount FROM orders WHERE customer = c.id) x", 40517},
		{"SELECT id FROM customers WHERE id IN ('x')", 245},
		{"SELECT 1 / 0", 8134},
		{"SELECT CAST('x' AS int)", 245},
	} {
		got := d.query(t, c.sql)
		if !strings.HasPrefix(got, strconv.Itoa(c.number)+":") {
			t.Errorf("%s\ngot  %s\nwant %d", c.sql, got, c.number)
		}
	}
}

func TestAssignments(t *testing.T) {
	d := open(t)
	d.define(t, shop)
	for _, c := range []struct{ sql, name, want string }{
		{"SELECT @a = 1", "@a", "1"},
		{"SELECT @a = 1, @a = @a + 1", "@a", "2"},
		{"SELECT @a = count(*) FROM customers", "@a", "4"},
		{"SELECT @a = id FROM customers WHERE 1 = 0", "@a", "7"},
		{"SELECT @a = id FROM customers ORDER BY id DESC", "@a", "1"},
		{"SELECT @s = @s + name + ',' FROM customers ORDER BY id", "@s", "Anna,bob,Çelik,Dora,"},
		{"SELECT @a += id FROM customers", "@a", "17"},
		{"SELECT @a = CASE WHEN EXISTS (SELECT 1 FROM orders) THEN 3 ELSE 4 END", "@a", "3"},
		{"SELECT @a = @a * (SELECT max(id) FROM customers)", "@a", "28"},
		{"SELECT @a = max(id) + 1 FROM customers WHERE city = 'nowhere'", "@a", "NULL"},
		{"SELECT TOP 1 @s = name FROM customers WHERE id > @a - 5 ORDER BY id", "@s", "Çelik"},
	} {
		d.declare(t, "@a", "int", "7")
		d.declare(t, "@s", "nvarchar(max)", "")
		if got := d.query(t, c.sql); strings.Contains(got, ":") {
			t.Errorf("%s: %s", c.sql, got)
		}
		if got := show(d.values[c.name], d.vars[c.name]); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.sql, c.name, got, c.want)
		}
	}
}

func TestScalars(t *testing.T) {
	d := newScope()
	d.declare(t, "@i", "int", "5")
	d.declare(t, "@n", "int", "NULL")
	d.declare(t, "@s", "varchar(10)", "Abc")
	d.declare(t, "@d", "decimal(5,2)", "1.25")
	for _, c := range []struct{ expr, want string }{
		{"@i + 1", "int 6"},
		{"@i / 2", "int 2"},
		{"@i / 2.0", "decimal(17,6) 2.500000"},
		{"@d * @d", "decimal(11,4) 1.5625"},
		{"@s + N'x'", "nvarchar(11) Abcx"},
		{"1.0 / 3", "decimal(7,6) 0.333333"},
		{"@n + 1", "int NULL"},
		{"CASE WHEN @i = 0 THEN 1 ELSE 10 / @i END", "int 2"},
		{"CASE @s WHEN 'abc' THEN 'y' ELSE 'no' END", "varchar(2) y"},
		{"COALESCE(@n, @i)", "int 5"},
		{"ISNULL(@n, 3.7)", "int 3"},
		{"NULLIF(@i, 5)", "int NULL"},
		{"CAST(@s AS char(5))", "char(5) Abc  "},
		{"CONVERT(varchar(10), @d)", "varchar(10) 1.25"},
		{"TRY_CAST(@s AS int)", "int NULL"},
		{"-@d", "decimal(5,2) -1.25"},
		{"'a' + 'b' + 'c'", "varchar(3) abc"},
		{"CHOOSE(@i - 3, 'a', 'b')", "varchar(1) b"},
	} {
		s := parse(t, "SELECT "+c.expr)[0].(*ast.SelectStmt)
		e := s.Query.Body.(*ast.Select).Items[0].X
		sc, err := compile.Scalar(d, e)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if sc.Eval == nil {
			t.Errorf("%s needs SQLite", c.expr)
			continue
		}
		v, err := sc.Eval(frame(d))
		if got := sc.Type.String() + " " + show(v, sc.Type); err != nil || got != c.want {
			t.Errorf("%s = %s, %v; want %s", c.expr, got, err, c.want)
		}
	}
	for _, c := range []struct {
		cond string
		want sqltype.Value
	}{
		{"@i > 3", sqltype.NewBit(true)},
		{"@n = 1", sqltype.NullValue},
		{"@n = 1 OR @i = 5", sqltype.NewBit(true)},
		{"NOT (@n = 1 AND @i = 4)", sqltype.NewBit(true)},
		{"@s LIKE 'a_C' AND @s = 'ABC  '", sqltype.NewBit(true)},
		{"@i IN (1, 2.5, @n)", sqltype.NullValue},
		{"@i NOT BETWEEN 1 AND 4", sqltype.NewBit(true)},
		{"@n IS NULL", sqltype.NewBit(true)},
		{"@n IS DISTINCT FROM @i", sqltype.NewBit(true)},
		{"@d = 1.250", sqltype.NewBit(true)},
		{"@i = '5'", sqltype.NewBit(true)},
	} {
		s := parse(t, "IF "+c.cond+" PRINT 1")[0].(*ast.If)
		sc, err := compile.Condition(d, s.Cond)
		if err != nil || sc.Eval == nil {
			t.Errorf("%s: %v", c.cond, err)
			continue
		}
		if v, err := sc.Eval(frame(d)); err != nil || v != c.want {
			t.Errorf("%s = %v, %v; want %v", c.cond, v, err, c.want)
		}
	}
}
