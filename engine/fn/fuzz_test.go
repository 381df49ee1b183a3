package fn_test

import (
	"testing"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// No text makes Parse panic, and what it takes it writes the same, with an Eval that takes NULLs.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"LEN(nvarchar(20))", "CAST{\"decimal(10,2)\"}(varchar(5))", "DATEADD{day}(int,datetime2(3))", `STORE{"varchar(5)","d.dbo.t","c"}(nvarchar(max) collate Latin1_General_BIN2)`,
		"SUM{distinct}(decimal(38,10))", "CONCAT(null,int,xml)", "DATETIME2FROMPARTS{3}(int,int,int,int,int,int,int,int)", "RANGE{int}(bigint)", "@@ROWCOUNT()",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := fn.Parse(s)
		if err != nil || c.Spec == "" {
			return
		}
		again, err := fn.Parse(c.Spec)
		if err != nil || again.Spec != c.Spec || again.Type.Kind != c.Type.Kind {
			t.Fatalf("%q is %q, which is %q: %v", s, c.Spec, again.Spec, err)
		}
		if c.Eval != nil && !c.Volatile {
			_, _ = c.Eval(t.Context(), &fn.Env{}, make([]sqltype.Value, len(c.Params))) // an error is as good
		}
	})
}
