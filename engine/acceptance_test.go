package engine_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-sql/sqlexp"
	"github.com/google/go-cmp/cmp"
	mssql "github.com/microsoft/go-mssqldb"
)

var update = flag.Bool("update", false, "write what batches answer into testdata")

// TestAcceptance runs testdata/acceptance/*.txt: batches as clients and people send them, each behind a line of === and followed by all that
// comes back behind a line of ---: names and types of columns in brackets, rows, counts, what informs, errors. Lines in front of a batch:
//
//	-- on NAME           runs it on a session of that name
//	-- as NAME PASSWORD  runs it on a session of that login
//	-- mask a b          shows * for values of these columns that are not NULL
//
// Each file is a server of its own. Read the difference that -update makes.
func TestAcceptance(t *testing.T) {
	files, err := filepath.Glob("testdata/acceptance/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			acceptance(t, f)
		})
	}
}

func acceptance(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, config(t.TempDir()))
	conns := map[string]*sql.Conn{}
	var out strings.Builder
	head, rest, _ := strings.Cut("\n"+string(b), "\n===\n")
	if head = strings.TrimPrefix(head, "\n"); head != "" {
		out.WriteString(head + "\n")
	}
	for _, part := range strings.Split(rest, "\n===\n") {
		text, _, _ := strings.Cut(part+"\n", "\n---\n")
		batch, user, pass, session := text, "dba", password, ""
		var mask []string
		for {
			first, more, _ := strings.Cut(batch, "\n")
			f := strings.Fields(first)
			switch {
			case len(f) == 3 && f[0] == "--" && f[1] == "on":
				session = f[2]
			case len(f) == 4 && f[0] == "--" && f[1] == "as":
				user, pass, session = f[2], f[3], f[2]
			case len(f) > 2 && f[0] == "--" && f[1] == "mask":
				mask = f[2:]
			default:
				f = nil
			}
			if f == nil {
				break
			}
			batch = more
		}
		c := conns[session]
		if c == nil {
			if c, err = r.connect(t, user, pass, "").Conn(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			conns[session] = c
		}
		out.WriteString("===\n" + strings.TrimRight(text, "\n") + "\n---\n" + show(t, c, batch, mask))
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(strings.TrimRight(string(b), "\n"), strings.TrimRight(out.String(), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// took is how long something took.
var took = regexp.MustCompile(`in [0-9.]+ seconds \([0-9.]+ MB/sec\)`)

// show runs a batch and shows all that comes, in order.
func show(t *testing.T, c *sql.Conn, batch string, mask []string) string {
	var b strings.Builder
	queue := &sqlexp.ReturnMessage{}
	ctx := t.Context()
	rows, err := c.QueryContext(ctx, batch, queue)
	if err != nil {
		return problem(err)
	}
	defer rows.Close()
	for active := true; active; {
		switch m := queue.Message(ctx).(type) {
		case sqlexp.MsgNotice:
			fmt.Fprintf(&b, "%q\n", took.ReplaceAllString(m.Message.String(), "in ~ seconds"))
		case sqlexp.MsgError:
			b.WriteString(problem(m.Error))
		case sqlexp.MsgRowsAffected:
			fmt.Fprintf(&b, "(%d)\n", m.Count)
		case sqlexp.MsgNextResultSet:
			active = rows.NextResultSet()
		case sqlexp.MsgNext:
			showRows(t, &b, rows, mask)
		}
	}
	return b.String()
}

func showRows(t *testing.T, b *strings.Builder, rows *sql.Rows, mask []string) {
	cols, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	heads := make([]string, len(cols))
	for i, c := range cols {
		heads[i] = strings.TrimSpace(c.Name() + " " + typeName(c))
	}
	fmt.Fprintf(b, "[%s]\n", strings.Join(heads, ", "))
	for rows.Next() {
		values, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range values {
			ptrs[i] = &values[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if i > 0 {
				b.WriteByte('|')
			}
			if v != nil && slices.Contains(mask, cols[i].Name()) {
				b.WriteByte('*')
				continue
			}
			b.WriteString(showValue(v, cols[i].DatabaseTypeName()))
		}
		b.WriteByte('\n')
	}
}

func typeName(c *sql.ColumnType) string {
	name := strings.ToLower(c.DatabaseTypeName())
	if p, s, ok := c.DecimalSize(); ok && (name == "decimal" || name == "numeric") {
		name += fmt.Sprintf("(%d,%d)", p, s)
	}
	if n, ok := c.Length(); ok {
		switch {
		case name == "text", name == "ntext", name == "image", name == "sql_variant", name == "xml":
		case n > 8000:
			name += "(max)"
		default:
			name += fmt.Sprintf("(%d)", n)
		}
	}
	if null, ok := c.Nullable(); ok && !null {
		name += " not null"
	}
	return name
}

func showValue(v any, kind string) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		switch kind {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
			return string(v)
		case "UNIQUEIDENTIFIER":
			var u mssql.UniqueIdentifier
			if err := u.Scan(v); err == nil {
				return u.String()
			}
		}
		return fmt.Sprintf("0x%X", v)
	case time.Time:
		switch kind {
		case "DATE":
			return v.Format("2006-01-02")
		case "TIME":
			return v.Format("15:04:05.9999999")
		case "DATETIMEOFFSET":
			return v.Format("2006-01-02 15:04:05.9999999 -07:00")
		}
		return v.Format("2006-01-02 15:04:05.9999999")
	case string:
		return strings.ReplaceAll(v, "\n", "\\n")
	default:
		return fmt.Sprint(v)
	}
}

func problem(err error) string {
	var e mssql.Error
	if !errors.As(err, &e) {
		return "!! " + err.Error() + "\n"
	}
	in := ""
	if e.ProcName != "" {
		in = " in " + e.ProcName
	}
	return fmt.Sprintf("!%d:%d:%d line %d%s %s\n", e.Number, e.Class, e.State, e.LineNo, in, e.Message)
}
