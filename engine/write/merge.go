package write

import (
	"fmt"
	"slices"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
	"latchkey/engine/write/row"
)

// when is a compiled WHEN of a MERGE.
type when struct {
	match, action string
	cond          string
	set           row.Set
	insert        *row.Inserter
	// from is the place of its values in the row of the statement's query.
	from  int
	apply *row.Updater
}

// merge is a compiled MERGE.
type merge struct {
	*row.Target
	whens  []*when
	source *plan.Plan // rowid, number of the WHEN, the values of all, the old row (if whole), the output's values
	width  int
	whole  bool
	output *row.Output
	mains  int
}

func compileMerge(c row.Config, st *ast.Merge) (*Plan, error) {
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
	using, err := s.From([]ast.TableSource{st.Using})
	if err != nil {
		return nil, err
	}
	usings := s.Sources()
	o, err := s.Object(st.Target)
	if err != nil {
		return nil, err
	}
	t, err := row.NewTarget(o, "MERGE", st.Pos)
	if err != nil {
		return nil, err
	}
	src := s.Open(o, sourceName(st.Target), targetAlias)
	s.Track(src)
	on, err := s.Condition(st.On)
	if err != nil {
		return nil, err
	}
	b := &mergeBuilder{c: c, s: s, t: t, src: src, usings: usings, m: &merge{Target: t}}
	if err := b.whens(st.Whens); err != nil {
		return nil, err
	}
	p := &Plan{Table: t.Table, run: b.m.run}
	if err := b.output(st, p); err != nil {
		return nil, err
	}
	limit, err := s.Top(st.Top)
	if err != nil {
		return nil, err
	}
	if b.m.output.Reads() || len(src.Use.Columns) > 0 {
		s.Need(o, "SELECT")
	}
	sql, err := b.query(using, o.Source+" AS "+targetAlias, on.SQL)
	if err != nil {
		return nil, err
	}
	if limit != "" {
		sql = "SELECT * FROM (" + sql + ")" + limitText(limit)
	}
	if b.m.source, err = s.Plan(apart(sql), nil); err != nil {
		return nil, err
	}
	p.use(o, b.m.source, b.m.output)
	return p, nil
}

type mergeBuilder struct {
	c      row.Config
	s      *compile.Statement
	t      *row.Target
	src    *compile.Source
	usings []*compile.Source
	m      *merge
	mains  [][]string // of OUTPUT, by WHEN
}

// clause is a WHEN's match in messages.
func clause(match string) string { return "WHEN " + match }

// whens compiles the WHENs: messages 5324, 10711 and 10714.
func (b *mergeBuilder) whens(list []*ast.MergeWhen) error {
	type key struct{ match, action string }
	seen, open := map[key]bool{}, map[string]bool{}
	for _, w := range list {
		k := key{w.Match, w.Action}
		switch {
		case open[w.Match] && w.And != nil:
			return row.Message(5324, clause(w.Match), clause(w.Match))
		case seen[k], open[w.Match]:
			return row.Message(10714, w.Action, clause(w.Match))
		case (w.Match == "NOT MATCHED") != (w.Action == "INSERT"):
			return row.Message(10711, w.Action, clause(w.Match))
		}
		seen[k] = true
		open[w.Match] = open[w.Match] || w.And == nil
		x, err := b.when(w)
		if err != nil {
			return err
		}
		b.m.whens = append(b.m.whens, x)
	}
	return nil
}

func (b *mergeBuilder) when(w *ast.MergeWhen) (*when, error) {
	x := &when{match: w.Match, action: w.Action, from: b.m.width}
	switch w.Match { // a side that is not there has no names
	case "NOT MATCHED":
		b.s.Hide(b.src)
		defer b.s.Show(b.src)
	case "NOT MATCHED BY SOURCE":
		for _, u := range b.usings {
			b.s.Hide(u)
			defer b.s.Show(u)
		}
	}
	cond, err := b.s.Condition(w.And)
	if err != nil {
		return nil, err
	}
	x.cond = cond.SQL
	switch w.Action {
	case "UPDATE":
		sb := &setBuilder{s: b.s, t: b.t, src: b.src, scope: b.c.Scope, name: b.src.Name}
		if err := sb.assignments(w.Set); err != nil {
			return nil, err
		}
		if len(sb.vars) > 0 {
			return nil, plan.Unsupported("MERGE with SET @variable", token.Pos{})
		}
		x.set = sb.Set
		if x.apply, err = row.NewUpdater(b.c, b.t, x.set.Columns); err != nil {
			return nil, err
		}
		b.s.Need(b.t.Object, "UPDATE", row.Names(x.set.Columns)...)
	case "INSERT":
		if err := b.insert(x, w); err != nil {
			return nil, err
		}
		b.s.Need(b.t.Object, "INSERT")
	case "DELETE":
		b.s.Need(b.t.Object, "DELETE")
	}
	b.m.width += len(x.set.Values)
	return x, nil
}

// insert compiles WHEN NOT MATCHED THEN INSERT.
func (b *mergeBuilder) insert(x *when, w *ast.MergeWhen) error {
	ib := &insertBuilder{c: b.c, s: b.s, t: b.t, st: &ast.Insert{Columns: w.Columns, DefaultValues: w.Values == nil}}
	if b.c.IdentityInsert != nil {
		ib.identityInsert = b.c.IdentityInsert(b.t.Object.DatabaseID, b.t.Table.ID)
	}
	if err := ib.list(); err != nil {
		return err
	}
	if w.Values != nil {
		switch {
		case len(w.Values) < len(ib.columns):
			return ib.mismatch(plan.Fail(token.Pos{}, 109))
		case len(w.Values) > len(ib.columns):
			return ib.mismatch(plan.Fail(token.Pos{}, 110))
		}
	}
	for i, e := range w.Values {
		c := ib.columns[i]
		if c.Type.Kind == sqltype.RowVersion {
			if _, ok := e.(*ast.Default); ok {
				continue
			}
			return row.Message(273)
		}
		v, err := ib.valueOf(e, c)
		if err != nil {
			return err
		}
		x.set.Columns, x.set.Values = append(x.set.Columns, c), append(x.set.Values, v)
	}
	var err error
	x.insert, err = row.NewInserter(b.c, b.t, x.set.Columns, "MERGE")
	return err
}

// output compiles OUTPUT with $action.
func (b *mergeBuilder) output(st *ast.Merge, p *Plan) error {
	if st.Output == nil {
		b.mains = make([][]string, len(b.m.whens))
		return nil
	}
	action := &plan.Object{
		Kind: plan.Table, Name: row.ActionAlias, Source: schema.Quote(row.ActionAlias), Temporary: true,
		Columns: []plan.ObjectColumn{{Name: row.ActionColumn, SQL: schema.Quote(row.ActionColumn), Type: sqltype.Sized(sqltype.NVarChar, 10), Hidden: true}},
	}
	var err error
	if b.m.output, err = row.CompileOutput(b.c, b.s, st.Output, b.t, action, "MERGE"); err != nil {
		return err
	}
	p.Columns = row.Absent(b.m.output.Client(), action, slices.ContainsFunc(b.m.whens, func(w *when) bool { return w.action != "UPDATE" }))
	b.m.whole = true
	for _, w := range b.m.whens {
		list, err := b.m.output.MainSQL(targetAlias, w.set)
		if err != nil {
			return err
		}
		for _, text := range list {
			if strings.Contains(text, row.ActionAlias) {
				return plan.Unsupported("$action in an expression over another table", token.Pos{})
			}
		}
		b.mains = append(b.mains, list)
		b.m.mains = len(list)
	}
	return nil
}

// query puts the statement's query together: one part for rows of the source, one for rows of the target that the source does not have.
func (b *mergeBuilder) query(using, dst, on string) (string, error) {
	var here, away []int
	for i, w := range b.m.whens {
		if w.match == "NOT MATCHED BY SOURCE" {
			away = append(away, i)
		} else {
			here = append(here, i)
		}
	}
	rowid := targetAlias + ".rowid"
	var parts []string
	if len(here) > 0 {
		choice := "CASE WHEN " + rowid + " IS NOT NULL THEN " + b.choose(here, "MATCHED") + " ELSE " + b.choose(here, "NOT MATCHED") + " END"
		parts = append(parts, b.part(choice, here, using+" LEFT JOIN "+dst+" ON ("+on+")", ""))
	}
	if len(away) > 0 {
		all := dst
		if b.m.mains > 0 { // OUTPUT names columns of the source: NULL here
			join := using
			if len(b.usings) > 1 {
				join = "(" + using + ")"
			}
			all += " LEFT JOIN " + join + " ON 0"
		}
		parts = append(parts, b.part(b.choose(away, "NOT MATCHED BY SOURCE"), away, all, " WHERE NOT EXISTS (SELECT 1 FROM "+using+" WHERE "+on+")"))
	}
	return strings.Join(parts, " UNION ALL "), nil
}

// choose is the number of the first WHEN of a match whose condition holds, NULL for none.
func (b *mergeBuilder) choose(list []int, match string) string {
	var sb strings.Builder
	for _, i := range list {
		if w := b.m.whens[i]; w.match == match {
			fmt.Fprintf(&sb, " WHEN %s THEN %d", w.cond, i)
		}
	}
	if sb.Len() == 0 {
		return "NULL"
	}
	return "CASE" + sb.String() + " END"
}

// part is a query of one of the two kinds of rows. Values are computed for the WHEN that is chosen alone: others might fail.
func (b *mergeBuilder) part(choice string, list []int, from, where string) string {
	cols := []string{targetAlias + ".rowid", "(" + choice + ") AS latchkey_when"}
	for i, w := range b.m.whens {
		mine := slices.Contains(list, i)
		for _, v := range w.set.Values {
			cols = append(cols, only(mine, choice, i, v))
		}
	}
	if b.m.whole {
		for _, c := range b.t.Table.Columns {
			cols = append(cols, targetAlias+"."+c.Quoted())
		}
		for k := range b.m.mains {
			text := "CASE (" + choice + ")"
			for _, i := range list {
				text += fmt.Sprintf(" WHEN %d THEN %s", i, b.mains[i][k])
			}
			cols = append(cols, text+" END")
		}
	}
	sql := "SELECT " + strings.Join(cols, ",") + " FROM " + from
	if where == "" {
		return sql + " WHERE latchkey_when IS NOT NULL"
	}
	return sql + where + " AND latchkey_when IS NOT NULL"
}

func only(mine bool, choice string, i int, v bound.X) string {
	if !mine {
		return "NULL"
	}
	if v.Const {
		return v.SQL
	}
	return fmt.Sprintf("CASE WHEN (%s)=%d THEN %s END", choice, i, v.SQL)
}

// mergeRow is one row that a MERGE changes.
type mergeRow struct {
	row.RowChange
	w *when
}

func (m *merge) run(x *row.Execution) error {
	return x.Atomic(func() error {
		return x.Deferred(m.Target, "MERGE", func() error { return m.rows(x) })
	})
}

// rows collects what is to be done, then deletes, changes and adds, so that a key that goes away is free for one that comes.
func (m *merge) rows(x *row.Execution) error {
	var deletes, inserts []mergeRow
	updates := map[*when][]row.RowChange{}
	seen := map[int64]bool{}
	err := x.Each(m.source, func(cells []cell.Raw) error {
		w := m.whens[cells[1].I]
		r := mergeRow{w: w}
		if cells[0].Storage == cell.Integer {
			if seen[cells[0].I] {
				return row.Message(8672)
			}
			seen[cells[0].I] = true
			r.ID = cells[0].I
		}
		if !x.Take() {
			return nil
		}
		r.Values = slices.Clone(cells[2+w.from : 2+w.from+len(w.set.Values)])
		n := 2 + m.width
		if m.whole {
			r.Old = slices.Clone(cells[n : n+len(m.Table.Columns)])
			n += len(m.Table.Columns)
		}
		r.Main = slices.Clone(cells[n : n+m.mains])
		switch w.action {
		case "DELETE":
			deletes = append(deletes, r)
		case "INSERT":
			inserts = append(inserts, r)
		default:
			updates[w] = append(updates[w], r.RowChange)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out, err := m.output.Begin(x)
	if err != nil {
		return err
	}
	err = m.deletes(x, out, deletes)
	for _, w := range m.whens {
		if err == nil && len(updates[w]) > 0 {
			err = m.updates(x, out, w, updates[w])
		}
	}
	if err == nil {
		err = m.inserts(x, out, inserts)
	}
	return out.Close(err)
}

func (m *merge) deletes(x *row.Execution, out *row.Outputting, rows []mergeRow) error {
	sql := "DELETE FROM " + m.Object.Source + " WHERE rowid=?1"
	for _, r := range rows {
		if err := x.DeleteRow(m.Target, "MERGE", r.ID, sql); err != nil {
			return err
		}
		x.Result.Rows++
		if err := out.Send(nil, r.Old, "DELETE", r.Main); err != nil {
			return err
		}
	}
	return nil
}

func (m *merge) updates(x *row.Execution, out *row.Outputting, w *when, rows []row.RowChange) error {
	u := &update{Target: m.Target, columns: w.set.Columns, apply: w.apply, whole: m.whole}
	if w.apply.Keys {
		if err := w.apply.Park(x, rows); err != nil {
			return err
		}
	}
	for _, r := range rows {
		id := r.ID
		if w.apply.Keys && w.apply.RowID >= 0 {
			id = r.Main[len(r.Main)-1].I
			r.Main = r.Main[:len(r.Main)-1]
		}
		var err error
		if r.Version, err = w.apply.NewVersion(x); err != nil {
			return err
		}
		if err := w.apply.Write(x, "MERGE", id, r.Values, r.Version); err != nil {
			return x.Violation(m.Target, "MERGE", err, w.apply.Value(x, id, r.Values))
		}
		x.Result.Rows++
		if out != nil {
			if err := u.send(out, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *merge) inserts(x *row.Execution, out *row.Outputting, rows []mergeRow) error {
	var at *when
	var w *row.Inserting
	finish := func(err error) error {
		if w == nil {
			return err
		}
		return w.Close(err)
	}
	for _, r := range rows {
		if r.w != at {
			if err := finish(nil); err != nil {
				return err
			}
			w = nil
			var err error
			if w, err = r.w.insert.Begin(x); err != nil {
				return err
			}
			at = r.w
		}
		if err := w.Add(r.Values); err != nil {
			return finish(err)
		}
		if out == nil {
			continue
		}
		if err := out.Merged(w, r.Main); err != nil {
			return finish(err)
		}
	}
	return finish(nil)
}
