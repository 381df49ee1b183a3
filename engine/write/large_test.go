package write_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/engine/fn"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/internal/clock"
)

// A connection through which large values were written is not kept for its memory, and one that is to write a huge one waits for its place.
func TestLargeValues(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "d.db"))
	defer s.db.Close()
	for _, statement := range []string{"INSERT t VALUES (2, @v)", "UPDATE t SET v = @v WHERE id = 1", "MERGE t USING (SELECT 1 AS id) q ON t.id = q.id WHEN MATCHED THEN UPDATE SET v = @v;"} {
		c := s.session(t)
		c.must("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v varchar(max)); INSERT t VALUES (1, 'x')")
		c.must("DECLARE @v varchar(max)")
		give := func(n int) { c.vals["@v"] = sqltype.NewText(sqltype.VarChar, strings.Repeat("x", n)) }
		give(room.Large - 1)
		c.must(statement)
		if c.conn.Swollen() {
			t.Errorf("%s: swollen with a small value", statement)
		}
		give(room.Large)
		c.must(statement)
		if !c.conn.Swollen() {
			t.Errorf("%s: not swollen with a large value", statement)
		}
		f := clock.NewFake(time.Now())
		ctx := room.With(t.Context(), room.New(1, f)) // one place
		leave, err := room.Place(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.conn.Use(ctx, &fn.Env{})
		give(room.Huge)
		got := make(chan string, 1)
		go func() { got <- c.run(statement) }()
		if err := f.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		f.Advance(time.Minute)
		if text := <-got; !strings.HasPrefix(text, "Msg 8645,") {
			t.Errorf("%s: without a place: %s", statement, text)
		}
		leave()
		c.must(statement)
		c.close()
		if leave, err = room.Place(ctx); err != nil {
			t.Errorf("%s: the place was not given back: %v", statement, err)
		} else {
			leave()
		}
	}
}
