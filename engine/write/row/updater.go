package row

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// RowChange is one row of an UPDATE.
type RowChange struct {
	ID      int64 // its rowid
	Values  []cell.Raw
	Version cell.Raw
	Old     []cell.Raw // the row before, if the statement has to know it
	Main    []cell.Raw
}

// Updater writes new values into rows.
type Updater struct {
	*Target
	columns []*schema.Column
	sql     string
	Version *schema.Column
	// rowID is the place of the rowid's column among columns, -1 if it is not written.
	RowID int
	// keys reports that a unique key has a column that is written.
	Keys bool
}

// NewUpdater makes an updater of columns.
func NewUpdater(c Config, t *Target, columns []*schema.Column) (*Updater, error) {
	if err := t.compileChecks(c); err != nil {
		return nil, err
	}
	u := &Updater{Target: t, columns: columns, Version: t.Table.RowVersion(), RowID: -1}
	written := map[int]bool{}
	var sets []string
	for i, c := range columns {
		written[c.ID] = true
		sets = append(sets, c.Quoted()+"=?"+strconv.Itoa(i+1))
		if c == t.Table.RowID {
			u.RowID = i
		}
	}
	n := len(columns)
	if u.Version != nil {
		n++
		sets = append(sets, u.Version.Quoted()+"=?"+strconv.Itoa(n))
	}
	u.sql = "UPDATE " + t.Object.Source + " SET " + strings.Join(sets, ",") + " WHERE rowid=?" + strconv.Itoa(n+1)
	for _, k := range uniqueKeys(t.Table) {
		for _, x := range k {
			c := t.Table.ColumnByID(x.Column)
			u.Keys = u.Keys || written[x.Column] || c.Computed != nil
		}
	}
	return u, nil
}

// uniqueKeys are the columns of all that is unique.
func uniqueKeys(t *schema.Table) [][]schema.KeyColumn {
	var out [][]schema.KeyColumn
	for _, k := range t.Keys() {
		out = append(out, k.Columns)
	}
	for _, x := range t.Indexes {
		if x.Unique && !x.Disabled {
			out = append(out, x.Columns)
		}
	}
	return out
}

// Write changes one row; version is the row's new one. It gives the cells that the row has afterwards, beyond the old ones.
func (u *Updater) Write(x *Execution, verb string, rowid int64, vals []cell.Raw, version cell.Raw) error {
	if u.RowID >= 0 && vals[u.RowID].Storage == cell.Null {
		return Message(515, u.columns[u.RowID].Name, u.full, verb)
	}
	st, err := x.Conn.Prepare(u.sql)
	if err != nil {
		return err
	}
	defer st.Release()
	n := 0
	for _, r := range vals[:len(u.columns)] {
		n++
		if err := st.BindRaw(n, r); err != nil {
			return err
		}
	}
	if u.Version != nil {
		n++
		if err := st.BindRaw(n, version); err != nil {
			return err
		}
	}
	if err := st.BindInt64(n+1, rowid); err != nil {
		return err
	}
	err = st.Exec()
	if IsForeign(err) {
		return x.Foreign(u.Target, verb, func() error { return st.Exec() })
	}
	if err == nil {
		if u.RowID >= 0 {
			rowid = vals[u.RowID].I
		}
		err = x.check(u.Target, verb, rowid)
	}
	return err
}

// Value is the new cell of a column: written now, or read from the row as it is.
func (u *Updater) Value(x *Execution, rowid int64, vals []cell.Raw) func(*schema.Column) (cell.Raw, bool) {
	return func(c *schema.Column) (cell.Raw, bool) {
		for i, w := range u.columns {
			if w == c {
				return vals[i], true
			}
		}
		st, err := x.Conn.Prepare("SELECT " + c.Quoted() + " FROM " + u.Object.Source + " WHERE rowid=?1")
		if err != nil {
			return cell.Raw{}, false
		}
		defer st.Release()
		if st.BindInt64(1, rowid) == nil && st.Step() {
			return rawColumn(st, 0), true
		}
		return cell.Raw{}, false
	}
}

// NewVersion is the next row version for a table that has one.
func (u *Updater) NewVersion(x *Execution) (cell.Raw, error) {
	if u.Version == nil {
		return cell.Raw{}, nil
	}
	n, err := u.Shared().RowVersions(x.Conn, 1)
	return versionCell(n), err
}

// Park gives the keys of rows random values. Where the rowid is a key, the one that a row got is added to its main cells.
func (u *Updater) Park(x *Execution, rows []RowChange) error {
	if err := x.Do("PRAGMA ignore_check_constraints=ON"); err != nil {
		return err
	}
	cols := u.keyColumns()
	err := func() error {
		for i := range rows {
			r := &rows[i]
			sql := "UPDATE " + u.Object.Source + " SET "
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
				if c == u.Table.RowID {
					r.Main = append(r.Main, v)
				}
				if err == nil {
					err = st.BindRaw(k+1, v)
				}
			}
			if err == nil {
				err = st.BindInt64(len(cols)+1, r.ID)
			}
			if err == nil {
				err = st.Exec()
			}
			st.Release()
			if err != nil {
				return x.Violation(u.Target, "UPDATE", err, nil)
			}
		}
		return nil
	}()
	return single(errors.Join(err, x.Do("PRAGMA ignore_check_constraints=OFF")))
}

// keyColumns are the columns of unique keys that are written.
func (u *Updater) keyColumns() []*schema.Column {
	var out []*schema.Column
	for _, k := range uniqueKeys(u.Table) {
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

// DeleteRow deletes one row by its rowid.
func (x *Execution) DeleteRow(t *Target, verb string, rowid int64, sql string) error {
	st, err := x.Conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	if err := st.BindInt64(1, rowid); err != nil {
		return err
	}
	err = st.Exec()
	if IsForeign(err) {
		return x.Foreign(t, verb, func() error { return st.Exec() })
	}
	return x.Violation(t, verb, err, nil)
}
