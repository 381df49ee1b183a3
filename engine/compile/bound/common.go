package bound

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/tsql/token"
)

// Unify brings alternatives (branches of CASE, rows of VALUES, arms of UNION) to their common type. All of them NULL stay so: the caller
// decides. op is for message 468.
func (b *Builder) Unify(xs []X, op string, pos token.Pos) ([]X, error) {
	t, err := CommonType(xs, op, pos)
	if err != nil {
		return nil, err
	}
	out := make([]X, len(xs))
	for i, x := range xs {
		if out[i], err = b.As(x, t, pos); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Common is the type that alternatives take together, with its collation and label.
type Common struct {
	Type  sqltype.Type
	Label Label
	Other sqltype.Type
}

// CommonType finds the common type of alternatives: messages 206, 257 and 468.
func CommonType(xs []X, op string, pos token.Pos) (Common, error) {
	var acc X
	nullable := false
	for i, x := range xs {
		nullable = nullable || x.Type.Nullable || x.Type.Kind == sqltype.Null
		if i == 0 {
			acc = x
			continue
		}
		t, err := arith.Common(acc.Type, x.Type)
		if err != nil {
			return Common{}, plan.At(err, pos)
		}
		lbl, c, other, err := Merge(acc, x, op, pos)
		if err != nil {
			return Common{}, err
		}
		acc = withCollation(X{Type: t}, lbl, c, other)
	}
	acc.Type.Nullable = nullable
	return Common{acc.Type, acc.Label, acc.Other}, nil
}

// As converts x to a common type.
func (b *Builder) As(x X, c Common, pos token.Pos) (X, error) {
	y, err := b.Convert(x, c.Type, pos)
	if err != nil {
		return X{}, err
	}
	y.Type.Collation = c.Type.Collation
	y.Label, y.Other = c.Label, c.Other
	if !x.Const || x.Type.Kind != sqltype.Null {
		y.Type.Nullable = x.Type.Nullable
	}
	return y, nil
}
