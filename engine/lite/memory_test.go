package lite_test

import (
	"errors"
	"testing"

	"latchkey/engine/lite"
)

// A statement that finds no memory fails alone: no panic, and the connection goes on.
func TestNoMemory(t *testing.T) {
	c, _ := open(t)
	must(t, c.Exec("PRAGMA hard_heap_limit=20000000"))
	for range 2 {
		s, err := c.Prepare("SELECT hex(zeroblob(30000000))")
		must(t, err)
		if s.Step() {
			t.Fatal("there was memory")
		}
		if err := s.Err(); !errors.Is(err, lite.ErrMemory) {
			t.Errorf("got %v", err)
		}
		s.Release()
	}
	s, err := c.Prepare("SELECT 1")
	must(t, err)
	defer s.Release()
	if !s.Step() || s.ColumnInt(0) != 1 {
		t.Errorf("the connection is lost: %v", s.Err())
	}
}
