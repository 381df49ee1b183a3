package lite_test

import (
	"errors"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// changing is a table that changes the database's definitions, by another connection, each time that a statement finds it anew.
type changing struct{}

func (changing) BestIndex(*sqlite3.IndexInfo) error { return nil }
func (changing) Open() (sqlite3.VTabCursor, error)  { return nil, errors.ErrUnsupported }

// A name that there is not is told as such, however often definitions change while SQLite looks for it.
func TestMissingBesideChanges(t *testing.T) {
	maker, db := open(t)
	c, other := another(t, db), another(t, db)
	changes := 0
	module := func(db *sqlite3.Conn, _, _, _ string, _ ...string) (changing, error) {
		if changes++; changes > 1 && changes < 8 {
			must(t, other.Exec("DROP TABLE IF EXISTS u; CREATE TABLE u(x)"))
		}
		return changing{}, db.DeclareVTab("CREATE TABLE x(y)")
	}
	for _, conn := range []*sqlite3.Conn{maker.Conn.Conn, c.Conn.Conn} {
		//lint:ignore SA1019 the method that replaces it needs a newer Go
		must(t, sqlite3.CreateModule(conn, "changing", module, module))
	}
	must(t, maker.Exec("CREATE VIRTUAL TABLE v USING changing"))
	_, err := c.Prepare("SELECT * FROM v, missing")
	if !errors.Is(err, sqlite3.ERROR) || errors.Is(err, sqlite3.SCHEMA) {
		t.Errorf("got %v after %d changes", err, changes)
	}
	if changes < 3 {
		t.Errorf("%d changes", changes)
	}
}
