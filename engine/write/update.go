package write

import (
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
	"latchkey/engine/tsql/token"
	"latchkey/engine/write/row"
	"latchkey/engine/write/through"
)

// targetAlias is the table that UPDATE, DELETE and MERGE write, where it is not one of FROM.
const targetAlias = "latchkey_target"

// update is a compiled UPDATE.
type update struct {
	*row.Target
	// direct does the whole statement in one step; nil where that cannot be.
	direct *plan.Plan
	// source gives a row for each row to be changed: rowid, the new values, the variables' values, the old row (if whole), the output's.
	source  *plan.Plan
	columns []*schema.Column
	vars    []variable
	whole   bool
	joined  bool // the target may come more than once
	output  *row.Output
	mains   int
	apply   *row.Updater
}

// variable is SET @v = ... of an UPDATE.
type variable struct {
	name string
	typ  sqltype.Type
}

// sources are what UPDATE and DELETE are over.
type sources struct {
	*row.Target
	// src is the table that is written; text is what stands behind FROM.
	src  *compile.Source
	text string
	// name is how expressions call the target's columns.
	name string
	via  *through.Target // nil for a table
	// joined says that the target's rows may come more than once.
	joined bool
}

// compileFrom compiles the sources of UPDATE and DELETE and finds the target among them.
func compileFrom(c row.Config, pos token.Pos, with *ast.With, dst ast.TableSource, list []ast.TableSource, verb string) (*compile.Statement, *sources, error) {
	if err := row.NoHints(dst); err != nil {
		return nil, nil, err
	}
	via, err := through.Resolve(c.Scope, with, aliased(dst, list))
	if err != nil {
		return nil, nil, err
	}
	if via != nil {
		if via.View != nil && len(list) > 0 {
			return nil, nil, plan.Unsupported(verb+" of a view with FROM", pos)
		}
		return compileThrough(pos, via, dst, list, verb)
	}
	s := compile.NewStatement(c.Scope, pos)
	if err := s.With(with); err != nil {
		return nil, nil, err
	}
	f := &sources{joined: len(list) > 0}
	if len(list) > 0 {
		if f.text, err = s.From(list); err != nil {
			return nil, nil, err
		}
		if f.src, err = s.Find(dst); err != nil {
			return nil, nil, err
		}
	}
	if f.src == nil {
		o, err := s.Object(dst)
		if err != nil {
			return nil, nil, err
		}
		if f.Target, err = row.NewTarget(o, verb, pos); err != nil {
			return nil, nil, err
		}
		f.src = s.Open(o, sourceName(dst), targetAlias)
		s.Track(f.src)
		own := o.Source + " AS " + targetAlias
		if f.text != "" {
			own += ", " + f.text
		}
		f.text = own
	} else if f.Target, err = row.NewTarget(f.src.Object, verb, pos); err != nil {
		return nil, nil, err
	}
	f.name = f.src.Name
	return s, f, nil
}

// aliased is the source in FROM that a target names by its alias, else the target.
func aliased(dst ast.TableSource, list []ast.TableSource) ast.TableSource {
	t, ok := dst.(*ast.Table)
	if !ok || len(t.Name.Parts) != 1 {
		return dst
	}
	for _, src := range list {
		switch src := src.(type) {
		case *ast.Table:
			if strings.EqualFold(src.Alias, t.Name.Name()) {
				return src
			}
		case *ast.TableVariable:
			if strings.EqualFold(src.Alias, t.Name.Name()) {
				return src
			}
		case *ast.Derived:
			if strings.EqualFold(src.Alias, t.Name.Name()) {
				return src
			}
		case *ast.Join:
			if x := aliased(dst, []ast.TableSource{src.L, src.R}); x != dst {
				return x
			}
		}
	}
	return dst
}

// compileThrough is compileFrom for a target that is a view or common table expression: the rows that it has, joined to their table.
func compileThrough(pos token.Pos, via *through.Target, dst ast.TableSource, list []ast.TableSource, verb string) (*compile.Statement, *sources, error) {
	s := compile.NewStatement(via.Scope, pos)
	if err := s.With(via.With); err != nil {
		return nil, nil, err
	}
	f := &sources{via: via, name: sourceName(dst), joined: len(list) > 0}
	if len(list) == 0 {
		list = []ast.TableSource{&ast.Table{Name: ast.ObjectName{Parts: []string{via.Name}, Pos: pos}}}
		f.name = via.Name
	}
	text, err := s.From(list)
	if err != nil {
		return nil, nil, err
	}
	id, err := s.Expr(&ast.ColumnRef{Name: ast.ObjectName{Parts: []string{f.name, through.RowID}, Pos: pos}})
	if err != nil {
		return nil, nil, err
	}
	if f.Target, err = row.NewTarget(via.Base, verb, pos); err != nil {
		return nil, nil, err
	}
	f.src = s.Open(via.Base, via.Name, targetAlias)
	s.Hide(f.src)
	f.text = text + " JOIN " + via.Base.Source + " AS " + targetAlias + " ON " + targetAlias + ".rowid=" + id.SQL
	if len(list) > 1 {
		f.text = via.Base.Source + " AS " + targetAlias + " JOIN (" + text + ") ON " + targetAlias + ".rowid=" + id.SQL
	}
	return s, f, nil
}

// need notes the permission on what the statement names.
func (f *sources) need(s *compile.Statement, permission string, columns ...string) {
	if f.via != nil && f.via.View != nil {
		s.Need(f.via.View, permission)
		return
	}
	s.Need(f.src.Object, permission, columns...)
}

// reads notes SELECT on the target where its columns are read: by a condition, by a value or by OUTPUT.
func (f *sources) reads(s *compile.Statement, out *row.Output) {
	if out.Reads() || f.via == nil && f.src.Use != nil && len(f.src.Use.Columns) > 0 {
		f.need(s, "SELECT")
	}
}

// sourceName is how T-SQL calls a table source.
func sourceName(t ast.TableSource) string {
	switch t := t.(type) {
	case *ast.Table:
		if t.Alias != "" {
			return t.Alias
		}
		return t.Name.Name()
	case *ast.TableVariable:
		if t.Alias != "" {
			return t.Alias
		}
		return t.Name
	}
	return ""
}

func compileUpdate(c row.Config, st *ast.Update) (*Plan, error) {
	s, f, err := compileFrom(c, st.Pos, st.With, st.Target, st.From, "UPDATE")
	if err != nil {
		return nil, err
	}
	if err := s.Hints(st.Hints); err != nil {
		return nil, err
	}
	t, src := f.Target, f.src
	b := &setBuilder{s: s, t: t, src: src, scope: c.Scope, name: f.name, via: f.via}
	if err := b.assignments(st.Set); err != nil {
		return nil, err
	}
	where, err := s.Condition(st.Where)
	if err != nil {
		return nil, err
	}
	limit, err := s.Top(st.Top)
	if err != nil {
		return nil, err
	}
	f.need(s, "UPDATE", row.Names(b.Columns)...)
	u := &update{Target: t, columns: b.Columns, vars: b.vars, joined: f.joined}
	p := &Plan{Table: t.Table, run: u.run}
	if st.Output != nil {
		if u.output, err = row.CompileOutput(c, s, st.Output, t, nil, "UPDATE"); err != nil {
			return nil, err
		}
		p.Columns = u.output.Client()
		u.whole = true
	}
	f.reads(s, u.output)
	if u.apply, err = row.NewUpdater(c, t, b.Columns); err != nil {
		return nil, err
	}
	rowid := src.Alias + ".rowid"
	list := []string{rowid}
	for _, x := range b.Values {
		list = append(list, x.SQL)
	}
	list = append(list, b.varSQL...)
	if u.whole {
		for _, col := range t.Table.Columns {
			list = append(list, src.Alias+"."+col.Quoted())
		}
	}
	mains, err := u.output.MainSQL(src.Alias, b.Set)
	if err != nil {
		return nil, err
	}
	list = append(list, mains...)
	u.mains = len(mains)
	cond := where.SQL
	if u.joined {
		cond = "(" + cond + ") AND " + rowid + " IS NOT NULL"
	}
	sql := "SELECT " + strings.Join(list, ",") + " FROM " + f.text + " WHERE " + cond + limitText(limit)
	if u.source, err = s.Plan(apart(sql), nil); err != nil {
		return nil, err
	}
	if f.via == nil && u.mayBeDirect(st, b, where) {
		var sets []string
		for i, col := range b.Columns {
			sets = append(sets, col.Quoted()+"="+b.Values[i].SQL)
		}
		u.direct, err = s.Plan("UPDATE "+t.Object.Source+" AS "+src.Alias+" SET "+strings.Join(sets, ",")+" WHERE "+where.SQL, nil)
		if err != nil {
			return nil, err
		}
	}
	p.use(t.Object, u.source, u.output)
	return p, nil
}

func limitText(limit string) string {
	if limit == "" {
		return ""
	}
	return " LIMIT " + limit
}

// mayBeDirect reports whether SQLite's own UPDATE does the same: one table, no row that has to be seen, no key that a later row may
// hold, no query that could see a half-done statement.
func (u *update) mayBeDirect(st *ast.Update, b *setBuilder, where bound.X) bool {
	if len(st.From) > 0 || st.With != nil || st.Output != nil || st.Top != nil || len(b.vars) > 0 || len(b.Columns) == 0 {
		return false
	}
	if u.HasChecks() || u.Table.RowVersion() != nil || where.Flags&bound.HasSubquery != 0 || u.apply.Keys || u.SelfReferencing() {
		return false
	}
	for _, x := range b.Values {
		if x.Flags&(bound.HasSubquery|bound.HasVolatile) != 0 {
			return false
		}
	}
	return where.Flags&bound.HasVolatile == 0
}

// setBuilder compiles SET.
type setBuilder struct {
	s     *compile.Statement
	t     *row.Target
	src   *compile.Source
	scope plan.Scope
	name  string          // how expressions call the target
	via   *through.Target // nil for a table
	row.Set
	vars   []variable
	varSQL []string
}

// assignments compiles SET: messages 207, 264, 271, 272 and 8102.
func (b *setBuilder) assignments(list []*ast.Assignment) error {
	assigned := map[string]bool{}
	for _, a := range list {
		if a.Variable != "" {
			assigned[strings.ToLower(a.Variable)] = true
		}
	}
	for _, a := range list {
		if a.Method != nil {
			return plan.Unsupported("UPDATE SET column."+a.Method.Name.Name(), token.Pos{})
		}
		if err := b.assignment(a, assigned); err != nil {
			return err
		}
	}
	return nil
}

func (b *setBuilder) assignment(a *ast.Assignment, assigned map[string]bool) error {
	var col *schema.Column
	if a.Column != nil {
		name := a.Column.Name()
		var err error
		if b.via != nil {
			if name, err = b.via.Column(name); err != nil {
				return err
			}
		}
		if col, err = b.t.Column(name, a.Column.Pos); err != nil {
			return err
		}
		if err := b.writable(col, a); err != nil {
			return err
		}
	}
	if a.Variable != "" && usesVariable(a.Value, assigned) {
		return plan.Unsupported("UPDATE SET @variable computed from a variable that it sets", token.Pos{})
	}
	x, err := b.value(a, col)
	if err != nil {
		return err
	}
	if col != nil {
		b.Columns, b.Values = append(b.Columns, col), append(b.Values, x)
	}
	if a.Variable == "" {
		return nil
	}
	typ, ok := b.scope.Variable(a.Variable)
	if !ok {
		return plan.Fail(token.Pos{}, 137, a.Variable)
	}
	typ.Nullable = true
	v, err := b.s.Assign(x, compile.Target{Type: typ})
	if err != nil {
		return err
	}
	b.vars, b.varSQL = append(b.vars, variable{a.Variable, typ}), append(b.varSQL, v.SQL)
	return nil
}

// usesVariable reports whether an expression names one of some variables (lower case). The text is searched, so that it may be wrong
// about a string; then a statement is refused that need not be.
func usesVariable(e ast.Expr, assigned map[string]bool) bool {
	text := strings.ToLower(format.Expr(e, format.Options{}))
	for name := range assigned {
		for rest := text; ; {
			_, after, found := strings.Cut(rest, name)
			if !found {
				break
			}
			if after == "" || !strings.ContainsAny(after[:1], "abcdefghijklmnopqrstuvwxyz0123456789_@#$") {
				return true
			}
			rest = after
		}
	}
	return false
}

func (b *setBuilder) writable(col *schema.Column, a *ast.Assignment) error {
	switch {
	case col.Computed != nil:
		return plan.Fail(a.Column.Pos, 271, col.Name)
	case col.Type.Kind == sqltype.RowVersion:
		return row.Message(272)
	case col.Identity != nil:
		return row.Message(8102, col.Name)
	}
	for _, o := range b.Columns {
		if o == col {
			return plan.Fail(a.Column.Pos, 264, col.Name)
		}
	}
	return nil
}

// value compiles the right side: as a value of the column, or as it is for a variable alone.
func (b *setBuilder) value(a *ast.Assignment, col *schema.Column) (bound.X, error) {
	if _, ok := a.Value.(*ast.Default); ok && col != nil {
		if col.Default == nil {
			return b.t.Value(b.s, &ast.Literal{Kind: ast.NullLit}, col)
		}
		return b.t.DefaultOf(b.s, col)
	}
	x, err := b.s.Expr(a.Value)
	if err != nil {
		return x, err
	}
	if op := strings.TrimSuffix(a.Op, "="); op != "" {
		var left ast.Expr = &ast.Variable{Name: a.Variable}
		if col != nil {
			left = &ast.ColumnRef{Name: *a.Column}
			if len(a.Column.Parts) == 1 {
				left = &ast.ColumnRef{Name: ast.ObjectName{Parts: []string{b.name, a.Column.Name()}, Pos: a.Column.Pos}}
			}
		}
		l, err := b.s.Expr(left)
		if err != nil {
			return x, err
		}
		if x, err = b.s.Op(op, l, x); err != nil {
			return x, err
		}
	}
	if col == nil {
		return x, nil
	}
	return b.s.Assign(x, b.t.To(col))
}

func (u *update) run(x *row.Execution) error {
	if u.direct != nil && x.Left < 0 {
		return u.runDirect(x)
	}
	return x.Atomic(func() error {
		if u.SelfReferencing() {
			return x.Deferred(u.Target, "UPDATE", func() error { return u.rows(x) })
		}
		return u.rows(x)
	})
}

func (u *update) runDirect(x *row.Execution) error {
	st, err := x.Open(u.direct)
	if err != nil {
		return err
	}
	defer st.Release()
	err = st.Exec()
	if row.IsForeign(err) {
		return x.Foreign(u.Target, "UPDATE", func() error { return st.Exec() })
	}
	if err != nil {
		return x.Violation(u.Target, "UPDATE", err, nil)
	}
	x.Result.Rows = x.Conn.Changes()
	return nil
}
