package compile_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tde"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
)

// scope is a database of tables, views and variables for tests.
type scope struct {
	settings plan.Settings
	objects  map[string]*plan.Object
	vars     map[string]sqltype.Type
	values   map[string]sqltype.Value
	tables   map[string]*plan.Object
}

func (s *scope) Settings() plan.Settings { return s.settings }

func (s *scope) Object(name ast.ObjectName) (*plan.Object, error) {
	sch := name.Schema()
	if sch == "" {
		sch = "dbo"
	}
	return s.objects[strings.ToLower(sch+"."+name.Name())], nil
}

func (s *scope) Variable(name string) (sqltype.Type, bool) {
	t, ok := s.vars[strings.ToLower(name)]
	return t, ok
}

func (s *scope) TableVariable(name string) *plan.Object { return s.tables[strings.ToLower(name)] }

func (s *scope) VariableValue(name string) (sqltype.Value, error) {
	return s.values[strings.ToLower(name)], nil
}

// database is a scope with a connection that holds its tables.
type database struct {
	*scope
	conn *lite.Conn
	ids  int
}

func open(t testing.TB) *database {
	t.Helper()
	db, err := tde.Create(t.Context(), tde.Config{Path: filepath.Join(t.TempDir(), "x.db"), NormalSync: true})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := lite.Open(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return &database{conn: c, scope: newScope()}
}

func newScope() *scope {
	return &scope{
		objects: map[string]*plan.Object{}, vars: map[string]sqltype.Type{}, values: map[string]sqltype.Value{}, tables: map[string]*plan.Object{},
		settings: plan.Settings{Database: "db", DatabaseID: 5},
	}
}

func frame(s *scope) *plan.Frame {
	return &plan.Frame{Context: context.Background(), Env: &fn.Env{Now: time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC), Settings: fn.Settings{DateFormat: s.settings.DateFormat}}, Variables: s}
}

// parse gives the statements of a batch.
func parse(t testing.TB, sql string) []ast.Statement {
	t.Helper()
	b, err := tsql.Parse(sql, tsql.Options{QuotedIdentifier: true})
	if err != nil {
		t.Fatalf("parsing %s: %v", sql, err)
	}
	return b.Statements
}

// define makes tables and views of a script of CREATE TABLE and CREATE VIEW in one statement each, separated by GO.
func (d *database) define(t testing.TB, script string) {
	t.Helper()
	for _, one := range strings.Split(script, "GO\n") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		for _, s := range parse(t, one) {
			switch s := s.(type) {
			case *ast.CreateTable:
				d.table(t, s)
			case *ast.CreateView:
				d.ids++
				d.objects["dbo."+strings.ToLower(s.Name.Name())] = &plan.Object{Kind: plan.View, ID: d.ids, Schema: "dbo", Name: s.Name.Name(), Query: s.Query, Scope: d.scope}
			case *ast.CreateFunction:
				d.ids++
				o := &plan.Object{Kind: plan.Function, ID: d.ids, Schema: "dbo", Name: s.Name.Name(), Query: s.Query, Scope: d.scope}
				for _, p := range s.Params {
					dt, err := compile.TypeOf(d, p.Type, p.Name)
					if err != nil {
						t.Fatal(err)
					}
					o.Params = append(o.Params, plan.FunctionParam{Name: p.Name, Type: dt.Type})
				}
				d.objects["dbo."+strings.ToLower(s.Name.Name())] = o
			case *ast.Insert:
				d.insert(t, s)
			default:
				t.Fatalf("no %T in a definition", s)
			}
		}
	}
}

func (d *database) table(t testing.TB, s *ast.CreateTable) {
	t.Helper()
	d.ids++
	name := s.Name.Name()
	o := &plan.Object{ID: d.ids, DatabaseID: 5, Database: "db", Schema: "dbo", Name: name, Source: `"main"."dbo.` + name + `"`, RowID: true}
	var cols []string
	for _, c := range s.Def.Columns {
		dt, err := compile.TypeOf(d, c.Type, c.Name)
		if err != nil {
			t.Fatal(err)
		}
		typ := dt.Type
		if c.Collation != "" {
			typ.Collation, _ = collation.Parse(c.Collation)
		}
		key := false
		text := `"` + c.Name + `" ` + cell.Affinity(typ)
		for _, k := range c.Constraints {
			key = key || k.Kind == "PRIMARY KEY" || k.Kind == "UNIQUE"
		}
		if c.Nullable == "NOT NULL" || key {
			typ.Nullable = false
			text += " NOT NULL"
		}
		text += cell.CollateClause(typ)
		if key {
			text += " UNIQUE"
		}
		cols = append(cols, text)
		o.Columns = append(o.Columns, plan.ObjectColumn{Name: c.Name, Type: typ, Identity: c.Identity != nil, Key: key})
	}
	if err := d.conn.Exec("CREATE TABLE " + o.Source + " (" + strings.Join(cols, ", ") + ") STRICT"); err != nil {
		t.Fatal(err)
	}
	d.objects["dbo."+strings.ToLower(name)] = o
}

func (d *database) insert(t testing.TB, s *ast.Insert) {
	t.Helper()
	st := compile.NewStatement(d, s.Pos)
	o, err := st.Object(s.Target)
	if err != nil {
		t.Fatal(err)
	}
	var to []compile.Target
	var names []string
	for _, c := range o.Columns {
		to = append(to, compile.Target{Type: c.Type, Table: "db.dbo." + o.Name, Column: c.Name})
		names = append(names, `"`+c.Name+`"`)
	}
	rows, err := st.Values(s.Rows, to)
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(rows))
	for i, row := range rows {
		var xs []string
		for _, x := range row {
			xs = append(xs, x.SQL)
		}
		texts[i] = "(" + strings.Join(xs, ", ") + ")"
	}
	p, err := st.Plan("INSERT INTO "+o.Source+" ("+strings.Join(names, ", ")+") VALUES "+strings.Join(texts, ", "), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.run(p); err != nil {
		t.Fatal(err)
	}
}

// declare declares a variable and gives it a value from its text.
func (d *scope) declare(t testing.TB, name, typ, value string) {
	t.Helper()
	s := parse(t, "DECLARE "+name+" "+typ)[0].(*ast.Declare)
	dt, err := compile.TypeOf(d, s.Variables[0].Type, name)
	if err != nil {
		t.Fatal(err)
	}
	v := sqltype.NullValue
	if value != "NULL" {
		if v, err = convert.Convert(sqltype.NewText(sqltype.NVarChar, value), sqltype.Sized(sqltype.NVarChar, sqltype.Max), dt.Type, convert.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	d.vars[strings.ToLower(name)], d.values[strings.ToLower(name)] = dt.Type, v
}

// run executes a plan and prints its rows, one a line.
func (d *database) run(p *plan.Plan) (string, error) {
	f := frame(d.scope)
	d.conn.Use(f.Context, f.Env)
	defer d.conn.Idle()
	vals, err := p.Bind(f)
	if err != nil {
		return "", err
	}
	if p.SQL == "" {
		return d.assign(p, f)
	}
	st, err := d.conn.Prepare(p.SQL)
	if err != nil {
		return "", fmt.Errorf("preparing %s: %w", p.SQL, err)
	}
	defer st.Release()
	for i, v := range vals {
		if i >= st.BindCount() {
			break
		}
		if err := cell.Bind(st.Stmt, i+1, p.Params[i].Type, v); err != nil {
			return "", fmt.Errorf("binding %d of %s: %w", i+1, p.SQL, err)
		}
	}
	var out strings.Builder
	for st.Step() {
		row := make([]sqltype.Value, len(p.Columns))
		for i, c := range p.Columns {
			if row[i], err = cell.Column(st.Stmt, i, c.Type); err != nil {
				return "", fmt.Errorf("column %d of %s: %w", i+1, p.SQL, err)
			}
		}
		if len(p.Assign) > 0 {
			f.Row = row
			if _, err := d.assign(p, f); err != nil {
				return "", err
			}
			continue
		}
		for i, v := range row {
			if i > 0 {
				out.WriteByte('|')
			}
			out.WriteString(show(v, p.Columns[i].Type))
		}
		out.WriteByte('\n')
	}
	return out.String(), st.Err()
}

func (d *database) assign(p *plan.Plan, f *plan.Frame) (string, error) {
	for _, a := range p.Assign {
		v, err := a.Eval(f)
		if err != nil {
			return "", err
		}
		d.values[strings.ToLower(a.Variable)] = v
	}
	return "", nil
}

func show(v sqltype.Value, t sqltype.Type) string {
	switch {
	case v.IsNull():
		return "NULL"
	case v.Kind().IsText():
		return v.Text()
	case v.Kind().IsInteger():
		return strconv.FormatInt(v.Int(), 10)
	}
	o := convert.Options{}
	if v.Kind().IsBinary() {
		o.Style, o.HasStyle = 1, true
	}
	s, err := convert.Convert(v, t, sqltype.Sized(sqltype.NVarChar, sqltype.Max), o)
	if err != nil {
		return err.Error()
	}
	return s.Text()
}

// describe is the header of a result: names and types.
func describe(cols []plan.Column) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = strings.TrimSpace(c.Name + " " + c.Type.String())
		if !c.Type.Nullable {
			out[i] += " not null"
		}
	}
	return strings.Join(out, ", ")
}

// query compiles and runs a SELECT; the result is the header and the rows, or the error's number and text.
func (d *database) query(t testing.TB, sql string) string {
	t.Helper()
	s, ok := parse(t, sql)[0].(*ast.SelectStmt)
	if !ok {
		t.Fatalf("%s is no SELECT", sql)
	}
	p, err := compile.Query(d, s)
	if err != nil {
		return message(err)
	}
	rows, err := d.run(p)
	if err != nil {
		return message(err) + "\n" + p.SQL
	}
	return describe(p.Columns) + "\n" + rows
}

func message(err error) string {
	var e *sqltype.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%d: %s", e.Number, e.Message)
	}
	return "error: " + err.Error()
}
