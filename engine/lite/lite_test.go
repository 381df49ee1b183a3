package lite_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/cell"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tde"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open makes a database and a connection to it.
func open(t testing.TB) (*lite.Conn, *tde.DB) {
	t.Helper()
	db, err := tde.Create(t.Context(), tde.Config{Path: filepath.Join(t.TempDir(), "x.db"), NormalSync: true})
	must(t, err)
	raw, err := db.Conn(t.Context())
	must(t, err)
	c, err := lite.Open(t.Context(), raw)
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return c, db
}

// run computes a call in SQLite: over args of the types that the call wants.
func run(c *lite.Conn, call fn.Call, args []sqltype.Value) (sqltype.Value, error) {
	params := make([]string, len(args))
	for i := range args {
		params[i] = fmt.Sprintf("?%d", i+1)
	}
	s, err := c.Prepare("SELECT " + call.SQLText(params, ""))
	if err != nil {
		return sqltype.NullValue, err
	}
	defer s.Release()
	for i, a := range args {
		if err := cell.Bind(s.Stmt, i+1, call.Params[i], a); err != nil {
			return sqltype.NullValue, err
		}
	}
	if !s.Step() {
		return sqltype.NullValue, s.Err()
	}
	return cell.Column(s.Stmt, 0, call.Type)
}

// samples are values of many types, their edges among them.
func samples(t testing.TB) map[sqltype.Type][]sqltype.Value {
	t.Helper()
	out := map[sqltype.Type][]sqltype.Value{}
	add := func(typ sqltype.Type, texts ...string) {
		for _, s := range texts {
			v, err := convert.Convert(sqltype.NewText(sqltype.NVarChar, s), sqltype.Sized(sqltype.NVarChar, sqltype.Max), typ, convert.Options{})
			if err != nil {
				t.Fatalf("%v of %q: %v", typ, s, err)
			}
			out[typ] = append(out[typ], v)
		}
		out[typ] = append(out[typ], sqltype.NullValue)
	}
	add(sqltype.Of(sqltype.Bit), "0", "1")
	add(sqltype.Of(sqltype.TinyInt), "0", "1", "7", "255")
	add(sqltype.Of(sqltype.SmallInt), "-32768", "-1", "0", "3", "32767")
	add(sqltype.Of(sqltype.Int), "-2147483648", "-7", "-1", "0", "2", "2147483647")
	add(sqltype.Of(sqltype.BigInt), "-9223372036854775808", "-1", "0", "5", "9223372036854775807")
	add(sqltype.DecimalType(5, 2), "-999.99", "0", "1.5", "999.99")
	add(sqltype.DecimalType(9, 0), "-999999999", "0", "12")
	add(sqltype.DecimalType(18, 4), "-99999999999999.9999", "0.0001", "3")
	add(sqltype.DecimalType(38, 10), "-9999999999999999999999999999.9999999999", "0", "1.5", "7.0000000001")
	add(sqltype.Of(sqltype.Money), "-922337203685477.5808", "0", "1.5", "922337203685477.5807")
	add(sqltype.Of(sqltype.SmallMoney), "-214748.3648", "1.5", "214748.3647")
	add(sqltype.Of(sqltype.Float), "-1e300", "0", "0.5", "1.5", "1e300")
	add(sqltype.Of(sqltype.Real), "-1e30", "0", "0.5", "1.5")
	add(sqltype.Sized(sqltype.VarChar, 10), "", "abc", "ABC", "abc  ", "12", "é", "z")
	add(sqltype.Sized(sqltype.NVarChar, 10), "", "abc", "ABC", "12", "Ω", "é", "😀")
	add(sqltype.Sized(sqltype.Char, 5), "", "abc", "12")
	add(sqltype.Sized(sqltype.NVarChar, sqltype.Max), "abc", "x\x00y")
	add(sqltype.Of(sqltype.Date), "0001-01-01", "1999-12-31", "9999-12-31")
	add(sqltype.Scaled(sqltype.Time, 3), "00:00", "23:59:59.999")
	add(sqltype.Of(sqltype.SmallDateTime), "1900-01-01", "2079-06-06T23:59:00")
	add(sqltype.Of(sqltype.DateTime), "1753-01-01", "1899-12-31T12:00:00.003", "9999-12-31T23:59:59.997")
	add(sqltype.Scaled(sqltype.DateTime2, 7), "0001-01-01", "9999-12-31T23:59:59.9999999", "1999-12-31")
	add(sqltype.Scaled(sqltype.DateTimeOffset, 2), "0001-01-02T00:00:00+14:00", "2000-01-01T00:00:00Z", "2000-01-01T01:00:00+01:00", "9999-12-30T00:00:00-14:00")
	add(sqltype.Of(sqltype.UniqueIdentifier), "6F9619FF-8B86-D011-B42D-00C04FC964FF", "00000000-0000-0000-0000-000000000001")
	bin := sqltype.Sized(sqltype.VarBinary, 8)
	out[bin] = []sqltype.Value{sqltype.NewBytes(sqltype.VarBinary, ""), sqltype.NewBytes(sqltype.VarBinary, "\x00\x01"), sqltype.NewBytes(sqltype.VarBinary, "\xff"), sqltype.NullValue}
	return out
}

func types(m map[sqltype.Type][]sqltype.Value) []sqltype.Type {
	var list []sqltype.Type
	for t := range m {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b sqltype.Type) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// Each operator gives the same in SQLite as in Go, for all pairs of types: value, error and type.
func TestOperatorsAgree(t *testing.T) {
	c, _ := open(t)
	c.Use(t.Context(), nil)
	m := samples(t)
	long := os.Getenv("LATCHKEY_LONG") == "1"
	done, natives := 0, 0
	for _, op := range []string{"+", "-", "*", "/", "%", "&", "|", "^", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "LIKE", "||"} {
		for _, a := range types(m) {
			for _, b := range types(m) {
				for _, simple := range []bool{true, false} {
					if !long && !simple && op != "+" && op != "*" {
						continue
					}
					call, err := fn.Operator(op, fn.Arg{Type: a, Simple: simple}, fn.Arg{Type: b, Simple: simple})
					if err != nil {
						var e *sqltype.Error
						if !errors.As(err, &e) || e.Number == 50000 {
							t.Errorf("%v %s %v: %v is no message", a, op, b, err)
						}
						continue
					}
					if simple && call.Native {
						natives++
					}
					for i, x := range m[a] {
						for j, y := range m[b] {
							if !long && simple && (i+j)%2 == 0 && op != "/" {
								continue
							}
							agree(t, c, fmt.Sprintf("%v %s %v", a, op, b), call, []sqltype.Type{a, b}, []sqltype.Value{x, y})
							done++
						}
					}
				}
			}
		}
	}
	t.Logf("%d results, %d forms of SQLite's own", done, natives)
}

// agree converts the arguments as the call wants them and computes it in Go and in SQLite.
func agree(t *testing.T, c *lite.Conn, what string, call fn.Call, have []sqltype.Type, values []sqltype.Value) {
	t.Helper()
	args := slices.Clone(values)
	for i := range args {
		if have[i] == call.Params[i] {
			continue
		}
		conv, err := fn.Cast(fn.Arg{Type: have[i]}, call.Params[i], fn.CastOptions{})
		if err != nil {
			t.Fatalf("%s: argument %d: %v", what, i, err)
		}
		if args[i], err = conv.Eval(t.Context(), &fn.Env{}, []sqltype.Value{args[i]}); err != nil {
			return // an argument that has no such value: an error either way
		}
	}
	inGo, errGo := call.Eval(t.Context(), &fn.Env{}, slices.Clone(args))
	inSQL, errSQL := run(c, call, args)
	if fmt.Sprint(errGo) != fmt.Sprint(errSQL) {
		t.Errorf("%s of %v: error %v in Go, %v by %s", what, texts(values), errGo, errSQL, call.SQL)
		return
	}
	if errGo == nil && inGo != inSQL {
		if inGo.Kind().IsText() && inGo.Text() == inSQL.Text() || inGo.Kind() == sqltype.Decimal && sqltype.Compare(inGo, inSQL, call.Type.Collation) == 0 {
			return
		}
		t.Errorf("%s of %v: %v in Go, %v by %s", what, texts(values), text(inGo), text(inSQL), call.SQL)
	}
}

func text(v sqltype.Value) string {
	if v.IsNull() {
		return "NULL"
	}
	s, err := convert.Convert(v, sqltype.Type{Kind: v.Kind()}, sqltype.Sized(sqltype.NVarChar, sqltype.Max), convert.Options{})
	if err != nil {
		return fmt.Sprintf("%q", v.Bytes())
	}
	return v.Kind().String() + " " + s.Text()
}

func texts(vs []sqltype.Value) (out []string) {
	for _, v := range vs {
		out = append(out, text(v))
	}
	return out
}

// Each conversion gives the same in SQLite as in Go.
func TestCastsAgree(t *testing.T) {
	c, _ := open(t)
	c.Use(t.Context(), nil)
	m := samples(t)
	targets := types(m)
	targets = append(targets, sqltype.Sized(sqltype.VarChar, 3), sqltype.Sized(sqltype.NChar, 4), sqltype.Of(sqltype.Variant), sqltype.Scaled(sqltype.DateTime2, 0),
		sqltype.DecimalType(12, 2), sqltype.DecimalType(20, 2), sqltype.Sized(sqltype.VarBinary, sqltype.Max), sqltype.Sized(sqltype.VarChar, sqltype.Max))
	for _, from := range types(m) {
		for _, to := range targets {
			for _, try := range []bool{false, true} {
				call, err := fn.Cast(fn.Arg{Type: from}, to, fn.CastOptions{Try: try})
				if err != nil {
					continue
				}
				for _, v := range m[from] {
					agree(t, c, fmt.Sprintf("cast %v to %v", from, to), call, []sqltype.Type{from}, []sqltype.Value{v})
				}
			}
			store, err := fn.Store(fn.Arg{Type: from}, to, "d.dbo.t", "c")
			if err != nil {
				continue
			}
			for _, v := range m[from] {
				agree(t, c, fmt.Sprintf("store %v as %v", from, to), store, []sqltype.Type{from}, []sqltype.Value{v})
			}
		}
	}
}

// Names in a specification may have any characters.
func TestNamesInSpecs(t *testing.T) {
	c, _ := open(t)
	store, err := fn.Store(fn.Arg{Type: sqltype.Sized(sqltype.VarChar, 9)}, sqltype.Sized(sqltype.VarChar, 2), `d.dbo.t$1 'x' "y" $over`, "c\x00$2\\")
	must(t, err)
	_, err = run(c, store, []sqltype.Value{sqltype.NewText(sqltype.VarChar, "abc")})
	want := `String or binary data would be truncated in table 'd.dbo.t$1 'x' "y" $over', column 'c` + "\x00$2\\" + `'. Truncated value: 'ab'.`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A specification read back is the same call.
func TestSpecsReadBack(t *testing.T) {
	m := samples(t)
	for _, from := range types(m) {
		for _, to := range types(m) {
			call, err := fn.Cast(fn.Arg{Type: from}, to, fn.CastOptions{})
			if err != nil {
				continue
			}
			again, err := fn.Parse(call.Spec)
			if err != nil || again.Spec != call.Spec || again.Type.String() != call.Type.String() {
				t.Errorf("%s came back as %s of %v, %v", call.Spec, again.Spec, again.Type, err)
			}
		}
	}
}

func query(t *testing.T, c *lite.Conn, sql string) (rows [][]any, err error) {
	t.Helper()
	s, err := c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	for s.Step() {
		row := make([]any, s.ColumnCount())
		must(t, s.Columns(row...))
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				row[i] = fmt.Sprintf("%x", b)
			}
		}
		rows = append(rows, row)
	}
	return rows, s.Err()
}

func TestAggregates(t *testing.T) {
	c, _ := open(t)
	must(t, c.Exec(`CREATE TABLE t(g INTEGER, i INTEGER, d INTEGER, f REAL, s TEXT) STRICT;
		INSERT INTO t VALUES(1,1,150,1.0,'b'),(1,2,250,2.0,'a'),(1,2,250,4.0,NULL),(2,NULL,NULL,NULL,NULL),(3,2147483647,1,0.5,'x'),(3,1,1,0.5,'X')`))
	for _, tt := range []struct {
		name     string
		t        sqltype.Type
		col      string
		distinct bool
		where    string
		typ      string
		want     string
	}{
		{"SUM", sqltype.Of(sqltype.Int), "i", false, "g=1", "int", "int 5"},
		{"SUM", sqltype.Of(sqltype.Int), "i", true, "g=1", "int", "int 3"},
		{"SUM", sqltype.Of(sqltype.Int), "i", false, "g=2", "int", "NULL"},
		{"SUM", sqltype.Of(sqltype.Int), "i", false, "g=3", "int", "Arithmetic overflow error converting expression to data type int."},
		{"SUM", sqltype.Of(sqltype.BigInt), "i", false, "g=3", "bigint", "bigint 2147483648"},
		{"SUM", sqltype.DecimalType(10, 2), "d", false, "g=1", "decimal(38,2)", "decimal 6.50"},
		{"SUM", sqltype.DecimalType(10, 2), "d", true, "g=1", "decimal(38,2)", "decimal 4.00"},
		{"AVG", sqltype.Of(sqltype.Int), "i", false, "g=1", "int", "int 1"},
		{"AVG", sqltype.DecimalType(10, 2), "d", false, "g=1", "decimal(38,6)", "decimal 2.166666"},
		{"AVG", sqltype.Of(sqltype.Float), "f", false, "g<=2", "float", "float 2.33333"},
		{"MIN", sqltype.Sized(sqltype.VarChar, 5), "s", false, "1", "varchar(5)", "varchar a"},
		{"COUNT", sqltype.Sized(sqltype.VarChar, 5), "s", true, "g=3", "int", "int 1"},
		{"COUNT", sqltype.Of(sqltype.Int), "i", false, "1", "int", "int 5"},
		{"STDEV", sqltype.Of(sqltype.Float), "f", false, "g=1", "float", "float 1.52753"},
		{"VARP", sqltype.Of(sqltype.Float), "f", false, "g=1", "float", "float 1.55556"},
		{"VAR", sqltype.Of(sqltype.Float), "f", false, "g=2", "float", "NULL"},
		{"CHECKSUM_AGG", sqltype.Of(sqltype.Int), "i", false, "g=1", "int", "int 1"},
	} {
		call, err := fn.Aggregate(tt.name, []fn.Arg{{Type: tt.t, Simple: true}}, tt.distinct)
		if err != nil {
			t.Errorf("%s(%v): %v", tt.name, tt.t, err)
			continue
		}
		if call.Type.String() != tt.typ {
			t.Errorf("%s(%v) is %v, want %s", tt.name, tt.t, call.Type, tt.typ)
		}
		s, err := c.Prepare("SELECT " + call.SQLText([]string{tt.col}, "") + " FROM t WHERE " + tt.where)
		must(t, err)
		got := ""
		if s.Step() {
			v, err := cell.Column(s.Stmt, 0, call.Type)
			must(t, err)
			got = text(v)
		} else {
			got = fmt.Sprint(s.Err())
		}
		s.Release()
		if got != tt.want {
			t.Errorf("%s(%v) where %s is %s, want %s", tt.name, tt.t, tt.where, got, tt.want)
		}
	}
	if _, err := fn.Aggregate("SUM", []fn.Arg{{Type: sqltype.Of(sqltype.Bit)}}, false); !errors.Is(err, sqltype.Number(8117)) {
		t.Errorf("sum of bit: %v", err)
	}
	join, err := fn.Aggregate("STRING_AGG", []fn.Arg{{Type: sqltype.Sized(sqltype.VarChar, 5)}, {Type: sqltype.Sized(sqltype.VarChar, 2)}}, false)
	must(t, err)
	rows, err := query(t, c, "SELECT "+join.SQLOrdered([]string{"s", "', '"}, "ORDER BY s COLLATE BINARY DESC")+" FROM t")
	must(t, err)
	if diff := cmp.Diff([][]any{{"x, b, a, X"}}, rows); diff != "" {
		t.Error(diff)
	}
	moving, err := fn.Aggregate("SUM", []fn.Arg{{Type: sqltype.DecimalType(10, 2)}}, false)
	must(t, err)
	rows, err = query(t, c, "SELECT "+moving.SQLText([]string{"d"}, "OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)")+" FROM t WHERE g=1 ORDER BY i")
	must(t, err)
	if len(rows) != 3 || rows[2][0] != "01"+fmt.Sprintf("%032x", 500) {
		t.Errorf("moving sum: %v", rows)
	}
}

// An error of a call comes back with its number, and only that of the statement that failed.
func TestErrors(t *testing.T) {
	c, _ := open(t)
	c.Use(t.Context(), nil)
	must(t, c.Exec(`CREATE TABLE "dbo.t"("a" INTEGER NOT NULL, "b x" INTEGER CONSTRAINT pos CHECK("b x">0), c TEXT, UNIQUE(a,"b x")) STRICT;
		CREATE UNIQUE INDEX ix ON "dbo.t"(ifnull(c,1)); INSERT INTO "dbo.t" VALUES(1,1,'q')`))
	div, err := fn.Operator("/", fn.Arg{Type: sqltype.Of(sqltype.Int)}, fn.Arg{Type: sqltype.Of(sqltype.Int)})
	must(t, err)
	_, err = query(t, c, "SELECT "+div.SQLText([]string{"1", "0"}, ""))
	if !errors.Is(err, sqltype.Number(8134)) {
		t.Errorf("1/0: %v", err)
	}
	if rows, err := query(t, c, "SELECT CASE WHEN 1=0 THEN "+div.SQLText([]string{"1", "0"}, "")+" ELSE 5 END"); err != nil || rows[0][0] != int64(5) {
		t.Errorf("a branch that is not taken was computed: %v, %v", rows, err)
	}
	c.Use(t.Context(), &fn.Env{Settings: fn.Settings{NoArithAbort: true}})
	if rows, err := query(t, c, "SELECT "+div.SQLText([]string{"1", "0"}, "")); err != nil || rows[0][0] != nil {
		t.Errorf("1/0 with ARITHABORT OFF: %v, %v", rows, err)
	}
	c.Use(t.Context(), nil)
	if _, err := query(t, c, "SELECT sum(9223372036854775807) FROM (SELECT 1 UNION ALL SELECT 2)"); !errors.Is(err, sqltype.Number(8115)) {
		t.Errorf("sum: %v", err)
	}
	for sql, want := range map[string]lite.Constraint{
		`INSERT INTO "dbo.t" VALUES(1,1,'z')`:      {Kind: lite.Unique, Detail: "dbo.t.a, dbo.t.b x"},
		`INSERT INTO "dbo.t" VALUES(2,1,'q')`:      {Kind: lite.Unique, Detail: "index 'ix'"},
		`INSERT INTO "dbo.t" VALUES(NULL,1,'z')`:   {Kind: lite.NotNull, Detail: "dbo.t.a"},
		`INSERT INTO "dbo.t" VALUES(2,0,'z')`:      {Kind: lite.Check, Detail: "pos"},
		`INSERT INTO "dbo.t" VALUES(2,x'00','zz')`: {Kind: lite.DataType, Detail: "cannot store BLOB value in INTEGER column dbo.t.b x"},
	} {
		var e *lite.Constraint
		if err := c.Exec(sql); !errors.As(err, &e) || *e != want {
			t.Errorf("%s: %#v %v", sql, e, err)
		}
	}
	e := lite.Constraint{Detail: "dbo.t.a, dbo.t.b x"}
	if !e.Columns("dbo.t", "a", "b x") || e.Columns("dbo.t", "a") || (&lite.Constraint{Detail: "index 'ix'"}).Index() != "ix" {
		t.Error("details are not read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Use(ctx, nil)
	cancel()
	_, err = query(t, c, "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT count(*) FROM r")
	if !errors.Is(err, lite.ErrInterrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.Use(t.Context(), nil)
	if _, err := query(t, c, "SELECT 1"); err != nil {
		t.Errorf("after a cancelled statement: %v", err)
	}
}

func TestBusy(t *testing.T) {
	c, db := open(t)
	raw, err := db.Conn(t.Context())
	must(t, err)
	o, err := lite.Open(t.Context(), raw)
	must(t, err)
	must(t, c.Exec("CREATE TABLE t(a); BEGIN IMMEDIATE; INSERT INTO t VALUES(1)"))
	must(t, o.LockTimeout(0))
	if err := o.Exec("BEGIN IMMEDIATE"); !errors.Is(err, lite.ErrBusy) {
		t.Errorf("second writer: %v", err)
	}
	must(t, o.Exec("BEGIN; SELECT * FROM t"))
	must(t, c.Exec("COMMIT"))
	if err := o.Exec("INSERT INTO t VALUES(2)"); !errors.Is(err, lite.ErrSnapshot) {
		t.Errorf("writing on an old snapshot: %v", err)
	}
	must(t, errors.Join(o.Exec("ROLLBACK"), o.Close()))
}

// Text sorts and groups under its collation, for each of the two orders.
func TestCollations(t *testing.T) {
	c, _ := open(t)
	v, n := sqltype.Sized(sqltype.VarChar, 10), sqltype.Sized(sqltype.NVarChar, 10)
	must(t, c.Exec("CREATE TABLE t(a TEXT"+cell.CollateClause(v)+" UNIQUE, b TEXT"+cell.CollateClause(n)+") STRICT; INSERT INTO t VALUES('b-a','b-a'),('ba','ba'),('A','A'),('é','é')"))
	if err := c.Exec("INSERT INTO t VALUES('a   ','x')"); err == nil {
		t.Error("'a   ' is not equal to 'A'")
	}
	rows, err := query(t, c, "SELECT group_concat(b,' ') FROM (SELECT b FROM t ORDER BY b)")
	must(t, err)
	if diff := cmp.Diff([][]any{{"A ba b-a é"}}, rows); diff != "" {
		t.Error(diff)
	}
	if _, err := query(t, c, `SELECT 'a' = 'b' COLLATE "Klingon_CI_AS"`); err == nil {
		t.Error("a collation that does not exist was taken")
	}
}

func TestViews(t *testing.T) {
	c, _ := open(t)
	cols := []lite.ViewColumn{
		{Name: "id", Type: sqltype.Of(sqltype.Int)},
		{Name: "name", Type: sqltype.SysName()},
		{Name: "of", Type: sqltype.Of(sqltype.Int), Hidden: true},
		{Name: "value", Type: sqltype.Of(sqltype.BigInt)},
	}
	calls := 0
	rows := func(_ context.Context, env *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
		return func(yield func([]sqltype.Value, error) bool) {
			calls++
			for i := range args[0].Int() {
				if i == 50 {
					yield(nil, sqltype.NewError(8134))
					return
				}
				row := []sqltype.Value{sqltype.NewInt(sqltype.Int, i), sqltype.NewText(sqltype.VarChar, "N"), sqltype.NewInt(sqltype.Int, i*2)}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	must(t, c.View("sys.numbers", cols, rows))
	must(t, c.View("sys.numbers", cols, rows))
	got, err := query(t, c, `SELECT id, name, value FROM "sys.numbers"(3) WHERE name = 'n' AND id > 0 ORDER BY id DESC`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(2), "N", int64(4)}, {int64(1), "N", int64(2)}}, got); diff != "" {
		t.Error(diff)
	}
	must(t, c.Exec("CREATE TABLE k(n); INSERT INTO k VALUES(1),(2)"))
	got, err = query(t, c, `SELECT count(*) FROM k CROSS JOIN "sys.numbers"(k.n)`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(3)}}, got); diff != "" {
		t.Error(diff)
	}
	if _, err = query(t, c, `SELECT * FROM "sys.numbers"(60)`); !errors.Is(err, sqltype.Number(8134)) {
		t.Errorf("an error amid the rows: %v", err)
	}
	if got, err = query(t, c, `SELECT id FROM "sys.numbers"(60) LIMIT 1`); err != nil || len(got) != 1 {
		t.Errorf("a view that is not read to its end: %v, %v", got, err)
	}
	must(t, c.View("sys.numbers", cols[:1], func(context.Context, *fn.Env, []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
		return func(yield func([]sqltype.Value, error) bool) {
			yield([]sqltype.Value{sqltype.NewInt(sqltype.Int, 9)}, nil)
		}
	}))
	got, err = query(t, c, `SELECT * FROM "sys.numbers"`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(9)}}, got); diff != "" {
		t.Errorf("after the view changed: %s", diff)
	}
	if err := c.Exec(`CREATE VIEW v AS SELECT * FROM "sys.numbers"; SELECT * FROM v`); err == nil {
		t.Error("a schema of SQLite's may name a view of ours")
	}
}

func TestAttach(t *testing.T) {
	c, db := open(t)
	_, other := open(t)
	must(t, c.Attach("d5", other))
	must(t, c.Attach("d5", other))
	must(t, c.Exec("CREATE TABLE d5.t(a); INSERT INTO d5.t VALUES(1)"))
	one, err := lite.NewTemp()
	must(t, err)
	two, err := lite.NewTemp()
	must(t, err)
	count := func(want int) {
		t.Helper()
		rows, err := query(t, c, `SELECT count(*) FROM "tmp"."x"`)
		if err != nil || rows[0][0] != int64(want) {
			t.Errorf("%v, %v; want %d", rows, err, want)
		}
	}
	must(t, c.AttachTemp("tmp", one))
	must(t, c.Exec("CREATE TABLE tmp.x(a); INSERT INTO tmp.x VALUES(1),(2)"))
	count(2)
	must(t, c.AttachTemp("tmp", two)) // another session's, with a schema as old
	must(t, c.Exec("CREATE TABLE tmp.y(a); INSERT INTO tmp.y VALUES(7)"))
	if _, err := query(t, c, `SELECT count(*) FROM "tmp"."x"`); err == nil {
		t.Error("one session sees the table of another")
	}
	must(t, c.AttachTemp("tmp", one))
	count(2)
	must(t, c.Exec("BEGIN; INSERT INTO tmp.x VALUES(3); ROLLBACK"))
	count(2)
	must(t, errors.Join(c.Detach("d5"), c.Detach("d5")))
	count(2)
	must(t, errors.Join(c.Detach("tmp"), one.Close(), two.Close()))
	if c.Attached("tmp") {
		t.Error("still attached")
	}
	_ = db
}

func TestStatements(t *testing.T) {
	c, _ := open(t)
	for i := range 200 {
		s, err := c.Prepare(fmt.Sprintf("SELECT %d", i))
		must(t, err)
		s.Release()
		s.Release()
	}
	n := 0
	for range c.Stmts() {
		n++
	}
	if n > 70 {
		t.Errorf("%d statements are kept", n)
	}
	a, err := c.Prepare("SELECT ?1")
	must(t, err)
	b, err := c.Prepare("SELECT ?1") // while the other is in use
	must(t, err)
	must(t, a.BindInt64(1, 5))
	if !a.Step() || !b.Step() || a.ColumnInt64(0) != 5 || b.ColumnInt64(0) != 0 {
		t.Error("two statements of one text share parameters")
	}
	a.Release()
	b.Release()
	if a, err = c.Prepare("SELECT ?1"); err != nil || !a.Step() || a.ColumnInt64(0) != 0 {
		t.Error("parameters outlive a statement")
	}
	a.Release()
	for _, sql := range []string{"", "-- nothing", "SELECT 1; SELECT 2"} {
		if _, err := c.Prepare(sql); err == nil {
			t.Errorf("%q was taken as a statement", sql)
		}
	}
	if _, err := c.Prepare("SELECT '" + strings.Repeat("x", 17<<20) + "'"); err == nil {
		t.Error("a statement of 17 MiB was taken")
	}
}

var sink float64 //nolint:gochecknoglobals // keeps the benchmark's loop alive

func BenchmarkCall(b *testing.B) {
	c, _ := open(b)
	c.Use(b.Context(), nil)
	must(b, c.Exec("CREATE TABLE t(a INTEGER PRIMARY KEY, s TEXT) STRICT; WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n<10000) INSERT INTO t SELECT n, 'some text '||n FROM r"))
	add, err := fn.Operator("+", fn.Arg{Type: sqltype.Of(sqltype.BigInt)}, fn.Arg{Type: sqltype.Of(sqltype.BigInt)})
	must(b, err)
	fast, err := fn.Operator("+", fn.Arg{Type: sqltype.Of(sqltype.Int), Simple: true}, fn.Arg{Type: sqltype.Of(sqltype.Int), Simple: true})
	must(b, err)
	likes, err := fn.Operator("LIKE", fn.Arg{Type: sqltype.Sized(sqltype.NVarChar, 50)}, fn.Arg{Type: sqltype.Sized(sqltype.NVarChar, 50)})
	must(b, err)
	for name, sql := range map[string]string{
		"none": "a", "add": add.SQLText([]string{"a", "1"}, ""), "native add": fast.SQLText([]string{"a", "1"}, ""),
		"like": likes.SQLText([]string{"s", "'%t 99%'"}, ""), "compare": "s < 'some text 5' COLLATE \"SQL_Latin1_General_CP1_CI_AS:N\"",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s, err := c.Prepare("SELECT max(" + sql + ") FROM t")
			must(b, err)
			defer s.Release()
			for range b.N / 10000 {
				if !s.Step() {
					b.Fatal(s.Err())
				}
				sink += math.Abs(s.ColumnFloat(0))
				must(b, s.Reset())
			}
		})
	}
}

func BenchmarkPoint(b *testing.B) {
	c, _ := open(b)
	n := sqltype.Sized(sqltype.NVarChar, 50)
	must(b, c.Exec("CREATE TABLE t(a INTEGER PRIMARY KEY, k TEXT"+cell.CollateClause(n)+" UNIQUE, s TEXT) STRICT; WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n<100000) INSERT INTO t SELECT n, 'key number '||n, 'some text '||n FROM r"))
	for name, sql := range map[string]string{"int": "SELECT s FROM t WHERE a = ?1", "text": "SELECT s FROM t WHERE k = ?1"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				c.Use(b.Context(), nil)
				s, err := c.Prepare(sql)
				must(b, err)
				if name == "int" {
					err = cell.Bind(s.Stmt, 1, sqltype.Of(sqltype.Int), sqltype.NewInt(sqltype.Int, int64(i%100000+1)))
				} else {
					err = cell.Bind(s.Stmt, 1, n, sqltype.NewText(sqltype.NVarChar, fmt.Sprintf("KEY number %d", i%100000+1)))
				}
				must(b, err)
				if !s.Step() {
					b.Fatal(s.Err())
				}
				if v, err := cell.Column(s.Stmt, 0, n); err != nil || v.IsNull() {
					b.Fatal(err)
				}
				s.Release()
				c.Idle()
			}
		})
	}
}
