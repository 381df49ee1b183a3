package write

import (
	"errors"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write/row"
	"latchkey/engine/write/through"
)

// insertion is a compiled INSERT.
type insertion struct {
	into    *row.Inserter
	columns []*schema.Column // that the source gives
	// rows are VALUES that are computed in Go, or source is a query that gives the row, or exec the rows of a procedure.
	rows   [][]plan.Eval
	source *plan.Plan
	exec   bool
	output *row.Output
	many   bool // may be more than one step
}

func compileInsert(c row.Config, st *ast.Insert) (*Plan, error) {
	via, err := through.Resolve(c.Scope, nil, st.Target)
	if err != nil {
		return nil, err
	}
	if via != nil {
		return insertThrough(c, st, via)
	}
	if err := row.NoHints(st.Target); err != nil {
		return nil, err
	}
	s := compile.NewStatement(c.Scope, st.Pos)
	if err := s.Hints(st.Hints); err != nil {
		return nil, err
	}
	if err := s.With(st.With); err != nil {
		return nil, err
	}
	o, err := s.Object(st.Target)
	if err != nil {
		return nil, err
	}
	t, err := row.NewTarget(o, "INSERT", st.Pos)
	if err != nil {
		return nil, err
	}
	b := &insertBuilder{c: c, st: st, s: s, t: t}
	if c.IdentityInsert != nil {
		b.identityInsert = c.IdentityInsert(o.DatabaseID, t.Table.ID)
	}
	if err := b.list(); err != nil {
		return nil, err
	}
	s.Need(o, "INSERT")
	ins := &insertion{columns: b.columns, exec: st.Exec != nil, many: true}
	if err := b.source(ins); err != nil {
		return nil, err
	}
	if ins.into, err = row.NewInserter(c, t, ins.columns, "INSERT"); err != nil {
		return nil, err
	}
	p := &Plan{Table: t.Table, Exec: st.Exec, run: ins.run}
	if st.Output != nil {
		if ins.output, err = row.CompileOutput(c, s, st.Output, t, nil, "INSERT"); err != nil {
			return nil, err
		}
		if ins.output.NeedsSource() {
			return nil, plan.Unsupported("OUTPUT of an expression over columns that are not inserted's", st.Pos)
		}
		p.Columns = ins.output.Client()
		if ins.output.Reads() {
			s.Need(o, "SELECT")
		}
	}
	whole := ins.source
	if whole == nil {
		if whole, err = s.Plan("", nil); err != nil {
			return nil, err
		}
	}
	p.use(o, whole, ins.output)
	return p, nil
}

// insertThrough is an INSERT into a view: into its table, by the view's names.
func insertThrough(c row.Config, st *ast.Insert, via *through.Target) (*Plan, error) {
	n := *st
	n.Target = &ast.Table{Name: ast.ObjectName{Parts: []string{via.Base.Database, via.Base.Schema, via.Base.Name}, Pos: st.Pos}}
	list := st.Columns
	if len(list) == 0 && !st.DefaultValues {
		list = via.Columns()
	}
	n.Columns = nil
	for _, name := range list {
		base, err := via.Column(name)
		if err != nil {
			return nil, err
		}
		n.Columns = append(n.Columns, base)
	}
	p, err := compileInsert(c, &n)
	if err != nil {
		return nil, err
	}
	for i := range p.Uses {
		if u := &p.Uses[i]; u.Object.ID == via.Base.ID && u.Permission == "INSERT" {
			u.Object, u.Columns = via.View, nil
		}
	}
	p.Objects = addObject(p.Objects, via.View)
	return p, nil
}

// use takes over what a statement's plans need and touch.
func (p *Plan) use(o *plan.Object, whole *plan.Plan, out *row.Output) {
	p.Uses, p.Objects = whole.Uses, whole.Objects
	p.Objects = addObject(p.Objects, o)
	for _, u := range out.Uses() {
		p.Uses = append(p.Uses[:len(p.Uses):len(p.Uses)], u)
		p.Objects = addObject(p.Objects, u.Object)
	}
	if out != nil && out.Into != nil {
		p.Uses = append(p.Uses[:len(p.Uses):len(p.Uses)], plan.Use{Object: out.Into.Object, Permission: "INSERT"})
		p.Objects = addObject(p.Objects, out.Into.Object)
	}
}

func addObject(list []*plan.Object, o *plan.Object) []*plan.Object {
	for _, x := range list {
		if x == o {
			return list
		}
	}
	return append(list[:len(list):len(list)], o)
}

// insertBuilder compiles one INSERT.
type insertBuilder struct {
	c              row.Config
	st             *ast.Insert
	s              *compile.Statement
	t              *row.Target
	identityInsert bool
	// columns that the source has values for, in its order; listed says that the statement names them.
	columns []*schema.Column
	listed  bool
}

// list decides which columns the source gives: messages 207, 264, 271, 544, 545 and 8101.
func (b *insertBuilder) list() error {
	id := b.t.Table.Identity()
	if len(b.st.Columns) == 0 {
		if b.identityInsert && id != nil && !b.st.DefaultValues {
			return row.Message(8101, b.t.Table.Name)
		}
		if b.st.DefaultValues {
			return nil
		}
		for _, c := range b.t.Table.Columns {
			if c.Computed == nil && c.Identity == nil {
				b.columns = append(b.columns, c)
			}
		}
		return nil
	}
	b.listed = true
	has := map[int]bool{}
	for _, n := range b.st.Columns {
		c, err := b.t.Column(n, b.st.Pos)
		if err != nil {
			return err
		}
		switch {
		case has[c.ID]:
			return plan.Fail(b.st.Pos, 264, n)
		case c.Computed != nil:
			return plan.Fail(b.st.Pos, 271, c.Name)
		case c.Identity != nil && !b.identityInsert:
			return row.Message(544, b.t.Table.Name)
		}
		has[c.ID] = true
		b.columns = append(b.columns, c)
	}
	if b.identityInsert && id != nil && !has[id.ID] {
		return row.Message(545, b.t.Table.Name)
	}
	return nil
}

// source compiles where the rows come from.
func (b *insertBuilder) source(ins *insertion) error {
	switch {
	case b.st.DefaultValues:
		ins.rows = [][]plan.Eval{{}}
		ins.many = false
		return nil
	case b.st.Exec != nil:
		if b.st.Top != nil {
			return plan.Unsupported("INSERT TOP ... EXEC", b.st.Pos)
		}
		return b.noVersion()
	case b.st.Query != nil:
		return b.query(ins)
	}
	return b.values(ins)
}

// noVersion refuses a rowversion column among those that are given: message 273.
func (b *insertBuilder) noVersion() error {
	for _, c := range b.columns {
		if c.Type.Kind == sqltype.RowVersion {
			return row.Message(273)
		}
	}
	return nil
}

// query compiles INSERT ... SELECT.
func (b *insertBuilder) query(ins *insertion) error {
	if err := b.noVersion(); err != nil {
		return err
	}
	to := make([]compile.Target, len(b.columns))
	for i, c := range b.columns {
		to[i] = b.t.To(c)
	}
	sql, cols, err := b.s.Select(b.st.Query, to)
	if err != nil {
		return b.mismatch(err)
	}
	limit, err := b.s.Top(b.st.Top)
	if err != nil {
		return err
	}
	if limit != "" {
		sql = "SELECT * FROM (" + sql + ")" + limitText(limit)
	}
	if strings.Contains(sql, b.t.Object.Source) {
		sql = apart(sql)
	}
	ins.source, err = b.s.Plan(sql, cols)
	return err
}

// apart makes SQLite compute a query whole before its first row comes, as the rows are written into what it reads.
func apart(sql string) string {
	return "SELECT * FROM (WITH latchkey_rows AS MATERIALIZED (" + sql + ") SELECT * FROM latchkey_rows)"
}

// mismatch turns messages 120 and 121 into 213 where the statement does not list its columns.
func (b *insertBuilder) mismatch(err error) error {
	if b.listed {
		return err
	}
	var e *sqltype.Error
	if errors.As(err, &e) && (e.Number == 120 || e.Number == 121 || e.Number == 109 || e.Number == 110) {
		return row.Message(213)
	}
	return err
}

// values compiles VALUES.
func (b *insertBuilder) values(ins *insertion) error {
	var rows [][]bound.X
	inGo := true
	drop := -1 // a rowversion column, which takes DEFAULT alone
	for _, list := range b.st.Rows {
		if len(list) != len(b.columns) {
			n := 110
			if len(list) < len(b.columns) {
				n = 109
			}
			return b.mismatch(plan.Fail(b.st.Pos, n))
		}
		cells := make([]bound.X, 0, len(list))
		b.s.NextRow()
		for i, e := range list {
			c := b.columns[i]
			if c.Type.Kind == sqltype.RowVersion {
				_, def := e.(*ast.Default)
				if l, ok := e.(*ast.Literal); !def && !(ok && l.Kind == ast.NullLit) {
					return row.Message(273)
				}
				drop = i
				continue
			}
			x, err := b.valueOf(e, c)
			if err != nil {
				return err
			}
			inGo = inGo && x.Eval != nil
			cells = append(cells, x)
		}
		rows = append(rows, cells)
	}
	b.s.NoRow()
	if drop >= 0 {
		ins.columns = append(append([]*schema.Column{}, b.columns[:drop]...), b.columns[drop+1:]...)
	}
	ins.many = len(rows) > 1
	if inGo && b.st.Top == nil {
		ins.rows = make([][]plan.Eval, len(rows))
		for i, r := range rows {
			ins.rows[i] = make([]plan.Eval, len(r))
			for j, x := range r {
				ins.rows[i][j] = x.Eval
			}
		}
		return nil
	}
	return b.computed(ins, rows)
}

// computed has SQLite compute VALUES, because of subqueries or TOP.
func (b *insertBuilder) computed(ins *insertion, rows [][]bound.X) error {
	var sql strings.Builder
	for i, r := range rows {
		if i > 0 {
			sql.WriteString(" UNION ALL ")
		}
		sql.WriteString("SELECT ")
		for j, x := range r {
			if j > 0 {
				sql.WriteByte(',')
			}
			sql.WriteString(x.SQL)
		}
	}
	limit, err := b.s.Top(b.st.Top)
	if err != nil {
		return err
	}
	text := sql.String()
	if limit != "" {
		text = "SELECT * FROM (" + text + ")" + limitText(limit)
	}
	ins.many = true
	ins.source, err = b.s.Plan(apart(text), nil)
	return err
}

// valueOf compiles one value of VALUES.
func (b *insertBuilder) valueOf(e ast.Expr, c *schema.Column) (bound.X, error) {
	if _, ok := e.(*ast.Default); !ok {
		return b.t.Value(b.s, e, c)
	}
	if c.Identity != nil {
		return bound.X{}, row.Message(339)
	}
	x, err := b.t.DefaultOf(b.s, c)
	if err != nil || c.Default != nil {
		return x, err
	}
	return b.t.Value(b.s, &ast.Literal{Kind: ast.NullLit}, c)
}

func (ins *insertion) run(x *row.Execution) error {
	self := ins.into.SelfReferencing()
	if !ins.many && ins.output == nil && !self && !ins.into.HasChecks() {
		return ins.write(x)
	}
	return x.Atomic(func() error {
		if self {
			return x.Deferred(ins.into.Target, "INSERT", func() error { return ins.write(x) })
		}
		return ins.write(x)
	})
}

func (ins *insertion) write(x *row.Execution) error {
	w, err := ins.into.Begin(x)
	if err != nil {
		return err
	}
	out, err := ins.output.Begin(x)
	if err != nil {
		return w.Close(err)
	}
	add := func(cells []cell.Raw) error {
		if !x.Take() {
			return row.ErrEnough
		}
		if err := w.Add(cells); err != nil || out == nil || !w.Wrote {
			return err
		}
		return out.Inserted(w)
	}
	switch {
	case ins.exec:
		err = ins.fromExec(x, add)
	case ins.source != nil:
		err = x.Each(ins.source, add)
	default:
		err = ins.fromValues(x, add)
	}
	if errors.Is(err, row.ErrEnough) {
		err = nil
	}
	return w.Close(out.Close(err))
}

func (ins *insertion) fromValues(x *row.Execution, add func([]cell.Raw) error) error {
	cells := make([]cell.Raw, len(ins.columns))
	for _, evals := range ins.rows {
		for i, e := range evals {
			r, err := x.Eval(e, ins.columns[i].Type)
			if err != nil {
				return err
			}
			cells[i] = r
		}
		if err := add(cells); err != nil {
			return err
		}
	}
	return nil
}

func (ins *insertion) fromExec(x *row.Execution, add func([]cell.Raw) error) error {
	if x.Exec == nil {
		return nil
	}
	for {
		types, vals, ok, err := x.Exec()
		if err != nil || !ok {
			return err
		}
		if len(types) != len(ins.columns) {
			return row.Message(213)
		}
		k, err := row.NewConverter(ins.into.Target, ins.columns, types, x.Frame.Env)
		if err != nil {
			return err
		}
		cells, err := k.Row(vals)
		if err == nil {
			err = add(cells)
		}
		if err != nil {
			return err
		}
	}
}
