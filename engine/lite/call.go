package lite

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"unsafe"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/fn"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
)

// view8 is the bytes as a string, without a copy: for as long as SQLite keeps them.
func view8(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// site is a parsed specification.
type site struct {
	call fn.Call
	args []sqltype.Value // reused by each call: no function keeps its arguments
	busy bool
}

// site finds the parsed form of a specification, the first argument of each of our functions.
func (c *Conn) site(ctx sqlite3.Context, spec sqlite3.Value) (*site, error) {
	if s, ok := ctx.GetAuxData(0).(*site); ok {
		return s, nil
	}
	text := spec.RawText()
	s := c.sites[view8(text)]
	if s == nil {
		call, err := fn.Parse(string(text))
		if err != nil {
			return nil, err
		}
		s = &site{call: call, args: make([]sqltype.Value, len(call.Params))}
		if len(c.sites) >= maxSites {
			clear(c.sites)
		}
		c.sites[string(text)] = s
	}
	ctx.SetAuxData(0, s)
	return s, nil
}

// errArgs means that the number of arguments is not that of the specification.
var errArgs = errors.New("arguments and specification do not fit")

// read fills the values of arguments.
func (s *site) read(into []sqltype.Value, args []sqlite3.Value) error {
	if len(args) != len(s.call.Params) {
		return fmt.Errorf("%s with %d arguments: %w", s.call.Spec, len(args), errArgs)
	}
	for i, a := range args {
		var err error
		if into[i], err = cell.FromArg(a, s.call.Params[i]); err != nil {
			return err
		}
	}
	return nil
}

// eliminated notes that an aggregate skips NULL, and is NULL.
func (c *Conn) eliminated(sqlite3.Context, ...sqlite3.Value) { c.env.Eliminated = true }

// scalar is lk and lkv.
func (c *Conn) scalar(ctx sqlite3.Context, args ...sqlite3.Value) {
	if len(args) == 0 {
		c.fail(ctx, errArgs)
		return
	}
	s, err := c.site(ctx, args[0])
	if err != nil {
		c.fail(ctx, err)
		return
	}
	if s.call.Eval == nil {
		c.fail(ctx, fmt.Errorf("%s: %w", s.call.Spec, errArgs))
		return
	}
	values := s.args
	if s.busy { // a call within a call of the same kind: a function that runs SQL
		values = make([]sqltype.Value, len(s.args))
	} else {
		s.busy = true
		defer func() { s.busy = false }()
	}
	defer c.barrier(ctx, s)
	if err := s.read(values, args[1:]); err != nil {
		c.fail(ctx, err)
		return
	}
	if err := c.ask(values); err != nil {
		c.fail(ctx, err)
		return
	}
	v, err := s.call.Eval(c.ctx, c.env, values)
	if err != nil {
		if c.env.Settings.NoArithAbort && isArithmetic(err) {
			ctx.ResultNull()
			return
		}
		c.fail(ctx, err)
		return
	}
	c.result(ctx, s.call.Type, v)
}

// ask sees to it that there is room for what a call of large values makes of them: mostly something of their size.
func (c *Conn) ask(values []sqltype.Value) error {
	n := 0
	for _, v := range values {
		n += len(v.Text()) // of all kinds that have a size, bytes too
	}
	if err := c.hold(n); err != nil || n < room.Large {
		return err
	}
	return room.Ask(c.ctx, min(n, room.Largest))
}

// barrier makes a panic in a function, a fault of ours, an error of the one statement. SQLite is in order: it waits for a result.
func (c *Conn) barrier(ctx sqlite3.Context, s *site) {
	if p := recover(); p != nil {
		if err, ok := p.(error); ok && cell.OutOfMemory(err) {
			c.swollen = true
			c.fail(ctx, room.NoMemory())
			return
		}
		c.fail(ctx, fmt.Errorf("panic in %s: %v\n%s", s.call.Spec, p, debug.Stack()))
	}
}

// result gives SQLite a value.
func (c *Conn) result(ctx sqlite3.Context, t sqltype.Type, v sqltype.Value) {
	r, err := cell.Encode(t, v)
	if err != nil {
		c.fail(ctx, err)
		return
	}
	if err := c.hold(len(v.Text())); err != nil {
		c.fail(ctx, err)
		return
	}
	cell.ResultRaw(ctx, r)
}

func isArithmetic(err error) bool {
	var e *sqltype.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case 220, 232, 8115, 8134, 3623:
		return true
	}
	return false
}

// fail makes the statement end with an error, which Err finds again.
func (c *Conn) fail(ctx sqlite3.Context, err error) { ctx.ResultError(c.keep(err)) }

// failure is an error of a call, and what stands for it in SQLite's message.
type failure struct {
	err error
	tag string
}

const maxFailed = 8

// keep remembers an error and makes the one to give to SQLite.
func (c *Conn) keep(err error) error {
	c.failures++
	tag := "lk error " + strconv.FormatUint(c.failures, 10) + ";"
	if len(c.failed) == maxFailed {
		c.failed = c.failed[1:]
	}
	c.failed = append(c.failed, failure{err, tag}) // the result of an aggregate that failed is asked for still, and fails too
	return errors.New(tag)
}

// aggregate is lk_agg over one group or frame.
type aggregate struct {
	conn   *Conn
	site   *site
	state  fn.Accumulator
	values []sqltype.Value
}

func (c *Conn) newAggregate() sqlite3.AggregateFunction { return &aggregate{conn: c} }

func (a *aggregate) step(ctx sqlite3.Context, args []sqlite3.Value, remove bool) {
	err := a.try(ctx, args, remove)
	if err != nil {
		a.conn.fail(ctx, err)
	}
}

func (a *aggregate) try(ctx sqlite3.Context, args []sqlite3.Value, remove bool) error {
	if len(args) == 0 {
		return errArgs
	}
	if a.site == nil {
		s, err := a.conn.site(ctx, args[0])
		if err != nil {
			return err
		}
		if s.call.Accumulate == nil {
			return fmt.Errorf("%s: %w", s.call.Spec, errArgs)
		}
		a.site, a.state = s, s.call.Accumulate()
		a.values = make([]sqltype.Value, len(s.call.Params))
	}
	defer a.conn.barrier(ctx, a.site)
	if err := a.site.read(a.values, args[1:]); err != nil {
		return err
	}
	if remove {
		return a.state.Remove(a.values)
	}
	return a.state.Add(a.values)
}

// Step adds a row.
func (a *aggregate) Step(ctx sqlite3.Context, args ...sqlite3.Value) { a.step(ctx, args, false) }

// Inverse removes a row.
func (a *aggregate) Inverse(ctx sqlite3.Context, args ...sqlite3.Value) { a.step(ctx, args, true) }

// Value is the result; NULL over no rows.
func (a *aggregate) Value(ctx sqlite3.Context) {
	if a.state == nil {
		ctx.ResultNull()
		return
	}
	defer a.conn.barrier(ctx, a.site)
	v, err := a.state.Value()
	switch {
	case err == nil:
		a.conn.result(ctx, a.site.call.Type, v)
	case a.conn.env.Settings.NoArithAbort && isArithmetic(err):
		ctx.ResultNull()
	default:
		a.conn.fail(ctx, err)
	}
}
