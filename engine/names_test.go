package engine_test

import "testing"

// A statement that was run before means by a database's name the one that has it now, not the one that had it then.
func TestNamesOfDatabasesChangeHands(t *testing.T) {
	r := start(t, config(t.TempDir()))
	db, other := r.connect(t, "dba", password, ""), r.connect(t, "dba", password, "")
	statements(t, db, "CREATE DATABASE Old", "CREATE DATABASE Shop", "CREATE TABLE Old.dbo.t(n int); INSERT Old.dbo.t VALUES(1)",
		"CREATE TABLE Shop.dbo.t(n int); INSERT Shop.dbo.t VALUES(2); CREATE TABLE Shop.dbo.u(n int)", "CREATE DATABASE Views", "USE Views; EXEC('CREATE VIEW dbo.v AS SELECT n FROM Shop.dbo.t')")
	const rows, tables, view = "SELECT n FROM Shop.dbo.t", "SELECT COUNT(*) FROM Shop.sys.tables", "SELECT n FROM Views.dbo.v"
	const change = "UPDATE Views.dbo.w SET n = (SELECT MAX(n) FROM Shop.dbo.t); SELECT n FROM Views.dbo.w"
	statements(t, db, "CREATE TABLE Views.dbo.w(n int); INSERT Views.dbo.w VALUES(0)")
	expect := func(when, n, views string) {
		t.Helper()
		for query, want := range map[string]string{rows: n, view: n, tables: views, change: n} {
			if a, b := scalar(t, db, query), scalar(t, other, query); a != want || b != want {
				t.Errorf("%s: %s: %s, another session %s, want %s", when, query, a, b, want)
			}
		}
	}
	expect("at first", "2", "2")
	statements(t, db, "USE master; ALTER DATABASE Shop MODIFY NAME = Kept; ALTER DATABASE Old MODIFY NAME = Shop")
	expect("another of that name", "1", "1")
	statements(t, db, "DROP DATABASE Shop")
	for _, query := range []string{rows, tables, change} {
		refused(t, db, "208", query)
		refused(t, other, "208", query)
	}
	statements(t, db, "DROP DATABASE Kept", "CREATE DATABASE Shop", "CREATE TABLE Shop.dbo.t(n int); INSERT Shop.dbo.t VALUES(3)")
	expect("one that was made anew", "3", "1")
}
