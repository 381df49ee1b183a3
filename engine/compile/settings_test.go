package compile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

func TestSettingsChangeMeaning(t *testing.T) {
	d := prepared(t)
	d.declare(t, "@null", "int", "NULL")
	for _, c := range []struct {
		sql  string
		set  plan.Settings
		want string
	}{
		{"SELECT id FROM customers WHERE city = NULL", plan.Settings{}, "id int not null\n"},
		{"SELECT id FROM customers WHERE city = NULL", plan.Settings{AnsiNullsOff: true}, "id int not null\n4\n"},
		{"SELECT id FROM customers WHERE score <> @null ORDER BY id", plan.Settings{AnsiNullsOff: true}, "id int not null\n1\n2\n4\n"},
		{"SELECT 'a' + city FROM customers WHERE id = 4", plan.Settings{}, "varchar(21)\nNULL\n"},
		{"SELECT 'a' + city FROM customers WHERE id = 4", plan.Settings{ConcatNullYieldsNullOff: true}, "varchar(21) not null\na\n"},
		{"SELECT id FROM customers WHERE born = '02/01/1980'", plan.Settings{DateFormat: convert.DMY}, "id int not null\n1\n"},
		{"SELECT id FROM customers WHERE born = '01/02/1980'", plan.Settings{}, "id int not null\n1\n"},
		{"SELECT ID FROM customers", plan.Settings{Collation: collation.Latin1GeneralBin2}, "207: Invalid column name 'ID'."},
	} {
		c.set.Database, c.set.DatabaseID = "db", 5
		d.settings = c.set
		if got := d.query(t, c.sql); got != c.want {
			t.Errorf("%s under %+v\ngot  %q\nwant %q", c.sql, c.set, got, c.want)
		}
	}
}

// uses is what a plan asks permission for.
func uses(p *plan.Plan) []string {
	var out []string
	for _, u := range p.Uses {
		out = append(out, u.Permission+" "+u.Object.Name+"("+strings.Join(u.Columns, ",")+")")
	}
	return out
}

func TestPlansTellWhatTheyUse(t *testing.T) {
	d := prepared(t)
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"SELECT c.name, o.amount FROM customers c JOIN orders o ON o.customer = c.id WHERE o.at IS NULL", []string{"SELECT customers(id,name)", "SELECT orders(customer,amount,at)"}},
		{"SELECT called FROM parisians", []string{"SELECT parisians()"}},
		{"SELECT * FROM dbo.ordersof(1)", []string{"SELECT ordersof()"}},
		{"SELECT 1 WHERE EXISTS (SELECT 1 FROM orders)", []string{"SELECT orders()"}},
		{"WITH w AS (SELECT id FROM customers) SELECT * FROM w", []string{"SELECT customers(id)"}},
	} {
		p, err := compile.Query(d, parse(t, c.sql)[0].(*ast.SelectStmt))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, uses(p)); diff != "" {
			t.Errorf("%s: %s", c.sql, diff)
		}
	}
	p, err := compile.Query(d, parse(t, "SELECT id, name AS n, id + 1 FROM customers")[0].(*ast.SelectStmt))
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Columns; c[0].Source != "id" || c[0].Object.Name != "customers" || c[1].Source != "name" || c[1].Name != "n" || !c[1].Updatable || c[2].Object != nil || c[2].Name != "" {
		t.Errorf("columns are %+v", c)
	}
}

func TestDefinitions(t *testing.T) {
	d := prepared(t)
	o := d.objects["dbo.customers"]
	for _, c := range []struct {
		text      string
		condition bool
		want      string
	}{
		{"id > 0 AND city IN ('a', N'b')", true, `(("id" > 0) AND ("city" IN ('a', 'b')))`},
		{"score * 2", false, ""},
		{"@i + 1", false, "112"},
		{"(SELECT 1)", false, "1046"},
		{"nope", false, "207"},
		{"name = city", true, `("name" = "city")`},
		{"upper(name)", false, ""},
	} {
		sql := "SELECT " + c.text
		if c.condition {
			sql = "SELECT 1 WHERE " + c.text
		}
		body := parse(t, sql)[0].(*ast.SelectStmt).Query.Body.(*ast.Select)
		var e ast.Expr
		if e = body.Where; !c.condition {
			e = body.Items[0].X
		}
		x, err := compile.Definition(d, o, e)
		switch {
		case err != nil:
			if got, _, _ := strings.Cut(message(err), ":"); got != c.want {
				t.Errorf("%s: %v, want %s", c.text, err, c.want)
			}
		case c.want != "" && x.SQL != c.want:
			t.Errorf("%s is %s, want %s", c.text, x.SQL, c.want)
		default:
			if err := d.conn.Exec("SELECT " + x.SQL + " FROM " + o.Source); err != nil {
				t.Errorf("%s: %v", x.SQL, err)
			}
		}
	}
}

func TestStatementPieces(t *testing.T) {
	d := prepared(t)
	d.declare(t, "@s", "nvarchar(80)", "anna")
	s := parse(t, "UPDATE c SET score = score + o.amount, name = @s FROM customers c JOIN orders o ON o.customer = c.id WHERE o.amount > @i")[0].(*ast.Update)
	st := compile.NewStatement(d, token.Pos{})
	from, err := st.From(s.From)
	if err != nil {
		t.Fatal(err)
	}
	target, err := st.Find(s.Target)
	if err != nil || target == nil || target.Object.Name != "customers" {
		t.Fatalf("target is %+v, %v", target, err)
	}
	where, err := st.Condition(s.Where)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{target.Alias + "." + compile.RowID(target.Object)}
	cols := []plan.Column{{Type: sqltype.Of(sqltype.BigInt)}}
	for _, a := range s.Set {
		col, err := st.Column(target, a.Column.Name(), a.Column.Pos)
		if err != nil {
			t.Fatal(err)
		}
		x, err := st.Expr(a.Value)
		if err == nil {
			x, err = st.Assign(x, compile.Target{Type: col.Type, Table: "db.dbo.customers", Column: col.Name})
		}
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, x.SQL)
		cols = append(cols, plan.Column{Name: col.Name, Type: x.Type})
	}
	st.Need(target.Object, "UPDATE", "score", "name")
	p, err := st.Plan("SELECT "+strings.Join(texts, ", ")+" FROM "+from+" WHERE "+where.SQL, cols)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := d.run(p)
	if want := "1|15.50|anna\n1|17.75|anna\n"; err != nil || rows != want {
		t.Errorf("rows are %q, %v, want %q", rows, err, want)
	}
	d.declare(t, "@s", "nvarchar(80)", strings.Repeat("x", 60))
	if _, err := d.run(p); err == nil || !strings.HasPrefix(message(err), "2628:") {
		t.Errorf("a name that is too long: %v", err)
	}
	if _, _, err := compile.NewStatement(d, token.Pos{}).Select(parse(t, "SELECT 1, 2")[0].(*ast.SelectStmt).Query, []compile.Target{{Type: cols[0].Type}}); err == nil || !strings.HasPrefix(message(err), "121:") {
		t.Errorf("too many columns: %v", err)
	}
}
