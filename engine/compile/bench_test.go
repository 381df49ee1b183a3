package compile_test

import (
	"testing"

	"latchkey/engine/compile"
	"latchkey/engine/tsql/ast"
)

func BenchmarkQuery(b *testing.B) {
	d := open(b)
	d.define(b, shop)
	d.declare(b, "@one", "int", "1")
	for _, c := range []struct{ name, sql string }{
		{"point", "SELECT id, name, city FROM customers WHERE id = @one"},
		{"report", "SELECT c.city, count(*), sum(o.amount) FROM customers c JOIN orders o ON o.customer = c.id WHERE o.at > '2024-01-01' GROUP BY c.city HAVING count(*) > 1 ORDER BY 2 DESC"},
	} {
		s := parse(b, c.sql)[0].(*ast.SelectStmt)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compile.Query(d, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	s := parse(b, "IF @one + 1 > 3 PRINT 1")[0].(*ast.If)
	sc, err := compile.Condition(d, s.Cond)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("condition", func(b *testing.B) {
		f := frame(d.scope)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sc.Eval(f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
