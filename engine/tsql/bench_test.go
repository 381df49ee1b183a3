package tsql_test

import (
	"strings"
	"testing"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/token"
)

func parseAll(b *testing.B, list []string) {
	b.Helper()
	statements, bytes := 0, 0
	for _, src := range list {
		t, err := tsql.Parse(src, on)
		if err != nil {
			b.Fatal(err)
		}
		statements += len(t.Statements)
		bytes += len(src)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for _, src := range list {
			if _, err := tsql.Parse(src, on); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(statements*b.N)/b.Elapsed().Seconds(), "statements/s")
}

// The whole corpus: many kinds of statements, most of them short.
func BenchmarkParseCorpus(b *testing.B) { parseAll(b, corpus(b)) }

// What a driver sends for a point select.
func BenchmarkParsePointSelect(b *testing.B) {
	parseAll(b, []string{"SELECT id, name, balance FROM dbo.accounts WHERE id = @p1"})
}

// A query of a report.
func BenchmarkParseReport(b *testing.B) {
	parseAll(b, []string{`WITH s AS (SELECT o.customer_id, SUM(l.qty * l.price) AS total FROM dbo.orders AS o JOIN dbo.lines AS l ON l.order_id = o.id WHERE o.placed >= @from AND o.placed < DATEADD(month, 1, @from) GROUP BY o.customer_id)
SELECT TOP (20) c.name, s.total, RANK() OVER (ORDER BY s.total DESC) AS place, CASE WHEN s.total > 1000 THEN 'gold' ELSE 'plain' END AS class
FROM s JOIN dbo.customers c ON c.id = s.customer_id LEFT JOIN dbo.regions r ON r.id = c.region_id AND r.active = 1
WHERE c.deleted IS NULL AND (r.name LIKE N'N%' OR r.id IN (1, 2, 3)) ORDER BY s.total DESC OFFSET 0 ROWS`})
}

// A script of 1,000 rows in one INSERT.
func BenchmarkParseRows(b *testing.B) {
	parseAll(b, []string{"INSERT INTO t (a, b, c) VALUES (1, N'some text', 2.5)" + strings.Repeat(", (1, N'some text', 2.5)", 999)})
}

func BenchmarkLexCorpus(b *testing.B) {
	list := corpus(b)
	n := 0
	for _, src := range list {
		n += len(src)
	}
	b.SetBytes(int64(n))
	for range b.N {
		for _, src := range list {
			token.Lex(src, token.Limits{})
		}
	}
}
