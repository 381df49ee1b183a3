package compile_test

import (
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"latchkey/engine/compile"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
)

// pool has statements over one schema whose parts can stand in for each other.
var pool = strings.Split(strings.TrimSpace(`
SELECT c.id, c.name AS called, c.score + 1.5 x FROM customers c WHERE c.id = @i ORDER BY x, c.id
SELECT c.city, count(*) n, sum(c.score), max(c.name), string_agg(c.name, ',') FROM customers c WHERE c.born > '1990-01-01' GROUP BY c.city HAVING count(*) > 0 ORDER BY n DESC
SELECT TOP 3 c.id, o.amount * 2 FROM customers c LEFT JOIN orders o ON o.customer = c.id AND o.amount > 1 ORDER BY o.at
SELECT TOP 2 WITH TIES o.code, o.amount FROM orders o JOIN customers c ON 1 = 1 ORDER BY o.amount
SELECT DISTINCT c.city, o.code FROM customers c, orders o WHERE c.id IN (1, 2.5, @i, NULL)
SELECT CASE WHEN c.id > 2 THEN 'a' WHEN c.city LIKE N'P%' THEN N'b' END, CASE c.id WHEN 1 THEN 1.0 ELSE 2 END, o.id FROM customers c JOIN orders o ON c.id = o.id
SELECT c.id FROM customers c, orders o WHERE EXISTS (SELECT 1 FROM orders p WHERE p.customer = c.id) AND o.id NOT IN (SELECT id FROM customers)
SELECT c.id, (SELECT max(p.amount) FROM orders p WHERE p.customer = c.id) m FROM customers c, orders o WHERE c.id >= ALL (SELECT p.customer FROM orders p WHERE p.customer IS NOT NULL)
SELECT c.id, x.amount FROM customers c CROSS JOIN orders o CROSS APPLY (SELECT TOP 1 p.amount, p.id FROM orders p WHERE p.customer = c.id ORDER BY p.amount) x
SELECT c.id, x.s FROM customers c CROSS JOIN orders o OUTER APPLY (SELECT sum(p.amount) s FROM orders p WHERE p.customer = c.id) x
SELECT c.id, v.n FROM customers c CROSS JOIN orders o CROSS APPLY (VALUES (c.id), (o.id)) v(n)
SELECT c.id, o.id FROM customers c CROSS JOIN orders o OUTER APPLY (SELECT p.code AS k FROM orders p WHERE p.id = o.id AND c.id > 1) y WHERE y.k IS NULL
SELECT row_number() OVER (PARTITION BY c.city ORDER BY c.id) r, sum(o.amount) OVER (ORDER BY o.id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), lag(c.id, 1, 0) OVER (ORDER BY c.id) FROM customers c, orders o
SELECT c.id FROM customers c UNION SELECT o.customer FROM orders o
SELECT c.name, c.id FROM customers c UNION ALL SELECT o.code, o.amount FROM orders o ORDER BY 2
SELECT c.city FROM customers c EXCEPT SELECT o.code FROM orders o INTERSECT SELECT 'x'
WITH w AS (SELECT c.id, c.city FROM customers c), z(a) AS (SELECT id FROM w) SELECT w.id, z.a FROM w JOIN z ON w.id = z.a
WITH n AS (SELECT 1 AS i UNION ALL SELECT n.i + 1 FROM n WHERE n.i < 4) SELECT n.i, c.id FROM n, customers c
SELECT c.city, c.born, count(*), grouping(c.city) FROM customers c GROUP BY GROUPING SETS ((c.city, c.born), (c.city), ())
SELECT p.customer, p.A FROM (SELECT customer, code, amount FROM orders) s PIVOT (SUM(amount) FOR code IN ([A], [B])) p
SELECT u.id, u.v FROM (SELECT id, code FROM orders) s UNPIVOT (v FOR k IN (code)) u
SELECT q.called, c.id FROM parisians q RIGHT JOIN customers c ON q.id = c.id FULL JOIN orders o ON o.id = c.id
SELECT f.amount, c.id, o.id FROM dbo.ordersof(@i) f, customers c, orders o WHERE f.id = o.id
SELECT CAST(c.id AS varchar(10)) + c.name, CONVERT(date, o.at), TRY_CAST(c.city AS int), c.name COLLATE Latin1_General_BIN2 FROM customers c, orders o
SELECT COALESCE(c.city, o.code, N'?'), ISNULL(c.score, 1), NULLIF(c.id, 2), IIF(c.id = 1, o.amount, 0), -c.id, ~c.id, c.id % 3, c.id & 1, c.id / 2.0 FROM customers c, orders o
SELECT * FROM customers c JOIN orders o ON c.id = o.customer WHERE (c.name = @s OR c.city IS NOT NULL) AND NOT (o.amount BETWEEN 1 AND @i) AND c.name IS DISTINCT FROM o.code
SELECT upper(c.name), len(c.city), datediff(day, c.born, o.at), year(c.born), substring(c.name, 1, 2), getdate(), newid(), abs(c.id) FROM customers c, orders o
SELECT c.id FROM customers c, orders o ORDER BY c.id OFFSET @i ROWS FETCH NEXT 2 ROWS ONLY
SELECT year(c.born) y, count(DISTINCT c.city) FROM customers c GROUP BY year(c.born) ORDER BY year(c.born)
SELECT @i = c.id + @i, @s = @s + c.name FROM customers c ORDER BY c.id
`), "\n")

// part says where a piece is: the nth place of a statement of the pool.
type part struct{ statement, place int }

// fresh parses the piece's statement again, so that no two trees share it.
func (p part) fresh() reflect.Value {
	var out reflect.Value
	n := 0
	b, _ := tsql.Parse(pool[p.statement], tsql.Options{QuotedIdentifier: true})
	visit(reflect.ValueOf(b.Statements[0]), func(v reflect.Value) {
		if n == p.place {
			out = v
		}
		n++
	})
	return out
}

// parts are the pieces of the pool that can be put elsewhere, by the type of the field that holds them.
func parts() map[reflect.Type][]part {
	out := map[reflect.Type][]part{}
	for i, sql := range pool {
		b, err := tsql.Parse(sql, tsql.Options{QuotedIdentifier: true})
		if err != nil {
			panic(sql + ": " + err.Error())
		}
		n := 0
		visit(reflect.ValueOf(b.Statements[0]), func(v reflect.Value) {
			out[v.Type()] = append(out[v.Type()], part{i, n})
			n++
		})
	}
	return out
}

var exchanged = map[reflect.Type]bool{
	reflect.TypeFor[ast.Expr](): true, reflect.TypeFor[ast.Condition](): true, reflect.TypeFor[ast.TableSource](): true, reflect.TypeFor[*ast.Query](): true,
	reflect.TypeFor[*ast.GroupBy](): true, reflect.TypeFor[[]ast.OrderItem](): true, reflect.TypeFor[*ast.Top](): true, reflect.TypeFor[[]*ast.SelectItem](): true,
	reflect.TypeFor[ast.Body](): true,
}

// visit calls f with every field that may be exchanged.
func visit(v reflect.Value, f func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.CanSet() && exchanged[v.Type()] {
			f(v)
		}
		visit(v.Elem(), f)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				visit(v.Field(i), f)
			}
		}
	case reflect.Slice:
		if v.CanSet() && exchanged[v.Type()] && v.Len() > 0 {
			f(v)
		}
		for i := range v.Len() {
			visit(v.Index(i), f)
		}
	}
}

// recombine makes a statement of parts of others and wants SQLite to accept whatever the compiler does.
func recombine(t *testing.T, d *database, seed uint64, donors map[reflect.Type][]part) (compiled bool) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	sql := pool[rnd.IntN(len(pool))]
	s := parse(t, sql)[0].(*ast.SelectStmt)
	for range 1 + rnd.IntN(4) {
		var places []reflect.Value
		visit(reflect.ValueOf(s), func(v reflect.Value) { places = append(places, v) })
		at := places[rnd.IntN(len(places))]
		from := donors[at.Type()]
		if at.Type() == reflect.TypeFor[ast.Expr]() {
			if _, ok := at.Interface().(ast.Condition); ok {
				continue
			}
		}
		if len(from) == 0 {
			continue
		}
		donor := from[rnd.IntN(len(from))].fresh()
		if donor.Type() == reflect.TypeFor[ast.Expr]() {
			if _, ok := donor.Interface().(ast.Condition); ok {
				continue
			}
		}
		at.Set(donor)
	}
	p, err := compile.Query(d, s)
	if err != nil {
		return false
	}
	if p.SQL == "" {
		return true
	}
	st, err := d.conn.Prepare(p.SQL)
	if err != nil {
		t.Errorf("seed %d: %v\n%s\n%s", seed, err, format.Batch(&ast.Batch{Statements: []ast.Statement{s}}, format.Options{}), p.SQL)
		return true
	}
	if n := st.ColumnCount(); n != len(p.Columns) && len(p.Assign) == 0 {
		t.Errorf("seed %d: %d columns, told %d\n%s", seed, n, len(p.Columns), p.SQL)
	}
	st.Release()
	if rows, err := d.run(p); err != nil && strings.HasPrefix(message(err), "error:") {
		t.Errorf("seed %d: %v %s\n%s\n%s", seed, err, rows, format.Batch(&ast.Batch{Statements: []ast.Statement{s}}, format.Options{}), p.SQL)
	}
	return true
}

func prepared(t testing.TB) *database {
	d := open(t)
	d.define(t, shop)
	d.declare(t, "@i", "int", "2")
	d.declare(t, "@s", "nvarchar(50)", "anna")
	return d
}

func TestRecombinedQueries(t *testing.T) {
	d := prepared(t)
	donors := parts()
	n := uint64(3000 / slow)
	if os.Getenv("LATCHKEY_LONG") != "" {
		n = 200_000
	}
	good := 0
	for seed := range n {
		if recombine(t, d, seed, donors) {
			good++
		}
		if t.Failed() && seed > 200 {
			break
		}
	}
	if good < int(n)/10 {
		t.Errorf("only %d of %d compiled", good, n)
	}
	t.Logf("%d of %d compiled", good, n)
}

func FuzzQuery(f *testing.F) {
	for _, sql := range pool {
		f.Add(sql)
	}
	d := prepared(f)
	f.Fuzz(func(t *testing.T, sql string) {
		b, err := tsql.Parse(sql, tsql.Options{QuotedIdentifier: true})
		if err != nil {
			return
		}
		for _, s := range b.Statements {
			if s, ok := s.(*ast.SelectStmt); ok {
				_, _ = compile.Query(d, s) // must not panic
			}
		}
	})
}
