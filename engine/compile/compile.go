package compile

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Query compiles a SELECT statement. Columns, types and flags are those that the client is told.
func Query(sc plan.Scope, s *ast.SelectStmt) (*plan.Plan, error) {
	return nil, plan.Unsupported("SELECT", s.Pos)
}

// Scalar compiles an expression that has no rows around it. Subqueries are allowed: then the result has a Plan.
func Scalar(sc plan.Scope, e ast.Expr) (*plan.Scalar, error) {
	return nil, plan.Unsupported("EXPRESSION", token.Pos{})
}

// Condition compiles a condition that has no rows around it, as a bit.
func Condition(sc plan.Scope, c ast.Condition) (*plan.Scalar, error) {
	return nil, plan.Unsupported("CONDITION", token.Pos{})
}

// Convert compiles an expression and its implied conversion to a type: DECLARE @x t = e, SET, an argument of a procedure. Errors are
// messages 206 and 257; text is cut silently, as variables do.
func Convert(sc plan.Scope, e ast.Expr, to Target) (*plan.Scalar, error) {
	return nil, plan.Unsupported("EXPRESSION", token.Pos{})
}

// Definition compiles a default, computed column or check of a table for SQLite's schema: columns are named without a table,
// everything is in the text (no parameters), subqueries and variables are refused (1046, 128). A check's X is a condition.
func Definition(sc plan.Scope, columns *plan.Object, e ast.Expr) (bound.X, error) {
	return bound.X{}, plan.Unsupported("EXPRESSION", token.Pos{})
}

// TypeOf is the type that a declaration names: messages 243, 2716 and those of sqltype.Type.Check. name is the column's or variable's, for
// messages.
func TypeOf(sc plan.Scope, t *ast.DataType, name string) (bound.Declared, error) {
	return bound.Declared{}, plan.Unsupported("TYPE", token.Pos{})
}
