package fleet

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/monitor"
	"latchkey/monitor/watch"
)

// scripted is a SQL Server of fixed answers: one database, open, whose protector this login may not use.
type scripted struct{ kind string }

func (s scripted) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s scripted) Driver() driver.Driver                        { return nil }
func (s scripted) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (s scripted) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (s scripted) Close() error                                 { return nil }

func (s scripted) QueryContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(q, "sys.databases"):
		return &answer{row: []driver.Value{int64(5), "Sales", time.Unix(1, 0), int64(0), "ONLINE", []byte("12345678901234567890"), s.kind, int64(1)}}, nil
	case strings.Contains(q, "sys.asymmetric_keys"):
		return &answer{row: []driver.Value{"EKMKey"}}, nil
	case strings.Contains(q, "ENCRYPTBYASYMKEY"):
		return nil, mssql.Error{Number: 33046, Message: "Server principal 'watcher' has no credential."}
	}
	return nil, mssql.Error{Number: 208, Message: "Invalid object name."} // a view of Latchkey's
}

// answer is a result of one row.
type answer struct {
	row  []driver.Value
	done bool
}

func (a *answer) Columns() []string { return make([]string, len(a.row)) }
func (a *answer) Close() error      { return nil }

func (a *answer) Next(dest []driver.Value) error {
	if a.done {
		return io.EOF
	}
	a.done = true
	copy(dest, a.row)
	return nil
}

// A key that was not tried is not said to be good.
func TestUntried(t *testing.T) {
	for want, c := range map[string]struct {
		kind string
		cfg  Server
	}{
		"has no credential":          {"ASYMMETRIC KEY", Server{}},
		"noCanary is set":            {"ASYMMETRIC KEY", Server{NoCanary: true}},
		"protector is a certificate": {"CERTIFICATE", Server{}},
	} {
		f := New(Options{Config: &Config{Name: "w"}})
		c.cfg.Name, c.cfg.DSN = "prod1", "sqlserver://sql1"
		s := newServer(f, c.cfg)
		s.db = sql.OpenDB(scripted{c.kind})
		f.servers = append(f.servers, s)
		if r := f.Check(t.Context(), watch.Subject{ID: serverID + "prod1", Name: "prod1"}); r.Cause != monitor.Granted || r.Text != "" {
			t.Fatalf("the server: %+v", r)
		}
		all := f.Subjects()
		r := f.Check(t.Context(), all[len(all)-1])
		if r.Cause != monitor.Granted || !strings.Contains(r.Text, "was not tried: ") || !strings.Contains(r.Text, want) {
			t.Errorf("want %q: %+v", want, r)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
