package row

import (
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/sqltype"
)

// Outputting is an OUTPUT clause at work. A nil one does nothing.
type Outputting struct {
	*Output
	x    *Execution
	into *Inserting
	conv *converter
	post []sqltype.Value
	row  []sqltype.Value
	then *Outputting
}

// Begin prepares the clause for a run; of a nil output it is nil.
func (o *Output) Begin(x *Execution) (*Outputting, error) {
	if o == nil {
		return nil, nil
	}
	w := &Outputting{Output: o, x: x}
	var err error
	if o.Into != nil {
		types := make([]sqltype.Type, len(o.items))
		for i, it := range o.items {
			types[i] = it.typ
		}
		if w.conv, err = NewConverter(o.Into.Target, o.cols, types, x.Frame.Env); err != nil {
			return nil, err
		}
		if w.into, err = o.Into.Begin(x); err != nil {
			return nil, err
		}
	}
	if o.then != nil {
		w.then, err = o.then.Begin(x)
	}
	return w, err
}

// Close ends the clause, with an error that there was already or nil.
func (w *Outputting) Close(err error) error {
	if w == nil {
		return err
	}
	if w.into != nil {
		err = w.into.Close(err)
	}
	return w.then.Close(err)
}

// Inserted gives the client the row that an inserter has just written.
func (w *Outputting) Inserted(in *Inserting) error { return w.Merged(in, nil) }

// Merged is inserted with what the statement's query computed.
func (w *Outputting) Merged(in *Inserting, main []cell.Raw) error {
	img := make([]cell.Raw, len(w.t.Table.Columns))
	for i, c := range w.t.Table.Columns {
		img[i], _ = in.value(c)
	}
	if w.Rereads() {
		if err := w.Again(img, w.x.Conn.LastInsertRowID()); err != nil {
			return err
		}
	}
	return w.Send(img, nil, "INSERT", main)
}

// Rereads reports that computed columns are read back once a row is written.
func (w *Outputting) Rereads() bool { return w.reread || w.then != nil && w.then.Rereads() }

// Again reads the computed columns of a row that was written.
func (w *Outputting) Again(img []cell.Raw, rowid int64) error {
	var cols []string
	var at []int
	for i, c := range w.t.Table.Columns {
		if c.Computed != nil {
			cols, at = append(cols, c.Quoted()), append(at, i)
		}
	}
	if len(cols) == 0 {
		return nil
	}
	st, err := w.x.Conn.Prepare("SELECT " + strings.Join(cols, ",") + " FROM " + w.t.Object.Source + " WHERE rowid=?1")
	if err != nil {
		return err
	}
	defer st.Release()
	if err := st.BindInt64(1, rowid); err != nil {
		return err
	}
	if st.Step() {
		for k, i := range at {
			img[i] = rawColumn(st, k)
		}
	}
	return st.Err()
}

// Send makes a row of OUTPUT from the images (nil where there is none) and the values that the statement's query computed.
func (w *Outputting) Send(ins, del []cell.Raw, action string, main []cell.Raw) error {
	if w == nil {
		return nil
	}
	if err := w.compute(ins, del, action); err != nil {
		return err
	}
	w.row = w.row[:0]
	for _, it := range w.items {
		v := sqltype.NullValue
		var err error
		switch {
		case it.image == insertedImage && ins != nil:
			v, err = cell.Decode(it.typ, ins[it.at])
		case it.image == deletedImage && del != nil:
			v, err = cell.Decode(it.typ, del[it.at])
		case it.image == actionImage:
			v = sqltype.NewText(sqltype.NVarChar, action)
		case it.post >= 0:
			v = w.post[it.post]
		case it.main >= 0:
			v, err = cell.Decode(it.typ, main[it.main])
		}
		if err != nil {
			return err
		}
		w.row = append(w.row, v)
	}
	if w.into == nil {
		if w.x.Row == nil {
			return nil
		}
		return w.x.Row(w.row)
	}
	row, err := w.conv.Row(w.row)
	if err != nil {
		return err
	}
	rows, has, last := w.x.Result.Rows, w.x.Result.HasIdentity, w.x.Result.Identity
	err = w.into.Add(row)
	w.x.Result.Rows, w.x.Result.HasIdentity, w.x.Result.Identity = rows, has, last
	if err != nil || w.then == nil {
		return err
	}
	return w.then.Send(ins, del, action, main[min(len(w.main), len(main)):])
}

// compute runs the query over the images.
func (w *Outputting) compute(ins, del []cell.Raw, action string) error {
	if w.Output.post == nil {
		return nil
	}
	st, err := w.x.Open(w.Output.post)
	if err != nil {
		return err
	}
	defer st.Release()
	i := len(w.Output.post.Params)
	bind := func(img []cell.Raw) {
		for k := range w.t.Table.Columns {
			i++
			r := cell.Raw{}
			if img != nil {
				r = img[k]
			}
			if err == nil {
				err = st.BindRaw(i, r)
			}
		}
	}
	text := w.Output.post.SQL
	if strings.Contains(text, "AS "+insertedAlias) {
		bind(ins)
	}
	if strings.Contains(text, "AS "+deletedAlias) {
		bind(del)
	}
	if strings.Contains(text, "AS "+ActionAlias) && err == nil {
		err = st.BindText(i+1, action)
	}
	if err != nil {
		return err
	}
	w.post = w.post[:0]
	if st.Step() {
		n := 0
		for _, it := range w.items {
			if it.post < 0 {
				continue
			}
			v, err := cell.Decode(it.typ, rawColumn(st, n))
			if err != nil {
				return err
			}
			w.post = append(w.post, v)
			n++
		}
	}
	return st.Err()
}
