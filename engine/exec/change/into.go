package change

import (
	"context"
	"slices"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// SelectInto is SELECT ... INTO: a new table, and its rows.
func (s *Changer) SelectInto(ctx context.Context, f *scope.Frame, st *ast.SelectStmt, into ast.ObjectName) error {
	w := s.Work.Begin(ctx, f)
	temp := work.TemporaryName(into)
	db, name, err := w.Target(into)
	if err != nil {
		return err
	}
	if temp {
		db = w.Main
		if strings.HasPrefix(into.Name(), "##") {
			return raise.Unsupported("GLOBAL TEMPORARY TABLE")
		}
		if err := s.Work.MakeTemporary(); err != nil {
			return err
		}
	} else if !s.Actor.PermIn(db).Database("CREATE TABLE") {
		return raise.New(262, "CREATE TABLE", name)
	}
	if err := w.Write(db, temp); err != nil {
		return err
	}
	if !temp {
		s.Work.Defining(db)
		defer s.Work.SettleAlone()
	}
	n, err := s.into(w, f, st, into, temp)
	if err = w.Finish(err); err != nil {
		return err
	}
	s.Query.Warn(f)
	return s.Answer.Complete(st, true, n)
}

func (s *Changer) into(w *work.Statement, f *scope.Frame, st *ast.SelectStmt, into ast.ObjectName, temp bool) (int64, error) {
	if err := w.Hold.Savepoint(); err != nil {
		return 0, err
	}
	id, q, err := takeIdentity(st.Query)
	if err != nil {
		return 0, raise.Bind(err)
	}
	shape := *st
	shape.Query = q
	p, err := compile.Query(w, &shape)
	if err != nil {
		return 0, raise.Bind(err)
	}
	if err := w.Ready(p.Objects, w.Views); err != nil {
		return 0, err
	}
	if err := s.Actor.Allowed(w.Frame, p.Uses, p.Objects); err != nil {
		return 0, err
	}
	sh, err := s.Work.Known.Shared(w.Main)
	if temp {
		sh = s.Work.Temp.Shared
		if err == nil {
			err = s.Work.Temp.Attach(w.Hold.Conn)
		}
	}
	if err != nil {
		return 0, err
	}
	env := s.Define.Env(w, sh)
	columns := slices.Clone(p.Columns[:query.Visible(p.Columns)])
	if !keepsIdentity(st.Query) {
		for i := range columns {
			columns[i].Identity = false
		}
	}
	var made *ddl.NewIdentity
	if id != nil {
		q, made = id.rows(q), &id.NewIdentity
	}
	t, err := ddl.CreateFrom(w.Ctx, env, into, columns, made)
	if err != nil {
		return 0, err
	}
	if temp {
		f.Temps = append(f.Temps, t.Name)
	}
	given := id == nil || len(t.Columns) == 1
	// The rows come as those of an INSERT into the new table.
	ins := &ast.Insert{Head: st.Head, With: st.With, Target: &ast.Table{Name: into}, Query: withoutInto(q), Hints: st.Hints}
	if numbered := t.Identity(); numbered != nil {
		for _, c := range t.Columns {
			if c.Writable() && (given || c != numbered) {
				ins.Columns = append(ins.Columns, c.Name)
			}
		}
	}
	cfg := write.Config{Scope: w, IdentityInsert: func(_, table int) bool { return given && table == t.ID }}
	wp, err := write.Compile(cfg, ins)
	if err != nil {
		return 0, raise.Bind(err)
	}
	if err := w.Ready(wp.Objects, w.Views); err != nil {
		return 0, err
	}
	r, err := wp.Run(w.Ctx, s.writeRun(w, wp))
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

// keepsIdentity reports whether a new table has the identity of the one that it is made from: not behind a join, a grouping or a UNION.
func keepsIdentity(q *ast.Query) bool {
	sel, ok := q.Body.(*ast.Select)
	if !ok || len(sel.From) != 1 || sel.GroupBy != nil {
		return false
	}
	_, join := sel.From[0].(*ast.Join)
	return !join
}
