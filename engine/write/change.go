package write

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"

	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// rowChange is one row of an UPDATE.
type rowChange struct {
	rowid   int64
	values  []cell.Raw
	version cell.Raw
	old     []cell.Raw // the row before, if the statement has to know it
	main    []cell.Raw
}

// rows runs an UPDATE row by row. Where a key is written, a duplicate may be of a row that the statement has yet to change: then it is
// done again in two phases.
func (u *update) rows(x *execution) error {
	left := x.left
	err := x.nested(func() error { return u.onePass(x) })
	var v *duplicateOnTheWay
	if !errors.As(err, &v) {
		return err
	}
	x.left = left
	x.result = Result{}
	return u.twoPhases(x)
}

// nested is a savepoint inside that of the statement.
func (x *execution) nested(f func() error) error {
	if err := x.exec("SAVEPOINT latchkey_pass"); err != nil {
		return err
	}
	err := f()
	if err != nil && !x.Conn.GetAutocommit() {
		return single(errors.Join(err, x.exec("ROLLBACK TO latchkey_pass"), x.exec("RELEASE latchkey_pass")))
	}
	if err != nil {
		return err
	}
	return x.exec("RELEASE latchkey_pass")
}

// duplicateOnTheWay is a duplicate of a statement that changes more than one row.
type duplicateOnTheWay struct{ err error }

func (d *duplicateOnTheWay) Error() string { return d.err.Error() }
func (d *duplicateOnTheWay) Unwrap() error { return d.err }

// split takes a row of the statement's query apart. It copies.
func (u *update) split(row []cell.Raw) rowChange {
	r := rowChange{rowid: row[0].I}
	n := 1
	r.values = slices.Clone(row[n : n+len(u.columns)])
	n += len(u.columns) + len(u.vars)
	if u.whole {
		r.old = slices.Clone(row[n : n+len(u.table.Columns)])
		n += len(u.table.Columns)
	}
	r.main = slices.Clone(row[n : n+u.mains])
	return r
}

// each visits the rows to be changed: once each, also if they are joined to many.
func (u *update) each(x *execution, visit func(row []cell.Raw) error) error {
	seen := map[int64]bool{}
	err := x.each(u.source, func(row []cell.Raw) error {
		if u.joined {
			if seen[row[0].I] {
				return nil
			}
			seen[row[0].I] = true
		}
		if !x.take() {
			return errEnough
		}
		return visit(row)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (u *update) onePass(x *execution) error {
	out, err := u.output.begin(x)
	if err != nil {
		return err
	}
	var held []rowChange // rows for OUTPUT, which the client gets when no second pass can follow
	var last []cell.Raw
	err = u.each(x, func(row []cell.Raw) error {
		if len(u.vars) > 0 {
			last = slices.Clone(row[1+len(u.columns) : 1+len(u.columns)+len(u.vars)])
		}
		x.result.Rows++
		if len(u.columns) == 0 && u.table.RowVersion() == nil {
			return nil
		}
		r := u.split(row)
		var err error
		if r.version, err = u.apply.newVersion(x); err != nil {
			return err
		}
		if err := u.apply.write(x, "UPDATE", r.rowid, r.values, r.version); err != nil {
			return u.failed(x, r, err)
		}
		if out == nil {
			return nil
		}
		if u.apply.keys {
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
	return out.close(err)
}

// failed names what a row broke. A duplicate of a key that is written may go away by itself.
func (u *update) failed(x *execution, r rowChange, err error) error {
	var v *lite.Constraint
	if errors.As(err, &v) && (v.Kind == lite.Unique || v.Kind == lite.RowID) && u.apply.keys {
		return &duplicateOnTheWay{x.violation(u.target, "UPDATE", err, u.apply.value(x, r.rowid, r.values))}
	}
	return x.violation(u.target, "UPDATE", err, u.apply.value(x, r.rowid, r.values))
}

// send gives OUTPUT a row that was changed.
func (u *update) send(out *outputting, r rowChange) error {
	img := slices.Clone(r.old)
	for i, c := range u.table.Columns {
		for k, w := range u.columns {
			if w == c {
				img[i] = r.values[k]
			}
		}
		if c == u.apply.version {
			img[i] = r.version
		}
	}
	if out.rereads() {
		id := r.rowid
		if u.apply.rowID >= 0 {
			id = r.values[u.apply.rowID].I
		}
		if err := out.again(img, id); err != nil {
			return err
		}
	}
	return out.send(img, r.old, "UPDATE", r.main)
}

// assign sets the variables to the values of the last row.
func (u *update) assign(x *execution, last []cell.Raw) error {
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
func (u *update) twoPhases(x *execution) error {
	var rows []rowChange
	var last []cell.Raw
	err := u.each(x, func(row []cell.Raw) error {
		if len(u.vars) > 0 {
			last = slices.Clone(row[1+len(u.columns) : 1+len(u.columns)+len(u.vars)])
		}
		rows = append(rows, u.split(row))
		return nil
	})
	if err != nil {
		return err
	}
	return x.deferred(u.target, "UPDATE", func() error {
		if err := u.apply.park(x, rows); err != nil {
			return err
		}
		out, err := u.output.begin(x)
		if err != nil {
			return err
		}
		for _, r := range rows {
			x.result.Rows++
			parked := r.rowid
			if u.apply.rowID >= 0 {
				parked = r.main[len(r.main)-1].I
				r.main = r.main[:len(r.main)-1]
			}
			if r.version, err = u.apply.newVersion(x); err == nil {
				err = u.apply.write(x, "UPDATE", parked, r.values, r.version)
			}
			if err != nil {
				err = x.violation(u.target, "UPDATE", err, u.apply.value(x, parked, r.values))
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
		return out.close(err)
	})
}

// park gives the keys of rows random values. Where the rowid is a key, the one that a row got is added to its main cells.
func (u *updater) park(x *execution, rows []rowChange) error {
	if err := x.exec("PRAGMA ignore_check_constraints=ON"); err != nil {
		return err
	}
	cols := u.keyColumns()
	err := func() error {
		for i := range rows {
			r := &rows[i]
			sql := "UPDATE " + u.object.Source + " SET "
			for k, c := range cols {
				if k > 0 {
					sql += ","
				}
				sql += c.Quoted() + "=?" + strconv.Itoa(k+1)
			}
			st, err := x.Conn.Prepare(sql + " WHERE rowid=?" + strconv.Itoa(len(cols)+1))
			if err != nil {
				return err
			}
			for k, c := range cols {
				v := parkValue(c.Type)
				if c == u.table.RowID {
					r.main = append(r.main, v)
				}
				if err == nil {
					err = bindRaw(st, k+1, v)
				}
			}
			if err == nil {
				err = st.BindInt64(len(cols)+1, r.rowid)
			}
			if err == nil {
				err = st.Exec()
			}
			st.Release()
			if err != nil {
				return x.violation(u.target, "UPDATE", err, nil)
			}
		}
		return nil
	}()
	return single(errors.Join(err, x.exec("PRAGMA ignore_check_constraints=OFF")))
}

// keyColumns are the columns of unique keys that are written.
func (u *updater) keyColumns() []*schema.Column {
	var out []*schema.Column
	for _, k := range uniqueKeys(u.table) {
		for _, x := range k {
			for _, c := range u.columns {
				if c.ID == x.Column && !slices.Contains(out, c) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// parkValue is a value that no row has, by chance of 1 in 2^62 and less. Only SQLite ever sees it: it need not be one of the type's.
func parkValue(t sqltype.Type) cell.Raw {
	n := -int64(rand.Uint64()>>2) - 1
	switch cell.StorageOf(t) {
	case cell.Integer:
		return cell.Raw{Storage: cell.Integer, I: n}
	case cell.Real:
		return cell.Raw{Storage: cell.Real, F: float64(n)}
	case cell.Text:
		return cell.Raw{Storage: cell.Text, S: strconv.FormatInt(n, 36) + strconv.FormatUint(rand.Uint64(), 36)}
	}
	return cell.Raw{Storage: cell.Blob, S: strconv.FormatInt(n, 36) + strconv.FormatUint(rand.Uint64(), 36)}
}
