package bound

import (
	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/token"
)

// Convert is the implied conversion of x to a type that is not narrower by declaration: of operands, arguments, branches. Errors are
// messages 206 and 257. Text keeps its collation.
func (b *Builder) Convert(x X, to sqltype.Type, pos token.Pos) (X, error) {
	to.Nullable = x.Type.Nullable
	if x.Type.Kind.IsText() && to.Kind.IsText() {
		to.Collation = x.Type.Collation
	}
	if x.Type == to {
		return x, nil
	}
	if x.Type.Kind == sqltype.Null {
		return b.typedNull(x, to), nil
	}
	if err := convert.CheckImplicit(x.Type, to); err != nil {
		return X{}, plan.At(err, pos)
	}
	if x.Label == Conflict && x.Type.Kind == sqltype.VarChar && to.Kind.IsText() && to.Kind != x.Type.Kind && !to.Kind.IsNational() {
		return X{}, plan.Fail(pos, 457, x.Type.Kind.String(), to.Kind.String(), x.Other.Collation.String(), x.Type.Collation.String(), "expression")
	}
	c, err := fn.Cast(ArgOf(x), to, fn.CastOptions{Implicit: true})
	if err != nil {
		return X{}, plan.At(err, pos)
	}
	return b.converted(x, to, c, pos)
}

// typedNull is NULL as another type.
func (b *Builder) typedNull(x X, to sqltype.Type) X {
	to.Nullable = true
	y := b.Constant(sqltype.NullValue, to)
	y.Flags = x.Flags
	return y
}

// converted puts a conversion call around x.
func (b *Builder) converted(x X, to sqltype.Type, c fn.Call, pos token.Pos) (X, error) {
	to.Nullable = c.Type.Nullable
	label, other := x.Label, x.Other
	wasText := x.Type.Kind.IsText()
	y, err := b.Call(c, []X{x}, pos)
	if err != nil {
		return X{}, err
	}
	if c.SQL == "$1" {
		y.SQL = x.SQL
		y.Column = x.Column
		if x.Column != nil && !keepsColumn(x.Type, to) {
			y.Column = nil
		}
	}
	if c.Eval == nil && c.SQL == "$1" && x.Eval != nil && y.Eval == nil {
		y.Eval = convertEval(x, to)
		if x.Const {
			if v, err := y.Eval(b.frame()); err == nil {
				z := b.Constant(v, to)
				z.Flags = x.Flags
				y = z
			}
		}
	}
	if !y.Const {
		y.Type = to
	} else {
		n := y.Type.Nullable
		y.Type = to
		y.Type.Nullable = n
	}
	if to.Kind.IsText() {
		if wasText {
			y.Label, y.Other = label, other
		} else {
			y.Label = Default
		}
	} else {
		y.Label = NoLabel
	}
	return y, nil
}

// keepsColumn reports that a bare column is still compared as SQLite's column after a conversion that changes nothing in its cell.
func keepsColumn(from, to sqltype.Type) bool { return cell.Collation(from) == cell.Collation(to) }

func convertEval(x X, to sqltype.Type) plan.Eval {
	eval, from := x.Eval, x.Type
	return func(f *plan.Frame) (sqltype.Value, error) {
		v, err := eval(f)
		if err != nil {
			return v, err
		}
		return convert.Convert(v, from, to, convert.Options{DateFormat: f.Env.Settings.DateFormat})
	}
}

// Cast is CAST, CONVERT and their TRY_ forms. style may be nil. Message 529.
func (b *Builder) Cast(x X, to sqltype.Type, style *X, try bool, pos token.Pos) (X, error) {
	if to.Kind.IsText() {
		if x.Type.Kind.IsText() {
			to.Collation = x.Type.Collation
		} else {
			to.Collation = b.Settings.Collation
		}
	}
	if x.Type.Kind == sqltype.Null {
		return b.typedNull(x, to), nil
	}
	args := []X{x}
	o := fn.CastOptions{Try: try}
	if style != nil {
		a := ArgOf(*style)
		o.Style = &a
		args = append(args, *style)
	}
	c, err := fn.Cast(ArgOf(x), to, o)
	if err != nil {
		return X{}, plan.At(err, pos)
	}
	if style == nil {
		return b.converted(x, to, c, pos)
	}
	y, err := b.Call(c, args, pos)
	if err != nil {
		return X{}, err
	}
	to.Nullable = c.Type.Nullable
	y.Type = to
	y.Label = NoLabel
	if to.Kind.IsText() {
		y.Label = Default
		if x.Type.Kind.IsText() {
			y.Label, y.Other = x.Label, x.Other
		}
	}
	return y, nil
}

// Assign converts a value to what a column or variable takes: messages 206 and 257 at once, what does not fit when it is computed. The
// result has exactly the target's type; its text is right to be stored.
func (b *Builder) Assign(x X, to Target, pos token.Pos) (X, error) {
	t := to.Type
	if x.Type.Kind == sqltype.Null {
		return b.typedNull(x, t), nil
	}
	if err := convert.CheckImplicit(x.Type, t); err != nil {
		return X{}, plan.At(err, pos)
	}
	nullable := x.Type.Nullable
	var c fn.Call
	var err error
	if to.Column != "" {
		c, err = fn.Store(ArgOf(x), t, to.Table, to.Column)
	} else {
		c, err = fn.Cast(ArgOf(x), t, fn.CastOptions{Implicit: true})
	}
	if err != nil {
		return X{}, plan.At(err, pos)
	}
	y, err := b.converted(x, t, c, pos)
	if err != nil {
		return X{}, err
	}
	y.Type = t
	y.Type.Nullable = nullable || t.Nullable
	if t.Kind.IsText() {
		y.Type.Collation = t.Collation
	}
	return y, nil
}
