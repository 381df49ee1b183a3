package fn_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/engine/cell"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
)

// anything are values of all types, as functions meet them.
var anything = []string{
	"NULL", "bit:1", "tinyint:255", "smallint:-32768", "int:0", "int:1", "int:-1", "int:3", "int:2147483647", "int:-2147483648", "bigint:9223372036854775807",
	"bigint:-9223372036854775808", "decimal(5,2):-1.55", "decimal(18,0):999999999999999999", "decimal(38,10):9999999999999999999999999999.9999999999",
	"money:-922337203685477.5808", "smallmoney:1.2345", "real:1e30", "float:-1.7e308", "float:0.1", "date:0001-01-01", "date:9999-12-31", "time(3):23:59:59.999",
	"smalldatetime:2079-06-06 23:59", "datetime:1753-01-01", "datetime:9999-12-31 23:59:59.997", "datetime2(7):0001-01-01", "datetime2(0):9999-12-31 23:59:59",
	"datetimeoffset(7):2020-02-29 23:59:59.9999999 +14:00", "char(5):ab", "varchar(10):", "varchar(10):abc", "varchar(10):12", "varchar(30):2020-02-29T12:00:00",
	"nchar(3):é", "nvarchar(20):a😀b", "nvarchar(20):%[a-", "nvarchar(20):0.00", "nvarchar(20):{\"a\":[1]}", "nvarchar(20):$.a[0]", "nvarchar(max):x", "binary(4):0x01020304",
	"varbinary(10):0x", "varbinary(max):0x1F8B", "uniqueidentifier:6F9619FF-8B86-D011-B42D-00C04FC964FF", "int:NULL", "nvarchar(9):NULL", "float:NULL",
	"datetime:NULL", "varchar(10):SHA2_256", "nvarchar(20):N2", "nvarchar(30):yyyy'x'fffK",
}

// No function panics on any arguments; each gives a value of its type that has a cell and fits, or a message.
func TestRandomCalls(t *testing.T) {
	n := 400
	if os.Getenv("LATCHKEY_LONG") == "1" {
		n = 20000
	}
	r := rand.New(rand.NewPCG(5, 6))
	env := &fn.Env{Now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	words := []string{"year", "quarter", "month", "day", "week", "weekday", "iso_week", "hour", "minute", "ms", "mcs", "ns", "tz", "dayofyear"}
	for _, feature := range fn.Features() {
		f, ok := fn.Lookup(feature.Name)
		if !ok || !feature.Supported || f.Kind == fn.AggFunc || f.Kind == fn.WindowFunc {
			continue
		}
		most := f.Max
		if most < 0 || most > 6 {
			most = max(6, f.Min)
		}
		for range n {
			count := f.Min + r.IntN(most-f.Min+1)
			var args []fn.Arg
			var values []sqltype.Value
			var what []string
			for i := range count {
				if slices.Contains(f.Words, i) {
					args = append(args, fn.Arg{Word: words[r.IntN(len(words))]})
					what = append(what, args[i].Word)
					continue
				}
				s := anything[r.IntN(len(anything))]
				a, v := value(t, s)
				if r.IntN(2) == 0 {
					a.Const = nil
				}
				args, values, what = append(args, a), append(values, v), append(what, s)
			}
			c, err := f.Resolve(args)
			if err != nil || c.Eval == nil {
				if err != nil {
					checkError(t, f.Name, what, err)
				}
				continue
			}
			if !slices.EqualFunc(c.Params, args, func(p sqltype.Type, a fn.Arg) bool { return p == a.Type }) && len(f.Words) == 0 {
				continue // the compiler would convert
			}
			v, err := c.Eval(t.Context(), env, slices.Clone(values))
			if err != nil {
				checkError(t, f.Name, what, err)
				continue
			}
			if v.IsNull() {
				continue
			}
			if _, err := cell.Encode(c.Type, v); err != nil {
				t.Errorf("%s(%s) is %v, which has no cell: %v", f.Name, strings.Join(what, ", "), v, err)
			}
			if l := c.Type.Length; l > 0 && (v.Kind().IsNational() && wtf8.Len(v.Text()) > l || v.Kind().IsBinary() && len(v.Bytes()) > l ||
				v.Kind().IsText() && !v.Kind().IsNational() && c.Type.Collation.EncodedLen(v.Text()) > l) {
				t.Errorf("%s(%s) is %q, longer than %v", f.Name, strings.Join(what, ", "), v.Text(), c.Type)
			}
		}
	}
}

// checkError asks for a message of SQL Server's with a text of its own.
func checkError(t *testing.T, name string, what []string, err error) {
	t.Helper()
	var e *sqltype.Error
	if !errors.As(err, &e) || e.Number == 50000 || strings.Contains(e.Message, "%!") {
		t.Errorf("%s(%s): %v is no message", name, strings.Join(what, ", "), err)
	}
}
