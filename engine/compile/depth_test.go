package compile_test

import (
	"strings"
	"testing"
)

// TestDeepQueries wants what is nested deeply to run or to be refused by number, in little time.
func TestDeepQueries(t *testing.T) {
	d := prepared(t)
	nest := func(open, middle, shut string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	for name, sql := range map[string]string{
		"calls":      "SELECT " + nest("ABS(", "c.id", ")", 300) + " FROM customers c",
		"sums":       "SELECT c.id" + strings.Repeat(" + 1", 400) + " FROM customers c",
		"strings":    "SELECT c.name" + strings.Repeat(" + 'x'", 700) + " FROM customers c",
		"ands":       "SELECT 1 FROM customers c WHERE c.id > 0" + strings.Repeat(" AND c.id < 9", 3000),
		"ors":        "SELECT 1 FROM customers c WHERE c.id > 0" + strings.Repeat(" OR c.name = 'x'", 3000),
		"ins":        "SELECT 1 FROM customers c WHERE c.id IN (1" + strings.Repeat(", 2", 5000) + ")",
		"cases":      "SELECT " + nest("CASE WHEN c.id > 1 THEN ", "1", " ELSE 0 END", 150) + " FROM customers c",
		"simple":     "SELECT " + nest("CASE ", "c.id", " WHEN 1 THEN 2 WHEN 3 THEN 4 END", 9) + " FROM customers c",
		"nots":       "SELECT 1 FROM customers c WHERE " + nest("NOT (", "c.id = 1", ")", 400),
		"unions":     "SELECT 1" + strings.Repeat(" UNION ALL SELECT 2", 400),
		"too many":   "SELECT 1" + strings.Repeat(" UNION ALL SELECT 2", 600),
		"subqueries": "SELECT " + nest("(SELECT ", "1", ")", 40),
		"too deep":   "SELECT " + nest("(SELECT ", "1", ")", 90),
		"derived":    "SELECT * FROM " + nest("(SELECT * FROM ", "customers", ") y", 20),
		"constants":  "SELECT 1" + strings.Repeat(" + 1", 5000),
		"applies":    "SELECT 1 FROM customers c " + nest("CROSS APPLY (SELECT o.id FROM orders o ", "", " WHERE o.customer = c.id) x", 12),
	} {
		if slow > 1 && len(sql) > 10_000 {
			continue
		}
		got := d.query(t, sql)
		if strings.HasPrefix(got, "error:") {
			t.Errorf("%s: %.300s", name, got)
		}
	}
}
