package write

import (
	"errors"
	"slices"

	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/write/row"
)

// rows runs an UPDATE row by row. Where a key is written, a duplicate may be of a row that the statement has yet to change: then it is
// done again in two phases.
func (u *update) rows(x *row.Execution) error {
	left := x.Left
	err := x.Nested(func() error { return u.onePass(x) })
	var v *duplicateOnTheWay
	if !errors.As(err, &v) {
		return err
	}
	x.Left = left
	x.Result = row.Result{}
	return u.twoPhases(x)
}

// duplicateOnTheWay is a duplicate of a statement that changes more than one row.
type duplicateOnTheWay struct{ err error }

func (d *duplicateOnTheWay) Error() string { return d.err.Error() }
func (d *duplicateOnTheWay) Unwrap() error { return d.err }

// split takes a row of the statement's query apart. It copies.
func (u *update) split(cells []cell.Raw) row.RowChange {
	r := row.RowChange{ID: cells[0].I}
	n := 1
	r.Values = slices.Clone(cells[n : n+len(u.columns)])
	n += len(u.columns) + len(u.vars)
	if u.whole {
		r.Old = slices.Clone(cells[n : n+len(u.Table.Columns)])
		n += len(u.Table.Columns)
	}
	r.Main = slices.Clone(cells[n : n+u.mains])
	return r
}

// each visits the rows to be changed: once each, also if they are joined to many.
func (u *update) each(x *row.Execution, visit func(cells []cell.Raw) error) error {
	seen := map[int64]bool{}
	err := x.Each(u.source, func(cells []cell.Raw) error {
		if u.joined {
			if seen[cells[0].I] {
				return nil
			}
			seen[cells[0].I] = true
		}
		if !x.Take() {
			return row.ErrEnough
		}
		return visit(cells)
	})
	if errors.Is(err, row.ErrEnough) {
		return nil
	}
	return err
}

func (u *update) onePass(x *row.Execution) error {
	out, err := u.output.Begin(x)
	if err != nil {
		return err
	}
	var held []row.RowChange // rows for OUTPUT, which the client gets when no second pass can follow
	var last []cell.Raw
	err = u.each(x, func(cells []cell.Raw) error {
		if len(u.vars) > 0 {
			last = slices.Clone(cells[1+len(u.columns) : 1+len(u.columns)+len(u.vars)])
		}
		x.Result.Rows++
		if len(u.columns) == 0 && u.Table.RowVersion() == nil {
			return nil
		}
		r := u.split(cells)
		var err error
		if r.Version, err = u.apply.NewVersion(x); err != nil {
			return err
		}
		if err := u.apply.Write(x, "UPDATE", r.ID, r.Values, r.Version); err != nil {
			return u.failed(x, r, err)
		}
		if out == nil {
			return nil
		}
		if u.apply.Keys {
			held = append(held, r)
			return nil
		}
		return u.send(out, r)
	})
	for _, r := range held {
		if err == nil {
			err = u.send(out, r)
		}
	}
	if err == nil {
		err = u.assign(x, last)
	}
	return out.Close(err)
}

// failed names what a row broke. A duplicate of a key that is written may go away by itself.
func (u *update) failed(x *row.Execution, r row.RowChange, err error) error {
	var v *lite.Constraint
	if errors.As(err, &v) && (v.Kind == lite.Unique || v.Kind == lite.RowID) && u.apply.Keys {
		return &duplicateOnTheWay{x.Violation(u.Target, "UPDATE", err, u.apply.Value(x, r.ID, r.Values))}
	}
	return x.Violation(u.Target, "UPDATE", err, u.apply.Value(x, r.ID, r.Values))
}

// send gives OUTPUT a row that was changed.
func (u *update) send(out *row.Outputting, r row.RowChange) error {
	img := slices.Clone(r.Old)
	for i, c := range u.Table.Columns {
		for k, w := range u.columns {
			if w == c {
				img[i] = r.Values[k]
			}
		}
		if c == u.apply.Version {
			img[i] = r.Version
		}
	}
	if out.Rereads() {
		id := r.ID
		if u.apply.RowID >= 0 {
			id = r.Values[u.apply.RowID].I
		}
		if err := out.Again(img, id); err != nil {
			return err
		}
	}
	return out.Send(img, r.Old, "UPDATE", r.Main)
}

// assign sets the variables to the values of the last row.
func (u *update) assign(x *row.Execution, last []cell.Raw) error {
	for i, r := range last {
		v, err := cell.Decode(u.vars[i].typ, r)
		if err != nil {
			return err
		}
		if x.Set == nil {
			continue
		}
		if err := x.Set(u.vars[i].name, v); err != nil {
			return err
		}
	}
	return nil
}

// twoPhases gives the rows keys that nobody has, then those that they are to have. The rows are in memory meanwhile.
func (u *update) twoPhases(x *row.Execution) error {
	var rows []row.RowChange
	var last []cell.Raw
	err := u.each(x, func(cells []cell.Raw) error {
		if len(u.vars) > 0 {
			last = slices.Clone(cells[1+len(u.columns) : 1+len(u.columns)+len(u.vars)])
		}
		rows = append(rows, u.split(cells))
		return nil
	})
	if err != nil {
		return err
	}
	return x.Deferred(u.Target, "UPDATE", func() error {
		if err := u.apply.Park(x, rows); err != nil {
			return err
		}
		out, err := u.output.Begin(x)
		if err != nil {
			return err
		}
		for _, r := range rows {
			x.Result.Rows++
			parked := r.ID
			if u.apply.RowID >= 0 {
				parked = r.Main[len(r.Main)-1].I
				r.Main = r.Main[:len(r.Main)-1]
			}
			if r.Version, err = u.apply.NewVersion(x); err == nil {
				err = u.apply.Write(x, "UPDATE", parked, r.Values, r.Version)
			}
			if err != nil {
				err = x.Violation(u.Target, "UPDATE", err, u.apply.Value(x, parked, r.Values))
			} else if out != nil {
				err = u.send(out, r)
			}
			if err != nil {
				break
			}
		}
		if err == nil {
			err = u.assign(x, last)
		}
		return out.Close(err)
	})
}
