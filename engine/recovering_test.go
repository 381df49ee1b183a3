package engine_test

import (
	"errors"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// While a database is being opened at the start, the server serves; the database is RECOVERING to all who look, and message 922 to who wants
// it; then it is ONLINE.
func TestRecoveringAtTheStart(t *testing.T) {
	r, m, c, _ := watched(t, time.Hour)
	r.stop()
	m.mu.Lock()
	m.hold = make(chan struct{})
	m.mu.Unlock()
	c.Admin, c.Databases.StartWait = nil, time.Millisecond
	r = start(t, c)
	db := r.connect(t, "dba", password, "")
	look := func() (state int, desc, file string, collation any) {
		t.Helper()
		err := db.QueryRowContext(t.Context(), `SELECT d.state, d.state_desc, f.state_desc, d.collation_name FROM sys.databases d
			JOIN sys.master_files f ON f.database_id = d.database_id AND f.type = 0 WHERE d.name = 'Shop'`).Scan(&state, &desc, &file, &collation)
		if err != nil {
			t.Fatal(err)
		}
		return state, desc, file, collation
	}
	if state, desc, file, collation := look(); state != 2 || desc != "RECOVERING" || file != "RECOVERING" || collation != nil {
		t.Errorf("sys.databases: %d %s, file %s, collation %v", state, desc, file, collation)
	}
	functions := func(status string, access int) {
		t.Helper()
		var s string
		var n int
		var collation any
		err := db.QueryRowContext(t.Context(), "SELECT CAST(DATABASEPROPERTYEX('Shop', 'Status') AS nvarchar(60)), HAS_DBACCESS('Shop'), DATABASEPROPERTYEX('Shop', 'Collation')").Scan(&s, &n, &collation)
		if err != nil || s != status || n != access || (collation == nil) != (access == 0) {
			t.Errorf("functions: %s, access %d, collation %v, %v; want %s, %d", s, n, collation, err, status, access)
		}
	}
	functions("RECOVERING", 0)
	_, err := db.ExecContext(t.Context(), "USE Shop")
	var e mssql.Error
	if !errors.As(err, &e) || e.Number != 922 || e.Message != "Database 'Shop' is being recovered. Waiting until recovery is finished." {
		t.Errorf("USE: %v", err)
	}
	err = r.connect(t, "dba", password, "Shop").PingContext(t.Context())
	if !errors.As(err, &e) || e.Number != 18456 || len(e.All) == 0 || e.All[0].Number != 4060 {
		t.Errorf("a login to it: %v", err)
	}
	close(m.hold)
	<-r.Ready()
	if state, desc, file, collation := look(); state != 0 || desc != "ONLINE" || file != "ONLINE" || collation == nil {
		t.Errorf("then: %d %s, file %s, collation %v", state, desc, file, collation)
	}
	functions("ONLINE", 1)
	var n int
	if err := r.connect(t, "dba", password, "Shop").QueryRowContext(t.Context(), "SELECT COUNT(*) FROM dbo.t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
