package exec_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-sql/sqlexp"
	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	engineserver "latchkey/engine/server"
	"latchkey/internal/secret"
)

const (
	admin    = "dba"
	password = "Pa$$w0rd-of-a-test!"
)

// server is a whole server without TLS on the loopback.
type server struct {
	t    testing.TB
	e    *engine.Engine
	addr string
}

func start(t testing.TB) *server {
	t.Helper()
	return startIn(t, t.TempDir())
}

// startIn is start with a data folder.
func startIn(t testing.TB, dir string) *server {
	t.Helper()
	var out io.Writer = io.Discard
	if os.Getenv("LATCHKEY_TEST_LOG") != "" {
		out = os.Stderr
	}
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: dir, Name: "TESTSRV", Admin: &engine.Admin{Name: admin, Password: secret.FromString(password)}, Limits: engineserver.Limits{Login: time.Hour},
		Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	t.Cleanup(func() {
		stop, end := context.WithTimeout(context.Background(), 5*time.Minute) // a busy machine takes its time
		defer end()
		if err := e.Close(stop); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return &server{t, e, l.Addr().String()}
}

// open connects; options are those of the driver's URL.
func (s *server) open(options ...string) *sql.DB {
	s.t.Helper()
	return s.as(admin, password, options...)
}

func (s *server) as(user, pass string, options ...string) *sql.DB {
	s.t.Helper()
	u := fmt.Sprintf("sqlserver://%s?user+id=%s&password=%s&encrypt=disable&workstation+id=CLIENT&app+name=tests&%s", s.addr, user, strings.ReplaceAll(pass, "$", "%24"), strings.Join(options, "&"))
	db, err := sql.Open("sqlserver", u)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// one is a single connection: a session that lasts.
func (s *server) one(options ...string) *sql.Conn {
	s.t.Helper()
	c, err := s.open(options...).Conn(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

type queryer interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// show runs a batch and shows all that comes, in order: rows as a|b, results set apart by --, (n) for a count of rows, "text" for what
// informs, !number:class:state for errors.
func show(t testing.TB, q queryer, batch string, args ...any) string {
	t.Helper()
	var b strings.Builder
	queue := &sqlexp.ReturnMessage{}
	ctx := t.Context()
	rows, err := q.QueryContext(ctx, batch, append([]any{queue}, args...)...)
	if err != nil {
		return problems(err)
	}
	defer rows.Close()
	results := 0
	for active := true; active; {
		switch m := queue.Message(ctx).(type) {
		case sqlexp.MsgNotice:
			fmt.Fprintf(&b, "%q\n", m.Message.String())
		case sqlexp.MsgError:
			b.WriteString(problems(m.Error))
		case sqlexp.MsgRowsAffected:
			fmt.Fprintf(&b, "(%d)\n", m.Count)
		case sqlexp.MsgNextResultSet:
			active = rows.NextResultSet()
		case sqlexp.MsgNext:
			if results++; results > 1 {
				b.WriteString("--\n")
			}
			showRows(t, &b, rows)
		}
	}
	return b.String()
}

func showRows(t testing.TB, b *strings.Builder, rows *sql.Rows) {
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(cols))
		ptrs := make([]any, len(cols))
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
			switch v := v.(type) {
			case nil:
				b.WriteString("NULL")
			case []byte:
				if printable(v) {
					b.Write(v)
				} else {
					fmt.Fprintf(b, "0x%X", v)
				}
			case time.Time:
				b.WriteString(v.Format("2006-01-02 15:04:05.999"))
			default:
				fmt.Fprint(b, v)
			}
		}
		b.WriteByte('\n')
	}
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func problems(err error) string {
	var e mssql.Error
	if !errors.As(err, &e) {
		return "!! " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "!%d:%d:%d line %d", e.Number, e.Class, e.State, e.LineNo)
	if e.ProcName != "" {
		fmt.Fprintf(&b, " in %s", e.ProcName)
	}
	fmt.Fprintf(&b, " %s\n", e.Message)
	return b.String()
}
