package conn_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/engine/tds/conn"
)

func dsn(s *server, params string) string {
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(testUser, testPassword), Host: fmt.Sprintf("localhost:%d", s.port), RawQuery: params + "&workstation+id=client"}
	return u.String()
}

func open(t *testing.T, s *server, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", dsn(s, params))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Every row of the table of encryption answers, with a client that checks them.
func TestEncryptionModes(t *testing.T) {
	for _, test := range []struct {
		name, params  string
		force, none   bool
		ok, encrypted bool
	}{
		{name: "off", params: "encrypt=false&TrustServerCertificate=true", ok: true, encrypted: true}, // the login alone
		{name: "on", params: "encrypt=true&certificate=CA", ok: true, encrypted: true},
		{name: "on, untrusted", params: "encrypt=true", ok: false},
		{name: "not supported", params: "encrypt=disable", ok: true},
		{name: "strict", params: "encrypt=strict&certificate=CA", ok: true, encrypted: true},
		{name: "forced, off", params: "encrypt=false&TrustServerCertificate=true", force: true, ok: true, encrypted: true},
		{name: "forced, on", params: "encrypt=true&certificate=CA", force: true, ok: true, encrypted: true},
		{name: "forced, not supported", params: "encrypt=disable", force: true, ok: false},
		{name: "forced, strict", params: "encrypt=strict&certificate=CA", force: true, ok: true, encrypted: true},
		{name: "no certificate, off", params: "encrypt=false", none: true, ok: true},
		{name: "no certificate, on", params: "encrypt=true", none: true, ok: false},
		{name: "no certificate, strict", params: "encrypt=strict", none: true, ok: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, func(c *conn.Config) {
				c.ForceEncryption = test.force
				if test.none {
					c.TLS = nil
				}
			})
			db := open(t, s, strings.Replace(test.params, "CA", url.QueryEscape(s.caFile), 1))
			var n int
			err := db.QueryRowContext(t.Context(), "select 1 as x").Scan(&n)
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want success: %v", err, test.ok)
			}
			if !test.ok {
				return
			}
			// A large statement and a large answer show that both directions survive the switch.
			if _, err := db.ExecContext(t.Context(), "set /*"+strings.Repeat("x", 100000)+"*/"); err != nil {
				t.Fatal(err)
			}
			if got := s.logins[0].Encrypted; got != test.encrypted {
				t.Errorf("the login was encrypted: %v, want %v", got, test.encrypted)
			}
		})
	}
}

func TestResults(t *testing.T) {
	s := start(t, nil)
	db := open(t, s, "encrypt=disable&database=db1")
	rows, err := db.QueryContext(t.Context(), "types")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names := map[int]string{5: "DECIMAL", 14: "DATETIME2", 20: "NVARCHAR", 28: "UNIQUEIDENTIFIER"}
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range names {
		if got := types[i].DatabaseTypeName(); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
	values := make([]any, len(types))
	for i := range values {
		values[i] = new(any)
	}
	if !rows.Next() {
		t.Fatal("no row: ", rows.Err())
	}
	if err := rows.Scan(values...); err != nil {
		t.Fatal(err)
	}
	get := func(i int) any { return *values[i].(*any) }
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	noon := day.Add(12 * time.Hour)
	for i, want := range map[int]any{
		0: true, 1: int64(255), 2: int64(-32768), 3: int64(-2147483648), 4: int64(1 << 60), 5: "-1234.5678901234", 6: "-1.5000", 7: "1.2345", 8: 1.5, 9: 0.1,
		10: day, 12: noon, 13: noon.Add(3 * time.Millisecond), 14: noon.Add(123 * time.Millisecond), 15: noon.UTC(), 16: "é€   ", 17: strings.Repeat("v", 8000),
		18: strings.Repeat("m", 70000), 19: "日本 ", 20: "\U0001F600", 21: strings.Repeat("ñ", 70000), 22: "\x00\x01\x02\x03", 23: "", 24: strings.Repeat("\xff", 70000),
		25: "old text", 26: "öld", 27: "img", 29: "<a/>", 30: int64(7), 31: "variant",
	} {
		got := get(i)
		if b, ok := got.([]byte); ok {
			got = string(b)
		}
		if at, ok := got.(time.Time); ok {
			if w := want.(time.Time); at.UTC().Sub(w).Abs() >= time.Millisecond {
				t.Errorf("column %d is %v, want %v", i, at, w)
			}
			continue
		}
		if got != want {
			t.Errorf("column %d is %.80v, want %.80v", i, got, want)
		}
	}
	var guid mssql.UniqueIdentifier
	if err := guid.Scan(get(28)); err != nil || guid.String() != "6F9619FF-8B86-D011-B42D-00C04FC964FF" {
		t.Errorf("guid %s, %v", guid, err)
	}
	if !rows.Next() {
		t.Fatal("no second row")
	}
	if err := rows.Scan(values...); err != nil {
		t.Fatal(err)
	}
	for i := range values {
		if get(i) != nil {
			t.Errorf("column %d is %v, want NULL", i, get(i))
		}
	}
	if rows.Next() || rows.Err() != nil {
		t.Errorf("more rows, or %v", rows.Err())
	}
}

func TestParameters(t *testing.T) {
	s := start(t, nil)
	db := open(t, s, "encrypt=disable")
	at := time.Date(2024, 2, 29, 13, 14, 15, 123456700, time.FixedZone("", 3600))
	for _, want := range []any{
		int64(-5), 1.25, true, "näme \U0001F600", "", strings.Repeat("x", 5000), strings.Repeat("y", 300000),
		[]byte{1, 2, 3},
		[]byte(strings.Repeat("\x00", 20000)),
		at,
	} {
		var got any
		if err := db.QueryRowContext(t.Context(), "echo @p1", want).Scan(&got); err != nil {
			t.Errorf("%.40v: %v", want, err)
			continue
		}
		switch w := want.(type) {
		case []byte:
			if g, ok := got.([]byte); !ok || string(g) != string(w) {
				t.Errorf("%d bytes came back as %T %.40v", len(w), got, got)
			}
		case time.Time:
			if g, ok := got.(time.Time); !ok || !g.Equal(w) {
				t.Errorf("%v came back as %v", w, got)
			}
		default:
			if got != want {
				t.Errorf("%.40v came back as %.40v", want, got)
			}
		}
	}
	for _, null := range []any{nil, sql.NullString{}, sql.NullInt64{}, []byte(nil), sql.NullTime{}} {
		var got any
		if err := db.QueryRowContext(t.Context(), "echo @p1", null).Scan(&got); err != nil || got != nil {
			t.Errorf("%#v came back as %v, %v", null, got, err)
		}
	}
	var got string
	if err := db.QueryRowContext(t.Context(), "echo @p1", mssql.VarChar("var")).Scan(&got); err != nil || got != "var" {
		t.Errorf("varchar: %q, %v", got, err)
	}
	guid := mssql.UniqueIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 9}
	var back mssql.UniqueIdentifier
	if err := db.QueryRowContext(t.Context(), "echo @p1", guid).Scan(&back); err != nil || back != guid {
		t.Errorf("guid: %v, %v", back, err)
	}
	var n int64 = 41
	text := "in"
	if _, err := db.ExecContext(t.Context(), "outs", sql.Named("n", sql.Out{Dest: &n}), sql.Named("t", sql.Out{Dest: &text, In: true})); err != nil || n != 0 && n != 41 || text != "in" {
		t.Errorf("output parameters: %d, %q, %v", n, text, err)
	}
}

func TestMessagesAndErrors(t *testing.T) {
	s := start(t, nil)
	db := open(t, s, "encrypt=disable")
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), "error")
	var e mssql.Error
	if !errors.As(err, &e) || e.Number != 50001 || e.Class != 16 || e.State != 3 || e.LineNo != 7 || e.ProcName != "p" || e.ServerName != "TESTSRV" || e.Message != "the fish is öff" {
		t.Errorf("got %#v", err)
	}
	if _, err := db.ExecContext(t.Context(), "typed"); !errors.As(err, &e) || e.Number != 8134 {
		t.Errorf("got %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "print"); err != nil {
		t.Error(err)
	}
	if n := len(s.all()); n != 1 {
		t.Errorf("%d connections: an error ended one", n)
	}
	rows, err := db.QueryContext(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	sets, n := 1, 0
	for {
		for rows.Next() {
			n++
		}
		if !rows.NextResultSet() {
			break
		}
		sets++
	}
	if sets != 2 || n != 3 || rows.Err() != nil {
		t.Errorf("%d sets with %d rows, %v", sets, n, rows.Err())
	}
	_ = rows.Close()
	if _, err := db.ExecContext(t.Context(), "internal"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an internal error shows %v", err)
	}
	for _, bad := range []string{strings.Replace(dsn(s, "encrypt=disable"), "dba", "other", 1), dsn(s, "encrypt=disable&database=nope")} {
		db, err := sql.Open("sqlserver", bad)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PingContext(t.Context()); !errors.As(err, &e) || !strings.Contains(err.Error(), "ogin") {
			t.Errorf("%s: %v", bad, err)
		}
		_ = db.Close()
	}
}

func TestTransactionsPreparedAndReset(t *testing.T) {
	s := start(t, nil)
	db := open(t, s, "encrypt=disable")
	db.SetMaxOpenConns(1)
	for _, commit := range []bool{true, false} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "set x on"); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	stmt, err := db.PrepareContext(t.Context(), "echo @p1")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for i := range 3 {
		var got int
		if err := stmt.QueryRowContext(t.Context(), i).Scan(&got); err != nil || got != i {
			t.Errorf("got %d, %v", got, err)
		}
	}
	if ses := s.all(); len(ses) != 1 || ses[0].resets < 3 {
		t.Errorf("%d sessions, %d resets", len(ses), ses[0].resets)
	}
}

// An attention ends a statement that computes and one that writes; the connection serves on. The driver drops a connection that takes over 5 s
// to answer one, which a busy machine may.
func TestCancel(t *testing.T) {
	for _, mode := range []string{"disable", "false&TrustServerCertificate=true", "true&TrustServerCertificate=true"} {
		s := start(t, nil)
		db := open(t, s, "encrypt="+mode)
		db.SetMaxOpenConns(1)
		const late = "did not get cancellation confirmation"
		for range 3 {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all := s.all()
			ses := all[len(all)-1]
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-ses.waiting
				cancel()
			}()
			_, err = c.ExecContext(ctx, "wait")
			if err == nil || !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), late) {
				t.Fatalf("%s: got %v", mode, err)
			}
			if errors.Is(err, context.Canceled) {
				ctx, cancel = context.WithCancel(t.Context())
				rows, err := c.QueryContext(ctx, "forever")
				if err != nil {
					t.Fatal(err)
				}
				for range 100 {
					if !rows.Next() {
						t.Fatal(rows.Err())
					}
				}
				cancel()
				if err := rows.Close(); err == nil {
					var n int
					if err := c.QueryRowContext(t.Context(), "select").Scan(&n); err != nil || n != 1 {
						t.Fatalf("%s: after a cancel: %v", mode, err)
					}
					_ = c.Close()
					continue
				} else if !strings.Contains(err.Error(), late) {
					t.Fatalf("%s: %v", mode, err)
				}
			}
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // not to be used again
			_ = c.Close()
		}
	}
}

func TestTableParametersAndBulk(t *testing.T) {
	s := start(t, nil)
	db := open(t, s, "encrypt=disable")
	db.SetMaxOpenConns(1)
	type line struct {
		ID   int32
		Name string
		Null *float64
	}
	var lines []line
	for i := range 1000 {
		lines = append(lines, line{ID: int32(i), Name: "näme"})
	}
	var rows, sum int64
	if err := db.QueryRowContext(t.Context(), "echo @p1", mssql.TVP{TypeName: "dbo.Lines", Value: lines}).Scan(&rows, &sum); err != nil || rows != 1000 || sum != 499500 {
		t.Errorf("%d rows, sum %d, %v", rows, sum, err)
	}
	if err := db.QueryRowContext(t.Context(), "echo @p1", mssql.TVP{TypeName: "Lines", Value: []line{}}).Scan(&rows, &sum); err != nil || rows != 0 {
		t.Errorf("empty: %d rows, %v", rows, err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stmt, err := tx.PrepareContext(t.Context(), mssql.CopyIn("t", mssql.BulkOptions{}, "id", "name", "d", "x"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if _, err := stmt.ExecContext(t.Context(), i, "näme", time.Unix(int64(i), 0), []byte(strings.Repeat("x", i%300))); err != nil {
			t.Fatal(err)
		}
	}
	res, err := stmt.ExecContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 5000 {
		t.Errorf("%d rows loaded", n)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	ses := s.all()[0]
	if last := ses.bulk[len(ses.bulk)-1]; len(ses.bulk) != 5000 || last[0].Int() != 4999 || last[1].Text() != "näme" || len(last[3].Bytes()) != 4999%300 {
		t.Errorf("%d rows, the last is %v", len(ses.bulk), last)
	}
}
