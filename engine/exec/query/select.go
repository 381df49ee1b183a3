package query

import (
	"context"
	"slices"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// PlanKey finds a plan in its unit.
type PlanKey struct {
	Node ast.Statement
	Set  plan.Settings
	Main int
}

// Kept is a plan with what it was made from.
type Kept struct {
	Plan     *plan.Plan
	Result   *reply.Result
	Versions []work.Version
	Views    []*work.ViewUse
}

// Select is SELECT.
func (s *Runner) Select(ctx context.Context, f *scope.Frame, st *ast.SelectStmt) error {
	w := s.Work.Begin(ctx, f)
	k, err := s.Plan(w, st)
	if err != nil {
		return w.Finish(err)
	}
	if err := s.Actor.Allowed(w.Frame, k.Plan.Uses, k.Plan.Objects); err != nil {
		return w.Finish(err)
	}
	if k.Plan.Assign != nil {
		n, err := s.assignRows(w, k)
		if err = w.Finish(err); err != nil {
			return err
		}
		s.Warn(f)
		s.Answer.Quiet(n)
		return nil
	}
	if err := s.Answer.Rows(k.Result); err != nil {
		return w.Finish(err)
	}
	each := s.Answer.Row
	if k.Plan.Pieces {
		each = inPieces(each)
	}
	err = s.Run(w, k.Plan, each)
	if err = w.Finish(err); err != nil {
		return err
	}
	n := int64(s.Answer.EndRows())
	s.Warn(f)
	return s.Answer.Complete(st, true, n)
}

// Warn tells that an aggregate of the statement skipped NULLs, if one did.
func (s *Runner) Warn(f *scope.Frame) {
	if s.Work.Env.Eliminated {
		s.Work.Env.Eliminated = false
		s.Answer.Info(f.Mark(raise.New(8153)))
	}
}

// Reads reports a SELECT with a FROM: such ones begin an implicit transaction.
func Reads(b ast.Body) bool {
	switch b := b.(type) {
	case *ast.Select:
		return len(b.From) > 0
	case *ast.SetOp:
		return Reads(b.L) || Reads(b.R)
	}
	return false
}

// Into is the table of SELECT ... INTO, nil for a query without.
func Into(b ast.Body) *ast.ObjectName {
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

// recent is a plan that the session used a little while ago: found without hashing its settings.
type recent struct {
	node ast.Statement
	set  uint64 // work.Session.PlanNumber
	main int
	kept *Kept
}

// Plan finds or makes the plan of a query.
func (s *Runner) Plan(w *work.Statement, st *ast.SelectStmt) (*Kept, error) {
	key := recent{node: st, set: s.Work.PlanNumber(), main: w.Main}
	k := s.recently(key)
	if k != nil {
		if fresh, err := w.Current(k.Versions); err != nil {
			return nil, err
		} else if fresh {
			return k, w.Ready(k.Plan.Objects, k.Views)
		}
	}
	k, err := s.shared(w, PlanKey{st, w.Set, w.Main})
	if err != nil {
		return nil, err
	}
	if k == nil {
		if k, err = s.compile(w, st); err != nil {
			return nil, err
		}
	}
	if !w.Private {
		s.remember(key, k)
	}
	return k, w.Ready(k.Plan.Objects, k.Views)
}

// shared finds a plan in its unit, which sessions have in common; nil if there is none that is fresh.
func (s *Runner) shared(w *work.Statement, key PlanKey) (*Kept, error) {
	k, ok := w.Frame.Unit.Plan(key).(*Kept)
	if !ok {
		return nil, nil
	}
	fresh, err := w.Current(k.Versions)
	if err != nil || !fresh {
		return nil, err
	}
	return k, nil
}

func (s *Runner) recently(key recent) *Kept {
	for i := range s.recents {
		if r := &s.recents[i]; r.node == key.node && r.set == key.set && r.main == key.main {
			return r.kept
		}
	}
	return nil
}

// remember keeps a plan in the place of the same one, else of the one that was put there first.
func (s *Runner) remember(key recent, k *Kept) {
	key.kept = k
	for i := range s.recents {
		if s.recents[i].node == key.node {
			s.recents[i] = key
			return
		}
	}
	s.recents[s.oldest] = key
	s.oldest = (s.oldest + 1) % len(s.recents)
}

func (s *Runner) compile(w *work.Statement, st *ast.SelectStmt) (*Kept, error) {
	w.Versions, w.Views, w.Private = nil, nil, false
	p, err := compile.Query(w, st)
	if err == nil {
		err = work.SequenceRules(p.Uses, st)
	}
	if err != nil {
		return nil, raise.Bind(err)
	}
	k := &Kept{Plan: p, Versions: w.Versions, Views: w.Views}
	if p.Assign == nil {
		k.Result = ResultOf(p.Columns)
	}
	if !w.Private {
		w.Frame.Unit.Keep(PlanKey{st, w.Set, w.Main}, k)
	}
	return k, nil
}

// ResultOf describes a plan's columns to the client.
func ResultOf(columns []plan.Column) *reply.Result {
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

// Visible is the number of columns that the client sees.
func Visible(columns []plan.Column) int {
	for i, c := range columns {
		if c.Hidden {
			return i
		}
	}
	return len(columns)
}

// planFrame is what a plan's expressions look at.
func (s *Runner) planFrame(ctx context.Context, f *scope.Frame) *plan.Frame {
	return &plan.Frame{Context: ctx, Env: &s.Work.Env, Variables: f}
}

// Run runs a plan and hands its rows on. The slice is used again for the next row.
func (s *Runner) Run(w *work.Statement, p *plan.Plan, each func([]sqltype.Value) error) error {
	if p.SQL == "" {
		return nil
	}
	c, err := w.Conn()
	if err != nil {
		return err
	}
	b := s.spare // one that runs inside of another has none
	s.spare = nil
	if b == nil {
		b = new(buffers)
	}
	defer s.giveBack(b)
	b.frame = plan.Frame{Context: w.Ctx, Env: &s.Work.Env, Variables: w.Frame}
	if b.values, err = p.BindTo(b.values[:0], &b.frame); err != nil {
		return err
	}
	st, err := c.Prepare(p.SQL)
	if err != nil {
		return err
	}
	defer st.Release()
	for i, v := range b.values {
		if err := st.Bind(i+1, p.Params[i].Type, v); err != nil {
			return err
		}
	}
	n := Visible(p.Columns)
	if p.Assign != nil {
		n = len(p.Columns)
	}
	b.row = slices.Grow(b.row[:0], n)[:n]
	row := b.row
	limit := s.Work.Set.RowCount
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

// buffers are what Run needs.
type buffers struct {
	frame       plan.Frame
	values, row []sqltype.Value
}

// giveBack keeps the buffers for the next Run, without what was in them.
func (s *Runner) giveBack(b *buffers) {
	const much = 256
	if cap(b.values)+cap(b.row) > much {
		return
	}
	clear(b.values)
	clear(b.row)
	b.frame = plan.Frame{}
	s.spare = b
}

// assignRows is SELECT @v = ... .
func (s *Runner) assignRows(w *work.Statement, k *Kept) (int64, error) {
	fr := s.planFrame(w.Ctx, w.Frame)
	n := int64(0)
	set := func(row []sqltype.Value) error {
		n++
		fr.Row = row
		for _, a := range k.Plan.Assign {
			v, err := a.Eval(fr)
			if err != nil {
				return err
			}
			x := w.Frame.Find(a.Variable)
			if x == nil {
				return raise.NotDeclared(a.Variable)
			}
			x.Value = v
		}
		return nil
	}
	if k.Plan.SQL == "" {
		s.Work.StatementEnv()
		return 1, set(nil)
	}
	err := s.Run(w, k.Plan, set)
	return n, err
}

// FormatOnly tells a query's columns and no rows: SET FMTONLY ON.
func (s *Runner) FormatOnly(ctx context.Context, f *scope.Frame, st *ast.SelectStmt) error {
	w := s.Work.Begin(ctx, f)
	k, err := s.Plan(w, st)
	if err == nil {
		err = s.Actor.Allowed(w.Frame, k.Plan.Uses, k.Plan.Objects)
	}
	if err = w.Finish(err); err != nil {
		return err
	}
	if k.Result == nil {
		return nil
	}
	if err := s.Answer.Rows(k.Result); err != nil {
		return err
	}
	return s.Answer.Complete(st, true, int64(s.Answer.EndRows()))
}

// Describe is the plan of a query of a unit that has not begun; nil for one that gives no rows to the client.
func (s *Runner) Describe(ctx context.Context, f *scope.Frame, u *unit.Unit, q *ast.SelectStmt) (*Kept, error) {
	if Into(q.Query.Body) != nil {
		return nil, nil
	}
	in := s.Work.NewFrame(f, u)
	w := s.Work.Begin(ctx, in)
	for _, p := range u.Params {
		if err := s.DeclareParameter(ctx, w, in, p); err != nil {
			return nil, w.Finish(err)
		}
	}
	k, err := s.Plan(w, q)
	if err == nil {
		err = s.Actor.Allowed(w.Frame, k.Plan.Uses, k.Plan.Objects)
	}
	if err = w.Finish(err); err != nil || k.Result == nil {
		return nil, err
	}
	return k, nil
}

// DeclareParameter makes the variable of a parameter that has its default value, or none.
func (s *Runner) DeclareParameter(ctx context.Context, w *work.Statement, in *scope.Frame, p *ast.Param) error {
	d, err := compile.TypeOf(w, p.Type, p.Name)
	if err != nil {
		return err
	}
	t := d.Type
	t.Nullable = true
	v := in.Define(p.Name, t, sqltype.NullValue)
	if p.Default == nil {
		return nil
	}
	val, from, err := s.Eval(ctx, in, p.Default)
	if err == nil {
		v.Value, err = s.Fit(val, from, t)
	}
	return err
}
