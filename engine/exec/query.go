package exec

import (
	"context"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// planKey finds a plan in its unit.
type planKey struct {
	node ast.Statement
	set  plan.Settings
	main int
}

// kept is a plan with what it was made from.
type keptPlan struct {
	p        *plan.Plan
	w        *write.Plan
	result   *reply.Result
	versions []version
	views    []*viewUse
}

// query is SELECT.
func (s *Session) query(ctx context.Context, f *frame, st *ast.SelectStmt) error {
	if s.set.Has(setting.ImplicitTransactions) && reads(st.Query.Body) {
		if err := s.implicit(); err != nil {
			return err
		}
	}
	if into := selectInto(st.Query.Body); into != nil {
		return s.selectInto(ctx, f, st, *into)
	}
	w := s.work(ctx, f)
	k, err := s.plan(w, st)
	if err != nil {
		return w.finish(err)
	}
	if err := s.allowed(w, k.p.Uses, k.p.Objects); err != nil {
		return w.finish(err)
	}
	if k.p.Assign != nil {
		n, err := s.assignRows(w, k)
		if err = w.finish(err); err != nil {
			return err
		}
		s.quiet(n)
		return nil
	}
	if err := s.out.Rows(k.result); err != nil {
		return w.finish(err)
	}
	err = s.run(w, k.p, s.out.Row)
	if err = w.finish(err); err != nil {
		return err
	}
	return s.done(st, true, int64(s.out.EndRows()))
}

// reads reports a SELECT with a FROM: such ones begin an implicit transaction.
func reads(b ast.Body) bool {
	switch b := b.(type) {
	case *ast.Select:
		return len(b.From) > 0
	case *ast.SetOp:
		return reads(b.L) || reads(b.R)
	}
	return false
}

func selectInto(b ast.Body) *ast.ObjectName {
	for {
		switch x := b.(type) {
		case *ast.Select:
			return x.Into
		case *ast.SetOp:
			b = x.L
		default:
			return nil
		}
	}
}

// plan finds or makes the plan of a query.
func (s *Session) plan(w *work, st *ast.SelectStmt) (*keptPlan, error) {
	key := planKey{st, w.set, w.main}
	if k, ok := w.f.unit.Plan(key).(*keptPlan); ok {
		fresh, err := w.current(k.versions)
		if err != nil {
			return nil, err
		}
		if fresh {
			return k, w.attached(k.p.Objects, k.views)
		}
	}
	w.versions, w.views, w.private = nil, nil, false
	p, err := compile.Query(w, st)
	if err != nil {
		return nil, bind(err)
	}
	k := &keptPlan{p: p, versions: w.versions, views: w.views}
	if p.Assign == nil {
		k.result = resultOf(p.Columns)
	}
	if !w.private {
		w.f.unit.Keep(key, k)
	}
	return k, w.attached(p.Objects, k.views)
}

// attached makes the connection ready for a plan.
func (w *work) attached(objects []*plan.Object, views []*viewUse) error {
	if len(objects) == 0 && len(views) == 0 {
		return nil
	}
	if _, err := w.conn(); err != nil {
		return err
	}
	return w.attach(objects, views)
}

// resultOf describes a plan's columns to the client.
func resultOf(columns []plan.Column) *reply.Result {
	var names []string
	var types []sqltype.Type
	var flags []tds.ColumnFlags
	for _, c := range columns {
		if c.Hidden {
			break
		}
		var fl tds.ColumnFlags
		if c.Identity {
			fl |= tds.ColumnIdentity
		}
		if c.Computed || c.Type.Kind == sqltype.RowVersion {
			fl |= tds.ColumnComputed
		}
		if c.Updatable {
			fl |= tds.ColumnUpdateUnknown
		}
		names, types, flags = append(names, c.Name), append(types, c.Type), append(flags, fl)
	}
	return reply.NewResult(names, types, flags)
}

// visible is the number of columns that the client sees.
func visible(columns []plan.Column) int {
	for i, c := range columns {
		if c.Hidden {
			return i
		}
	}
	return len(columns)
}

// planFrame is what a plan's expressions look at.
func (s *Session) planFrame(ctx context.Context, f *frame) *plan.Frame {
	return &plan.Frame{Context: ctx, Env: &s.env, Variables: f}
}

// run runs a plan and hands its rows on. The slice is used again for the next row.
func (s *Session) run(w *work, p *plan.Plan, each func([]sqltype.Value) error) error {
	if p.SQL == "" {
		return nil
	}
	c, err := w.conn()
	if err != nil {
		return err
	}
	values, err := p.Bind(s.planFrame(w.ctx, w.f))
	if err != nil {
		return err
	}
	st, err := c.Prepare(p.SQL)
	if err != nil {
		return err
	}
	defer st.Release()
	for i, v := range values {
		if err := cell.Bind(st.Stmt, i+1, p.Params[i].Type, v); err != nil {
			return err
		}
	}
	n := visible(p.Columns)
	if p.Assign != nil {
		n = len(p.Columns)
	}
	row := make([]sqltype.Value, n)
	limit := s.set.RowCount
	for st.Step() {
		for i := range row {
			if row[i], err = cell.Column(st.Stmt, i, p.Columns[i].Type); err != nil {
				return err
			}
		}
		if err := each(row); err != nil {
			return err
		}
		if limit--; limit == 0 {
			return nil
		}
	}
	return st.Err()
}

// assignRows is SELECT @v = ... .
func (s *Session) assignRows(w *work, k *keptPlan) (int64, error) {
	fr := s.planFrame(w.ctx, w.f)
	n := int64(0)
	set := func(row []sqltype.Value) error {
		n++
		fr.Row = row
		for _, a := range k.p.Assign {
			v, err := a.Eval(fr)
			if err != nil {
				return err
			}
			x := w.f.find(a.Variable)
			if x == nil {
				return notDeclared(a.Variable)
			}
			x.value = v
		}
		return nil
	}
	if k.p.SQL == "" {
		s.statementEnv()
		return 1, set(nil)
	}
	err := s.run(w, k.p, set)
	return n, err
}

// formatOnly tells a query's columns and no rows: SET FMTONLY ON.
func (s *Session) formatOnly(ctx context.Context, f *frame, st *ast.SelectStmt) error {
	w := s.work(ctx, f)
	k, err := s.plan(w, st)
	if err == nil {
		err = s.allowed(w, k.p.Uses, k.p.Objects)
	}
	if err = w.finish(err); err != nil {
		return err
	}
	if k.result == nil {
		return nil
	}
	if err := s.out.Rows(k.result); err != nil {
		return err
	}
	return s.done(st, true, int64(s.out.EndRows()))
}

// selectInto is SELECT ... INTO: a new table, and its rows.
func (s *Session) selectInto(ctx context.Context, f *frame, st *ast.SelectStmt, into ast.ObjectName) error {
	w := s.work(ctx, f)
	temp := temporaryName(into)
	db, name, err := w.target(into)
	if err != nil {
		return err
	}
	if temp {
		db = w.main
		if strings.HasPrefix(into.Name(), "##") {
			return raise.Unsupported("GLOBAL TEMPORARY TABLE")
		}
		if err := s.tmp.make(s, nil); err != nil {
			return err
		}
	} else if !s.permIn(db).Database("CREATE TABLE") {
		return raise.New(262, "CREATE TABLE", name)
	}
	if err := w.writing(db, temp); err != nil {
		return err
	}
	if !temp {
		s.defining(db)
		defer s.settleAlone()
	}
	n, err := s.into(w, f, st, into, temp)
	if err = w.finish(err); err != nil {
		return err
	}
	return s.done(st, true, n)
}

func (s *Session) into(w *work, f *frame, st *ast.SelectStmt, into ast.ObjectName, temp bool) (int64, error) {
	if err := w.hold.Savepoint(); err != nil {
		return 0, err
	}
	p, err := compile.Query(w, st)
	if err != nil {
		return 0, bind(err)
	}
	if err := w.attached(p.Objects, w.views); err != nil {
		return 0, err
	}
	if err := s.allowed(w, p.Uses, p.Objects); err != nil {
		return 0, err
	}
	sh, err := s.server.shared(w.main)
	if temp {
		sh = s.tmp.shared
		if err == nil {
			err = s.tmp.Attach(w.hold.Conn)
		}
	}
	if err != nil {
		return 0, err
	}
	env := s.ddlEnv(w, sh)
	t, err := ddl.CreateFrom(w.ctx, env, into, p.Columns[:visible(p.Columns)])
	if err != nil {
		return 0, err
	}
	if temp {
		f.temps = append(f.temps, t.Name)
	}
	// The rows come as those of an INSERT into the new table.
	ins := &ast.Insert{Head: st.Head, With: st.With, Target: &ast.Table{Name: into}, Query: withoutInto(st.Query), Hints: st.Hints}
	if id := t.Identity(); id != nil {
		for _, c := range t.Columns {
			if c.Writable() {
				ins.Columns = append(ins.Columns, c.Name)
			}
		}
	}
	cfg := write.Config{Scope: w, IdentityInsert: func(_, table int) bool { return table == t.ID }}
	wp, err := write.Compile(cfg, ins)
	if err != nil {
		return 0, bind(err)
	}
	if err := w.attached(wp.Objects, w.views); err != nil {
		return 0, err
	}
	r, err := wp.Run(w.ctx, s.writeRun(w, wp))
	return r.Rows, err
}

// withoutInto is a query without its INTO.
func withoutInto(q *ast.Query) *ast.Query {
	n := *q
	n.Body = bodyWithoutInto(q.Body)
	return &n
}

func bodyWithoutInto(b ast.Body) ast.Body {
	switch b := b.(type) {
	case *ast.Select:
		n := *b
		n.Into = nil
		return &n
	case *ast.SetOp:
		n := *b
		n.L = bodyWithoutInto(b.L)
		return &n
	}
	return b
}

func newResult(names []string, types []sqltype.Type) *reply.Result {
	return reply.NewResult(names, types, nil)
}
