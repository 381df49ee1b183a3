package write

import (
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
)

// targetAlias is the table that UPDATE, DELETE and MERGE write, where it is not one of FROM.
const targetAlias = "latchkey_target"

// set is the SET clause: columns with their values.
type set struct {
	columns []*schema.Column
	values  []bound.X
}

// update is a compiled UPDATE.
type update struct {
	*target
	// direct does the whole statement in one step; nil where that cannot be.
	direct *plan.Plan
	// source gives a row for each row to be changed: rowid, the new values, the variables' values, the old row (if whole), the output's.
	source  *plan.Plan
	columns []*schema.Column
	vars    []variable
	whole   bool
	joined  bool // the target may come more than once
	output  *output
	mains   int
	apply   *updater
}

// variable is SET @v = ... of an UPDATE.
type variable struct {
	name string
	typ  sqltype.Type
}

// from compiles the sources of UPDATE and DELETE and finds the target among them.
func compileFrom(s *compile.Statement, with *ast.With, dst ast.TableSource, list []ast.TableSource, verb string) (t *target, src *compile.Source, text string, err error) {
	if err := noHints(dst); err != nil {
		return nil, nil, "", err
	}
	if err := s.With(with); err != nil {
		return nil, nil, "", err
	}
	if len(list) > 0 {
		if text, err = s.From(list); err != nil {
			return nil, nil, "", err
		}
		if src, err = s.Find(dst); err != nil {
			return nil, nil, "", err
		}
	}
	if src == nil {
		o, err := s.Object(dst)
		if err != nil {
			return nil, nil, "", err
		}
		if t, err = newTarget(o, verb, noPos); err != nil {
			return nil, nil, "", err
		}
		src = s.Open(o, sourceName(dst), targetAlias)
		own := o.Source + " AS " + targetAlias
		if text == "" {
			return t, src, own, nil
		}
		return t, src, own + ", " + text, nil
	}
	t, err = newTarget(src.Object, verb, noPos)
	return t, src, text, err
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

func compileUpdate(c Config, st *ast.Update) (*Plan, error) {
	s := compile.NewStatement(c.Scope, st.Pos)
	if err := s.Hints(st.Hints); err != nil {
		return nil, err
	}
	t, src, from, err := compileFrom(s, st.With, st.Target, st.From, "UPDATE")
	if err != nil {
		return nil, err
	}
	b := &setBuilder{s: s, t: t, src: src, scope: c.Scope}
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
	s.Need(src.Object, "UPDATE", names(b.columns)...)
	u := &update{target: t, columns: b.columns, vars: b.vars, joined: len(st.From) > 0}
	p := &Plan{Table: t.table, run: u.run}
	if st.Output != nil {
		if u.output, err = compileOutput(c, s, st.Output, t, nil, "UPDATE"); err != nil {
			return nil, err
		}
		p.Columns = u.output.client()
		u.whole = true
	}
	u.apply = newUpdater(t, b.columns)
	rowid := src.Alias + ".rowid"
	list := []string{rowid}
	for _, x := range b.values {
		list = append(list, x.SQL)
	}
	list = append(list, b.varSQL...)
	if u.whole {
		for _, col := range t.table.Columns {
			list = append(list, src.Alias+"."+col.Quoted())
		}
	}
	mains, err := u.output.mainSQL(src.Alias, b.set)
	if err != nil {
		return nil, err
	}
	list = append(list, mains...)
	u.mains = len(mains)
	cond := where.SQL
	if u.joined {
		cond = "(" + cond + ") AND " + rowid + " IS NOT NULL"
	}
	sql := "SELECT " + strings.Join(list, ",") + " FROM " + from + " WHERE " + cond + limitText(limit)
	if u.source, err = s.Plan(apart(sql), nil); err != nil {
		return nil, err
	}
	if u.mayBeDirect(st, b, where) {
		var sets []string
		for i, col := range b.columns {
			sets = append(sets, col.Quoted()+"="+b.values[i].SQL)
		}
		u.direct, err = s.Plan("UPDATE "+t.object.Source+" AS "+src.Alias+" SET "+strings.Join(sets, ",")+" WHERE "+where.SQL, nil)
		if err != nil {
			return nil, err
		}
	}
	p.use(t.object, u.source, u.output)
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
	if len(st.From) > 0 || st.With != nil || st.Output != nil || st.Top != nil || len(b.vars) > 0 || len(b.columns) == 0 {
		return false
	}
	if u.table.RowVersion() != nil || where.Flags&bound.HasSubquery != 0 || u.apply.keys || u.selfReferencing() {
		return false
	}
	for _, x := range b.values {
		if x.Flags&(bound.HasSubquery|bound.HasVolatile) != 0 {
			return false
		}
	}
	return where.Flags&bound.HasVolatile == 0
}

// setBuilder compiles SET.
type setBuilder struct {
	s     *compile.Statement
	t     *target
	src   *compile.Source
	scope plan.Scope
	set
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
			return plan.Unsupported("UPDATE SET column."+a.Method.Name.Name(), noPos)
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
		oc, err := b.s.Column(b.src, a.Column.Name(), a.Column.Pos)
		if err != nil {
			return err
		}
		if col, err = b.t.column(oc.Name, a.Column.Pos); err != nil {
			return err
		}
		if err := b.writable(col, a); err != nil {
			return err
		}
	}
	if a.Variable != "" && usesVariable(a.Value, assigned) {
		return plan.Unsupported("UPDATE SET @variable computed from a variable that it sets", noPos)
	}
	x, err := b.value(a, col)
	if err != nil {
		return err
	}
	if col != nil {
		b.columns, b.values = append(b.columns, col), append(b.values, x)
	}
	if a.Variable == "" {
		return nil
	}
	typ, ok := b.scope.Variable(a.Variable)
	if !ok {
		return plan.Fail(noPos, 137, a.Variable)
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
		return sqlError(272)
	case col.Identity != nil:
		return sqlError(8102, col.Name)
	}
	for _, o := range b.columns {
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
			return b.t.value(b.s, &ast.Literal{Kind: ast.NullLit}, col)
		}
		return b.t.defaultOf(b.s, col)
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
				left = &ast.ColumnRef{Name: ast.ObjectName{Parts: []string{b.src.Name, a.Column.Name()}, Pos: a.Column.Pos}}
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
	return b.s.Assign(x, b.t.to(col))
}

// mainSQL is what the statement's query computes for OUTPUT, with the images' columns replaced by the row's.
func (o *output) mainSQL(alias string, s set) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	var out []string
	for _, text := range o.main {
		for _, c := range o.t.table.Columns {
			value := alias + "." + c.Quoted()
			for i, col := range s.columns {
				if col == c {
					value = "(" + s.values[i].SQL + ")"
				}
			}
			mark := insertedAlias + "." + c.Quoted()
			if strings.Contains(text, mark) && (c.Type.Kind == sqltype.RowVersion || c.Computed != nil) {
				return nil, plan.Unsupported("OUTPUT of an expression over a computed column and another table", noPos)
			}
			text = strings.ReplaceAll(text, mark, value)
			text = strings.ReplaceAll(text, deletedAlias+"."+c.Quoted(), alias+"."+c.Quoted())
		}
		out = append(out, text)
	}
	more, err := o.then.mainSQL(alias, s)
	return append(out, more...), err
}

// updater writes new values into rows.
type updater struct {
	*target
	columns []*schema.Column
	sql     string
	version *schema.Column
	// rowID is the place of the rowid's column among columns, -1 if it is not written.
	rowID int
	// keys reports that a unique key has a column that is written.
	keys bool
}

func newUpdater(t *target, columns []*schema.Column) *updater {
	u := &updater{target: t, columns: columns, version: t.table.RowVersion(), rowID: -1}
	written := map[int]bool{}
	var sets []string
	for i, c := range columns {
		written[c.ID] = true
		sets = append(sets, c.Quoted()+"=?"+strconv.Itoa(i+1))
		if c == t.table.RowID {
			u.rowID = i
		}
	}
	n := len(columns)
	if u.version != nil {
		n++
		sets = append(sets, u.version.Quoted()+"=?"+strconv.Itoa(n))
	}
	u.sql = "UPDATE " + t.object.Source + " SET " + strings.Join(sets, ",") + " WHERE rowid=?" + strconv.Itoa(n+1)
	for _, k := range uniqueKeys(t.table) {
		for _, x := range k {
			c := t.table.ColumnByID(x.Column)
			u.keys = u.keys || written[x.Column] || c.Computed != nil
		}
	}
	return u
}

// uniqueKeys are the columns of all that is unique.
func uniqueKeys(t *schema.Table) [][]schema.KeyColumn {
	var out [][]schema.KeyColumn
	for _, k := range t.Keys() {
		out = append(out, k.Columns)
	}
	for _, x := range t.Indexes {
		if x.Unique && !x.Disabled {
			out = append(out, x.Columns)
		}
	}
	return out
}

// write changes one row; version is the row's new one. It gives the cells that the row has afterwards, beyond the old ones.
func (u *updater) write(x *execution, verb string, rowid int64, vals []cell.Raw, version cell.Raw) error {
	if u.rowID >= 0 && vals[u.rowID].Storage == cell.Null {
		return sqlError(515, u.columns[u.rowID].Name, u.full, verb)
	}
	st, err := x.Conn.Prepare(u.sql)
	if err != nil {
		return err
	}
	defer st.Release()
	n := 0
	for _, r := range vals[:len(u.columns)] {
		n++
		if err := bindRaw(st, n, r); err != nil {
			return err
		}
	}
	if u.version != nil {
		n++
		if err := bindRaw(st, n, version); err != nil {
			return err
		}
	}
	if err := st.BindInt64(n+1, rowid); err != nil {
		return err
	}
	err = st.Exec()
	if isForeign(err) {
		return x.foreign(u.target, verb, func() error { return st.Exec() })
	}
	return err
}

// value is the new cell of a column: written now, or read from the row as it is.
func (u *updater) value(x *execution, rowid int64, vals []cell.Raw) func(*schema.Column) (cell.Raw, bool) {
	return func(c *schema.Column) (cell.Raw, bool) {
		for i, w := range u.columns {
			if w == c {
				return vals[i], true
			}
		}
		st, err := x.Conn.Prepare("SELECT " + c.Quoted() + " FROM " + u.object.Source + " WHERE rowid=?1")
		if err != nil {
			return cell.Raw{}, false
		}
		defer st.Release()
		if st.BindInt64(1, rowid) == nil && st.Step() {
			return rawColumn(st, 0), true
		}
		return cell.Raw{}, false
	}
}

// newVersion is the next row version for a table that has one.
func (u *updater) newVersion(x *execution) (cell.Raw, error) {
	if u.version == nil {
		return cell.Raw{}, nil
	}
	n, err := u.shared().RowVersions(x.Conn, 1)
	return versionCell(n), err
}

func (u *update) run(x *execution) error {
	if u.direct != nil && x.left < 0 {
		return u.runDirect(x)
	}
	return x.atomic(func() error {
		if u.selfReferencing() {
			return x.deferred(u.target, "UPDATE", func() error { return u.rows(x) })
		}
		return u.rows(x)
	})
}

func (u *update) runDirect(x *execution) error {
	st, err := x.open(u.direct)
	if err != nil {
		return err
	}
	defer st.Release()
	err = st.Exec()
	if isForeign(err) {
		return x.foreign(u.target, "UPDATE", func() error { return st.Exec() })
	}
	if err != nil {
		return x.violation(u.target, "UPDATE", err, nil)
	}
	x.result.Rows = x.Conn.Changes()
	return nil
}
