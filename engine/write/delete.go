package write

import (
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
)

// deletion is a compiled DELETE.
type deletion struct {
	*target
	direct *plan.Plan // the whole statement in one step; nil where that cannot be
	source *plan.Plan // rowid, the old row (if whole), the output's values
	whole  bool
	joined bool
	output *output
	mains  int
	sql    string
}

func compileDelete(c Config, st *ast.Delete) (*Plan, error) {
	s := compile.NewStatement(c.Scope, st.Pos)
	if err := s.Hints(st.Hints); err != nil {
		return nil, err
	}
	t, src, from, err := compileFrom(s, st.With, st.Target, st.From, "DELETE")
	if err != nil {
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
	s.Need(src.Object, "DELETE")
	d := &deletion{target: t, joined: len(st.From) > 0, sql: "DELETE FROM " + t.object.Source + " WHERE rowid=?1"}
	p := &Plan{Table: t.table, run: d.run}
	if st.Output != nil {
		if d.output, err = compileOutput(c, s, st.Output, t, nil, "DELETE"); err != nil {
			return nil, err
		}
		p.Columns = d.output.client()
		d.whole = true
	}
	rowid := src.Alias + ".rowid"
	list := []string{rowid}
	if d.whole {
		for _, col := range t.table.Columns {
			list = append(list, src.Alias+"."+col.Quoted())
		}
	}
	mains, err := d.output.mainSQL(src.Alias, set{})
	if err != nil {
		return nil, err
	}
	list = append(list, mains...)
	d.mains = len(mains)
	cond := where.SQL
	if d.joined {
		cond = "(" + cond + ") AND " + rowid + " IS NOT NULL"
	}
	d.source, err = s.Plan(apart("SELECT "+strings.Join(list, ",")+" FROM "+from+" WHERE "+cond+limitText(limit)), nil)
	if err != nil {
		return nil, err
	}
	if !d.joined && st.With == nil && st.Output == nil && st.Top == nil && where.Flags&(bound.HasSubquery|bound.HasVolatile) == 0 {
		text := "DELETE FROM " + t.object.Source + " AS " + src.Alias
		if st.Where != nil {
			text += " WHERE " + where.SQL
		}
		if d.direct, err = s.Plan(text, nil); err != nil {
			return nil, err
		}
	}
	p.use(t.object, d.source, d.output)
	return p, nil
}

func (d *deletion) run(x *execution) error {
	if d.direct != nil && x.left < 0 {
		st, err := x.open(d.direct)
		if err != nil {
			return err
		}
		defer st.Release()
		err = st.Exec()
		if isForeign(err) {
			return x.foreign(d.target, "DELETE", func() error { return st.Exec() })
		}
		if err != nil {
			return x.violation(d.target, "DELETE", err, nil)
		}
		x.result.Rows = x.Conn.Changes()
		return nil
	}
	return x.atomic(func() error {
		if d.selfReferencing() {
			return x.deferred(d.target, "DELETE", func() error { return d.rows(x) })
		}
		return d.rows(x)
	})
}

func (d *deletion) rows(x *execution) error {
	out, err := d.output.begin(x)
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	err = x.each(d.source, func(row []cell.Raw) error {
		id := row[0].I
		if d.joined {
			if seen[id] {
				return nil
			}
			seen[id] = true
		}
		if !x.take() {
			return errEnough
		}
		if err := d.deleteRow(x, d.target, "DELETE", id, d.sql); err != nil {
			return err
		}
		x.result.Rows++
		if out == nil {
			return nil
		}
		n := len(d.table.Columns)
		return out.send(nil, row[1:1+n], "DELETE", row[1+n:])
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out.close(err)
}

// deleteRow deletes one row by its rowid.
func (*deletion) deleteRow(x *execution, t *target, verb string, rowid int64, sql string) error {
	st, err := x.Conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	if err := st.BindInt64(1, rowid); err != nil {
		return err
	}
	err = st.Exec()
	if isForeign(err) {
		return x.foreign(t, verb, func() error { return st.Exec() })
	}
	return x.violation(t, verb, err, nil)
}

// compileTruncate compiles TRUNCATE TABLE: messages 4701, 4708 and 4712.
func compileTruncate(c Config, st *ast.Truncate) (*Plan, error) {
	if st.Partitions != "" {
		return nil, plan.Unsupported("TRUNCATE TABLE WITH PARTITIONS", st.Pos)
	}
	o, err := c.Scope.Object(st.Table)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, sqlError(4701, st.Table.Name())
	}
	if ref := binding.Of(o); ref == nil || ref.Table() == nil {
		return nil, sqlError(4708, st.Table.Name())
	}
	t, err := newTarget(o, "TRUNCATE TABLE", st.Pos)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.snap.Incoming(t.table.ID), func(f *schema.ForeignKey) bool { return f.Parent != t.table.ID }) {
		return nil, msg.New(4712, st.Table.String())
	}
	return &Plan{
		Table: t.table, Objects: []*plan.Object{o}, Uses: []plan.Use{{Object: o, Permission: "ALTER"}},
		run: func(x *execution) error { return x.atomic(func() error { return truncate(x, t) }) },
	}, nil
}

func truncate(x *execution, t *target) error {
	was, err := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY)
	if err != nil {
		return err
	}
	if _, err := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, false); err != nil {
		return err
	}
	err = x.exec("DELETE FROM " + t.object.Source)
	if _, on := x.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, was); on != nil {
		err = errors.Join(err, on)
	}
	if err == nil {
		err = t.shared().Reset(x.Conn, t.table)
	}
	return err
}
