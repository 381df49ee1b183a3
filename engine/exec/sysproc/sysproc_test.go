package sysproc_test

import (
	"testing"

	"latchkey/engine/exec/sysproc"
)

func TestProcedures(t *testing.T) {
	if err := sysproc.Check(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"sp_who", "SP_Columns_100", "sp_helpdb", "sp_fkeys"} {
		if p := sysproc.Find(n); p == nil || len(p.Body) == 0 {
			t.Errorf("%s is not there", n)
		}
	}
	if sysproc.Find("sp_nothing") != nil || len(sysproc.Names()) < 25 {
		t.Errorf("%d procedures", len(sysproc.Names()))
	}
}
