package query

import (
	"context"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// Declare is DECLARE: the variables are there since the frame began; now they get their values.
func (s *Runner) Declare(ctx context.Context, f *scope.Frame, st *ast.Declare) error {
	for _, d := range st.Variables {
		if err := ctx.Err(); err != nil { // an attention ends a long list
			return err
		}
		v := f.Find(d.Name)
		if v == nil || v.Decl != d {
			return raise.New(134, d.Name)
		}
		if err := s.Define.Resolve(ctx, f, v); err != nil {
			return err
		}
		if d.Value == nil {
			continue
		}
		x, err := s.converted(ctx, f, d.Value, v)
		if err != nil {
			return err
		}
		v.Value = x
	}
	s.Warn(f)
	return nil
}

// Set is SET @v = expression.
func (s *Runner) Set(ctx context.Context, f *scope.Frame, st *ast.SetVariable) error {
	if st.Method != nil {
		return raise.Unsupported("SET @variable.method")
	}
	v := f.Find(st.Name)
	if v == nil {
		return raise.NotDeclared(st.Name)
	}
	if err := s.Define.Resolve(ctx, f, v); err != nil {
		return err
	}
	if v.Table != nil {
		return raise.NotDeclared(st.Name)
	}
	x := st.Value
	if st.Op != "=" {
		x = &ast.Binary{Op: strings.TrimSuffix(st.Op, "="), L: &ast.Variable{Name: st.Name}, R: st.Value}
		val, t, err := s.Eval(ctx, f, x)
		if err == nil {
			v.Value, err = s.Fit(val, t, v.Type)
		}
		if err != nil {
			return err
		}
		s.Warn(f)
		s.Answer.Quiet(1)
		return nil
	}
	val, err := s.converted(ctx, f, x, v)
	if err != nil {
		return err
	}
	v.Value = val
	s.Warn(f)
	s.Answer.Quiet(1)
	return nil
}

// Assign sets a declared variable to a value of a type.
func (s *Runner) Assign(f *scope.Frame, name string, v sqltype.Value, t sqltype.Type) error {
	x := f.Find(name)
	if x == nil || !x.Known {
		return raise.NotDeclared(name)
	}
	n, err := s.Fit(v, t, x.Type)
	if err != nil {
		return err
	}
	x.Value = n
	return nil
}

// Fit converts a value to a variable's type; what is too long is cut.
func (s *Runner) Fit(v sqltype.Value, from, to sqltype.Type) (sqltype.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	if err := convert.CheckImplicit(from, to); err != nil {
		return v, err
	}
	return convert.Convert(v, from, to, convert.Options{DateFormat: s.Work.Set.DateFormat})
}

// scalarKey finds a compiled expression in its unit.
type scalarKey struct {
	node ast.Expr
	set  plan.Settings
	to   sqltype.Type
	as   uint8 // 0 plain, 1 condition, 2 converted
}

// scalar compiles an expression or finds it compiled. The work is finished by compute.
func (s *Runner) scalar(w *work.Statement, k scalarKey, v *scope.Variable) (*plan.Scalar, error) {
	if x, ok := w.Frame.Unit.Plan(k).(*plan.Scalar); ok {
		return x, nil
	}
	var x *plan.Scalar
	var err error
	switch k.as {
	case 1:
		x, err = compile.Condition(w, k.node.(ast.Condition))
	case 2:
		x, err = compile.Convert(w, k.node, compile.Target{Type: v.Type})
	default:
		x, err = compile.Scalar(w, k.node)
	}
	if err == nil {
		if err = work.SequenceRules(x.Uses, k.node); err == nil && x.Plan != nil {
			err = work.SequenceRules(x.Plan.Uses, k.node)
		}
	}
	if err != nil {
		return nil, raise.Bind(err)
	}
	if x.Eval != nil && len(w.Versions) == 0 {
		w.Frame.Unit.Keep(k, x)
	}
	return x, nil
}

// compute computes a compiled expression. what is what a query in it runs as.
func (s *Runner) compute(w *work.Statement, x *plan.Scalar) (sqltype.Value, error) {
	if x.Eval != nil {
		if len(x.Uses) > 0 {
			if err := s.Actor.Allowed(w.Frame, x.Uses, nil); err != nil {
				return sqltype.NullValue, err
			}
		}
		s.Work.StatementEnv()
		return x.Eval(s.planFrame(w.Ctx, w.Frame))
	}
	if err := w.Ready(x.Plan.Objects, w.Views); err != nil {
		return sqltype.NullValue, err
	}
	if err := s.Actor.Allowed(w.Frame, x.Plan.Uses, x.Plan.Objects); err != nil {
		return sqltype.NullValue, err
	}
	var out sqltype.Value
	n := 0
	err := s.Run(w, x.Plan, func(row []sqltype.Value) error {
		if n++; n > 1 {
			return raise.New(512)
		}
		out = row[0]
		return nil
	})
	return out, err
}

func (s *Runner) value(ctx context.Context, f *scope.Frame, k scalarKey, v *scope.Variable) (sqltype.Value, sqltype.Type, error) {
	w := s.Work.Begin(ctx, f)
	k.set = w.Set
	x, err := s.scalar(w, k, v)
	if err != nil {
		return sqltype.NullValue, sqltype.Type{}, w.Finish(err)
	}
	val, err := s.compute(w, x)
	return val, x.Type, w.Finish(err)
}

// Eval computes an expression.
func (s *Runner) Eval(ctx context.Context, f *scope.Frame, x ast.Expr) (sqltype.Value, sqltype.Type, error) {
	switch x := x.(type) {
	case *ast.Literal:
		if v, t, ok := constant(x); ok {
			return v, t, nil
		}
	case *ast.Variable:
		if len(x.Name) > 1 && x.Name[1] != '@' {
			v := f.Find(x.Name)
			if v == nil || v.Decl != nil && v.Decl.Cursor {
				return sqltype.NullValue, sqltype.Type{}, raise.NotDeclared(x.Name)
			}
			err := s.Define.Resolve(ctx, f, v)
			if err == nil && v.Table != nil {
				err = raise.NotDeclared(x.Name)
			}
			return v.Value, v.Type, err
		}
	case *ast.Word:
		return sqltype.NewText(sqltype.NVarChar, x.Text), sqltype.Sized(sqltype.NVarChar, max(1, len(x.Text))), nil
	}
	return s.value(ctx, f, scalarKey{node: x}, nil)
}

// converted computes an expression in a variable's type.
func (s *Runner) converted(ctx context.Context, f *scope.Frame, x ast.Expr, v *scope.Variable) (sqltype.Value, error) {
	val, _, err := s.value(ctx, f, scalarKey{node: x, as: 2, to: v.Type}, v)
	return val, err
}

// Converted computes an expression in a variable's type, and does not set the variable.
func (s *Runner) Converted(ctx context.Context, f *scope.Frame, x ast.Expr, v *scope.Variable) (sqltype.Value, error) {
	return s.converted(ctx, f, x, v)
}

// Condition computes a condition; unknown is false.
func (s *Runner) Condition(ctx context.Context, f *scope.Frame, _ ast.Statement, c ast.Condition) (bool, error) {
	v, _, err := s.value(ctx, f, scalarKey{node: c, as: 1}, nil)
	return v.Bool() || v.Kind() != sqltype.Bit && v.Int() != 0, err
}

// Integer computes an expression as an int.
func (s *Runner) Integer(ctx context.Context, f *scope.Frame, x ast.Expr) (int64, error) {
	v, t, err := s.Eval(ctx, f, x)
	if err != nil {
		return 0, err
	}
	v, err = s.Fit(v, t, sqltype.Of(sqltype.Int))
	return v.Int(), err
}

// constant is the value of the simplest constants.
func constant(l *ast.Literal) (sqltype.Value, sqltype.Type, bool) {
	switch l.Kind {
	case ast.NullLit:
		return sqltype.NullValue, sqltype.Type{Nullable: true}, true
	case ast.IntLit:
		v, err := convert.Convert(text(l.Text), sqltype.SysName(), sqltype.Of(sqltype.Int), convert.Options{})
		return v, sqltype.Of(sqltype.Int), err == nil
	case ast.StringLit, ast.NStringLit:
		k := sqltype.VarChar
		if l.Kind == ast.NStringLit {
			k = sqltype.NVarChar
		}
		n := len([]rune(l.Text))
		if n > 4000 {
			n = sqltype.Max
		}
		if n != sqltype.Max {
			n = max(n, 1)
		}
		return sqltype.NewText(k, l.Text), sqltype.Sized(k, n), true
	}
	return sqltype.NullValue, sqltype.Type{}, false
}

// FitParameter converts an argument to its parameter's type: message 8114 if it does not convert.
func (s *Runner) FitParameter(a *argument.Arg, to sqltype.Type) (sqltype.Value, error) {
	if a.Value.IsNull() {
		return a.Value, nil
	}
	from := a.Type
	if err := convert.CheckImplicit(from, to); err != nil {
		return a.Value, err
	}
	v, err := convert.Convert(a.Value, from, to, convert.Options{DateFormat: s.Work.Set.DateFormat})
	if err != nil {
		return v, sqltype.NewError(8114, from.Kind.MessageName(), to.Kind.MessageName())
	}
	return v, nil
}

// Text computes an expression as text; NULL is "".
func (s *Runner) Text(ctx context.Context, f *scope.Frame, x ast.Expr, limit int) (string, error) {
	v, t, err := s.Eval(ctx, f, x)
	if err != nil || v.IsNull() {
		return "", err
	}
	v, err = convert.Convert(v, t, sqltype.Sized(sqltype.NVarChar, limit), convert.Options{DateFormat: s.Work.Set.DateFormat})
	return v.Text(), err
}

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
