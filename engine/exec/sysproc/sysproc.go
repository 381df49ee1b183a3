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

// table is procedures.sql, parsed at the first use; a test holds that it parses.
var table = sync.OnceValues(func() (map[string]*ast.CreateProc, error) { return parse(source) })

func parse(text string) (map[string]*ast.CreateProc, error) {
	out := make(map[string]*ast.CreateProc)
	for _, part := range strings.Split(text, "\nGO\n") {
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
