package row

import (
	"context"
	"errors"
	"fmt"

	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
)

// Execution is one run under way.
type Execution struct {
	Run
	ctx    context.Context //nolint:containedctx // of the one call of Plan.Run that it lives for
	Frame  *plan.Frame
	Result Result
	// left is how many rows SET ROWCOUNT still allows; below 0 without it.
	Left int64
}

// NewExecution begins a run.
func NewExecution(ctx context.Context, r Run) *Execution {
	x := &Execution{Run: r, ctx: ctx, Frame: &plan.Frame{Context: ctx, Env: r.Conn.Env(), Variables: r.Variables}, Left: -1}
	if r.RowCount > 0 {
		x.Left = r.RowCount
	}
	return x
}

// Take counts a row against SET ROWCOUNT; false when there is no more to take.
func (x *Execution) Take() bool {
	if x.Left == 0 {
		return false
	}
	if x.Left > 0 {
		x.Left--
	}
	return true
}

// Atomic runs f inside a savepoint: all of it or nothing.
func (x *Execution) Atomic(f func() error) error {
	if err := x.Do("SAVEPOINT latchkey_write"); err != nil {
		return err
	}
	err := f()
	if err != nil {
		// A full disk or an interrupt may have ended the transaction, and with it the savepoint.
		if !x.Conn.GetAutocommit() {
			err = errors.Join(err, x.Do("ROLLBACK TO latchkey_write"), x.Do("RELEASE latchkey_write"))
		}
		return single(err)
	}
	return x.Do("RELEASE latchkey_write")
}

// Nested is a savepoint inside that of the statement.
func (x *Execution) Nested(f func() error) error {
	if err := x.Do("SAVEPOINT latchkey_pass"); err != nil {
		return err
	}
	err := f()
	if err != nil && !x.Conn.GetAutocommit() {
		return single(errors.Join(err, x.Do("ROLLBACK TO latchkey_pass"), x.Do("RELEASE latchkey_pass")))
	}
	if err != nil {
		return err
	}
	return x.Do("RELEASE latchkey_pass")
}

// single is the one error of a join of one.
func single(err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		if l := j.Unwrap(); len(l) == 1 && err.Error() == l[0].Error() {
			return l[0]
		}
	}
	return err
}

// Do runs SQL without parameters or results.
func (x *Execution) Do(sql string) error {
	st, err := x.Conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	return st.Exec()
}

// Open prepares a plan's statement and gives it its parameters.
func (x *Execution) Open(p *plan.Plan) (*lite.Stmt, error) {
	values, err := p.Bind(x.Frame)
	if err != nil {
		return nil, err
	}
	st, err := x.Conn.Prepare(p.SQL)
	if err != nil {
		return nil, fmt.Errorf("preparing a statement: %w", err)
	}
	for i, v := range values {
		if err := st.Bind(i+1, p.Params[i].Type, v); err != nil {
			st.Release()
			return nil, err
		}
	}
	return st, nil
}

// Each calls row for each row of a plan with its cells. The slice is used again.
func (x *Execution) Each(p *plan.Plan, row func([]cell.Raw) error) error {
	st, err := x.Open(p)
	if err != nil {
		return err
	}
	defer st.Release()
	raws := make([]cell.Raw, st.ColumnCount())
	for st.Step() {
		for i := range raws {
			raws[i] = rawColumn(st, i)
		}
		if err := row(raws); err != nil {
			return err
		}
	}
	return st.Err()
}

// rawColumn is a cell of the current row. It copies.
func rawColumn(st *lite.Stmt, i int) cell.Raw {
	switch st.ColumnType(i) {
	case integerType:
		return cell.Raw{Storage: cell.Integer, I: st.ColumnInt64(i)}
	case floatType:
		return cell.Raw{Storage: cell.Real, F: st.ColumnFloat(i)}
	case textType:
		return cell.Raw{Storage: cell.Text, S: string(st.ColumnRawText(i))}
	case blobType:
		return cell.Raw{Storage: cell.Blob, S: string(st.ColumnRawBlob(i))}
	}
	return cell.Raw{}
}

// ErrEnough ends a loop when SET ROWCOUNT is reached.
var ErrEnough = errors.New("enough rows")
