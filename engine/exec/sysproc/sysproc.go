// Package sysproc has the system procedures that are written in T-SQL: what drivers and tools call to learn about databases, tables,
// columns and keys.
//
// [Find] gives the tree of one by name. They run as procedures do, with the caller's rights, in the caller's current database: their
// names of views mean those of that database, and show what the caller may see. The texts are in procedures.sql; the results have the
// columns, in the order, that SQL Server documents.
package sysproc

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
)

//go:embed procedures.sql
var source string

// odbcTypes stands for ODBC_TYPES in procedures.sql: each type's number before and since ODBC 3, and in SqlDbType of .NET.
const odbcTypes = "(VALUES ('bit', -7, -7, 2), ('tinyint', -6, -6, 20), ('smallint', 5, 5, 16), ('int', 4, 4, 8), ('bigint', -5, -5, 0), ('decimal', 3, 3, 5), ('numeric', 2, 2, 5)," +
	" ('money', 3, 3, 9), ('smallmoney', 3, 3, 17), ('real', 7, 7, 13), ('float', 6, 6, 6), ('char', 1, 1, 3), ('varchar', 12, 12, 22), ('text', -1, -1, 18), ('nchar', -8, -8, 10)," +
	" ('nvarchar', -9, -9, 12), ('ntext', -10, -10, 11), ('binary', -2, -2, 1), ('varbinary', -3, -3, 21), ('image', -4, -4, 7), ('timestamp', -2, -2, 19), ('uniqueidentifier', -11, -11, 14)," +
	" ('date', -9, 91, 31), ('time', -9, -154, 32), ('datetime', 11, 93, 4), ('smalldatetime', 11, 93, 15), ('datetime2', -9, 93, 33), ('datetimeoffset', -9, -155, 34)," +
	" ('xml', -152, -152, 25), ('sql_variant', -150, -150, 23), ('sysname', -9, -9, 12)) AS"

// table is procedures.sql, parsed at the first use; a test holds that it parses.
var table = sync.OnceValues(func() (map[string]*ast.CreateProc, error) { return parse(source) })

func parse(text string) (map[string]*ast.CreateProc, error) {
	out := make(map[string]*ast.CreateProc)
	for _, part := range strings.Split(strings.ReplaceAll(text, "ODBC_TYPES", odbcTypes), "\nGO\n") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		b, err := tsql.Parse(part, tsql.Options{QuotedIdentifier: true})
		if err != nil {
			return out, fmt.Errorf("procedures.sql: %w in %.60q", err, part)
		}
		p, ok := b.Statements[0].(*ast.CreateProc)
		if !ok {
			return out, fmt.Errorf("procedures.sql: no procedure in %.60q", part)
		}
		out[strings.ToLower(p.Name.Name())] = p
	}
	return out, nil
}

// Find finds a procedure by name in any case; nil if there is none.
func Find(name string) *ast.CreateProc {
	all, _ := table()
	return all[strings.ToLower(name)]
}

// Names lists the procedures.
func Names() []string {
	all, _ := table()
	var out []string
	for n := range all {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Check reports whether procedures.sql parses.
func Check() error {
	_, err := table()
	return err
}
