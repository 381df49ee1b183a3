package change

import (
	"context"
	"strings"

	"latchkey/engine/exec/known"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// Identities are what @@IDENTITY and SCOPE_IDENTITY() give.
type Identities struct{ Session, Scope sqltype.Value }

// insertInto is SET IDENTITY_INSERT ON of a table.
type insertInto struct {
	table int
	name  string
}

// targetOf is the name that a statement writes to, and whether it is temporary. UPDATE and DELETE may name an alias of FROM.
func targetOf(st ast.Statement) (n ast.ObjectName, temporary bool) {
	var src ast.TableSource
	var from []ast.TableSource
	switch st := st.(type) {
	case *ast.Insert:
		src = st.Target
	case *ast.Update:
		src, from = st.Target, st.From
	case *ast.Delete:
		src, from = st.Target, st.From
	case *ast.Merge:
		src = st.Target
	case *ast.Truncate:
		return st.Table, work.TemporaryName(st.Table)
	}
	switch t := src.(type) {
	case *ast.TableVariable:
		return ast.ObjectName{Parts: []string{t.Name}}, true
	case *ast.Table:
		n = t.Name
		if len(n.Parts) == 1 {
			if real, variable, ok := aliased(from, n.Name()); ok {
				if variable {
					return n, true
				}
				n = real
			}
		}
	}
	return n, work.TemporaryName(n)
}

// aliased finds the table that an alias of FROM stands for.
func aliased(from []ast.TableSource, alias string) (n ast.ObjectName, variable, ok bool) {
	for _, s := range from {
		switch s := s.(type) {
		case *ast.Table:
			if strings.EqualFold(s.Alias, alias) || s.Alias == "" && strings.EqualFold(s.Name.Name(), alias) {
				return s.Name, false, true
			}
		case *ast.TableVariable:
			if strings.EqualFold(s.Alias, alias) {
				return n, true, true
			}
		case *ast.Join:
			if n, variable, ok = aliased([]ast.TableSource{s.L, s.R}, alias); ok {
				return n, variable, ok
			}
		}
	}
	return n, false, false
}

// Execute is INSERT, UPDATE, DELETE, MERGE and TRUNCATE. captured are the rows of INSERT ... EXEC.
func (s *Changer) Execute(ctx context.Context, f *scope.Frame, st ast.Statement, captured *Captured) error {
	w := s.Work.Begin(ctx, f)
	n, temporary := targetOf(st)
	db, _, err := w.Target(n)
	if err == nil {
		err = s.touchVariables(ctx, f)
	}
	if v := f.Find(n.Name()); err == nil && v != nil && v.ReadOnly {
		err = raise.Bind(raise.New(10700, v.Name))
	}
	if err == nil {
		err = w.Write(db, temporary)
	}
	if err != nil {
		return w.Finish(err)
	}
	r, sent, err := s.changeRows(w, st, captured)
	if err = w.Finish(err); err != nil {
		return err
	}
	if r.HasIdentity {
		s.Identity = Identities{r.Identity, r.Identity}
	}
	if sent {
		s.Answer.EndRows()
	}
	s.Query.Warn(f)
	_, truncate := st.(*ast.Truncate)
	return s.Answer.Complete(st, !truncate, r.Rows)
}

// touchVariables makes the table variables of a scope, before the connection is borrowed for a statement that may name them.
func (s *Changer) touchVariables(ctx context.Context, f *scope.Frame) error {
	if f == s.touched {
		return nil
	}
	for _, v := range f.Vars {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v.Decl != nil && !v.Known && !v.Decl.Cursor && (v.Decl.Table != nil || len(v.Decl.Type.Name.Parts) > 0) {
			if err := s.Define.Resolve(ctx, f, v); err != nil {
				return err
			}
		}
	}
	s.touched = f
	return nil
}

func (s *Changer) changeRows(w *work.Statement, st ast.Statement, captured *Captured) (r write.Result, sent bool, err error) {
	k, err := s.writePlan(w, st)
	if err != nil {
		return r, false, err
	}
	if err := s.Actor.Allowed(w.Frame, k.w.Uses, k.w.Objects); err != nil {
		return r, false, err
	}
	run := s.writeRun(w, k.w)
	if k.result != nil {
		if err := s.Answer.Rows(k.result); err != nil {
			return r, false, err
		}
		run.Row, sent = s.Answer.Row, true
	}
	if captured != nil {
		run.Exec = captured.next
	}
	r, err = k.w.Run(w.Ctx, run)
	return r, sent, err
}

// keptChange is a plan with what it was made from.
type keptChange struct {
	w        *write.Plan
	result   *reply.Result
	versions []work.Version
	views    []*work.ViewUse
}

// changeKey finds a plan of a change in its unit.
type changeKey struct {
	query.PlanKey
	identity insertInto
}

func (s *Changer) writePlan(w *work.Statement, st ast.Statement) (*keptChange, error) {
	key := changeKey{query.PlanKey{Node: st, Set: w.Set, Main: w.Main}, s.inserting[w.Main]}
	if k, ok := w.Frame.Unit.Plan(key).(*keptChange); ok {
		fresh, err := w.Current(k.versions)
		if err != nil {
			return nil, err
		}
		if fresh {
			return k, w.Ready(k.w.Objects, k.views)
		}
	}
	w.Versions, w.Views, w.Private = nil, nil, false
	p, err := write.Compile(write.Config{Scope: w, IdentityInsert: s.identityInsert}, st)
	if err == nil {
		err = work.SequenceRules(p.Uses, st)
	}
	if err != nil {
		return nil, raise.Bind(err)
	}
	k := &keptChange{w: p, versions: w.Versions, views: w.Views}
	if p.Columns != nil {
		k.result = query.ResultOf(p.Columns)
	}
	if !w.Private {
		w.Frame.Unit.Keep(key, k)
	}
	return k, w.Ready(p.Objects, k.views)
}

func (s *Changer) identityInsert(db, table int) bool {
	i, ok := s.inserting[db]
	return ok && i.table == table
}

func (s *Changer) writeRun(w *work.Statement, p *write.Plan) write.Run {
	r := write.Run{
		Conn: w.Hold.Conn, Variables: w.Frame, RowCount: s.Work.Set.RowCount,
		Set: func(name string, v sqltype.Value) error {
			x := w.Frame.Find(name)
			if x == nil {
				return raise.NotDeclared(name)
			}
			x.Value = v
			return nil
		},
	}
	if p != nil && p.Table != nil {
		r.IdentityInsert = s.identityInsert(w.Main, p.Table.ID)
	}
	return r
}

// SetIdentityInsert is SET IDENTITY_INSERT table ON|OFF: one table of a session at a time.
func (s *Changer) SetIdentityInsert(ctx context.Context, f *scope.Frame, st *ast.SetIdentityInsert) error {
	w := s.Work.Begin(ctx, f)
	o, err := w.Object(st.Table)
	if err = w.Finish(err); err != nil {
		return err
	}
	ref := binding.Of(o)
	if ref == nil || ref.Table() == nil {
		return raise.New(1088, st.Table.String())
	}
	t := ref.Table()
	if t.Identity() == nil {
		return raise.New(8106, st.Table.String())
	}
	db := o.DatabaseID
	if o.Temporary {
		db = w.Main
	} else if !s.Actor.PermIn(db).Object(known.Securable(ref), "ALTER") {
		return raise.New(1088, st.Table.String())
	}
	full := o.Database + "." + o.Schema + "." + o.Name
	for _, i := range s.inserting {
		if i.table != t.ID && st.On {
			return raise.New(8107, i.name, full)
		}
	}
	s.inserting = nil
	if st.On {
		s.inserting = map[int]insertInto{db: {t.ID, full}}
	}
	return s.Answer.Complete(st, false, s.Answer.RowCount)
}
