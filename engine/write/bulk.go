package write

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write/row"
)

// BulkOptions are the options of INSERT BULK. The zero value is SQL Server's default, but for one thing: CHECK and FOREIGN KEY constraints
// are always checked here. Defaults replace NULL, identity values of the client are ignored.
type BulkOptions struct {
	// CheckConstraints is accepted and changes nothing: constraints are always checked, so that they stay trusted.
	CheckConstraints bool
	KeepNulls        bool
	KeepIdentity     bool
	FireTriggers     bool // there are none
}

// BulkColumn is a column that a client announces.
type BulkColumn struct {
	Name string
	Type sqltype.Type
}

// Bulk inserts rows that a client sends, inside the transaction of the connection, all or none. next gives a row, false at the end; it
// may use the slice again. Columns are found by name; those that are not announced get their default.
func Bulk(ctx context.Context, c row.Config, r row.Run, target ast.ObjectName, columns []BulkColumn, o BulkOptions, next func() ([]sqltype.Value, bool, error)) (row.Result, error) {
	obj, err := c.Scope.Object(target)
	if err != nil {
		return row.Result{}, err
	}
	if obj == nil {
		return row.Result{}, msg.New(208, target.String())
	}
	t, err := row.NewTarget(obj, "INSERT BULK", target.Pos)
	if err != nil {
		return row.Result{}, err
	}
	b := &bulk{options: o}
	for i, col := range columns {
		x := t.Snap.Column(t.Table, col.Name)
		switch {
		case x == nil:
			return row.Result{}, plan.Fail(target.Pos, 207, col.Name)
		case x.Computed != nil:
			return row.Result{}, plan.Fail(target.Pos, 271, x.Name)
		case x.Identity != nil && !o.KeepIdentity, x.Type.Kind == sqltype.RowVersion:
			continue // what the client says counts for nothing
		}
		b.columns, b.from, b.types = append(b.columns, x), append(b.from, i), append(b.types, col.Type)
	}
	if b.into, err = row.NewInserter(c, t, b.columns, row.BulkVerb); err != nil {
		return row.Result{}, err
	}
	x := row.NewExecution(ctx, r)
	err = x.Atomic(func() error {
		if t.SelfReferencing() {
			return x.Deferred(t, "INSERT", func() error { return b.run(x, next) })
		}
		return b.run(x, next)
	})
	return x.Result, err
}

// bulk is a bulk load under way.
type bulk struct {
	options BulkOptions
	into    *row.Inserter
	columns []*schema.Column
	from    []int // places in the client's rows
	types   []sqltype.Type
}

func (b *bulk) run(x *row.Execution, next func() ([]sqltype.Value, bool, error)) error {
	k, err := row.NewConverter(b.into.Target, b.columns, b.types, x.Frame.Env)
	if err != nil {
		return err
	}
	fill := b.defaults()
	w, err := b.into.Begin(x)
	if err != nil {
		return err
	}
	vals := make([]sqltype.Value, len(b.columns))
	for {
		sent, ok, err := next()
		if err != nil || !ok {
			return w.Close(err)
		}
		for i, f := range b.from {
			vals[i] = sent[f]
		}
		cells, err := k.Row(vals)
		if err == nil {
			for i, f := range fill {
				if f != nil && cells[i].Storage == cell.Null {
					if cells[i], err = x.Eval(f, b.columns[i].Type); err != nil {
						break
					}
				}
			}
		}
		if err == nil {
			err = w.Add(cells)
		}
		if err != nil {
			return w.Close(err)
		}
	}
}

// defaults are what takes the place of NULL, by column; nil where NULL stays.
func (b *bulk) defaults() []plan.Eval {
	out := make([]plan.Eval, len(b.columns))
	if b.options.KeepNulls {
		return out
	}
	for i, c := range b.columns {
		out[i] = b.into.Evals[c.ID]
	}
	return out
}
