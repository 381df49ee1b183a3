package row

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/token"
)

// from says where a column of a new row has its cell from.
type from uint8

const (
	given     from = iota // from the row's source
	byDefault             // computed for each row
	byOnce                // computed once for the statement
	identity              // counted
	version               // the next row version
	null
)

// slot is a column that an INSERT statement names.
type slot struct {
	column *schema.Column
	from   from
	given  int // place in the source's row
	eval   plan.Eval
}

// Inserter puts rows into a table: it adds what the source of a row does not give. It is immutable.
type Inserter struct {
	*Target
	verb  string
	slots []slot
	sql   string
	// place of a column in slots, by column id.
	place map[int]int
	// evals compute the defaults of columns that are given, by column id: a bulk load's NULL takes them.
	Evals map[int]plan.Eval
}

// bulkVerb asks newInserter for the defaults of columns that are given; rows are an INSERT's.
const BulkVerb = "INSERT BULK"

// NewInserter makes an inserter for rows that give the columns listed, in that order.
func NewInserter(c Config, t *Target, columns []*schema.Column, verb string) (*Inserter, error) {
	in := &Inserter{Target: t, verb: verb, place: map[int]int{}, Evals: map[int]plan.Eval{}}
	at := map[int]int{}
	for i, col := range columns {
		at[col.ID] = i
	}
	if verb == BulkVerb {
		in.verb = "INSERT"
	}
	if err := t.compileChecks(c); err != nil {
		return nil, err
	}
	s := compile.NewStatement(c.Scope, token.Pos{})
	for _, col := range t.Table.Columns {
		if col.Computed != nil {
			continue
		}
		sl := slot{column: col}
		i, is := at[col.ID]
		switch {
		case col.Type.Kind == sqltype.RowVersion:
			sl.from = version
		case is:
			sl.given = i
			if verb == BulkVerb && col.Default != nil {
				d, err := t.DefaultOf(s, col)
				if err != nil {
					return nil, err
				}
				in.Evals[col.ID] = d.Eval
			}
		case col.Identity != nil:
			sl.from = identity
		case col.Default != nil:
			d, err := t.DefaultOf(s, col)
			if err != nil {
				return nil, err
			}
			switch {
			case d.Eval == nil:
				return nil, plan.Unsupported("default of column "+col.Name, token.Pos{})
			case d.Early():
				sl.from = byOnce
			default:
				sl.from = byDefault
			}
			sl.eval = d.Eval
		case col == t.Table.RowID || !col.Type.Nullable:
			sl.from = null
		default:
			continue
		}
		in.place[col.ID] = len(in.slots)
		in.slots = append(in.slots, sl)
	}
	cols, marks := make([]string, len(in.slots)), make([]string, len(in.slots))
	for i, sl := range in.slots {
		cols[i], marks[i] = sl.column.Quoted(), "?"+strconv.Itoa(i+1)
	}
	in.sql = "INSERT INTO " + t.Object.Source
	if len(cols) == 0 {
		in.sql += " DEFAULT VALUES"
	} else {
		in.sql += "(" + strings.Join(cols, ",") + ") VALUES(" + strings.Join(marks, ",") + ")"
	}
	return in, nil
}

// Inserting is an inserter at work on a connection. Close it.
type Inserting struct {
	*Inserter
	x     *Execution
	st    *lite.Stmt
	once  []cell.Raw // of slots computed once
	row   []cell.Raw // by slot
	seen  bool       // an identity was used
	Wrote bool       // the last row was written
}

// Begin prepares the insertion on a connection.
func (in *Inserter) Begin(x *Execution) (*Inserting, error) {
	w := &Inserting{Inserter: in, x: x, once: make([]cell.Raw, len(in.slots)), row: make([]cell.Raw, len(in.slots))}
	for i, sl := range in.slots {
		if sl.from == byOnce {
			r, err := x.Eval(sl.eval, sl.column.Type)
			if err != nil {
				return nil, err
			}
			w.once[i] = r
		}
	}
	st, err := x.Conn.Prepare(in.sql)
	w.st = st
	return w, err
}

// Close gives the statement back and stores how far the identity got.
func (w *Inserting) Close(err error) error {
	w.st.Release()
	if err == nil && w.seen {
		err = w.Shared().StoreIdentity(w.x.Conn, w.Table)
	}
	return err
}

// Eval computes a value of a type as a cell.
func (x *Execution) Eval(e plan.Eval, t sqltype.Type) (cell.Raw, error) {
	v, err := e(x.Frame)
	if err != nil {
		return cell.Raw{}, err
	}
	return cell.Encode(t, v)
}

// Add inserts a row of the source's cells, which are of the columns' types.
func (w *Inserting) Add(source []cell.Raw) error {
	for i := range w.slots {
		sl := &w.slots[i]
		r := cell.Raw{}
		var err error
		switch sl.from {
		case given:
			r = source[sl.given]
			if sl.column.Identity != nil {
				err = w.sawIdentity(sl.column, r)
			}
		case byOnce:
			r = w.once[i]
		case byDefault:
			r, err = w.x.Eval(sl.eval, sl.column.Type)
		case identity:
			r, err = w.nextIdentity(sl.column)
		case version:
			var n int64
			n, err = w.Shared().RowVersions(w.x.Conn, 1)
			r = versionCell(n)
		}
		if err == nil && sl.column == w.Table.RowID && r.Storage == cell.Null {
			err = msg.New(515, sl.column.Name, w.full, w.verb) // SQLite would make a number up
		}
		if err == nil {
			w.row[i] = r
			err = w.st.BindRaw(i+1, r)
		}
		if err != nil {
			return err
		}
	}
	w.Wrote = false
	err := w.st.Exec()
	if err == nil {
		w.Wrote = true
		w.x.Result.Rows++
		return w.x.check(w.Target, w.verb, w.x.Conn.LastInsertRowID())
	}
	return w.failed(err)
}

// failed names what a row broke. A duplicate that the index ignores is left out.
func (w *Inserting) failed(err error) error {
	var v *lite.Constraint
	if !errors.As(err, &v) {
		return err
	}
	if v.Kind == lite.ForeignKey {
		return w.x.Foreign(w.Target, w.verb, func() error { return w.st.Exec() })
	}
	if v.Kind == lite.Unique || v.Kind == lite.RowID {
		if b := w.unique(v); b != nil && b.ignoreDup && w.verb == "INSERT" {
			if len(w.x.Result.Messages) == 0 {
				w.x.Result.Messages = append(w.x.Result.Messages, msg.New(3604))
			}
			return nil
		}
	}
	return w.x.Violation(w.Target, w.verb, err, w.value)
}

// value is the cell of a column in the row at hand.
func (w *Inserting) value(c *schema.Column) (cell.Raw, bool) {
	if i, ok := w.place[c.ID]; ok {
		return w.row[i], true
	}
	return cell.Raw{}, c.Computed == nil
}

func versionCell(n int64) cell.Raw {
	return cell.Raw{Storage: cell.Blob, S: string(binary.BigEndian.AppendUint64(nil, uint64(n)))}
}

func (w *Inserting) nextIdentity(c *schema.Column) (cell.Raw, error) {
	var n int64
	var err error
	if w.seen {
		n, err = w.Shared().NextIdentity(w.x.Conn, w.Table)
	} else {
		n, err = w.Shared().IdentityRange(w.x.Conn, w.Table, 1)
	}
	if err != nil {
		return cell.Raw{}, err
	}
	w.used(n)
	if c.Type.Kind == sqltype.Decimal {
		return cell.Encode(c.Type, sqltype.DecimalFromInt(int(c.Type.Precision), n))
	}
	return cell.Raw{Storage: cell.Integer, I: n}, nil
}

// sawIdentity notes an identity that the statement gives.
func (w *Inserting) sawIdentity(c *schema.Column, r cell.Raw) error {
	n := r.I
	if r.Storage != cell.Integer {
		v, err := cell.Decode(c.Type, r)
		if err != nil || v.IsNull() {
			return err
		}
		neg, hi, lo := v.DecimalParts()
		if hi != 0 || lo >= 1<<63 {
			return nil // beyond what is counted
		}
		if n = int64(lo); neg {
			n = -n
		}
	}
	w.used(n)
	return w.Shared().SawIdentity(w.x.Conn, w.Table, n)
}

func (w *Inserting) used(n int64) {
	w.seen = true
	w.x.Result.HasIdentity = true
	w.x.Result.Identity = sqltype.DecimalFromInt(38, n)
}

// converter turns values of a client's or a procedure's rows into cells of columns.
type converter struct {
	t       *Target
	columns []*schema.Column
	format  convert.DateFormat
	types   []sqltype.Type // of the values
	out     []cell.Raw
}

// NewConverter checks that the types may be converted: messages 206 and 257.
func NewConverter(t *Target, columns []*schema.Column, types []sqltype.Type, env *fn.Env) (*converter, error) {
	for i, c := range columns {
		if types[i].Kind == sqltype.Null {
			continue
		}
		if err := convert.CheckImplicit(types[i], c.Type); err != nil {
			return nil, err
		}
	}
	return &converter{t: t, columns: columns, types: types, format: env.Settings.DateFormat, out: make([]cell.Raw, len(columns))}, nil
}

// Row converts a row. The result is used again.
func (k *converter) Row(vals []sqltype.Value) ([]cell.Raw, error) {
	for i, c := range k.columns {
		v := vals[i]
		if !v.IsNull() {
			var err error
			v, err = convert.Convert(v, k.types[i], c.Type, convert.Options{Store: true, Table: k.t.full, Column: c.Name, DateFormat: k.format})
			if err != nil {
				return nil, err
			}
		}
		r, err := cell.Encode(c.Type, v)
		if err != nil {
			return nil, err
		}
		k.out[i] = r
	}
	return k.out, nil
}
