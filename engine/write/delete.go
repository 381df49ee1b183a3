package write

import (
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write/row"
)

// deletion is a compiled DELETE.
type deletion struct {
	*row.Target
	direct *plan.Plan // the whole statement in one step; nil where that cannot be
	source *plan.Plan // rowid, the old row (if whole), the output's values
	whole  bool
	joined bool
	output *row.Output
	mains  int
	sql    string
}

func compileDelete(c row.Config, st *ast.Delete) (*Plan, error) {
	s, f, err := compileFrom(c, st.Pos, st.With, st.Target, st.From, "DELETE")
	if err != nil {
		return nil, err
	}
	if err := s.Hints(st.Hints); err != nil {
		return nil, err
	}
	t, src := f.Target, f.src
	where, err := s.Condition(st.Where)
	if err != nil {
		return nil, err
	}
	limit, err := s.Top(st.Top)
	if err != nil {
		return nil, err
	}
	f.need(s, "DELETE")
	d := &deletion{Target: t, joined: f.joined, sql: "DELETE FROM " + t.Object.Source + " WHERE rowid=?1"}
	p := &Plan{Table: t.Table, run: d.run}
	if st.Output != nil {
		if d.output, err = row.CompileOutput(c, s, st.Output, t, nil, "DELETE"); err != nil {
			return nil, err
		}
		p.Columns = d.output.Client()
		d.whole = true
	}
	f.reads(s, d.output)
	rowid := src.Alias + ".rowid"
	list := []string{rowid}
	if d.whole {
		for _, col := range t.Table.Columns {
			list = append(list, src.Alias+"."+col.Quoted())
		}
	}
	mains, err := d.output.MainSQL(src.Alias, row.Set{})
	if err != nil {
		return nil, err
	}
	list = append(list, mains...)
	d.mains = len(mains)
	cond := where.SQL
	if d.joined {
		cond = "(" + cond + ") AND " + rowid + " IS NOT NULL"
	}
	d.source, err = s.Plan(apart("SELECT "+strings.Join(list, ",")+" FROM "+f.text+" WHERE "+cond+limitText(limit)), nil)
	if err != nil {
		return nil, err
	}
	if !d.joined && f.via == nil && st.With == nil && st.Output == nil && st.Top == nil && where.Flags&(bound.HasSubquery|bound.HasVolatile) == 0 {
		text := "DELETE FROM " + t.Object.Source + " AS " + src.Alias
		if st.Where != nil {
			text += " WHERE " + where.SQL
		}
		if d.direct, err = s.Plan(text, nil); err != nil {
			return nil, err
		}
	}
	p.use(t.Object, d.source, d.output)
	return p, nil
}

func (d *deletion) run(x *row.Execution) error {
	if d.direct != nil && x.Left < 0 {
		st, err := x.Open(d.direct)
		if err != nil {
			return err
		}
		defer st.Release()
		err = st.Exec()
		if row.IsForeign(err) {
			return x.Foreign(d.Target, "DELETE", func() error { return st.Exec() })
		}
		if err != nil {
			return x.Violation(d.Target, "DELETE", err, nil)
		}
		x.Result.Rows = x.Conn.Changes()
		return nil
	}
	return x.Atomic(func() error {
		if d.SelfReferencing() {
			return x.Deferred(d.Target, "DELETE", func() error { return d.rows(x) })
		}
		return d.rows(x)
	})
}

func (d *deletion) rows(x *row.Execution) error {
	out, err := d.output.Begin(x)
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	err = x.Each(d.source, func(cells []cell.Raw) error {
		id := cells[0].I
		if d.joined {
			if seen[id] {
				return nil
			}
			seen[id] = true
		}
		if !x.Take() {
			return row.ErrEnough
		}
		if err := x.DeleteRow(d.Target, "DELETE", id, d.sql); err != nil {
			return err
		}
		x.Result.Rows++
		if out == nil {
			return nil
		}
		n := len(d.Table.Columns)
		return out.Send(nil, cells[1:1+n], "DELETE", cells[1+n:])
	})
	if errors.Is(err, row.ErrEnough) {
		err = nil
	}
	return out.Close(err)
}

// compileTruncate compiles TRUNCATE TABLE: messages 4701, 4708 and 4712.
func compileTruncate(c row.Config, st *ast.Truncate) (*Plan, error) {
	if st.Partitions != "" {
		return nil, plan.Unsupported("TRUNCATE TABLE WITH PARTITIONS", st.Pos)
	}
	o, err := c.Scope.Object(st.Table)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, row.Message(4701, st.Table.Name())
	}
	if ref := binding.Of(o); ref == nil || ref.Table() == nil {
		return nil, row.Message(4708, st.Table.Name())
	}
	t, err := row.NewTarget(o, "TRUNCATE TABLE", st.Pos)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.Snap.Incoming(t.Table.ID), func(f *schema.ForeignKey) bool { return f.Parent != t.Table.ID }) {
		return nil, msg.New(4712, st.Table.String())
	}
	return &Plan{
		Table: t.Table, Objects: []*plan.Object{o}, Uses: []plan.Use{{Object: o, Permission: "ALTER"}},
		run: func(x *row.Execution) error { return x.Atomic(func() error { return truncate(x, t) }) },
	}, nil
}

func truncate(x *row.Execution, t *row.Target) error {
	was, err := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY)
	if err != nil {
		return err
	}
	if _, err := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, false); err != nil {
		return err
	}
	err = x.Do("DELETE FROM " + t.Object.Source)
	if _, on := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, was); on != nil {
		err = errors.Join(err, on)
	}
	if err == nil {
		err = t.Shared().Reset(x.Conn, t.Table)
	}
	return err
}
