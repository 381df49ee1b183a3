package bound

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/token"
)

// Merge is the label and collation of two operands together: collation precedence. Two explicit ones that differ are message 468; two
// implicit ones give Conflict, which is an error where the collation is needed. op is how the message calls the operation.
func Merge(l, r X, op string, pos token.Pos) (lbl Label, c, other collation.Collation, err error) {
	lt, rt := l.Type.Kind.IsText() && l.Label != NoLabel, r.Type.Kind.IsText() && r.Label != NoLabel
	switch {
	case !lt && !rt:
		return NoLabel, c, c, nil
	case !rt:
		return l.Label, l.Type.Collation, l.Other.Collation, nil
	case !lt:
		return r.Label, r.Type.Collation, r.Other.Collation, nil
	}
	lc, rc := l.Type.Collation, r.Type.Collation
	switch {
	case l.Label == Explicit && r.Label == Explicit && lc != rc:
		return 0, c, c, plan.Fail(pos, 468, rc.String(), lc.String(), op)
	case l.Label == Explicit:
		return Explicit, lc, c, nil
	case r.Label == Explicit:
		return Explicit, rc, c, nil
	case l.Label == Conflict:
		return Conflict, lc, l.Other.Collation, nil
	case r.Label == Conflict:
		return Conflict, rc, r.Other.Collation, nil
	case l.Label == Implicit && r.Label == Implicit && lc != rc:
		return Conflict, lc, rc, nil
	case l.Label >= r.Label:
		return l.Label, lc, c, nil
	}
	return r.Label, rc, c, nil
}

// withCollation gives x the outcome of a Merge.
func withCollation(x X, lbl Label, c, other collation.Collation) X {
	if !x.Type.Kind.IsText() {
		x.Label = NoLabel
		return x
	}
	if lbl == NoLabel {
		lbl = Default
	}
	x.Label, x.Type.Collation, x.Other = lbl, c, sqltype.Type{Collation: other}
	return x
}

// Resolved refuses an expression whose collation is needed and in conflict: message 468.
func Resolved(x X, op string, pos token.Pos) error {
	if x.Label != Conflict {
		return nil
	}
	return plan.Fail(pos, 468, x.Other.Collation.String(), x.Type.Collation.String(), op)
}
